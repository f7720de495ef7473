/** The tangent kernel and its eigenvalues against JAX's and LAPACK's, stored with the script that made them. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createEngine, type EngineSpec } from "../../src/engine/index.js";
import { type ActivationSpec, createFamily, type NetworkSpec } from "../../src/model/index.js";
import { createTangentKernel, denseSpectrum } from "../../src/ntk/index.js";

interface Stored {
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
  readonly kernel: readonly number[];
  readonly eigenvalues: readonly number[];
}

const { cases } = JSON.parse(readFileSync(new URL("data/jax-kernels.json", import.meta.url), "utf8")) as {
  readonly cases: readonly Stored[];
};

/** Both sides compute in float64 and differ by the order of summation alone. */
const TOLERANCE = 1e-12;

const engines: readonly EngineSpec[] = [
  { kind: "reference", dtype: "float64", threads: 1 },
  { kind: "onnx", dtype: "float64", threads: 2 },
];

describe.each(engines)("the $kind engine", (engineSpec) => {
  test.each(cases)("agrees on a $kind with $activation, hidden $hidden, bias $bias", async (stored) => {
    const { kind, hidden, bias, samples, factor } = stored;
    const activation: ActivationSpec =
      stored.activation === "leaky-relu" ? { kind: "leaky-relu", slope: 0.1 } : { kind: stored.activation };
    const [inputDimension, outputDimension] = stored.widths;
    const spec: NetworkSpec = { kind, inputDimension, hidden, outputDimension, bias, activation };
    const family = createFamily({ spec, samples, factor });
    const data = {
      x: Float64Array.from(stored.x),
      y: new Float64Array(samples * outputDimension),
      ...(stored.adjacency && { adjacency: Float64Array.from(stored.adjacency) }),
    };
    const engine = await createEngine(engineSpec);
    try {
      const kernel = createTangentKernel({
        family,
        compile: (graph, bound) => engine.compile(graph, bound),
        data,
      });
      const state = { theta: Float64Array.from(stored.theta), pieces: null, held: [] };
      const gram = await kernel.gram(state, kind === "gcn" ? "rows" : "layer-product");
      const norm = Math.hypot(...stored.kernel);
      expect(Math.hypot(...gram.map((value, k) => value - stored.kernel[k]!)) / norm).toBeLessThan(TOLERANCE);
      const found = await denseSpectrum(kernel, state, data.y, {
        method: "svd",
        vectors: false,
        gram: false,
      });
      const largest = stored.eigenvalues[0]!;
      found.values.forEach((value, k) => {
        expect(Math.abs(value - stored.eigenvalues[k]!)).toBeLessThan(TOLERANCE * largest);
      });
      // The smallest one relative to itself: within what the method says of itself, and LAPACK's like error.
      const last = stored.eigenvalues.length - 1;
      const smallest = stored.eigenvalues[last]!;
      expect(Math.abs(found.values[last]! - smallest)).toBeLessThanOrEqual(
        2 * found.errorOf(smallest) + found.resolvable,
      );
    } finally {
      await engine.dispose();
    }
  });
});
