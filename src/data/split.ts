/** Samples kept from training, drawn from a seed. */
import { ConfigError } from "../errors.js";
import type { Random } from "../random.js";

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
 * The same data without the test samples, which stand in `test`; both keep the order of the data.
 * @throws ConfigError where one of the two would be empty
 */
export function splitDataset<D extends Samples>(
  data: D,
  { test }: SplitSpec,
  random: Random,
): D & { readonly test: TestSamples } {
  const { samples } = data;
  const kept = test < 1 ? Math.round(test * samples) : test;
  if (kept < 1 || kept >= samples)
    throw new ConfigError([
      {
        path: "dataset.split.test",
        message: `must leave samples for training and for test; of ${samples} ${kept < 1 ? "none is kept for test" : `${kept} are kept for test`}. ${kept < 1 ? "Raise" : "Lower"} it.`,
      },
    ]);
  const order = Array.from({ length: samples }, (_, i) => i);
  // Fisher and Yates, as far as it is needed.
  for (let i = 0; i < kept; i++) {
    const j = i + random.integer(samples - i);
    [order[i], order[j]] = [order[j] as number, order[i] as number];
  }
  const chosen = new Set(order.slice(0, kept));
  const rows = (isTest: boolean) => [...order.keys()].filter((i) => chosen.has(i) === isTest);
  return { ...data, ...takeRows(data, rows(false)), test: takeRows(data, rows(true)) };
}

function takeRows({ inputs, targets, inputDimension, outputDimension }: Samples, rows: readonly number[]) {
  const take = (data: Float64Array, width: number) => {
    const out = new Float64Array(rows.length * width);
    for (const [to, from] of rows.entries())
      out.set(data.subarray(from * width, (from + 1) * width), to * width);
    return out;
  };
  return {
    samples: rows.length,
    inputs: take(inputs, inputDimension),
    targets: take(targets, outputDimension),
  };
}
