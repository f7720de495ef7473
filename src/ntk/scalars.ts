/** Which scalars of a network a kernel is taken of, and the inputs by which the graphs of model/tangent.ts name them. */
import type { Tensors } from "../engine/index.js";
import type { Family } from "../model/index.js";

/** The state at which a kernel is taken. */
export interface KernelState {
  readonly theta: Float64Array;
  /** Piece of every entry, as the flow holds it; null where it is read off the pre-activations. */
  readonly pieces: Float64Array | null;
  /** Entries that slide: the flow moves only so that they stay on their boundary, and so does this kernel. */
  readonly held: readonly number[];
}

/** Scalars are counted over all hidden pre-activations, as entries of a family are, then over all outputs. */
export function outputScalars({ samples, spec }: Family): number[] {
  const first = samples * hiddenUnits(spec.hidden);
  return Array.from({ length: samples * spec.outputDimension }, (_, k) => first + k);
}

export function hiddenUnits(hidden: readonly number[]): number {
  return hidden.reduce((sum, width) => sum + width, 0);
}

/** Where a scalar stands: its sample, and its place in a row of `seeds` of that sample. */
function place(family: Family, scalar: number): { sample: number; column: number } {
  const { samples, spec } = family;
  let start = 0;
  let column = 0;
  for (const width of [...spec.hidden, spec.outputDimension]) {
    if (scalar < start + samples * width) {
      const within = scalar - start;
      return { sample: Math.floor(within / width), column: column + (within % width) };
    }
    start += samples * width;
    column += width;
  }
  throw new RangeError(`tangent kernel: scalar ${scalar} is not among the ${start} of this network.`);
}

/**
 * Fills the inputs of a graph over `capacity` scalars; those beyond `scalars` get zero seeds, hence zero rows.
 * @param entries further inputs, one number for every pre-activation entry: the pieces, where the activation has any
 */
export function fillInputs(
  family: Family,
  data: Tensors,
  scalars: readonly number[],
  capacity: number,
  entries: Readonly<Record<string, Float64Array>>,
): Record<string, Float64Array> {
  const { samples, spec } = family;
  const units = hiddenUnits(spec.hidden);
  const perSample = units + spec.outputDimension;
  if (spec.kind === "gcn") {
    const width = samples * perSample;
    const seeds = new Float64Array(capacity * width);
    scalars.forEach((scalar, k) => {
      seeds[k * width + scalar] = 1;
    });
    return { seeds, ...entries };
  }
  const N = spec.inputDimension;
  const x = new Float64Array(capacity * N);
  const seeds = new Float64Array(capacity * perSample);
  const own = Object.entries(entries).map(
    ([name, all]) => [name, all, new Float64Array(capacity * units)] as const,
  );
  const inputs = data["x"] as Float64Array;
  scalars.forEach((scalar, k) => {
    const { sample, column } = place(family, scalar);
    x.set(inputs.subarray(sample * N, (sample + 1) * N), k * N);
    seeds[k * perSample + column] = 1;
    let start = 0;
    let to = k * units;
    for (const width of spec.hidden) {
      const from = start + sample * width;
      for (const [, all, part] of own) part.set(all.subarray(from, from + width), to);
      start += samples * width;
      to += width;
    }
  });
  return { x, seeds, ...Object.fromEntries(own.map(([name, , part]) => [name, part])) };
}
