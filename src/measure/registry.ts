/** All measures that a study file can ask for: a new one is a file and a line here. */
import { accuracy } from "./accuracy.js";
import { balancedness } from "./balancedness.js";
import { growth } from "./growth.js";
import { kkt } from "./kkt.js";
import { margin } from "./margin.js";
import type { Measure } from "./measure.js";
import { norms } from "./norms.js";
import { parameters } from "./parameters.js";
import { polyakLojasiewicz } from "./polyak-lojasiewicz.js";
import { sharpness } from "./sharpness.js";
import { testLoss } from "./test-loss.js";

export const measures: readonly Measure[] = [
  accuracy,
  testLoss,
  margin,
  kkt,
  norms,
  balancedness,
  polyakLojasiewicz,
  growth,
  sharpness,
  parameters,
];
