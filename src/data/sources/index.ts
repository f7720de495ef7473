export { sources } from "./registry.js";
export { commonFields, isSubset, type Source, type SourceContext } from "./source.js";
