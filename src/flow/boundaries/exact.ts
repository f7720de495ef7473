/**
 * Gradient flow through the kinks of a piecewise-polynomial activation, in Filippov's sense: within a pattern of pieces the
 * field is smooth and a Runge–Kutta step means what its error estimate says; events are located on the dense output, decided
 * once, and entries that can neither cross nor turn back slide along their boundary until a multiplier lets them go.
 */
import {
  createStepper,
  float64Space,
  type Outcome,
  type OutcomeStatus,
  type Step,
  type Stepper,
} from "../../ode/index.js";
import type { FlowCounts, FlowOptions, FlowOutcome, Segment } from "../smooth.js";
import { squaredNorm } from "../smooth.js";
import { decide } from "./decide.js";
import { type Contact, type Kinks, kinksOf, type Place } from "./kinks.js";
import { createLockedField, type Evaluation, type LockedField, sumOverTwins } from "./locked-field.js";
import { type End, excess, locate, type Suspect, suspects } from "./watch.js";

/** One change of one entry. */
export interface BoundaryEvent extends Place {
  readonly t: number;
  readonly kind: "crossing" | "entersSliding" | "leavesSliding";
  readonly breakpoint: number;
  /** Side of the breakpoint: where a crossing or a leaving entry goes to, where an entering entry comes from. */
  readonly side: "above" | "below";
  /** Entries that slide after this instant. */
  readonly sliding: number;
}

export interface BoundarySummary {
  readonly crossings: number;
  readonly slidingEntries: number;
  readonly slidingExits: number;
  readonly maxSliding: number;
  /** Time during which at least one entry slides, and the sum over entries. */
  readonly timeSliding: number;
  readonly entryTimeSliding: number;
  readonly firstSliding: number | null;
  /** Instants at which a repelling boundary was reached: the solution is not unique from there. */
  readonly ambiguous: number;
  /** Decisions that did not settle; zero unless something is wrong. */
  readonly unsettled: number;
  readonly instants: number;
  readonly rowSweeps: number;
  readonly pushforwards: number;
}

export interface ExactOptions extends FlowOptions {
  readonly data: Readonly<Record<string, Float64Array>>;
  readonly onEvent: (event: BoundaryEvent) => void;
  /** Called once with the piece index of every entry at t = 0. */
  readonly onStart?: (pieces: Float64Array) => Promise<void>;
}

export interface ExactOutcome extends FlowOutcome {
  readonly events: BoundarySummary;
  /** Piece index of every entry at the end; fractional where it slides. */
  readonly pieces: Float64Array;
}

/** Part of the tolerances granted to the position on a boundary: an entry this near counts as on it. */
const CONTACT_SHARE = 1e-2;
/** Least contact distance: rounding of z grown by a few operations. */
const MIN_CONTACT = 1e-13;
/** Slack of a weight beyond [0, 1] before its entry is let go. */
const WEIGHT_SLACK = 1e-10;
/** Decisions at one instant before it is declared a cycle. */
const MAX_DECISIONS = 50;

/** An event ahead; `lead` is the entry that reaches its breakpoint, null where a sliding entry's weight reaches its end. */
interface Event {
  readonly t: number;
  readonly lead: number | null;
}

/** Corrections of an event's time on repeated steps. */
const MAX_CORRECTIONS = 3;
/** A weight this near its end when its entry is due to leave has reached it. */
const WEIGHT_SNAP = 1e-7;

/** @throws Error if the activation has no kinks: there is nothing to do that `integrateFlow` does not. */
export async function integrateExactly(options: ExactOptions): Promise<ExactOutcome> {
  const kinks = kinksOf(options.problem.family);
  if (kinks === null) throw new Error("integrateExactly: the activation has no kinks; use integrateFlow.");
  const field = await createLockedField(options.problem, kinks, options.data);
  return new ExactFlow(options, kinks, field).run();
}

class ExactFlow {
  readonly #options: ExactOptions;
  readonly #kinks: Kinks;
  readonly #field: LockedField;
  readonly #stepper: Stepper<Float64Array>;
  readonly #space;
  readonly #contact: number;
  readonly #slack: Float64Array;
  readonly #probe: Float64Array;
  readonly #counts = {
    crossings: 0,
    slidingEntries: 0,
    slidingExits: 0,
    maxSliding: 0,
    ambiguous: 0,
    unsettled: 0,
    instants: 0,
  };
  #timeSliding = 0;
  #entryTimeSliding = 0;
  #firstSliding: number | null = null;
  #start: End;
  #end: End;

  constructor(options: ExactOptions, kinks: Kinks, field: LockedField) {
    const {
      theta0,
      problem: _,
      onSegment: __,
      onEvent: ___,
      data: ____,
      signal: _____,
      maxSteps: ______,
      maxEvaluations: _______,
      ...solver
    } = options;
    this.#options = options;
    this.#kinks = kinks;
    this.#field = field;
    this.#space = float64Space(theta0.length);
    const { rtol = 1e-6, atol = 1e-9 } = options;
    this.#contact = Math.max(MIN_CONTACT, CONTACT_SHARE * Math.min(atol, rtol));
    this.#slack = new Float64Array(kinks.entries);
    this.#probe = new Float64Array(theta0.length);
    const end = (): End => ({
      t: 0,
      z: new Float64Array(kinks.entries),
      zDot: new Float64Array(kinks.entries),
    });
    this.#start = end();
    this.#end = end();
    this.#stepper = createStepper({
      ...solver,
      space: this.#space,
      t0: 0,
      y0: theta0,
      field: async (_t, theta, out) => {
        out.set((await field.evaluate(theta)).velocity);
      },
    });
  }

  async run(): Promise<ExactOutcome> {
    const {
      tEnd,
      signal,
      maxSteps = Number.POSITIVE_INFINITY,
      maxEvaluations = Number.POSITIVE_INFINITY,
    } = this.#options;
    const stepper = this.#stepper;
    let h: number | null = null;
    let status: OutcomeStatus | null = null;
    let message = "";
    const stop = (reason: OutcomeStatus, text: string): void => {
      status = reason;
      message = `${stepper.name}: ${text}`;
    };
    await this.#begin();
    let decisionsHere = 0;
    let lastInstant = Number.NEGATIVE_INFINITY;
    while (status === null) {
      if (stepper.t >= tEnd) stop("reachedEnd", `reached t = ${tEnd}.`);
      else if (signal?.aborted) stop("interrupted", `interrupted at t = ${stepper.t}.`);
      else if (stepper.accepted >= maxSteps)
        stop("maxSteps", `${maxSteps} steps were not enough to pass t = ${stepper.t}.`);
      else if (this.#field.cost.evaluations >= maxEvaluations)
        stop("maxEvaluations", `${maxEvaluations} evaluations were spent at t = ${stepper.t}.`);
      if (status !== null) break;
      const step = await stepper.advance(tEnd);
      h = step.h;
      if (step.status !== "accepted") {
        stop(step.status, step.message);
        break;
      }
      const found = await this.#findEvent(step);
      const reached = found === null ? { step, event: null } : await this.#stepTo(found, step);
      if (reached === null) {
        stop("nonFinite", `the step to the event at t = ${found?.t} failed.`);
        break;
      }
      const { step: taken, event } = reached;
      if ((await this.#report(taken)) === "stop") {
        stop("stopped", `stopped at t = ${taken.t1}.`);
        break;
      }
      if (event === null) {
        if (taken !== step) await this.#fillEnd(this.#end, taken.t1, taken.y1);
        await this.#carryOn(taken);
        continue;
      }
      const t1 = taken.t1;
      decisionsHere = t1 - lastInstant <= 1e-13 * Math.max(1, t1) ? decisionsHere + 1 : 0;
      lastInstant = t1;
      if (decisionsHere > MAX_DECISIONS)
        stop("stepTooSmall", `the events at t = ${t1} did not come to an end.`);
      this.#probe.set(taken.y1);
      await this.#settle(t1, this.#probe, event.lead);
    }
    const outcome: Outcome = {
      status: status as unknown as OutcomeStatus,
      t: stepper.t,
      h,
      message,
      accepted: stepper.accepted,
      rejected: stepper.rejected,
      evaluations: this.#field.cost.evaluations,
    };
    return {
      ...outcome,
      theta: stepper.y.slice(),
      pieces: this.#field.pattern.pieces.slice(),
      events: {
        ...this.#counts,
        timeSliding: this.#timeSliding,
        entryTimeSliding: this.#entryTimeSliding,
        firstSliding: this.#firstSliding,
        rowSweeps: this.#field.cost.rowSweeps,
        pushforwards: this.#field.cost.pushforwards,
      },
    };
  }

  /** The pattern at t = 0, entries that start on a breakpoint decided. */
  async #begin(): Promise<void> {
    const { theta0, problem } = this.#options;
    const program = await problem.compile(problem.family.preactivations("free"));
    const { z } = await program.run({ theta: theta0 });
    (z as Float64Array).forEach((value, e) => {
      this.#field.pattern.pieces[e] = this.#kinks.pieceOf(value);
    });
    await this.#settle(0, theta0.slice());
    await this.#options.onStart?.(this.#field.pattern.pieces.slice());
  }

  /**
   * Repeats the step from its start to the event, since a step is more accurate than its dense output: the time is
   * corrected by Newton's method on z until the entry that leads lies on its breakpoint. Null if no such step is accepted;
   * the event is null if the repeated step fell short of it.
   */
  async #stepTo(
    event: Event,
    step: Step<Float64Array>,
  ): Promise<{ step: Step<Float64Array>; event: Event | null } | null> {
    const start = {
      t: step.t0,
      y: step.y0.slice(),
      derivative: step.derivative0.slice(),
      keepStepSize: true,
    };
    const { breakpoints } = this.#kinks.table;
    const latest = step.t1;
    let t = event.t;
    for (let k = 0; ; k++) {
      this.#stepper.restart(start);
      const taken = await this.#stepper.advance(t);
      if (taken.status !== "accepted") return null;
      if (taken.t1 < t) return { step: taken, event: null };
      if (event.lead === null || k === MAX_CORRECTIONS) return { step: taken, event };
      await this.#fillEnd(this.#end, t, taken.y1);
      const piece = this.#field.pattern.pieces[event.lead] as number;
      const z = this.#end.z[event.lead] as number;
      const zDot = this.#end.zDot[event.lead] as number;
      const miss = z - (breakpoints[zDot > 0 ? piece : piece - 1] ?? Number.NaN);
      const corrected = t - miss / zDot;
      if (Math.abs(miss) <= this.#contact || !(corrected > step.t0 && corrected <= latest))
        return { step: taken, event };
      t = corrected;
    }
  }

  /** The first event in the step, just right of it; null if there is none. Fills the step's end. */
  async #findEvent(step: Step<Float64Array>): Promise<Event | null> {
    const field = this.#field;
    const { t0, t1 } = step;
    await this.#fillEnd(this.#end, t1, step.y1);
    const end = await field.evaluate(step.y1);
    const found = suspects(this.#kinks, field.pattern, this.#start, this.#end, this.#slack);
    const leaving = this.#weightExcess(end);
    if (found.length === 0 && leaving <= 0) return null;
    const scale = 1 / this.#contact;
    // Largest violation of the pattern, in units in which 1 is what counts as contact.
    const violation = async (t: number): Promise<number> => {
      if (t === t1) this.#probe.set(step.y1);
      else await step.interpolate(t, this.#probe);
      let worst = Number.NEGATIVE_INFINITY;
      let z: Float64Array;
      if (leaving > 0) {
        const evaluation = await field.evaluate(this.#probe);
        worst = this.#weightExcess(evaluation) / WEIGHT_SLACK;
        z = evaluation.z;
      } else z = await field.preactivations(this.#probe);
      lead = null;
      for (const { entry } of found) {
        const beyond =
          (excess(this.#kinks, field.pattern, z, entry) - (this.#slack[entry] as number)) * scale;
        if (beyond > worst) {
          worst = beyond;
          lead = entry;
        }
      }
      return worst;
    };
    let lead: number | null = null;
    let left = t0;
    let gLeft = -1;
    for (const t of this.#trialTimes(found, t1)) {
      const value = await violation(t);
      if (value > 0) {
        const at = await locate(violation, left, gLeft, t, value, 1e-3);
        await violation(at);
        return { t: at, lead };
      }
      left = t;
      gLeft = value;
    }
    return null;
  }

  /** Times to look at in turn: shortly after each suspect's predicted crossing, and the end. */
  #trialTimes(found: readonly Suspect[], t1: number): number[] {
    const times = found.flatMap(({ time, outside }) => (outside < t1 ? [time, outside] : [time]));
    return [...new Set([...times.slice(0, 4), t1])].filter((t) => t <= t1).sort((p, q) => p - q);
  }

  /** By how much the worst sliding weight lies outside [0, 1]; −∞ without sliding. */
  #weightExcess(evaluation: Evaluation): number {
    let worst = Number.NEGATIVE_INFINITY;
    this.#weights(evaluation).forEach((w) => {
      worst = Math.max(worst, -w, w - 1);
    });
    return worst;
  }

  /** w_e = w_ref − u_e/(jump·c_e) for the sliding entries; twins share u and jump·c. */
  #weights({ theta, multipliers, signal, twins }: Evaluation): number[] {
    const { sliding, pieces } = this.#field.pattern;
    const own = sliding.map(
      ({ entry, breakpoint }) => this.#kinks.jump(theta, entry, breakpoint) * (signal[entry] as number),
    );
    const gains = sumOverTwins(twins, own, Math.abs);
    const shift = sumOverTwins(twins, multipliers, (ratio) => ratio);
    return sliding.map(({ entry, breakpoint }, s) => {
      const change = -(shift[s] as number) / (gains[s] as number);
      return (pieces[entry] as number) - breakpoint + (twins[s]!.ratio > 0 ? change : -change);
    });
  }

  async #fillEnd(end: End, t: number, theta: Float64Array): Promise<void> {
    const { z, velocity } = await this.#field.evaluate(theta);
    end.z.set(z);
    await this.#field.normalVelocities(theta, velocity, end.zDot);
    (end as { t: number }).t = t;
  }

  /** After a step without event: the end becomes the start, weights are refreshed, drift off the boundaries removed. */
  async #carryOn(step: Step<Float64Array>): Promise<void> {
    const { pattern } = this.#field;
    [this.#start, this.#end] = [this.#end, this.#start];
    if (pattern.sliding.length > 0) {
      const evaluation = await this.#field.evaluate(step.y1);
      const { z } = evaluation;
      const weights = this.#weights(evaluation);
      const drift = pattern.sliding.reduce(
        (worst, { entry, breakpoint }) =>
          Math.max(
            worst,
            Math.abs((z[entry] as number) - (this.#kinks.table.breakpoints[breakpoint] as number)),
          ),
        0,
      );
      pattern.sliding = pattern.sliding.map((contact, s) => ({
        ...contact,
        weight: Math.min(Math.max(weights[s] as number, 0), 1),
      }));
      for (const { entry, breakpoint, weight } of pattern.sliding)
        pattern.pieces[entry] = breakpoint + weight;
      this.#field.invalidate();
      if (drift > this.#contact) {
        this.#probe.set(step.y1);
        await this.#field.project(this.#probe);
        await this.#fillEnd(this.#start, step.t1, this.#probe);
        const { velocity } = await this.#field.evaluate(this.#probe);
        this.#stepper.restart({ t: step.t1, y: this.#probe, derivative: velocity, keepStepSize: true });
      }
    }
    this.#renewSlack();
  }

  /** Decides an instant: who crosses, who slides, who leaves; then the flow goes on from `theta`. */
  async #settle(t: number, theta: Float64Array, lead: number | null = null): Promise<void> {
    const field = this.#field;
    const { pattern } = field;
    const kinks = this.#kinks;
    const { breakpoints } = kinks.table;
    const before = new Map(pattern.sliding.map((contact) => [contact.entry, contact]));
    field.invalidate();
    await field.project(theta);
    const { z, velocity: arriving } = await field.evaluate(theta);
    await field.normalVelocities(theta, arriving, this.#end.zDot);
    const touching: Contact[] = [];
    for (let entry = 0; entry < kinks.entries; entry++) {
      const slides = before.get(entry);
      if (slides !== undefined) {
        touching.push({ ...slides, weight: (pattern.pieces[entry] as number) - slides.breakpoint });
        continue;
      }
      const piece = pattern.pieces[entry] as number;
      const value = z[entry] as number;
      breakpoints.forEach((position, breakpoint) => {
        const adjoining = piece === breakpoint || piece === breakpoint + 1;
        const near = Math.abs(value - position);
        const arrived = entry === lead && breakpoints.every((other) => Math.abs(value - other) >= near);
        // An entry that has just crossed and moves off is near its breakpoint, but nothing is to be decided about it.
        const zDot = this.#end.zDot[entry] as number;
        const departing = t > 0 && (piece === breakpoint ? zDot < 0 : zDot > 0);
        if (adjoining && (arrived || (near <= 2 * this.#contact && !departing))) {
          touching.push({ entry, breakpoint, weight: piece === breakpoint ? 0 : 1 });
        }
      });
    }
    if (touching.length > 0) {
      const initial = touching.map((contact) => contact.weight);
      const decision = await decide(field, kinks, theta, touching, lead === null && t > 0 ? WEIGHT_SNAP : 0);
      this.#counts.instants++;
      if (!decision.settled) this.#counts.unsettled++;
      if (decision.ambiguous > 0) this.#counts.ambiguous++;
      pattern.sliding = decision.contacts.filter(({ weight }) => weight > 0 && weight < 1);
      this.#announce(t, decision.contacts, initial, before);
    }
    field.invalidate();
    await field.project(theta);
    await this.#fillEnd(this.#start, t, theta);
    const { velocity } = await field.evaluate(theta);
    this.#stepper.restart({ t, y: theta, derivative: velocity, keepStepSize: t > 0 });
    this.#renewSlack();
  }

  #announce(
    t: number,
    contacts: readonly Contact[],
    initial: readonly number[],
    before: ReadonlyMap<number, Contact>,
  ): void {
    const sliding = this.#field.pattern.sliding.length;
    const counts = this.#counts;
    counts.maxSliding = Math.max(counts.maxSliding, sliding);
    if (sliding > 0) this.#firstSliding ??= t;
    contacts.forEach(({ entry, breakpoint, weight }, i) => {
      const slid = before.has(entry);
      const slides = weight > 0 && weight < 1;
      const cameFrom = (initial[i] as number) >= 0.5 ? "above" : "below";
      const emit = (kind: BoundaryEvent["kind"], side: BoundaryEvent["side"]): void =>
        this.#options.onEvent({ t, kind, ...this.#kinks.place(entry), breakpoint, side, sliding });
      if (slides && !slid) {
        counts.slidingEntries++;
        emit("entersSliding", cameFrom);
      } else if (!slides && slid) {
        counts.slidingExits++;
        emit("leavesSliding", weight === 1 ? "above" : "below");
      } else if (!slides && !slid && weight !== initial[i]) {
        counts.crossings++;
        emit("crossing", weight === 1 ? "above" : "below");
      }
    });
  }

  /** An entry on its breakpoint may stray by the contact distance before it counts as out; any other not at all. */
  #renewSlack(): void {
    const { pattern } = this.#field;
    for (let e = 0; e < this.#kinks.entries; e++) {
      this.#slack[e] = excess(this.#kinks, pattern, this.#start.z, e) > -this.#contact ? this.#contact : 0;
    }
  }

  async #report(step: Step<Float64Array>): Promise<"stop" | undefined> {
    const { t1 } = step;
    const count = this.#field.pattern.sliding.length;
    if (count > 0) {
      this.#timeSliding += t1 - step.t0;
      this.#entryTimeSliding += count * (t1 - step.t0);
    }
    const theta1 = step.y1.slice();
    const segment: Segment = {
      t0: step.t0,
      t1,
      h: step.h,
      theta1,
      interpolate: (t, out) => (t === t1 ? this.#space.copy(theta1, out) : step.interpolate(t, out)),
      energy: (until) => step.quadrature((k) => squaredNorm(k), until === t1 ? undefined : until),
      measure: async (theta) => {
        const { loss, velocity } = await this.#field.observe(theta);
        return { loss, speed: Math.sqrt(squaredNorm(velocity)) };
      },
    };
    const counts: FlowCounts = {
      gradients: this.#field.cost.evaluations,
      accepted: this.#stepper.accepted,
      rejected: this.#stepper.rejected,
    };
    return this.#options.onSegment(segment, counts);
  }
}
