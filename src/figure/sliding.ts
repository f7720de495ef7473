/** Sliding and crossings over time: how many entries are held on a boundary, and how the crossings of boundaries add up. */
import type { RunRecord } from "../record/reader.js";
import { type AxisPlan, between, formatNumber, placeOn, planLinearAxis } from "./axis.js";
import {
  boundaryFacts,
  cutEvents,
  edgeAt,
  firstSliding,
  lastTime,
  planEventTime,
  treatment,
} from "./boundaries.js";
import { caption, TIME_TITLE } from "./caption.js";
import {
  breakTitle,
  type Figure,
  type PanelPlan,
  type PlottedRow,
  sheet,
  stack,
  timeChannel,
  valueChannel,
} from "./chart.js";
import { type Point, thinOn } from "./curves.js";
import { laneLayers } from "./marks.js";
import { slidingAtStart } from "./pieces.js";
import { settingsOf } from "./settings.js";
import { LEGEND_SIZE, RATE_COLOUR, SLIDING_COLOUR, STEP_COLOUR } from "./theme.js";

/** Bins of the crossing rate: wide enough to be seen, narrow enough to show bursts. */
const BINS = 40;

export const slidingFigure: Figure = {
  name: "sliding",
  build(record) {
    const { events } = record;
    if (events === null || events.length === 0) return null;
    const end = lastTime(record);
    const plan = planEventTime(record);
    const first = firstSliding(record);
    const settings = settingsOf(record.config);
    const used = treatment(record);
    const panels = [
      ...(first === null ? [] : [slidingPanel(within(slidingSteps(record, end), plan), first)]),
      linePanel(
        "crossings",
        used === "detect" ? "crossings seen so far" : "crossings so far",
        within(crossingSteps(record, end), plan),
      ),
      ratePanel(record, plan),
    ];
    const height = Math.max(90, settings.height / panels.length);
    const words = caption(
      record,
      first === null
        ? "Steep stretches of the count, tall bars of its rate: bursts of crossings."
        : "An entry that slides is held on the boundary between two pieces: the flow can neither cross it nor turn back. Tall bars are bursts of crossings.",
      [...cutEvents(record, plan), ...boundaryFacts(record)],
    );
    const views = panels.map(({ title, rows, up, layers }, k) => {
      const x = timeChannel(plan, k === panels.length - 1);
      const y = valueChannel(up, breakTitle(title, height));
      const marks = first === null ? [] : firstMark(first, plan, x, k === 0);
      const drawn = rows.map((row) => ({ ...row, t: edgeAt(plan, row.t) }));
      const layer = [...laneLayers(plan, x, "x"), ...layers(drawn, x, y), ...marks];
      return { width: settings.width, height, layer };
    });
    return {
      rows: panels.flatMap((panel) => panel.rows),
      spec: sheet(
        words,
        panels.map(({ title, up, look }) => ({
          time: plan,
          up,
          titles: [TIME_TITLE, title],
          curves: [look],
        })),
        stack(views),
      ),
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

/** A step function where the axis shows it: with its values at the ends, and at t = 0 where that has a lane. */
function within(points: readonly Point[], plan: AxisPlan): Point[] {
  const [from, to] = plan.reach;
  const at = (t: number) => ({ t, value: (points.findLast((point) => point.t <= t) ?? points[0]!).value });
  const shown = [at(from), ...points.filter(({ t }) => t > from && t < to), at(to)];
  return thinOn(placeOn(plan, 0).off === "zero" ? [at(0), ...shown] : shown, plan.scale.type === "log");
}

/** Crossings per unit of time, on a log axis per decade, in bins of one width on the axis; `t` is a bin's start. */
function crossingRate(record: RunRecord, plan: AxisPlan): Point[] {
  const [from, to] = plan.reach;
  const { share, at } = between(plan, from, to);
  const counts = new Array<number>(BINS).fill(0);
  for (const { t, kind } of record.events ?? [])
    if (kind === "crossing" && t >= from && t <= to)
      counts[Math.min(BINS - 1, Math.floor(BINS * share(t)))]! += 1;
  const width = plan.scale.type === "log" ? Math.log10(to / from) : to - from;
  return counts.map((count, bin) => ({ t: at(bin / BINS), value: (count * BINS) / width }));
}

type Channel = ReturnType<typeof timeChannel>;
type ValueChannel = ReturnType<typeof valueChannel>;

interface Panel {
  readonly title: string;
  readonly rows: readonly PlottedRow[];
  readonly up: AxisPlan;
  readonly look: PanelPlan["curves"][number];
  layers(rows: readonly PlottedRow[], x: Channel, y: ValueChannel): object[];
}

function lookOf(label: string, colour: string): Panel["look"] {
  return { label, colour, dash: [1, 0], width: 1.6, steps: true };
}

function slidingPanel(points: readonly Point[], first: number): Panel {
  return {
    ...{ title: "entries sliding", rows: rowsOf("sliding", "sliding entries", points) },
    // Room for the words there.
    up: planLinearAxis([0, 1.15 * most(points), ...(first > 0 ? [] : [1])], true),
    look: lookOf("sliding entries", SLIDING_COLOUR),
    layers: (rows, x, y) => [
      {
        data: { values: rows },
        mark: { type: "area", interpolate: "step-after", color: SLIDING_COLOUR, opacity: 0.18 },
        encoding: { x, y },
      },
      { data: { values: rows }, mark: stepLine(SLIDING_COLOUR), encoding: { x, y } },
    ],
  };
}

function linePanel(panel: string, title: string, points: readonly Point[]): Panel {
  return {
    ...{ title, rows: rowsOf(panel, title, points), up: planLinearAxis([0, 1.05 * most(points)], true) },
    look: lookOf(title, STEP_COLOUR),
    layers: (rows, x, y) => [{ data: { values: rows }, mark: stepLine(STEP_COLOUR), encoding: { x, y } }],
  };
}

/** Bars from each row to the next; the last ends with the axis. */
function ratePanel(record: RunRecord, plan: AxisPlan): Panel {
  const title = plan.scale.type === "log" ? "crossings per decade of t" : "crossings per unit of t";
  const rate = crossingRate(record, plan);
  return {
    ...{ title, rows: rowsOf("rate", title, rate), up: planLinearAxis([0, 1.05 * most(rate)], true) },
    look: lookOf(title, STEP_COLOUR),
    layers: (rows, x, y) => [
      {
        data: { values: rows.map((row, k) => ({ ...row, end: rows[k + 1]?.t ?? plan.reach[1], floor: 0 })) },
        mark: { type: "rect", color: RATE_COLOUR, stroke: "#FFFFFF", strokeWidth: 0.6 },
        encoding: { x, x2: { field: "end" }, y, y2: { field: "floor" } },
      },
    ],
  };
}

/** A rule where sliding begins, in words if `named`, to whichever side has more room; none where that is not shown. */
function firstMark(first: number, plan: AxisPlan, x: ReturnType<typeof timeChannel>, named: boolean) {
  const { off } = placeOn(plan, first);
  if (off !== null && off !== "zero") return [];
  const t = edgeAt(plan, first);
  const values = [{ t, text: `first sliding, t = ${formatNumber(first)}` }];
  const left = between(plan, ...plan.scale.domain).share(t) > 0.5;
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
  return points.map(({ t, value }) => ({ panel, curve, t, value, mark: "" }));
}

function most(points: readonly Point[]): number {
  return points.reduce((top, point) => Math.max(top, point.value), 0);
}
