/** One number of every run against another: a point per run, or its median with the ends over merged runs, joined within a group. */
import type { TopLevelSpec } from "vega-lite";
import { type Fact, lookUp } from "../record/facts.js";
import type { PointsFigureSpec } from "../record/sweep.js";
import type { JobState } from "../record/sweep-states.js";
import { formatNumber, placeOn, planLinearAxis, planLogAxis } from "./axis.js";
import { breakTitle, sheet } from "./chart.js";
import { nameCurves, namesBelow } from "./key.js";
import { explainMarks, laneLayers, markLayer, traceCurve } from "./marks.js";
import { fitPower, type PowerFit } from "./power-fit.js";
import { titleOf } from "./quantities.js";
import { SWEEP_MARKS, type SweepDrawing } from "./sweep-curves.js";
import {
  describeAxisValue,
  groupStates,
  mergedFields,
  type Sweep,
  sizeOf,
  spread,
  sweepFacts,
  titleWords,
} from "./sweep-groups.js";
import { descentStyle } from "./theme.js";

/** A row of the figure's data file. */
export type PointRow = {
  readonly curve: string;
  readonly x: number | string;
  readonly value: number;
  readonly low: number;
  readonly high: number;
  /** `atMost` where the value is an upper bound. */
  readonly mark: string;
};

/** Null where no run has both numbers. */
export function drawSweepPoints(sweep: Sweep, figure: PointsFigureSpec): SweepDrawing<PointRow> | null {
  const merged = mergedFields(sweep, figure.merge);
  const kept = sweep.manifest.fields.filter((field) => !merged.includes(field));
  const groups = groupStates(sweep.states, figure.group).map(({ label, states }) => ({
    curve: nameOf(label || "all runs", figure),
    states,
  }));
  const rows = groups.flatMap(({ curve, states }) =>
    groupStates(states, kept).flatMap((point) =>
      mergePoints(point.states, figure).map((row) => ({ curve, ...row })),
    ),
  );
  if (rows.length === 0) return null;
  const fits =
    figure.fit === undefined
      ? []
      : groups.map(({ curve, states }) => ({
          curve,
          fit: fitPower(
            states.flatMap((state) =>
              pairsOf(state, figure).flatMap(({ x, y, atMost }) => (atMost ? [] : [[Number(x), y] as const])),
            ),
          ),
        }));
  const without = sweep.states.filter(
    (state) =>
      state.facts !== null &&
      factsOf(state, figure.y).every((fact, k) => numberOf(state, figure, fact, k) === null),
  );
  const missing =
    without.length === 0 ? [] : [`${without.length} without ${figure.yTitle ?? titleOf(figure.y)}`];
  return {
    rows,
    spec: specOf(rows, sweep, figure, fits, [
      ...fits.map(({ curve, fit }) => describeFit(groups.length === 1 ? "" : `${curve}: `, fit)),
      ...missing,
      ...sweepFacts(sweep, merged, false, figure.middle),
    ]),
  };
}

/** The points of runs that differ in merged fields only: equal x are one point. Zeros count, and what diverged is infinite. */
function mergePoints(states: readonly JobState[], figure: PointsFigureSpec): Omit<PointRow, "curve">[] {
  const pairs = states.flatMap((state) => pairsOf(state, figure));
  // Without a wildcard merged runs are one point, wherever their x are: lambdaMin against P/nM over seeds.
  const single = !figure.x.includes("*") && !figure.y.includes("*");
  const keys = single ? [null] : [...new Set(pairs.map(({ x }) => x))];
  return keys.flatMap((key) => {
    const members = pairs.filter(({ x }) => key === null || x === key);
    const first = members[0];
    if (first === undefined) return [];
    const { middle, low, high } = spread(
      members.map(({ y }) => y),
      figure.middle,
    );
    const bounded = members.some(({ y, atMost }) => atMost && y === middle);
    const numbers = members.flatMap(({ x }) => (typeof x === "number" ? [x] : []));
    const x = numbers.length === members.length ? spread(numbers).middle : first.x;
    return [{ x, value: middle, low, high, mark: bounded ? "atMost" : "" }];
  });
}

function pairsOf(state: JobState, figure: PointsFigureSpec) {
  const xs = factsOf(state, figure.x);
  return factsOf(state, figure.y).flatMap((fact, k) => {
    const x = xs[xs.length === 1 ? 0 : k];
    const y = numberOf(state, figure, fact, k);
    return x === undefined || x === null || y === null
      ? []
      : [{ x: typeof x === "number" ? x : String(x), ...y }];
  });
}

function nameOf(label: string, { names = {} }: PointsFigureSpec): string {
  return Object.hasOwn(names, label) ? names[label]! : label;
}

interface CurveFit {
  readonly curve: string;
  readonly fit: PowerFit | null;
}

function describeFit(curve: string, fit: PowerFit | null): string {
  if (fit === null) return `${curve}no power law fits fewer than two different x`;
  const show = (value: number) => formatNumber(value, 3);
  const interval =
    fit.interval === null ? "" : ` (${show(fit.interval[0])} to ${show(fit.interval[1])} at 95 %)`;
  return `${curve}slope ${show(fit.slope)}${interval} of ${fit.points} points`;
}

/**
 * A fact as a number to draw, null where there is none. Of a descent that diverged it is infinite, for what the record has belongs to
 * the last comparison before. Of a λ_min that is only bounded it is the bound.
 */
function numberOf(
  { facts }: JobState,
  { y: pattern }: PointsFigureSpec,
  fact: Fact,
  k: number,
): { readonly y: number; readonly atMost: boolean } | null {
  const name = pattern.replaceAll("*", String(k));
  const [, descent] = /^(descent\.\d+)\.(loss|parameterGap|functionGap|lossGap)$/.exec(name) ?? [];
  if (descent !== undefined && facts?.get(`${descent}.diverged`) === true)
    return { y: Number.POSITIVE_INFINITY, atMost: false };
  if (typeof fact !== "number") return null;
  const [, lambda] = /^(.*\.lambdaMin)\.value$/.exec(name) ?? [];
  const bounded = lambda !== undefined && facts?.get(`${lambda}.kind`) === "upper-bound";
  return bounded
    ? { y: Number(facts?.get(`${lambda}.upper`) ?? fact), atMost: true }
    : { y: fact, atMost: false };
}

/** An axis value where the name is that of an axis, else the facts of that name. */
function factsOf({ job, facts }: JobState, name: string): Fact[] {
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
  fits: readonly CurveFit[],
  facts: readonly string[],
): TopLevelSpec {
  const { xTitle = titleOf(figure.x), yTitle = titleOf(figure.y) } = figure;
  const numeric = rows.every(({ x }) => typeof x === "number");
  const xs = numeric ? rows.map(({ x }) => x as number) : [];
  const values = rows.flatMap(({ low, value, high }) => [low, value, high]);
  const across = figure.xScale === "log" ? planLogAxis(xs) : planLinearAxis(xs);
  const up = figure.yScale === "log" ? planLogAxis(values) : planLinearAxis(values);
  const x = numeric
    ? {
        field: "x",
        type: "quantitative" as const,
        scale: across.scale,
        axis: { ...across.axis, title: xTitle },
      }
    : {
        field: "x",
        type: "nominal" as const,
        sort: null,
        axis: { title: xTitle, labelAngle: -20 },
      };
  const size = sizeOf(sweep);
  const y = {
    field: "value",
    type: "quantitative" as const,
    scale: up.scale,
    axis: { ...up.axis, title: breakTitle(yTitle, size.height) },
  };
  const labels = [...new Set(rows.map(({ curve }) => curve))];
  const color = {
    field: "curve",
    type: "nominal" as const,
    sort: null,
    scale: { domain: labels, range: labels.map((_, k) => descentStyle(k).colour) },
    legend: null,
  };
  const encoding = { x, y, color };
  const place = (value: number) => placeOn(up, value).at;
  const spans = rows
    .filter(({ low, high }) => high > low)
    .map((row) => ({ ...row, low: place(row.low), high: place(row.high) }));
  const lines = labels.flatMap((label) => {
    const points = rows.filter(({ curve }) => curve === label).map(pointOf);
    return traceCurve({ ...styleOf(label), points }, across, up).stretches.flatMap((stretch, k) =>
      stretch.map(({ t, value }) => ({ curve: label, x: t, value, stretch: k })),
    );
  });
  const marks = rows.flatMap((row) =>
    traceCurve({ ...styleOf(row.curve), points: [pointOf(row)] }, across, up).marks.map((mark) => ({
      ...mark,
      x: numeric ? mark.atT : row.x,
    })),
  );
  const laws = fits.flatMap(({ curve, fit }) => {
    const own = rows.filter((row) => row.curve === curve).map(({ x: at }) => Number(at));
    return fit === null
      ? []
      : [Math.min(...own), Math.max(...own)].map((at) => ({
          curve,
          x: at,
          value: fit.factor * at ** fit.slope,
        }));
  });
  const special = marks.filter(({ kind }) => kind !== "alone");
  const span = { ...encoding, y: { ...y, field: "low" }, y2: { field: "high" } };
  const looks = labels.map((label, k) => ({
    ...{ label, colour: descentStyle(k).colour, dash: [1, 0], width: 3 },
    points: rows.filter(({ curve }) => curve === label).map(pointOf),
  }));
  const named = labels.length === 1 ? [] : looks;
  const key = numeric
    ? nameCurves(named, across, up, size)
    : namesBelow(named, size.width, size.height + BELOW);
  const words = {
    ...titleWords(sweep),
    look: lookFor(spans.length > 0, figure),
    facts: [...explainMarks(marks, SWEEP_MARKS), ...facts],
  };
  return sheet(
    words,
    [{ time: across, up, titles: [xTitle, yTitle], curves: looks }],
    {
      ...size,
      data: { values: spans },
      layer: [
        ...(numeric ? laneLayers(across, x as { field: string; type: "quantitative" }, "x") : []),
        ...laneLayers(up, y, "y"),
        ...(spans.length > 0 ? [{ mark: { type: "rule" as const, strokeWidth: 1.2 }, encoding: span }] : []),
        ...(numeric && fits.length === 0
          ? [
              {
                data: { values: lines },
                mark: { type: "line" as const, strokeWidth: 1.5, clip: true },
                encoding: { ...encoding, detail: { field: "stretch" } },
              },
            ]
          : []),
        ...(laws.length > 0
          ? [
              {
                data: { values: laws },
                mark: { type: "line" as const, strokeWidth: 1.2, strokeDash: [5, 4], clip: true },
                encoding,
              },
            ]
          : []),
        {
          data: { values: marks.filter(({ kind }) => kind === "alone") },
          mark: { type: "point" as const, filled: true, size: 55, opacity: 1 },
          encoding,
        },
        ...(special.length > 0 ? [markLayer(special, x, y)] : []),
        ...key.layers,
      ],
    },
    key,
  );

  function pointOf({ x: at, value, mark }: PointRow) {
    return { t: numeric ? Number(at) : 1, value, atMost: mark === "atMost" };
  }

  function styleOf(label: string) {
    return { label, colour: descentStyle(labels.indexOf(label)).colour, width: 1.5 };
  }
}

/** From the plot with its slanted words to the names of its curves. */
const BELOW = 100;

function lookFor(hasBars: boolean, { xScale, yScale, fit, middle = "median" }: PointsFigureSpec): string {
  const sentences = [
    hasBars ? `Points are ${middle}s, bars reach from the lowest run to the highest.` : "A point is one run.",
    ...(fit === undefined
      ? xScale === "log" && yScale === "log"
        ? ["A straight line is a power law."]
        : []
      : ["Dashed: the power law fitted to all runs of a curve."]),
  ];
  return sentences.join(" ");
}
