/** Which scalars of a network a kernel is taken of, and the inputs by which the graphs of model/tangent.ts name them. */
import type { Tensors } from "../engine/index.js";
import { sizeOf } from "../graph/index.js";
import { type Family, placeOf } from "../model/index.js";

/** The state at which a kernel is taken. */
export interface KernelState {
  readonly theta: Float64Array;
  /** Piece of every entry, as the flow holds it; null where it is read off the pre-activations. */
  readonly pieces: Float64Array | null;
  /** Entries that slide: the flow moves only so that they stay on their boundary, and so does this kernel. */
  readonly held: readonly number[];
}

/** Scalars are counted over all pre-activations, as entries of a family are, then over all outputs. */
export function outputScalars({ samples, network, entries }: Family): number[] {
  return Array.from({ length: samples * network.outputs }, (_, k) => entries + k);
}

/** Where a scalar stands: its sample, and its place in a row of `seeds` of that sample. */
function place(family: Family, scalar: number): { sample: number; column: number } {
  const { samples, network, entries, sites } = family;
  if (scalar < entries) {
    const { site, sample, unit } = placeOf(family, scalar);
    return { sample, column: sites[site]!.offset + unit };
  }
  const within = scalar - entries;
  const sample = Math.floor(within / network.outputs);
  if (sample >= samples)
    throw new RangeError(`tangent kernel: scalar ${scalar} is not among those of this network.`);
  return { sample, column: network.units + (within % network.outputs) };
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
  const { samples, network, sites } = family;
  const { units } = network;
  const perSample = units + network.outputs;
  if (network.coupled) {
    const width = samples * perSample;
    const seeds = new Float64Array(capacity * width);
    scalars.forEach((scalar, k) => {
      seeds[k * width + scalar] = 1;
    });
    return { seeds, ...entries };
  }
  const N = sizeOf(network.inputShape);
  const x = new Float64Array(capacity * N);
  const M = network.outputs;
  const beside = network.sampleInputs.map(
    (name) => [data[name] as Float64Array, new Float64Array(capacity * M), name] as const,
  );
  const seeds = new Float64Array(capacity * perSample);
  const own = Object.entries(entries).map(
    ([name, all]) => [name, all, new Float64Array(capacity * units)] as const,
  );
  const inputs = data["x"] as Float64Array;
  scalars.forEach((scalar, k) => {
    const { sample, column } = place(family, scalar);
    x.set(inputs.subarray(sample * N, (sample + 1) * N), k * N);
    for (const [all, part] of beside) part.set(all.subarray(sample * M, (sample + 1) * M), k * M);
    seeds[k * perSample + column] = 1;
    for (const { offset, units: width } of sites) {
      const from = samples * offset + sample * width;
      for (const [, all, part] of own) part.set(all.subarray(from, from + width), k * units + offset);
    }
  });
  return {
    ...{ x, seeds },
    ...Object.fromEntries(own.map(([name, , part]) => [name, part])),
    ...Object.fromEntries(beside.map(([, part, name]) => [name, part])),
  };
}
