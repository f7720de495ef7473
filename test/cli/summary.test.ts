/** What the summary says of a second run (flow.errorCheck), of synthetic results. */
import { expect, test } from "vitest";
import { summarise } from "../../src/cli/summary.js";
import { errorNotes } from "../../src/experiment/findings.js";
import { syntheticResult } from "../record/synthetic.js";

const GAP = { learningRate: 0.05, time: 8, measuredGap: 0.02723, gap: 0.02703, solverError: 2.373e-6 };
const CHECK = {
  ...{ rtol: 1e-6, tighterRtol: 1e-7, gradientEvaluations: 9, status: "reachedEnd", error: 3.125e-6 },
  ...{ relativeToParameters: 1e-5, relativeToDistance: 2e-5, gaps: [GAP] },
};

function linesOf(errorCheck: typeof CHECK & { forcedSteps?: number }): string[] {
  const lines = summarise({ ...syntheticResult("record"), errorCheck }).split("\n");
  return lines.filter((line) => /gap, η|solver's error/.test(line));
}

test("the gap to the second run has another name than the table's", () => {
  const [error, gap] = linesOf(CHECK);
  expect(error).toMatch(/^ {2}solver's error +3\.125e-6 at the end/);
  expect(gap).toMatch(
    /‖θ\* − θₖ‖ = 0\.02703 at t = 8, θ\* of the run at rtol 1e-7; .*2\.373e-6, the solver's error$/,
  );
});

test("a second run that missed its tolerance tells no error, in no line", () => {
  const forced = { ...CHECK, forcedSteps: 3 };
  const [error, gap] = linesOf(forced);
  expect(error).toMatch(/solver's error +not known: the run at rtol 1e-7 missed its own tolerance/);
  expect(gap).toMatch(/2\.373e-6 is no measure of the solver's error$/);
  const notes = errorNotes({ ...forced, gaps: [{ ...GAP, solverError: 0.01 }] });
  expect(notes.join(" ")).not.toMatch(/than the solver's error/);
  expect(notes.join(" ")).toMatch(/not told apart from the solver's error/);
});
