/** Samples kept from training, drawn from a seed. */
import { ConfigError } from "../errors.js";
import type { Random } from "../random.js";
import { drawRows, takeRows } from "./rows.js";

/** Rows of inputs and targets. */
interface Samples extends TestSamples {
  readonly inputDimension: number;
  readonly outputDimension: number;
}

export interface TestSamples {
  readonly samples: number;
  /** n × N and n × M, row-major. */
  readonly inputs: Float64Array;
  readonly targets: Float64Array;
}

export interface SplitSpec {
  /** A part of the samples if below 1, else their number. */
  readonly test: number;
}

/**
 * The same data without the test samples, which stand in `test`; both keep the order of the data. `trained` are the rows that stay.
 * @throws ConfigError where one of the two would be empty
 */
export function splitDataset<D extends Samples>(
  data: D,
  { test }: SplitSpec,
  random: Random,
): D & { readonly test: TestSamples; readonly trained: readonly number[] } {
  const { samples } = data;
  const kept = test < 1 ? Math.round(test * samples) : test;
  if (kept < 1 || kept >= samples)
    throw new ConfigError([
      {
        path: "dataset.split.test",
        message: `must leave samples for training and for test; of ${samples} ${kept < 1 ? "none is kept for test" : `${kept} are kept for test`}. ${kept < 1 ? "Raise" : "Lower"} it.`,
      },
    ]);
  const all = Array.from({ length: samples }, (_, i) => i);
  const chosen = drawRows(all, kept, random);
  const isChosen = new Set(chosen);
  const rest = all.filter((i) => !isChosen.has(i));
  return { ...data, ...takeSamples(data, rest), test: takeSamples(data, chosen), trained: rest };
}

function takeSamples({ inputs, targets, inputDimension, outputDimension }: Samples, rows: readonly number[]) {
  return {
    samples: rows.length,
    inputs: takeRows(inputs, rows, inputDimension),
    targets: takeRows(targets, rows, outputDimension),
  };
}
