/** What axes have no place for: lanes beside the scale, marks where lines end. Nothing is dropped, nothing is joined over a gap. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { placeOn, planLinearAxis, planLogAxis } from "../../src/figure/axis.js";
import type { Point } from "../../src/figure/curves.js";
import { drawFigures } from "../../src/figure/draw.js";
import { lossFigure } from "../../src/figure/loss.js";
import { explainMarks, type Mark, traceCurve } from "../../src/figure/marks.js";
import { ntkSpectrumFigure } from "../../src/figure/ntk.js";
import { captionOf, renderSvg } from "../../src/figure/render.js";
import { buildSweepFigures } from "../../src/figure/sweep-figures.js";
import { workPrecisionSpec } from "../../src/figure/work-precision.js";
import { readRecord } from "../../src/record/reader.js";
import type { RunResult } from "../../src/record/result.js";
import type { SweepFigureSpec } from "../../src/record/sweep.js";
import { setUpRuns } from "../experiment/runs.js";
import { syntheticRecord, syntheticResult } from "../record/synthetic.js";
import { syntheticKernel, syntheticSweep } from "../record/synthetic-sweep.js";

const run = setUpRuns();
const folder = await mkdtemp(join(tmpdir(), "gradflow-lanes-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

const STYLE = { label: "curve", colour: "#000000", width: 2 };

/** All rows of a spec that marks draw: those with a kind. */
function marksOf(spec: unknown): Mark[] {
  const views = [spec as Record<string, unknown>];
  const found: Mark[] = [];
  for (const view of views) {
    for (const key of ["layer", "vconcat"]) views.push(...((view[key] ?? []) as Record<string, unknown>[]));
    const values = ((view["data"] as { values?: unknown[] } | undefined)?.values ?? []) as Mark[];
    found.push(...values.filter((row) => row.atValue !== undefined));
  }
  return found;
}

/** All stretches of lines in a spec, by curve. */
function stretchesOf(spec: unknown, curve: string): Point[][] {
  const views = [spec as Record<string, unknown>];
  for (const view of views) {
    for (const key of ["layer", "vconcat"]) views.push(...((view[key] ?? []) as Record<string, unknown>[]));
    const values = ((view["data"] as { values?: unknown[] } | undefined)?.values ?? []) as (Point & {
      curve: string;
      stretch?: number;
    })[];
    const rows = values.filter((row) => row.curve === curve && row.stretch !== undefined);
    if (rows.length > 0)
      return [...new Set(rows.map(({ stretch }) => stretch))].map((k) =>
        rows.filter(({ stretch }) => stretch === k),
      );
  }
  return [];
}

describe("a log axis", () => {
  test.each([1e-230, 1e-9, 1, 1e9, 1e220])("has lanes beside values of size %s", (scale) => {
    const values = [0, -3, Number.POSITIVE_INFINITY, 1e-6, 1, 1e4].map((value) => value * scale);
    const plan = planLogAxis(values);
    const [low, high] = plan.reach;
    expect(plan.lanes.map(({ kind }) => kind)).toEqual(["zero", "negative", "infinite"]);
    const at = (value: number) => placeOn(plan, value * scale);
    expect([at(0), at(-3), at(Number.POSITIVE_INFINITY), at(1)].map(({ off }) => off)).toEqual([
      "zero",
      "negative",
      "infinite",
      null,
    ]);
    // From the outside inwards: negative, zero, scale, infinite; every tick is inside of the domain.
    const order = [plan.scale.domain[0], at(-3).at, at(0).at, low, 1e-6 * scale, high];
    order.push(at(Number.POSITIVE_INFINITY).at, plan.scale.domain[1]);
    expect(order.every((value, k) => k === 0 || value > order[k - 1]!)).toBe(true);
    expect(plan.ticks.slice(-3).map(([, label]) => label)).toEqual(["0", "< 0", "∞"]);
    for (const [value] of plan.ticks)
      expect(value > plan.scale.domain[0] && value < plan.scale.domain[1]).toBe(true);
    // Beyond what the axis reaches, values are at its edge and said to be.
    expect(placeOn(plan, low / 10)).toEqual({ at: low, off: "below" });
    expect(placeOn(plan, high * 10)).toEqual({ at: high, off: "above" });
  });

  test("without such values has none, and so has a linear one with zeros", () => {
    expect(planLogAxis([1e-3, 1]).lanes).toEqual([]);
    expect(planLinearAxis([-1, 0, 3]).lanes).toEqual([]);
    expect(planLinearAxis([0, Number.NaN]).lanes.map(({ kind }) => kind)).toEqual(["infinite"]);
    for (const values of [[0], [0, 0, -1], [0, 5, 5.1], [Number.NaN]]) {
      const plan = planLogAxis(values);
      for (const value of values) expect(placeOn(plan, value).off === null).toBe(value > 0);
      expect(plan.scale.domain.every(Number.isFinite)).toBe(true);
    }
  });
});

describe("a traced curve", () => {
  test("ends at zeros, infinities and bounds; a point between two of them is a mark", () => {
    const values = [1, 0.1, 0, 0, 1e-3, 0, 1e-2, 1e-4, Number.POSITIVE_INFINITY, 1e-5];
    const points: Point[] = values.map((value, t) => ({ t, value }));
    points.push({ t: 10, value: 1e-6, atMost: true }, { t: 11, value: 2e-5 });
    const time = planLinearAxis([0, 11], true);
    const { stretches, marks } = traceCurve({ ...STYLE, points }, time, planLogAxis([...values, 1e-6]));
    expect(stretches.map((stretch) => stretch.map(({ t }) => t))).toEqual([
      [0, 1],
      [6, 7],
    ]);
    expect(marks.map(({ t, kind }) => [t, kind])).toEqual([
      [2, "zero"],
      [3, "zero"],
      [4, "alone"],
      [5, "zero"],
      [8, "infinite"],
      [9, "alone"],
      [10, "atMost"],
      [11, "alone"],
    ]);
    expect(explainMarks(marks)).toEqual([
      "lane 0: exactly zero",
      "lane ∞: not finite",
      "▽ at most this: below what the method resolves",
    ]);
  });

  test("leaves the axis where the line between two points crosses its edge, and comes back so", () => {
    const points = [0, 4, 8, 12, 16].map((t) => ({ t, value: 10 ** (t < 10 ? t - 3 : 17 - t) }));
    const time = planLinearAxis([0, 16], true);
    const up = planLogAxis([1e-3, 10], 0);
    const { stretches, marks } = traceCurve({ ...STYLE, points }, time, up);
    // log₁₀ rises by one a unit of time from −3 and is 1 at t = 4; then above 1 until it falls through 1 at t = 16.
    expect(stretches).toEqual([[points[0], points[1]]]);
    expect(marks.map(({ kind, atT, atValue }) => [kind, atT, atValue])).toEqual([
      ["above", 4, 10],
      ["alone", 16, 10],
    ]);
    const lower = traceCurve({ ...STYLE, points: points.slice(0, 3) }, time, planLogAxis([1e-3, 1], 0));
    expect(lower.marks).toHaveLength(1);
    // Rounding of a logarithm and back.
    expect(lower.marks[0]!.atT).toBeCloseTo(3, 12);
    expect(lower.stretches[0]!.at(-1)!.t).toBeCloseTo(3, 12);
  });

  test("that diverged ends with a cross at its last true point", () => {
    const points = [1, 2, 3].map((t) => ({ t, value: t ** 2 }));
    const [time, up] = [planLinearAxis([0, 4], true), planLogAxis([0.5, 20])];
    for (const count of [1, 3]) {
      const { marks, stretches } = traceCurve(
        { ...STYLE, points: points.slice(0, count), diverged: true },
        time,
        up,
      );
      expect(marks.map(({ kind, t, atT, atValue }) => ({ kind, t, atT, atValue }))).toEqual([
        { kind: "diverged", t: count, atT: count, atValue: count ** 2 },
      ]);
      expect(stretches.length).toBe(count === 1 ? 0 : 1);
    }
  });

  test("shows every one of its points, and joins neighbours only", () => {
    // A fixed sequence of all kinds in irregular order.
    const kinds = [1, 0, 5, 1e-9, Number.NaN, -2, 30, 1e8, 0.2, Number.POSITIVE_INFINITY];
    const points = Array.from({ length: 300 }, (_, t) => ({
      t,
      value: kinds[(t * t + 3 * (t >> 2)) % kinds.length]!,
    }));
    const up = planLogAxis([0, -2, Number.NaN, 0.1, 100]);
    const { stretches, marks } = traceCurve({ ...STYLE, points }, planLinearAxis([0, 300], true), up);
    const drawn = new Set([...stretches.flat(), ...marks].map(({ t }) => t));
    for (const { t, value } of points)
      if (
        placeOn(up, value).off === null ||
        ["zero", "negative", "infinite"].includes(placeOn(up, value).off!)
      )
        expect(drawn.has(t), `${t}: ${value}`).toBe(true);
    for (const stretch of stretches)
      stretch.forEach((point, k) => {
        if (k > 0) expect(point.t - stretch[k - 1]!.t).toBeLessThanOrEqual(1);
      });
  });
});

test("a loss that reaches zero, or is not finite, stays in the picture", async () => {
  const directory = join(folder, "loss");
  const writer = await syntheticRecord({ directory, learningRates: [] });
  for (const [t, loss] of [
    [90, 0],
    [100, 0],
    [110, Number.POSITIVE_INFINITY],
  ] as const)
    writer.series.append({ t, loss, residualNorm: Math.sqrt(loss / 0.01) });
  await writer.finish(syntheticResult(directory));
  const { spec, rows } = lossFigure.build(await readRecord(directory))!;
  const marks = marksOf(spec).filter(({ kind }) => kind !== "alone");
  expect(marks.map(({ t, kind }) => [t, kind])).toEqual([
    [90, "zero"],
    [100, "zero"],
    [110, "infinite"],
  ]);
  expect(rows.filter(({ value }) => value === 0).map(({ t }) => t)).toEqual([90, 100]);
  expect(JSON.stringify(captionOf(spec))).toContain("lane 0: exactly zero");
  expect(JSON.stringify(captionOf(spec))).toContain("lane ∞: not finite");
  expect(
    Math.max(
      ...stretchesOf(spec, "gradient flow (GF)")
        .flat()
        .map(({ t }) => t),
    ),
  ).toBeLessThanOrEqual(80);
  expect(await renderSvg(spec)).toContain(">∞<");
});

test("λ_min that is exactly zero on the way is drawn as that, and the caption counts", async () => {
  const { record, directory } = await run(
    [],
    {},
    `name: zeros
seed: 1
dataset: { kind: gaussian, samples: 20, inputDimension: 5, outputDimension: 2 }
model: { kind: dnn, hidden: [6], activation: { kind: relu } }
loss: { reduction: half-sum }
flow: { tEnd: 4, rtol: 1e-8 }
record: { at: log, points: 5 }
measure: { ntk: { points: 30 } }
engine: { kind: onnx, threads: 1 }
`,
  );
  const times = [...record.ntk.t.keys()];
  const of = (kind: string) =>
    times.filter((k) => record.lambdaMinKind[k] === kind).map((k) => record.ntk.t[k]!);
  const [zeros, certified] = [of("exact-zero"), of("certified")];
  expect(Math.min(zeros.length, certified.length)).toBeGreaterThan(3);
  const { spec } = ntkSpectrumFigure.build(record)!;
  const marks = marksOf(spec);
  const zeroMarks = marks.filter(({ curve, kind }) => curve === "λ_min" && kind === "zero");
  expect(zeroMarks.map(({ t }) => t)).toEqual(zeros);
  for (const stretch of stretchesOf(spec, "λ_min"))
    expect(zeros.some((t) => t > stretch[0]!.t && t < stretch.at(-1)!.t)).toBe(false);
  const caption = JSON.stringify(captionOf(spec));
  expect(caption).toContain(
    `λ_min is certified at ${certified.length}, exactly zero at ${zeros.length} of ${times.length} times`,
  );
  expect(caption).toContain("lane 0: exactly zero");
  // Eigenvalues that the method cannot tell from zero are at its floor, as upper bounds; none is drawn below it as though measured.
  const floors = new Map(times.map((k) => [record.ntk.t[k]!, record.ntk.lambdaMinResolvable[k]!]));
  for (const t of zeros) expect(floors.get(t)).toBeGreaterThan(0);
  expect(marks.some(({ kind, t }) => kind === "atMost" && zeros.includes(t))).toBe(true);
  const lines = [1, 38, 40].flatMap((rank) => stretchesOf(spec, `λ_${rank}`)).flat();
  for (const { t, value } of lines) expect(value).toBeGreaterThan(floors.get(t) ?? 0);
  for (const mark of marks.filter(({ kind }) => kind === "atMost"))
    expect(mark.value).toBe(floors.get(mark.t));
  expect(await drawFigures(directory)).toContain("figures/ntk-spectrum.png");
});

test("a λ_min that is only bounded is an open triangle at the most that it may be", async () => {
  const directory = join(folder, "bounded");
  const writer = await syntheticRecord({ directory, learningRates: [] });
  const table = await writer.table("ntk", [
    "t",
    "lambdaMin",
    "lambdaMinKind",
    "lambdaMinUpper",
    "lambdaMinResolvable",
    "lambdaEff",
  ]);
  table.append({
    t: 0,
    lambdaMin: 1e-3,
    lambdaMinKind: "certified",
    lambdaMinResolvable: 1e-12,
    lambdaEff: 1,
  });
  table.append({
    t: 1,
    lambdaMin: -3e-17,
    lambdaMinKind: "upper-bound",
    lambdaMinUpper: 1e-12,
    lambdaMinResolvable: 1e-12,
    lambdaEff: 1,
  });
  table.append({
    t: 2,
    lambdaMin: 1e-5,
    lambdaMinKind: "upper-bound",
    lambdaMinUpper: 2e-5,
    lambdaMinResolvable: 1e-12,
    lambdaEff: 1,
  });
  await writer.finish(syntheticResult(directory));
  const { spec, rows } = ntkSpectrumFigure.build(await readRecord(directory))!;
  const bounds = marksOf(spec).filter(({ kind }) => kind === "atMost");
  expect(bounds.map(({ t, atValue }) => [t, atValue])).toEqual([
    [1, 1e-12],
    [2, 2e-5],
  ]);
  expect(rows.filter(({ mark }) => mark === "atMost").map(({ value }) => value)).toEqual([1e-12, 2e-5]);
  expect(JSON.stringify(captionOf(spec))).toContain("certified at 1, an upper bound at 2 of 3 times");
  expect(JSON.stringify(captionOf(spec))).toContain("below what the method resolves");
});

describe("a sweep", () => {
  const points = (y: string): SweepFigureSpec => ({
    ...{ kind: "points", name: "p", x: "parametersPerTarget", y, group: [] },
    ...{ xScale: "log", yScale: "log" },
  });
  const drawn = async (name: string, results: Partial<RunResult>[], figure: SweepFigureSpec) => {
    await syntheticSweep(join(folder, name), results, [figure]);
    const [built] = await buildSweepFigures(join(folder, name));
    return built!.drawing!;
  };

  test("takes medians over all runs: that of 0, 0, 6e-34 is 0", async () => {
    const results = [0, 0, 6e-34].map((value) => ({
      ntk: syntheticKernel(value, value === 0 ? "exact-zero" : "certified", 1e-40),
    }));
    const { rows, spec } = await drawn("zeros", results, points("ntk.final.lambdaMin.value"));
    expect(rows).toMatchObject([{ value: 0, low: 0, high: 6e-34, mark: "" }]);
    expect(marksOf(spec).map(({ kind }) => kind)).toEqual(["zero"]);
    expect(JSON.stringify(captionOf(spec))).toContain("lane 0: exactly zero");
    expect(await renderSvg(spec)).toContain(">0<");
  });

  test("whose runs end apart says from when on a median is of those that go on", async () => {
    const figure: SweepFigureSpec = {
      ...{ kind: "curves", name: "loss", y: "loss", tables: ["series"] },
      ...{ xScale: "log", yScale: "log", from: 0.01 },
    };
    const whole = await drawn("together", [{}, {}], figure);
    expect(JSON.stringify(captionOf(whole.spec))).not.toContain("go on");
    const table = join(folder, "together", "seed-1", "series.csv");
    const lines = (await readFile(table, "utf8")).split("\n").slice(0, 101);
    await writeFile(table, `${lines.join("\n")}\n`);
    const [cut] = await buildSweepFigures(join(folder, "together"));
    const end = Number(Number(lines.at(-1)!.split(",", 1)[0]).toPrecision(3));
    expect(JSON.stringify(captionOf(cut!.drawing!.spec))).toMatch(
      /medians after t = [\d.]+, where a run ends, are/,
    );
    expect(JSON.stringify(captionOf(cut!.drawing!.spec))).toContain(`after t = ${end},`);
  });

  test("takes means where asked, and says so", async () => {
    const results = [1, 2, 6].map((loss) => ({ loss }));
    const { rows, spec } = await drawn("means", results, {
      ...points("loss"),
      middle: "mean",
      merge: ["seed"],
    });
    expect(rows).toMatchObject([{ value: 3, low: 1, high: 6 }]);
    expect(JSON.stringify(captionOf(spec))).toContain("mean over seed, from lowest to highest");
  });

  test("fits a power law to all runs, bounds left out; axes and curves are called what the study says", async () => {
    const results = [1, 2, 4, 8].map((loss, k) => ({
      ...{ parameters: 100 * loss, loss: loss ** 2 },
      ntk: syntheticKernel(loss ** 2, k === 3 ? "upper-bound" : "certified", 1e-14),
    }));
    const fitted = (y: string) =>
      ({ ...points(y), fit: "power", xTitle: "size s", yTitle: "height" }) as const;
    const { spec } = await drawn("powers", results, fitted("loss"));
    expect(JSON.stringify(captionOf(spec))).toContain("slope 2 (2 to 2 at 95 %) of 4 points");
    const picture = await renderSvg(spec);
    expect(picture).toContain(">size s<");
    expect(picture).toContain(">height<");
    const bounded = await drawn("fit-bounded", results, fitted("ntk.final.lambdaMin.value"));
    expect(JSON.stringify(captionOf(bounded.spec))).toContain("of 3 points");
    const named = { ...fitted("loss"), group: ["seed"], names: { "seed 1": "one of them" } };
    const apart = await drawn("apart", results, named);
    expect(apart.rows.map(({ curve }) => curve)).toEqual(["seed 0", "one of them", "seed 2", "seed 3"]);
    expect(JSON.stringify(captionOf(apart.spec))).toContain("one of them: no power law");
  });

  test("draws a bound as such, and says how many runs have no such number", async () => {
    const results = [
      { ntk: syntheticKernel(1e-18, "upper-bound", 1e-14) },
      { ntk: syntheticKernel(1e-3, "certified", 1e-14) },
      { ntk: syntheticKernel(0, "exact-zero", 1e-14) },
      { ntk: null },
    ];
    const { rows, spec } = await drawn("bounds", results, points("ntk.final.lambdaMin.value"));
    expect(rows).toMatchObject([{ value: 1e-14, low: 0, high: 1e-3, mark: "atMost" }]);
    expect(marksOf(spec).map(({ kind, atValue }) => [kind, atValue])).toEqual([["atMost", 1e-14]]);
    expect(JSON.stringify(captionOf(spec))).toContain("1 without λ_min of the tangent kernel at the end");
  });

  test("counts a descent that diverged as infinite", async () => {
    const [tame, , wild] = syntheticResult(folder).descent;
    const descents = [wild!, wild!, tame!].map((descent) => ({ descent: [{ ...descent, loss: 1e-3 }] }));
    const { rows, spec } = await drawn("diverged", descents, points("descent.0.loss"));
    expect(rows).toMatchObject([{ value: Number.POSITIVE_INFINITY, low: 1e-3 }]);
    expect(marksOf(spec).map(({ kind }) => kind)).toEqual(["infinite"]);
    expect(JSON.stringify(captionOf(spec))).toContain("lane ∞: diverged or not finite");
  });

  test("has zeros and t = 0 in its curves", async () => {
    const curves: SweepFigureSpec = {
      kind: "curves",
      name: "c",
      y: "energyDefect",
      tables: ["series"],
      xScale: "log",
      yScale: "log",
    };
    const { rows, spec } = await drawn("curves", [{}, {}], { ...curves, y: "parameterDistance" });
    // ‖θ − θ0‖ is 0 at t = 0.
    expect(rows[0]).toMatchObject({ t: 0, value: 0, low: 0, high: 0 });
    expect(marksOf(spec).map(({ t, kind }) => [t, kind])).toEqual([[0, "zero"]]);
  });

  test("counts a run that diverged as infinite after its end, and ends a curve of which all did", async () => {
    const figure: SweepFigureSpec = {
      ...{
        kind: "curves",
        name: "c",
        y: "loss",
        tables: ["series", "descent"],
        xScale: "log",
        yScale: "log",
      },
    };
    const { rows, spec } = await drawn("all-diverged", [{}, {}], figure);
    const wild = rows.filter((row) => "line" in row && row.line === "η = 2.4");
    expect(wild.at(-1)).toMatchObject({ mark: "diverged" });
    expect(marksOf(spec).filter(({ kind }) => kind === "above").length).toBe(1);
    // One of three diverged earlier: the median is of all three from there on, its band reaches infinity.
    const directory = join(folder, "one-diverged");
    await syntheticSweep(directory, [{}, {}, {}], [{ ...figure, tables: ["descent"] }]);
    const table = join(directory, "seed-0/descent.csv");
    const lines = (await readFile(table, "utf8")).split("\n");
    await writeFile(table, lines.filter((line) => !/^2\.4,([5-9]|1\d|2\d),/.test(line)).join("\n"));
    const [built] = await buildSweepFigures(directory);
    const merged = built!.drawing!.rows as readonly {
      line: string;
      t: number;
      value: number;
      high: number;
    }[];
    for (const row of merged.filter(({ line }) => line === "η = 2.4")) {
      expect(row.high === Number.POSITIVE_INFINITY).toBe(row.t > 4 * 2.4 + 1e-9);
      expect(Number.isFinite(row.value)).toBe(true);
    }
    expect(merged.some(({ high }) => high === Number.POSITIVE_INFINITY)).toBe(true);
  });
});

test("work against precision: an error of zero, and runs without an end, have their lanes", async () => {
  const row = (rtol: number, error: number | null) => ({
    ...{ method: "dopri5", rtol, gradientEvaluations: 100 / rtol ** 0.2, hessianEquivalents: 0, error },
  });
  const spec = workPrecisionSpec(
    "title",
    [row(1e-3, null), row(1e-4, 1e-3), row(1e-5, 1e-4), row(1e-6, 0)],
    null,
  )!;
  expect(marksOf(spec).map(({ kind }) => kind)).toEqual(["infinite", "alone", "alone", "zero"]);
  expect(JSON.stringify(captionOf(spec))).toContain("lane ∞: did not reach the end");
  expect(await renderSvg(spec)).toContain(">∞<");
  expect(workPrecisionSpec("title", [row(1e-3, null)], null)).toBeNull();
});
