export { createDetector, type DetectSummary } from "./boundaries/detect.js";
export { type ExactOptions, type ExactOutcome, integrateExactly } from "./boundaries/exact.js";
export { kinksOf } from "./boundaries/kinks.js";
export type { BoundaryEvent, BoundarySummary } from "./boundaries/ledger.js";
export { MAX_ROW_NUMBERS } from "./boundaries/normals.js";
export { chooseKinkTreatment, type KinkChoice, type KinkTreatment } from "./boundaries/treatment.js";
export { type DecayFit, fitDecay } from "./decay.js";
export { type Comparison, createDescent, type Descent, stepsUntil } from "./descent.js";
export { createObserver, type Observation, type Observer } from "./observer.js";
export { type Cost, createProblem, type Problem } from "./problem.js";
export {
  createSharpness,
  measureSharpness,
  type Sharpness,
  type SharpnessMeasurement,
  type SharpnessOptions,
} from "./sharpness.js";
export {
  distance,
  type FlowCounts,
  type FlowOptions,
  type FlowOutcome,
  integrateSmooth,
  measureGradient,
  type Segment,
} from "./smooth.js";
