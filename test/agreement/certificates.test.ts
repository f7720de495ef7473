/** What is said of λ_min against 300 digits, and slopes of saturating activations; the script that made the numbers lies beside them. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { pushforward } from "../../src/autodiff/index.js";
import { createEngine } from "../../src/engine/index.js";
import { createGraph, GraphBuilder, type Node } from "../../src/graph/index.js";
import { createFamily, presetNetwork } from "../../src/model/index.js";
import { COLD, createTangentKernel, type LambdaMin, measureSpectrum } from "../../src/ntk/index.js";
import { createRandom } from "../../src/random.js";
import { engines } from "./stored.js";

interface KernelCase {
  readonly label: string;
  readonly activation: "tanh" | "sigmoid" | "relu" | "hard-tanh";
  readonly widths: readonly number[];
  readonly x: readonly number[];
  readonly theta: readonly number[];
  readonly lambdaMin: string;
  readonly lambdaMax: string;
}

type ScalarName = "tanhSlope" | "tanhCurvature" | "sigmoid" | "sigmoidSlope" | "sigmoidCurvature";

const { cases, scalars } = JSON.parse(
  readFileSync(new URL("data/mpmath-kernels.json", import.meta.url), "utf8"),
) as {
  readonly cases: readonly KernelCase[];
  readonly scalars: readonly ({ readonly z: number } & Readonly<Record<ScalarName, string>>)[];
};

const methods = ["svd", "eig", "layer-product", "lanczos"] as const;

describe.each(engines)("by the $kind engine", (engineSpec) => {
  test.each(methods)("λ_min by %s is what it is said to be", async (method) => {
    const engine = await createEngine(engineSpec);
    let certified = 0;
    try {
      for (const { label, activation, widths, x, theta, lambdaMin: truth } of cases) {
        const [inputDimension, ...rest] = widths as [number, ...number[]];
        const hidden = rest.slice(0, -1);
        const samples = x.length / inputDimension;
        const spec = {
          ...({ kind: "dnn", inputDimension, hidden, outputDimension: rest.at(-1)!, bias: true } as const),
          activation: { kind: activation },
        };
        const family = createFamily({ network: presetNetwork(spec), samples, factor: 0.5 });
        const kernel = createTangentKernel({
          family,
          compile: (graph, bound = {}) => engine.compile(graph, bound),
          data: { x: Float64Array.from(x), y: new Float64Array(samples * spec.outputDimension) },
        });
        const { lambdaMin } = await measureSpectrum({
          ...{
            kernel,
            method,
            caps: [],
            modes: 2,
            vectors: false,
            tolerance: 1e-6,
            products: 200,
            warm: COLD,
          },
          state: { theta: Float64Array.from(theta), pieces: null, held: [] },
          residual: new Float64Array(kernel.size).fill(1),
          random: createRandom(1),
        });
        expect(says(lambdaMin, Number(truth)), `${label}: ${JSON.stringify(lambdaMin)}, truth ${truth}`).toBe(
          "true",
        );
        if (lambdaMin.kind === "certified") certified++;
      }
    } finally {
      await engine.dispose();
    }
    // Not by saying nothing: most of these kernels are resolved by singular values, fewer by eigenvalues, none by products.
    expect(certified).toBeGreaterThanOrEqual({ svd: 24, eig: 14, "layer-product": 14, lanczos: 0 }[method]);
  });

  test("slopes and curvatures of tanh and σ keep their digits however saturated, σ on both sides", async () => {
    const b = new GraphBuilder();
    const z = b.input("z", [scalars.length]);
    const slope = (node: Node): Node => pushforward(b, [node], [z], [b.constant(1, [scalars.length])])[0]!;
    const outputs: Record<ScalarName, Node> = {
      tanhSlope: slope(b.tanh(z)),
      tanhCurvature: slope(slope(b.tanh(z))),
      sigmoid: b.sigmoid(z),
      sigmoidSlope: slope(b.sigmoid(z)),
      sigmoidCurvature: slope(slope(b.sigmoid(z))),
    };
    const engine = await createEngine(engineSpec);
    const program = await engine.compile(createGraph("saturated", outputs), {});
    const found = await program.run({ z: Float64Array.from(scalars, (point) => point.z) });
    for (const name of Object.keys(outputs) as ScalarName[])
      scalars.forEach((point, i) => {
        const truth = Number(point[name]);
        // exp and tanh are good to four roundoffs, and stand in products of up to four factors.
        expect(Math.abs(found[name]![i]! - truth), `${name} at ${point.z}`).toBeLessThanOrEqual(
          16 * Number.EPSILON * Math.abs(truth),
        );
      });
    const far = await program.run({
      z: Float64Array.from(scalars, (_, i) => (i % 2 === 0 ? 1 : -1) * 10 ** (2.6 + i)),
    });
    for (const name of Object.keys(outputs) as ScalarName[])
      for (const value of far[name]!)
        expect(name === "sigmoid" ? [0, 1] : [0]).toContain(Math.abs(value) < 1e-170 ? 0 : value);
    await engine.dispose();
  });
});

/** Whether the truth is where λ_min is said to be, up to its rounding to float64. */
function says({ value, residual, upper, kind }: LambdaMin, truth: number): string {
  const rounding = Number.EPSILON * Math.abs(truth);
  if (truth > upper + rounding) return "above the upper bound";
  return kind !== "certified" || Math.abs(value - truth) <= residual + rounding
    ? "true"
    : "not within the residual";
}
