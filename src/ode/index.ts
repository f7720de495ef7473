/** ODE solvers over an abstract state. */

export type { Phase } from "./auto.js";
export { describeSolvers, fixedStepLimit, type SolverDescription, type SolverName } from "./catalogue.js";
export {
  type ChebyshevCoefficients,
  rkc2Coefficients,
  rkc2Reach,
  rkc2Stages,
  tsrkc3Coefficients,
  tsrkc3Reach,
  tsrkc3Stages,
} from "./chebyshev.js";
export { createStepper } from "./create-stepper.js";
export {
  type Crossing,
  type Event,
  type EventFunction,
  EventLocator,
  type EventLocatorOptions,
} from "./events.js";
export {
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
export {
  type EventOutcome,
  type EventResponse,
  type IntegrateWithEventsOptions,
  integrateWithEvents,
} from "./integrate-with-events.js";
export { type MethodName, methodNames, methods, resolveMethod } from "./methods.js";
export { type OdexOptions, type OdexSolution, type SyncField, solveOdex } from "./odex.js";
export { conditionDefect, denseDefect, rowSumDefect, treesOfOrder } from "./order-conditions.js";
export type { JacobianField } from "./rosenbrock.js";
export type { SpectralRadius } from "./spectral-radius.js";
export { stabilityInterval } from "./stability.js";
export type { Failure, Field, Restart, Step, Stepper, StepperOptions } from "./stepper.js";
export { type DenseOutput, denseWeights, type ErrorEstimate, type Method } from "./tableau.js";
export { float64Space, type VectorSpace } from "./vector-space.js";
