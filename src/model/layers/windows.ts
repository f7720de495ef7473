/** Sliding windows over one or two axes: where each window stands and which entries it sees. Zeros lie outside. */
import { z } from "zod";
import type { Windows } from "../../graph/index.js";
import type { Scope } from "../scope.js";
import { count } from "./define.js";

/** Per axis. */
export interface WindowSpec {
  readonly kernel: readonly number[];
  /** Distance between entries of a window; default 1. */
  readonly dilation?: readonly number[];
  readonly stride: readonly number[];
  readonly before: readonly number[];
  readonly after: readonly number[];
}

export interface WindowTable {
  readonly windows: Windows;
  /** Whether `windows` says all of them: not where they are dilated. */
  readonly isPlain: boolean;
  /** Index into the flattened axes for [kernel position, place], −1 outside. */
  readonly indices: Int32Array;
}

/** Of an index list: 512 MiB of them. */
const MAX_INDICES = 2 ** 27;

/** @throws LayerError where an index list would take too much memory */
export function checkIndices(scope: Scope, indices: number, what: string): void {
  if (indices > MAX_INDICES)
    scope.fail(`${what} take a list of ${indices} numbers; ${MAX_INDICES} is the most. Make sizes smaller`);
}

/** @throws LayerError where no window fits, or too many do */
export function windowsOver(scope: Scope, sizes: readonly number[], spec: WindowSpec): WindowTable {
  const dilation = spec.dilation ?? sizes.map(() => 1);
  const places = sizes.map((size, axis) => {
    const padded = size + spec.before[axis]! + spec.after[axis]!;
    const room = padded - (spec.kernel[axis]! - 1) * dilation[axis]! - 1;
    if (room < 0)
      scope.fail(
        `a window of ${spec.kernel.join(" × ")} does not fit into ${sizes.join(" × ")}${padded > size ? " with its padding" : ""}; make it smaller or pad more`,
      );
    return Math.floor(room / spec.stride[axis]!) + 1;
  });
  const kernel = product(spec.kernel);
  const everywhere = product(places);
  checkIndices(
    scope,
    kernel * everywhere,
    `windows of ${spec.kernel.join(" × ")} at ${places.join(" × ")} places`,
  );
  const indices = new Int32Array(kernel * everywhere);
  for (let k = 0, at = 0; k < kernel; k++) {
    const inside = unravel(k, spec.kernel);
    for (let w = 0; w < everywhere; w++, at++) {
      const corner = unravel(w, places);
      let index = 0;
      for (let axis = 0; axis < sizes.length; axis++) {
        const i = corner[axis]! * spec.stride[axis]! + inside[axis]! * dilation[axis]! - spec.before[axis]!;
        if (i < 0 || i >= sizes[axis]!) {
          index = -1;
          break;
        }
        index = index * sizes[axis]! + i;
      }
      indices[at] = index;
    }
  }
  const { before, stride } = spec;
  const isPlain = dilation.every((distance) => distance === 1);
  return { windows: { sizes, kernel: spec.kernel, stride, before, places }, isPlain, indices };
}

/** Two axes, or one length for both. */
export const size2d = z.union([count, z.tuple([count, count])]);
export const pair = (value: number | readonly [number, number]): readonly [number, number] =>
  typeof value === "number" ? [value, value] : value;

export const padding = z
  .union([z.int().nonnegative(), z.literal("same")])
  .default(0)
  .describe("Zeros on each side, or `same`: as many as keep the size at stride 1 (the odd one after).");

/** Zeros before and after on one axis. `same` follows PyTorch: the smaller half before. */
export function paddingOf(given: number | "same", kernel: number): readonly [number, number] {
  if (given !== "same") return [given, given];
  const before = Math.floor((kernel - 1) / 2);
  return [before, kernel - 1 - before];
}

export const product = (values: readonly number[]): number => values.reduce((p, q) => p * q, 1);

function unravel(index: number, shape: readonly number[]): number[] {
  const out = new Array<number>(shape.length);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    out[axis] = index % shape[axis]!;
    index = Math.floor(index / shape[axis]!);
  }
  return out;
}
