import { describe, expect, test } from "vitest";
import { ConfigError } from "../../src/errors.js";
import {
  createStepper,
  type Field,
  float64Space,
  integrate,
  type Step,
  tableaux,
} from "../../src/ode/index.js";
import { distance, hopf, tableauNames } from "./problems.js";

type Options = Parameters<typeof createStepper<Float64Array>>[0];

function make(overrides: Partial<Options> = {}) {
  const y0 = overrides.y0 ?? Float64Array.from(hopf.y0);
  return createStepper({
    space: float64Space(y0.length),
    field: hopf.field,
    method: "dopri5",
    t0: 0,
    y0,
    ...overrides,
  });
}

async function accepted(promise: Promise<Step<Float64Array> | { status: string; message: string }>) {
  const step = await promise;
  if (!("t1" in step)) throw new Error(step.message);
  return step;
}

const scalar = (f: (t: number, y: number) => number): Field<Float64Array> => {
  return (t, y, out) => {
    out[0] = f(t, y[0]!);
  };
};

describe("arguments", () => {
  test.each<[Partial<Options>, string]>([
    [{ method: "tsit5", rtol: -1e-6 }, "tsit5: rtol must be a positive number, got -0.000001."],
    [{ atol: 0 }, "dopri5: atol must be a positive number, got 0."],
    [{ method: "rk4" }, "rk4: stepSize is required, the method is not adaptive."],
    [{ method: "rk4", stepSize: NaN }, "rk4: stepSize must be a positive number, got NaN."],
    [{ stepSize: 0.1 }, "dopri5: stepSize has no meaning"],
    [{ method: "euler", stepSize: 0.1, firstStep: 0.1 }, "euler: firstStep has no meaning, use stepSize."],
    [{ tEnd: 0 }, "dopri5: tEnd must lie after t0 = 0, got 0."],
    [{ t0: NaN }, "dopri5: t0 must be a finite number, got NaN."],
    [{ maxStep: 0 }, "dopri5: maxStep must be a positive number, got 0."],
  ])("%o", (overrides, message) => {
    expect(() => make(overrides)).toThrow(ConfigError);
    expect(() => make(overrides)).toThrow(message);
  });

  test("a limit behind t", async () => {
    await expect(make().advance(0)).rejects.toThrow(
      "dopri5: the limit of a step must lie after t = 0, got 0.",
    );
  });
});

describe.each(tableauNames)("%s", (method) => {
  const stepSize = tableaux[method].error === null ? { stepSize: 0.3 } : {};

  test("lands on a limit and keeps the step size it had proposed", async () => {
    const stepper = make({ method, ...stepSize, ...(tableaux[method].error ? { rtol: 1e-4 } : {}) });
    await accepted(stepper.advance(100));
    const proposal = stepper.stepSize!;
    const limit = stepper.t + proposal / 50;
    const cut = await accepted(stepper.advance(limit));
    expect(cut.t1).toBe(limit);
    expect(stepper.stepSize!).toBeGreaterThanOrEqual(proposal);
    const next = await accepted(stepper.advance(100));
    // Accepted at the proposal at once, or reduced by control of this very step, not by the memory of the cut one.
    expect(next.h).toBeGreaterThan(proposal / 5);
  });

  test("counts evaluations, and an asynchronous field gives the same numbers", async () => {
    let calls = 0;
    const counted: Field<Float64Array> = (t, y, out) => {
      calls++;
      return hopf.field(t, y, out);
    };
    const sync = make({ method, ...stepSize, field: counted });
    const a = await integrate({ stepper: sync, tEnd: 2 });
    expect(a.status).toBe("reachedEnd");
    expect(a.evaluations).toBe(calls);
    const delayed = make({
      method,
      ...stepSize,
      field: async (t, y, out) => void (await hopf.field(t, y, out)),
    });
    const b = await integrate({ stepper: delayed, tEnd: 2 });
    expect(b).toEqual(a);
    expect(delayed.y).toEqual(sync.y);
    const inner = tableaux[method];
    const perAttempt = inner.stages - (inner.fsal ? 0 : 1);
    const first = inner.error === null ? 1 : 2;
    expect(calls).toBe(first + perAttempt * (a.accepted + a.rejected) + (inner.fsal ? 0 : a.accepted));
  });

  test("the step's ends survive, and interpolate returns them exactly", async () => {
    const stepper = make({ method, ...stepSize });
    await accepted(stepper.advance(100));
    const [y, f, t] = [stepper.y.slice(), stepper.derivative.slice(), stepper.t];
    const step = await accepted(stepper.advance(100));
    const out = new Float64Array(2);
    expect([step.t0, step.y0, step.derivative0]).toEqual([t, y, f]);
    await step.interpolate(step.t0, out);
    expect(out).toEqual(y);
    await step.interpolate(step.t1, out);
    expect(out).toEqual(stepper.y);
    const slope = new Float64Array(2);
    void hopf.field(step.t1, step.y1, slope);
    expect(step.derivative1).toEqual(slope);
    expect(stepper.derivative).toEqual(slope);
  });
});

describe("restart", () => {
  test("uses a derivative that is given and evaluates one that is not", async () => {
    const stepper = make({ firstStep: 0.1 });
    const step = await accepted(stepper.advance(100));
    const y = new Float64Array(2);
    const middle = (step.t0 + step.t1) / 2;
    await step.interpolate(middle, y);
    const derivative = new Float64Array(2);
    void hopf.field(middle, y, derivative);
    const before = stepper.evaluations;
    stepper.restart({ t: middle, y, derivative, keepStepSize: true });
    expect([stepper.t, stepper.y, stepper.derivative]).toEqual([middle, y, derivative]);
    await accepted(stepper.advance(100));
    expect(stepper.evaluations - before).toBe(6);
    stepper.restart({ t: stepper.t, y: stepper.y, keepStepSize: true });
    await accepted(stepper.advance(100));
    expect(stepper.evaluations - before).toBe(13);
    // Without a step size: two more, the derivative and the probe of the starting step size.
    stepper.restart({ t: stepper.t, y: stepper.y });
    expect(stepper.stepSize).toBeNull();
    await stepper.prepare();
    expect(stepper.evaluations - before).toBe(15);
    expect(stepper.stepSize).toBeGreaterThan(0);
  });

  test("a derivative given at the start is not evaluated", async () => {
    const derivative = Float64Array.of(0.375, 0.5);
    const stepper = make({ firstStep: 0.01, derivative });
    await accepted(stepper.advance(1));
    expect(stepper.evaluations).toBe(6);
  });

  test("from vectors of the last step itself, and back to its start", async () => {
    const stepper = make({ firstStep: 0.1 });
    await accepted(stepper.advance(100));
    const step = await accepted(stepper.advance(100));
    const [y0, t0, y1] = [step.y0.slice(), step.t0, step.y1.slice()];
    stepper.restart({ t: t0, y: step.y0, derivative: step.derivative0, keepStepSize: true });
    expect(stepper.y).toEqual(y0);
    const again = await accepted(stepper.advance(step.t1));
    // The same step over the same data: equal up to nothing.
    expect(again.y1).toEqual(y1);
    expect(() => step.interpolate(t0, new Float64Array(2))).toThrow("no longer valid");
  });

  test("a change of field takes effect", async () => {
    let rate = 1;
    const stepper = make({ field: scalar(() => rate), y0: Float64Array.of(0), method: "rk4", stepSize: 1 });
    await accepted(stepper.advance(1));
    rate = -1;
    stepper.restart({ t: 1, y: stepper.y });
    await accepted(stepper.advance(2));
    // 1 − 1, exact in floating point.
    expect(stepper.y[0]).toBe(0);
  });
});

describe("failures leave the stepper where it was", () => {
  test("stepTooSmall at a singularity", async () => {
    // y' = y², y(0) = 1 explodes at t = 1.
    const stepper = make({ field: scalar((_t, y) => y * y), y0: Float64Array.of(1), rtol: 1e-8 });
    const outcome = await integrate({ stepper, tEnd: 2, maxSteps: 10_000 });
    expect(["stepTooSmall", "nonFinite"]).toContain(outcome.status);
    // The numerical solution explodes within its own global error of the true time.
    expect(outcome.t).toBeCloseTo(1, 4);
    expect(stepper.y[0]).toBeLessThan(Infinity);
    expect(outcome.message).toMatch(/^dopri5: /);
  });

  test("stepTooSmall where the field jumps at every evaluation", async () => {
    let sign = 1;
    const field = scalar(() => {
      sign = -sign;
      return sign * 1e12;
    });
    const stepper = make({ field, t0: 1, y0: Float64Array.of(0), rtol: 1e-10, atol: 1e-10 });
    const outcome = await integrate({ stepper, tEnd: 2, maxSteps: 100 });
    expect(outcome.status).toBe("stepTooSmall");
    expect(outcome.t).toBe(1);
  });

  test.each(tableauNames)("nonFinite behind a wall, %s", async (method) => {
    const isFixed = tableaux[method].error === null;
    const stepper = make({
      method,
      field: scalar((t) => (t > 0.5 ? NaN : 1)),
      y0: Float64Array.of(0),
      ...(isFixed ? { stepSize: 0.11 } : {}),
    });
    const outcome = await integrate({ stepper, tEnd: 2 });
    expect(outcome.status).toBe("nonFinite");
    expect(outcome.t).toBeLessThanOrEqual(0.5);
    // A fixed method stops a step short of the wall; an adaptive one walks up to it, tenfold closer at each attempt.
    expect(outcome.t).toBeGreaterThan(isFixed ? 0.5 - 0.12 : 0.5 - 1e-6);
    expect(stepper.y[0]).toBeCloseTo(outcome.t, 12);
  });

  test("nonFinite at the start, after one evaluation", async () => {
    const stepper = make({ field: scalar(() => NaN), y0: Float64Array.of(0) });
    const outcome = await integrate({ stepper, tEnd: 1 });
    expect(outcome).toMatchObject({ status: "nonFinite", t: 0, accepted: 0, evaluations: 1 });
  });

  test("a passing overflow is stepped around", async () => {
    // The first trial steps overshoot into a region where the field is not finite; smaller ones do not.
    const field = scalar((_t, y) => (y > 2 ? Infinity : 1 - y));
    const stepper = make({ field, y0: Float64Array.of(0), firstStep: 10 });
    const outcome = await integrate({ stepper, tEnd: 5 });
    expect(outcome.status).toBe("reachedEnd");
    expect(outcome.rejected).toBeGreaterThan(0);
  });
});

test("maxStep bounds every step", async () => {
  const stepper = make({ maxStep: 0.05, rtol: 1e-2 });
  await integrate({
    stepper,
    tEnd: 1,
    onStep(step) {
      // A step may be stretched by 1 % to meet the end.
      expect(step.h).toBeLessThanOrEqual(0.05 * 1.01 + 1e-15);
      return undefined;
    },
  });
});

test("a fixed method lands on the end in the expected number of steps", async () => {
  const stepper = make({ method: "euler", stepSize: 0.1 });
  const outcome = await integrate({ stepper, tEnd: 3 });
  expect([outcome.accepted, stepper.t]).toEqual([30, 3]);
});

test("dop853 evaluates its extra stages once per step, and only when asked", async () => {
  const stepper = make({ method: "dop853" });
  const step = await accepted(stepper.advance(3));
  const out = new Float64Array(2);
  const before = stepper.evaluations;
  expect(() => step.quadrature(() => 1, step.t0 + step.h / 2)).toThrow("call interpolate before");
  await step.interpolate(step.t0 + step.h / 3, out);
  await step.interpolate(step.t0 + step.h / 2, out);
  expect(stepper.evaluations - before).toBe(3);
  // Default rtol 1e-6 bounds the error of this one step, from a known start.
  expect(distance(out, hopf.exact(step.t0 + step.h / 2))).toBeLessThan(1e-6);
  expect(step.quadrature(() => 1, step.t0 + step.h / 2)).toBeCloseTo(step.h / 2, 14);
});
