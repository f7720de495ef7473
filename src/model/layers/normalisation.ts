/** What normalising layers share. */
import { z } from "zod";
import type { Node } from "../../graph/index.js";
import type { Scope } from "../scope.js";

export const epsilon = z.number().positive().default(1e-5).describe("Added to the variance.");

/** (x − μ)/√(biased variance + ε) over `axes`. */
export function standardise({ b }: Scope, x: Node, axes: readonly number[], epsilon: number): Node {
  const share = 1 / axes.reduce((size, axis) => size * (x.shape[axis] as number), 1);
  const centred = b.sub(x, b.scale(b.sum(x, axes), share));
  const variance = b.scale(b.sum(b.mul(centred, centred), axes), share);
  return b.div(centred, b.sqrt(b.add(variance, b.constant(epsilon))));
}

/** x·gain + shift along one axis, trained from 1 and 0. */
export function rescale(scope: Scope, x: Node, axis: number): Node {
  const { b } = scope;
  const length = x.shape[axis] as number;
  const along = x.shape.map((_, i) => (i === axis ? length : 1));
  const gain = scope.parameter("weight", [length], { kind: "constant", value: 1 });
  const shift = scope.parameter("bias", [length], { kind: "constant", value: 0 });
  return b.add(b.mul(x, b.reshape(gain, along)), b.reshape(shift, along));
}
