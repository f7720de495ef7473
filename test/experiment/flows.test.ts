/** Flows beside descent in whole runs: their table and result, what is refused, and that an interrupted run goes on to the same bytes. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readNpy } from "../../src/data/npy.js";
import { ConfigError } from "../../src/errors.js";
import { FLOW_COLUMNS } from "../../src/record/columns.js";
import { readCells } from "../../src/record/table.js";
import { setUpRuns, study } from "./runs.js";

const run = setUpRuns();
const kinds = [
  ...["modified", "third-order", "gap", "principal", "principal-third", "principal-restarted"],
  ...["central", "rod"],
];
const beside = study
  .replace(
    "engine:",
    `descent: { learningRates: [0.2, 0.1] }
compare: { flows: [${kinds.join(", ")}], leadingGap: true, bound: true, average: 6 }
engine:`,
  )
  .replace("samples: 20", "samples: 6")
  .replace("hidden: [8, 4]", "hidden: [3]")
  .replace("tEnd: 4", "tEnd: 2");
const measured = beside.replace(
  "engine:",
  "measure: { sharpness: { of: [flow, descent, central] }, parameters: { of: [rod], points: 2 } }\nengine:",
);

const tables = (directory: string) =>
  Promise.all(
    ["flows.csv", "gaps.csv", "descent.csv", "theta.npy"].map((name) =>
      readFile(join(directory, name), "latin1"),
    ),
  );

test("one row per kind, learning rate and compared step, and the last of them in the result", async () => {
  const { result, directory, record } = await run(["figure.draw=true"], {}, beside);
  const { columns, rows } = (await readCells(join(directory, "flows.csv")))!;
  expect(columns.slice(0, FLOW_COLUMNS.length)).toEqual(FLOW_COLUMNS);
  expect(columns.slice(FLOW_COLUMNS.length, FLOW_COLUMNS.length + 3)).toEqual([
    "imaginary",
    "gradientFlow",
    "eigenvalue.1",
  ]);
  expect(new Set(columns).size).toBe(columns.length);
  const compared = (await readCells(join(directory, "descent.csv")))!.rows;
  expect(rows.length).toBe(compared.length * (1 + kinds.length));
  expect(record.manifest.files).toContain("flows.csv");
  expect(result.flows.map(({ kind, learningRate }) => [learningRate, kind])).toEqual(
    [0.2, 0.1].flatMap((rate) => ["gradient", ...kinds].map((kind) => [rate, kind])),
  );
  for (const flow of result.flows) {
    const descent = result.descent.find(({ learningRate }) => learningRate === flow.learningRate)!;
    expect(flow).toMatchObject({ status: "reachedEnd", message: null, steps: descent.steps, time: 2 });
    const row = rows.findLast(([kind, rate]) => kind === flow.kind && Number(rate) === flow.learningRate)!;
    expect(Number(row[columns.indexOf("distance")])).toBe(flow.distance);
    if (flow.kind === "gradient") expect(flow.distance).toBe(descent.parameterGap);
    else if (!["central", "rod"].includes(flow.kind))
      expect(flow.distance!).toBeLessThan(descent.parameterGap! / 5);
    else expect(row[columns.indexOf("meanLoss")]).not.toBe("");
  }
  expect(result.figures.some((file) => file.endsWith("flows.png"))).toBe(true);
});

test("measures are taken on the flows that they are asked of, in the rows of these alone", async () => {
  const { directory, result, record } = await run(["compare.flows=[central, rod]"], {}, measured);
  const { columns, rows } = (await readCells(join(directory, "flows.csv")))!;
  const of = (row: readonly string[], name: string) => row[columns.indexOf(name)]!;
  const centrals = rows.filter(([kind, rate]) => kind === "central" && rate === "0.2");
  for (const row of rows) {
    expect(of(row, "sharpness.1") !== "").toBe(row[0] === "central");
    if (row[0] !== "rod") expect(of(row, "snapshot")).toBe("");
  }
  // eigenvalue.1 is λ_max where the last step began: at the state of the row before, where that is one step before. Below the edge the flow finds it to 3 %.
  let met = 0;
  for (const [k, row] of centrals.entries()) {
    const before = centrals[k - 1];
    if (before === undefined || Number(of(row, "step")) !== Number(of(before, "step")) + 1) continue;
    met++;
    expect(Math.abs(Number(of(before, "sharpness.1")) / Number(of(row, "eigenvalue.1")) - 1)).toBeLessThan(
      0.03,
    );
  }
  expect(met).toBeGreaterThan(2);
  const [, central, rod] = result.flows;
  const last = rows.findLast((row) => row[0] === "central" && row[1] === "0.2")!;
  expect(central!.measured["sharpness.1"]!.last).toBe(Number(of(last, "sharpness.1")));
  expect(result.measured["sharpness.1"]).toBeDefined();
  // Of each learning rate: at its first row, halfway, and at the end.
  const snapshots = record.manifest.files.filter((name) => /^parameters-rod-0-\d+\.npy$/.test(name));
  expect(snapshots.length).toBe(3);
  const { data } = await readNpy(join(directory, "parameters-rod-0-2.npy"));
  const theta = (await readNpy(join(directory, "theta.npy"))).data;
  // Both near the end of one trajectory, 82 parameters that have moved by tenths.
  expect(Math.hypot(...data.map((value, i) => value - theta[i]!))).toBeLessThan(0.1);
  expect(rod!.measured["sharpness.1"]).toBeUndefined();
});

test("a run that is interrupted anywhere goes on to the same bytes", async () => {
  const whole = await tables((await run([], {}, measured)).directory);
  const statuses = new Set<string>();
  for (const last of [11, 24, 60]) {
    let looks = 0;
    const signal = {
      get aborted() {
        return ++looks > last;
      },
    } as AbortSignal;
    const cut = await run([], { signal }, measured);
    statuses.add(cut.result.status);
    const { directory } = cut;
    await run([], { directory, resume: true }, measured);
    expect(await tables(directory)).toEqual(whole);
  }
  // Both have happened: a test of runs that end by themselves would show nothing.
  expect(statuses).toContain("interrupted");
});

test("a flow stops where descent diverges, and says so", async () => {
  const { result } = await run(
    ["descent.learningRates=[20]", "flow.tEnd=2000", "compare={flows: [rod]}"],
    {},
    beside,
  );
  expect(result.descent[0]!.diverged).toBe(true);
  expect(result.flows[1]!.status).toBe("descentDiverged");
});

describe("is refused", () => {
  const refusal = async (...set: string[]): Promise<string> => {
    const error = await run(set, {}, beside).then(
      () => null,
      (thrown: unknown) => thrown,
    );
    if (!(error instanceof ConfigError)) throw new Error(`expected a ConfigError, got ${error}`);
    return error.message;
  };

  test("beyond 1/λ_max(θ₀), for the principal flow alone", async () => {
    const message = await refusal("descent.learningRates=[0.8]");
    expect(message).toMatch(
      /compare\.flows\.3: principal is complex beyond η = 1\/λ_max\(θ₀\) = 0\.\d+, got 0\.8 .*lower descent\.learningRates/s,
    );
    const others = "compare.flows=[modified, principal-restarted, rod]";
    const { result } = await run(["descent.learningRates=[0.8]", others], {}, beside);
    expect(result.flows.map(({ begun, status }) => [begun, status])).toEqual([
      ["run", "reachedEnd"],
      ["run", "reachedEnd"],
      ["step", "reachedEnd"],
      ["run", "reachedEnd"],
    ]);
  });

  test("where kinks leave no second derivative; rod needs none", async () => {
    const kinked = "model.activation={kind: leaky-relu}";
    expect(await refusal(kinked)).toMatch(/compare\.flows\.0: modified needs ∇²L along its way.*take rod/s);
    const smoothed = [kinked, "flow.boundaries=smooth", "flow.smoothing=0.01"];
    expect(await refusal(...smoothed)).toMatch(/compare\.flows\.1: third-order needs ∇³L along its way/);
    const rod = [kinked, "compare.flows=[rod]"];
    const { result } = await run(rod, {}, beside);
    expect(result.flows[1]!.status).toBe("reachedEnd");
    expect(await refusal(...rod, "flow.boundaries=detect")).toMatch(
      /compare\.leadingGap: needs the instants .*set flow\.boundaries: exact/,
    );
  });

  test("with ∇³L where pieces meet smoothly, not where ln(1 + e^u) is computed by two", async () => {
    const asked = ["compare.flows=[central]", "descent.learningRates=[0.1]", "flow.tEnd=0.2"];
    for (const set of ["loss={kind: huber}", "model.activation.kind=squared-relu"])
      expect(await refusal(...asked, set)).toMatch(/compare\.flows\.0: central needs ∇³L along its way/);
    const classes = ["dataset={kind: digits, samples: 6, classes: [3, 8]}", "loss={kind: cross-entropy}"];
    for (const set of [["model.activation.kind=softplus"], classes])
      expect((await run([...asked, ...set], {}, beside)).result.flows[1]!.status).toBe("reachedEnd");
  });

  test("by a solver that is not for its equation", async () => {
    const momentum = ["descent.kind=momentum", "compare={flows: [heavy-ball]}"];
    expect(await refusal(...momentum, "flow={method: rkc2, tEnd: 2}")).toMatch(
      /compare\.flows\.0: heavy-ball oscillates: .* flow\.method: rkc2 .*take auto, dopri5 or dop853/,
    );
    // μ = 0.2·1.9/(2·0.1²) = 19 and half of it; Heun's method is stable to 2μ.
    const heun = "flow={method: heun, stepSize: 1, tEnd: 2}";
    expect(await refusal(...momentum, "descent.learningRates=[0.2, 0.001]", heun)).toMatch(
      /heavy-ball at η = 0\.001 is unstable by flow\.method: heun with steps beyond 0\.190, and flow\.stepSize is 1; lower it/,
    );
    expect(
      await refusal("flow={method: rodas4, tEnd: 1}", "model.hidden=[240]", "compare.flows=[gap]"),
    ).toMatch(
      /compare\.flows\.0: gap has \d+ unknowns for \d+ parameters, and flow\.method: rodas4 takes at most 2000; set flow\.method: auto/,
    );
  });

  test.each([
    ["descent.learningRates=[]", /compare: sets flows beside descents, and there are none/],
    ["compare={flows: []}", /compare: must have flows, leadingGap: true or bound: true/],
    ["compare.flows=[modfied]", /compare\.flows\.0: must be .*Did you mean modified/],
    ["compare.flows=[rod, rod]", /compare\.flows\.1: rod stands in the list already/],
    ["compare.central={top: 0}", /compare\.central\.top: must be at least 1, got 0/],
    [
      "measure.sharpness.of=[flow, third]",
      /measure\.sharpness\.of\.1: must be .*Did you mean|measure\.sharpness\.of\.1: must be/,
    ],
    ["compare.average=7", /compare\.average: must be a multiple of 2, got 7/],
    ["descent.settle=2", /descent\.settle: begins everything .* descent\.learningRates has 2; name one/],
    ["descent.batch=2", /compare: describes descent on all samples/],
    [
      "descent.kind=momentum",
      /modified describes descent by kind: gradient, and descent\.kind is momentum; take heavy-ball/,
    ],
    [
      "flow={method: euler, stepSize: 0.1, tEnd: 2}",
      /compare\.flows\.0: modified differs .* flow\.method: euler/,
    ],
  ])("%s", async (set, expected) => {
    expect(await refusal(set)).toMatch(expected);
  });
});
