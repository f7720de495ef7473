/**
 * Curves on axes that have no place for some of their points: lines end there and marks go on, in lanes beside the scale or at its edge.
 * No point is dropped, and no line runs over one as though it were not there.
 */
import { type AxisPlan, between, placeOn } from "./axis.js";
import type { Curve, Point } from "./curves.js";

/** Why a point is a mark of its own: `alone` it has no neighbour to be joined with, the rest says `explainMarks`. */
export type MarkKind = "alone" | "zero" | "negative" | "infinite" | "above" | "below" | "atMost" | "diverged";

/** A point with the place where it is drawn. */
export interface Mark extends Point {
  readonly curve: string;
  readonly kind: MarkKind;
  readonly colour: string;
  readonly width: number;
  readonly atT: number;
  readonly atValue: number;
}

/** What marks need of a curve. */
export type Traced = Pick<Curve, "label" | "colour" | "width" | "points" | "diverged">;

/** A curve as stretches to be drawn as lines, each of two points or more, and the marks between them. */
export function traceCurve(
  curve: Traced,
  time: AxisPlan,
  up: AxisPlan,
): { stretches: Point[][]; marks: Mark[] } {
  const stretches: Point[][] = [];
  const marks: Mark[] = [];
  let stretch: Point[] = [];
  /** The point before, where a line may come from it. */
  let before: Point | null = null;
  const mark = (point: Point, kind: MarkKind, atT: number, atValue: number) => {
    const { label, colour, width } = curve;
    marks.push({ curve: label, colour, width, ...point, kind, atT, atValue });
  };
  const end = () => {
    const [only] = stretch;
    if (stretch.length > 1) stretches.push(stretch);
    else if (only !== undefined) mark(only, "alone", only.t, only.value);
    stretch = [];
    before = null;
  };
  /** A point on the very edge is where its line crosses it. */
  const join = (point: Point) => {
    const last = stretch.at(-1);
    if (last?.t !== point.t || last.value !== point.value) stretch.push(point);
  };
  for (const point of curve.points) {
    const across = placeOn(time, point.t);
    const { at, off } = placeOn(up, point.value);
    const beyond = off === "above" || off === "below";
    if (across.off !== null || point.atMost || (off !== null && !beyond)) {
      end();
      mark(point, off ?? (point.atMost ? "atMost" : "alone"), across.at, at);
    } else if (!beyond) {
      if (before !== null && stretch.length === 0) join(crossing(before, point, time, up));
      join(point);
      before = point;
    } else {
      const edge = stretch.length > 0 ? crossing(point, stretch.at(-1) as Point, time, up) : null;
      if (edge !== null) join(edge);
      // Once per excursion: where the curve leaves, or where it begins outside.
      if (edge !== null || before === null || placeOn(up, before.value).off !== off)
        mark(point, off, edge?.t ?? across.at, at);
      end();
      before = point;
    }
  }
  const last = stretch.at(-1);
  if (curve.diverged && last !== undefined) {
    if (stretch.length > 1) end();
    stretch = [];
    mark(last, "diverged", last.t, last.value);
  }
  end();
  return { stretches, marks };
}

/** Where the line from a point outside to one inside meets the edge of the scale. */
function crossing(outside: Point, inside: Point, time: AxisPlan, up: AxisPlan): Point {
  const { at } = placeOn(up, outside.value);
  const share = between(up, inside.value, outside.value).share(at);
  return { t: between(time, inside.t, outside.t).at(share), value: at };
}

const WORDS: Readonly<Record<Exclude<MarkKind, "alone">, string>> = {
  zero: "lane 0: exactly zero",
  negative: "lane < 0: negative",
  infinite: "lane ∞: not finite",
  above: "▲ leaves the axis",
  below: "▼ leaves the axis",
  atMost: "▽ at most this: below what the method resolves",
  diverged: "× diverged after this comparison",
};

/** One fact of a caption per kind of mark; `words` where a figure knows more of it. */
export function explainMarks(
  marks: readonly Pick<Mark, "kind">[],
  words: Partial<typeof WORDS> = {},
): string[] {
  const found = new Set(marks.map(({ kind }) => kind));
  const said = { ...WORDS, ...words };
  return (Object.keys(WORDS) as (keyof typeof WORDS)[])
    .filter((kind) => found.has(kind))
    .map((kind) => said[kind]);
}

const DOT = { shape: "circle", size: 32, filled: true };
const SHAPES: Readonly<Record<MarkKind, { shape: string; size: number; filled: boolean }>> = {
  alone: DOT,
  zero: DOT,
  negative: DOT,
  infinite: DOT,
  above: { shape: "triangle-up", size: 60, filled: true },
  below: { shape: "triangle-down", size: 60, filled: true },
  atMost: { shape: "triangle-down", size: 45, filled: false },
  diverged: { shape: "M-1,-1L1,1M-1,1L1,-1", size: 60, filled: false },
};

/** A channel of Vega-Lite with the axis that the plan has. */
type Channel = { readonly field: string; readonly type: "quantitative" | "nominal" };

/** The layer of the marks, on the channels of the lines. */
export function markLayer(marks: readonly Mark[], x: Channel, y: Channel) {
  const plain = (field: string) => ({ field, type: "nominal" as const, scale: null, legend: null });
  const values = marks.map(({ kind, width, ...mark }) => {
    const { shape, size, filled } = SHAPES[kind];
    const look = {
      shape,
      fill: filled ? mark.colour : shape === "triangle-down" ? "#FFFFFF" : "transparent",
    };
    return { ...mark, kind, ...look, size: width > 3 ? 2 * size : size };
  });
  return {
    data: { values },
    mark: { type: "point" as const, strokeWidth: 1.6, opacity: 1 },
    encoding: {
      x: { ...x, ...(x.type === "quantitative" ? { field: "atT" } : {}) },
      y: { ...y, field: "atValue" },
      shape: plain("shape"),
      stroke: plain("colour"),
      fill: plain("fill"),
      size: { ...plain("size"), type: "quantitative" as const },
      tooltip: ["curve", "t", "value", "kind"].map((field) => ({ field, type: "nominal" as const })),
    },
  };
}

/** Grey strips with a rule towards the scale, below everything else. */
export function laneLayers(plan: AxisPlan, channel: Channel, direction: "x" | "y") {
  if (plan.lanes.length === 0) return [];
  const encoding = { [direction]: { ...channel, field: "inner" } };
  const data = { values: plan.lanes };
  return [
    {
      data,
      mark: { type: "rect" as const, color: "#888888", opacity: 0.12, tooltip: null },
      encoding: { ...encoding, [`${direction}2`]: { field: "outer" } },
    },
    { data, mark: { type: "rule" as const, color: "#888888", strokeWidth: 0.8, tooltip: null }, encoding },
  ];
}
