/**
 * A flow that goes on from a snapshot of its memory goes on as if nothing had happened. All comparisons are exact: the same numbers in
 * the same order give the same bits, so any difference is something that the memory lacks.
 */
import { describe, expect, test } from "vitest";
import { createEngine, createReferenceEngine, type Engine } from "../../src/engine/index.js";
import {
  createDescent,
  createDetector,
  createObserver,
  createProblem,
  type FlowOptions,
  type FlowOutcome,
  integrateExactly,
  integrateSmooth,
  integrateStepping,
  measureGradient,
} from "../../src/flow/index.js";
import { Memory, type Snapshot } from "../../src/memory.js";
import { adaptiveMethodNames } from "../../src/ode/index.js";
import { presentEngines } from "../support/engines.js";
import { type Case, makeCase } from "../support/networks.js";

type Treatment = "off" | "detect" | "exact" | "stepping";

interface Run {
  readonly rows: readonly object[];
  readonly outcome: Partial<FlowOutcome>;
  /** Snapshots at each rest, with the rows written before it. */
  readonly rests: readonly { readonly snapshot: Snapshot; readonly rows: number }[];
}

/** Flow, observer, detector and two descents in lockstep; begins with `rows` and the memory where given. */
async function runCase(
  { family, bound, theta: theta0 }: Case,
  treatment: Treatment,
  solver: Pick<FlowOptions, "method" | "rtol" | "atol" | "stepSize" | "tEnd">,
  engine: Engine,
  from?: { readonly snapshot: Snapshot; readonly rows: readonly object[] },
): Promise<Run> {
  const problem = await createProblem(engine, family, bound);
  const memory = new Memory(from === undefined ? null : structuredClone(from.snapshot));
  const rows: object[] = [...(from?.rows ?? [])];
  const rests: { snapshot: Snapshot; rows: number }[] = [];
  const times = Array.from({ length: 9 }, (_, i) => ((i + 1) * solver.tEnd) / 10);
  const observer = createObserver({
    problem,
    theta0,
    times,
    measure: measureGradient(problem),
    onObservation: (row) => rows.push({ ...row }),
    memory: memory.within("observer"),
  });
  const descents = [0.02, 0.05].map((learningRate) =>
    createDescent({
      problem,
      theta0,
      learningRate,
      times,
      tEnd: solver.tEnd,
      countFlips: true,
      memory: memory.within(`descent ${learningRate}`),
    }),
  );
  if (!memory.isResumed) await observer.start();
  const options: FlowOptions = {
    problem,
    theta0,
    ...solver,
    memory: memory.within("flow"),
    onResume: observer.resume,
    onRest: () => void rests.push({ snapshot: structuredClone(memory.snapshot()), rows: rows.length }),
    onSegment: async (segment, counts) => {
      await observer.follow(segment, counts);
      for (const descent of descents) await descent.follow(segment, (row) => rows.push({ ...row }));
      return undefined;
    },
  };
  const watch = {
    onEvent: (event: object) => void rows.push({ ...event }),
    onStart: async (pieces: Float64Array) => void rows.push({ pieces }),
  };
  const run = async (): Promise<Partial<FlowOutcome>> => {
    if (treatment === "exact") return integrateExactly({ ...options, ...watch });
    if (treatment === "stepping") return integrateStepping({ ...options, ...watch });
    if (treatment === "off") return integrateSmooth(options);
    const detector = await createDetector({ ...options, ...watch });
    const outcome = await integrateSmooth({
      ...options,
      onSegment: async (segment, counts) => {
        await detector.follow(segment);
        return options.onSegment(segment, counts);
      },
    });
    rows.push(detector.summary());
    return outcome;
  };
  const { sharpness, ...outcome } = await run();
  await observer.finish();
  rows.push(...descents.map(({ flips, last }) => ({ flips, last })));
  const measured = sharpness && {
    measurements: [...sharpness.measurements],
    firstAbove: sharpness.firstAbove,
    cost: { ...sharpness.cost },
  };
  return { rows, outcome: { ...outcome, ...(measured && { sharpness: measured }) }, rests };
}

/** Goes on from a few of the rests and compares all that was written and returned. */
async function compare(
  subject: Case,
  treatment: Treatment,
  solver: Parameters<typeof runCase>[2],
  picked: (count: number) => readonly number[],
  engine: Engine = createReferenceEngine(),
): Promise<Run> {
  const whole = await runCase(subject, treatment, solver, engine);
  for (const index of picked(whole.rests.length)) {
    const { snapshot, rows } = whole.rests[index]!;
    const rest = await runCase(subject, treatment, solver, engine, {
      snapshot,
      rows: whole.rows.slice(0, rows),
    });
    expect(rest.rows).toEqual(whole.rows);
    expect(rest.outcome).toEqual(whole.outcome);
    expect(rest.rests.length).toBe(whole.rests.length - index);
  }
  return whole;
}

const spread = (count: number): number[] => [
  ...new Set([0, 1, 2, Math.floor(count / 3), Math.floor((2 * count) / 3), count - 1]),
];

describe("goes on to the last bit", () => {
  const smooth = makeCase({ activation: { kind: "tanh" }, seed: 3 });
  test.each(adaptiveMethodNames)("%s", async (method) => {
    await compare(smooth, "off", { method, rtol: 1e-5, atol: 1e-7, tEnd: 4 }, spread);
  });

  test.each(["euler", "rk4"] as const)("%s", async (method) => {
    await compare(smooth, "off", { method, stepSize: 0.1, tEnd: 2 }, spread);
  });

  test("auto, on both sides of its change of method", async () => {
    const stiff = makeCase({ activation: { kind: "tanh" }, seed: 5, factor: 20 });
    const { outcome } = await compare(
      stiff,
      "off",
      { method: "auto", rtol: 1e-4, atol: 1e-6, tEnd: 4 },
      (count) => Array.from({ length: 12 }, (_, i) => Math.floor((i * count) / 12)),
    );
    expect(outcome.phases!.length).toBeGreaterThan(1);
  });

  test("detect", async () => {
    await compare(
      makeCase({ seed: 4 }),
      "detect",
      { method: "dopri5", rtol: 1e-4, atol: 1e-6, tEnd: 3 },
      spread,
    );
  });

  test.each([
    ["controlled", { rtol: 1e-2, atol: 1e-9 }],
    ["fixed, stiff", { stepSize: 0.25 }],
  ] as const)("stepping, %s", async (_, steps) => {
    const subject = makeCase({ hidden: [6, 6], samples: 12, seed: 6 });
    const { outcome } = await compare(subject, "stepping", { method: "auto", tEnd: 3, ...steps }, spread);
    expect((outcome as { events: { slidingEntries: number } }).events.slidingEntries).toBeGreaterThan(0);
  });

  test.each([
    ["leaky ReLU", makeCase({ hidden: [6, 6], samples: 12, seed: 6 }), "dopri5"],
    ["ReLU", makeCase({ activation: { kind: "relu" }, samples: 10, seed: 2 }), "auto"],
    ["abs, three layers", makeCase({ hidden: [4, 4, 4], activation: { kind: "abs" }, seed: 8 }), "dop853"],
    ["abs again", makeCase({ hidden: [4, 4], samples: 6, activation: { kind: "abs" }, seed: 8 }), "rodas4"],
    ["leaky ReLU, small", makeCase({ hidden: [4, 4], samples: 6, seed: 6 }), "odex"],
    [
      "gcn",
      makeCase({ kind: "gcn", samples: 8, activation: { kind: "relu" }, factor: 0.5, seed: 3 }),
      "tsrkc3",
    ],
  ] as const)("through slides: %s", async (_, subject, method) => {
    const { outcome } = await compare(
      subject,
      "exact",
      { method, rtol: 1e-5, atol: 1e-7, tEnd: 3 },
      (count) => Array.from({ length: 15 }, (_, i) => Math.floor((i * count) / 15)),
    );
    // There is something to remember.
    expect((outcome as { events: { slidingEntries: number } }).events.slidingEntries).toBeGreaterThan(0);
  });
});

const resident = (await presentEngines()).filter(({ spec }) => spec.kind === "tfjs");

describe.each(resident)("state resident in $label goes on to the last bit", ({ spec }) => {
  test.each([
    ["off", "euler"],
    ["off", "dopri5"],
    ["off", "tsrkc3"],
    ["off", "auto"],
    ["detect", "dopri5"],
  ] as const)("boundaries %s, %s", async (treatment, method) => {
    const subject = makeCase({ seed: 4, ...(treatment === "off" && { activation: { kind: "tanh" } }) });
    const steps = method === "euler" ? { stepSize: 0.1 } : { rtol: 1e-3, atol: 1e-4 };
    const engine = await createEngine(spec);
    try {
      const { rests } = await compare(subject, treatment, { method, tEnd: 1, ...steps }, spread, engine);
      expect(rests.length).toBeGreaterThan(3);
    } finally {
      await engine.dispose();
    }
  });
});

describe("the memory", () => {
  test("keeps the containers that it fills", () => {
    const first = new Memory();
    first.within("part").keep("state", {
      list: [1, 2],
      numbers: Float64Array.of(-0, Number.NaN),
      map: new Map([[1, [2]]]),
      nested: { set: new Set(["a"]) },
    });
    const again = new Memory(structuredClone(first.snapshot()));
    const state = {
      list: [] as number[],
      numbers: new Float64Array(2),
      map: new Map(),
      nested: { set: new Set() },
    };
    const { list, numbers, map, nested } = state;
    again.within("part").keep("state", state);
    expect(again.isResumed).toBe(true);
    expect(list).toEqual([1, 2]);
    expect(Object.is(numbers[0], -0) && Number.isNaN(numbers[1])).toBe(true);
    expect(map.get(1)).toEqual([2]);
    expect(nested.set.has("a")).toBe(true);
  });

  test("brings back what is kept elsewhere, in lists too", () => {
    const elsewhere = (value: number) => {
      let kept = value;
      const write = ([next]: Float64Array) => {
        kept = next!;
      };
      return { read: () => Float64Array.of(kept), write };
    };
    const first = new Memory();
    first.keep("state", { ring: [{ y: elsewhere(1) }, { y: elsewhere(2) }] });
    const again = new Memory(structuredClone(first.snapshot()));
    const ring = [{ y: elsewhere(8) }, { y: elsewhere(9) }];
    const [a, b] = ring.map(({ y }) => y);
    again.keep("state", { ring });
    expect([a!.read()[0], b!.read()[0]]).toEqual([1, 2]);
    expect(ring[1]!.y).toBe(b);
  });

  test("refuses a name given twice, and one that the snapshot lacks", () => {
    const memory = new Memory();
    memory.keep("state", {});
    expect(() => memory.keep("state", {})).toThrow("state is kept already");
    expect(() => new Memory(memory.snapshot()).keep("other", {})).toThrow("does not hold other");
  });
});
