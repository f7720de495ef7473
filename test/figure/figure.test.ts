import { existsSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatNumber, planLinearAxis, planLogAxis } from "../../src/figure/axis.js";
import { caption } from "../../src/figure/caption.js";
import { curvePanel, planTimeAxis } from "../../src/figure/chart.js";
import { type Curve, descentCurves, flowCurve, type Point, valuesToReach } from "../../src/figure/curves.js";
import { drawFigures } from "../../src/figure/draw.js";
import { gapFigure } from "../../src/figure/gap.js";
import { nameCurves } from "../../src/figure/key.js";
import { lossFigure } from "../../src/figure/loss.js";
import { traceCurve } from "../../src/figure/marks.js";
import { measuredFigures } from "../../src/figure/measured.js";
import { titleOf } from "../../src/figure/quantities.js";
import { captionOf, measureText, renderPng, renderSvg } from "../../src/figure/render.js";
import { THEME } from "../../src/figure/theme.js";
import { DESCENT_COLUMNS, NTK_COLUMNS, SERIES_COLUMNS } from "../../src/record/columns.js";
import { readRecord } from "../../src/record/reader.js";
import { setUpRuns } from "../experiment/runs.js";
import {
  type SyntheticOptions,
  syntheticLoss,
  syntheticRecord,
  syntheticResult,
} from "../record/synthetic.js";

const run = setUpRuns();
const STARTS = `name: starts
seed: 1
dataset: { kind: gaussian, samples: 4, inputDimension: 2, outputDimension: 1 }
model: { kind: dnn, hidden: [3], activation: { kind: tanh } }
flow: { method: dopri5, tEnd: 60 }
record: { at: linear, points: 6 }
engine: { kind: reference }
`;

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "gradflow-figure-"));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

async function finished(options: Partial<SyntheticOptions> = {}) {
  const writer = await syntheticRecord({ directory: home, ...options });
  await writer.finish(syntheticResult(home));
  return readRecord(home);
}

describe("curves", () => {
  it("are the record's rows, the start among them", async () => {
    const record = await finished();
    const flow = flowCurve(record, "loss");
    expect(flow.points.length).toBe(201);
    expect(flow.points[0]!.t).toBe(0);
    expect(flow.points.every(({ t, value }) => value === syntheticLoss(t))).toBe(true);
    const [, middle] = descentCurves(record, "parameterGap");
    const rows = Array.from(record.descent.t.keys()).filter(
      (row) => record.descent.learningRate[row] === 0.5,
    );
    expect(middle?.points).toEqual(
      rows.map((row) => ({ t: record.descent.t[row], value: record.descent.parameterGap[row] })),
    );
  });

  it("keep t = 0 on a linear time axis", async () => {
    expect(flowCurve(await finished({ logTime: false }), "loss").points[0]?.t).toBe(0);
  });

  it("end before divergence, and the axis stays near the healthy ones", async () => {
    const record = await finished();
    const flow = flowCurve(record, "loss");
    const [diverging, ...healthy] = descentCurves(record, "loss");
    expect(diverging).toMatchObject({ label: "GD η = 2.4, diverged at step 20", diverged: true });
    const rows = Array.from(record.descent.t.keys()).filter(
      (row) => record.descent.learningRate[row] === 2.4 && record.descent.step[row]! < 20,
    );
    expect(diverging?.points).toEqual([
      { t: 0, value: syntheticLoss(0) },
      ...rows.map((row) => ({ t: record.descent.t[row], value: record.descent.loss[row] })),
    ]);
    expect(healthy.every((curve) => !curve.diverged)).toBe(true);
    const reached = valuesToReach([flow, diverging!, ...healthy]);
    const largest = Math.max(
      ...[flow, ...healthy].flatMap(({ points }) => points.map((point) => point.value)),
    );
    expect(Math.max(...reached)).toBeLessThanOrEqual(100 * largest);
    expect(Math.max(...diverging!.points.map((point) => point.value))).toBeGreaterThan(100 * largest);
  });

  it("show divergence in a killed run too", async () => {
    await syntheticRecord({ directory: home });
    const [diverging] = descentCurves(await readRecord(home), "loss");
    expect(diverging?.label).toContain(", diverged at step");
  });

  it("are thinned without losing a spike", async () => {
    const writer = await syntheticRecord({ directory: home, learningRates: [], logTime: false });
    for (let step = 0; step < 80_000; step++)
      writer.descent.append({ learningRate: 0.001, step, t: step * 0.001, loss: step === 40_321 ? 9 : 0.5 });
    const [curve] = descentCurves(await readRecord(home), "loss");
    expect(curve!.points.length).toBeLessThan(4 * 561);
    expect(curve!.points.filter((point) => point.value === 9)).toEqual([{ t: 40_321 * 0.001, value: 9 }]);
    expect(curve!.points.at(-1)?.t).toBe(79_999 * 0.001);
  });
});

describe("specs", () => {
  it("hold the plotted rows and the fit, and say what ‖r‖² is", async () => {
    const drawing = lossFigure.build(await finished());
    const text = JSON.stringify(drawing?.spec);
    expect(text).toContain("fit ∝ exp(−0.06 t), R² = 0.9987");
    expect(captionOf(drawing!.spec)[1]).toContain("squared residual ‖r‖² = ‖F(θ) − y‖² = 100 L");
    const fit = drawing!.rows.filter((row) => row.curve.startsWith("fit"));
    expect(fit[0]!.t).toBeGreaterThanOrEqual(5);
    const { t, value } = fit.at(-1)!;
    const rate = Math.log(fit[0]!.value / value) / (t - fit[0]!.t);
    expect(rate).toBeCloseTo(0.06, 10);
    expect(value / syntheticLoss(t)).toBeGreaterThan(0.9);
    expect(value / syntheticLoss(t)).toBeLessThan(1.1);
  });

  it("says of a network that is no chain of layers what goes in and what comes out", async () => {
    const record = await finished();
    const problem = { ...record.manifest.problem!, inputs: 36, inputShape: [1, 6, 6] };
    const { subtitle } = caption(
      {
        ...record,
        config: { ...record.config, model: { kind: "layers", activation: { kind: "tanh" } } },
        manifest: { ...record.manifest, problem },
      },
      "",
    );
    expect(subtitle).toEqual(["layers 1×6×6 → 2", "tanh", "P = 682", "n = 50"]);
  });

  it("say what was run and how its clocks compare", async () => {
    const { title, subtitle, look, facts } = caption(await finished(), "Look here.", ["own"]);
    expect([title, look]).toEqual(["two-widths", "Look here."]);
    expect(subtitle.join(" · ")).toBe("dnn 10–20–20–2 · leaky-relu (slope 0.01) · P = 682 · n = 50");
    expect(facts.join(" · ")).toBe(
      "own · half-mean-sample loss · dopri5 · rtol 10⁻⁶ · float64 · canonical time τ = 2ct = 0.02 t · descent step k stands at t = kη",
    );
  });

  it("name fixed steps, and no tolerance that these make void", async () => {
    const record = await finished();
    const flow = { ...(record.config["flow"] as object), stepSize: 0.05 };
    const { facts } = caption({ ...record, config: { ...record.config, flow } }, "");
    expect(facts).toContain("steps of 0.05");
    expect(facts.join()).not.toContain("rtol");
  });

  it("carry one line below the title, and a caption that begins with what to look for", async () => {
    const drawing = lossFigure.build(await finished())!;
    const { subtitle } = drawing.spec.title as { subtitle: string };
    expect(subtitle).toBe("dnn 10–20–20–2 · leaky-relu (slope 0.01) · P = 682 · n = 50");
    const [look, facts] = captionOf(drawing.spec);
    expect(look).toMatch(/^A line on the grey band: descent is where the flow is/);
    expect(facts).toContain("descent step k stands at t = kη");
    const svg = await renderSvg(drawing.spec);
    // Vega draws the title; the caption is set below, in the same file.
    for (const text of [subtitle, "A line on the grey band", "time t"]) expect(svg).toContain(text);
    expect(svg).not.toContain("legend");
  });

  it("have no gap without descent", async () => {
    expect(gapFigure.build(await finished({ learningRates: [] }))).toBeNull();
  });
});

describe("axes", () => {
  it("label decades by powers, short ranges by 1-2-5, the nearly constant evenly", () => {
    expect(labels(planLogAxis([1e-8, 1]))).toContain("10⁻⁸");
    expect(labels(planLogAxis([0.02, 0.5]))).toEqual(["0.02", "0.05", "0.1", "0.2", "0.5"]);
    expect(planLogAxis([0.5, 0.501]).scale.type).toBe("linear");
    // An invariant, off by its rounding: 2⁻⁵⁰ is a few units of the last place. Twice 2⁻⁴⁶ is more than rounding, and seen.
    for (const scale of [1e-9, 1, 1e9, -1]) {
      const value = 0.4001126186515646 * scale;
      const near = [value, value * (1 + 2 ** -50)];
      for (const plan of [planLinearAxis(near), ...(scale > 0 ? [planLogAxis(near)] : [])]) {
        const [low, high] = plan.scale.domain;
        expect((high - low) / Math.abs(value)).toBeCloseTo(0.1, 9);
        expect(Math.max(...labels(plan).map((label) => label.length))).toBeLessThan(12);
      }
      const [low, high] = planLinearAxis([value, value * (1 + 2 ** -45)]).scale.domain;
      expect((high - low) / Math.abs(value)).toBeLessThan(1e-13);
    }
    expect(labels(planLinearAxis([0, 8], true))).toEqual(["0", "2", "4", "6", "8"]);
    for (const values of [[1e-300, 1e300], [1, 1], [], [0, -1], [1e-7, 1.0001e-7]]) {
      const { axis, scale } = planLogAxis(values);
      expect(axis.values.length).toBeGreaterThan(1);
      expect(axis.values.length).toBeLessThan(12);
      expect(axis.values.every((tick) => tick >= scale.domain[0] && tick <= scale.domain[1])).toBe(true);
    }
  });

  it("write numbers for people", () => {
    expect([-0.0601, 1e-6, -2.5e-9, 12345, 0, 1e7].map((value) => formatNumber(value))).toEqual([
      "−0.0601",
      "10⁻⁶",
      "−2.5×10⁻⁹",
      "12300",
      "0",
      "10⁷",
    ]);
  });

  function labels(plan: ReturnType<typeof planLogAxis>): string[] {
    const table = JSON.parse(/^\((.*)\)\[/.exec(plan.axis.labelExpr)![1]!) as Record<string, string>;
    return plan.axis.values.map((value) => table[String(value)]!);
  }
});

describe("letters", () => {
  const drawn = (text: string) =>
    renderPng(
      `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><text x="10" y="30" font-family="${THEME.font}" font-size="24">${text}</text></svg>`,
    );

  it("are drawn for every symbol in use, each different from the sign for a missing one", () => {
    const [blank, missing] = [drawn(""), drawn("\u{10FFFD}")];
    const pictures = [..."θ‖λητ²₀ₖ∝×·–−⁻⁶∇σF∞▲▼▽●"].map((symbol) =>
      Buffer.from(drawn(symbol)).toString("base64"),
    );
    expect(new Set(pictures).size).toBe(pictures.length);
    for (const picture of pictures)
      expect([blank, missing].map((png) => Buffer.from(png).toString("base64"))).not.toContain(picture);
    expect(measureText("θθ", 20)).toBeGreaterThan(measureText("θ", 20));
  });

  it("come from no font of the machine: every family draws as DejaVu Sans, and equally wide", () => {
    const svg = (family: string) =>
      `<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40"><text y="30" font-family="${family}" font-size="24">Wi</text></svg>`;
    const picture = Buffer.from(renderPng(svg("DejaVu Sans")));
    for (const family of ["Verdana", "Liberation Sans", "monospace", "serif", "nowhere"])
      expect(Buffer.from(renderPng(svg(family))).equals(picture)).toBe(true);
    expect(picture.equals(Buffer.from(renderPng(svg("DejaVu Sans").replace("Wi", ""))))).toBe(false);
  });
});

describe("drawing", () => {
  it("writes pictures with their spec and data", async () => {
    await finished();
    const pictures = await drawFigures(home);
    expect(pictures).toEqual(["figures/loss.svg", "figures/loss.png", "figures/gap.svg", "figures/gap.png"]);
    for (const picture of pictures) expect(existsSync(join(home, picture))).toBe(true);
    const spec = JSON.parse(readFileSync(join(home, "figures/loss.json"), "utf8"));
    expect(spec.title.text).toBe("two-widths");
    expect(readFileSync(join(home, "figures/loss.csv"), "utf8").split("\n")[1]).toMatch(
      /^loss,gradient flow \(GF\),0,/,
    );
    const { manifest } = await readRecord(home);
    expect(manifest.files).toContain("figures/gap.csv");
    const first = pictures.map((picture) => readFileSync(join(home, picture)));
    await drawFigures(home);
    expect(pictures.map((picture) => readFileSync(join(home, picture)))).toEqual(first);
  });

  it("shows all of its text: the ink of a title, room to the right", async () => {
    const drawing = lossFigure.build(await finished({ name: "a <name> & more" }));
    const svg = await renderSvg(drawing!.spec);
    const without = await renderSvg({ ...drawing!.spec, title: { text: "", subtitle: "" } });
    expect(Buffer.from(renderPng(svg))).not.toEqual(Buffer.from(renderPng(without)));
    expect(svg).toContain("a &lt;name&gt; &amp; more");
    // 560 of the plot, 30 for the vertical axis, and the names beside the curves.
    expect(Number(/width="(\d+)"/.exec(svg)![1])).toBeLessThan(900);
  });

  it("draws what a killed run left", async () => {
    await syntheticRecord({ directory: home });
    truncateSync(join(home, "series.csv"), 3000);
    expect((await drawFigures(home)).length).toBe(4);
    expect(readFileSync(join(home, "figures/loss.svg"), "utf8")).toContain("unfinished run");
  });

  it("draws nothing of a run killed before its first row", async () => {
    await syntheticRecord({ directory: home });
    for (const file of ["series.csv", "descent.csv", "config.resolved.json"]) rmSync(join(home, file));
    expect(await drawFigures(home)).toEqual([]);
  });

  it("survives odd numbers: one row, blanks, zeros", async () => {
    await finished({ learningRates: [] });
    const header = readFileSync(join(home, "series.csv"), "utf8").split("\n")[0] as string;
    const fill = (row: string) => row + ",".repeat(header.split(",").length - row.split(",").length);
    writeFileSync(
      join(home, "series.csv"),
      [header, ...["0,0", "1,0.02,0.5", "2,0.04,0"].map(fill), ""].join("\n"),
    );
    expect(await drawFigures(home)).toEqual(["figures/loss.svg", "figures/loss.png"]);
  });
});

it("descents start at θ₀, where the flow does, one with a single comparison before it diverged too", async () => {
  const { record } = await run(["descent.learningRates=[5, 0.5]"], {}, STARTS);
  const [diverging, steady] = descentCurves(record, "loss");
  const start = { t: 0, value: record.series.loss[0] };
  expect(diverging!.diverged).toBe(true);
  expect(diverging!.points).toHaveLength(2);
  expect(diverging!.points[0]).toEqual(start);
  expect(steady!.points[0]).toEqual(start);
  expect(steady!.points).toHaveLength(7);
  // A gap begins at 0, of which a log axis says nothing.
  expect(descentCurves(record, "parameterGap")[1]!.points).toHaveLength(6);
});

it("columns beside each other keep the descents apart by their dashes", async () => {
  const rates = [0.3, 0.25, 0.2, 0.15, 0.1];
  const set = [`descent.learningRates=[${rates}]`, "measure={norms: {}}", "flow.tEnd=1"];
  const { record } = await run(set, {}, STARTS);
  const [figure] = measuredFigures(record);
  const text = JSON.stringify(figure!.build(record)!.spec);
  const ranges = (name: string): unknown[][] =>
    [...text.matchAll(new RegExp(`"${name}":\\{[^{}]*"scale":\\{[^{}]*"range":(\\[.*?\\])\\}`, "g"))].map(
      ([, range]) => JSON.parse(range!),
    );
  const [colours, dashes] = [ranges("color"), ranges("strokeDash")];
  const several = colours.findIndex((range) => range.length > rates.length + 1);
  const looks = colours[several]!.map((colour, k) => JSON.stringify([colour, dashes[several]![k]]));
  expect(new Set(looks).size).toBe(looks.length);
});

it("a single point of a descent that diverged does not stretch the axis of the others", () => {
  const curve = (points: Point[], diverged: boolean): Curve => ({
    ...{ label: "c", colour: "#000", dash: [1, 0], width: 1, points, diverged },
  });
  const steady = curve(
    [1, 2, 3].map((t) => ({ t, value: t })),
    false,
  );
  const lone = curve([{ t: 1, value: 50 }], true);
  const two = curve(
    [
      { t: 1, value: 2 },
      { t: 2, value: 50 },
    ],
    true,
  );
  expect(valuesToReach([steady, lone])).toEqual([1, 2, 3]);
  // A line is followed up to a hundred times the others.
  expect(valuesToReach([steady, two])).toEqual([1, 2, 3, 2, 50]);
  expect(valuesToReach([steady, curve([{ t: 1, value: 2 }], true)])).toEqual([1, 2, 3, 2]);
  // Where there is nothing else the axis is its.
  expect(valuesToReach([lone])).toEqual([50]);
  const { marks } = traceCurve(lone, planLinearAxis([1, 3]), planLogAxis(valuesToReach([steady, lone])));
  expect(marks).toMatchObject([{ kind: "above", t: 1 }]);
});

describe("names stand at the ends of their curves", () => {
  const size = { width: 560, height: 330 };
  const curve = (label: string, value: number): Curve => ({
    ...{ label, colour: "#000000", dash: [1, 0], width: 2 },
    points: [0, 1].map((t) => ({ t, value })),
  });
  const namesOf = (curves: readonly Curve[]) => {
    const key = nameCurves(curves, planLinearAxis([0, 1], true), planLinearAxis([0, 10], true), size);
    const texts = key.layers
      .map(({ mark }) => mark as { type: string; text: string | string[]; x: number; y: number })
      .filter(({ type }) => type === "text");
    return { key, texts };
  };

  it("each at its height, apart by a line where they meet", () => {
    const { key, texts } = namesOf([curve("low", 1), curve("twin", 9), curve("high", 9)]);
    expect(texts.map(({ text }) => text).toSorted()).toEqual(["high", "low", "twin"]);
    const y = Object.fromEntries(texts.map((text) => [text.text as string, text.y]));
    // The axis reaches from 0 to 10: nothing moves the one that stands alone.
    expect(y["low"]).toBeCloseTo(0.9 * 330, 6);
    expect(Math.abs(y["twin"]! - y["high"]!)).toBeGreaterThanOrEqual(13);
    expect(texts.every(({ x }) => x > 560)).toBe(true);
    expect(key.bottom).toBe(0);
  });

  it("below the plot where there are too many, none of them beyond its width", () => {
    const { key, texts } = namesOf(Array.from({ length: 40 }, (_, k) => curve(`curve ${k}`, k / 4)));
    expect([texts.length, key.right]).toEqual([40, 0]);
    for (const { text, x, y } of texts) {
      expect(y).toBeGreaterThan(330);
      expect(x + measureText(text as string, 11)).toBeLessThanOrEqual(560);
    }
    expect(new Set(texts.map(({ x, y }) => `${x} ${y}`)).size).toBe(40);
  });
});

describe("a log time axis", () => {
  const log = (points: readonly Point[]): Curve => ({
    ...{ label: "c", colour: "#000", dash: [1, 0], width: 1, points },
  });
  const record = { config: { record: { at: "log" } } } as unknown as Parameters<typeof planTimeAxis>[0];
  const fall = (from: number) =>
    log([
      { t: 0, value: 1 },
      ...Array.from({ length: 101 }, (_, k) => 10 ** (-6 + (8 * k) / 100)).map((t) => ({
        ...{ t, value: 1 / (1 + (t / from) ** 2) },
      })),
    ]);

  it("leaves out most of a plateau and says so, but not a short one", () => {
    const plan = planTimeAxis(record, [fall(1)]);
    // The loss has moved by 1 % of its logarithmic range (ln 10⁴) from t ≈ 0.3 on; half a decade before it stays.
    expect(plan.reach[0]).toBeGreaterThan(0.05);
    expect(plan.reach[0]).toBeLessThan(0.3);
    expect(plan.lanes.map(({ kind }) => kind)).toEqual(["zero"]);
    const panel = curvePanel([fall(1)], plan, planLogAxis([1e-4, 1]), { title: "loss L" });
    expect(panel.facts.join(" ")).toContain(`not shown: t < ${formatNumber(plan.reach[0])}`);
    const short = planTimeAxis(record, [fall(1e-5)]);
    expect(short.reach[0]).toBeCloseTo(1e-6, 12);
  });

  it("at scales of 1e-9 and 1e9 of time too", () => {
    for (const scale of [1e-9, 1e9]) {
      const { points } = fall(1);
      const moved = log(points.map(({ t, value }) => ({ t: t * scale, value })));
      const share = planTimeAxis(record, [moved]).reach[0] / scale;
      // Rounding of products with the scale.
      expect(share / planTimeAxis(record, [fall(1)]).reach[0]).toBeCloseTo(1, 9);
    }
  });

  it("shows descents from θ₀ on: the line from t = 0 to the first step is followed over the axis", () => {
    const descent = log([
      { t: 0, value: 4 },
      { t: 1, value: 2 },
      { t: 2, value: 1 },
    ]);
    const time = planLogAxis([0, 0.01, 2], 0);
    const { view } = curvePanel([descent], time, planLogAxis([1, 4]), { title: "loss L" });
    const lines = view.layer.find(({ mark }) => (mark as { type: string }).type === "line") as {
      data: { values: { t: number; value: number }[] };
    };
    const { values } = lines.data;
    expect(values[0]!.t).toBeCloseTo(0.01, 12);
    expect(values.length).toBeGreaterThan(20);
    // Straight in t and value, to rounding.
    for (const { t, value } of values.filter(({ t: at }) => at < 1)) expect(value).toBeCloseTo(4 - 2 * t, 12);
  });
});

it("axes are titled in words with symbols, never by a dotted name", () => {
  const titles = {
    "ntk.final.lambdaMin.value": "λ_min of the tangent kernel at the end",
    "ntk.initial.lambdaMin.value": "λ_min of the tangent kernel at the start",
    "decay.rate": "fitted decay rate of ‖r‖²",
    "descent.0.loss": "loss L of descent",
    "descent.*.learningRate": "learning rate η",
    "model.hidden": "hidden widths",
    "flow.maxSteps": "max steps (flow)",
    parametersPerTarget: "parameters per target P/nM",
  };
  for (const [name, title] of Object.entries(titles)) expect(titleOf(name)).toBe(title);
  for (const name of [
    ...SERIES_COLUMNS,
    ...DESCENT_COLUMNS,
    ...NTK_COLUMNS,
    "a.b.c",
    "events.0.boundariesOfAll",
  ])
    expect(titleOf(name)).not.toMatch(/\w\.\w|[a-z][A-Z](?!\w*\))/);
});
