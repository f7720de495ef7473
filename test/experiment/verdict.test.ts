/** The verdict on runs that nothing is wrong with, to the floor of the solver and beyond: `violated` is an alarm, never a false one. */
import { describe, expect, test } from "vitest";
import { setUpRuns } from "./runs.js";

const run = setUpRuns();

/** Small enough to run to the floor in a moment; exponents of hundreds. */
const smooth = `name: verdict-test
seed: 1
dataset: { kind: gaussian, samples: 4, inputDimension: 3, outputDimension: 1 }
model: { kind: dnn, hidden: [20], activation: { kind: tanh }, init: { kind: kaiming-normal, a: 1 } }
loss: { reduction: half-sum }
flow: { tEnd: 300 }
record: { at: log, points: 5 }
measure: { ntk: { points: 12 } }
engine: { kind: reference }
`;
const kinked = smooth.replace("tEnd: 300", "tEnd: 200, rtol: 1e-3, atol: 1e-6");

/** What the verdict of a run may be, with its reason wherever it is not `pass`. */
async function verdictOf(set: readonly string[], yaml = smooth) {
  const { result, record } = await run(set, {}, yaml);
  const ntk = result.ntk!;
  expect(result.status).toBe("reachedEnd");
  expect(ntk.verdicts.violated).toBe(0);
  expect(ntk.verdictReason === null).toBe(ntk.verdict === "pass");
  return { ntk, record };
}

describe("no run that is right is called violated", () => {
  test.each([
    ["seed=0"],
    ["seed=1"],
    ["model.activation.kind=sigmoid"],
    ["model.hidden=[]", "model.activation.kind=identity", "dataset.samples=3"],
    ["flow.method=rkc2", "flow.rtol=1e-4"],
    ["flow.method=rodas4", "flow.rtol=1e-5"],
    ["dataset.outputDimension=3", "model.kind=resnet"],
    ["loss.reduction=mean", "flow.tEnd=2000"],
  ])("smooth, %s %s", async (...set) => {
    const { ntk, record } = await verdictOf(set);
    // All of them come down to where the solver's error decides, and the record says where that is.
    const last = record.ntk.t.length - 1;
    expect(record.ntk.residualSquared[last]).toBeLessThan(10 * record.ntk.residualSquaredFloor[last]!);
    expect(["pass", "unresolved"]).toContain(ntk.verdict);
  });

  test.each(["exact", "detect", "off"])("kinked at rtol 1e-3, under %s", async (boundaries) => {
    for (const activation of ["relu", "hard-tanh"])
      await verdictOf(
        [`flow.boundaries=${boundaries}`, "measure.ntk.points=6"],
        kinked.replace("kind: tanh", `kind: ${activation}`),
      );
  });

  test.each([1e-9, 1e9])("with inputs and targets of order %s, as with those of order 1", async (scale) => {
    // A linear network without biases is homogeneous: x → sx and y → sy make G → s²G, the same curve at t/s².
    const yaml = smooth
      .replace("kind: tanh", "kind: identity")
      .replace("kind: dnn,", "kind: dnn, bias: false,");
    const at = (s: number) =>
      verdictOf(
        [],
        yaml
          .replace("kind: gaussian,", `kind: uniform-ball, radius: ${s}, labelScale: ${s},`)
          .replace("samples: 4, inputDimension: 3", "samples: 3, inputDimension: 4")
          .replace("tEnd: 300", `tEnd: ${300 / s ** 2}`),
      );
    const verdicts = ({ ntk, record }: Awaited<ReturnType<typeof at>>) => [ntk.verdicts, record.ntk.held];
    expect(verdicts(await at(scale))).toEqual(verdicts(await at(1)));
  });

  test("fixed steps are not the flow: above its bound they are unresolved, and it is said why", async () => {
    // One mode that Euler multiplies by 1 − hλ = −0.9 a step, where the flow's e^{−1.9} is smaller: above the bound from the start.
    const one = ["model.hidden=[]", "model.activation.kind=identity", "dataset.samples=1"];
    const { record } = await run(["flow.tEnd=1", ...one], {}, smooth);
    const step = 1.9 / record.ntk.lambdaMax[0]!;
    const euler = smooth.replace("{ tEnd: 300 }", `{ method: euler, stepSize: ${step}, tEnd: ${20 * step} }`);
    const { ntk } = await verdictOf(one, euler);
    expect(ntk.verdict).toBe("unresolved");
    expect(ntk.verdictReason).toMatch(/fixed steps/);
  });

  test("a curve whose energy is off does not pass, however far below its bound it is", async () => {
    const one = ["model.hidden=[]", "model.activation.kind=identity", "dataset.samples=2"];
    const { record } = await run(["flow.tEnd=1", ...one], {}, smooth);
    // Steps beyond the fast mode's limit would diverge; a step of 1.9/λ_max makes it ring, and ∫‖∇L‖² counts every swing.
    const step = 1.95 / record.ntk.lambdaMax[0]!;
    const euler = smooth.replace(
      "{ tEnd: 300 }",
      `{ method: euler, stepSize: ${step}, tEnd: ${400 * step} }`,
    );
    const { result } = await run(one, {}, euler);
    expect(result.energyDefect).toBeGreaterThan(0.1);
    expect(result.ntk!.verdict).toBe("unresolved");
    // Up to its first steps it may.
    expect(result.ntk!.verdicts.unresolved).toBeGreaterThan(5);
    expect(result.ntk!.verdictReason).toMatch(/∫‖∇L‖² ds is off.*euler takes fixed steps/);
  });
});
