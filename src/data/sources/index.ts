export { sources } from "./registry.js";
export { commonFields, type Source, type SourceContext } from "./source.js";
