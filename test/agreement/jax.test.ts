/** Loss, gradient and Hessian product against JAX's, stored with the script that made them. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createEngine, type Engine, type EngineSpec } from "../../src/engine/index.js";
import { type ActivationSpec, createFamily, type NetworkSpec } from "../../src/model/index.js";

interface Stored {
  readonly kind: NetworkSpec["kind"];
  readonly widths: readonly [inputs: number, outputs: number];
  readonly hidden: readonly number[];
  readonly bias: boolean;
  readonly activation: "leaky-relu" | "tanh" | "relu" | "sigmoid";
  readonly factor: number;
  readonly samples: number;
  readonly theta: readonly number[];
  readonly velocity: readonly number[];
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly adjacency: readonly number[] | null;
  readonly loss: number;
  readonly gradient: readonly number[];
  readonly hessianProduct: readonly number[];
}

const { cases } = JSON.parse(readFileSync(new URL("data/jax-gradients.json", import.meta.url), "utf8")) as {
  readonly cases: readonly Stored[];
};

/** Slope of leaky ReLU in the script. */
const SLOPE = 0.1;
/** Both sides compute in float64 and differ by the order of summation alone. */
const TOLERANCE = 1e-12;

function relativeDistance(a: Float64Array, b: readonly number[]): number {
  return Math.hypot(...b.map((value, i) => value - a[i]!)) / Math.hypot(...b);
}

const engines: readonly EngineSpec[] = [
  { kind: "reference", dtype: "float64", threads: 1 },
  { kind: "onnx", dtype: "float64", threads: 2 },
];

describe.each(engines)("the $kind engine", (engineSpec) => {
  test.each(cases)(
    "agrees with JAX on a $kind with $activation, hidden $hidden, bias $bias",
    async (stored) => {
      const { kind, hidden, bias, samples, factor } = stored;
      const activation: ActivationSpec =
        stored.activation === "leaky-relu"
          ? { kind: "leaky-relu", slope: SLOPE }
          : { kind: stored.activation };
      const [inputDimension, outputDimension] = stored.widths;
      const family = createFamily({
        spec: { kind, inputDimension, hidden, outputDimension, bias, activation },
        samples,
        factor,
      });
      expect(family.layout.size).toBe(stored.theta.length);
      const bound = {
        x: Float64Array.from(stored.x),
        y: Float64Array.from(stored.y),
        ...(stored.adjacency && { adjacency: Float64Array.from(stored.adjacency) }),
      };
      const theta = Float64Array.from(stored.theta);
      const velocity = Float64Array.from(stored.velocity);
      const engine: Engine = await createEngine(engineSpec);
      try {
        const { loss, gradient } = await (await engine.compile(family.lossGradient("free"), bound)).run({
          theta,
        });
        expect(relativeDistance(loss!, [stored.loss])).toBeLessThan(TOLERANCE);
        expect(relativeDistance(gradient!, stored.gradient)).toBeLessThan(TOLERANCE);
        const hessian = await engine.compile(family.hessianProduct("free"), bound);
        const { product } = await hessian.run({ theta, velocity });
        expect(relativeDistance(product!, stored.hessianProduct)).toBeLessThan(TOLERANCE);
      } finally {
        await engine.dispose();
      }
    },
  );
});
