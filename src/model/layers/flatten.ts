import { sizeOf } from "../../graph/index.js";
import { defineLayer } from "./define.js";

export const flatten = defineLayer({
  kind: "flatten",
  text: "All entries of a sample in one axis, row-major.",
  fields: () => ({}),
  build: ({ b, samples }, _, x) => b.reshape(x, [samples, sizeOf(x.shape) / samples]),
});
