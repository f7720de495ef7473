/** The integration of a study: the flow by its treatment of kinks, what watches it, descents in lockstep, and the checks after it. */
import {
  type BoundaryEvent,
  createDescent,
  createDetector,
  createObserver,
  type Descent,
  type FlowCounts,
  type FlowOptions,
  type FlowOutcome,
  integrateExactly,
  integrateSmooth,
  measureGradient,
  type Observation,
  type Segment,
} from "../flow/index.js";
import { EVENT_COLUMNS, METHOD_COLUMNS } from "../record/columns.js";
import type {
  ErrorCheckResult,
  EventsResult,
  NtkResult,
  RoundingResult,
  SmoothingResult,
} from "../record/result.js";
import { boundaryNotes, type Treatment, whyNotFlow } from "./boundaries.js";
import { scheduleCheckpoints } from "./checkpoints.js";
import { checkError } from "./error-check.js";
import { energyNotes, errorNotes, phasesOf, sharpnessNotes } from "./findings.js";
import { createNtkObserver, type NtkObserver } from "./ntk.js";
import { measureRounding, roundingNotes } from "./rounding.js";
import { compareSmoothing } from "./smoothing.js";
import type { OpenStudy, Progress } from "./study-record.js";
import { recordTimes } from "./times.js";

export interface Integrated {
  readonly outcome: FlowOutcome;
  readonly observations: readonly Observation[];
  readonly descents: readonly Descent[];
  readonly events: EventsResult | null;
  readonly smoothing: readonly SmoothingResult[];
  readonly errorCheck: ErrorCheckResult | null;
  readonly rounding: RoundingResult | null;
  readonly ntk: NtkResult | null;
  readonly notes: readonly string[];
}

/** Flow, descents and what is measured on the way, from the start or from the study's memory to the end. */
export async function integrateStudy(study: OpenStudy, treatment: Treatment): Promise<Integrated> {
  const { loaded, prepared, record, memory } = study;
  const { signal, onProgress, onMessage } = study.options;
  const { config } = loaded;
  const {
    tEnd,
    lossFactor,
    maxGradientEvaluations,
    maxSteps,
    boundaries: _,
    smoothing: __,
    compareSmoothing: halfWidths,
    ...given
  } = config.flow;
  const { errorCheck: wantsCheck, ...solver } = { errorCheck: false, ...given };
  const { problem, theta0 } = prepared;
  const times = recordTimes(config.record, tEnd);
  const compareNear = times ?? (recordTimes({ at: "log", points: 200 }, tEnd) as number[]);
  const descents = config.descent.learningRates.map((learningRate, index) =>
    createDescent({
      problem,
      theta0,
      learningRate,
      times: compareNear,
      tEnd,
      countFlips: config.descent.countFlips,
      memory: memory.within(`descent ${index}`),
    }),
  );
  const observer = createObserver({
    problem,
    theta0,
    times,
    measure: measureGradient(problem),
    onObservation: (observation) => record.series.append({ ...observation }),
    memory: memory.within("observer"),
  });
  if (!memory.isResumed) await observer.start();
  const first = observer.observations[0] as Observation;
  if (!Number.isFinite(first.loss)) {
    const message = `The loss at the initial parameters is ${first.loss}; scale the data or the initial parameters down.`;
    const counts = { accepted: 0, rejected: 0, evaluations: 0 };
    return {
      outcome: { status: "nonFinite", t: 0, h: null, message, ...counts, theta: theta0 },
      observations: observer.observations,
      descents,
      events: null,
      smoothing: [],
      errorCheck: null,
      rounding: null,
      ntk: null,
      notes: [],
    };
  }
  let lossReached = false;
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
  const checkpoints = scheduleCheckpoints(config.record.checkpoint, study.save, memory, signal);
  const onSegment = async (segment: Segment, counts: FlowCounts): Promise<"stop" | undefined> => {
    await observer.follow(segment, counts);
    await kernel?.follow(segment, counts);
    for (const descent of descents)
      await descent.follow(segment, (row) => record.descent.append({ ...row }), signal);
    checkpoints.passed(segment.t1);
    progress = {
      fraction: segment.t1 / tEnd,
      t: segment.t1,
      tEnd,
      loss: observer.observations[observer.observations.length - 1]!.loss,
      gradientEvaluations: counts.gradients,
      stepSize: segment.h,
    };
    onProgress?.(progress);
    if (lossFactor !== undefined && (await problem.loss(segment.theta1)) <= first.loss / lossFactor) {
      lossReached = true;
      return "stop";
    }
    return undefined;
  };
  const shared = {
    problem,
    theta0,
    tEnd,
    maxSteps,
    ...(signal && { signal }),
    ...(maxGradientEvaluations && { maxEvaluations: maxGradientEvaluations }),
  };
  const notes: string[] = [];
  let outcome: FlowOutcome;
  let events: EventsResult | null = null;
  const options: FlowOptions = {
    ...shared,
    ...solver,
    onSegment,
    memory: memory.within("flow"),
    onResume: observer.resume,
    onRest: checkpoints.rest,
  };
  if (treatment === "exact" || treatment === "detect") {
    const table = await record.table("events", EVENT_COLUMNS);
    const watch = {
      onEvent: (event: BoundaryEvent) => {
        table.append({ ...event });
        kernel?.onEvent(event);
      },
      onStart: async (pieces: Float64Array) => {
        await record.array("pieces0", pieces);
        await kernel?.start(treatment === "exact" ? pieces : null);
      },
    };
    if (treatment === "exact") {
      const exact = await integrateExactly({ ...options, ...watch });
      outcome = exact;
      events = exact.events;
    } else {
      const detector = await createDetector({ ...options, ...watch });
      outcome = await integrateSmooth({
        ...options,
        onSegment: async (segment, counts) => {
          await detector.follow(segment, counts);
          return onSegment(segment, counts);
        },
      });
      events = detector.summary();
    }
  } else outcome = await integrateSmooth(options);
  await observer.finish();
  if (outcome.phases !== undefined) {
    const table = await record.table("methods", METHOD_COLUMNS);
    for (const phase of phasesOf(outcome)) table.append({ ...phase });
  }
  let errorCheck: ErrorCheckResult | null = null;
  if (wantsCheck && outcome.t > 0) {
    errorCheck = await checkError(
      treatment === "exact"
        ? (options) => integrateExactly({ ...options, onEvent: () => undefined })
        : integrateSmooth,
      { ...shared, ...solver, maxSteps: 10 * maxSteps },
      outcome,
      descents,
    );
    notes.push(...errorNotes(errorCheck));
  }
  const measured = kernel === null ? null : await kernel.finish();
  const smoothing =
    outcome.status === "reachedEnd"
      ? await compareSmoothing(
          halfWidths,
          problem.engine,
          prepared,
          { ...solver, tEnd, maxSteps, ...(signal && { signal }) },
          outcome.theta,
        )
      : [];
  const rounding = problem.engine.dtype === "float32" ? await measureRounding(prepared, outcome.theta) : null;
  if (rounding !== null) notes.push(...roundingNotes(rounding, problem.engine.resident !== null));
  if (outcome.hessian !== undefined) {
    const { products, gradientEquivalents } = outcome.hessian;
    notes.push(
      `${solver.method} formed its Hessians by ${products} Hessian products, the work of about ${Math.round(gradientEquivalents)} gradients, which gradientEvaluations leaves out.`,
    );
  }
  notes.push(...boundaryNotes(events), ...(kernel?.notes() ?? []));
  for (const { divergedAtStep, learningRate } of descents) {
    if (divergedAtStep !== null)
      notes.push(`Gradient descent with learning rate ${learningRate} diverged at step ${divergedAtStep}.`);
  }
  return {
    outcome: lossReached
      ? {
          ...outcome,
          status: "lossReached" as FlowOutcome["status"],
          message: `The loss fell by the factor ${lossFactor} at t = ${outcome.t}.`,
        }
      : outcome,
    observations: observer.observations,
    descents,
    events,
    smoothing,
    errorCheck,
    rounding,
    ntk: measured,
    notes: [
      ...notes,
      ...energyNotes(observer.observations.at(-1)?.energyDefect ?? null),
      ...sharpnessNotes(outcome, descents, config.flow),
    ],
  };
}
