/** The shape of `result.json`, field by field as result.ts describes it. */
import type { ImportCheckResult } from "./import-check.js";
import type {
  BranchResult,
  DecayFit,
  DescentResult,
  ErrorCheckResult,
  EventsResult,
  Extent,
  FlowResult,
  GapResult,
  GapSplit,
  LargestGap,
  LossRise,
  MeasureResult,
  NtkResult,
  PhaseResult,
  RoundingAt,
  RoundingResult,
  RunResult,
  SharpnessResult,
  SmoothingResult,
  StabilityResult,
  StableRateResult,
} from "./result.js";
import {
  type Check,
  fields,
  flag,
  list,
  nullable,
  number,
  optional,
  record,
  type Shape,
  text,
} from "./shape.js";

const decay = fields<DecayFit>({
  window: list(number),
  rate: number,
  rSquared: number,
  meanRateFromLambdaEff: number,
  rates: optional(list(number)),
  logFall: optional(number),
  law: optional(text),
});

const extents = record(
  fields<Extent>({
    minimum: number,
    minimumTime: number,
    maximum: number,
    maximumTime: number,
    last: number,
    lastTime: number,
  }),
);

const descent = fields<DescentResult>({
  learningRate: number,
  law: text,
  momentum: number,
  batch: number,
  sampling: nullable(text),
  steps: number,
  time: number,
  loss: number,
  parameterGap: number,
  functionGap: number,
  lossGap: number,
  diverged: flag,
  divergedAtStep: number,
  flips: number,
  sharpnessLimit: number,
  largestGap: nullable(
    fields<LargestGap>({ absolute: number, absoluteTime: number, relative: number, relativeTime: number }),
  ),
  measured: extents,
});

const flow = fields<FlowResult>({
  kind: text,
  label: text,
  learningRate: number,
  steps: number,
  time: number,
  begun: text,
  distance: number,
  meanDistance: number,
  loss: number,
  heldUntil: number,
  status: text,
  message: nullable(text),
  gradientEquivalents: number,
  measured: extents,
  means: record(number),
});

const gap = fields<GapResult>({
  learningRate: number,
  steps: number,
  time: number,
  gap: number,
  leadingGap: number,
  error: number,
  bounds: nullable(
    fields<NonNullable<GapResult["bounds"]>>({ suprema: number, pointwise: number, force: number }),
  ),
  exceeded: number,
  theoremLearningRate: number,
  ended: number,
  reason: nullable(text),
});

const sharpness = fields<SharpnessResult>({
  time: number,
  value: number,
  residual: number,
  largest: number,
  measurements: number,
  hessianProducts: number,
  gradientEquivalents: number,
  share: number,
});

const phase = fields<PhaseResult>({
  t: number,
  method: text,
  gradientEvaluations: number,
  costBefore: number,
  costPredicted: number,
});

const count = optional(number);
const errorCheck = fields<ErrorCheckResult>({
  forcedSteps: count,
  sameSteps: optional(flag),
  rtol: number,
  tighterRtol: number,
  gradientEvaluations: number,
  status: text,
  error: number,
  relativeToParameters: number,
  relativeToDistance: number,
  gaps: list(
    fields<GapSplit>({
      learningRate: number,
      time: number,
      measuredGap: number,
      gap: number,
      solverError: number,
    }),
  ),
});

const roundingAt = fields<RoundingAt>({ loss: number, gradient: number });
const rounding = fields<RoundingResult>({ initial: roundingAt, final: roundingAt });

const branch = fields<BranchResult>({
  t: number,
  layer: number,
  sample: number,
  unit: number,
  breakpoint: number,
  margin: number,
  error: number,
  reach: number,
});
const events = fields<EventsResult>({
  crossings: number,
  slidingEntries: count,
  slidingExits: count,
  coupledExits: count,
  corners: count,
  coincidences: count,
  maxSliding: count,
  timeSliding: count,
  entryTimeSliding: count,
  firstSliding: count,
  startOnBreakpoint: count,
  startAmbiguous: count,
  startCoupled: count,
  ambiguous: count,
  branches: optional(list(branch)),
  unsettled: count,
  unsettledWeights: count,
  gradientEquivalents: count,
  largestPassDifference: count,
  summedPassDifference: count,
  forcedSteps: count,
  eulerSteps: count,
  maxCandidates: count,
  chattering: count,
  maxChattering: count,
  firstChatter: count,
});

const smoothing = fields<SmoothingResult>({
  halfWidth: number,
  parameterDistance: number,
  loss: number,
  gradientEvaluations: number,
  status: text,
});

const kernel: Check = fields<NtkResult["initial"]>({
  lambdaMin: fields<NtkResult["initial"]["lambdaMin"]>({
    value: number,
    method: text,
    residual: number,
    kind: text,
    upper: number,
    resolvable: number,
    reason: nullable(text),
  }),
  lambdaMax: fields<NtkResult["initial"]["lambdaMax"]>({ value: number, residual: number }),
  trace: number,
  effectiveRank: number,
  conditionNumber: number,
  lambdaEff: number,
});

const ntk = fields<NtkResult>({
  method: text,
  scalars: number,
  parameters: number,
  times: number,
  memoryBytes: number,
  verdict: text,
  verdictReason: nullable(text),
  verdicts: record(number),
  time: number,
  exponent: number,
  exponentWorst: number,
  margin: number,
  marginUncertainty: number,
  vacuousBelow: number,
  initial: kernel,
  final: kernel,
  lambdaZero: number,
  lambdaZeroTime: number,
  lambdaZeroKind: text,
  exactZeros: number,
  drift: number,
  rateDefect: number,
  lazyUntil: number,
  mostHeld: number,
});

const RUN_BEFORE = {
  law: "gradient",
  momentum: 0,
  batch: null,
  sampling: null,
  largestGap: null,
  measured: {},
};

/** With what measures, momentum, minibatches and flows beside descent leave in a run that has none of them, where it was written before there were any. */
export function completeResult(value: Readonly<Record<string, unknown>>): Record<string, unknown> {
  // Added at the end: what is there keeps its order, and a record that is written again its bytes.
  const complete = (item: Readonly<Record<string, unknown>>, absent: Readonly<Record<string, unknown>>) => ({
    ...item,
    ...Object.fromEntries(Object.entries(absent).filter(([key]) => !(key in item))),
  });
  const run = (item: unknown): unknown =>
    typeof item === "object" && item !== null ? complete({ ...item }, RUN_BEFORE) : item;
  const beside = (item: unknown): unknown =>
    typeof item === "object" && item !== null
      ? complete({ ...item }, { begun: "run", meanDistance: null, measured: {}, means: {} })
      : item;
  const { descent, flows } = value;
  return complete(
    {
      ...value,
      ...(Array.isArray(descent) && { descent: descent.map(run) }),
      ...(Array.isArray(flows) && { flows: flows.map(beside) }),
    },
    { measured: {}, measures: [], flows: [], gaps: [] },
  );
}

const stableRate = {
  ...{ learningRate: number, failsAt: number, failsBelow: number, trials: number },
  limits: nullable(
    fields<NonNullable<StableRateResult["limits"]>>({ least: number, greatest: number, points: number }),
  ),
};

const stability = fields<StabilityResult>({
  ...{ steps: number, tolerance: number, sharpness: number, limit: number },
  monotone: fields<StableRateResult>(stableRate),
  linear: nullable(fields<NonNullable<StabilityResult["linear"]>>({ ...stableRate, leastLoss: number })),
  ...{ gradients: number, hessianProducts: number },
});

export const resultShape: Shape<RunResult> = {
  status: text,
  message: text,
  time: number,
  logTime: optional(number),
  logLoss: optional(number),
  canonicalTime: number,
  notSquared: optional(nullable(text)),
  initialLoss: number,
  loss: number,
  dataLoss: optional(number),
  lossRise: nullable(fields<LossRise>({ from: number, fromTime: number, to: number, time: number })),
  gradientEvaluations: number,
  steps: fields<RunResult["steps"]>({ accepted: number, rejected: number }),
  energyDefect: number,
  decay: nullable(decay),
  descent: list(descent),
  flows: list(flow),
  gaps: list(gap),
  stability: optional(nullable(stability)),
  parameters: number,
  samples: number,
  outputs: number,
  engine: text,
  device: text,
  dtype: text,
  state: text,
  threads: number,
  method: text,
  phases: list(phase),
  sharpness: nullable(sharpness),
  errorCheck: nullable(errorCheck),
  rounding: nullable(rounding),
  boundaries: text,
  events: nullable(events),
  smoothing: list(smoothing),
  measured: extents,
  measures: list(
    fields<MeasureResult>({
      name: text,
      columns: list(fields<MeasureResult["columns"][number]>({ name: text, label: text })),
      times: number,
      gradientEquivalents: number,
      seconds: number,
    }),
  ),
  ntk: nullable(ntk),
  importCheck: optional(
    nullable(
      fields<ImportCheckResult>({
        ...{ runtime: text, precision: nullable(text), reason: nullable(text), samples: number },
        ...{ difference: number, allowed: number, derivative: number, runtimeDerivative: number },
        atData: optional(text),
      }),
    ),
  ),
  notes: list(text),
  wallSeconds: number,
  gradientSeconds: number,
  record: text,
  figures: list(text),
};
