export { sources } from "./registry.js";
export {
  classFields,
  classLabels,
  commonFields,
  isSubset,
  normalisation,
  type Source,
  type SourceContext,
  subset,
} from "./source.js";
