/** The exact identities of mathematics.md, section 2, on smooth networks. */
import { describe, expect, test } from "vitest";
import { lossFactor, type Reduction } from "../../src/model/index.js";
import { makeCase } from "../support/networks.js";
import { distance, logTimes, norm, observeFlow, problemOf } from "./runs.js";

const kinds = ["dnn", "resnet", "gcn"] as const;
const tanh = (kind: (typeof kinds)[number]) => makeCase({ kind, activation: { kind: "tanh" }, seed: 3 });

describe.each(kinds)("%s with tanh", (kind) => {
  test.each([
    ["bs32", 1e-4],
    ["bs32", 1e-6],
    ["dopri5", 1e-4],
    ["dopri5", 1e-6],
    ["dopri5", 1e-9],
    ["tsit5", 1e-4],
    ["tsit5", 1e-6],
    ["tsit5", 1e-9],
    ["dop853", 1e-4],
    ["dop853", 1e-6],
    ["dop853", 1e-9],
  ] as const)("%s at rtol %s: the loss falls by ∫‖∇L‖² to 10·rtol", async (method, rtol) => {
    const c = tanh(kind);
    const { outcome, observations } = await observeFlow({
      problem: await problemOf(c),
      theta0: c.theta,
      method,
      rtol,
      atol: rtol / 1000,
      tEnd: 20,
      times: logTimes(0.05, 20, 30),
    });
    expect(outcome.status).toBe("reachedEnd");
    expect(observations.length).toBe(31);
    expect(observations[0]!.energyDefect).toBeNull();
    expect(observations[30]!.energyDefect).toBeLessThan(10 * rtol);
    // Inside a step the dense output answers, which is of the method's order but has no error control of its own.
    for (const { energyDefect } of observations.slice(1)) expect(energyDefect).toBeLessThan(30 * rtol);
  });

  test("the defect shows a gradient that is wrong by a thousandth", async () => {
    const c = tanh(kind);
    const problem = await problemOf(c);
    const wrong = {
      ...problem,
      async field(theta: Float64Array, velocity: Float64Array) {
        const loss = await problem.field(theta, velocity);
        velocity.forEach((v, i) => {
          velocity[i] = v * 1.001;
        });
        return loss;
      },
    };
    const { observations } = await observeFlow({
      problem: wrong,
      theta0: c.theta,
      method: "dopri5",
      rtol: 1e-6,
      tEnd: 5,
      times: [5],
    });
    expect(observations[1]!.energyDefect).toBeGreaterThan(1e-4);
  });

  test("λ_eff is the logarithmic slope of ‖r‖², and θ moves no further than √(t(L(0) − L(t)))", async () => {
    const c = tanh(kind);
    const h = 2e-4;
    const centres = [0.1, 1, 5, 10];
    const { observations } = await observeFlow({
      problem: await problemOf(c),
      theta0: c.theta,
      method: "dop853",
      rtol: 1e-12,
      atol: 1e-14,
      tEnd: 12,
      times: [...centres.flatMap((t) => [t - h, t, t + h]), 12],
    });
    const factor = c.family.factor!;
    for (const [i, t] of centres.entries()) {
      const [before, at, after] = observations.slice(1 + 3 * i, 4 + 3 * i);
      const slope = (Math.log(after!.residualNorm! ** 2) - Math.log(before!.residualNorm! ** 2)) / (2 * h);
      expect(at!.t).toBe(t);
      // Truncation of the central difference: h²/6 times the third derivative, of the order of the rates' cube.
      expect(Math.abs(slope / (-4 * factor * at!.lambdaEff!) - 1)).toBeLessThan(1e-5);
    }
    const initial = observations[0]!.loss;
    for (const { t, loss, parameterDistance, gradientNorm, lambdaEff, residualNorm } of observations) {
      expect(parameterDistance).toBeLessThanOrEqual(Math.sqrt(t * (initial - loss)));
      expect(Math.abs(residualNorm! ** 2 * factor - loss)).toBeLessThan(1e-14 * initial);
      expect(Math.abs((lambdaEff! * 4 * factor * loss) / gradientNorm ** 2 - 1)).toBeLessThan(1e-14);
    }
  });
});

test("the reductions share one flow on the canonical clock", async () => {
  const samples = 7;
  const outputs = 3;
  const ends: Float64Array[] = [];
  const canonicalEnd = 6;
  for (const reduction of ["half-sum", "sum", "mean", "half-mean-sample"] satisfies Reduction[]) {
    const factor = lossFactor(reduction, samples, outputs);
    const c = makeCase({ samples, factor, activation: { kind: "tanh" }, seed: 5 });
    const { outcome, observations } = await observeFlow({
      problem: await problemOf(c),
      theta0: c.theta,
      method: "dopri5",
      rtol: 1e-10,
      atol: 1e-13,
      tEnd: canonicalEnd / (2 * factor),
    });
    for (const { t, canonicalTime } of observations) expect(canonicalTime).toBe(2 * factor * t);
    ends.push(outcome.theta);
  }
  // Same path, other steps: the four differ by the integration error alone.
  for (const end of ends.slice(1)) expect(distance(end, ends[0]!)).toBeLessThan(1e-8 * norm(end));
});

test("factors of the reductions", () => {
  expect(lossFactor("half-sum", 5, 3)).toBe(1 / 2);
  expect(lossFactor("sum", 5, 3)).toBe(1);
  expect(lossFactor("mean", 5, 3)).toBe(1 / 15);
  expect(lossFactor("half-mean-sample", 5, 3)).toBe(1 / 10);
});
