export {
  type Attribute,
  decodeModel,
  listed,
  type Model,
  type OperatorNode,
  type Tensor,
  type ValueInfo,
} from "./decode.js";
export { attribute, encodeModel, type OnnxNode, type OnnxTensor, valueInfo } from "./encode.js";
export { OnnxError } from "./error.js";
export { digestOnnx, type OnnxFile, readOnnx } from "./file.js";
export { type FloatType, recast } from "./recast.js";
export { replaceInitialisers } from "./replace.js";
export { type ElementType, elementType } from "./schema.js";
