import { describe, expect, test } from "vitest";
import {
  createStepper,
  type Field,
  float64Space,
  integrate,
  type MethodName,
  methods,
  type Step,
  type Stepper,
} from "../../src/ode/index.js";
import { StabilisedStepper } from "../../src/ode/stabilised.js";
import { distance, hopf } from "./problems.js";

/** y' = −y + y²/4·(1, −1) coupled: nonlinear, with real eigenvalues; and its logistic closed form by component. */
const logistic: Field<Float64Array> = (_t, y, out) => {
  out[0] = y[0]! - y[0]! ** 2;
};
const exactLogistic = (t: number) => 1 / (1 + 9 * Math.exp(-t));

/** Step sizes fixed by a tolerance that always accepts and a largest step. */
function fixed(method: MethodName, h: number, radius: number): Stepper<Float64Array> {
  return createStepper({
    space: float64Space(1),
    field: logistic,
    method,
    t0: 0,
    y0: Float64Array.of(0.1),
    rtol: 1e6,
    atol: 1e6,
    firstStep: h,
    maxStep: h,
    spectralRadius: () => radius,
  });
}

async function errors(method: MethodName, steps: number, radius: number) {
  const h = 4 / steps;
  const out = new Float64Array(1);
  let [node, dense, energy, count] = [0, 0, 0, 0];
  await integrate({
    stepper: fixed(method, h, radius),
    tEnd: 4,
    async onStep(step) {
      count++;
      node = Math.max(node, Math.abs(step.y1[0]! - exactLogistic(step.t1)));
      for (const x of [0.2, 0.5, 0.8]) {
        await step.interpolate(step.t0 + x * step.h, out);
        dense = Math.max(dense, Math.abs(out[0]! - exactLogistic(step.t0 + x * step.h)));
      }
      energy += step.quadrature((k) => k[0]! ** 2);
      return undefined;
    },
  });
  const potential = (y: number) => -(y ** 2) / 2 + y ** 3 / 3;
  return { node, dense, energy: Math.abs(energy - (potential(0.1) - potential(exactLogistic(4)))), count };
}

describe.each([
  ["rkc2", 2],
  ["tsrkc3", 3],
] as const)("%s", (method, order) => {
  // Few stages and many: the order must not depend on them. tsrkc3 starts with one step of second order, whose error is h³.
  test.each([1, 400])("order at the nodes, between them and of the quadrature, ρ = %i", async (radius) => {
    const [coarse, fine] = [await errors(method, 80, radius), await errors(method, 160, radius)];
    expect([coarse.count, fine.count]).toEqual([80, 160]);
    for (const what of ["node", "dense", "energy"] as const) {
      const slope = Math.log2(coarse[what] / fine[what]);
      // The next term of the expansion; the quadrature may be better than the solution.
      expect(slope).toBeGreaterThan(order - 0.25);
      if (what === "node") expect(slope).toBeLessThan(order + 0.4);
    }
  });

  test("part of a step's quadrature is the rest's complement", async () => {
    const stepper = fixed(method, 0.1, 10);
    await stepper.advance(4);
    const step = (await stepper.advance(4)) as Step<Float64Array>;
    const until = step.t0 + 0.3 * step.h;
    // Constant functionals are integrated exactly.
    expect(step.quadrature(() => 1, until)).toBeCloseTo(0.3 * step.h, 14);
    expect(step.quadrature(() => 1)).toBeCloseTo(step.h, 14);
  });

  test("restart: forgets the past, keeps the step size when asked, never lengthens it", async () => {
    const stepper = createStepper({
      space: float64Space(2),
      field: hopf.field,
      method,
      t0: 0,
      y0: Float64Array.from(hopf.y0),
      rtol: 1e-6,
      atol: 1e-9,
    });
    for (let i = 0; i < 10; i++) await stepper.advance(100);
    const [t, proposal] = [stepper.t, stepper.stepSize!];
    const y = Float64Array.from(hopf.exact(t));
    stepper.restart({ t, y, keepStepSize: true });
    expect(stepper.stepSize).toBeLessThanOrEqual(proposal);
    const before = stepper.rejected;
    const outcome = await integrate({ stepper, tEnd: 3 });
    expect(outcome.status).toBe("reachedEnd");
    // The first step after a restart is not thrown away: its size was known to be good for RKC2.
    expect(stepper.rejected - before).toBeLessThanOrEqual(1);
    expect(distance(stepper.y, hopf.exact(3))).toBeLessThan(1e-4);
    stepper.restart({ t: 3, y: stepper.y });
    expect(stepper.stepSize).toBeNull();
  });

  test("an event's way: back into the last step and up to a limit inside it", async () => {
    const stepper = fixed(method, 0.2, 5);
    for (let i = 0; i < 5; i++) await stepper.advance(4);
    const step = (await stepper.advance(4)) as Step<Float64Array>;
    const [t0, middle] = [step.t0, step.t0 + 0.4 * step.h];
    stepper.restart({ t: t0, y: step.y0.slice(), derivative: step.derivative0.slice(), keepStepSize: true });
    const cut = (await stepper.advance(middle)) as Step<Float64Array>;
    expect([cut.t0, cut.t1, stepper.t]).toEqual([t0, middle, middle]);
    // One step of second order, h = 0.08, on a solution whose third derivative is below 0.1.
    expect(Math.abs(cut.y1[0]! - exactLogistic(middle))).toBeLessThan(1e-3);
  });

  test("counts the evaluations of the power method, and asks a given estimate instead", async () => {
    let calls = 0;
    const stiff: Field<Float64Array> = (t, y, out) => {
      calls++;
      out[0] = -1000 * (y[0]! - Math.cos(t)) - Math.sin(t);
    };
    const make = (radius?: number) =>
      createStepper({
        space: float64Space(1),
        field: stiff,
        method,
        t0: 0,
        y0: Float64Array.of(1),
        rtol: 1e-4,
        atol: 1e-4,
        ...(radius === undefined ? {} : { spectralRadius: () => radius }),
      });
    const own = await integrate({ stepper: make(), tEnd: 3 });
    expect(own.evaluations).toBe(calls);
    calls = 0;
    const stepper = make(1000);
    const given = await integrate({ stepper, tEnd: 3 });
    expect([given.status, given.evaluations]).toEqual(["reachedEnd", calls]);
    // Dormand–Prince needs at least 6·1000·3/3.3 = 5454.
    expect(Math.max(own.evaluations, given.evaluations)).toBeLessThan(1500);
    expect(Math.abs(stepper.y[0]! - Math.cos(3))).toBeLessThan(1e-3);
  });

  test("an estimate ten times too small is survived: instability is rejected and asked about", async () => {
    let urgent = 0;
    const stepper = createStepper({
      space: float64Space(2),
      field: (_t, y, out) => {
        out[0] = -2000 * y[0]!;
        out[1] = -y[1]!;
      },
      method,
      t0: 0,
      y0: Float64Array.of(1e-3, 1),
      rtol: 1e-4,
      atol: 1e-4,
      spectralRadius: (_t, _y, _f, rejected) => {
        if (rejected !== null) urgent++;
        return rejected === null ? 200 : 2000;
      },
    });
    const outcome = await integrate({ stepper, tEnd: 5 });
    expect(outcome.status).toBe("reachedEnd");
    expect(urgent).toBeGreaterThan(0);
    expect(Math.abs(stepper.y[1]! - Math.exp(-5))).toBeLessThan(1e-3);
  });
});

test("tsrkc3 goes on from a step that another method took: third order at once", async () => {
  const slope = (y: number) => y - y ** 2;
  const first = async (h: number, hasPast: boolean) => {
    const options = {
      space: float64Space(1),
      field: logistic,
      method: "tsrkc3" as const,
      ...{ t0: 0, y0: Float64Array.of(0.1), firstStep: h },
      spectralRadius: () => 20,
    };
    const stepper = new StabilisedStepper(options, methods.tsrkc3, { rtol: 1e6, atol: 1e6, maxStep: h });
    const y = Float64Array.of(exactLogistic(h));
    stepper.restart({ t: h, y, derivative: Float64Array.of(slope(y[0]!)), keepStepSize: true });
    if (hasPast) stepper.continueFrom({ t: 0, y: Float64Array.of(0.1), f: Float64Array.of(slope(0.1)) });
    const step = (await stepper.advance(10)) as Step<Float64Array>;
    return Math.abs(step.y1[0]! - exactLogistic(2 * h));
  };
  const slopeOf = async (hasPast: boolean) =>
    Math.log2((await first(0.04, hasPast)) / (await first(0.02, hasPast)));
  // The error of one step is h⁴ with a past, h³ without; the next term shifts both a little.
  expect(Math.abs((await slopeOf(true)) - 4)).toBeLessThan(0.3);
  expect(Math.abs((await slopeOf(false)) - 3)).toBeLessThan(0.3);
});
