/**
 * Gradient flow through the kinks of a piecewise-polynomial activation, in Filippov's sense: within a pattern of pieces the
 * field is smooth and a Runge–Kutta step means what its error estimate says; events are located on the dense output, decided
 * once, and entries that can neither cross nor turn back slide along their boundary until a multiplier lets them go.
 */

import { factorise } from "../../linalg/cholesky.js";
import { Memory } from "../../memory.js";
import {
  createStepper,
  DEFAULT_TOLERANCES,
  type Ending,
  EvaluationsSpent,
  type Failure,
  float64Space,
  integrate,
  methods,
  type Outcome,
  type Step,
  type Stepper,
} from "../../ode/index.js";
import type { Hessian } from "../hessian.js";
import type { FlowEnd, Segment } from "../segment.js";
import type { Sharpness } from "../sharpness.js";
import { type FlowOptions, type FlowOutcome, sharpnessOf } from "../smooth.js";
import type { Approach } from "./approach.js";
import { type Contacts, createContacts } from "./contact.js";
import { createEventWatch, type EventWatch } from "./event-watch.js";
import { createInstants, type Instants } from "./instants.js";
import { type Kinks, kinksOf } from "./kinks.js";
import { type BoundaryEvent, type BoundarySummary, createLedger, type Ledger } from "./ledger.js";
import { createLockedField, type LockedField } from "./locked-field.js";
import { createLockedJacobian } from "./locked-jacobian.js";
import { TooManyContacts } from "./normals.js";
import { reach } from "./reach.js";
import { createShortSteps, type ShortStep, type ShortSteps } from "./short-step.js";
import { measureBy, segmentOf } from "./stretch-segment.js";
import { setWeights, slidingWeights } from "./weights.js";

export interface ExactOptions extends FlowOptions {
  readonly onEvent: (event: BoundaryEvent) => void;
  /** Called once with the piece index of every entry at t = 0. */
  readonly onStart?: (pieces: Float64Array) => Promise<void>;
  /**
   * Numbers that the normals of one sliding set may take before they are known by products only, default 2²⁵. Where it is given, normals
   * are rows or products of the engine in networks with layer products too, which else have them in factors.
   */
  readonly maxRowNumbers?: number;
}

export interface ExactOutcome extends FlowOutcome {
  readonly events: BoundarySummary;
  /** Piece index of every entry at the end; fractional where it slides. */
  readonly pieces: Float64Array;
}

/** Decisions whose times differ by this part of the time are at one instant: some roundings of t. */
const SAME_INSTANT = 1e-13;
/** Decisions at one instant, or in this part of the time without changing anything, before they are declared a cycle. */
const MAX_DECISIONS = 50;
const IDLE_SHARE = 1e-3;
/** Boundaries whose normals depend on one another to this, as a squared sine, are named where events do not come to an end. */
const NEARLY_DEPENDENT = 1e-9;
/** @throws Error if the activation has no kinks: there is nothing to do that `integrateSmooth` does not. */
export async function integrateExactly(options: ExactOptions): Promise<ExactOutcome> {
  const kinks = kinksOf(options.problem.family);
  if (kinks === null) throw new Error("integrateExactly: the activation has no kinks; use integrateSmooth.");
  const { problem, maxRowNumbers, memory = new Memory() } = options;
  const field = await createLockedField(problem, kinks, memory, maxRowNumbers);
  return new ExactFlow(options, kinks, field, memory).run();
}

class ExactFlow {
  readonly #options: ExactOptions;
  readonly #kinks: Kinks;
  readonly #field: LockedField;
  readonly #stepper: Stepper<Float64Array>;
  readonly #watch: EventWatch;
  /** Null where the steps of the method have a size of their own. */
  readonly #short: ShortSteps | null;
  readonly #ledger: Ledger;
  readonly #approach: Approach;
  readonly #sharpness: Sharpness | null;
  readonly #hessian: Hessian | null;
  readonly #space;
  readonly #contacts: Contacts;
  readonly #instants: Instants;
  readonly #measure: Segment["measure"];
  readonly #probe: Float64Array;
  readonly #memory: Memory;
  readonly #isResumed: boolean;
  /** The state observed last: what is projected after it is the next segment's start. */
  #seen: { readonly t: number; readonly theta: Float64Array };
  /** Looking at a step may cost evaluations too, and is not cut short. */
  #isObserved = false;
  #end: FlowEnd | null = null;
  readonly #state = {
    /** Of the last decision, and how many there have been at that instant. */
    lastInstant: Number.NEGATIVE_INFINITY,
    decisionsHere: 0,
    /** Decisions in a row that changed nothing, and when the first was. */
    idle: 0,
    idleSince: 0,
  };

  constructor(options: ExactOptions, kinks: Kinks, field: LockedField, memory: Memory) {
    const {
      theta0,
      problem: _,
      onSegment: __,
      onRest: _______,
      onEvent,
      signal: ____,
      maxSteps: _____,
      maxEvaluations = Number.POSITIVE_INFINITY,
      watchSharpness: ________,
      ...solver
    } = options;
    const { rtol, atol } = { ...DEFAULT_TOLERANCES, ...options };
    const { needs } = methods[options.method];
    const E = kinks.entries;
    this.#memory = memory;
    this.#isResumed = memory.isResumed;
    memory.keep("exact", this.#state);
    this.#seen = { t: 0, theta: theta0 };
    this.#options = options;
    this.#kinks = kinks;
    this.#field = field;
    this.#space = float64Space(theta0.length);
    this.#contacts = createContacts(field, E, theta0.length, { rtol, atol }, memory);
    this.#probe = new Float64Array(theta0.length);
    this.#ledger = createLedger(kinks, onEvent, memory);
    this.#instants = createInstants(field, kinks, this.#contacts, this.#ledger);
    this.#measure = measureBy(field);
    // Along a slide the Jacobian is this Hessian between two projections: its spectral radius bounds that one's.
    this.#sharpness = sharpnessOf(
      { ...options, memory },
      () => field.cost.evaluations,
      () => field.pattern.pieces,
    );
    this.#hessian = needs.includes("jacobian") ? createLockedJacobian(options.problem, field, memory) : null;
    const evaluate: LockedField["evaluate"] = (theta, also) => {
      if (!this.#isObserved && field.cost.evaluations >= maxEvaluations) throw new EvaluationsSpent();
      return field.evaluate(theta, also);
    };
    this.#stepper = createStepper({
      ...solver,
      memory,
      isAutonomous: true,
      ...(this.#hessian && { jacobian: this.#hessian.jacobian }),
      ...(this.#sharpness && { spectralRadius: this.#sharpness.spectralRadius }),
      space: this.#space,
      t0: 0,
      y0: theta0,
      field: async (_t, theta, out) => {
        out.set((await evaluate(theta)).velocity);
      },
    });
    this.#approach = {
      stepper: this.#stepper,
      field,
      kinks,
      space: this.#space,
      probe: this.#probe,
      zDot: new Float64Array(E),
    };
    this.#watch = createEventWatch(field, kinks, this.#stepper, this.#contacts.distances, memory);
    const tools = { stepper: this.#stepper, field, kinks, watch: this.#watch, evaluate, memory };
    const { maxStep = Number.POSITIVE_INFINITY } = options;
    this.#short = options.stepSize === undefined ? createShortSteps({ ...tools, rtol, atol, maxStep }) : null;
  }

  async run(): Promise<ExactOutcome> {
    const stepper = this.#stepper;
    const field = this.#field;
    const outcome = await this.#integrate().catch((error: unknown) => {
      if (!(error instanceof TooManyContacts)) throw error;
      const { t, stepSize: h } = stepper;
      const { accepted, rejected } = this;
      const message = `${stepper.name}: ${error.message}`;
      const { evaluations } = field.cost;
      return { status: "tooManyContacts" as const, t, h, message, accepted, rejected, evaluations };
    });
    const { t, theta } = this.#seen;
    const { status, message } = this.#end ?? outcome;
    return {
      ...outcome,
      status,
      t,
      message: this.#end === null ? message : `${stepper.name}: ${message}`,
      theta: theta.slice(),
      pieces: field.pattern.pieces.slice(),
      events: this.#ledger.summary(field.cost),
      ...(stepper.phases && { phases: stepper.phases }),
      ...(this.#sharpness && { sharpness: this.#sharpness }),
      ...(this.#hessian && { hessian: this.#hessian.cost }),
    };
  }

  async #integrate(): Promise<Outcome> {
    const { tEnd, signal, maxSteps, maxEvaluations, onRest } = this.#options;
    if (this.#isResumed) {
      this.#options.onResume?.(this.#measure);
      this.#seen = { t: this.#stepper.t, theta: this.#stepper.y.slice() };
    } else await this.#begin();
    return integrate<Step<Float64Array> | ShortStep>({
      stepper: this,
      tEnd,
      spent: () => this.#field.cost.evaluations,
      memory: this.#memory,
      ...(signal && { signal }),
      ...(maxSteps && { maxSteps }),
      ...(maxEvaluations && { maxEvaluations }),
      ...(onRest && { onRest }),
      onStep: (step) => this.#pass(step),
    });
  }

  get name(): string {
    return this.#stepper.name;
  }

  get t(): number {
    return this.#stepper.t;
  }

  get evaluations(): number {
    return this.#field.cost.evaluations;
  }

  get accepted(): number {
    return this.#stepper.accepted + (this.#short?.accepted ?? 0);
  }

  get rejected(): number {
    return this.#stepper.rejected + (this.#short?.rejected ?? 0);
  }

  /** A short step to the next event where that is the cheaper one, else one of the method. */
  async advance(limit: number): Promise<Step<Float64Array> | ShortStep | Failure> {
    const stepper = this.#stepper;
    this.#field.forget();
    const failed = await stepper.prepare();
    if (failed !== null) return failed;
    const short = await this.#short?.advance(limit);
    if (short) return short;
    const before = stepper.evaluations;
    const step = await stepper.advance(limit);
    this.#short?.methodTook(stepper.evaluations - before);
    return step;
  }

  /** What follows an accepted step: its first event, if it has one, is gone to and decided. */
  async #pass(step: Step<Float64Array> | ShortStep): Promise<Ending | undefined> {
    const state = this.#state;
    this.#isObserved = true;
    const found = await ("lead" in step
      ? this.#watch.find(step, step.inside, step.lead !== null)
      : this.#watch.find(step));
    this.#isObserved = false;
    const reached = await reach(this.#approach, this.#instants, step, found, this.#watch.weights);
    if ("status" in reached) {
      const why = reached.message.replace(`${this.#stepper.name}: `, "");
      return { status: reached.status, message: `on the way to the event at t = ${found?.t}: ${why}` };
    }
    if (reached.t1 > step.t0 && (await this.#report(segmentOf(reached, this.#field, this.#measure))))
      return "stop";
    const { t1, event } = reached;
    await this.#sharpness?.follow(t1, () => reached.theta1);
    if (event === null) {
      await this.#carryOn(reached.step, found !== null && !("lead" in step));
      return undefined;
    }
    const isSame = t1 - state.lastInstant <= SAME_INSTANT * t1;
    state.decisionsHere = isSame ? state.decisionsHere + 1 : 0;
    state.lastInstant = t1;
    this.#probe.set(reached.theta1);
    const hasChanged = await this.#settle(t1, event.lead);
    if (hasChanged || t1 - state.idleSince > IDLE_SHARE * t1)
      Object.assign(state, { idle: 0, idleSince: t1 });
    else state.idle++;
    if (state.decisionsHere <= MAX_DECISIONS && state.idle <= MAX_DECISIONS) return undefined;
    return {
      status: "stepTooSmall",
      message: `the events at t = ${t1} did not come to an end${await this.#whyEndless(event.lead)}.`,
    };
  }

  /** Words for boundaries that nothing tells apart; empty where they are not the cause. */
  async #whyEndless(lead: number | null): Promise<string> {
    const { sliding, pieces } = this.#field.pattern;
    const led =
      lead === null ? [] : [{ entry: lead, breakpoint: 0, weight: pieces[lead] as number, follows: null }];
    const contacts = [...sliding, ...led];
    const { gram } = await this.#field.normals(this.#probe, contacts);
    const n = contacts.length;
    if (n > this.#probe.length || factorise(gram, n, n, NEARLY_DEPENDENT).dependent.length === 0) return "";
    return `: ${n} boundaries meet there whose normals depend on one another but for rounding, as those of inputs and biases of very different sizes do; dataset.normalise brings inputs to size 1`;
  }

  /** The pattern at t = 0, entries that start on a breakpoint decided. */
  async #begin(): Promise<void> {
    const { theta0, problem, onStart } = this.#options;
    const program = await problem.compile(problem.family.preactivations("free"));
    const { z } = await program.run({ theta: theta0 });
    this.#field.pattern.pieces.set(this.#kinks.piecesOf(z as Float64Array));
    await this.#contacts.measure(theta0);
    this.#probe.set(theta0);
    await this.#settle(0, null);
    await onStart?.(this.#field.pattern.pieces.slice());
  }

  /** After a step without event: the weights found become the references, drift off the boundaries is removed. */
  async #carryOn(step: Step<Float64Array>, isCut: boolean): Promise<void> {
    const field = this.#field;
    const { sliding } = field.pattern;
    await this.#contacts.renew(step.y1);
    if (sliding.length === 0 && !isCut) {
      if ("lead" in step) this.#stepper.restart(this.#endOf(step));
      return;
    }
    const theta = this.#probe;
    theta.set(step.y1);
    const weights = isCut ? await slidingWeights(field, this.#kinks, theta) : this.#watch.weights;
    const { z } = await field.evaluate(theta);
    const drifts = sliding.some((contact) => this.#instants.isOff(contact, z));
    await setWeights(field, weights);
    if (drifts || isCut) {
      await field.project(theta);
      await this.#goOn(step.t1, theta, true);
    } else if ("lead" in step) this.#stepper.restart(this.#endOf(step));
  }

  #endOf({ t1, y1, derivative1 }: Step<Float64Array>) {
    return { t: t1, y: y1, derivative: derivative1, keepStepSize: true };
  }

  /** Decides the instant t at the probe, and goes on from there. Whether anything has changed. */
  async #settle(t: number, lead: number | null): Promise<boolean> {
    const hasChanged = await this.#instants.settle(t, this.#probe, lead);
    await this.#goOn(t, this.#probe, t > 0);
    return hasChanged;
  }

  /** Restarts the solver and the watch at (t, θ) with the pattern as it is; the gradient there serves both. */
  async #goOn(t: number, theta: Float64Array, keepStepSize: boolean): Promise<void> {
    const { velocity } = await this.#field.evaluate(theta);
    this.#stepper.restart({ t, y: theta, derivative: velocity, keepStepSize });
    await this.#contacts.renew(theta);
    await this.#watch.begin(t, theta);
  }

  /** Whether whoever follows the flow ends it. */
  async #report(segment: Segment): Promise<boolean> {
    this.#isObserved = true;
    const end = await this.#options.onSegment(segment, {
      gradients: this.#field.cost.evaluations,
      accepted: this.accepted,
      rejected: this.rejected,
      sharpness: this.#sharpness?.last ?? null,
      unsettled: this.#ledger.unsettled,
    });
    this.#isObserved = false;
    this.#seen = { t: segment.t1, theta: segment.theta1 };
    if (end) {
      this.#end = end;
      this.#seen = { t: end.t, theta: this.#probe };
      await segment.interpolate(end.t, this.#probe);
    }
    this.#ledger.passed(this.#seen.t - segment.t0, this.#field.pattern.sliding.length);
    return this.#end !== null;
  }
}
