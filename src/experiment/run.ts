/** One run, end to end: a config in; flow and descent in lockstep; a record and its figures out. */
import type { LoadedConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import {
  allowedError,
  collectDecay,
  collectResolved,
  type DecayFit,
  type Descent,
  type Problem,
  sharpnessLimit,
} from "../flow/index.js";
import type { DescentResult, RunResult } from "../record/result.js";
import { visitRows } from "../record/rows.js";
import type { Treatment } from "./boundaries.js";
import type { ComparedRows } from "./descents.js";
import { announceEffort } from "./effort.js";
import { phasesOf, sharpnessOf } from "./findings.js";
import { integrateStudy } from "./integrate-study.js";
import { describeMeasures } from "./measures.js";
import { refuseImpossible } from "./refusals.js";
import { stabilityOf } from "./stability.js";
import { type Findings, type OpenStudy, type RunOptions, recordStudy } from "./study-record.js";

/** Seconds of one gradient, the first call left out: it prepares what later ones find. */
async function timeGradient(problem: Problem, theta0: Float64Array): Promise<number> {
  const gradient = new Float64Array(theta0.length);
  await problem.lossGradient(theta0, gradient);
  const start = performance.now();
  for (let i = 0; i < 3; i++) await problem.lossGradient(theta0, gradient);
  return (performance.now() - start) / 3000;
}

/**
 * Runs a study and writes its record. Numerical trouble is the result's `status`.
 * @throws ConfigError or EngineError, before anything is written or with the record marked `failed`.
 */
export function runExperiment(loaded: LoadedConfig, options: RunOptions): Promise<RunResult> {
  const { config } = loaded;
  return recordStudy(loaded, options, "", async (prepared) => {
    const { problem, theta0 } = prepared;
    const { choice, plan } = await refuseImpossible(loaded, prepared);
    const work = async (study: OpenStudy): Promise<Findings> => {
      const effort = await announceEffort(config, () => timeGradient(problem, theta0));
      for (const note of effort) options.onMessage?.(`note: ${note}`);
      const stability = await stabilityOf(study);
      const run = await integrateStudy(study, choice.treatment, plan);
      const { outcome, first, last, descents, rise } = run;
      await study.record.array("theta", outcome.theta);
      const time = last?.t ?? 0;
      const { criterion } = problem.family;
      const canonicalZero = criterion.factor === null ? null : 0;
      const decay = await fitRecorded(
        study.record.series.path,
        problem,
        config,
        choice.treatment,
        outcome.theta,
        time,
      );
      return {
        status: outcome.status,
        message: outcome.message,
        time,
        canonicalTime: last === null ? canonicalZero : last.canonicalTime,
        ...(config.flow.clock === "log" && {
          logTime: last?.logTime ?? null,
          logLoss: last?.logLoss ?? null,
        }),
        notSquared: criterion.notSquared,
        initialLoss: first?.loss ?? null,
        loss: last?.loss ?? null,
        ...(criterion.regularisation !== null && { dataLoss: last?.dataLoss ?? null }),
        lossRise:
          rise === null
            ? null
            : { from: rise.from.loss, fromTime: rise.from.t, to: rise.to.loss, time: rise.to.t },
        gradientEvaluations: outcome.evaluations,
        steps: { accepted: outcome.accepted, rejected: outcome.rejected },
        energyDefect: last?.energyDefect ?? null,
        decay: decay.fit,
        flows: run.flows,
        gaps: run.gaps,
        stability: stability.found,
        descent: descents.map((descent, k) => describeDescent(descent, run.compared[k]!)),
        method: config.flow.method,
        phases: phasesOf(outcome),
        sharpness: sharpnessOf(outcome),
        errorCheck: run.errorCheck,
        rounding: run.rounding,
        boundaries: choice.treatment,
        events: run.events,
        smoothing: run.smoothing,
        measured: run.measured,
        measures: run.measures,
        ntk: run.ntk,
        notes: [...effort, ...choice.notes, ...stability.notes, ...run.notes, ...decay.notes],
      };
    };
    return { work, facts: describeMeasures(plan) };
  });
}

function describeDescent(
  { learningRate, law, divergedAtStep, last, flips }: Descent,
  { gap, extents }: ComparedRows,
): DescentResult {
  return {
    learningRate,
    law: law.kind,
    momentum: law.momentum,
    batch: law.batch?.size ?? null,
    sampling: law.batch?.sampling ?? null,
    steps: last?.step ?? 0,
    time: last?.t ?? 0,
    loss: last?.loss ?? null,
    parameterGap: last?.parameterGap ?? null,
    functionGap: last?.functionGap ?? null,
    lossGap: last?.lossGap ?? null,
    diverged: divergedAtStep !== null,
    divergedAtStep,
    flips,
    sharpnessLimit: sharpnessLimit(law, learningRate),
    largestGap: gap,
    measured: extents,
  };
}

/** Local error of θ, as a norm, that the steps of the flow may have. */
function stepErrorOf(
  treatment: Treatment,
  flow: { readonly rtol: number; readonly atol: number },
  theta: Float64Array,
): number {
  if (treatment === "stepping") return allowedError(flow, theta);
  return Math.sqrt(theta.reduce((sum, value) => sum + (flow.atol + flow.rtol * Math.abs(value)) ** 2, 0));
}

/** The decay of the recorded rows, which only the table holds, as far as they resolve the residual. */
async function fitRecorded(
  series: string,
  { family: { factor }, lossRounding }: Problem,
  { flow, decay }: Config,
  treatment: Treatment,
  theta: Float64Array,
  time: number,
): Promise<{ readonly fit: DecayFit | null; readonly notes: readonly string[] }> {
  if (factor === null) return { fit: null, notes: [] };
  const visit = (add: (row: { t: number; loss: number; lambdaEff: number }) => void) =>
    visitRows(series, (cells, _, columns) => {
      const number = (name: string) => Number(cells[columns.indexOf(name)]);
      add({ t: number("t"), loss: number("loss"), lambdaEff: number("lambdaEff") });
    });
  const stepError = "rtol" in flow ? stepErrorOf(treatment, flow, theta) : 0;
  const resolved = collectResolved(factor, stepError, lossRounding);
  await visit(resolved.add);
  const floorTime = resolved.result();
  const asked = decay.to ?? time;
  const to = Math.min(asked, floorTime ?? time);
  const { add, result } = collectDecay(factor, [decay.from ?? to / 2, to]);
  await visit(add);
  const fit = result();
  if (floorTime === null || asked <= floorTime) return { fit, notes: [] };
  const fact = `After t = ${Number(floorTime.toPrecision(4))} ‖r‖ is within the error that ${stepError > 0 ? "flow.rtol and flow.atol allow" : "rounding makes"}`;
  return {
    fit,
    notes: [
      fit === null
        ? `${fact}, and too few rows stand before: no decay is fitted. ${stepError > 0 ? "Lower them, or record" : "Record"} more rows before that time.`
        : `${fact}: the decay is fitted up to there.`,
    ],
  };
}
