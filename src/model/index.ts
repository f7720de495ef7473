export { type ActivationSpec, type PieceTable, pieceTable } from "./activation.js";
export { createFamily, type EntryBlock, type Family, type FamilyOptions, type Pieces } from "./family.js";
export { type InitSpec, initialise, initialising } from "./initialise.js";
export { lossFactor, type Reduction } from "./loss.js";
export { adjacencySteps, normalisedAdjacency } from "./neighbours.js";
export { type Layer, type Layout, layoutOf, type NetworkSpec } from "./network.js";
export { smoothActivation } from "./smoothing.js";
