import { expect, test } from "vitest";
import { createStepper, type Field, float64Space, integrate, methods } from "../../src/ode/index.js";
import { stabilityFunction, stabilityInterval } from "../../src/ode/stability.js";
import { brusselator, distance, hopf } from "./problems.js";
import { sixDecades } from "./stiff-problems.js";

function make(field: Field<Float64Array>, y0: readonly number[], rtol: number, t0 = 0) {
  return createStepper({
    space: float64Space(y0.length),
    field,
    method: "auto",
    t0,
    y0: Float64Array.from(y0),
    rtol,
    atol: rtol,
  });
}

test("real stability intervals", () => {
  expect(stabilityInterval(methods.euler)).toBeCloseTo(2, 2);
  // Hairer, Wanner, Solving ODEs II, IV.2: 2.785 for order 4, 3.3066 for Dormand–Prince 5.
  expect(stabilityInterval(methods.rk4)).toBeCloseTo(2.785, 2);
  expect(stabilityInterval(methods.dopri5)).toBeCloseTo(3.307, 2);
  expect(stabilityFunction(methods.rk4, -0.1)).toBeCloseTo(Math.exp(-0.1), 6);
});

test("stays with the explicit method where nothing is stiff", async () => {
  for (const problem of [hopf, brusselator]) {
    const stepper = make(problem.field, problem.y0, 1e-6);
    await integrate({ stepper, tEnd: problem.tEnd });
    expect(stepper.phases!.map(({ method }) => method)).toEqual(["dopri5"]);
  }
  const tight = make(hopf.field, hopf.y0, 1e-9);
  await integrate({ stepper: tight, tEnd: hopf.tEnd });
  expect(tight.phases!.map(({ method }) => method)).toEqual(["dop853"]);
});

test("changes to a stabilised method where the flow becomes stiff and stays there", async () => {
  for (const rtol of [1e-3, 1e-5, 1e-8]) {
    const stepper = make(sixDecades.field, sixDecades.y0, rtol);
    await integrate({ stepper, tEnd: sixDecades.tEnd });
    const phases = stepper.phases!;
    const last = phases.at(-1)!;
    // While the step still grows through the limit the comparison may be close: one way back is allowed.
    expect(phases.length).toBeLessThanOrEqual(4);
    expect(last.method).toBe(rtol >= 1e-3 ? "rkc2" : "tsrkc3");
    expect(last.costBefore!).toBeGreaterThan(last.costPredicted!);
    expect(last.evaluations).toBeLessThan(stepper.evaluations / 2);
    expect(last.t).toBeLessThan(sixDecades.tEnd / 10);
  }
});

/** Stiff while |t| mod 40 < 20, then a harmonic oscillation whose error limits the step. */
const alternating: Field<Float64Array> = (t, y, out) => {
  const stiff = t % 40 < 20;
  out[0] = stiff ? -400 * (y[0]! - 1) : 3 * y[1]!;
  out[1] = stiff ? -y[1]! + 0.5 : -3 * (y[0]! - 1);
};

test("switches back and forth with the problem, without chatter", async () => {
  const stepper = make(alternating, [0, 1], 1e-6);
  for (let t = 20; t <= 120; t += 20) {
    const outcome = await integrate({ stepper, tEnd: t });
    expect(outcome.status).toBe("reachedEnd");
    // The field jumps here, as after an event.
    stepper.restart({ t, y: stepper.y, keepStepSize: true });
  }
  const found = stepper.phases!.map(({ method }) => method);
  expect(found.filter((method) => method === "tsrkc3").length).toBeGreaterThanOrEqual(2);
  expect(found.filter((method) => method === "dopri5").length).toBeGreaterThanOrEqual(2);
  // The first method, and in six stretches a change at each and no more than as many again in error.
  expect(found.length).toBeLessThanOrEqual(13);
});

test("a restart inside a stabilised phase keeps the method, and the answer", async () => {
  const stepper = make(sixDecades.field, sixDecades.y0, 1e-6);
  await integrate({ stepper, tEnd: 10 });
  const changes = stepper.phases!.length;
  stepper.restart({ t: 10, y: stepper.y.slice(), keepStepSize: true });
  await integrate({ stepper, tEnd: sixDecades.tEnd });
  expect(stepper.phases).toHaveLength(changes);
  expect(distance(stepper.y, sixDecades.reference)).toBeLessThan(1e-5);
});
