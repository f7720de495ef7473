import { describe, expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import { createProblem } from "../../src/flow/index.js";
import { createStepper, type Field, float64Space, type MethodName } from "../../src/ode/index.js";
import { firstStep } from "../../src/ode/step-size.js";
import { makeCase } from "../support/networks.js";

type State = Float64Array;
const SCALES = [1e-9, 1e-6, 1e-3, 1e3, 1e6, 1e9];
/** Rounding of a gradient whose data were scaled, over the curvature's difference of 1 %, to the power 1/2 at most. */
const SAME = 1e-11;

/** The first step of a method from y0. */
async function proposal(
  field: Field<State>,
  y0: State,
  options: { method?: MethodName; rtol?: number; atol?: number; t0?: number; tEnd?: number },
): Promise<number> {
  const { method = "dopri5", t0 = 0, ...rest } = options;
  const stepper = createStepper({ space: float64Space(y0.length), field, method, t0, y0, ...rest });
  expect(await stepper.prepare()).toBeNull();
  return stepper.stepSize!;
}

describe("the first step has no scale of its own", () => {
  const networks = [
    { name: "tanh", spec: { activation: { kind: "tanh" } } },
    { name: "ReLU without biases", spec: { activation: { kind: "relu" }, bias: false } },
  ] as const;

  async function flowOf(spec: (typeof networks)[number]["spec"], data: number, loss: number) {
    const given = makeCase({ samples: 8, outputDimension: 2, seed: 3, ...spec, factor: loss / 16 });
    const bound = {
      ...given.bound,
      x: given.bound["x"]!.map((value) => data * value),
      y: given.bound["y"]!.map((value) => data * value),
    };
    const problem = await createProblem(createReferenceEngine(), given.family, bound);
    const gradient = new Float64Array(given.theta.length);
    const field: Field<State> = async (_t, theta, out) => {
      await problem.lossGradient(theta, gradient);
      out.set(gradient.map((g) => -g));
    };
    return { field, theta: given.theta };
  }

  test.each(networks)("a loss times s takes t to t/s: $name", async ({ spec }) => {
    const plain = await flowOf(spec, 1, 1);
    for (const method of ["bs32", "dopri5", "dop853", "odex"] as const) {
      const h = await proposal(plain.field, plain.theta, { method, tEnd: 10 });
      for (const s of SCALES) {
        const scaled = await flowOf(spec, 1, s);
        const step = await proposal(scaled.field, scaled.theta, { method, tEnd: 10 / s });
        expect(Math.abs(step * s - h) / h, `${method}, s = ${s}`).toBeLessThan(SAME);
      }
    }
  });

  test("inputs and targets times s, without biases, take t to t/s²", async () => {
    const plain = await flowOf(networks[1].spec, 1, 1);
    const h = await proposal(plain.field, plain.theta, { tEnd: 10 });
    for (const s of SCALES) {
      const scaled = await flowOf(networks[1].spec, s, 1);
      const step = await proposal(scaled.field, scaled.theta, { tEnd: 10 / s ** 2 });
      expect(Math.abs(step * s ** 2 - h) / h, `s = ${s}`).toBeLessThan(SAME);
    }
  });

  // θ in another unit, atol with it; and starts where y or f is zero, or where f turns on later.
  const problems: {
    name: string;
    y0: number;
    t0?: number;
    tEnd?: number;
    f: (t: number, y: number) => number;
  }[] = [
    { name: "decay", y0: 1, f: (_t, y) => -y },
    { name: "from zero", y0: 0, f: (_t, y) => 1 - y },
    { name: "from zero, constant", y0: 0, f: () => 1 },
    { name: "at rest", y0: 1, tEnd: 3, f: () => 0 },
    { name: "at rest at first", y0: 1, tEnd: 3, f: (t) => Math.sin(t) },
    { name: "at rest but for rounding", y0: 1, t0: Math.PI, tEnd: 6, f: (t) => Math.sin(t) },
    { name: "fast beside slow", y0: 1, f: (_t, y) => 100 * (1 - y) - 1e-3 * y },
  ];
  test.each(problems)("y and t in other units: $name", async ({ y0, t0 = 0, tEnd, f }) => {
    const step = (y: number, t: number) =>
      proposal(
        (time, state, out) => void out.fill((y / t) * f(time / t, state[0]! / y)),
        Float64Array.of(y0 * y),
        {
          ...{ rtol: 1e-6, atol: 1e-9 * y, t0: t0 * t },
          ...(tEnd !== undefined && { tEnd: tEnd * t }),
        },
      );
    const h = await step(1, 1);
    for (const y of [1, ...SCALES])
      for (const t of [1, ...SCALES]) {
        const ratio = (await step(y, t)) / (h * t);
        expect(Math.abs(ratio - 1), `y times ${y}, t times ${t}`).toBeLessThan(SAME);
      }
  });

  test("in units between powers of a thousand it is as good: its error is judged once or twice", async () => {
    // y' = −y in time t·s: Hairer's constants aim at a hundredth of the tolerance and miss by what a unit of 30 makes of h⁵.
    for (const s of [0.01, 0.2, 3, 10, 30, 40, 300, 2e5, 7e-8]) {
      const stepper = createStepper({
        ...{ space: float64Space(1), method: "dopri5" as const, t0: 0, y0: Float64Array.of(1) },
        field: (_t, y, out) => void out.fill(-s * y[0]!),
      });
      const step = await stepper.advance(1e9 / s);
      if (!("t1" in step)) throw new Error(step.message);
      expect(step.h * s, `s = ${s}`).toBeGreaterThan(1e-3);
      expect(stepper.rejected, `s = ${s}`).toBeLessThan(3);
    }
  });
});

test("where the problem's times are of order 1 it is Hairer's, to the bit", async () => {
  // II.4, "Starting Step Size", as it is printed: absolute in t.
  const printed = (lambda: number, interval: number): number => {
    const [rtol, atol, y0] = [1e-6, 1e-9, 2];
    const norm = (v: number) => Math.abs(v / (atol + rtol * y0));
    const f = (y: number) => -lambda * y;
    const [d0, d1] = [norm(y0), norm(f(y0))];
    const h0 = Math.min((0.01 * d0) / d1, interval);
    const d2 = norm(f(y0 + h0 * f(y0)) - f(y0)) / h0;
    return Math.min(100 * h0, (0.01 / Math.max(d1, d2)) ** (1 / 5), interval);
  };
  for (const lambda of [0.04, 0.3, 1, 7, 31])
    for (const interval of [1e-3, 1, 1e6]) {
      const y = Float64Array.of(2);
      const space = float64Space(1);
      const h = await firstStep({
        ...{ space, t: 0, y, rtol: 1e-6, atol: 1e-9, interval, estimateOrder: 4 },
        evaluate: (_t, at, out) => void out.fill(-lambda * at[0]!),
        derivative: Float64Array.of(-lambda * 2),
        scratch: [space.create(), space.create()],
      });
      expect(h).toBe(printed(lambda, interval));
    }
});
