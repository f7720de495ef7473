/** Flows beside descent: the values and orders that theory gives, and what another program finds of the same network. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import { createBeside, createProblem, fields, GRADIENT, type Problem } from "../../src/flow/index.js";
import { Memory } from "../../src/memory.js";
import { createFamily, defineNetwork, presetNetwork } from "../../src/model/index.js";
import { distance, linearCase, problemOf, scalarCase } from "./runs.js";

/** Tight enough that the solver's error is below all distances compared here. */
const solver = { method: "dop853", rtol: 1e-12, atol: 1e-15, maxSteps: 10_000 } as const;

interface Place {
  readonly problem: Problem;
  readonly theta0: Float64Array;
  readonly learningRate: number;
  readonly steps: number;
  /** Of θ. */
  readonly unit?: number;
}

async function besideOf(name: string, { problem, theta0, learningRate, steps, unit = 1 }: Place) {
  const kind = fields.find((known) => known.name === name)!;
  const beside = await createBeside(
    kind,
    { top: 2 },
    {
      ...{ problem, theta0, learningRate, seed: 0, memory: new Memory() },
      law: kind.describes === "gradient" ? GRADIENT : { kind: kind.describes, momentum: 0.5 },
      solver: { ...solver, atol: solver.atol * unit },
      ...{ times: [steps * learningRate], programs: new Map() },
    },
  );
  await beside.reach(steps, steps * learningRate);
  return beside;
}

async function descend({ problem, theta0, learningRate, steps }: Place): Promise<Float64Array> {
  const theta = theta0.slice();
  const gradient = new Float64Array(theta.length);
  for (let k = 0; k < steps; k++) {
    await problem.lossGradient(theta, gradient);
    for (let i = 0; i < theta.length; i++) theta[i]! -= learningRate * gradient[i]!;
  }
  return theta;
}

/** L = ½(ab − 1)² from (1.5, 0.2) to T = 2; flows.md, section 1. */
const product = async (learningRate: number): Promise<Place> => ({
  problem: await problemOf(scalarCase()),
  theta0: Float64Array.of(1.5, 0.2),
  ...{ learningRate, steps: Math.round(2 / learningRate) },
});

const away = async (name: string, place: Place): Promise<number> =>
  distance((await besideOf(name, place)).theta, await descend(place));

test.each([
  ["modified", 1.6087e-3, 2],
  ["third-order", 3.0883e-4, 3],
  // By SciPy's DOP853 at rtol 1e-13; the others are of flows.md.
  ["gap", 9.8108e-4, 2],
  ["principal", 5.9533e-4, 2],
  ["principal-third", 1.2991e-4, 3],
])("%s on L = ½(ab − 1)²: distance %s to descent at η = 0.1, of order %s", async (name, expected, order) => {
  const coarse = await away(name, await product(0.1));
  // Five digits are given.
  expect(coarse / expected).toBeCloseTo(1, 4);
  const [fine, finer] = [await away(name, await product(0.0125)), await away(name, await product(0.00625))];
  expect(Math.abs(Math.log2(fine / finer) - order)).toBeLessThan(0.15);
});

describe.each([1e-9, 1e9])("θ in units of %s, η and t in their squares", (unit) => {
  /** ½(ab − 1)² of θ = p(a, b). */
  const inUnits = async (p: number): Promise<Place> => {
    const network = defineNetwork({
      inputShape: [1],
      build(scope, input) {
        const entry = (name: string) =>
          scope.b.scale(
            scope.b.reshape(scope.parameter(name, [1], { kind: "bias", fanIn: 1 }), [1, 1]),
            1 / p,
          );
        return scope.b.mul(input, scope.b.mul(entry("a"), entry("b")));
      },
    });
    const family = createFamily({ network, samples: 1, factor: 1 / 2 });
    const bound = { x: Float64Array.of(1), y: Float64Array.of(1) };
    return {
      problem: await createProblem(createReferenceEngine(), family, bound),
      theta0: Float64Array.of(1.5 * p, 0.2 * p),
      ...{ learningRate: 0.1 * p ** 2, steps: 20, unit: p },
    };
  };

  test.each(fields.map(({ name }) => [name]))("%s", async (name) => {
    const [plain, scaled] = await Promise.all([1, unit].map(async (p) => besideOf(name, await inUnits(p))));
    // Equations are solved to 1e-12 with steps of their own.
    expect(
      distance(
        plain!.theta,
        scaled!.theta.map((value) => value / unit),
      ),
    ).toBeLessThan(1e-10);
    expect(plain!.failure).toBeNull();
    expect(scaled!.failure).toBeNull();
    const [mine, other] = [await plain!.predict(), await scaled!.predict()];
    expect(Object.keys(other)).toEqual(Object.keys(mine));
    const powers: Readonly<Record<string, number>> = {
      variance: 2,
      meanSquaredGradient: -2,
      eigenvalue: -2,
      slope: -2,
      gradientFlow: 1,
      imaginary: 1,
    };
    for (const [column, value] of Object.entries(mine)) {
      if (value === null || value === undefined) continue;
      const power = powers[column.split(".")[0]!] ?? 0;
      // Rounding of a rod at its floor, which depends on the digits of θ, is below the second bound.
      expect(Math.abs(other[column]! / unit ** power - value), column).toBeLessThan(
        1e-8 * Math.abs(value) + 1e-12,
      );
    }
  });
});

test("the principal flow ends where ηλ_max comes to 1, and says so", async () => {
  // L = ½(ab − 1)² has λ_max = a² + b² at its minima: from (0.2, 0.1) the flow comes to 2, and η = 0.9 is complex there.
  const problem = await problemOf(scalarCase());
  const place = { problem, theta0: Float64Array.of(0.2, 0.1), learningRate: 0.9, steps: 30 };
  const { failure } = await besideOf("principal", place);
  expect(failure).toMatchObject({ status: "notDefined" });
  expect(failure!.message).toMatch(/ηλ_max comes to 1 \(λ_max = 1\.1/);
});

/** L = ½λθ² with λ = 1 from θ₀ = 1: a network 1-1 on one sample with target 0. */
const quadratic = async (): Promise<Place> => ({
  problem: await problemOf(linearCase([1, 1], { x: Float64Array.of(1), y: Float64Array.of(0) }, 1 / 2)),
  theta0: Float64Array.of(1),
  ...{ learningRate: 0.5, steps: 20 },
});

test.each([
  ["modified", 3.72665e-6],
  ["third-order", 1.6196e-6],
  ["principal", 9.5367e-7],
  ["principal-third", 9.5367e-7],
])("%s on a quadratic ends at %s", async (name, expected) => {
  const [theta] = (await besideOf(name, await quadratic())).theta;
  // The digits that are given; an absolute error of the solver of 1e-15 is far below.
  expect(theta! / expected).toBeCloseTo(1, 4);
});

const stored = JSON.parse(
  readFileSync(new URL("../agreement/data/beside-flows.json", import.meta.url), "utf8"),
) as {
  readonly x: number[];
  readonly y: number[];
  readonly theta0: number[];
  readonly learningRate: number;
  readonly tEnd: number;
  readonly direction: number[];
  readonly thirdDerivative: number[];
  readonly flows: Readonly<Record<string, { readonly theta: number[]; readonly distance: number }>>;
  readonly rod: Readonly<Record<"meanLoss" | "meanSquaredGradient" | "variance", number>> & {
    readonly learningRate: number;
    readonly steps: number;
    readonly theta: number[];
  };
};

/** The tanh network 2-4-1 of test/agreement/data/beside_flows.py. */
function tanhCase() {
  const network = presetNetwork({
    ...{ kind: "dnn", inputDimension: 2, hidden: [4], outputDimension: 1, bias: true },
    activation: { kind: "tanh" },
  } as const);
  const family = createFamily({ network, samples: 6, factor: 1 / 12 });
  return { family, bound: { x: Float64Array.from(stored.x), y: Float64Array.from(stored.y) } };
}

const tanhPlace = async (learningRate: number, steps: number): Promise<Place> => ({
  problem: await problemOf(tanhCase()),
  theta0: Float64Array.from(stored.theta0),
  ...{ learningRate, steps },
});

describe("as JAX and SciPy have it", () => {
  test("∇³L[u, u]", async () => {
    const { family, bound } = tanhCase();
    const problem = await createProblem(createReferenceEngine(), family, bound);
    const direction = Float64Array.from(stored.direction);
    const { run } = await problem.compile(family.thirdDerivative());
    const inputs = { theta: Float64Array.from(stored.theta0), velocity: direction, direction };
    const found = (await run(inputs))["product"]!;
    // Both compute in float64 and differ by the order of sums.
    expect(distance(found, stored.thirdDerivative)).toBeLessThan(
      1e-13 * Math.hypot(...stored.thirdDerivative),
    );
  });

  test.each(["modified", "third-order", "principal", "principal-third"])("%s", async (name) => {
    const { learningRate, tEnd } = stored;
    const place = await tanhPlace(learningRate, Math.round(tEnd / learningRate));
    const { theta } = await besideOf(name, place);
    const expected = stored.flows[name]!;
    // Two solvers at rtol 1e-12 over a contracting flow; the distances compared are 1e-4 and more.
    expect(distance(theta, expected.theta)).toBeLessThan(1e-10);
    expect(distance(theta, await descend(place)) / expected.distance).toBeCloseTo(1, 6);
  });

  test("rod beyond 2/λ_max: centre, mean loss, mean ‖∇L‖² and variance", async () => {
    const { learningRate, steps, theta, ...predicted } = stored.rod;
    const beside = await besideOf("rod", await tanhPlace(learningRate, steps));
    expect(distance(beside.theta, theta)).toBeLessThan(1e-11);
    // Eight gradients a step, and three at the start; predictions are made of them.
    const perGradient = beside.gradientEquivalents / (8 * steps + 3);
    // With the loss itself a gradient takes a few operations more than without.
    expect(perGradient).toBeCloseTo(1, 1);
    await beside.predict();
    expect(beside.gradientEquivalents / (8 * steps + 3)).toBe(perGradient);
    const found = await beside.predict();
    // Rounding, grown by forty steps of an unstable direction.
    for (const [name, value] of Object.entries(predicted)) expect(found[name]! / value).toBeCloseTo(1, 9);
  });
});
