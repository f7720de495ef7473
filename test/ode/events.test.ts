import { describe, expect, test } from "vitest";
import {
  createStepper,
  type Event,
  type EventFunction,
  EventLocator,
  float64Space,
  type MethodName,
  type StepperOptions,
} from "../../src/ode/index.js";
import { type IntegrateWithEventsOptions, integrateWithEvents } from "../support/integrate-with-events.js";

type State = Float64Array;
type Overrides = Partial<Omit<StepperOptions<State>, "y0">> & { y0: readonly number[]; tEnd: number };

/** z = selected functions of (t, y), with dz/dt, or differences in its place. */
function eventsOf(
  z: (t: number, y: State) => number[],
  rate?: (t: number, y: State, dy: State) => number[],
  breakpoints = [0],
) {
  const events: EventFunction<State> = {
    components: z(0, new Float64Array(8)).length,
    breakpoints,
    evaluate: (t, y, out) => out.set(z(t, y)),
    derivative: (t, y, dy, out) => out.set((rate ?? differences)(t, y, dy)),
  };
  const differences = (t: number, y: State, dy: State) => {
    const before = z(t, y);
    return z(
      t + PROBE,
      y.map((value, i) => value + PROBE * dy[i]!),
    ).map((after, e) => (after - before[e]!) / PROBE);
  };
  return events;
}
const PROBE = 1e-7;

interface Log {
  t: number;
  y: number[];
  crossings: readonly { component: number; from: number; to: number }[];
}

async function run(
  overrides: Overrides,
  events: EventFunction<State>,
  onEvent: (
    event: Event<State>,
    locator: EventLocator<State>,
  ) => { y?: State; stop?: boolean } | undefined = () => undefined,
  more: Partial<IntegrateWithEventsOptions<State>> = {},
) {
  const { tEnd, y0, ...rest } = overrides;
  const stepper = createStepper<State>({
    space: float64Space(y0.length),
    field: (_t, _y, out) => void out.fill(1),
    method: "dopri5",
    t0: 0,
    rtol: 1e-10,
    atol: 1e-12,
    ...rest,
    y0: Float64Array.from(y0),
  });
  const log: Log[] = [];
  const outcome = await integrateWithEvents({
    stepper,
    tEnd,
    events,
    ...more,
    onEvent(event, locator) {
      log.push({ t: event.t, y: [...event.y], crossings: event.crossings });
      return onEvent(event, locator);
    },
  });
  return { outcome, stepper, log };
}

describe("u' = 2u below 1, 5 − 3u above", () => {
  const crossing = Math.log(10) / 2;
  const kink = (method: MethodName, withRate: boolean, tolerance: number, y0 = 0.1) => {
    let piece = 0;
    return run(
      {
        y0: [y0],
        tEnd: 1.5,
        method,
        rtol: tolerance,
        atol: tolerance / 100,
        field: (_t, y, out) => void out.fill(piece === 0 ? 2 * y[0]! : 5 - 3 * y[0]!),
      },
      eventsOf((_t, y) => [y[0]!], withRate ? (_t, _y, dy) => [dy[0]!] : undefined, [1]),
      (event) => {
        piece = event.crossings[0]!.to;
        return undefined;
      },
    );
  };

  test.each([
    ["dopri5", true],
    ["dopri5", false],
    ["tsit5", true],
    ["bs32", true],
    ["dop853", true],
    ["dop853", false],
  ] as const)("%s, derivative of z: %s", async (method, withRate) => {
    const { outcome, stepper, log } = await kink(method, withRate, method === "bs32" ? 1e-11 : 1e-12);
    expect(outcome).toMatchObject({ status: "reachedEnd", t: 1.5, events: 1, crossings: 1 });
    expect(log[0]!.crossings).toEqual([{ component: 0, from: 0, to: 1 }]);
    // Tolerance 1e-12 over some hundred steps, the perturbation growing tenfold before the kink; 1e-9 is asked for.
    expect(Math.abs(log[0]!.t - crossing)).toBeLessThan(1e-10);
    expect(Math.abs(stepper.y[0]! - 1.4324684561348566)).toBeLessThan(1e-9);
    // Right-sided: the state returned is beyond the breakpoint, by the tolerance on z and no more than rounding besides.
    expect(log[0]!.y[0]! - 1).toBeGreaterThan(0);
    expect(log[0]!.y[0]! - 1).toBeLessThan(1e-11);
  });

  test("the error still follows the tolerance", async () => {
    const errors: number[] = [];
    for (const tolerance of [1e-4, 1e-6, 1e-8, 1e-10]) {
      const { stepper } = await kink("dopri5", true, tolerance);
      errors.push(Math.abs(stepper.y[0]! - 1.4324684561348566));
    }
    for (const [i, tolerance] of [1e-4, 1e-6, 1e-8, 1e-10].entries()) {
      // Local errors accumulate over at most a hundred steps and grow tenfold on the way to the kink.
      expect(errors[i]! / tolerance).toBeLessThan(20);
    }
    // Proportional to the tolerance: six decades, give or take one.
    expect(Math.log10(errors[0]! / errors[3]!)).toBeGreaterThan(5);
  });
});

test("a method keeps its order through a crossing", async () => {
  // u' = u² below 1, 3 − u² above; u = 1/(5 − t) up to t = 4, then √3·tanh(√3(t − 4) + artanh(1/√3)).
  const s = Math.sqrt(3);
  const exact = s * Math.tanh(s * 1.3 + Math.atanh(1 / s));
  const error = async (method: MethodName, steps: number) => {
    let piece = 0;
    const { stepper } = await run(
      {
        y0: [0.2],
        tEnd: 5.3,
        method,
        field: (_t, y, out) => void out.fill(piece === 0 ? y[0]! ** 2 : 3 - y[0]! ** 2),
        stepSize: 5.3 / steps,
      },
      eventsOf(
        (_t, y) => [y[0]!],
        (_t, _y, dy) => [dy[0]!],
        [1],
      ),
      () => {
        piece = 1;
        return undefined;
      },
    );
    return Math.abs(stepper.y[0]! - exact);
  };
  for (const [method, order] of [
    ["euler", 1],
    ["heun", 2],
    ["rk4", 4],
  ] as const) {
    const slope = Math.log2((await error(method, 200)) / (await error(method, 800))) / 2;
    // The place of the crossing within its step varies from run to run, which moves the error constant a little: a slope over a
    // factor 4 in h may be half an order off, and an unresolved kink would show order 1.
    expect(slope).toBeGreaterThan(order - 0.5);
  }
});

test("a bouncing ball: the caller keeps the ball above the ground and turns its velocity", async () => {
  const restitution = 0.8;
  const { log, outcome, stepper } = await run(
    {
      y0: [1, 0],
      tEnd: 2.5,
      field: (_t, y, out) => {
        out[0] = y[1]!;
        out[1] = -9.81;
      },
    },
    eventsOf((_t, y) => [y[0]!]),
    (event, locator) => {
      locator.setPiece(0, 1);
      return { y: Float64Array.of(event.y[0]!, -restitution * event.y[1]!) };
    },
  );
  const fall = Math.sqrt(2 / 9.81);
  const times = [fall];
  for (let i = 1; i < 6; i++) times.push(times.at(-1)! + 2 * fall * restitution ** i);
  const expected = times.filter((t) => t < 2.5);
  expect(outcome.status).toBe("reachedEnd");
  expect(log.length).toBe(expected.length);
  // The flight is a parabola, exact for the method: what is left is the tolerance on z (1e-12) over the speed (≥ 1) at each bounce,
  // which shifts all later ones.
  for (const [i, t] of expected.entries()) expect(Math.abs(log[i]!.t - t)).toBeLessThan(1e-10);
  expect(stepper.t).toBe(2.5);
});

test("Zeno's ball ends in a status, not in a loop", async () => {
  const { outcome } = await run(
    {
      y0: [1, 0],
      tEnd: 10,
      field: (_t, y, out) => {
        out[0] = y[1]!;
        out[1] = -9.81;
      },
    },
    eventsOf((_t, y) => [y[0]!]),
    (event, locator) => {
      locator.setPiece(0, 1);
      return { y: Float64Array.of(0, -0.5 * event.y[1]!) };
    },
    { maxEvents: 300 },
  );
  expect(outcome).toMatchObject({ status: "maxEvents", events: 300 });
  expect(outcome.message).toMatch(/^dopri5: 300 events were not enough to pass t = /);
  // It comes to rest at √(2/g)(1 + 2·½/(1 − ½)) = 3√(2/g); from there on it trembles within the tolerance on z, for which it needs
  // √(1e-12) in time per bounce.
  expect(outcome.t).toBeCloseTo(3 * Math.sqrt(2 / 9.81), 3);
});

test("sliding, which crossing cannot resolve, ends in a status as well", async () => {
  // u' = −sign(u): both sides push towards 0.
  let piece = 1;
  const { outcome } = await run(
    { y0: [0.5], tEnd: 2, field: (_t, _y, out) => void out.fill(piece === 1 ? -1 : 1) },
    eventsOf((_t, y) => [y[0]!]),
    (event) => {
      piece = event.crossings[0]!.to;
      return undefined;
    },
    { maxSteps: 100_000 },
  );
  expect(outcome.status).toBe("eventCascade");
  expect(outcome.t).toBeCloseTo(0.5, 6);
});

describe("double crossings inside one step", () => {
  // y' = 1, one huge step; z = (t − 1)² − 0.04 leaves the upper piece at 0.8 and returns at 1.2.
  const dip = (t: number) => (t - 1) ** 2 - 0.04;
  test.each([0.8, 1.9])("found by the derivative, firstStep %f", async (firstStep) => {
    const events = eventsOf(
      (_t, y) => [dip(y[0]!)],
      (_t, y, dy) => [2 * (y[0]! - 1) * dy[0]!],
    );
    const { log, outcome } = await run({ y0: [0], tEnd: 4, firstStep }, events);
    expect(log.map(({ crossings }) => crossings[0]!.to)).toEqual([0, 1]);
    // The slope of z there is 0.4, the tolerance on z 1e-12.
    expect(Math.abs(log[0]!.t - 0.8)).toBeLessThan(1e-11);
    expect(Math.abs(log[1]!.t - 1.2)).toBeLessThan(1e-11);
    expect(outcome.status).toBe("reachedEnd");
  });

  test("the first of several components, though another one is outside at the end of the step", async () => {
    const events = eventsOf(
      (_t, y) => [1.7 - y[0]!, dip(y[0]!), y[0]! - 1.9],
      (_t, y, dy) => [-dy[0]!, 2 * (y[0]! - 1) * dy[0]!, dy[0]!],
    );
    const { log } = await run({ y0: [0], tEnd: 2, firstStep: 2 }, events);
    expect(log.map(({ crossings }) => crossings.map((c) => c.component))).toEqual([[1], [1], [0], [2]]);
  });

  test("an excursion that is forecast but does not happen is no event", async () => {
    // Between the ends a cubic through z and dz/dt dips below 0, z itself does not.
    const z = (t: number) => 0.01 + Math.cos(2 * Math.PI * t) ** 2 * 0.5;
    const rate = (t: number) => -Math.PI * Math.sin(4 * Math.PI * t);
    const events = eventsOf(
      (_t, y) => [z(y[0]!)],
      (_t, y, dy) => [rate(y[0]!) * dy[0]!],
    );
    const { log, outcome } = await run({ y0: [0.125], tEnd: 0.75, firstStep: 0.75, maxStep: 0.75 }, events);
    expect([log.length, outcome.status]).toEqual([0, "reachedEnd"]);
  });

  test.each([0, 20, 200])("an excursion after %i that were forecast and did not happen", async (alarms) => {
    // The alarms rise steeply at both ends of the step and are far inside in between; what leaves does so after their forecasts.
    const z = (t: number) => 0.5 + Math.cos(16 * Math.PI * t) ** 2;
    const rate = (t: number) => -16 * Math.PI * Math.sin(32 * Math.PI * t);
    const [t0, tEnd] = [1 / 64, 1 + 1 / 64];
    const dipAt = (t: number) => (t - 0.9) ** 2 - 0.0004;
    const falseAlarms = Array.from({ length: alarms }, (_, i) => 1 + i / 1000);
    const events = eventsOf(
      (_t, y) => [...falseAlarms.map((factor) => factor * z(y[0]!)), dipAt(y[0]!)],
      (_t, y, dy) => [
        ...falseAlarms.map((factor) => factor * rate(y[0]!) * dy[0]!),
        2 * (y[0]! - 0.9) * dy[0]!,
      ],
    );
    const { log } = await run({ y0: [t0], tEnd: tEnd - t0, firstStep: 2, maxStep: 2 }, events);
    expect(log.map(({ crossings }) => crossings)).toEqual([
      [{ component: alarms, from: 1, to: 0 }],
      [{ component: alarms, from: 0, to: 1 }],
    ]);
    expect(Math.abs(log[0]!.t + t0 - 0.88)).toBeLessThan(1e-10);
  });
});

describe("a component that starts at its breakpoint", () => {
  const wave = { y0: [0], tEnd: 4 };
  test("does not fire at once but when it crosses later", async () => {
    const rate = (_t: number, y: State, dy: State) => [Math.cos(y[0]!) * dy[0]!];
    const { log } = await run(
      wave,
      eventsOf((_t, y) => [Math.sin(y[0]!)], rate),
    );
    expect(log.length).toBe(1);
    expect(log[0]!.crossings).toEqual([{ component: 0, from: 1, to: 0 }]);
    // y' = 1 is exact, so π is missed by the tolerance on z only.
    expect(Math.abs(log[0]!.t - Math.PI)).toBeLessThan(1e-11);
  });

  test("downwards as well", async () => {
    const rate = (_t: number, y: State, dy: State) => [-Math.cos(y[0]!) * dy[0]!];
    const { log } = await run(
      wave,
      eventsOf((_t, y) => [-Math.sin(y[0]!)], rate),
    );
    expect(log.map(({ crossings }) => crossings[0]!.from)).toEqual([0]);
  });

  test.each([1e-13, -1e-13, 5e-11])(
    "within tolerance of it, on either side (%e), pieces given",
    async (offset) => {
      // Rising through the breakpoint from slightly below, but already counted to the upper piece.
      const { log } = await run(
        wave,
        eventsOf((_t, y) => [Math.sin(y[0]!) - offset]),
        undefined,
        { pieces: [1] },
      );
      expect(log.length).toBe(1);
      expect(Math.abs(log[0]!.t - Math.PI)).toBeLessThan(1e-10);
    },
  );

  test("fires where it leaves a piece that it was wrongly counted to", async () => {
    const { log } = await run(
      wave,
      eventsOf((_t, y) => [Math.sin(y[0]!)]),
      undefined,
      { pieces: [0] },
    );
    expect(log.map(({ crossings }) => crossings[0]!.to)).toEqual([1, 0]);
    expect(log[0]!.t).toBeLessThan(1e-11);
  });

  test("a component well outside its piece is an event at once", async () => {
    const { log } = await run(
      wave,
      eventsOf((_t, y) => [y[0]! + 1]),
      undefined,
      { pieces: [0] },
    );
    expect(log).toMatchObject([{ t: 0, crossings: [{ component: 0, from: 0, to: 1 }] }]);
  });
});

test("1000 components that cross together are returned together", async () => {
  const slopes = Array.from({ length: 1000 }, (_, i) => (i % 2 === 0 ? 1 : -1) * (0.5 + i / 300));
  const events: EventFunction<State> = {
    components: 1001,
    evaluate(_t, y, out) {
      for (let i = 0; i < 1000; i++) out[i] = slopes[i]! * (y[0]! - 0.7);
      out[1000] = y[0]! - 0.8;
    },
    derivative: (_t, _y, dy, out) => out.set([...slopes.map((slope) => slope * dy[0]!), dy[0]!]),
  };
  const { log } = await run({ y0: [0], tEnd: 1 }, events);
  expect(log.map(({ crossings }) => crossings.length)).toEqual([1000, 1]);
  expect(log[0]!.crossings[3]).toEqual({ component: 3, from: 1, to: 0 });
  // The fastest has slope 3.8, the tolerance on z is 1e-12.
  expect(Math.abs(log[0]!.t - 0.7)).toBeLessThan(1e-11);
});

test("many components crossing one after the other inside one step", async () => {
  const n = 200;
  const places = Array.from({ length: n }, (_, i) => ((i * 37) % n) / n + 0.001);
  const events = eventsOf(
    (_t, y) => places.map((p) => (y[0]! - p) * (1 + p)),
    (_t, _y, dy) => places.map((p) => dy[0]! * (1 + p)),
  );
  const { log, outcome } = await run({ y0: [0], tEnd: 1, firstStep: 1 }, events);
  expect(outcome.events).toBe(n);
  const sorted = [...places].sort((a, b) => a - b);
  for (const [i, p] of sorted.entries()) expect(Math.abs(log[i]!.t - p)).toBeLessThan(1e-11);
  // z is linear in t, so the forecast is exact: three or four evaluations of z (end, right and left of the root) and two of its
  // derivative for each event.
  expect(outcome.eventEvaluations / n).toBeLessThan(6.5);
});

test("several breakpoints, also by component", async () => {
  const events: EventFunction<State> = {
    components: 2,
    breakpoints: (e) => (e === 0 ? [-0.5, 0.5] : [0.25]),
    evaluate: (_t, y, out) => out.set([2 * y[0]! - 1, y[0]!]),
    derivative: (_t, _y, dy, out) => out.set([2 * dy[0]!, dy[0]!]),
  };
  const { log } = await run({ y0: [0], tEnd: 1 }, events);
  const seen = log.flatMap(({ t, crossings }) =>
    crossings.map((c) => [Math.round(t * 1e9) / 1e9, c.component, c.from, c.to]),
  );
  expect(seen.slice(0, 1)[0]![0]).toBe(0.25);
  expect(log.length).toBe(2);
  expect(log[0]!.crossings).toEqual([
    { component: 0, from: 0, to: 1 },
    { component: 1, from: 0, to: 1 },
  ]);
  expect(log[1]!.crossings).toEqual([{ component: 0, from: 1, to: 2 }]);
});

test("asynchronous event functions give the same events", async () => {
  const z = (_t: number, y: State) => [Math.sin(5 * y[0]!), Math.cos(3 * y[0]!)];
  const way = { y0: [0.1], tEnd: 3, maxStep: 0.3 };
  const sync = await run(way, eventsOf(z));
  const events = eventsOf(z);
  const delayed = await run(way, {
    ...events,
    evaluate: async (t, y, out) => {
      await Promise.resolve();
      await events.evaluate(t, y, out);
    },
  });
  expect(delayed.log).toEqual(sync.log);
  expect(sync.log.length).toBe(7);
});

test("a component held on its breakpoint is ignored until it gets a piece again", async () => {
  const stepper = createStepper<State>({
    space: float64Space(1),
    field: (_t, _y, out) => void out.fill(1),
    method: "rk4",
    stepSize: 0.1,
    t0: 0,
    y0: Float64Array.of(-0.25),
  });
  const locator = new EventLocator({ space: stepper.space, events: eventsOf((_t, y) => [y[0]!]) });
  await stepper.prepare();
  await locator.begin(0, stepper.y, stepper.derivative);
  locator.ignore(0);
  for (let i = 0; i < 5; i++) {
    const step = await stepper.advance(10);
    if (step.status !== "accepted") throw new Error(step.message);
    expect(await locator.locate(step)).toBeNull();
  }
  locator.setPiece(0, 0);
  const step = await stepper.advance(10);
  if (step.status !== "accepted") throw new Error(step.message);
  expect((await locator.locate(step))?.crossings).toEqual([{ component: 0, from: 0, to: 1 }]);
  await expect(locator.locate({ ...step, t0: 7 })).rejects.toThrow("call begin");
  expect(() => locator.setPiece(0, 2)).toThrow("events: piece of component 0 must lie in 0..1, got 2.");
});

test("steps reported stand up to the event, so that integrals add up", async () => {
  let piece = 0;
  let integral = 0;
  await run(
    {
      y0: [0.1],
      tEnd: 1.5,
      rtol: 1e-9,
      field: (_t, y, out) => void out.fill(piece === 0 ? 2 * y[0]! : 5 - 3 * y[0]!),
    },
    eventsOf((_t, y) => [y[0]!], undefined, [1]),
    () => {
      piece = 1;
      return undefined;
    },
    {
      onStep(step, until) {
        integral += step.quadrature((k) => k[0]! ** 2, until);
        return undefined;
      },
    },
  );
  // ∫ u'² = ∫ u' du: u² from 0.1 to 1, then 5u − 3u²/2 up to u(1.5).
  const u = 1.4324684561348566;
  const exact = 1 - 0.01 + (5 * u - 1.5 * u ** 2) - (5 - 1.5);
  // Tolerance 1e-9 on u; the cut step is integrated by the dense output, one order lower.
  expect(Math.abs(integral - exact)).toBeLessThan(1e-7);
});

test("bad options throw", () => {
  const events = eventsOf((_t, y) => [y[0]!]);
  const space = float64Space(1);
  expect(() => new EventLocator({ space, events, zTolerance: 0 })).toThrow(
    "events: zTolerance must be a positive number, got 0.",
  );
});
