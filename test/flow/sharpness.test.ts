import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { describe, expect, test } from "vitest";
import { createSharpness, integrateSmooth, type Problem } from "../../src/flow/index.js";
import { workOf } from "../../src/graph/index.js";
import { makeCase } from "../support/networks.js";
import { distance, problemOf } from "./runs.js";

/** ∇²L by central differences of the gradient: error about h² and rounding/h. */
async function hessianByDifferences(problem: Problem, theta: Float64Array): Promise<Matrix> {
  // Small, so that no pre-activation changes its piece between the two.
  const h = 1e-7;
  const P = theta.length;
  const matrix = Matrix.zeros(P, P);
  for (let j = 0; j < P; j++) {
    const columns = [];
    for (const sign of [1, -1]) {
      const g = new Float64Array(P);
      await problem.lossGradient(
        theta.map((x, i) => (i === j ? x + sign * h : x)),
        g,
      );
      columns.push(g);
    }
    for (let i = 0; i < P; i++) matrix.set(i, j, (columns[0]![i]! - columns[1]![i]!) / (2 * h));
  }
  return matrix.clone().add(matrix.transpose()).mul(0.5);
}

const tanh = makeCase({ activation: { kind: "tanh" }, hidden: [6, 5], samples: 12 });
const leaky = makeCase({ activation: { kind: "leaky-relu", slope: 0.1 }, hidden: [6, 5], samples: 12 });

describe("sharpness against the eigenvalues of a Hessian by differences", () => {
  test.each([tanh, leaky])("$label", async (network) => {
    const problem = await problemOf(network);
    const hessian = await hessianByDifferences(problem, network.theta);
    const values = new EigenvalueDecomposition(hessian, { assumeSymmetric: true }).realEigenvalues;
    const largest = Math.max(...values);
    const radius = Math.max(largest, -Math.min(...values));
    const sharpness = createSharpness({ problem, gradients: () => 0 });
    const gradient = new Float64Array(network.theta.length);
    await problem.field(network.theta, gradient);
    const bound = await sharpness.spectralRadius(0, network.theta, gradient, null);
    const { value, residual, products } = sharpness.last!;
    // Ritz values lie below, within what the residual (5 %) leaves open; differences are good to 1e-6 or so.
    expect(value).toBeLessThan(largest * (1 + 1e-5));
    expect(value).toBeGreaterThan(largest - residual - 1e-5);
    expect(bound).toBeGreaterThan(largest);
    expect(bound).toBeLessThan(1.3 * radius);
    expect(sharpness.cost.products).toBe(products);
    const price = workOf(problem.family.hessianProduct("free")) / workOf(problem.family.flowField());
    // Forward over reverse differentiates each of the gradient's products twice: two to four gradients.
    expect(price).toBeGreaterThan(2);
    expect(price).toBeLessThan(4);
    expect(sharpness.cost.gradientEquivalents).toBeCloseTo(price * products, 10);
  });

  test("with the pattern given it is that of the locked Hessian", async () => {
    const problem = await problemOf(leaky);
    const program = await problem.compile(problem.family.preactivations("free"));
    const { z } = await program.run({ theta: leaky.theta });
    const pieces = (z as Float64Array).map((value) => (value > 0 ? 1 : 0));
    const gradient = new Float64Array(leaky.theta.length);
    await problem.field(leaky.theta, gradient);
    const free = createSharpness({ problem, gradients: () => 0 });
    const locked = createSharpness({ problem, gradients: () => 0, pieces: () => pieces });
    await free.spectralRadius(0, leaky.theta, gradient, null);
    await locked.spectralRadius(0, leaky.theta, gradient, null);
    // The same matrix through two graphs: rounding.
    expect(locked.last!.value).toBeCloseTo(free.last!.value, 10);
    pieces.fill(1);
    await locked.spectralRadius(0, leaky.theta, gradient, null);
  });
});

test("a stabilised flow: the answer of dop853, fewer gradients than dopri5, and measuring within its budget", async () => {
  const problem = await problemOf(tanh);
  const run = (method: "dop853" | "dopri5" | "tsrkc3" | "auto", rtol: number) =>
    integrateSmooth({
      problem,
      theta0: tanh.theta,
      method,
      rtol,
      atol: rtol,
      tEnd: 600,
      onSegment: async () => undefined,
    });
  const reference = (await run("dop853", 1e-11)).theta;
  const dopri5 = await run("dopri5", 1e-5);
  for (const method of ["tsrkc3", "auto"] as const) {
    const outcome = await run(method, 1e-5);
    // Local errors of 1e-5 add up over some hundred steps, less what the flow forgets.
    expect(distance(outcome.theta, reference)).toBeLessThan(1e-3 * Math.hypot(...reference));
    expect(outcome.evaluations).toBeLessThan(dopri5.evaluations / 2);
    const { cost, measurements } = outcome.sharpness!;
    expect(measurements.length).toBeGreaterThan(0);
    // A grant of 40 gradients and a tenth.
    expect(cost.gradientEquivalents).toBeLessThan(60 + 0.1 * outcome.evaluations);
  }
});

test("the first measurement above the limit is remembered, however many come after it", async () => {
  const problem = await problemOf(tanh);
  let gradients = 0;
  const sharpness = createSharpness({ problem, gradients: () => gradients, fromStart: true, limit: 0 });
  const never = createSharpness({ problem, gradients: () => gradients, fromStart: true });
  const first: number[] = [];
  for (let step = 0; step < 4000; step++) {
    gradients += 20;
    await sharpness.follow(step, () => tanh.theta);
    await never.follow(step, () => tanh.theta);
    if (first.length === 0) first.push(sharpness.last!.t, sharpness.last!.value);
  }
  // More than are kept, and of the early ones next to none.
  expect(sharpness.cost.measurements).toBeGreaterThan(100);
  expect(sharpness.measurements.length).toBeLessThan(40);
  expect([sharpness.firstAbove!.t, sharpness.firstAbove!.value]).toEqual(first);
  expect(never.firstAbove).toBeNull();
});
