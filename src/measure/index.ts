export { marginsOf } from "./margins.js";
export {
  type Column,
  type CommonSettings,
  defineMeasure,
  type Followed,
  type Measure,
  type Measurer,
  measureSection,
  type Point,
  type SampleSet,
  type Subject,
  type Values,
} from "./measure.js";
export { measures } from "./registry.js";
