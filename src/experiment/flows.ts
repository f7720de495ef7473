/** The flows that a study sets beside descent: refused where they have no meaning, compared where gradient flow is, summed up for the result. */
import { type LoadedConfig, problemAt } from "../config/load.js";
import { fieldSettings } from "../config/schema-compare.js";
import {
  type Beside,
  type ComparedStates,
  type Comparison,
  createBeside,
  type Descent,
  distance,
  type FieldKind,
  type FieldSolver,
  type FieldSubject,
  fields,
  kinksOf,
  type Problem,
  type SharedPrograms,
} from "../flow/index.js";
import { Memory } from "../memory.js";
import { fixedStepLimit, methods } from "../ode/index.js";
import { FLOW_COLUMNS } from "../record/columns.js";
import type { FlowResult } from "../record/result.js";
import type { TableWriter } from "../record/table.js";
import type { Treatment } from "./boundaries.js";
import { descentLaw } from "./descent-law.js";
import { solverOf } from "./integrate-by.js";
import type { Prepared } from "./prepare.js";
import type { OpenStudy } from "./study-record.js";

/** A flow counts as holding while it is within this part of the way that descent has gone, ‖θ_k − θ₀‖. */
export const HELD_WITHIN = 0.05;

/** The kinds that the study names, with their settings, in the order of the registry. */
function chosen({ config: { compare } }: LoadedConfig): { kind: FieldKind; settings: unknown }[] {
  if (compare === undefined) return [];
  return fields
    .filter(({ name }) => compare.flows.includes(name))
    .map((kind) => ({ kind, settings: fieldSettings(compare, kind) }));
}

/** @throws ConfigError for each flow that has no meaning beside a descent of this problem, citing it */
export async function checkFlows(
  loaded: LoadedConfig,
  { problem, theta0 }: Prepared,
  treatment: Treatment,
): Promise<void> {
  const smoothness = smoothnessOf(problem, treatment);
  const { compare, descent, seed } = loaded.config;
  const law = descentLaw(loaded.config);
  for (const { kind, settings } of chosen(loaded)) {
    const path = `compare.flows.${compare!.flows.indexOf(kind.name)}`;
    if (kind.smoothness > smoothness)
      throw problemAt(
        loaded,
        path,
        smoothness === 1
          ? `${kind.name} needs ∇²L along its way, which a loss with kinks has only within its pieces: at a kink descent does what no term of the formula says. Leave it out, take rod, or flow.boundaries: smooth.`
          : `${kind.name} needs ∇³L along its way, and where pieces of this loss or of its activation meet ∇²L jumps; leave it out, or take modified or principal.`,
      );
    checkSolver(loaded, kind, path, theta0.length);
    for (const learningRate of descent.learningRates) {
      const subject: FieldSubject = {
        ...{ problem, theta0, learningRate, law, seed, memory: new Memory() },
        compile: (graph) => problem.compile(graph),
      };
      const refusal = (await kind.refuse?.(subject, settings as never)) ?? null;
      if (refusal !== null) throw problemAt(loaded, path, `${kind.name} ${refusal}`);
    }
  }
}

/** @throws ConfigError where the study's method is not for this equation: its state is too long, or steps of that size are unstable whatever the loss */
function checkSolver(loaded: LoadedConfig, kind: FieldKind, path: string, parameters: number): void {
  if (kind.course !== "equation") return;
  const { flow, descent } = loaded.config;
  const { name, maxDimension = Number.POSITIVE_INFINITY } = methods[flow.method];
  const unknowns = kind.unknowns * parameters;
  if (unknowns > maxDimension)
    throw problemAt(
      loaded,
      path,
      `${kind.name} has ${unknowns} unknowns for ${parameters} parameters, and flow.method: ${name} takes at most ${maxDimension}; set flow.method: auto, or leave ${kind.name} out.`,
    );
  const { stepSize } = flow;
  const limit = fixedStepLimit(flow.method);
  if (stepSize === undefined || limit === null || kind.fastestRate === undefined) return;
  const law = descentLaw(loaded.config);
  for (const learningRate of descent.learningRates) {
    const largest = limit / kind.fastestRate({ law, learningRate });
    if (stepSize > largest)
      throw problemAt(
        loaded,
        path,
        `${kind.name} at η = ${learningRate} is unstable by flow.method: ${name} with steps beyond ${largest.toPrecision(3)}, and flow.stepSize is ${stepSize}; lower it, or take flow.method: auto.`,
      );
  }
}

/** How often L is differentiable: everywhere or, for pieces that meet smoothly, twice but for jumps. */
function smoothnessOf({ family }: Problem, treatment: Treatment): 1 | 2 | 3 {
  if (treatment !== "smooth" && kinksOf(family) !== null) return 1;
  // An activation with pieces has sites, kinks or not; ln(1 + e^u) is made of two pieces and has none.
  return family.sites.length > 0 || family.criterion.isPiecewise ? 2 : 3;
}

/** What of the study's solver is for a flow without kinks. */
function fieldSolver({ config: { flow } }: LoadedConfig): FieldSolver {
  const { tEnd: _, stepSize, ...solver } = solverOf(flow);
  return fixedStepLimit(flow.method) === null || stepSize === undefined ? solver : { ...solver, stepSize };
}

/** All flows of a study. */
export interface RunFlows {
  /** Brings the flows of that descent to its step and compares them; false where an interruption came first, and nothing is written. */
  compare(descent: number, comparison: Comparison, states: ComparedStates): Promise<boolean>;
  /** @param ended how the run ended */
  results(ended: string): FlowResult[];
}

/** Plain data: a checkpoint holds it. */
interface Found {
  step: number;
  t: number;
  distance: number | null;
  loss: number | null;
  heldUntil: number | null;
  isHolding: boolean;
}

interface Track {
  readonly kind: FieldKind;
  readonly descent: number;
  readonly beside: Beside;
  readonly found: Found;
}

/** Null where the study asks for none. */
export async function createFlows(
  { loaded, prepared: { problem, theta0 }, record, memory, options: { signal } }: OpenStudy,
  descents: readonly Descent[],
): Promise<RunFlows | null> {
  const kinds = chosen(loaded);
  if (kinds.length === 0) return null;
  const { config } = loaded;
  // Kinds that say the same share the column.
  const columns = new Set(kinds.flatMap(({ kind, settings }) => kind.columns({ theta0 }, settings as never)));
  const table: TableWriter<string> = await record.table("flows", [...FLOW_COLUMNS, ...columns]);
  const programs: SharedPrograms = new Map();
  const solver = fieldSolver(loaded);
  const tracks: Track[] = [];
  for (const [k, descent] of descents.entries())
    for (const { kind, settings } of kinds) {
      const own = memory.within(`${kind.name} ${k}`);
      const { learningRate, law, times } = descent;
      const beside = await createBeside(kind, settings, {
        ...{ problem, theta0, learningRate, law, times, programs, memory: own, seed: config.seed },
        solver,
      });
      const found = own.keep("compared", {
        ...{ step: 0, t: 0, distance: null, loss: null, heldUntil: null, isHolding: true },
      } as Found);
      tracks.push({ kind, descent: k, beside, found });
    }
  return {
    async compare(k, { learningRate, step, t }, { theta }) {
      const own = tracks.filter(({ descent }) => descent === k);
      for (const { beside } of own)
        if (!(await beside.reach(step, t, signal)) && beside.failure === null) return false;
      for (const { kind, beside, found } of own) {
        if (beside.failure !== null) continue;
        const apart = distance(beside.theta, theta);
        const loss = await problem.loss(beside.theta);
        Object.assign(found, { step, t, distance: apart, loss });
        found.isHolding = found.isHolding && apart <= HELD_WITHIN * distance(theta, beside.from);
        if (found.isHolding) found.heldUntil = t;
        const { gradientEquivalents } = beside;
        table.append({
          ...{ kind: kind.name, learningRate, step, t, distance: apart, loss, gradientEquivalents },
          ...(await beside.predict()),
        });
      }
      return true;
    },
    results: (ended) =>
      tracks.map(({ kind, descent, beside, found }): FlowResult => {
        const { isHolding: _, step: steps, t: time, ...last } = found;
        const { failure, gradientEquivalents } = beside;
        const { learningRate, divergedAtStep } = descents[descent]!;
        return {
          ...{ kind: kind.name, label: kind.label, learningRate, steps, time },
          ...{ begun: beside.from === theta0 ? "run" : "step", ...last },
          status: failure?.status ?? (divergedAtStep === null ? ended : "descentDiverged"),
          message: failure?.message ?? null,
          gradientEquivalents,
        };
      }),
  };
}
