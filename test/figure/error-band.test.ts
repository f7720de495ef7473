/** The shade round a flow's loss that flow.errorCheck gives: where its numbers come from, how broad it is, what is said of it. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { bandAt } from "../../src/figure/error-band.js";
import { lossFigure } from "../../src/figure/loss.js";
import { captionOf } from "../../src/figure/render.js";
import { buildSweepFigures } from "../../src/figure/sweep-figures.js";
import { readRecord } from "../../src/record/reader.js";
import type { ErrorCheckResult } from "../../src/record/result.js";
import type { SweepFigureSpec } from "../../src/record/sweep.js";
import { setUpRuns } from "../experiment/runs.js";
import { syntheticRecord, syntheticResult } from "../record/synthetic.js";
import { syntheticSweep } from "../record/synthetic-sweep.js";

const run = setUpRuns();
const folder = await mkdtemp(join(tmpdir(), "gradflow-band-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

const KINKED = "model.activation={kind: leaky-relu, slope: 0.01}";

test.each([
  // Twice as many rows as steps need, and the last one at tEnd.
  ["stepping", "record={at: linear, points: 40}", 0.3],
  // Rows at the end of every step: the second run, whose steps are others, is asked at 200 times.
  ["exact", "record={at: steps}", 0.1],
])(
  "under %s error-check.csv holds the loss of a run at the tighter tolerances",
  async (boundaries, at, part) => {
    const flow = (rtol: number, atol: number, check: boolean) =>
      `flow={rtol: ${rtol}, atol: ${atol}, tEnd: 4, boundaries: ${boundaries}, errorCheck: ${check}}`;
    const { record, result } = await run([KINKED, at, flow(0.05, 1e-6, true)]);
    expect(result.errorCheck!.tighterRtol).toBeCloseTo(0.05 * part, 15);
    const times = at.includes("steps") ? "record={at: log, points: 200}" : at;
    const second = await run([KINKED, times, flow(part * 0.05, part * 1e-6, false)]);
    const { t, tighterLoss } = record.errorCheck;
    // The same computation: the same bits.
    expect([...t]).toEqual([...second.record.series.t].slice(1));
    expect([...tighterLoss]).toEqual([...second.record.series.loss].slice(1));
    expect(record.series.loss.at(-1)).not.toBe(tighterLoss.at(-1));
  },
);

describe("the ends of the band", () => {
  test.each([1e-9, 1, 1e9])(
    "are equal factors or equal distances from the loss, in its own units (%s)",
    (unit) => {
      const tighter = [
        { t: 1, value: 3 * unit },
        { t: 3, value: 3 * unit },
      ];
      const log = bandAt({ t: 2, value: unit }, tighter, true);
      expect(log.low / unit).toBeCloseTo(1 / 3, 14);
      expect(log.high / unit).toBeCloseTo(3, 14);
      const linear = bandAt({ t: 2, value: unit }, tighter, false);
      expect(linear.low / unit).toBeCloseTo(-1, 14);
      expect(linear.high / unit).toBeCloseTo(3, 14);
    },
  );
  test("meet where the second run has nothing to say", () => {
    const tighter = [{ t: 1, value: 3 }];
    expect(bandAt({ t: 2, value: 5 }, tighter, true)).toEqual({ low: 5, high: 5 });
    expect(bandAt({ t: 1, value: 5 }, [{ t: 1, value: Number.POSITIVE_INFINITY }], true).low).toBe(5);
  });
});

const check = (forcedSteps?: number): ErrorCheckResult => ({
  ...{ rtol: 0.01, tighterRtol: 0.003, gradientEvaluations: 7, status: "reachedEnd", gaps: [] },
  ...{ error: 1, relativeToParameters: 0.1, relativeToDistance: 0.2 },
  ...(forcedSteps && { forcedSteps }),
});

/** A second run whose loss is `factor` times the first's. */
async function writeSecond(directory: string, factor: number): Promise<void> {
  const [head, ...rows] = (await readFile(join(directory, "series.csv"), "utf8")).trim().split("\n");
  const columns = head!.split(",");
  const cell = (row: string, name: string) => row.split(",")[columns.indexOf(name)]!;
  const lines = rows.map((row) => `${cell(row, "t")},${factor * Number(cell(row, "loss"))}`);
  await writeFile(join(directory, "error-check.csv"), ["t,tighterLoss", ...lines, ""].join("\n"));
}

test.each([
  [undefined, false],
  [31, true],
])(
  "a run's loss has a shade, and a caption that says what it is worth (forced steps: %s)",
  async (forced, doubted) => {
    const directory = join(folder, `run-${forced ?? 0}`);
    const writer = await syntheticRecord({ directory });
    await writer.finish({ ...syntheticResult(directory), errorCheck: check(forced) });
    await writeSecond(directory, 1.5);
    const drawing = lossFigure.build(await readRecord(directory))!;
    const flow = drawing.rows.filter((row) => row.curve === "gradient flow (GF)");
    for (const row of flow) {
      expect(row.high! / row.value).toBeCloseTo(1.5, 12);
      expect(row.value / row.low!).toBeCloseTo(1.5, 12);
    }
    const caption = captionOf(drawing.spec).join(" ");
    expect(caption).toContain("the difference between its loss and that of a second run, at rtol 0.003.");
    expect(caption.includes("missed its own tolerance")).toBe(doubted);
    expect(JSON.stringify(drawing.spec)).toContain('"area"');
  },
);

test("without errorCheck a run's loss has no shade, and its data no ends", async () => {
  const directory = join(folder, "plain");
  const writer = await syntheticRecord({ directory });
  await writer.finish(syntheticResult(directory));
  const drawing = lossFigure.build(await readRecord(directory))!;
  expect(drawing.rows[0]).not.toHaveProperty("low");
  expect(JSON.stringify(drawing.spec)).not.toContain('"area"');
});

describe("a sweep's losses", () => {
  const loss: SweepFigureSpec = {
    ...{ kind: "curves", name: "loss", y: "loss", tables: ["series", "descent"] },
    ...{ xScale: "linear", yScale: "log", merge: [] },
  };
  test("have a shade each, and the caption counts those that are worth nothing", async () => {
    const directory = join(folder, "sweep");
    await syntheticSweep(directory, [{ errorCheck: check() }, { errorCheck: check(5) }], [loss]);
    for (const [k, factor] of [1.2, 2].entries()) await writeSecond(join(directory, `seed-${k}`), factor);
    const [built] = await buildSweepFigures(directory);
    const { rows, spec } = built!.drawing!;
    const flows = rows.filter((row) => "line" in row && row.line === "flow") as {
      value: number;
      high: number;
    }[];
    const widths = new Set(flows.map(({ value, high }) => Number((high / value).toFixed(9))));
    expect(widths).toEqual(new Set([1.2, 2]));
    const descents = rows.filter((row) => "line" in row && row.line !== "flow") as typeof flows;
    for (const { value, high } of descents) expect(high).toBe(value);
    const caption = captionOf(spec).join(" ");
    expect(caption).toContain("the difference between its loss and that of a second run, at rtol 0.003.");
    expect(caption).toContain("1 of 2 second runs missed their own tolerance");
    expect(caption).not.toContain("bands reach from the lowest");
  });
  test("have the band of the seeds where seeds are merged", async () => {
    const directory = join(folder, "merged");
    const { merge: _, ...merged } = loss;
    await syntheticSweep(directory, [{ errorCheck: check() }, { errorCheck: check() }], [merged]);
    for (const k of [0, 1]) await writeSecond(join(directory, `seed-${k}`), 3);
    const [built] = await buildSweepFigures(directory);
    for (const row of built!.drawing!.rows as readonly { line: string; value: number; high: number }[])
      expect(row.high).toBe(row.value);
    expect(captionOf(built!.drawing!.spec).join(" ")).not.toContain("second run");
  });
});
