/** The raster of activation pieces: one row per pre-activation entry of a layer, its colour the piece it is on or that it slides. */
import type { RunRecord } from "../record/reader.js";
import { type AxisPlan, between, planLinearAxis } from "./axis.js";
import { boundaryFacts, cutEvents, edgeAt, lastTime, planEventTime } from "./boundaries.js";
import { caption } from "./caption.js";
import { type Figure, legendColumns, sheet, timeChannel } from "./chart.js";
import { type Entry, type Layer, layerPieces } from "./pieces.js";
import { settingsOf } from "./settings.js";
import { CHATTER_COLOUR, PLOT_WIDTH, pieceColours, SLIDING_COLOUR } from "./theme.js";

/** Rows beyond this are thinner than print shows. */
const MAX_ROWS = 400;
/** A row with more bars than this is drawn by columns: what lasts longest in each, or chatter. */
const MAX_BARS = 100;
const COLUMNS = PLOT_WIDTH / 2;
/** Changes within one column from which on the column shows chatter: out and back. */
const CHATTER_CHANGES = 2;

/** Room of a square in the legend, with its padding. */
const LEGEND_SQUARE = 33;
/** Of the plot at most, unless rows would be thinner than one unit. */
const HEIGHT = 420;
/** Of few rows together, and of one among more. */
const MIN_HEIGHT = 180;
const MAX_ROW_HEIGHT = 14;
/** Up to this many rows are labelled one by one. */
const MAX_LABELS = 40;

const SLIDING = "sliding";
const CHATTER = "chatter";

/** A bar: an entry in one state. `row` counts from 0 at the top. */
type Bar = {
  readonly row: number;
  readonly layer: number;
  readonly sample: number;
  readonly unit: number;
  readonly from: number;
  readonly to: number;
  readonly state: string;
};

export const rasterFigure: Figure<Bar> = {
  name: "raster",
  build(record) {
    const layer = layerPieces(record);
    const end = lastTime(record);
    if (layer === null || layer.entries.length === 0 || end <= 0) return null;
    const { shown, facts, axis } = chooseRows(layer);
    const names = pieceNames(record);
    const time = planEventTime(record);
    const rows = shown.flatMap((entry, row) =>
      barsOf(entry, end, names, time).map(
        (bar): Bar => ({ row, layer: layer.layer, sample: entry.sample, unit: entry.unit, ...bar }),
      ),
    );
    const colours = pieceColours(names.length);
    const legend = [
      ...names.map((state, k) => ({ state, colour: colours[k]! })),
      ...[
        { state: SLIDING, colour: SLIDING_COLOUR },
        { state: CHATTER, colour: CHATTER_COLOUR },
      ].filter(({ state }) => rows.some((bar) => bar.state === state)),
    ];
    const fitting = Math.max(1, Math.floor((2 * HEIGHT) / shown.length) / 2); // whole pixels of the PNG
    const rowHeight = Math.min(fitting, Math.max(MAX_ROW_HEIGHT, MIN_HEIGHT / shown.length));
    const gap = rowHeight >= 4 ? 1 / rowHeight : 0;
    const x = timeChannel(time);
    const { width } = settingsOf(record.config);
    const words = caption(
      record,
      "Each row is one pre-activation entry, its colour the piece it is on. A row that changes colour has crossed a boundary; one that slides is held on it.",
      [...facts, ...cutEvents(record, time), ...boundaryFacts(record, layer.layer)],
    );
    return {
      rows,
      spec: sheet(words, [], {
        width,
        height: rowHeight * shown.length,
        data: {
          values: rows.map((bar) => ({
            ...bar,
            ...{ from: edgeAt(time, bar.from), to: edgeAt(time, bar.to), below: bar.row + 1 - gap },
          })),
        },
        mark: { type: "rect" as const, clip: true, stroke: null },
        encoding: {
          x: { ...x, field: "from", axis: { ...x.axis, grid: false } },
          x2: { field: "to" },
          y: {
            field: "row",
            type: "quantitative" as const,
            scale: { domain: [shown.length, 0], nice: false, zero: false },
            axis: { ...axis, grid: false },
          },
          y2: { field: "below" },
          color: {
            field: "state",
            type: "nominal" as const,
            scale: { domain: legend.map(({ state }) => state), range: legend.map(({ colour }) => colour) },
            sort: null,
            legend: {
              title: null,
              symbolType: "square",
              symbolSize: 130,
              symbolStrokeWidth: 0.8,
              columns: legendColumns(
                legend.map(({ state }) => state),
                LEGEND_SQUARE,
              ),
            },
          },
        },
      }),
    };
  },
};

/** All entries in their order where they fit, else those that change, the most active first, of equals the earliest. */
function chooseRows({ layer, width, entries }: Layer) {
  const changing = entries.filter((entry) => entry.states.length > 1);
  const total = entries.length;
  const counted =
    changing.length === 0
      ? `layer ${layer}: no entry changes its piece`
      : `layer ${layer}: ${changing.length} of ${total} entries change piece or slide`;
  if (total <= MAX_ROWS || changing.length === 0) {
    const shown = entries.slice(0, MAX_ROWS);
    const cut = shown.length < total ? [`the first ${MAX_ROWS} of ${total} are shown`] : [];
    return { shown, facts: [counted, ...cut], axis: sampleAxis(shown, layer, width) };
  }
  const shown = [...changing]
    .sort((p, q) => q.states.length - p.states.length || p.states[1]!.from - q.states[1]!.from)
    .slice(0, MAX_ROWS);
  const which = shown.length < changing.length ? `the ${MAX_ROWS} most active are` : "only these are";
  return {
    shown,
    facts: [counted, `${which} shown, most active first`],
    axis: {
      ...planLinearAxis([0, shown.length], true).axis,
      title: [`entries of layer ${layer}`, "by activity"],
    },
  };
}

/** Few rows are labelled one by one, many where a sample begins. */
function sampleAxis(shown: readonly Entry[], layer: number, width: number) {
  const each = shown.length <= MAX_LABELS;
  const samples = Math.ceil(shown.length / width);
  const stride = Math.ceil(samples / 10);
  const labels = each
    ? shown.map(({ sample, unit }, row) => [row + 0.5, `${sample} · ${unit}`] as const)
    : Array.from(
        { length: Math.ceil(samples / stride) },
        (_, k) => [k * stride * width, `${k * stride}`] as const,
      );
  return {
    values: labels.map(([row]) => row),
    labelExpr: `(${JSON.stringify(Object.fromEntries(labels))})[toString(datum.value)]`,
    ticks: !each,
    title: [`entries of layer ${layer}`, each ? "sample · unit" : `by sample (${width} each)`],
  };
}

/** Lowest piece first. The activation's own number of pieces is not in the record: those above the highest seen go unnamed. */
function pieceNames(record: RunRecord): string[] {
  const atStart = Array.from(record.pieces0 ?? []).reduce((top, piece) => Math.max(top, Math.ceil(piece)), 1);
  const highest = (record.events ?? []).reduce((top, event) => Math.max(top, event.breakpoint + 1), atStart);
  if (highest === 1) return ["piece below", "piece above"];
  return Array.from({ length: highest + 1 }, (_, k) => {
    if (k === 0) return "lowest piece";
    return k === highest ? "highest piece" : `piece ${k}`;
  });
}

type Stretch = Pick<Bar, "from" | "to" | "state">;

/** The states of an entry as bars up to `end`, as far as the axis shows them. */
function barsOf({ states }: Entry, end: number, names: readonly string[], time: AxisPlan): Stretch[] {
  const bars = states
    .map(({ from, piece, slides }, k) => ({
      from,
      to: states[k + 1]?.from ?? end,
      state: slides ? SLIDING : names[piece]!,
    }))
    .filter(({ from, to }) => edgeAt(time, to) > edgeAt(time, from));
  return bars.length <= MAX_BARS ? bars : byColumns(bars, time);
}

/** Too many bars to tell apart: each column of the axis shows the state that lasts longest in it, or chatter. */
function byColumns(bars: readonly Stretch[], time: AxisPlan): Stretch[] {
  const columns: Stretch[] = [];
  const { at } = between(time, ...time.reach);
  const end = Math.min(time.reach[1], bars.at(-1)!.to);
  const edge = (column: number) => (column === 0 ? Math.min(bars[0]!.from, at(0)) : at(column / COLUMNS));
  for (let column = 0, first = 0; column < COLUMNS && edge(column) < end; column++) {
    const [from, to] = [edge(column), column === COLUMNS - 1 ? end : Math.min(edge(column + 1), end)];
    while (bars[first] !== undefined && bars[first]!.to <= from) first++;
    const shares = new Map<string, number>();
    let k = first;
    for (; bars[k] !== undefined && bars[k]!.from < to; k++) {
      const { state, ...bar } = bars[k]!;
      shares.set(state, (shares.get(state) ?? 0) + Math.min(to, bar.to) - Math.max(from, bar.from));
    }
    const [longest] = [...shares].sort(([, p], [, q]) => q - p)[0] ?? [CHATTER];
    const state = k - first > CHATTER_CHANGES ? CHATTER : longest;
    const last = columns[columns.length - 1];
    if (last?.state === state) columns[columns.length - 1] = { ...last, to };
    else columns.push({ from, to, state });
  }
  return columns;
}
