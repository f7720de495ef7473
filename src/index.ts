/// <reference types="node" preserve="true" />
/**
 * The public API: a loss as a graph, its calculus, engines, networks, solvers, the flow, studies and their records.
 *
 * @module gradflow
 * @group Library
 */
export { gradient, hessianProduct, pullback, pushforward } from "./autodiff/index.js";
export { type ConfigHash, hashConfig } from "./config/hash.js";
export { type LoadedConfig, loadConfig } from "./config/load.js";
export { type LoadedSweep, loadSweep } from "./config/load-sweep.js";
export type { Config } from "./config/schema.js";
export { studyTemplate } from "./config/template.js";
export { parseConfig } from "./config/validate.js";
export { type CsvTable, readCsv } from "./data/csv.js";
export { type Dataset, type DatasetSpec, loadDataset } from "./data/dataset.js";
export { type NumericArray, readNpy, writeNpy } from "./data/npy.js";
export {
  createEngine,
  createOnnxEngine,
  createReferenceEngine,
  type Dtype,
  type Engine,
  type EngineSpec,
  type Program,
  type Resident,
  type ResidentProgram,
  type ResidentVector,
  type Tensors,
} from "./engine/index.js";
export { ConfigError, EngineError, NumericalError, type Problem } from "./errors.js";
export { type CheckReport, checkStudy } from "./experiment/check.js";
export { defineStudy, type StudyOptions } from "./experiment/define-study.js";
export { defineSweep, type StudyOf, type SweepDefinition } from "./experiment/define-sweep.js";
export { type ExportFormat, exportRecord } from "./experiment/export.js";
export { checkOnnx } from "./experiment/import-check.js";
export { runKernelStudy } from "./experiment/ntk-study.js";
export { withOrigin } from "./experiment/origin.js";
export { runExperiment } from "./experiment/run.js";
export type { Progress, RunOptions } from "./experiment/study-record.js";
export { runSweep, type SweepOptions, type SweepResult } from "./experiment/sweep.js";
export {
  measureWorkPrecision,
  type WorkPrecision,
  type WorkPrecisionOptions,
  type WorkPrecisionRow,
} from "./experiment/work-precision.js";
export { drawFigures } from "./figure/draw.js";
export { writeReport } from "./figure/report.js";
export {
  type BoundaryEvent,
  type BoundarySummary,
  type Comparison,
  type Cost,
  createDescent,
  createDetector,
  createObserver,
  createProblem,
  createSharpness,
  type Descent,
  type DetectSummary,
  type ExactOptions,
  type ExactOutcome,
  type FlowCounts,
  type FlowOptions,
  type FlowOutcome,
  fitDecay,
  integrateExactly,
  integrateSmooth,
  integrateStepping,
  type KinkTreatment,
  measureGradient,
  measureSharpness,
  type Observation,
  type Observer,
  type Problem as FlowProblem,
  type Segment,
  type Sharpness,
  type SharpnessMeasurement,
  type SharpnessOptions,
  type SteppingFlowOptions,
  type SteppingOutcome,
  type SteppingSummary,
} from "./flow/index.js";
export { integrateFlow, type KinkedFlowOptions, type KinkedFlowOutcome } from "./flow/integrate-flow.js";
export {
  createGraph,
  type Graph,
  GraphBuilder,
  type Node,
  type OpName,
  printGraph,
  type Shape,
  sameShape,
  sizeOf,
  verifyGraph,
} from "./graph/index.js";
export {
  type InverseIterationOptions,
  type InverseIterationResult,
  inverseIteration,
} from "./linalg/inverse-iteration.js";
export {
  type LanczosOptions,
  type LanczosResult,
  lanczos,
  lanczosQuadrature,
  type Quadrature,
} from "./linalg/krylov.js";
export type { Operator, RitzPair } from "./linalg/operator.js";
export { type SingularValues, singularValues } from "./linalg/svd.js";
export {
  type Column,
  defineMeasure,
  type Followed,
  type Measure,
  type Measurer,
  type Point,
  type SampleSet,
  type Subject,
  type Values,
} from "./measure/index.js";
export { Memory } from "./memory.js";
export {
  type ActivationSpec,
  createFamily,
  createLoss,
  defineLayer,
  defineNetwork,
  type Family,
  type FromFunction,
  type FromLayers,
  type Imported,
  type ImportOptions,
  type InitSpec,
  importOnnx,
  initialise,
  LayerError,
  type LayerModule,
  type Layout,
  type Loss,
  type LossSpec,
  lossFactor,
  type Network,
  type NetworkSpec,
  normalisedAdjacency,
  type Parametrisation,
  type PieceTable,
  pieceTable,
  presetNetwork,
  type Reduction,
  type Scope,
  type Site,
} from "./model/index.js";
export {
  type BoundAt,
  type BoundSample,
  createTangentKernel,
  denseSpectrum,
  judgeBound,
  type KernelSpectrum,
  type KernelState,
  type LambdaMin,
  measureSpectrum,
  outputScalars,
  overallVerdict,
  type RankCap,
  rankCaps,
  spectralDensity,
  type TangentKernel,
  type Verdict,
} from "./ntk/index.js";
export {
  createStepper,
  describeMethods,
  type Field,
  float64Space,
  type IntegrateOptions,
  integrate,
  type Method,
  type MethodDescription,
  type MethodName,
  methodNames,
  type Outcome,
  type OutcomeStatus,
  type Phase,
  type Solution,
  type SolveOptions,
  type SpectralRadius,
  type Step,
  type Stepper,
  type StepperOptions,
  solve,
  type Tableau,
  type VectorSpace,
} from "./ode/index.js";
export { createRandom, type Random } from "./random.js";
export type { Manifest } from "./record/manifest.js";
export { type RecordedEvent, type RunRecord, readRecord } from "./record/reader.js";
export type {
  DecayFit,
  DescentResult,
  EventsResult,
  NtkResult,
  RunResult,
  SharpnessResult,
} from "./record/result.js";
export type { JobState } from "./record/sweep-states.js";
