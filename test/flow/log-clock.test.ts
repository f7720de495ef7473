/** The clock of exponential tails: closed forms, the same flow as in the clock t, kinks and slides, resumption. */
import { describe, expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import {
  type BoundaryEvent,
  createProblem,
  type FlowOptions,
  inLogClock,
  integrateExactly,
  integrateSmooth,
  type Problem,
} from "../../src/flow/index.js";
import { Memory, type Snapshot } from "../../src/memory.js";
import { createFamily, createLoss, presetNetwork } from "../../src/model/index.js";
import { randomVector } from "../support/networks.js";
import { norm } from "./runs.js";

/** A network without biases; `targets` ±1, or rows of classes. */
async function problemOf(
  kind: "exponential" | "logistic" | "cross-entropy",
  hidden: readonly number[],
  x: readonly number[],
  targets: readonly number[],
  samples: number,
): Promise<Problem> {
  const outputDimension = targets.length / samples;
  const network = presetNetwork({
    kind: "dnn",
    ...{ inputDimension: x.length / samples, hidden, outputDimension, bias: false },
    activation: hidden.length === 0 ? { kind: "identity" } : { kind: "relu" },
  });
  const criterion = createLoss({ kind, reduction: "sum" }, { samples, outputs: outputDimension });
  const data = { x: Float64Array.from(x), y: Float64Array.from(targets) };
  return createProblem(createReferenceEngine(), createFamily({ network, samples, criterion }), data);
}

const smooth = inLogClock(integrateSmooth);
const exact = inLogClock(integrateExactly);
const unwatched = { onSegment: async () => undefined, onEvent: () => undefined };
const tight = { method: "dop853", rtol: 1e-11, atol: 1e-13 } as const;

describe("four separable samples, linear, the sum of exponentials", () => {
  const problem = () => problemOf("exponential", [], [1, 0.5, 0.5, 2, 3, 1, 1, -0.2], [1, 1, 1, 1], 4);

  test("instants that could have gone another way are times t, their reach what the treatment says", async () => {
    const [taus, times]: [number[], number[]] = [[], []];
    // A treatment that finds every start of a step ambiguous, and has them reach as far.
    const watched = inLogClock(async (options: FlowOptions) => {
      const outcome = await integrateSmooth({
        ...options,
        onSegment: (segment, counts) => {
          taus.push(segment.t0);
          return options.onSegment(segment, counts);
        },
      });
      const branches = taus.map((t) => ({ t, reach: 3 }));
      return { ...outcome, events: { branches } };
    });
    const { events } = await watched({
      ...{
        problem: await problem(),
        theta0: new Float64Array(2),
        method: "dopri5",
        rtol: 1e-6,
        atol: 1e-9,
        tEnd: 1e6,
      },
      onSegment: async ({ t0 }) => void times.push(t0) as undefined,
    });
    expect(times.length).toBeGreaterThan(10);
    expect(events.branches.map(({ t }) => t)).toEqual(times);
    expect(taus.length).toBe(times.length);
    expect(events.branches.every(({ reach }) => reach === 3)).toBe(true);
  });

  test("tL at ln t = 36, and ln L and ln t without underflow to ln t = 138", async () => {
    const p = await problem();
    const times: number[] = [];
    const tEnd = Math.exp(36);
    const { theta, t, status, message } = await smooth({
      problem: p,
      theta0: new Float64Array(2),
      ...tight,
      tEnd,
      onSegment: async (segment) => {
        times.push(segment.t0, segment.t1);
        const { logLoss, loss } = await segment.measure(segment.theta1);
        expect(Math.abs(Math.exp(logLoss!) / loss - 1)).toBeLessThan(1e-14);
        return undefined;
      },
    });
    expect([status, t, message]).toEqual(["reachedEnd", tEnd, `dop853: reached t = ${tEnd}.`]);
    // SciPy's DOP853 at rtol 1e-13 on (w, ln t) over τ: 1.15363332674034; networks.md has 1.1536334.
    const logLoss = await (await p.logarithm()).loss(theta);
    expect(Math.abs(Math.exp(logLoss + 36) - 1.15363332674034)).toBeLessThan(1e-9);
    expect(times[0]).toBe(0);
    for (let k = 2; k < times.length; k += 2) expect(times[k]).toBe(times[k - 1]);

    const late = await smooth({
      problem: p,
      theta0: new Float64Array(2),
      ...tight,
      tEnd: 1.59e60,
      ...unwatched,
    });
    // t·L → 1/γ²; the first sample, beyond the margin by a sixth of it, keeps it away by t^{−1/6}: 1e-10 here.
    const product = Math.exp((await (await p.logarithm()).loss(late.theta)) + Math.log(1.59e60));
    expect(Math.abs(product - 1.154195011)).toBeLessThan(1e-9);
    const [a, b] = [22 / 21, 5 / 21].map((v) => v / Math.hypot(22 / 21, 5 / 21)) as [number, number];
    const off = (w: Float64Array) => Math.hypot(w[0]! / norm(w) - a, w[1]! / norm(w) - b);
    // Direction error · ln t tends to a limit: the error itself is 138.6/36 times smaller.
    const ratio = (off(late.theta) * Math.log(1.59e60)) / (off(theta) * 36);
    expect(Math.abs(ratio - 1)).toBeLessThan(0.02);
  });
});

test.each([
  ["exponential", 10, 2.114518864866033],
  ["logistic", 10, 2.032866363630016],
  // ln(e^{0.3} + 2.25t)/1.5
  ["exponential", 1e60, (60 * Math.LN10 + Math.log(2.25)) / 1.5],
] as const)("one sample, %s, at t = %d", async (kind, tEnd, w) => {
  const problem = await problemOf(kind, [], [1.5], [1], 1);
  const theta0 = Float64Array.of(0.2);
  const { theta } = await smooth({ problem, theta0, ...tight, tEnd, ...unwatched });
  // rtol, times the hundred steps or so.
  expect(Math.abs(theta[0]! - w) / w).toBeLessThan(1e-10);
});

/** Signs on points of the plane that a ReLU network without biases can tell apart. */
function planar(samples: number): { x: number[]; y: number[] } {
  const angles = Array.from({ length: samples }, (_, i) => (2 * Math.PI * (i + 0.3)) / samples);
  return {
    x: angles.flatMap((angle) => [Math.cos(angle), Math.sin(angle)]),
    y: angles.map((angle) => (Math.sin(angle) * Math.cos(angle + 0.4) > 0 ? 1 : -1)),
  };
}

/** Ten signs, or the two classes of the same. */
async function relu(kind: "exponential" | "logistic" | "cross-entropy") {
  const { x, y } = planar(10);
  const targets = kind === "cross-entropy" ? y.flatMap((sign) => (sign > 0 ? [1, 0] : [0, 1])) : y;
  const problem = await problemOf(kind, [6], x, targets, 10);
  return { problem, theta0: randomVector(5, problem.family.layout.size).map((value) => 0.6 * value) };
}

describe("a ReLU network, its kinks followed exactly", () => {
  test.each(["exponential", "cross-entropy"] as const)("%s: the flow in the clock t", async (kind) => {
    const { problem, theta0 } = await relu(kind);
    const run = async (integrate: typeof integrateExactly) => {
      const events: BoundaryEvent[] = [];
      const options = { problem, theta0, method: "dop853", rtol: 1e-9, atol: 1e-11, tEnd: 60 } as const;
      const outcome = await integrate({
        ...options,
        onSegment: async () => undefined,
        onEvent: (event) => events.push(event),
      });
      return { ...outcome, list: events };
    };
    const [there, here] = [await run(integrateExactly), await run(exact)];
    expect(here.t).toBe(60);
    expect(here.list.length).toBeGreaterThan(5);
    const told = ({ kind: what, layer, sample, unit, side, sliding }: BoundaryEvent) =>
      [what, layer, sample, unit, side, sliding].join();
    expect(here.list.map(told)).toEqual(there.list.map(told));
    here.list.forEach(({ t }, k) => {
      // rtol, over how slowly an entry may come to its kink.
      expect(Math.abs(t - there.list[k]!.t)).toBeLessThan(1e-5 * Math.max(1, t));
    });
    expect(norm(here.theta.map((value, i) => value - there.theta[i]!)) / norm(there.theta)).toBeLessThan(
      1e-7,
    );
    for (const field of ["timeSliding", "entryTimeSliding"] as const)
      expect(Math.abs(here.events[field] - there.events[field])).toBeLessThan(1e-5 * 60);
  });

  test("the smoothed margin ln(1/L)/‖θ‖² never decreases, through crossings and slides, to t = 1e20", async () => {
    const { problem, theta0 } = await relu("exponential");
    const margins: number[] = [];
    const logarithm = await problem.logarithm();
    const { events, t } = await exact({
      problem,
      theta0,
      method: "auto",
      rtol: 1e-8,
      atol: 1e-10,
      tEnd: 1e20,
      onEvent: () => undefined,
      onSegment: async ({ theta1 }) => {
        const logLoss = await logarithm.loss(theta1);
        // The theorem needs L < 1.
        if (logLoss < 0) margins.push(-logLoss / norm(theta1) ** 2);
        return undefined;
      },
    });
    expect(t).toBe(1e20);
    expect(events.slidingEntries).toBeGreaterThan(0);
    expect(margins.length).toBeGreaterThan(50);
    for (let k = 1; k < margins.length; k++)
      // rtol of a step.
      expect(margins[k]! / margins[k - 1]!).toBeGreaterThan(1 - 1e-8);
    expect(margins.at(-1)! / margins[0]!).toBeGreaterThan(1.5);
  });

  test("goes on from a snapshot to the same bits", async () => {
    const { problem, theta0 } = await relu("exponential");
    const run = async (snapshot: Snapshot | null) => {
      const memory = new Memory(snapshot === null ? null : structuredClone(snapshot));
      const rests: Snapshot[] = [];
      const events: BoundaryEvent[] = [];
      const options: FlowOptions = {
        ...{ problem, theta0, method: "dopri5", rtol: 1e-6, atol: 1e-9, tEnd: 1e3 },
        memory,
        onResume: () => undefined,
        onRest: () => void rests.push(structuredClone(memory.snapshot())),
        onSegment: async () => undefined,
      };
      const outcome = await exact({ ...options, onEvent: (event) => events.push(event) });
      return { outcome, rests, list: events };
    };
    const whole = await run(null);
    for (const share of [0.2, 0.7]) {
      const again = await run(whole.rests[Math.floor(share * whole.rests.length)]!);
      expect(again.outcome).toEqual(whole.outcome);
      expect(whole.list.slice(-again.list.length || whole.list.length)).toEqual(again.list);
    }
  });
});
