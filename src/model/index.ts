export {
  type ActivationKind,
  type ActivationSpec,
  activationSchema,
  type PieceTable,
  pieceTable,
} from "./activation.js";
export { defineNetwork, type FromFunction, type FromLayers } from "./define-network.js";
export { type EntryPlace, entryAt, pieceAt, piecesOf, placeOf } from "./entries.js";
export type { EntrySignals, NormalFactor } from "./entry-signals.js";
export {
  fillParameters,
  MatchError,
  matchParameters,
  type ParameterFormat,
  shapeIn,
  writeParameter,
} from "./exchange.js";
export { batchFamily, createFamily, type Family, type FamilyOptions, type Pieces } from "./family.js";
export { initialise, initialising } from "./initialise.js";
export { defineLayer, type LayerModule, type Layers } from "./layers/define.js";
export { layerListSchema, layerModules } from "./layers/registry.js";
export type { TargetKind } from "./losses/define.js";
export { createLoss, type Loss, whyNotSquared } from "./losses/loss.js";
export { type LossSpec, lossModule, lossModules, lossSchema } from "./losses/registry.js";
export { withLossSite } from "./losses/site.js";
export { lossFactor, type Reduction } from "./losses/squared.js";
export type { MixedSite } from "./mixed-sites.js";
export { findingNeighbours, normalisedAdjacency, relationMatrix } from "./neighbours.js";
export { type Build, describeNetwork, type Imported, layeredNetwork, type Network } from "./network.js";
export { type ImportOptions, importModel, importOnnx } from "./onnx/import.js";
export { type InitSpec, type Law, type Layout, LayoutBuilder, type Parameter } from "./parameters.js";
export { PARAMETRISATIONS, type Parametrisation } from "./parametrisation.js";
export type { Preset } from "./presets/define.js";
export { DEFAULT_NEIGHBOURS } from "./presets/dense.js";
export {
  buildNetwork,
  type ModelFields,
  presetNetwork,
  presetOf,
  presets,
  resizeModel,
} from "./presets/registry.js";
export type { NetworkSpec } from "./presets/spec.js";
export { type LayerConfig, LayerError, type Relation, type Scope, type Site } from "./scope.js";
export type { UnitGrams } from "./unit-grams.js";
