/** The integration of a study: the flow, what follows it in lockstep, and the checks after it. */
import {
  createObserver,
  createStopRule,
  cutSegment,
  type Descent,
  type FlowCounts,
  type FlowEnd,
  type FlowOutcome,
  measureGradient,
  measureInLogClock,
  type Observation,
  type Rise,
  type Segment,
} from "../flow/index.js";
import { ERROR_CHECK_COLUMNS, METHOD_COLUMNS } from "../record/columns.js";
import type {
  ErrorCheckResult,
  EventsResult,
  Extents,
  FlowResult,
  GapResult,
  MeasureResult,
  NtkResult,
  RoundingResult,
  SmoothingResult,
} from "../record/result.js";
import { boundaryNotes, type Treatment, whyNotFlow } from "./boundaries.js";
import { scheduleCheckpoints, unsavedNote } from "./checkpoints.js";
import { type ComparedRows, createDescents, descentNotes, followDescents } from "./descents.js";
import { checkError } from "./error-check.js";
import { type ExtentsState, extend } from "./extents.js";
import { energyNotes, errorNotes, phasesOf, riseNotes, sharpnessNotes } from "./findings.js";
import { createFlows } from "./flows.js";
import { createForecast } from "./forecast.js";
import { createGaps } from "./gaps.js";
import { type EndedFlow, integrateBy, integratorsOf, solverOf } from "./integrate-by.js";
import { createMeasures, type MeasurePlan } from "./measures.js";
import { createNtkObserver, type NtkObserver } from "./ntk.js";
import { measureRounding, roundingNotes } from "./rounding.js";
import { compareSmoothing } from "./smoothing.js";
import type { OpenStudy, Progress } from "./study-record.js";
import { watchTail } from "./tail.js";
import { recordTimes, timesIn } from "./times.js";

export interface Integrated {
  readonly outcome: FlowOutcome;
  /** At the start and at the end; those between are in series.csv. Null where loss or gradient are not finite at the start. */
  readonly first: Observation | null;
  readonly last: Observation | null;
  readonly rise: Rise | null;
  readonly descents: readonly Descent[];
  readonly events: EventsResult | null;
  readonly smoothing: readonly SmoothingResult[];
  readonly errorCheck: ErrorCheckResult | null;
  readonly rounding: RoundingResult | null;
  readonly ntk: NtkResult | null;
  /** Extents of the flow's columns, and of each descent's with its largest gap. */
  readonly measured: Extents;
  readonly compared: readonly ComparedRows[];
  readonly measures: readonly MeasureResult[];
  readonly flows: readonly FlowResult[];
  readonly gaps: readonly GapResult[];
  readonly notes: readonly string[];
}

/** Flow, descents and what is measured on the way, from the start or from the study's memory to the end. */
export async function integrateStudy(
  study: OpenStudy,
  treatment: Treatment,
  plan: MeasurePlan,
): Promise<Integrated> {
  const { loaded, prepared, record, memory } = study;
  const { signal, onProgress, onMessage } = study.options;
  const { config } = loaded;
  const { tEnd, lossFactor, maxGradientEvaluations, maxSteps, compareSmoothing: halfWidths } = config.flow;
  const { stopWhen = lossFactor === undefined ? {} : { lossFactor } } = config.flow;
  const wantsCheck = "errorCheck" in config.flow && config.flow.errorCheck;
  const solver = solverOf(config.flow);
  const isLogClock = config.flow.clock === "log";
  const integrators = integratorsOf(config.flow);
  const { problem, theta0 } = prepared;
  const rtol = "rtol" in solver && solver.stepSize === undefined ? solver.rtol : 0;
  const times = recordTimes(timesIn(config.record, config.flow), tEnd);
  const compareNear =
    times ?? (recordTimes(timesIn({ at: "log", points: 200 }, config.flow), tEnd) as number[]);
  const descents = createDescents(study, compareNear);
  const measures = createMeasures(plan, loaded, record, memory);
  const flows = await createFlows(study, descents, measures);
  const gaps = await createGaps(study, descents, treatment);
  const takeFlow = await measures.follow("flow", memory.within("measured flow"));
  const seen = memory.keep("extents", {
    flow: {} as ExtentsState,
    descents: descents.map((): ComparedRows => ({ gap: null, extents: {} })),
  });
  const tail = isLogClock ? watchTail(memory.within("log clock's tail")) : null;
  /** Whether the row that comes is the last one of the flow. */
  let isFinishing = false;
  const onObservation = async (
    observation: Observation,
    theta: Float64Array,
    gradient?: Float64Array,
  ): Promise<void> => {
    const { t, loss } = observation;
    const values = await takeFlow({ t, loss, theta, ...(gradient && { gradient }), isLast: isFinishing });
    const row = { ...observation, ...values };
    extend(seen.flow, t, row);
    tail?.see(t, { loss, speed: observation.gradientNorm });
    record.series.append(row);
  };
  const observer = createObserver({
    problem,
    theta0,
    times,
    tolerance: rtol,
    measure: isLogClock ? await measureInLogClock(problem) : measureGradient(problem),
    onObservation,
    memory: memory.within("observer"),
  });
  if (!memory.isResumed) await observer.start();
  const { first } = observer;
  const atStart = (end: FlowEnd): Integrated => ({
    outcome: { ...NOTHING_DONE, ...end, theta: theta0 },
    first,
    last: first,
    rise: null,
    descents,
    events: null,
    smoothing: [],
    errorCheck: null,
    rounding: null,
    ntk: null,
    measured: seen.flow,
    compared: seen.descents,
    measures: measures.results(),
    flows: flows?.results(end.status) ?? [],
    gaps: gaps?.results() ?? [],
    notes: [],
  });
  if (first === null)
    return atStart({
      t: 0,
      status: "nonFinite",
      message:
        "loss or ‖∇L‖² is not a finite number at the initial parameters; scale the data or the initial parameters down.",
    });
  const rule = createStopRule(problem, stopWhen, { loss: first.loss, speed: first.gradientNorm });
  const immediate = rule.atStart();
  if (immediate !== null) return atStart(immediate);
  let progress: Progress = { fraction: 0, t: 0, tEnd, loss: first.loss, gradientEvaluations: 0, stepSize: 0 };
  const { ntk } = config.measure;
  const kernel: NtkObserver | null =
    ntk === undefined
      ? null
      : await createNtkObserver(loaded, prepared, record, {
          ntk,
          tEnd,
          tolerance: "rtol" in solver ? solver : null,
          notFlow: whyNotFlow(loaded, treatment, problem.family),
          memory: memory.within("ntk"),
          ...(signal && { signal }),
          ...(onMessage && { onMessage }),
          onActivity: (activity) => onProgress?.({ ...progress, activity }),
        });
  if (!memory.isResumed && (treatment === "off" || treatment === "smooth")) await kernel?.start(null);
  const forecast = createForecast({
    ...{ tEnd, maxSteps, bounded: maxGradientEvaluations !== undefined, isLogClock },
    memory: memory.within("forecast"),
  });
  const said = memory.keep("said", { notes: [] as string[] });
  const isInterrupted = (): boolean => signal?.aborted === true;
  /** What an interruption has cut that cannot be made up for. */
  const cutWork = (): string | null => {
    if (kernel?.isCut === true) return "a measurement of the tangent kernel";
    return descents.every((descent) => descent.isWhole)
      ? null
      : "descents that the flow was ahead of by more states than are kept (128 MB)";
  };
  const isWhole = (): boolean => cutWork() === null;
  const checkpoints = scheduleCheckpoints(config.record.checkpoint, study.save, memory, signal, isWhole);
  const comparing = await followDescents(study, descents, {
    ...{ flows, gaps, measures, rows: seen.descents },
  });
  const follow = async (
    whole: Segment,
    counts: FlowCounts,
    detect: (segment: Segment) => Promise<void>,
  ): Promise<FlowEnd | null> => {
    const end = await rule.find(whole);
    let segment = end === null ? whole : await cutSegment(problem, whole, end.t);
    const failure = await observer.follow(segment, counts);
    if (failure !== null) {
      if (!(failure.t > segment.t0)) return failure;
      segment = await cutSegment(problem, whole, failure.t);
    }
    await detect(segment);
    if (segment.known !== null) tail?.see(segment.t1, segment.known);
    await kernel?.follow(segment, counts, end !== null);
    await gaps?.follow(segment);
    const mayBeLast =
      end !== null ||
      counts.accepted >= BUDGET_SHARE * maxSteps ||
      counts.gradients >= BUDGET_SHARE * (maxGradientEvaluations ?? Number.POSITIVE_INFINITY);
    await comparing.follow(segment, mayBeLast);
    checkpoints.passed(segment.t1);
    progress = {
      fraction: isLogClock ? Math.log1p(segment.t1) / Math.log1p(tEnd) : segment.t1 / tEnd,
      t: segment.t1,
      tEnd,
      loss: observer.last!.loss,
      gradientEvaluations: counts.gradients,
      stepSize: segment.h,
    };
    onProgress?.(progress);
    const warning =
      end === null && failure === null
        ? await forecast({ t: segment.t1, ...counts }, problem.cost.seconds, async () => {
            return (segment.known ?? (await segment.measure(segment.theta1))).loss;
          })
        : null;
    if (warning !== null) {
      said.notes.push(warning);
      onMessage?.(`note: ${warning}`);
      await record.announce(said.notes);
    }
    return failure ?? end;
  };
  /** How the flow ended, for a run that is interrupted after that. */
  const ending = memory.keep("ending", {
    flow: null as EndedFlow | null,
    errorCheck: null as ErrorCheckResult | null,
  });
  const wasEnded = ending.flow !== null;
  const limits = {
    maxSteps,
    ...(signal && { signal }),
    ...(maxGradientEvaluations && { maxEvaluations: maxGradientEvaluations }),
  };
  ending.flow ??= await integrateBy(treatment, study, {
    ...limits,
    follow,
    kernel,
    gaps,
    watchSharpness: descents.length > 0,
    onResume: observer.resume,
    onRest: async () => {
      await comparing.catchUp(checkpoints.pause);
      await checkpoints.rest();
    },
  });
  const { outcome, events } = ending.flow;
  // Before the descents catch up: a checkpoint written meanwhile says that the flow has ended, and who goes on from it leaves its phases alone.
  if (outcome.phases !== undefined && !wasEnded) {
    const table = await record.table("methods", METHOD_COLUMNS);
    for (const phase of phasesOf(outcome)) table.append({ ...phase });
  }
  if (EARLY_ENDS.includes(outcome.status)) for (const descent of descents) descent.endAt(outcome.t);
  await comparing.catchUp(checkpoints.pause);
  // Between steps the flow has saved itself, and goes on from there.
  if (outcome.status === "interrupted") ending.flow = null;
  isFinishing = true;
  const last = (await observer.finish()) as Observation;
  const notes: string[] = [];
  let { errorCheck } = ending;
  if (wantsCheck && errorCheck === null && outcome.t > 0 && !isInterrupted()) {
    const onTime = (t: number) =>
      onProgress?.({ ...progress, activity: `errorCheck: t = ${t.toPrecision(4)} again` });
    const again = integrators[treatment === "exact" || treatment === "stepping" ? treatment : "smooth"];
    const { check, losses } = await checkError(
      (options) => again({ ...options, onEvent: () => undefined }),
      { problem, theta0, ...limits, ...solver, maxSteps: 10 * maxSteps },
      outcome,
      { descents, times: compareNear, isStepping: treatment === "stepping", onTime },
    );
    errorCheck = check;
    // An interrupted check is done again from its beginning.
    if (check.status !== "interrupted") {
      ending.errorCheck = check;
      const table = await record.table("error-check", ERROR_CHECK_COLUMNS);
      for (const row of losses) table.append({ ...row });
    }
  }
  if (errorCheck !== null) notes.push(...errorNotes(errorCheck));
  const measured = kernel === null ? null : await kernel.finish();
  const smoothing =
    GOOD_ENDS.includes(outcome.status) && !isInterrupted()
      ? await compareSmoothing(
          halfWidths,
          problem.engine,
          prepared,
          { ...solver, tEnd: outcome.t, maxSteps, ...(signal && { signal }) },
          outcome.theta,
          integrators.smooth,
        )
      : [];
  // A signal that came while the last kernels were computed is heard when the event loop gets its turn, and not before.
  await new Promise((resolve) => setImmediate(resolve));
  const isCut = isInterrupted() && outcome.status !== "interrupted" && isUnfinished();
  if (isCut) await checkpoints.rest();
  if (isCut || outcome.status === "interrupted")
    notes.push(...unsavedNote(config.record.checkpoint, checkpoints, cutWork()));
  const rounding =
    problem.engine.dtype === "float32"
      ? await measureRounding(prepared, outcome.theta, config.flow.clock === "log")
      : null;
  if (rounding !== null) notes.push(...roundingNotes(rounding, problem.engine.resident !== null));
  if (outcome.hessian !== undefined) {
    const { products, gradientEquivalents } = outcome.hessian;
    notes.push(
      `${solver.method} formed its Hessians by ${products} Hessian products, the work of about ${Math.round(gradientEquivalents)} gradients, which gradientEvaluations leaves out.`,
    );
  }
  notes.push(...boundaryNotes(events), ...(kernel?.notes() ?? []), ...(gaps?.notes() ?? []));
  const isAsAsked = GOOD_ENDS.includes(outcome.status) || EARLY_ENDS.includes(outcome.status);
  notes.push(...descentNotes(descents, isAsAsked && !isCut ? outcome.t : null));
  return {
    outcome: isCut ? { ...outcome, ...afterEnd(outcome) } : outcome,
    first,
    last,
    rise: observer.rise,
    descents,
    events,
    smoothing,
    errorCheck,
    rounding,
    ntk: measured,
    measured: { ...seen.flow, ...kernel?.taken().extents },
    compared: seen.descents,
    measures: [...measures.results(), ...(kernel === null ? [] : [kernel.taken().cost])],
    flows: flows?.results(isCut ? "interrupted" : outcome.status) ?? [],
    gaps: gaps?.results() ?? [],
    notes: [
      // What was said of an end to come has no place beside the end that came.
      ...(outcome.status === "interrupted" ? said.notes : []),
      ...riseNotes(observer.rise, first.loss, last.loss, config.flow),
      ...energyNotes(first, last),
      ...((await tail?.notes(problem, last, outcome.theta)) ?? []),
      ...notes,
      ...sharpnessNotes(outcome, descents, config.flow, first, last),
    ],
  };

  /** Whether an interruption came before the end of what follows the flow or comes after it. */
  function isUnfinished(): boolean {
    return (
      kernel !== null ||
      descents.some((descent) => descent.isBehind) ||
      (wantsCheck && (errorCheck === null || errorCheck.status === "interrupted")) ||
      smoothing.length < halfWidths.length ||
      smoothing.some(({ status }) => status === "interrupted")
    );
  }
}

const NOTHING_DONE = { h: null, accepted: 0, rejected: 0, evaluations: 0 };

/** Ends at which the flow is as it was asked for. */
const GOOD_ENDS: readonly FlowOutcome["status"][] = ["reachedEnd", "lossReached", "stationary"];
/** Ends before tEnd that the study asked for. */
const EARLY_ENDS: readonly FlowOutcome["status"][] = [
  "lossReached",
  "stationary",
  "maxSteps",
  "maxEvaluations",
];
/**
 * From this part of its steps or gradients on, the flow is kept at each descent's last step so far: an end by budget does not announce
 * itself, and the dense output of some methods costs gradients.
 */
const BUDGET_SHARE = 0.5;

function afterEnd({ t, message }: FlowOutcome): Pick<FlowOutcome, "status" | "message"> {
  return {
    status: "interrupted",
    message: `interrupted at t = ${t}, where the flow had ended (${message}), before descents and checks were done.`,
  };
}
