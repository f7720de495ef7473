/**
 * Watches an ordinary integration cross piece boundaries: counts and locates crossings, and diagnoses chatter, the trace
 * that sliding leaves in a method that does not know of it. Changes nothing in the flow.
 */
import { Memory } from "../../memory.js";
import type { Segment } from "../segment.js";
import type { FlowOptions } from "../smooth.js";
import { kinksOf } from "./kinks.js";
import type { BoundaryEvent } from "./ledger.js";
import { createWatch } from "./watch.js";

/** An entry that changes side this often within the window of steps is said to chatter. */
const CHATTER_FLIPS = 4;
const CHATTER_WINDOW = 12;

export interface DetectSummary {
  /** Entries exactly on a breakpoint at t = 0; they are given the piece below it. */
  readonly startOnBreakpoint: number;
  readonly crossings: number;
  /** Entries that chattered at some time, and the most that did at once. */
  readonly chattering: number;
  readonly maxChattering: number;
  readonly firstChatter: number | null;
}

export interface Detector {
  readonly summary: () => DetectSummary;
  follow(segment: Segment): Promise<void>;
}

/**
 * Looks at the pre-activations at the middle and the end of every step. Crossings are placed by the parabola through
 * start, middle and end; an entry that goes out and back between two looks is missed.
 */
export async function createDetector(
  options: Pick<FlowOptions, "problem" | "theta0" | "memory"> & {
    readonly onEvent: (event: BoundaryEvent) => void;
    readonly onStart: (pieces: Float64Array) => Promise<void>;
  },
): Promise<Detector> {
  const { problem, theta0, onEvent } = options;
  const kinks = kinksOf(problem.family);
  if (kinks === null) throw new Error("createDetector: the activation has no kinks.");
  const memory = options.memory ?? new Memory();
  const watch = await createWatch(problem, memory);
  const first = await watch.start(theta0);
  const state = memory.keep("detector", {
    /** Pre-activations at the end of the last step, and the pieces they are in. */
    z0: first,
    pieces: kinks.piecesOf(first),
    /** Steps in which an entry changed side lately. */
    flips: new Map<number, number[]>(),
    chattered: new Set<number>(),
    startOnBreakpoint: first.filter((z, entry) => kinks.breakpoints(entry).includes(z)).length,
    crossings: 0,
    maxChattering: 0,
    firstChatter: null as number | null,
    step: 0,
  });
  const { pieces, flips, chattered } = state;
  if (!memory.isResumed) await options.onStart(pieces.slice());

  return {
    summary: () => {
      const { startOnBreakpoint, crossings, maxChattering, firstChatter } = state;
      return { startOnBreakpoint, crossings, chattering: chattered.size, maxChattering, firstChatter };
    },
    async follow(segment) {
      const step = ++state.step;
      const h = segment.t1 - segment.t0;
      const { z0, zMiddle, z1 } = await watch.look(segment, state.z0);
      const found: { t: number; entry: number; breakpoint: number; side: BoundaryEvent["side"] }[] = [];
      for (let entry = 0; entry < kinks.entries; entry++) {
        for (const z of [zMiddle, z1]) {
          const target = kinks.pieceOf(entry, z[entry] as number);
          while (pieces[entry] !== target) {
            const up = target > (pieces[entry] as number);
            const breakpoint = up ? (pieces[entry] as number) : (pieces[entry] as number) - 1;
            const level = kinks.breakpoints(entry)[breakpoint] as number;
            const s = crossingOf(
              z0[entry]! - level,
              zMiddle[entry]! - level,
              z1[entry]! - level,
              z === zMiddle,
            );
            found.push({ t: segment.t0 + s * h, entry, breakpoint, side: up ? "above" : "below" });
            pieces[entry] = (pieces[entry] as number) + (up ? 1 : -1);
          }
        }
      }
      found.sort((p, q) => p.t - q.t);
      for (const { t, entry, breakpoint, side } of found) {
        state.crossings++;
        onEvent({ t, kind: "crossing", ...kinks.place(entry), breakpoint, side, sliding: 0 });
        const recent = (flips.get(entry) ?? []).filter((at) => at > step - CHATTER_WINDOW);
        recent.push(step);
        flips.set(entry, recent);
        if (recent.length >= CHATTER_FLIPS) {
          chattered.add(entry);
          state.firstChatter ??= t;
        }
      }
      let now = 0;
      for (const [entry, at] of flips) {
        const recent = at.filter((k) => k > step - CHATTER_WINDOW);
        if (recent.length === 0) flips.delete(entry);
        else if (recent.length >= CHATTER_FLIPS) now++;
      }
      state.maxChattering = Math.max(state.maxChattering, now);
      state.z0 = z1;
    },
  };
}

/** Zero of the parabola through (0, a), (½, m), (1, b), in the first half or the second. */
function crossingOf(a: number, m: number, b: number, first: boolean): number {
  const [from, to] = first ? [0, 0.5] : [0.5, 1];
  const [p, q] = first ? [a, m] : [m, b];
  const linear = from + (p === q ? 0.5 : p / (p - q)) * (to - from);
  const c2 = 2 * (a - 2 * m + b);
  const c1 = b - a - c2;
  let s = linear;
  for (let k = 0; k < 3; k++) {
    const slope = c1 + 2 * c2 * s;
    if (slope !== 0) s -= (a + c1 * s + c2 * s * s) / slope;
  }
  return s >= from && s <= to ? s : Math.min(Math.max(linear, from), to);
}
