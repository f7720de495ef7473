/** Pre-activations of a few entries, by a forward pass over their samples alone. */
import type { Program } from "../../engine/index.js";
import { sizeOf } from "../../graph/index.js";
import { batchFamily } from "../../model/index.js";
import type { Problem } from "../problem.js";
import type { Kinks } from "./kinks.js";

/** Samples of one pass. */
const ROWS = 8;
/** Samples of a problem of which so few are much less than all. */
const LEAST_SAMPLES = 3 * ROWS;

/** z of the entries, in their order, under the pieces; null where that takes a pass over all samples. */
export type ZOf = (
  theta: Float64Array,
  pieces: Float64Array,
  entries: readonly number[],
) => Promise<Float64Array | null>;

export function createZOf(problem: Problem, kinks: Kinks): ZOf {
  const { family, data } = problem;
  const { samples, sites, network } = family;
  if (network.coupled || samples < LEAST_SAMPLES) return async () => null;
  let made: Promise<{ program: Program; inputs: Record<string, Float64Array>; z: Float64Array }> | null =
    null;
  const make = async () => {
    const few = batchFamily(family, ROWS);
    const program = await problem.compile(few.preactivations("locked"), {});
    const given = program.graph.inputs.filter(({ attributes }) => attributes.name !== "theta");
    const inputs = given.map(({ attributes: { name }, shape }) => [name, new Float64Array(sizeOf(shape))]);
    return { program, inputs: Object.fromEntries(inputs), z: new Float64Array(few.entries) };
  };
  return async (theta, pieces, entries) => {
    const places = entries.map((entry) => kinks.place(entry));
    const rows = [...new Set(places.map(({ sample }) => sample))];
    if (rows.length > ROWS) return null;
    if (rows.length === 0) return new Float64Array(0);
    made ??= make();
    const { program, inputs, z } = await made;
    for (const [name, buffer] of Object.entries(inputs)) {
      if (name !== "pieces") copyRows(data[name]!, 0, buffer, 0, buffer.length / ROWS, rows);
      else
        for (const { offset, units } of sites)
          copyRows(pieces, samples * offset, buffer, ROWS * offset, units, rows);
    }
    await program.run({ theta, ...inputs }, { z });
    return Float64Array.from(places, ({ layer, sample, unit }) => {
      const { offset, units } = sites[layer - 1]!;
      return z[ROWS * offset + rows.indexOf(sample) * units + unit] as number;
    });
  };
}

/** Rows of a table that begins at `at`, into one that begins at `to`. */
function copyRows(
  from: Float64Array,
  at: number,
  into: Float64Array,
  to: number,
  width: number,
  rows: readonly number[],
): void {
  rows.forEach((row, r) => {
    into.set(from.subarray(at + row * width, at + (row + 1) * width), to + r * width);
  });
}
