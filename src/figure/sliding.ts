/** Sliding and crossings over time: how many entries are held on a boundary, and how the crossings of boundaries add up. */
import type { RunRecord } from "../record/reader.js";
import { type AxisPlan, formatNumber, planLinearAxis } from "./axis.js";
import { boundaryFacts, firstSliding, lastTime, treatment } from "./boundaries.js";
import { caption } from "./caption.js";
import { type Figure, type PlottedRow, timeChannel, valueChannel } from "./chart.js";
import { type Point, thin } from "./curves.js";
import { slidingAtStart } from "./pieces.js";
import {
  LEGEND_SIZE,
  PLOT_HEIGHT,
  PLOT_WIDTH,
  RATE_COLOUR,
  SLIDING_COLOUR,
  STEP_COLOUR,
  THEME,
} from "./theme.js";

/** Bins of the crossing rate: wide enough to be seen, narrow enough to show bursts. */
const BINS = 40;

export const slidingFigure: Figure = {
  name: "sliding",
  build(record) {
    const { events } = record;
    if (events === null || events.length === 0) return null;
    const end = lastTime(record);
    const plan = planLinearAxis([0, end], true);
    const first = firstSliding(record);
    const panels = [
      ...(first === null ? [] : [slidingPanel(slidingSteps(record, end), plan, first)]),
      crossingPanel(crossingSteps(record, end), crossingRate(record, end), plan, first, treatment(record)),
    ];
    const height = panels.length === 1 ? PLOT_HEIGHT : PLOT_HEIGHT / 2 + 20;
    return {
      rows: panels.flatMap((panel) => panel.rows),
      spec: {
        $schema: "https://vega.github.io/schema/vega-lite/v6.json",
        title: caption(record, boundaryFacts(record)),
        config: THEME,
        spacing: 18,
        bounds: "flush" as const,
        vconcat: panels.map(({ layer, resolve }) => ({ width: PLOT_WIDTH, height, layer, resolve })),
      },
    };
  },
};

/** Entries sliding just after each instant, from 0 to the end. */
export function slidingSteps(record: RunRecord, end: number): Point[] {
  const changes = (record.events ?? []).map(({ t, sliding }) => ({ t, value: sliding }));
  return steps(slidingAtStart(record.pieces0), changes, end);
}

/** Crossings so far, from 0 to the end. */
export function crossingSteps(record: RunRecord, end: number): Point[] {
  const crossings = (record.events ?? []).filter((event) => event.kind === "crossing");
  return steps(
    0,
    crossings.map(({ t }, k) => ({ t, value: k + 1 })),
    end,
  );
}

/** A step function as its values from each change on; of changes at one instant the last one counts. */
function steps(start: number, changes: readonly Point[], end: number): Point[] {
  const points: Point[] = [{ t: 0, value: start }];
  for (const change of changes) {
    const last = points[points.length - 1]!;
    if (change.t === last.t) points.pop();
    else if (change.value === last.value) continue;
    points.push(change);
  }
  const last = points[points.length - 1]!;
  if (last.t < end) points.push({ t: end, value: last.value });
  return points;
}

/** Crossings per unit of time in equal bins; `t` is a bin's start. */
function crossingRate(record: RunRecord, end: number): Point[] {
  const counts = new Array<number>(BINS).fill(0);
  for (const { t, kind } of record.events ?? [])
    if (kind === "crossing") counts[Math.min(BINS - 1, Math.floor((BINS * t) / end))]! += 1;
  return counts.map((count, bin) => ({ t: (end * bin) / BINS, value: (count * BINS) / end }));
}

function slidingPanel(points: readonly Point[], plan: AxisPlan, first: number) {
  const rows = rowsOf("sliding", "sliding entries", points);
  const y = planLinearAxis(withHeadroom(points), true);
  const x = timeChannel(plan, false);
  const encoding = { x, y: valueChannel(y, "entries sliding") };
  return {
    rows,
    layer: [
      {
        data: { values: rows },
        mark: {
          type: "area" as const,
          interpolate: "step-after" as const,
          color: SLIDING_COLOUR,
          opacity: 0.18,
        },
        encoding,
      },
      { data: { values: rows }, mark: stepLine(SLIDING_COLOUR), encoding },
      ...firstMark(first, plan, x, true),
    ],
    resolve: {},
  };
}

function crossingPanel(
  points: readonly Point[],
  rate: readonly Point[],
  plan: AxisPlan,
  first: number | null,
  used: string,
) {
  const rows = rowsOf("crossings", "crossings so far", points);
  const bins = rowsOf("crossings", "crossings per unit of time", rate);
  const width = (rate[1]?.t ?? 0) - (rate[0]?.t ?? 0);
  const x = timeChannel(plan);
  const right = valueChannel(planLinearAxis([0, 2 * most(rate)], true), [
    "crossings per unit",
    "of time (bars)",
  ]);
  const title = used === "detect" ? "crossings seen so far (line)" : "crossings so far (line)";
  return {
    rows: [...rows, ...bins],
    layer: [
      {
        data: { values: bins.map((row) => ({ ...row, end: row.t + width, floor: 0 })) },
        mark: { type: "rect" as const, color: RATE_COLOUR, stroke: "#FFFFFF", strokeWidth: 0.6 },
        encoding: {
          x,
          x2: { field: "end" },
          y: { ...right, axis: { ...right.axis, orient: "right" as const, grid: false } },
          y2: { field: "floor" },
        },
      },
      {
        layer: [
          {
            data: { values: rows },
            mark: stepLine(STEP_COLOUR),
            encoding: { x, y: valueChannel(planLinearAxis(withHeadroom(points), true), title) },
          },
          ...(first === null ? [] : firstMark(first, plan, x, false)),
        ],
      },
    ],
    resolve: { scale: { y: "independent" as const } },
  };
}

/** A rule where sliding begins, in words if `named`, to whichever side has more room. */
function firstMark(first: number, plan: AxisPlan, x: ReturnType<typeof timeChannel>, named: boolean) {
  const values = [{ t: first, text: `first sliding, t = ${formatNumber(first)}` }];
  const left = first > (plan.scale.domain[0] + plan.scale.domain[1]) / 2;
  return [
    {
      data: { values },
      mark: { type: "rule" as const, color: "#222222", strokeWidth: 1, strokeDash: [4, 3] },
      encoding: { x },
    },
    ...(named
      ? [
          {
            data: { values },
            mark: {
              type: "text" as const,
              align: left ? ("right" as const) : ("left" as const),
              baseline: "top" as const,
              dx: left ? -6 : 6,
              fontSize: LEGEND_SIZE,
              color: "#222222",
            },
            encoding: { x, y: { value: 5 }, text: { field: "text", type: "nominal" as const } },
          },
        ]
      : []),
  ];
}

function stepLine(color: string) {
  return { type: "line" as const, interpolate: "step-after" as const, color, strokeWidth: 1.6, clip: true };
}

function rowsOf(panel: string, curve: string, points: readonly Point[]): PlottedRow[] {
  return thin(points, (t) => t).map(({ t, value }) => ({ panel, curve, t, value, mark: "" }));
}

/** Room above the highest value, for the words there. */
function withHeadroom(points: readonly Point[]): number[] {
  return [0, 1.15 * most(points)];
}

function most(points: readonly Point[]): number {
  return points.reduce((top, point) => Math.max(top, point.value), 0);
}
