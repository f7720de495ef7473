/** One run, end to end: a config in; flow and descent in lockstep; a record and its figures out. */
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { hashConfig } from "../config/hash.js";
import { type LoadedConfig, problemAt } from "../config/load.js";
import { compileReference, type Engine } from "../engine/index.js";
import { drawFigures } from "../figure/draw.js";
import {
  type BoundaryEvent,
  createDescent,
  createDetector,
  createObserver,
  type Descent,
  type FlowCounts,
  type FlowOptions,
  type FlowOutcome,
  fitDecay,
  integrateExactly,
  integrateFlow,
  integrateFlowByOdex,
  MAX_HESSIAN_PARAMETERS,
  measureGradient,
  type Observation,
  type Segment,
} from "../flow/index.js";
import type { SolverName } from "../ode/index.js";
import { EVENT_COLUMNS, METHOD_COLUMNS } from "../record/columns.js";
import type { RunFacts } from "../record/manifest.js";
import type {
  ErrorCheckResult,
  EventsResult,
  NtkResult,
  RoundingResult,
  RunResult,
  SharpnessResult,
  SmoothingResult,
} from "../record/result.js";
import { openRecord, type RecordWriter } from "../record/writer.js";
import { boundaryNotes, chooseTreatment, type Treatment } from "./boundaries.js";
import { checkError } from "./error-check.js";
import { createNtkObserver, type NtkObserver } from "./ntk.js";
import { chooseMethod } from "./ntk-method.js";
import { engineOf, type Prepared, prepare } from "./prepare.js";
import { measureRounding, roundingNotes } from "./rounding.js";
import { checkSmoothing, compareSmoothing } from "./smoothing.js";
import { recordTimes } from "./times.js";

/** Where a run stands, for a progress bar. */
export interface Progress {
  /** Part of the time span done, 0 to 1. */
  readonly fraction: number;
  readonly t: number;
  readonly tEnd: number;
  readonly loss: number;
  readonly gradientEvaluations: number;
  readonly stepSize: number;
  /** What is being measured while the flow stands still. */
  readonly activity?: string;
}

export interface RunOptions {
  /** The record's folder. Default `runs/<name>-<hash>` in the working directory. */
  readonly directory?: string;
  /** Replace a record that stands there. */
  readonly force?: boolean;
  /** Ends the run with status `interrupted`. */
  readonly signal?: AbortSignal;
  /** The command line, for the manifest. */
  readonly command: readonly string[];
  readonly onProgress?: (progress: Progress) => void;
  readonly onMessage?: (line: string) => void;
}

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };

/**
 * Runs a study and writes its record. Numerical trouble is the result's `status`.
 * @throws ConfigError or EngineError, before anything is written or with the record marked `failed`.
 */
export async function runExperiment(loaded: LoadedConfig, options: RunOptions): Promise<RunResult> {
  const started = performance.now();
  const { config } = loaded;
  const engine = await engineOf(loaded);
  try {
    const prepared = await prepare(loaded, engine);
    const { dataset, problem, theta0 } = prepared;
    checkSmoothing(loaded);
    if (config.flow.method === "rodas4" && theta0.length > MAX_HESSIAN_PARAMETERS) {
      throw problemAt(
        loaded,
        "flow.method",
        `rodas4 forms the Hessian and takes at most ${MAX_HESSIAN_PARAMETERS} parameters, this network has ${theta0.length}; set flow.method: auto.`,
      );
    }
    const choice = chooseTreatment(loaded, problem.family);
    if (config.measure.ntk !== undefined) chooseMethod(loaded, config.measure.ntk, problem.family);
    const { hash } = await hashConfig(config, loaded.baseDir);
    const record = await openRecord({
      directory: options.directory ?? join("runs", `${config.name}-${hash}`),
      force: options.force ?? false,
      config,
      configText: loaded.source,
      overrides: loaded.set,
      manifest: await runFacts(loaded, prepared, engine, options.command),
    });
    try {
      await record.array("theta0", theta0);
      const run = await integrate(loaded, prepared, choice.treatment, record, options);
      const { outcome, observations, descents, events } = run;
      await record.array("theta", outcome.theta);
      const last = observations[observations.length - 1] as Observation;
      const { factor } = problem.family;
      const result = (figures: readonly string[]): RunResult => ({
        status: outcome.status,
        message: outcome.message,
        time: last.t,
        canonicalTime: last.canonicalTime,
        initialLoss: observations[0]!.loss,
        loss: last.loss,
        gradientEvaluations: outcome.evaluations,
        steps: { accepted: outcome.accepted, rejected: outcome.rejected },
        energyDefect: last.energyDefect,
        decay: fitDecay(observations, factor, [config.decay.from ?? last.t / 2, config.decay.to ?? last.t]),
        descent: descents.map((descent) => ({
          learningRate: descent.learningRate,
          steps: descent.divergedAtStep ?? descent.last?.step ?? 0,
          time: (descent.divergedAtStep ?? descent.last?.step ?? 0) * descent.learningRate,
          loss: descent.last?.loss ?? null,
          parameterGap: descent.last?.parameterGap ?? null,
          functionGap: descent.last?.functionGap ?? null,
          lossGap: descent.last?.lossGap ?? null,
          diverged: descent.divergedAtStep !== null,
          divergedAtStep: descent.divergedAtStep,
          flips: descent.flips,
          sharpnessLimit: 2 / descent.learningRate,
        })),
        parameters: theta0.length,
        samples: dataset.samples,
        outputs: dataset.outputDimension,
        engine: engine.kind,
        device: engine.device,
        dtype: engine.dtype,
        state: engine.resident === null ? "float64" : "resident",
        threads: engine.threads,
        method: config.flow.method,
        phases: phasesOf(outcome),
        sharpness: sharpnessOf(outcome),
        errorCheck: run.errorCheck,
        rounding: run.rounding,
        boundaries: choice.treatment,
        events,
        smoothing: run.smoothing,
        ntk: run.ntk,
        notes: [...engine.notes, ...choice.notes, ...run.notes],
        wallSeconds: (performance.now() - started) / 1000,
        gradientSeconds: problem.cost.seconds,
        record: resolve(record.directory),
        figures,
      });
      await record.finish(result([]));
      const final = result(await drawFigures(record.directory));
      await record.result(final);
      return final;
    } catch (error) {
      await record.fail(error instanceof Error ? error.message : String(error));
      throw error;
    }
  } finally {
    await engine.dispose();
  }
}

/** What the manifest says of a run when it starts. */
export async function runFacts(
  { config }: LoadedConfig,
  { dataset, theta0 }: Prepared,
  engine: Engine,
  command: readonly string[],
): Promise<RunFacts> {
  return {
    command,
    gradflow: version,
    engine: engine.kind,
    engineVersion: engine.description,
    dtype: engine.dtype,
    threads: engine.threads,
    seed: config.seed,
    gitCommit: await gitCommit(),
    problem: {
      parameters: theta0.length,
      samples: dataset.samples,
      inputs: dataset.inputDimension,
      outputs: dataset.outputDimension,
    },
  };
}

interface Integrated {
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

async function integrate(
  loaded: LoadedConfig,
  prepared: Prepared,
  treatment: Treatment,
  record: RecordWriter,
  { signal, onProgress, onMessage }: RunOptions,
): Promise<Integrated> {
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
  const { problem, theta0, data } = prepared;
  const times = recordTimes(config.record, tEnd);
  const compareNear = times ?? (recordTimes({ at: "log", points: 200, layer: 1 }, tEnd) as number[]);
  const descents = config.descent.learningRates.map((learningRate) =>
    createDescent({
      problem,
      theta0,
      learningRate,
      times: compareNear,
      tEnd,
      countFlips: config.descent.countFlips,
    }),
  );
  const observer = createObserver({
    problem,
    theta0,
    times,
    measure: measureGradient(problem),
    onObservation: (observation) => record.series.append({ ...observation }),
  });
  const first = await observer.start();
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
          rtol: "rtol" in solver ? solver.rtol : 0,
          ...(signal && { signal }),
          ...(onMessage && { onMessage }),
          onActivity: (activity) => onProgress?.({ ...progress, activity }),
        });
  if (treatment === "off" || treatment === "smooth") await kernel?.start(null);
  const onSegment = async (segment: Segment, counts: FlowCounts): Promise<"stop" | undefined> => {
    await observer.follow(segment, counts);
    await kernel?.follow(segment, counts);
    for (const descent of descents)
      await descent.follow(segment, (row) => record.descent.append({ ...row }), signal);
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
    onSegment,
    ...(signal && { signal }),
    ...(maxGradientEvaluations && { maxEvaluations: maxGradientEvaluations }),
  };
  const notes: string[] = [];
  let outcome: FlowOutcome;
  let events: EventsResult | null = null;
  if (solver.method === "odex") {
    outcome = await integrateFlowByOdex({
      ...shared,
      ...solver,
      method: "dopri5",
      gradient: syncGradient(problem.family, data),
      times: [...compareNear, ...descents.flatMap((descent) => descent.times)],
    });
  } else {
    const options: FlowOptions = { ...shared, ...solver, method: solver.method as SolverName };
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
        const exact = await integrateExactly({ ...options, ...watch, data });
        outcome = exact;
        events = exact.events;
      } else {
        const detector = await createDetector({ ...options, ...watch });
        outcome = await integrateFlow({
          ...options,
          onSegment: async (segment, counts) => {
            await detector.follow(segment, counts);
            return onSegment(segment, counts);
          },
        });
        events = detector.summary();
      }
    } else outcome = await integrateFlow(options);
  }
  await observer.finish();
  if (outcome.phases !== undefined) {
    const table = await record.table("methods", METHOD_COLUMNS);
    for (const phase of phasesOf(outcome)) table.append({ ...phase });
  }
  let errorCheck: ErrorCheckResult | null = null;
  if (wantsCheck && outcome.t > 0 && solver.method !== "odex") {
    const { maxSteps: _, onSegment: __, ...again } = shared;
    errorCheck = await checkError(
      treatment === "exact"
        ? (options) => integrateExactly({ ...options, data, onEvent: () => undefined })
        : integrateFlow,
      { ...again, ...solver, method: solver.method as SolverName, maxSteps: 10 * maxSteps },
      outcome,
    );
    notes.push(...errorNotes(errorCheck, descents));
  }
  const measured = kernel === null ? null : await kernel.finish();
  const smoothing =
    outcome.status === "reachedEnd" && solver.method !== "odex"
      ? await compareSmoothing(
          halfWidths,
          problem.engine,
          prepared,
          { ...solver, method: solver.method as SolverName, tEnd, maxSteps, ...(signal && { signal }) },
          outcome.theta,
        )
      : [];
  if (solver.method === "odex" && config.record.at === "steps") {
    notes.push(
      "odex reports at given times only: recorded at 200 logarithmically spaced times instead of every step.",
    );
  }
  const rounding = problem.engine.dtype === "float32" ? await measureRounding(prepared, outcome.theta) : null;
  if (rounding !== null) notes.push(...roundingNotes(rounding, problem.engine.resident !== null));
  if (outcome.hessian !== undefined) {
    const { products, gradientEquivalents } = outcome.hessian;
    notes.push(
      `rodas4 formed its Hessians by ${products} Hessian products, the work of about ${Math.round(gradientEquivalents)} gradients, which gradientEvaluations leaves out.`,
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
    notes: [...notes, ...sharpnessNotes(outcome, descents)],
  };
}

function phasesOf({ phases = [] }: FlowOutcome): RunResult["phases"] {
  return phases.map(({ evaluations, ...phase }) => ({ ...phase, gradientEvaluations: evaluations }));
}

function sharpnessOf({ sharpness, evaluations }: FlowOutcome): SharpnessResult | null {
  const last = sharpness?.measurements[sharpness.measurements.length - 1];
  if (sharpness === undefined || last === undefined) return null;
  const { measurements, cost } = sharpness;
  return {
    time: last.t,
    value: last.value,
    residual: last.residual,
    largest: Math.max(...measurements.map(({ value }) => value)),
    measurements: measurements.length,
    hessianProducts: cost.products,
    gradientEquivalents: cost.gradientEquivalents,
    share: cost.gradientEquivalents / evaluations,
  };
}

function sharpnessNotes(outcome: FlowOutcome, descents: readonly Descent[]): string[] {
  const sharpness = sharpnessOf(outcome);
  if (sharpness === null) return [];
  return descents
    .filter(({ learningRate }) => sharpness.largest > 2 / learningRate)
    .map(
      ({ learningRate }) =>
        `The sharpness of the flow reached ${sharpness.largest.toPrecision(4)}, above 2/η = ${(2 / learningRate).toPrecision(4)}: descent with η = ${learningRate} cannot follow it there.`,
    );
}

/** Gaps that the solver's error could explain by itself. */
function errorNotes({ error, status }: ErrorCheckResult, descents: readonly Descent[]): string[] {
  if (error === null) return [`flow.errorCheck: the second run ended with ${status}; no error is known.`];
  return descents
    .filter(({ last }) => last !== null && last.parameterGap < 10 * error)
    .map(
      ({ learningRate, last }) =>
        `The gap ‖θ − θₖ‖ = ${last!.parameterGap.toPrecision(3)} for η = ${learningRate} is not much larger than the solver's error ${error.toPrecision(3)}; lower flow.rtol.`,
    );
}

function syncGradient(family: Prepared["problem"]["family"], data: Prepared["data"]) {
  const program = compileReference(family.lossGradient("free"), data);
  return (theta: Float64Array, gradient: Float64Array): void => {
    program.runSync({ theta }, { gradient });
  };
}

async function gitCommit(): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)("git", ["rev-parse", "HEAD"]);
    return stdout.trim();
  } catch {
    return null;
  }
}
