export { batch } from "./batch.js";
export { hessianProduct, pushforward } from "./forward.js";
export { gradient, pullback } from "./reverse.js";
export { roundingErrors } from "./rounding.js";
