/** ODE solvers over an abstract state. */

export {
  type ChebyshevCoefficients,
  rkc2Coefficients,
  rkc2Reach,
  rkc2Stages,
  tsrkc3Coefficients,
  tsrkc3Reach,
  tsrkc3Stages,
} from "./chebyshev.js";
export type {
  Failure,
  Field,
  JacobianField,
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
  type Event,
  type EventFunction,
  EventLocator,
  type EventLocatorOptions,
} from "./events.js";
export {
  type Ending,
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
  tableauNames,
  tableaux,
} from "./methods/index.js";
export { stabilityInterval } from "./stability.js";
export { type DenseOutput, denseWeights, type ErrorEstimate, type Tableau } from "./tableau.js";
export { float64Space, type VectorSpace } from "./vector-space.js";
