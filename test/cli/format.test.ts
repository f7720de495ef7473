import { expect, it } from "vitest";
import { roundTimes } from "../../src/cli/format.js";

it.each([
  ["dopri5: reached t = 8.", "dopri5: reached t = 8."],
  [`dopri5: reached t = ${1e20}.`, "dopri5: reached t = 1e20."],
  [`reached t = ${1e60}.`, "reached t = 1e60."],
  ["L fell by 100 at t = 3.2384729387498, as asked.", "L fell by 100 at t = 3.23847, as asked."],
  ["stopped at t = 1.0000000000000002e-9.", "stopped at t = 1e-9."],
  ["step 5.1e-17 at t = 0.1 is below 1.4e-17", "step 5.1e-17 at t = 0.1 is below 1.4e-17"],
  ["t = NaN", "t = NaN"],
])("%s", (message, rounded) => {
  expect(roundTimes(message)).toBe(rounded);
});
