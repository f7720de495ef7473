/**
 * The clock of exponential tails. θ_τ = −∇L/L is the gradient flow of ln L, and dt = dτ/L is the time of the flow of L along the same
 * curve: where L falls like 1/t, τ grows like ln t. Solvers integrate over τ, with kinks treated as ever; whoever follows sees the time t.
 */

import { length } from "../linalg/norm.js";
import { Memory } from "../memory.js";
import type { BoundaryEvent } from "./boundaries/ledger.js";
import type { Problem } from "./problem.js";
import { cutSegment, type FlowCounts, type FlowEnd, type Measured, type Segment } from "./segment.js";
import type { FlowOptions, FlowOutcome } from "./smooth.js";

/** Chebyshev nodes of ln L over a step, its ends among them: dense outputs are polynomials of degree 3 to 7. */
const NODES = 7;
/** ln L varies by at most this over a piece of the quadrature, so that e^{−ln L} there is as good as a polynomial. */
const VARIATION = 1;
/** Nodes and weights on [0, 1] of Gauss's rule of five points, which integrates degree 9. */
const GAUSS = [-1, -1, 0, 1, 1].map((side, k) => {
  const isInner = k === 1 || k === 3;
  const distance = Math.sqrt(5 + (isInner ? -2 : 2) * Math.sqrt(10 / 7)) / 3;
  const weight = side === 0 ? 64 / 225 : (322 + (isInner ? 13 : -13) * Math.sqrt(70)) / 1800;
  return [(1 + side * distance) / 2, weight] as const;
});
/** τ that is never reached; solvers need an end. */
const NEVER = Number.MAX_VALUE / 4;

/** ln(e^a + e^b) */
const logAdd = (a: number, b: number): number => {
  const [high, low] = a > b ? [a, b] : [b, a];
  return high === Number.NEGATIVE_INFINITY ? high : high + Math.log1p(Math.exp(low - high));
};

/** Loss, its logarithm, ‖θ'‖ and −θ' in the time t, from those of the flow of ln L. */
const plain = ({ loss: logLoss, speed, gradient }: Measured): Measured => {
  const loss = Math.exp(logLoss);
  return {
    ...{ loss, logLoss, speed: loss * speed },
    ...(gradient && { gradient: gradient.map((value) => loss * value) }),
  };
};

/** Measures at θ as a flow in this clock does: `logLoss` comes with it. */
export async function measureInLogClock(problem: Problem): Promise<Segment["measure"]> {
  const logarithm = await problem.logarithm();
  const gradient = new Float64Array(problem.family.layout.size);
  return async (theta) => {
    const logLoss = await logarithm.lossGradient(theta, gradient);
    return plain({ loss: logLoss, speed: length(gradient) });
  };
}

/** ln t over one step of the solver: ln t(τ0), and what ln L is between. */
interface Stretch {
  readonly tau0: number;
  readonly tau1: number;
  readonly logTime0: number;
  /** ln L at the Chebyshev nodes of [tau0, tau1]. */
  readonly logLoss: readonly number[];
}

/** Points of [0, 1] at which a polynomial of degree NODES − 1 is known. */
const nodes = Array.from({ length: NODES }, (_, k) => (1 - Math.cos((Math.PI * k) / (NODES - 1))) / 2);

/** The polynomial through `values` at the nodes, at s ∈ [0, 1], by the barycentric formula. */
function polynomial(values: readonly number[], s: number): number {
  let [above, below] = [0, 0];
  for (const [k, node] of nodes.entries()) {
    if (s === node) return values[k] as number;
    const end = k === 0 || k === NODES - 1 ? 0.5 : 1;
    const weight = ((k % 2 === 0 ? 1 : -1) * end) / (s - node);
    above += weight * (values[k] as number);
    below += weight;
  }
  return above / below;
}

/** ln ∫ e^{−ln L} dτ from `s0` to `s1` of a stretch, over which ln L varies little. */
function logIntegral({ tau0, tau1, logLoss }: Stretch, s0: number, s1: number): number {
  if (!(s1 > s0)) return Number.NEGATIVE_INFINITY;
  return (
    GAUSS.reduce(
      (sum, [node, weight]) => logAdd(sum, Math.log(weight) - polynomial(logLoss, s0 + node * (s1 - s0))),
      Number.NEGATIVE_INFINITY,
    ) + Math.log((s1 - s0) * (tau1 - tau0))
  );
}

/** ln t at the ends of pieces of a stretch, over each of which ln L varies little. */
function tabulate(stretch: Stretch): { readonly s: number; readonly logTime: number }[] {
  const { logLoss, logTime0 } = stretch;
  const variation = logLoss.reduce(
    (sum, value, k) => sum + (k === 0 ? 0 : Math.abs(value - logLoss[k - 1]!)),
    0,
  );
  const pieces = Math.max(1, Math.ceil(variation / VARIATION));
  const table = [{ s: 0, logTime: logTime0 }];
  for (let k = 0; k < pieces; k++) {
    const [s0, s1] = [k / pieces, (k + 1) / pieces];
    table.push({ s: s1, logTime: logAdd(table[k]!.logTime, logIntegral(stretch, s0, s1)) });
  }
  return table;
}

/** The time of the flow of L along a flow of ln L, step by step. */
class LogClock {
  readonly #problem: Problem;
  readonly #state: { stretch: Stretch | null; readonly ends: { tau: number; t: number }[] };
  #table: ReturnType<typeof tabulate> = [];

  /** @param problem that of ln L */
  constructor(problem: Problem, memory: Memory) {
    this.#problem = problem;
    this.#state = memory.keep("clock", {
      stretch: null as Stretch | null,
      /** Ends of steps, for instants that are told when the run is over. */
      ends: [{ tau: 0, t: 0 }],
    });
    if (this.#state.stretch !== null) this.#table = tabulate(this.#state.stretch);
  }

  /** Goes on by a step. A forward pass at each node inside, and at its end where the loss there is not known. */
  async advance(segment: Segment): Promise<void> {
    const { t0: tau0, t1: tau1, known, theta1 } = segment;
    const before = this.#state.stretch;
    const logLoss: number[] = [];
    const theta = new Float64Array(theta1.length);
    for (const [k, node] of nodes.entries()) {
      if (k === 0 && before?.tau1 === tau0) logLoss.push(before.logLoss[NODES - 1] as number);
      else if (k === NODES - 1) logLoss.push(known === null ? await this.#problem.loss(theta1) : known.loss);
      else {
        await segment.interpolate(tau0 + node * (tau1 - tau0), theta);
        logLoss.push(await this.#problem.loss(theta));
      }
    }
    const logTime0 = before === null ? Number.NEGATIVE_INFINITY : (this.#table.at(-1)!.logTime as number);
    const stretch = { tau0, tau1, logTime0, logLoss };
    this.#state.stretch = stretch;
    this.#table = tabulate(stretch);
    this.#state.ends.push({ tau: tau1, t: this.timeAt(tau1) });
  }

  /** t at τ: in the last step exactly, before it between the ends of steps. */
  timeAt(tau: number): number {
    const { stretch, ends } = this.#state;
    if (stretch === null || tau <= 0) return 0;
    if (tau < stretch.tau0) {
      const k = ends.findIndex((end) => end.tau >= tau);
      const [a, b] = [ends[k - 1]!, ends[k]!];
      return a.t + ((b.t - a.t) * (tau - a.tau)) / (b.tau - a.tau);
    }
    const s = Math.min((tau - stretch.tau0) / (stretch.tau1 - stretch.tau0), 1);
    const k = Math.max(
      this.#table.findIndex((row) => row.s >= s),
      1,
    );
    const from = this.#table[k - 1]!;
    if (s === this.#table[k]!.s) return Math.exp(this.#table[k]!.logTime);
    return Math.exp(logAdd(from.logTime, logIntegral(stretch, from.s, s)));
  }

  /** τ at a time in the last step. */
  tauAt(t: number): number {
    const { tau0, tau1 } = this.#state.stretch as Stretch;
    let [low, high] = [tau0, tau1];
    if (t >= this.timeAt(tau1)) return tau1;
    if (t <= this.timeAt(tau0)) return tau0;
    // Bisection to the last digit of τ: t(τ) costs no evaluation of the network.
    for (let k = 0; k < 100; k++) {
      const middle = low + (high - low) / 2;
      if (!(middle > low && middle < high)) break;
      if (this.timeAt(middle) < t) low = middle;
      else high = middle;
    }
    return high;
  }
}

/** What of an outcome's events is a time, in t. */
interface SlidingTimes {
  firstSliding: number | null;
  timeSliding: number;
  entryTimeSliding: number;
  /** Entries that slide now. */
  sliding: number;
}

type Watching = Omit<FlowOptions, "method"> & { readonly onEvent?: (event: BoundaryEvent) => void };

/**
 * The same integration over τ, its segments, events and end in the time t. `rtol`, `firstStep`, `stepSize` and the like are of steps in τ;
 * the sharpness, which is that of ln L, is not handed on; energies are ∫‖∇ln L‖² dτ, what ln L falls by.
 */
export function inLogClock<O extends Watching, R extends FlowOutcome>(
  integrate: (options: O) => Promise<R>,
): (options: O) => Promise<R> {
  return async (options) => {
    const { tEnd, onSegment, onResume, onEvent, memory = new Memory() } = options;
    const problem = await options.problem.logarithm();
    const clock = new LogClock(problem, memory.within("log clock"));
    const books = memory.within("log clock events").keep("sliding", {
      firstSliding: null,
      timeSliding: 0,
      entryTimeSliding: 0,
      sliding: 0,
    } as SlidingTimes);
    let ended: FlowEnd | null = null;
    const outcome = await integrate({
      ...options,
      problem,
      tEnd: NEVER,
      watchSharpness: false,
      ...(onResume && {
        onResume: (measure: Segment["measure"]) => onResume(async (theta) => plain(await measure(theta))),
      }),
      ...(onEvent && {
        onEvent(event: BoundaryEvent) {
          const t = clock.timeAt(event.t);
          if (event.sliding > 0) books.firstSliding ??= t;
          books.sliding = event.sliding;
          onEvent({ ...event, t });
        },
      }),
      onSegment: async (segment: Segment, { sharpness: _, ...counts }: FlowCounts) => {
        await clock.advance(segment);
        const reached = clock.timeAt(segment.t1);
        const whole = reached <= tEnd ? segment : await cutSegment(problem, segment, clock.tauAt(tEnd));
        const seen = inTime(whole, clock, Math.min(reached, tEnd));
        books.entryTimeSliding += books.sliding * (seen.t1 - seen.t0);
        if (books.sliding > 0) books.timeSliding += seen.t1 - seen.t0;
        const end = await onSegment(seen, counts);
        const last =
          end ??
          (seen.t1 === tEnd
            ? { t: tEnd, status: "reachedEnd" as const, message: `reached t = ${tEnd}.` }
            : null);
        if (last === null) return null;
        ended = last;
        return { ...last, t: clock.tauAt(last.t) };
      },
    });
    const { sharpness: __, phases, ...rest } = outcome as FlowOutcome;
    const t = (ended as FlowEnd | null)?.t ?? clock.timeAt(outcome.t);
    return {
      ...rest,
      t,
      message: ended === null ? `${outcome.message} (there in the clock τ; t = ${t})` : outcome.message,
      ...("events" in outcome && { events: withTimes(outcome.events as object, books, clock) }),
      ...(phases && { phases: phases.map((phase) => ({ ...phase, t: clock.timeAt(phase.t) })) }),
    } as unknown as R;
  };
}

/** What of an outcome's events depends on the clock: where sliding is known its times, and instants that could have gone another way. */
function withTimes(
  events: { readonly branches?: readonly { readonly t: number }[] },
  { sliding: _, ...times }: SlidingTimes,
  clock: LogClock,
): object {
  return {
    ...events,
    ...("timeSliding" in events && times),
    ...(events.branches && {
      branches: events.branches.map((branch) => ({ ...branch, t: clock.timeAt(branch.t) })),
    }),
  };
}

/** A segment of the flow of ln L as one of the flow of L, which ends at t1. */
function inTime(segment: Segment, clock: LogClock, t1: number): Segment {
  const { t0: tau0, t1: tau1, h, known, resident } = segment;
  const tauOf = (t: number): number => (t === t1 ? tau1 : clock.tauAt(t));
  return {
    t0: clock.timeAt(tau0),
    t1,
    h,
    get theta1() {
      return segment.theta1;
    },
    interpolate: (t, out) => segment.interpolate(tauOf(t), out),
    energy: (until) => segment.energy(tauOf(until)),
    measure: async (theta) => plain(await segment.measure(theta)),
    known: known === null ? null : plain(known),
    ...(resident && {
      resident: {
        theta1: resident.theta1,
        interpolate: (t: number, out: Parameters<typeof resident.interpolate>[1]) =>
          resident.interpolate(tauOf(t), out),
      },
    }),
  };
}
