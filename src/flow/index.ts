export { distance } from "../linalg/norm.js";
export { createRunningAverage, type DescentAverage, type RunningAverage } from "./average.js";
export { createDetector, type DetectSummary } from "./boundaries/detect.js";
export { MAX_ROW_NUMBERS } from "./boundaries/engine-rows.js";
export { type ExactOptions, type ExactOutcome, integrateExactly } from "./boundaries/exact.js";
export { kinksOf } from "./boundaries/kinks.js";
export type { BoundaryEvent, BoundarySummary } from "./boundaries/ledger.js";
export { MAX_CONTACTS } from "./boundaries/normals.js";
export { chooseKinkTreatment, type KinkChoice, type KinkTreatment } from "./boundaries/treatment.js";
export { collectDecay, collectResolved, type DecayFit, type DecayLaw, fitDecay } from "./decay.js";
export { type ComparedStates, type Comparison, createDescent, type Descent, stepsUntil } from "./descent.js";
export { type DescentLaw, GRADIENT, sharpnessLimit, stepTime } from "./descent-law.js";
export { type Beside, createBeside, type FieldSolver, type SharedPrograms } from "./fields/beside.js";
export type { FieldKind, FieldSubject, Predictions } from "./fields/field.js";
export { fields } from "./fields/registry.js";
export { createLeadingGap, type LeadingGap } from "./gap.js";
export { createGapBound } from "./gap-bound.js";
export { inLogClock, measureInLogClock } from "./log-clock.js";
export { createObserver, energyDefect, type Observation, type Observer } from "./observer.js";
export { type Cost, createProblem, type Problem } from "./problem.js";
export type { Rise } from "./rise.js";
export {
  cutSegment,
  type FlowCounts,
  type FlowEnd,
  type FlowStatus,
  type Measured,
  type Segment,
} from "./segment.js";
export {
  createSharpness,
  measureSharpness,
  type Sharpness,
  type SharpnessMeasurement,
  type SharpnessOptions,
} from "./sharpness.js";
export {
  type FlowOptions,
  type FlowOutcome,
  integrateSmooth,
  measureGradient,
} from "./smooth.js";
export type { SteppingSummary } from "./stepping/books.js";
export { hasMixedGrams } from "./stepping/gram-blocks.js";
export {
  integrateStepping,
  type SteppingFlowOptions,
  type SteppingOutcome,
} from "./stepping/integrate-stepping.js";
export { CALL_NUMBERS } from "./stepping/mixed-grams.js";
export { allowedError, mostCandidates } from "./stepping/stepper.js";
export { TABLED_SAMPLES, UNIT_ROWS } from "./stepping/unit-grams.js";
export { createStopRule, type StopRule, type StopWhen } from "./stop.js";
