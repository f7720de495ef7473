/** Momentum as flows of second order beside their descents: closed forms, orders in η, energy, kinks, and the same numbers in other units. */
import { describe, expect, test } from "vitest";
import {
  type Beside,
  createBeside,
  type DescentLaw,
  fields,
  type Problem,
  stepTime,
} from "../../src/flow/index.js";
import { Memory } from "../../src/memory.js";
import { makeCase } from "../support/networks.js";
import { distance, linearCase, problemOf, scalarCase } from "./runs.js";

/** Tight enough that the solver's error is below all distances compared here. */
const tight = { method: "dop853", rtol: 1e-11, atol: 1e-14, maxSteps: 100_000 } as const;

interface Place {
  readonly problem: Problem;
  readonly theta0: Float64Array;
  readonly learningRate: number;
  readonly law: DescentLaw;
  readonly steps: number;
}

const flowOf = ({ kind }: DescentLaw) => (kind === "momentum" ? "heavy-ball" : "nesterov");

async function follow(place: Place, solver: object = tight, memory = new Memory()): Promise<Beside> {
  const { problem, theta0, learningRate, law, steps } = place;
  const kind = fields.find(({ name }) => name === flowOf(law))!;
  const times = [steps * stepTime(law, learningRate)];
  return createBeside(
    kind,
    {},
    {
      ...{ problem, theta0, learningRate, law, seed: 0, memory, times, programs: new Map() },
      solver: { ...tight, ...solver },
    },
  );
}

async function end(place: Place, solver: object = tight): Promise<Float64Array> {
  const beside = await follow(place, solver);
  await beside.reach(place.steps, place.steps * stepTime(place.law, place.learningRate));
  expect(beside.failure).toBeNull();
  return beside.theta;
}

async function descend({ problem, theta0, learningRate, law, steps }: Place): Promise<Float64Array> {
  const [theta, v, gradient] = [
    theta0.slice(),
    new Float64Array(theta0.length),
    new Float64Array(theta0.length),
  ];
  for (let k = 0; k < steps; k++) {
    const ahead = law.kind === "nesterov" ? law.momentum : 0;
    await problem.lossGradient(
      theta.map((value, i) => value + ahead * v[i]!),
      gradient,
    );
    for (let i = 0; i < theta.length; i++) {
      v[i] = law.momentum * v[i]! - learningRate * gradient[i]!;
      theta[i]! += v[i]!;
    }
  }
  return theta;
}

const away = async (place: Place, solver?: object): Promise<number> =>
  distance(await end(place, solver), await descend(place));

describe.each(["momentum", "nesterov"] as const)("%s", (kind) => {
  test.each([0.5, 0.9])("closed form on ½λw² at β = %s", async (momentum) => {
    const [learningRate, lambda, steps] = [0.05, 2, 40];
    const x = Float64Array.of(Math.sqrt(lambda));
    const problem = await problemOf(linearCase([1, 1], { x, y: Float64Array.of(0) }, 1 / 2));
    const place = { problem, theta0: Float64Array.of(1), law: { kind, momentum }, learningRate, steps };
    const tau = learningRate / (1 - momentum);
    const mu = (learningRate * (1 + momentum)) / (2 * (1 - momentum) ** 2);
    // μw'' + cw' + λw = 0 from w = 1 with the slope that descent's start-up has: by the roots of μr² + cr + λ, complex here or not.
    const c = 1 + (kind === "nesterov" ? momentum * tau * lambda : 0);
    const slope = (-lambda * (1 - momentum)) / (1 + momentum);
    const [half, root] = [c / (2 * mu), Math.sqrt(Math.abs((c / (2 * mu)) ** 2 - lambda / mu))];
    const t = steps * tau;
    const isComplex = (c / (2 * mu)) ** 2 < lambda / mu;
    const [even, odd] = isComplex ? [Math.cos, Math.sin] : [Math.cosh, Math.sinh];
    const expected = Math.exp(-half * t) * (even(root * t) + ((slope + half) / root) * odd(root * t));
    // The solver's rtol over some hundred steps, of values of size 1 on the way.
    expect((await end(place))[0]).toBeCloseTo(expected, 10);
  });

  test.each(
    kind === "momentum"
      ? [
          [0.5, 5.13218e-5],
          [0.9, 1.17301e-4],
        ]
      : [
          [0.5, 1.59064e-3],
          [0.9, 3.16742e-3],
        ],
  )(
    "at β = %s the distance %s to descent that SciPy finds on L = ½(ab − 1)², and of second order in η",
    async (momentum, expected) => {
      // From (1.5, 0.2) to T = 2 in steps of τ = η/(1 − β); SciPy's DOP853 at rtol 1e-13 for τ = 0.1. Gradient flow is at 0.0204, 0.1589, 0.0132, 0.1208.
      const place = async (tau: number): Promise<Place> => ({
        problem: await problemOf(scalarCase()),
        theta0: Float64Array.of(1.5, 0.2),
        ...{ law: { kind, momentum }, learningRate: tau * (1 - momentum), steps: Math.round(2 / tau) },
      });
      expect((await away(await place(0.1))) / expected).toBeCloseTo(1, 4);
      const start = momentum === 0.5 ? 0.025 : 0.005;
      const [coarse, fine] = [await away(await place(start)), await away(await place(start / 2))];
      expect(Math.abs(Math.log2(coarse / fine) - 2)).toBeLessThan(0.15);
    },
  );

  test.each([1e-9, 1e9])("the same in other units: L·%s with η divided by it", async (scale) => {
    const networks = [1, scale].map((factor) =>
      makeCase({ activation: { kind: "tanh" }, seed: 3, factor: factor / 10 }),
    );
    const law = { kind, momentum: 0.8 } as const;
    const found = await Promise.all(
      networks.map(async ({ family, bound, theta }, k) => {
        const learningRate = 0.05 / (k === 0 ? 1 : scale);
        return end({
          problem: await problemOf({ family, bound }),
          theta0: theta,
          law,
          learningRate,
          steps: 20,
        });
      }),
    );
    // Nothing but the order of rounding differs; steps are chosen anew.
    expect(distance(found[0]!, found[1]!)).toBeLessThan(1e-10);
  });

  test("goes on from a snapshot to the same bits", async () => {
    const { family, bound, theta } = makeCase({ activation: { kind: "tanh" }, seed: 3, factor: 0.1 });
    const law = { kind, momentum: 0.8 } as const;
    const place = {
      problem: await problemOf({ family, bound }),
      theta0: theta,
      law,
      learningRate: 0.05,
      steps: 20,
    };
    const solver = { method: "auto", rtol: 1e-5, atol: 1e-8 };
    const memory = new Memory();
    const whole = await follow(place, solver, memory);
    await whole.reach(7, 7 * 0.25);
    const saved = structuredClone(memory.snapshot());
    await whole.reach(20, 20 * 0.25);
    const resumed = await follow(place, solver, new Memory(saved));
    await resumed.reach(20, 20 * 0.25);
    expect(resumed.theta).toEqual(whole.theta);
    expect(await resumed.predict()).toEqual(await whole.predict());
  });
});

test("the heavy ball's energy only falls, and begins at the loss with that of its first velocity", async () => {
  const { family, bound, theta } = makeCase({ activation: { kind: "tanh" }, seed: 3, factor: 0.1 });
  const problem = await problemOf({ family, bound });
  const law = { kind: "momentum", momentum: 0.9 } as const;
  const beside = await follow({ problem, theta0: theta, law, learningRate: 0.05, steps: 40 });
  const gradient = new Float64Array(theta.length);
  let last = await problem.lossGradient(theta, gradient);
  const [mu, tau] = [(0.05 * 1.9) / (2 * 0.1 ** 2), 0.5];
  last += ((tau / 2) ** 2 * gradient.reduce((sum, value) => sum + value * value, 0)) / (2 * mu);
  expect((await beside.predict())["energy"]).toBeCloseTo(last, 14);
  for (let k = 1; k <= 40; k++) {
    await beside.reach(k, k * tau);
    const energy = (await beside.predict())["energy"]!;
    expect(energy).toBeLessThan(last);
    last = energy;
  }
});
