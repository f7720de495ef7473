/** Loss, gradient and Hessian product against JAX's, stored with the script that made them. */
import { describe, expect, test } from "vitest";
import { createEngine, type Engine } from "../../src/engine/index.js";
import { build, engines, readCases, relativeDistance, TOLERANCE } from "./stored.js";

const cases = readCases<{
  readonly velocity: readonly number[];
  readonly y: readonly number[];
  readonly loss: number;
  readonly gradient: readonly number[];
  readonly hessianProduct: readonly number[];
}>("jax-gradients.json");

describe.each(engines)("the $kind engine", (engineSpec) => {
  test.each(cases)(
    "agrees with JAX on a $kind with $activation, hidden $hidden, bias $bias",
    async (stored) => {
      const { family, data } = build(stored, Float64Array.from(stored.y));
      expect(family.layout.size).toBe(stored.theta.length);
      const theta = Float64Array.from(stored.theta);
      const velocity = Float64Array.from(stored.velocity);
      const engine: Engine = await createEngine(engineSpec);
      try {
        const { loss, gradient } = await (await engine.compile(family.lossGradient("free"), data)).run({
          theta,
        });
        expect(relativeDistance(loss!, [stored.loss])).toBeLessThan(TOLERANCE);
        expect(relativeDistance(gradient!, stored.gradient)).toBeLessThan(TOLERANCE);
        const hessian = await engine.compile(family.hessianProduct("free"), data);
        const { product } = await hessian.run({ theta, velocity });
        expect(relativeDistance(product!, stored.hessianProduct)).toBeLessThan(TOLERANCE);
      } finally {
        await engine.dispose();
      }
    },
  );
});
