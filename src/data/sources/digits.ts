import { fileURLToPath } from "node:url";
import { readPair } from "./idx.js";
import { defineSource, subset } from "./source.js";

/** Beside src and dist alike. */
const asset = (name: string): string => fileURLToPath(new URL(`../../../assets/${name}`, import.meta.url));

export const digits = defineSource({
  kind: "digits",
  text: "1 797 real handwritten digits of 8 × 8 pixels, classes 0 to 9, which the program brings along (E. Alpaydin and C. Kaynak, UCI Machine Learning Repository, CC BY 4.0).",
  fields: { samples: subset },
  hasClasses: true,
  numbers: () => 0,
  normalise: "range",
  load: () => readPair(asset("digits-images.idx3-ubyte.gz"), asset("digits-labels.idx1-ubyte.gz"), 16),
});
