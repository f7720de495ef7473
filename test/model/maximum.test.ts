/** What docs/extending.md says of maxima in networks from code: `b.max` is a constant to derivatives, max(p, q) by an activation is not. */
import { expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import { createProblem } from "../../src/flow/index.js";
import { createFamily, defineNetwork, initialise } from "../../src/model/index.js";
import { createRandom } from "../../src/random.js";
import { follow } from "../boundaries/runs.js";
import { randomVector } from "../support/networks.js";

const SAMPLES = 6;
const bound = { x: randomVector(1, 3 * SAMPLES), y: randomVector(2, SAMPLES) };

/** x W is two units, and the output their maximum. */
function pooled(kind: "max" | "relu", seed = 3) {
  const network = defineNetwork({
    inputShape: [3],
    build(scope, x) {
      const { b } = scope;
      const h = scope.within("units").affine(x, 2, true);
      if (kind === "max") return b.max(h, [1]);
      const [p, q] = [b.slice(h, 1, 0, 1), b.slice(h, 1, 1, 2)];
      return b.add(q, scope.activate(b.sub(p, q), { kind: "relu" }));
    },
  });
  const law = { kind: "kaiming-normal", a: 0, bias: "uniform" } as const;
  const theta = initialise(network.layout, law, createRandom(seed));
  return { theta, family: createFamily({ network, samples: SAMPLES, factor: 1 }), bound };
}

test("b.max has the values of a maximum and no gradient; relu has both", async () => {
  const gradients = await Promise.all(
    (["max", "relu"] as const).map(async (kind) => {
      const { family, theta } = pooled(kind);
      const problem = await createProblem(createReferenceEngine(), family, bound);
      const gradient = new Float64Array(theta.length);
      const loss = await problem.lossGradient(theta, gradient);
      const differences = new Float64Array(theta.length);
      for (let i = 0; i < theta.length; i++) {
        const at = async (h: number) => problem.loss(theta.map((value, j) => (i === j ? value + h : value)));
        differences[i] = ((await at(1e-6)) - (await at(-1e-6))) / 2e-6;
      }
      return { loss, gradient, differences };
    }),
  );
  const [max, relu] = gradients;
  expect(max!.loss).toBeCloseTo(relu!.loss, 12);
  // Central differences of a loss of order 1 over 1e-6: rounding 1e-10, and no unit is within 1e-6 of a tie.
  for (const [i, slope] of max!.differences.entries()) expect(slope).toBeCloseTo(relu!.gradient[i]!, 7);
  expect(Math.hypot(...relu!.gradient)).toBeGreaterThan(0.1);
  expect([...max!.gradient].every((value) => value === 0)).toBe(true);
});

test("a tie of the maximum by relu is a boundary that the flow sees", async () => {
  let seen = 0;
  for (const seed of [1, 2, 3, 4]) {
    const { outcome } = await follow(pooled("relu", seed), { method: "dopri5", rtol: 1e-7, tEnd: 3 });
    expect(outcome.status).toBe("reachedEnd");
    seen += outcome.events.crossings + outcome.events.slidingEntries;
  }
  expect(seen).toBeGreaterThan(0);
});
