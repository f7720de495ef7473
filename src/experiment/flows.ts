/** The flows that a study sets beside descent: refused where they have no meaning, compared where gradient flow is, summed up for the result. */
import { type LoadedConfig, problemAt } from "../config/load.js";
import { averageWindow, fieldSettings } from "../config/schema-compare.js";
import {
  type Beside,
  type ComparedStates,
  type Comparison,
  createBeside,
  createRunningAverage,
  type Descent,
  type DescentAverage,
  distance,
  type FieldKind,
  type FieldSolver,
  type FieldSubject,
  fields,
  kinksOf,
  type Problem,
  type RunningAverage,
  type SharedPrograms,
  stepTime,
} from "../flow/index.js";
import { Memory } from "../memory.js";
import { fixedStepLimit, methods } from "../ode/index.js";
import { FLOW_COLUMNS } from "../record/columns.js";
import type { FlowResult } from "../record/result.js";
import type { TableWriter } from "../record/table.js";
import type { Treatment } from "./boundaries.js";
import { descentLaw } from "./descent-law.js";
import { type ExtentsState, extend } from "./extents.js";
import { solverOf } from "./integrate-by.js";
import type { RunMeasures, TakeRow } from "./measures.js";
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
  { problem, theta0, settled }: Prepared,
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
        settled,
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

/** Gradient flow among them: integrated by the run itself, and told of like the others. */
const GRADIENT_FLOW = { name: "gradient", label: "gradient flow" } as const;

/** Plain data: a checkpoint holds it. */
interface Found {
  step: number;
  t: number;
  distance: number | null;
  meanDistance: number | null;
  loss: number | null;
  heldUntil: number | null;
  isHolding: boolean;
  extents: ExtentsState;
  /** Integrals over t of the columns, and the time over which each was known. */
  integrals: Record<string, { value: number; time: number }>;
}

const NOT_COMPARED: Found = {
  ...{ step: 0, t: 0, distance: null, meanDistance: null, loss: null, heldUntil: null, isHolding: true },
  ...{ extents: {}, integrals: {} },
};

interface Track {
  readonly kind: Pick<FieldKind, "name" | "label">;
  readonly descent: number;
  /** Null of gradient flow. */
  readonly beside: Beside | null;
  readonly found: Found;
  readonly take: TakeRow;
}

/** Null where the study asks for none. */
export async function createFlows(
  { loaded, prepared: { problem, theta0, settled }, record, memory, options: { signal } }: OpenStudy,
  descents: readonly Descent[],
  measures: RunMeasures,
): Promise<RunFlows | null> {
  const kinds = chosen(loaded);
  if (kinds.length === 0) return null;
  const { config } = loaded;
  const window = averageWindow(config.compare);
  const axes = Math.max(...kinds.map(({ kind, settings }) => kind.axes({ theta0 }, settings as never)));
  const columns = [
    // Kinds that say the same share the column.
    ...new Set(kinds.flatMap(({ kind, settings }) => kind.columns({ theta0 }, settings as never))),
    ...(window === null ? [] : numbered("descentVariance", axes)),
    ...measures.columnsOf(kinds.map(({ kind: { name } }) => name)),
  ];
  const table: TableWriter<string> = await record.table("flows", [...FLOW_COLUMNS, ...columns]);
  const programs: SharedPrograms = new Map();
  const solver = fieldSolver(loaded);
  const tracks: Track[] = [];
  const follow = async (kind: Track["kind"], k: number, create: (own: Memory) => Promise<Beside> | null) => {
    const own = memory.within(`${kind.name} ${k}`);
    const beside = (await create(own)) ?? null;
    const found = own.keep("compared", structuredClone(NOT_COMPARED));
    const { law, learningRate } = descents[k]!;
    const slack = stepTime(law, learningRate) / 2;
    const take = await measures.follow(`${kind.name} ${k}`, own.within("measured"), slack);
    tracks.push({ kind, descent: k, beside, found, take });
  };
  const averages: RunningAverage[] = [];
  for (const [k, { learningRate, law, times }] of descents.entries()) {
    const subject = { problem, theta0, learningRate, law, settled };
    await follow(GRADIENT_FLOW, k, () => null);
    for (const { kind, settings } of kinds)
      await follow(kind, k, (own) =>
        createBeside(kind, settings, {
          ...{ ...subject, times, programs, solver, memory: own, seed: config.seed },
        }),
      );
    if (window === null) continue;
    const start = settled === null ? { start: theta0 } : { start: settled.before, first: -window / 2 };
    const own = memory.within(`average ${k}`);
    averages.push(createRunningAverage({ ...{ problem, learningRate, window, memory: own }, ...start }));
  }

  /** A row of the table of one flow where it stands. */
  const rowOf = async (
    { kind, descent, beside, take }: Track,
    { learningRate, step, t }: Comparison,
    { theta, flowTheta }: ComparedStates,
    average: DescentAverage | null,
  ) => {
    const here = beside?.theta ?? flowTheta;
    const loss = await problem.loss(here);
    const directions = average === null ? [] : (beside?.directions() ?? []);
    return {
      ...{ kind: kind.name, learningRate, step, t, loss, distance: distance(here, theta) },
      ...(average !== null && {
        meanDistance: distance(here, average.theta),
        descentMeanLoss: average.loss,
        descentMeanSquaredGradient: average.squaredGradient,
        descentVariance: average.variance,
      }),
      gradientEquivalents: beside?.gradientEquivalents ?? null,
      ...(await beside?.predict()),
      ...Object.fromEntries(
        directions.map((direction, i) => [`descentVariance.${i + 1}`, average!.varianceAlong(direction)]),
      ),
      ...(await take({ t, loss, theta: here, isLast: t === descents[descent]!.times.at(-1) })),
    };
  };

  return {
    async compare(k, comparison, states) {
      const { step, t } = comparison;
      const own = tracks.filter(({ descent }) => descent === k);
      for (const { beside } of own)
        if (beside !== null && !(await beside.reach(step, t, signal)) && beside.failure === null)
          return false;
      const average = (await averages[k]?.at(step, signal)) ?? null;
      if (average === null && averages.length > 0 && signal?.aborted === true) return false;
      for (const track of own) {
        const { beside, found } = track;
        if (beside !== null && beside.failure !== null) continue;
        const row = await rowOf(track, comparison, states, average);
        table.append(row);
        extend(found.extents, t, row);
        integrate(found, t, row);
        const { distance: apart, meanDistance = null, loss } = row;
        const from = beside?.from ?? theta0;
        // The mean of a way that bends within the window lies beside it: near either is near.
        found.isHolding &&=
          apart <= HELD_WITHIN * distance(states.theta, from) ||
          (average !== null &&
            from === theta0 &&
            meanDistance! <= HELD_WITHIN * distance(average.theta, theta0));
        if (found.isHolding) found.heldUntil = t;
        Object.assign(found, { step, t, distance: apart, meanDistance, loss });
      }
      return true;
    },
    results: (ended) =>
      tracks.map(({ kind, descent, beside, found }): FlowResult => {
        const { isHolding: _, step: steps, t: time, extents: measured, integrals, ...last } = found;
        const { failure, gradientEquivalents } = beside ?? { failure: null, gradientEquivalents: null };
        const { learningRate, divergedAtStep } = descents[descent]!;
        return {
          ...{ kind: kind.name, label: kind.label, learningRate, steps, time },
          ...{ begun: (beside?.from ?? theta0) === theta0 ? "run" : "step", ...last },
          status: failure?.status ?? (divergedAtStep === null ? ended : "descentDiverged"),
          message: failure?.message ?? null,
          ...{ gradientEquivalents, measured },
          means: Object.fromEntries(
            Object.entries(integrals).map(([column, { value, time: known }]) => [column, value / known]),
          ),
        };
      }),
  };
}

/** A row stands for the time since the one before. */
function integrate(found: Found, t: number, row: Readonly<Record<string, unknown>>): void {
  const passed = t - found.t;
  for (const column of Object.keys(found.extents)) {
    const value = row[column];
    if (typeof value !== "number" || !Number.isFinite(value)) continue;
    const before = found.integrals[column] ?? { value: 0, time: 0 };
    found.integrals[column] = { value: before.value + value * passed, time: before.time + passed };
  }
}

const numbered = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${name}.${i + 1}`);
