/** The tangent kernel and its eigenvalues against JAX's and LAPACK's, stored with the script that made them. */
import { describe, expect, test } from "vitest";
import { createEngine } from "../../src/engine/index.js";
import { createTangentKernel, denseSpectrum } from "../../src/ntk/index.js";
import { build, engines, readCases, relativeDistance, TOLERANCE } from "./stored.js";

const cases = readCases<{ readonly kernel: readonly number[]; readonly eigenvalues: readonly number[] }>(
  "jax-kernels.json",
);

describe.each(engines)("the $kind engine", (engineSpec) => {
  test.each(cases)("agrees on a $kind with $activation, hidden $hidden, bias $bias", async (stored) => {
    const targets = new Float64Array(stored.samples * stored.widths[1]);
    const { family, data } = build(stored, targets);
    const engine = await createEngine(engineSpec);
    try {
      const kernel = createTangentKernel({
        family,
        compile: (graph, bound) => engine.compile(graph, bound),
        data,
      });
      const state = { theta: Float64Array.from(stored.theta), pieces: null, held: [] };
      const gram = await kernel.gram(state, stored.kind === "gcn" ? "rows" : "layer-product");
      expect(relativeDistance(gram, stored.kernel)).toBeLessThan(TOLERANCE);
      const found = await denseSpectrum(kernel, state, targets, {
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
