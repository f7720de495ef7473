/** Deep linear networks: closed forms and conserved quantities. */
import { describe, expect, test } from "vitest";
import { createDescent } from "../../src/flow/index.js";
import type { MethodName } from "../../src/ode/index.js";
import { randomVector } from "../support/networks.js";
import { distance, linearCase, norm, observeFlow, problemOf, scalarCase } from "./runs.js";

type Matrix = readonly Float64Array[];

const product = (a: Matrix, b: Matrix): Matrix =>
  a.map((row) => b[0]!.map((_, j) => row.reduce((sum, value, k) => sum + value * b[k]![j]!, 0)));
const transposed = (a: Matrix): Matrix => Array.from(a[0]!, (_, j) => Float64Array.from(a, (row) => row[j]!));
const flat = (...matrices: Matrix[]): Float64Array =>
  Float64Array.from(matrices.flatMap((matrix) => matrix.flatMap((row) => Array.from(row))));
const cut = (theta: Float64Array, start: number, rows: number, columns: number): Matrix =>
  Array.from({ length: rows }, (_, i) => theta.slice(start + i * columns, start + (i + 1) * columns));

/** Orthonormal columns (rows × columns), by Gram and Schmidt, twice for rounding. */
function orthonormal(seed: number, rows: number, columns: number): Matrix {
  const vectors: Float64Array[] = [];
  for (let j = 0; j < columns; j++) {
    let v = randomVector(seed + j, rows);
    for (let pass = 0; pass < 2; pass++) {
      for (const u of vectors) {
        const along = v.reduce((sum, x, i) => sum + x * u[i]!, 0);
        v = v.map((x, i) => x - along * u[i]!);
      }
    }
    const length = norm(v);
    vectors.push(v.map((x) => x / length));
  }
  return transposed(vectors);
}

/** Solution of s' = 4c·s(S − s): a mode of a balanced two-layer linear network on whitened inputs (Saxe et al. 2014). */
const logistic = (s0: number, limit: number, rate: number) =>
  limit / (1 + (limit / s0 - 1) * Math.exp(-rate));

describe("L = ½(ab − 1)²", () => {
  test.each(["bs32", "dopri5", "tsit5", "dop853"] satisfies MethodName[])(
    "%s: from a = b = 10⁻³, ab(10) is known",
    async (method) => {
      const rtol = method === "bs32" ? 1e-9 : 1e-12;
      const { outcome } = await observeFlow({
        problem: await problemOf(scalarCase()),
        theta0: Float64Array.of(1e-3, 1e-3),
        method,
        rtol,
        atol: rtol / 1000,
        tEnd: 10,
      });
      const [a, b] = outcome.theta as unknown as [number, number];
      // The unstable start multiplies early relative errors by up to 1/s ~ 10, the approach damps them again.
      expect(Math.abs(a * b - 0.9979430880460005)).toBeLessThan(100 * rtol);
      expect(Math.abs(logistic(1e-6, 1, 20) - 0.9979430880460005)).toBeLessThan(1e-15);
      expect(a).toBe(b);
    },
  );

  test("a² − b² is conserved along the flow", async () => {
    const rtol = 1e-8;
    const theta0 = Float64Array.of(0.5, 1.5);
    const { outcome } = await observeFlow({
      problem: await problemOf(scalarCase()),
      theta0,
      method: "dopri5",
      rtol,
      atol: rtol / 1000,
      tEnd: 10,
    });
    const [a, b] = outcome.theta as unknown as [number, number];
    expect(Math.abs(a * b - 1)).toBeLessThan(1e-6);
    expect(Math.abs(a * a - b * b - (0.25 - 2.25))).toBeLessThan(10 * rtol);
  });
});

const precise = { method: "dop853", rtol: 1e-13, atol: 1e-15 } as const;

test.each([
  [3, 1.3206409426197],
  [4, 1.445051287913],
])("%d layers of one unit, balanced: σ' = Nσ^{2−2/N}(s − σ)", async (layers, sigma) => {
  const widths = new Array<number>(layers + 1).fill(1);
  const data = { x: Float64Array.of(1), y: Float64Array.of(1.5) };
  const { outcome } = await observeFlow({
    problem: await problemOf(linearCase(widths, data, 1 / 2)),
    theta0: new Float64Array(layers).fill(0.2 ** (1 / layers)),
    ...precise,
    tEnd: 1,
  });
  // The digits given.
  expect(Math.abs(outcome.theta.reduce((p, q) => p * q, 1) - sigma)).toBeLessThan(1e-12);
});

test("a single unbalanced linear neuron a·w on whitened inputs", async () => {
  const data = { x: Float64Array.of(1, 0, 0, 1), y: Float64Array.of(1, 0.5) };
  const { outcome } = await observeFlow({
    problem: await problemOf(linearCase([2, 1, 1], data, 1 / 2)),
    theta0: Float64Array.of(0.3, -0.2, 0.9),
    ...precise,
    tEnd: 1,
  });
  const closed = [0.727363069036434, 0.237281163676132, 1.124881942620469];
  expect(distance(outcome.theta, Float64Array.from(closed))).toBeLessThan(1e-13);
});

describe("two linear layers on whitened inputs, balanced at the start", () => {
  const [samples, inputs, width, outputs] = [9, 4, 5, 3];
  const limits = [3, 2, 0.7];
  const starts = [1e-3, 1e-2, 1e-4];
  const x = orthonormal(10, samples, inputs); // XᵀX = I
  const u = orthonormal(20, inputs, 3);
  const v = orthonormal(30, outputs, 3);
  const q = orthonormal(40, width, 3);
  const scaled = (matrix: Matrix, by: readonly number[]) =>
    matrix.map((row) => row.map((value, j) => value * by[j]!));
  const map = (modes: readonly number[]) => product(scaled(u, modes), transposed(v));
  const roots = starts.map(Math.sqrt);
  const theta0 = flat(product(scaled(u, roots), transposed(q)), product(scaled(q, roots), transposed(v)));

  test.each([
    [0.5, 2],
    [0.5, 4],
    [0.5 / samples, 40],
  ])("c = %s: W₁W₂(%s) is the closed form", async (factor, tEnd) => {
    const data = { x: flat(x), y: flat(product(x, map(limits))) };
    const { outcome, observations } = await observeFlow({
      problem: await problemOf(linearCase([inputs, width, outputs], data, factor)),
      theta0,
      method: "dopri5",
      rtol: 1e-11,
      atol: 1e-14,
      tEnd,
    });
    const modes = limits.map((limit, i) => logistic(starts[i]!, limit, 4 * factor * limit * tEnd));
    const [w1, w2] = [
      cut(outcome.theta, 0, inputs, width),
      cut(outcome.theta, inputs * width, width, outputs),
    ];
    // Modes grow from 10⁻⁴ by up to S/s₀ ~ 10⁴, and a relative error made early on shifts the sigmoid in time by as much.
    expect(distance(flat(product(w1, w2)), flat(map(modes)))).toBeLessThan(1e-9);
    const loss = factor * modes.reduce((sum, s, i) => sum + (s - limits[i]!) ** 2, 0);
    expect(Math.abs(observations[observations.length - 1]!.loss - loss)).toBeLessThan(1e-9);
  });
});

describe("balancedness W_lᵀW_l − W_{l+1}W_{l+1}ᵀ of a linear network without biases", () => {
  const widths = [4, 5, 5, 3];
  const [n, d1, d2, m] = widths as [number, number, number, number];
  const samples = 10;
  const data = { x: randomVector(1, samples * n), y: randomVector(2, samples * m) };
  const theta0 = randomVector(3, n * d1 + d1 * d2 + d2 * m).map((value) => 0.4 * value);
  const tEnd = 4;
  const imbalance = (theta: Float64Array): Float64Array => {
    const w = [
      cut(theta, 0, n, d1),
      cut(theta, n * d1, d1, d2),
      cut(theta, n * d1 + d1 * d2, d2, m),
    ] as const;
    return Float64Array.from(
      [0, 1].flatMap((l) => {
        const [into, out] = [w[l]!, w[l + 1]!];
        const [p, q] = [flat(product(transposed(into), into)), flat(product(out, transposed(out)))];
        return Array.from(p, (value, i) => value - q[i]!);
      }),
    );
  };
  const makeProblem = () => problemOf(linearCase(widths, data, 0.5 / samples));

  test.each([
    ["dopri5", 1e-5],
    ["dopri5", 1e-8],
    ["tsit5", 1e-8],
    ["dop853", 1e-8],
  ] as const)("%s at rtol %s conserves it to 10·rtol", async (method, rtol) => {
    const { outcome } = await observeFlow({
      problem: await makeProblem(),
      theta0,
      method,
      rtol,
      atol: rtol / 1000,
      tEnd,
    });
    const moved = distance(outcome.theta, theta0);
    expect(moved).toBeGreaterThan(0.5);
    expect(distance(imbalance(outcome.theta), imbalance(theta0))).toBeLessThan(
      10 * rtol * norm(imbalance(theta0)),
    );
  });

  test("gradient descent breaks it in proportion to η", async () => {
    const problem = await makeProblem();
    const drift: number[] = [];
    for (const learningRate of [0.04, 0.02, 0.01]) {
      const theta = theta0.slice();
      const gradient = new Float64Array(theta.length);
      for (let k = 0; k < Math.round(tEnd / learningRate); k++) {
        await problem.lossGradient(theta, gradient);
        gradient.forEach((g, i) => {
          theta[i]! -= learningRate * g;
        });
      }
      drift.push(distance(imbalance(theta), imbalance(theta0)));
    }
    expect(drift[0]).toBeGreaterThan(1e-4);
    // Halving η halves it, up to the next order in η.
    for (const i of [1, 2]) expect(Math.abs(drift[i - 1]! / drift[i]! - 2)).toBeLessThan(0.3);
  });

  test("the descent that is compared with the flow is this one", async () => {
    const problem = await makeProblem();
    const descent = createDescent({ problem, theta0, learningRate: 0.02, times: [], tEnd });
    const theta = theta0.slice();
    const gradient = new Float64Array(theta.length);
    for (let k = 0; k < 200; k++) {
      await problem.lossGradient(theta, gradient);
      gradient.forEach((g, i) => {
        theta[i]! -= 0.02 * g;
      });
    }
    const { outcome } = await observeFlow({
      problem,
      theta0,
      method: "dopri5",
      rtol: 1e-8,
      tEnd,
      onSegment: (segment) => descent.follow(segment, () => undefined),
    });
    expect(descent.last!.step).toBe(200);
    expect(descent.last!.loss).toBe(await problem.loss(theta));
    expect(Math.abs(descent.last!.parameterGap - distance(theta, outcome.theta))).toBeLessThan(1e-14);
  });
});
