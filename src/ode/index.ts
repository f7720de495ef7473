/** ODE solvers over an abstract state. */

export { explicitMethod } from "./auto.js";
export { rkc2Coefficients, rkc2Reach, rkc2Stages } from "./chebyshev.js";
export type {
  Accepted,
  Advancing,
  Failure,
  Field,
  JacobianField,
  Node,
  Phase,
  Restart,
  SpectralRadius,
  Step,
  Stepper,
  StepperOptions,
} from "./contracts.js";
export { createStepper } from "./create-stepper.js";
export { DEFAULT_TOLERANCES } from "./defaults.js";
export {
  type Crossing,
  type EndSlopes,
  type Event,
  type EventFunction,
  EventLocator,
  type EventLocatorOptions,
  type Forecast,
} from "./events.js";
export { hermiteStep } from "./hermite-step.js";
export {
  type Ending,
  EvaluationsSpent,
  type IntegrateOptions,
  type IntegrationLimits,
  integrate,
  type Outcome,
  type OutcomeStatus,
  type PlainField,
  type Solution,
  type SolveOptions,
  solve,
} from "./integrate.js";
export type { Method, MethodDescription, Need } from "./method.js";
export {
  adaptiveMethodNames,
  describeMethods,
  fixedStepLimit,
  type MethodName,
  methodNames,
  methods,
  type TableauName,
  tableaux,
} from "./methods/index.js";
export { nextTrial } from "./root.js";
export { mostStages } from "./stabilised.js";
export { stabilityInterval } from "./stability.js";
export type { DenseOutput, ErrorEstimate, Tableau } from "./tableau.js";
export { float64Space, type VectorSpace } from "./vector-space.js";
