/** One number of every run against another: a point per run, or its median with the ends over merged runs, joined within a group. */
import type { TopLevelSpec } from "vega-lite";
import { lookUp } from "../record/facts.js";
import type { JobState, PointsFigureSpec } from "../record/sweep.js";
import { planLinearAxis, planLogAxis } from "./axis.js";
import { wrap } from "./caption.js";
import { legendColumns } from "./chart.js";
import { type SweepDrawing, titleOf, UNLIMITED } from "./sweep-curves.js";
import {
  describeAxisValue,
  groupStates,
  mergedFields,
  type Sweep,
  spread,
  sweepFacts,
} from "./sweep-groups.js";
import { descentStyle, PLOT_HEIGHT, PLOT_WIDTH, THEME } from "./theme.js";

/** A row of the figure's data file. */
export type PointRow = {
  readonly curve: string;
  readonly x: number | string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
};

/** Null where no run has both numbers. */
export function drawSweepPoints(sweep: Sweep, figure: PointsFigureSpec): SweepDrawing<PointRow> | null {
  const merged = mergedFields(sweep, figure.merge);
  const kept = sweep.manifest.fields.filter((field) => !merged.includes(field));
  const rows = groupStates(sweep.states, figure.group).flatMap(({ label, states }) =>
    groupStates(states, kept).flatMap((point) =>
      mergePoints(point.states, figure).map((row) => ({ curve: label || "all runs", ...row })),
    ),
  );
  if (rows.length === 0) return null;
  return { rows, spec: specOf(rows, sweep, figure, merged) };
}

/** The points of runs that differ in merged fields only: equal x are one point. */
function mergePoints(states: readonly JobState[], figure: PointsFigureSpec): Omit<PointRow, "curve">[] {
  const pairs = states.flatMap((state) => {
    const xs = numbersOf(state, figure.x);
    const ys = numbersOf(state, figure.y);
    return ys.flatMap((y, k) => {
      const x = xs[xs.length === 1 ? 0 : k];
      const drawable = typeof y === "number" && Number.isFinite(y) && (figure.yScale === "linear" || y > 0);
      return x === undefined || x === null || !drawable
        ? []
        : [{ x: typeof x === "number" ? x : String(x), y }];
    });
  });
  // Without a wildcard merged runs are one point, wherever their x are: lambdaMin against P/nM over seeds.
  const single = !figure.x.includes("*") && !figure.y.includes("*");
  const keys = single ? [null] : [...new Set(pairs.map(({ x }) => x))];
  return keys.flatMap((key) => {
    const members = pairs.filter(({ x }) => key === null || x === key);
    const first = members[0];
    if (first === undefined) return [];
    const { median, low, high } = spread(members.map(({ y }) => y));
    const numbers = members.flatMap(({ x }) => (typeof x === "number" ? [x] : []));
    const x = numbers.length === members.length ? spread(numbers).median : first.x;
    return [{ x, value: median, low, high }];
  });
}

/** An axis value where the name is that of an axis, else the facts of that name. */
function numbersOf({ job, facts }: JobState, name: string): (number | string | boolean | null)[] {
  if (Object.hasOwn(job.values, name)) {
    const value = job.values[name];
    return [typeof value === "number" ? value : describeAxisValue(value)];
  }
  return facts === null ? [] : lookUp(facts, name);
}

function specOf(
  rows: readonly PointRow[],
  sweep: Sweep,
  figure: PointsFigureSpec,
  merged: readonly string[],
): TopLevelSpec {
  const numeric = rows.every(({ x }) => typeof x === "number");
  const xs = numeric ? rows.map(({ x }) => x as number) : [];
  const values = rows
    .flatMap(({ low, high }) => [low, high])
    .filter((value) => figure.yScale === "linear" || value > 0);
  const across =
    figure.xScale === "log" && xs.every((value) => value > 0) ? planLogAxis(xs) : planLinearAxis(xs);
  const up = figure.yScale === "log" ? planLogAxis(values) : planLinearAxis(values);
  const x = numeric
    ? {
        field: "x",
        type: "quantitative" as const,
        scale: across.scale,
        axis: { ...across.axis, title: nameOf(figure.x) },
      }
    : {
        field: "x",
        type: "nominal" as const,
        sort: null,
        axis: { title: nameOf(figure.x), labelAngle: -20 },
      };
  const y = {
    field: "value",
    type: "quantitative" as const,
    scale: up.scale,
    axis: { ...up.axis, title: nameOf(figure.y) },
  };
  const labels = [...new Set(rows.map(({ curve }) => curve))];
  const color = {
    field: "curve",
    type: "nominal" as const,
    sort: null,
    scale: { domain: labels, range: labels.map((_, k) => descentStyle(k).colour) },
    legend:
      labels.length === 1
        ? null
        : { columns: legendColumns(labels), title: null, symbolType: "circle" as const, symbolSize: 60 },
  };
  const encoding = { x, y, color };
  const banded = rows.some(({ low, high }) => high > low);
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: {
      text: sweep.manifest.name.replace(/\p{Cc}/gu, " "),
      subtitle: wrap(sweepFacts(sweep, merged)),
      limit: UNLIMITED,
    },
    width: PLOT_WIDTH,
    height: PLOT_HEIGHT,
    config: THEME,
    data: { values: [...rows] },
    layer: [
      ...(banded && numeric
        ? [
            {
              mark: { type: "area" as const, opacity: 0.15 },
              encoding: { ...encoding, y: { ...y, field: "low" }, y2: { field: "high" } },
            },
          ]
        : []),
      ...(banded
        ? [
            {
              mark: { type: "rule" as const, strokeWidth: 1.2 },
              encoding: { ...encoding, y: { ...y, field: "low" }, y2: { field: "high" } },
            },
          ]
        : []),
      ...(numeric ? [{ mark: { type: "line" as const, strokeWidth: 1.5 }, encoding }] : []),
      { mark: { type: "point" as const, filled: true, size: 55, opacity: 1 }, encoding },
    ],
  } as unknown as TopLevelSpec;
}

const NAMES: Readonly<Record<string, string>> = {
  parametersPerTarget: "parameters per target, P/nM",
  "decay.rate": "fitted rate of ‖r‖²",
  "decay.rSquared": "R² of the exponential fit",
  "descent.*.learningRate": "learning rate η",
};

function nameOf(name: string): string {
  return NAMES[name] ?? titleOf(name);
}
