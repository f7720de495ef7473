/** Networks stored with what another program found of them; `data/` has the scripts that wrote them. */
import { readFileSync } from "node:fs";
import type { EngineSpec, Tensors } from "../../src/engine/index.js";
import { createFamily, type Family, type NetworkSpec, presetNetwork } from "../../src/model/index.js";

export interface Stored {
  readonly kind: NetworkSpec["kind"];
  readonly widths: readonly [inputs: number, outputs: number];
  readonly hidden: readonly number[];
  readonly bias: boolean;
  readonly activation: "leaky-relu" | "tanh" | "relu" | "sigmoid";
  readonly factor: number;
  readonly samples: number;
  readonly theta: readonly number[];
  readonly x: readonly number[];
  readonly adjacency: readonly number[] | null;
}

/** Slope of leaky ReLU in the scripts. */
const SLOPE = 0.1;
/** Both sides compute in float64 and differ by the order of summation alone. */
export const TOLERANCE = 1e-12;

export const engines: readonly EngineSpec[] = [
  { kind: "reference", dtype: "float64", threads: 1 },
  { kind: "onnx", dtype: "float64", threads: 2 },
];

/** The cases of a file in `data/`, each with what the file has of it besides. */
export function readCases<Found>(file: string): readonly (Stored & Found)[] {
  const text = readFileSync(new URL(`data/${file}`, import.meta.url), "utf8");
  return (JSON.parse(text) as { cases: readonly (Stored & Found)[] }).cases;
}

/** The network, and its data with targets `y`. */
export function build(stored: Stored, y: Float64Array): { family: Family; data: Tensors } {
  const { kind, hidden, bias, samples, factor, adjacency } = stored;
  const [inputDimension, outputDimension] = stored.widths;
  const activation =
    stored.activation === "leaky-relu"
      ? ({ kind: "leaky-relu", slope: SLOPE } as const)
      : { kind: stored.activation };
  const spec = { kind, inputDimension, hidden, outputDimension, bias, activation };
  const data = {
    x: Float64Array.from(stored.x),
    y,
    ...(adjacency && { adjacency: Float64Array.from(adjacency) }),
  };
  return { family: createFamily({ network: presetNetwork(spec), samples, factor }), data };
}

/** ‖a − b‖/‖b‖ */
export function relativeDistance(a: Float64Array, b: readonly number[]): number {
  return Math.hypot(...b.map((value, i) => value - a[i]!)) / Math.hypot(...b);
}
