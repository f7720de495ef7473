import { expect, test } from "vitest";
import { createStepper, float64Space, integrate, solve } from "../../src/ode/index.js";
import { distance, hopf, quartic } from "./problems.js";

const make = () =>
  createStepper({
    space: float64Space(2),
    field: hopf.field,
    method: "tsit5",
    t0: 0,
    y0: Float64Array.from(hopf.y0),
    rtol: 1e-6,
    atol: 1e-8,
  });

test("reaches the end and may go on from there", async () => {
  const stepper = make();
  const first = await integrate({ stepper, tEnd: 1 });
  expect(first).toMatchObject({ status: "reachedEnd", t: 1, message: "tsit5: reached t = 1." });
  const second = await integrate({ stepper, tEnd: 3 });
  expect(second.accepted + first.accepted).toBe(stepper.accepted);
  expect(second.evaluations + first.evaluations).toBe(stepper.evaluations);
  // Local errors of 1e-6 relative in about 20 steps, on a problem that damps them.
  expect(distance(stepper.y, hopf.exact(3))).toBeLessThan(1e-5);
  expect(await integrate({ stepper, tEnd: 3 })).toMatchObject({ status: "reachedEnd", accepted: 0, h: null });
});

test("maxSteps, maxEvaluations, stop", async () => {
  expect(await integrate({ stepper: make(), tEnd: 3, maxSteps: 4 })).toMatchObject({
    status: "maxSteps",
    accepted: 4,
  });
  const spent = await integrate({ stepper: make(), tEnd: 3, maxEvaluations: 30 });
  expect(spent.status).toBe("maxEvaluations");
  // Checked between steps, so the last step may pass it: by at most a step with one rejection here.
  expect(spent.evaluations).toBeLessThan(30 + 12);
  expect(spent.message).toContain(`of at most 30 evaluations ${spent.evaluations} were spent`);
  const stopped = await integrate({
    stepper: make(),
    tEnd: 3,
    onStep: async (step) => (step.t1 > 1 ? "stop" : undefined),
  });
  expect(stopped.status).toBe("stopped");
  expect(stopped.t).toBeGreaterThan(1);
});

test("an abort signal interrupts between steps", async () => {
  const abort = new AbortController();
  let steps = 0;
  const outcome = await integrate({
    stepper: make(),
    tEnd: 3,
    signal: abort.signal,
    onStep() {
      if (++steps === 3) abort.abort();
      return undefined;
    },
  });
  expect(outcome).toMatchObject({ status: "interrupted", accepted: 3 });
});

test("bad limits throw", async () => {
  await expect(integrate({ stepper: make(), tEnd: -1 })).rejects.toThrow(
    "tsit5: tEnd must be finite and not before t = 0, got -1.",
  );
  await expect(integrate({ stepper: make(), tEnd: 1, maxSteps: 0 })).rejects.toThrow(
    "tsit5: maxSteps must be a positive number, got 0.",
  );
});

test("solve reports at the times asked for", async () => {
  const at = [0, 0.5, 0.5, 1.25, 2];
  const f = (_t: number, y: Float64Array) => [-(y[0]! ** 3)];
  const options = { y0: [1], t0: 0, tEnd: 2, method: "dopri5", rtol: 1e-8, atol: 1e-10 } as const;
  const solution = await solve(f, { ...options, at });
  expect(solution.times).toEqual(at);
  solution.states.forEach((y, i) => {
    // Tolerance 1e-8 over a dozen contracting steps.
    expect(Math.abs(y[0]! - quartic.exact(at[i]!))).toBeLessThan(1e-7);
  });
  const steps = await solve(f, options);
  expect(steps.times.length).toBe(steps.accepted + 1);
  expect([steps.times[0], steps.times.at(-1)]).toEqual([0, 2]);
  await expect(solve(f, { ...options, at: [1, 0.5] })).rejects.toThrow(
    "solve: at must increase within [0, 2]",
  );
});
