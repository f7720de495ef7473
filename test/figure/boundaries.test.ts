import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { boundaryFacts, firstSliding, lastTime } from "../../src/figure/boundaries.js";
import { drawFigures } from "../../src/figure/draw.js";
import { lossFigure } from "../../src/figure/loss.js";
import { layerPieces } from "../../src/figure/pieces.js";
import { rasterFigure } from "../../src/figure/raster.js";
import { crossingSteps, slidingFigure, slidingSteps } from "../../src/figure/sliding.js";
import { pieceColours } from "../../src/figure/theme.js";
import { type RecordedEvent, type RunRecord, readRecord } from "../../src/record/reader.js";
import { syntheticRecord, syntheticResult } from "../record/synthetic.js";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "gradflow-boundaries-"));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

const COLUMNS = ["t", "kind", "layer", "sample", "unit", "breakpoint", "side", "sliding"] as const;
const SAMPLES = 3;
const HIDDEN = [2, 4];

function event(t: number, kind: RecordedEvent["kind"], place: number[], rest: Partial<RecordedEvent> = {}) {
  const [layer = 1, sample = 0, unit = 0] = place;
  return { t, kind, layer, sample, unit, breakpoint: 0, side: "above", sliding: 0, ...rest } as RecordedEvent;
}

/** Layer 1, sample 1, unit 0 goes up, slides, goes down again; sample 2, unit 1 slides from the start; one entry of layer 2 crosses. */
const EVENTS: readonly RecordedEvent[] = [
  event(0, "entersSliding", [1, 2, 1], { side: "below", sliding: 1 }),
  event(1, "crossing", [1, 1, 0], { sliding: 1 }),
  event(2, "entersSliding", [1, 1, 0], { side: "above", sliding: 3 }),
  event(2, "entersSliding", [2, 0, 3], { side: "below", sliding: 3 }),
  event(3, "crossing", [2, 2, 3], { side: "below", sliding: 3 }),
  event(5, "leavesSliding", [1, 1, 0], { side: "below", sliding: 2 }),
];

/** The synthetic record with events, as an exact run of a network with hidden widths 2, 4 on three samples leaves it. */
async function watched(
  options: {
    events?: readonly RecordedEvent[];
    pieces?: Float64Array;
    layer?: number;
    finish?: boolean;
  } = {},
): Promise<RunRecord> {
  const { events = EVENTS, layer } = options;
  const writer = await syntheticRecord({ directory: home, learningRates: [], logTime: false });
  const pieces = new Float64Array(SAMPLES * 6);
  pieces[2 * 2 + 1] = 0.25;
  pieces[6 + 2 * 4 + 3] = 1;
  await writer.array("pieces0", options.pieces ?? pieces);
  const table = await writer.table("events", COLUMNS);
  for (const row of events) table.append({ ...row });
  if (options.finish !== false) {
    const summary = { crossings: 3, ambiguous: 2, unsettled: 0, timeSliding: 80 };
    await writer.finish({ ...syntheticResult(home), boundaries: "exact", ...{ events: summary } } as never);
  }
  const record = await readRecord(home);
  const settings = layer === undefined ? { at: "linear" } : { at: "linear", layer };
  return {
    ...record,
    config: { ...record.config, model: { kind: "dnn", hidden: HIDDEN }, record: settings },
  };
}

describe("pieces over time", () => {
  it("follow from the pieces at the start and the events", async () => {
    const { entries, width } = layerPieces(await watched())!;
    expect([entries.length, width]).toEqual([6, 2]);
    const statesOf = (sample: number, unit: number) =>
      entries
        .find((entry) => entry.sample === sample && entry.unit === unit)!
        .states.map(({ from, piece, slides }) => [from, slides ? `${piece}~` : piece]);
    expect(statesOf(1, 0)).toEqual([
      [0, 0],
      [1, 1],
      [2, "0~"],
      [5, 0],
    ]);
    expect(statesOf(2, 1)).toEqual([[0, "0~"]]); // told twice, by pieces0 and by its event
    expect(statesOf(0, 0)).toEqual([[0, 0]]);
  });

  it("are those of the layer that record.layer names", async () => {
    const { entries, layer } = layerPieces(await watched({ layer: 2 }))!;
    expect(layer).toBe(2);
    const changing = entries.filter((entry) => entry.states.length > 1);
    expect(
      changing.map(({ sample, unit, states }) => [sample, unit, states.map(({ piece }) => piece)]),
    ).toEqual([
      [0, 3, [0, 0]],
      [2, 3, [1, 0]],
    ]);
  });

  it("follow breakpoints beyond the first, and several changes at one instant", async () => {
    const record = await watched({
      events: [
        event(1, "crossing", [1, 0, 0]),
        event(1, "crossing", [1, 0, 0], { breakpoint: 1 }),
        event(4, "entersSliding", [1, 0, 0], { breakpoint: 1, sliding: 1 }),
        event(6, "leavesSliding", [1, 0, 0], { breakpoint: 1, side: "below" }),
      ],
    });
    expect(layerPieces(record)!.entries[0]!.states).toEqual([
      { from: 0, piece: 0, slides: false },
      { from: 1, piece: 2, slides: false },
      { from: 4, piece: 1, slides: true },
      { from: 6, piece: 1, slides: false },
    ]);
    const states = rasterFigure.build(record)!.rows.map((bar) => bar.state);
    expect(states.slice(0, 4)).toEqual(["lowest piece", "highest piece", "sliding", "piece 1"]);
  });

  it("are unknown without events, without pieces, and for a layer there is not", async () => {
    const record = await watched();
    expect(layerPieces({ ...record, events: null })).toBeNull();
    expect(layerPieces({ ...record, pieces0: null })).toBeNull();
    expect(layerPieces({ ...record, config: { ...record.config, record: { layer: 3 } } })).toBeNull();
    expect(layerPieces({ ...record, config: {} })).toBeNull();
  });
});

describe("the sliding figure", () => {
  it("steps through what slides and what has crossed", async () => {
    const record = await watched();
    const end = lastTime(record);
    expect(end).toBe(80);
    expect(slidingSteps(record, end).map(({ t, value }) => [t, value])).toEqual([
      [0, 1],
      [2, 3],
      [5, 2],
      [80, 2],
    ]);
    expect(crossingSteps(record, end).map(({ t, value }) => [t, value])).toEqual([
      [0, 0],
      [1, 1],
      [3, 2],
      [80, 2],
    ]);
    const { rows } = slidingFigure.build(record)!;
    expect(rows.filter((row) => row.panel === "sliding").length).toBe(4);
    const rate = rows.filter((row) => row.curve === "crossings per unit of t");
    expect(rate.reduce((sum, row) => sum + row.value * (80 / rate.length), 0)).toBeCloseTo(2, 12);
  });

  it("says what was used and what it found", async () => {
    const record = await watched();
    expect(firstSliding(record)).toBe(0);
    expect(boundaryFacts(record)).toEqual([
      "boundaries exact",
      "2 crossings",
      "3 into and 1 out of sliding",
      "at most 3 sliding at once",
      "some entry slides 100 % of the time",
      "repelling boundaries reached at 2 instants: the solution is not unique",
    ]);
    expect(JSON.stringify(slidingFigure.build(record)!.spec)).toContain("first sliding, t = 0");
  });

  it("has no panel of slides where only crossings were watched", async () => {
    const record = await watched({ events: [event(1, "crossing", [1, 0, 0])], pieces: new Float64Array(18) });
    const detected = {
      ...record,
      result: { ...record.result!, boundaries: "detect", events: { chattering: 4 } },
    };
    const { rows, spec } = slidingFigure.build(detected as RunRecord)!;
    expect(new Set(rows.map((row) => row.panel))).toEqual(new Set(["crossings", "rate"]));
    expect(JSON.stringify(spec)).toContain("entries that chatter: 4");
  });

  it("is not drawn without events", async () => {
    const record = await watched({ events: [] });
    expect(slidingFigure.build(record)).toBeNull();
    expect(slidingFigure.build({ ...record, events: null })).toBeNull();
    expect(rasterFigure.build({ ...record, events: null })).toBeNull();
  });
});

describe("the time axis of sliding and raster is that of the loss", () => {
  type View = { data?: { values: Record<string, number>[] }; encoding?: Record<string, unknown> };
  /** The scale of the time in a spec, the same wherever it stands. */
  const scaleOf = (spec: unknown) => {
    const found = new Set<string>();
    JSON.stringify(spec, (key, value) => {
      if (key === "x" && value?.scale?.domain) found.add(JSON.stringify(value.scale));
      return value;
    });
    expect(found.size).toBe(1);
    return JSON.parse([...found][0]!) as { type: string; domain: [number, number] };
  };
  const withFigure = async (figure: object, at = "linear", options: Parameters<typeof watched>[0] = {}) => {
    const record = await watched(options);
    return { ...record, config: { ...record.config, figure, record: { at } } } as RunRecord;
  };

  it.each([
    ["as it is", {}, "linear"],
    ["log by record.at", {}, "log"],
    ["log by xScale", { xScale: "log" }, "linear"],
    ["linear by xScale", { xScale: "linear" }, "log"],
    ["from and to", { from: 2.5, to: 40 }, "linear"],
    ["from and to, log", { from: 0.5, to: 4, xScale: "log" }, "linear"],
  ])("%s", async (_, figure, at) => {
    const record = await withFigure(figure, at);
    const expected = scaleOf(lossFigure.build(record)!.spec);
    expect(scaleOf(slidingFigure.build(record)!.spec)).toEqual(expected);
    const raster = rasterFigure.build(record)!;
    expect(scaleOf(raster.spec)).toEqual(expected);
    // Every bar lies on the axis, and the bars of an entry cover it.
    const bars = (raster.spec as View).data!.values;
    for (const row of new Set(bars.map((bar) => bar["row"]))) {
      const own = bars.filter((bar) => bar["row"] === row);
      expect([own[0]!["from"], own.at(-1)!["to"]]).toEqual(expected.domain);
    }
  });

  it("steps begin at an end of the axis with what held before", async () => {
    const { rows, spec } = slidingFigure.build(await withFigure({ from: 2.5, to: 40 }))!;
    const of = (panel: string) => rows.filter((row) => row.panel === panel).map(({ t, value }) => [t, value]);
    expect(of("sliding")).toEqual([
      [2.5, 3],
      [5, 2],
      [40, 2],
    ]);
    expect(of("crossings")).toEqual([
      [2.5, 1],
      [3, 2],
      [40, 2],
    ]);
    expect(JSON.stringify(spec)).toContain("not shown: t < 2.5 and t > 40");
    expect(JSON.stringify(spec)).not.toContain("first sliding");
  });

  it("crossings of many decades are told apart, and counted per decade", async () => {
    const events = [1e-3, 1e-2, 0.1, 1, 10].map((t, k) =>
      event(t, "crossing", [1, 0, 0], { side: k % 2 === 0 ? "above" : "below" }),
    );
    const options = { events, pieces: new Float64Array(18) };
    const record = await withFigure({ xScale: "log" }, "log", options);
    const { rows, spec } = slidingFigure.build(record)!;
    const rate = rows.filter((row) => row.curve === "crossings per decade of t");
    const [from, to] = scaleOf(spec).domain.map(Math.log10) as [number, number];
    expect(rate.filter((row) => row.value > 0).length).toBe(5);
    // Each bin is a fortieth of the axis without the lane of t = 0.
    const reach = to - Math.log10(rate[0]!.t);
    expect(from).toBeLessThan(Math.log10(rate[0]!.t));
    expect(rate.reduce((sum, row) => sum + (row.value * reach) / rate.length, 0)).toBeCloseTo(5, 9);
    const bars = rasterFigure.build(record)!.rows.filter((bar) => bar.row === 0);
    expect(bars.map((bar) => bar.from)).toEqual([0, 1e-3, 1e-2, 0.1, 1, 10]);
  });

  it("a flicker of one early decade is chatter there alone on a log axis", async () => {
    const events = Array.from({ length: 1000 }, (_, k) =>
      event(1e-3 * 10 ** (k / 999), "crossing", [1, 0, 0], { side: k % 2 === 0 ? "above" : "below" }),
    );
    const options = { events, pieces: new Float64Array(18) };
    const record = await withFigure({ xScale: "log" }, "log", options);
    const bars = rasterFigure.build(record)!.rows.filter((bar) => bar.row === 0);
    const chatter = bars.filter((bar) => bar.state === "chatter");
    expect(chatter[0]!.from).toBeLessThan(1.1e-3);
    expect(chatter.at(-1)!.to / 1e-2).toBeCloseTo(1, 1);
  });
});

describe("the raster", () => {
  it("covers all of the time with the bars of every entry", async () => {
    const { rows, spec } = rasterFigure.build(await watched())!;
    for (let row = 0; row < 6; row++) {
      const bars = rows.filter((bar) => bar.row === row);
      expect([bars[0]!.from, bars.at(-1)!.to]).toEqual([0, 80]);
      bars.slice(1).forEach((bar, k) => {
        expect(bar.from).toBe(bars[k]!.to);
      });
    }
    expect(rows.find((bar) => bar.from === 2)).toEqual({
      row: 2,
      layer: 1,
      sample: 1,
      unit: 0,
      from: 2,
      to: 5,
      state: "sliding",
    });
    expect(JSON.stringify(spec)).toContain("layer 1: 1 of 6 entries change piece or slide");
  });

  it("shows of a large layer only what changes, the most active first", async () => {
    const events = [
      event(1, "crossing", [1, 9, 1]),
      event(2, "crossing", [1, 250, 0]),
      event(3, "crossing", [1, 250, 0], { side: "below" }),
    ];
    const record = await watched({ events, pieces: new Float64Array(6 * 300) });
    const { rows, spec } = rasterFigure.build(record)!;
    expect(rows.map(({ row, sample, from }) => [row, sample, from])).toEqual([
      [0, 250, 0],
      [0, 250, 2],
      [0, 250, 3],
      [1, 9, 0],
      [1, 9, 1],
    ]);
    expect(JSON.stringify(spec)).toContain("only these are shown, most active first");
  });

  it("says so where no entry of the layer changes", async () => {
    for (const pieces of [new Float64Array(18), new Float64Array(6 * 300)]) {
      rmSync(home, { recursive: true, force: true });
      const drawing = rasterFigure.build(await watched({ events: [], pieces }))!;
      expect(JSON.stringify(drawing.spec)).toContain("layer 1: no entry changes its piece");
      expect(drawing.rows.length).toBe(Math.min(400, pieces.length / 3));
    }
  });

  it("draws ten thousand flips of an entry as chatter, in few bars, without losing what lasts", async () => {
    const flips = Array.from({ length: 10_000 }, (_, k) =>
      event(20 + k * 1e-3, "crossing", [1, 0, 0], { side: k % 2 === 0 ? "above" : "below" }),
    );
    const { rows } = rasterFigure.build(await watched({ events: flips, pieces: new Float64Array(18) }))!;
    const bars = rows.filter((bar) => bar.row === 0);
    expect(bars.map((bar) => bar.state)).toEqual(["piece below", "chatter", "piece below"]);
    expect(bars[1]!.from).toBeCloseTo(20, 0);
    expect(bars[1]!.to).toBeCloseTo(30, 0);
  });

  it("has colours whose lightness falls from piece to piece", () => {
    const lightness = (colour: string) => Number.parseInt(colour.slice(3, 5), 16); // green dominates
    for (const count of [2, 3, 5]) {
      const values = pieceColours(count).map(lightness);
      expect(values).toEqual([...values].sort((p, q) => q - p));
      expect(new Set(values).size).toBe(count);
    }
  });
});

describe("drawing", () => {
  it("leaves both figures beside their data, of a killed run too", async () => {
    await watched({ finish: false, pieces: new Float64Array(50 * 40) }); // the recorded config: two layers of 20
    truncateSync(join(home, "events.csv"), statSync(join(home, "events.csv")).size - 3);
    expect((await readRecord(home)).events?.length).toBe(EVENTS.length - 1);
    const pictures = await drawFigures(home);
    expect(pictures.filter((name) => name.endsWith(".png"))).toEqual([
      "figures/loss.png",
      "figures/sliding.png",
      "figures/raster.png",
    ]);
    expect(readFileSync(join(home, "figures/raster.csv"), "utf8").split("\n").slice(0, 2)).toEqual([
      "row,layer,sample,unit,from,to,state",
      "0,1,1,0,0,1,piece below",
    ]);
    expect(readFileSync(join(home, "figures/raster.svg"), "utf8")).toContain("unfinished run");
  });

  it("gives equal bytes twice", async () => {
    await watched();
    const bytes = async () => (await drawFigures(home)).map((name) => readFileSync(join(home, name)));
    expect(await bytes()).toEqual(await bytes());
  });
});
