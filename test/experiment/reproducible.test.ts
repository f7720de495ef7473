/** The same config gives the same bytes, whatever the number of threads splits the work into. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { setUpRuns } from "./runs.js";

const run = setUpRuns();

// Large enough for the engine to split its products between two threads.
const wide = (kind: string, activation: string) => `name: wide
seed: 5
dataset: { kind: uniform-ball, samples: 300, inputDimension: 40, outputDimension: 10 }
model: { kind: ${kind}, hidden: [64, 64], activation: { kind: ${activation} } }
flow: { method: dopri5, rtol: 1e-5, tEnd: 3, boundaries: off }
descent: { learningRates: [0.1] }
record: { at: log, points: 30 }
engine: { kind: onnx, dtype: float64, threads: 2 }
`;

test.each([
  ["dnn", "tanh", []],
  ["dnn", "leaky-relu", []],
  ["gcn", "tanh", []],
  ["resnet", "sigmoid", ["engine.dtype=float32", "flow.rtol=1e-4"]],
] as const)("a %s with %s, twice, %s", async (kind, activation, set) => {
  const [first, second, third] = [
    await run(set, {}, wide(kind, activation)),
    await run(set, {}, wide(kind, activation)),
    await run([...set, "seed=6"], {}, wide(kind, activation)),
  ];
  for (const name of ["series.csv", "descent.csv", "theta0.npy", "theta.npy"]) {
    const bytes = await Promise.all(
      [first, second, third].map(({ directory }) => readFile(join(directory!, name))),
    );
    expect(bytes[0]!.equals(bytes[1]!), `${name} differs`).toBe(true);
    expect(bytes[0]!.equals(bytes[2]!), `${name} does not depend on the seed`).toBe(false);
  }
  expect(first!.result.status).toBe("reachedEnd");
});
