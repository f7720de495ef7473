/** Any columns of any records in one picture, PDF, and the figure section of a study. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { runCommandLine } from "../../src/cli/program.js";
import { hashConfig } from "../../src/config/hash.js";
import { loadConfig } from "../../src/config/load.js";
import { runExperiment } from "../../src/experiment/run.js";
import { type ColumnsRequest, drawColumns } from "../../src/figure/columns.js";
import { drawFigures } from "../../src/figure/draw.js";
import { lossFigure } from "../../src/figure/loss.js";
import { renderPdf } from "../../src/figure/pdf.js";
import { captionOf, renderSvg } from "../../src/figure/render.js";
import { readRecord } from "../../src/record/reader.js";
import { syntheticLoss, syntheticRecord, syntheticResult } from "../record/synthetic.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-columns-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

async function record(name: string, more: object = {}): Promise<string> {
  const directory = join(folder, name);
  const writer = await syntheticRecord({ directory, ...more });
  await writer.finish(syntheticResult(directory));
  return directory;
}
const [first, second] = [await record("first"), await record("second", { learningRates: [], name: "other" })];

const draw = (request: Partial<ColumnsRequest>) =>
  drawColumns({ directories: [first, second], x: "t", y: ["loss"], ...request });

describe("columns", () => {
  test("are the rows of the tables, of every record, the descents from θ₀ on", async () => {
    const { rows, notes } = await draw({});
    expect(notes).toEqual([]);
    const flow = rows.filter(({ curve }) => curve === "first");
    expect(flow.length).toBe(201);
    for (const { t, value } of flow) expect(value).toBe(syntheticLoss(t));
    expect(new Set(rows.map(({ curve }) => curve))).toEqual(
      new Set(["first", "first, GD η = 2.4", "first, GD η = 0.5", "first, GD η = 0.05", "second"]),
    );
    const descent = rows.filter(({ curve }) => curve === "first, GD η = 0.5");
    expect(descent[0]).toMatchObject({ t: 0, value: syntheticLoss(0) });
  });

  test("against another column than time, in panels, titled in words", async () => {
    const { spec, rows } = await draw({ x: "canonicalTime", y: ["loss", "residualNorm"], title: "both" });
    const { panels } = spec.usermeta as { panels: { x: { title: string }; y: { title: string } }[] };
    expect(panels.map(({ x, y }) => [x.title, y.title])).toEqual([
      ["canonical time τ = 2ct", "loss L"],
      ["canonical time τ = 2ct", "residual ‖r‖"],
    ]);
    // c = 1/100 of 50 samples: τ = 0.02 t, of descents too, whose table has no such column.
    const end = Math.max(...rows.filter(({ curve }) => curve.includes("GD η = 0.5")).map(({ t }) => t));
    const { descent } = await readRecord(first);
    expect(end).toBeCloseTo(
      0.02 * Math.max(...descent.t.filter((_, k) => descent.learningRate[k] === 0.5)),
      12,
    );
    expect(await renderSvg(spec)).toContain(">both<");
  });

  test("that a record lacks are named, and those that all lack are refused with what there is", async () => {
    const { notes, spec } = await draw({ y: ["parameterGap"] });
    expect(notes).toEqual([`${second}: has no parameterGap against t.`]);
    expect(captionOf(spec).join(" ")).toContain(notes[0]!);
    await expect(draw({ y: ["los"] })).rejects.toThrow(
      /--y: no table of any of 2 records has both los and t; .*loss/,
    );
    await expect(draw({ x: "tt" })).rejects.toThrow(
      /--x: no table of any of 2 records has a column tt; there are t, /,
    );
    await expect(draw({ directories: [folder] })).rejects.toThrow("is not a record");
  });

  test("are shown from and to where asked, and the caption says what is not", async () => {
    const { spec } = await draw({ from: 1, to: 50, xScale: "linear" });
    expect(captionOf(spec).join(" ")).toContain("not shown: t < 1 and t > 50");
    const { panels } = spec.usermeta as { panels: { x: { domain: number[] } }[] };
    expect(panels[0]!.x.domain).toEqual([1, 50]);
  });
});

test("gradflow figure --y writes files of its own, and replaces none unasked", async () => {
  const stem = join(folder, "picture");
  const words = ["figure", first, second, "--y", "loss", "--pdf", "--out", stem];
  expect(await runCommandLine(words)).toBe(0);
  for (const ending of ["svg", "png", "pdf", "json", "csv"])
    expect((await readFile(`${stem}.${ending}`)).length).toBeGreaterThan(500);
  const before = await readFile(`${stem}.svg`);
  expect(await runCommandLine(words)).toBe(2);
  expect(await readFile(`${stem}.svg`)).toEqual(before);
  expect(await runCommandLine([...words, "--force"])).toBe(0);
  for (const wrong of [
    ["figure", first, second],
    ["figure", first, "--x", "t"],
    ["figure", first, "--y", "loss", "--from", "2", "--to", "1"],
    ["figure", first, "--y", "loss", "--out", join(folder, "nowhere/a")],
  ])
    expect(await runCommandLine(wrong)).toBe(2);
});

describe("a PDF", () => {
  test("has the letters of the picture embedded, and equal bytes for equal pictures", async () => {
    const svg = await renderSvg(lossFigure.build(await readRecord(first))!.spec);
    const [pdf, again] = [await renderPdf(svg), await renderPdf(svg)];
    expect(Buffer.from(pdf).equals(Buffer.from(again))).toBe(true);
    const text = Buffer.from(pdf).toString("latin1");
    expect(text.startsWith("%PDF-")).toBe(true);
    expect(text).toContain("/FontFile2");
    const [, width] = /width="(\d+)"/.exec(svg)!;
    // 72 points are 96 units.
    expect(text).toContain(`/MediaBox [0 0 ${0.75 * Number(width)}`);
  });

  test("is drawn of every figure where asked", async () => {
    expect(await drawFigures(first, { pdf: true })).toEqual(
      ["loss", "gap"].flatMap((name) => ["svg", "png", "pdf"].map((ending) => `figures/${name}.${ending}`)),
    );
    expect((await readRecord(first)).manifest.files).toContain("figures/gap.pdf");
  });
});

describe("the figure section", () => {
  const STUDY = `name: looks
dataset: { kind: gaussian, samples: 4, inputDimension: 2, outputDimension: 1 }
model: { kind: dnn, hidden: [3], activation: { kind: tanh } }
flow: { tEnd: 5 }
record: { at: linear, points: 6 }
engine: { kind: reference }
`;

  const load = async (more: string) => {
    const file = join(folder, "study.yaml");
    await writeFile(file, `${STUDY}${more}\n`);
    return loadConfig(file);
  };

  test("changes no hash, and is checked", async () => {
    const plain = await load("");
    const looks = await load("figure: { width: 300, title: Mine }");
    expect((await hashConfig(looks.config, folder)).hash).toBe((await hashConfig(plain.config, folder)).hash);
    for (const [more, complaint] of [
      ["figure: { widht: 3 }", "did you mean width"],
      ["figure: { from: 3, to: 2 }", "figure.to: must be greater than figure.from = 3, got 2"],
      ["figure: { width: 1 }", "figure.width"],
    ] as const)
      await expect(load(more)).rejects.toThrow(complaint);
  });

  test("of a study that is done has its figures drawn anew, and the record says so", async () => {
    const options = { directory: join(folder, "looks"), command: ["test"], reuse: true };
    const said: string[] = [];
    const done = await runExperiment(await load(""), options);
    await runExperiment(await load("figure: { title: Mine, pdf: true }"), {
      ...options,
      onMessage: (line) => said.push(line),
    });
    expect(said.join(" ")).toContain("drawn anew");
    const { config, manifest, result } = await readRecord(options.directory);
    expect(config["figure"]).toEqual({ title: "Mine", pdf: true });
    expect(manifest.files).toContain("figures/loss.pdf");
    expect(await readFile(join(options.directory, "figures/loss.svg"), "utf8")).toContain(">Mine<");
    // Nothing was computed again.
    expect(result!.wallSeconds).toBe(done.wallSeconds);
    const quiet: string[] = [];
    await runExperiment(await load("figure: { title: Mine, pdf: true }"), {
      ...options,
      onMessage: (line) => quiet.push(line),
    });
    expect(quiet.join(" ")).not.toContain("drawn anew");
  });

  test("says size, scales, times and title of a picture", async () => {
    const found = await readRecord(first);
    const figure = {
      width: 300,
      height: 200,
      xScale: "linear",
      yScale: "linear",
      from: 10,
      to: 20,
      title: "Mine",
    };
    const { spec } = lossFigure.build({ ...found, config: { ...found.config, figure } })!;
    expect(spec).toMatchObject({ width: 300, height: 200, title: { text: "Mine" } });
    const { panels } = spec.usermeta as { panels: { x: object; y: object }[] };
    expect(panels[0]).toMatchObject({ x: { type: "linear", domain: [10, 20] }, y: { type: "linear" } });
  });
});
