/** A flow whose state stays with the engine: where it arrives, what comes back on the way, and that nothing piles up. */
import { afterAll, describe, expect, test } from "vitest";
import { createEngine, type Engine, type EngineSpec } from "../../src/engine/index.js";
import {
  createDescent,
  createDetector,
  createProblem,
  distance,
  type FlowOptions,
  integrateSmooth,
  type Problem,
} from "../../src/flow/index.js";
import { presentEngines } from "../support/engines.js";
import { makeCase } from "../support/networks.js";

const smooth = makeCase({ activation: { kind: "tanh" }, samples: 9, seed: 3 });
const kinked = makeCase({ activation: { kind: "leaky-relu", slope: 0.1 }, samples: 9, seed: 4 });

const norm = (v: Float64Array) => Math.hypot(...v);

async function exactly(c: typeof smooth, options: Partial<FlowOptions>) {
  const engine = await createEngine({ kind: "onnx", dtype: "float64", threads: 1 });
  const problem = await createProblem(engine, c.family, c.bound);
  const outcome = await integrateSmooth({ ...base(problem, c), rtol: 1e-9, atol: 1e-12, ...options });
  await engine.dispose();
  return outcome;
}

function base(problem: Problem, c: typeof smooth) {
  return {
    problem,
    theta0: c.theta,
    method: "dopri5",
    tEnd: 4,
    rtol: 1e-5,
    atol: 1e-7,
    onSegment: async () => undefined,
  } as const;
}

const engines = (await presentEngines()).filter(({ spec }) => spec.kind === "tfjs");

describe.each(engines)("$label", ({ spec }) => {
  const opened: Engine[] = [];
  const open = async (c: typeof smooth, changes: Partial<EngineSpec> = {}) => {
    const engine = await createEngine({ ...spec, ...changes } as EngineSpec);
    opened.push(engine);
    return createProblem(engine, c.family, c.bound);
  };
  afterAll(async () => {
    for (const engine of opened) await engine.dispose();
  });

  test.each(["dopri5", "dop853", "tsit5", "bs32", "rkc2", "tsrkc3", "auto"] as const)(
    "arrives by %s where float64 does",
    async (method) => {
      const expected = await exactly(smooth, {});
      const problem = await open(smooth);
      const found = await integrateSmooth({ ...base(problem, smooth), method });
      expect(found.status).toBe("reachedEnd");
      // The tolerance asks for 1e-5 a step, which is 1e-4 at the end for these methods in float64 too; the rounding of some
      // hundred steps adds 100·6e-8.
      expect(distance(found.theta, expected.theta) / norm(expected.theta)).toBeLessThan(2e-4);
    },
  );

  test("fetches nothing but scalars at a step, and what is asked for at a look", async () => {
    const problem = await open(smooth);
    const resident = problem.engine.resident!;
    let fetched = 0;
    const counted: Engine = {
      ...problem.engine,
      resident: {
        ...resident,
        create(size) {
          const vector = resident.create(size);
          const read = vector.read.bind(vector);
          return Object.assign(vector, {
            read() {
              fetched++;
              return read();
            },
          });
        },
      },
    };
    const watched = await createProblem(counted, smooth.family, smooth.bound);
    let atSteps = 0;
    let looks = 0;
    const out = new Float64Array(smooth.theta.length);
    await integrateSmooth({
      ...base(watched, smooth),
      onSegment: async (segment) => {
        atSteps += fetched;
        if (segment.t1 > 2) {
          looks++;
          await segment.interpolate(segment.t0 + segment.h / 2, out);
        }
        fetched = 0;
        return undefined;
      },
    });
    expect(looks).toBeGreaterThan(3);
    expect(atSteps).toBe(0);
  });

  test("holds as many tensors after a thousand steps as after ten", async () => {
    const problem = await open(kinked);
    const counts: number[] = [];
    const detector = await createDetector({
      problem,
      theta0: kinked.theta,
      onEvent: () => undefined,
      onStart: async () => undefined,
    });
    const descent = createDescent({
      problem,
      theta0: kinked.theta,
      learningRate: 0.02,
      times: [0.02, 1, 2, 3],
      tEnd: 4,
      countFlips: true,
    });
    await integrateSmooth({
      ...base(problem, kinked),
      method: "euler",
      stepSize: 0.004,
      onSegment: async (segment, { accepted }) => {
        await detector.follow(segment);
        await descent.follow(segment, () => undefined);
        if (accepted === 10 || accepted === 1000) counts.push(problem.engine.resident!.count());
        return undefined;
      },
    });
    expect(counts).toHaveLength(2);
    expect(counts[1]).toBe(counts[0]);
    expect(descent.last!.step).toBe(200);
  });

  test("sees the crossings and flips that arrays see", async () => {
    const see = async (state: "resident" | "float64") => {
      const problem = await open(kinked, { state } as Partial<EngineSpec>);
      expect(problem.engine.resident === null).toBe(state === "float64");
      const crossings: string[] = [];
      const times: number[] = [];
      const detector = await createDetector({
        problem,
        theta0: kinked.theta,
        onEvent: ({ t, layer, sample, unit, side }) => {
          crossings.push(`${layer} ${sample} ${unit} ${side}`);
          times.push(t);
        },
        onStart: async () => undefined,
      });
      const descent = createDescent({
        problem,
        theta0: kinked.theta,
        learningRate: 0.05,
        times: [1],
        tEnd: 1,
        countFlips: true,
      });
      await integrateSmooth({
        ...base(problem, kinked),
        method: "rk4",
        stepSize: 0.05,
        tEnd: 3,
        onSegment: async (segment) => {
          await detector.follow(segment);
          await descent.follow(segment, () => undefined);
          return undefined;
        },
      });
      return { crossings, times, flips: descent.flips, descent: descent.last! };
    };
    const [resident, arrays] = [await see("resident"), await see("float64")];
    expect(arrays.crossings.length).toBeGreaterThan(1);
    expect(resident.crossings).toEqual(arrays.crossings);
    // A crossing is placed by z, whose float32 rounding 1e-7 moves it by 1e-7/|z'|; slow ones come at |z'| ≈ 1e-2.
    resident.times.forEach((t, i) => {
      expect(Math.abs(t - arrays.times[i]!)).toBeLessThan(1e-4);
    });
    expect(resident.flips).toBe(arrays.flips);
    // Twenty steps, each rounded at 6e-8.
    expect(Math.abs(resident.descent.loss - arrays.descent.loss)).toBeLessThan(1e-5 * arrays.descent.loss);
  });
});
