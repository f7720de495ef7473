import { z } from "zod";
import { defineLayer } from "./define.js";

export const scale = defineLayer({
  kind: "scale",
  text: "Multiplies by a number.",
  fields: () => ({ factor: z.number().describe("The number.") }),
  build: ({ b }, { factor }, x) => b.scale(x, factor),
});
