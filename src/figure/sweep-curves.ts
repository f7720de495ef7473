/** Curves of all runs of a sweep in one picture: a colour per group, flow broad and pale, descents thin on it, bands over seeds. */
import type { TopLevelSpec } from "vega-lite";
import { inTurn } from "../record/in-turn.js";
import type { CurvesFigureSpec } from "../record/sweep.js";
import { unresolvedRuns } from "../record/sweep-states.js";
import { formatNumber, planLinearAxis, planLogAxis } from "./axis.js";
import { TIME_TITLE } from "./caption.js";
import { bandLayer, breakTitle, sheet, valueChannel } from "./chart.js";
import { bandDoubts, describeBand, type SecondRun } from "./error-band.js";
import { nameCurves, namesBelow } from "./key.js";
import { explainMarks, laneLayers, markLayer, traceCurve } from "./marks.js";
import { titleOf } from "./quantities.js";
import {
  describeSize,
  type Group,
  groupStates,
  mergedFields,
  type Sweep,
  shortField,
  sizeOf,
  sweepFacts,
  titleWords,
} from "./sweep-groups.js";
import { type CurveRow, FLOW, type LineSource, mergeLines } from "./sweep-lines.js";
import { descentDash, descentStyle, FLOW_COLOUR } from "./theme.js";

export interface SweepDrawing<Row> {
  readonly spec: TopLevelSpec;
  readonly rows: readonly Row[];
}

/** The axis reaches, for descents, up to this multiple of what the flows reach: a diverging one would flatten the rest. */
const DIVERGENCE_SHOWN = 10;

/** What marks mean where curves and points stand for several runs. */
export const SWEEP_MARKS = { infinite: "lane ∞: diverged or not finite" } as const;

/** Null where no run has the column. */
export async function drawSweepCurves(
  sweep: Sweep,
  figure: CurvesFigureSpec,
  source: LineSource | null = null,
): Promise<SweepDrawing<CurveRow> | null> {
  const merged = mergedFields(sweep, figure.merge);
  const fields = sweep.manifest.fields.filter((field) => !merged.includes(field));
  const groups = groupStates(sweep.states, fields);
  const drawn = await inTurn(
    groups,
    async (group) => ({ group, lines: await mergeLines(group, figure, merged.length > 0, source) }),
    1,
  );
  const shown = drawn
    .map(({ group, lines }) => ({ label: legendLabel(sweep, group), lines }))
    .filter(({ lines }) => lines.some(({ rows }) => rows.length > 0));
  if (shown.length === 0) return null;
  const rows = shown.flatMap(({ label, lines }) =>
    lines.flatMap((line) => line.rows.map((row) => ({ curve: label, line: line.name, ...row }))),
  );
  const labels = shown.map(({ label }) => label);
  const names = [...new Set(rows.map(({ line }) => line))];
  const both = names.includes(FLOW) && names.length > 1;
  const ends = shown.flatMap(({ lines }) => lines.flatMap(({ fewerFrom }) => fewerFrom ?? []));
  const fewer = `${figure.middle ?? "median"}s after t = ${formatNumber(Math.min(...ends), 3)}, where a run ends, are of those that go on`;
  const explained = [
    ...(source?.explained ?? []),
    ...(both ? [broadLine(sweep)] : []),
    ...(ends.length > 0 ? [fewer] : []),
  ];
  return { rows, spec: specOf(rows, labels, names, { sweep, figure, merged, explained }) };
}

/** What the broad curves are: gradient flow only where energy identity and decisions at kinks say so. */
function broadLine({ states }: Sweep): string {
  const { count, largest, unsettled } = unresolvedRuns(states);
  if (count === 0) return "broad: gradient flow";
  const why = [
    largest === null
      ? ""
      : `${largest.integral} is off by up to ${formatNumber(largest.defect, 2)} times the fall of ${largest.loss}`,
    unsettled === 0 ? "" : `decisions at kinks did not settle in ${unsettled}`,
  ].filter((reason) => reason !== "");
  return `broad: gradient flow, unresolved in ${count} of ${states.length} runs (${why.join("; ")})`;
}

function legendLabel(sweep: Sweep, group: Group): string {
  return [group.label || "all runs", describeSize(sweep, group)].filter((text) => text !== "").join(", ");
}

/** The values that the axis reaches: those of the flows, and what descents have up to a multiple of the largest. */
function valuesToReach(rows: readonly CurveRow[], banded: (row: CurveRow) => boolean): number[] {
  const flows = rows.filter(({ line, value }) => line === FLOW && Number.isFinite(value));
  const cap =
    flows.length === 0
      ? Number.POSITIVE_INFINITY
      : DIVERGENCE_SHOWN * Math.max(...flows.map(({ value }) => value));
  return rows.flatMap((row) =>
    (banded(row) ? [row.low, row.value, row.high] : [row.value]).filter(
      (value) => row.line === FLOW || value <= cap || value === Number.POSITIVE_INFINITY,
    ),
  );
}

interface Look {
  readonly sweep: Sweep;
  readonly figure: CurvesFigureSpec;
  readonly merged: readonly string[];
  readonly explained: readonly string[];
}

function specOf(
  rows: readonly CurveRow[],
  labels: readonly string[],
  names: readonly string[],
  { sweep, figure, merged, explained }: Look,
): TopLevelSpec {
  const times = rows.map(({ t }) => t);
  // Where descents lie on the flow a second band of the same colour would say nothing, unless it is that of their batches.
  const both = names.includes(FLOW) && names.length > 1;
  const drawn = sweep.states.some(({ facts }) => facts?.get("descent.batch") !== undefined);
  const isBanded = ({ line }: CurveRow) => !both || drawn || line === FLOW;
  const values = valuesToReach(rows, isBanded);
  const plan =
    figure.xScale === "log" ? planLogAxis(times, 0) : planLinearAxis(times, (figure.from ?? 0) === 0);
  const height = figure.yScale === "log" ? planLogAxis(values) : planLinearAxis(values);
  const x = {
    field: "t",
    type: "quantitative" as const,
    scale: plan.scale,
    axis: { ...plan.axis, title: TIME_TITLE },
  };
  const title = titleOf(figure.y);
  const size = sizeOf(sweep);
  const y = valueChannel(height, breakTitle(title, size.height));
  const looks = lookOf(labels, names);
  const bands = rows.filter(isBanded);
  const banded = bands.some(({ low, high }) => high > low);
  const seconds = banded && merged.length === 0 ? secondRuns(sweep) : [];
  const traced = labels.flatMap((label, k) =>
    names.map((name) => {
      const own = rows.filter(({ curve, line }) => curve === label && line === name);
      const points = own.map(({ t, value, mark }) => ({ t, value, atMost: mark === "atMost" }));
      const diverged = own.at(-1)?.mark === "diverged";
      const look = looks(k, name);
      return { label, name, look, points, ...traceCurve({ label, ...look, points, diverged }, plan, height) };
    }),
  );
  const stretches = traced.flatMap(({ label, name, look, stretches: found }, curve) =>
    found.flatMap((points, stretch) =>
      points.map(({ t, value }) => ({
        curve: label,
        line: name,
        t,
        value,
        stretch: `${curve} ${stretch}`,
        ...look,
      })),
    ),
  );
  const marks = traced.flatMap((one) => one.marks);
  const plain = (field: string) => ({ field, type: "nominal" as const, scale: null, legend: null });
  const colours = labels.map((_, k) => looks(k, names[0]!).colour);
  const color = { ...plain("curve"), sort: null, scale: { domain: [...labels], range: colours } };
  const band = bandLayer(
    bands,
    [plan, height],
    { x, y, detail: { field: "line" }, color },
    { opacity: 0.15 },
  );
  const lines = {
    data: { values: stretches },
    mark: { type: "line" as const, clip: true, strokeCap: "butt" as const },
    encoding: {
      ...{ x, y, detail: { field: "stretch" }, color: plain("colour"), strokeDash: plain("dash") },
      strokeWidth: { ...plain("width"), type: "quantitative" as const },
      strokeOpacity: { ...plain("opacity"), type: "quantitative" as const },
    },
  };
  const single = labels.length === 1;
  const ends = traced
    .filter(({ name }) => single || name === names[0])
    .map(({ label, name, look, points }) =>
      single
        ? { label: lineLabel(name), ...look, points }
        : { label, colour: look.colour, dash: [1, 0], width: 3, points },
    );
  const key = nameCurves(ends, plan, height, size);
  const meanings = single
    ? []
    : names.map((name) => ({ label: lineLabel(name), ...looks(0, name), colour: MEANING_COLOUR }));
  const below = namesBelow(
    both || names.length > 1 ? meanings : [],
    size.width,
    size.height + BELOW + key.bottom,
  );
  const curves = traced.map(({ label, name, look }) => ({ label: `${label} ${name}`, ...look }));
  const words = {
    ...titleWords(sweep, single && labels[0] !== "all runs" ? [labels[0]!] : []),
    look: lookFor(both, merged, banded, seconds, figure.middle),
    facts: [
      ...bandDoubts(seconds),
      ...explained,
      ...explainMarks(marks, SWEEP_MARKS),
      ...sweepFacts(sweep, merged, banded, figure.middle),
    ],
  };
  return sheet(
    words,
    [{ time: plan, up: height, titles: [TIME_TITLE, title], curves, names: [...labels, ...names] }],
    {
      ...size,
      layer: [
        ...laneLayers(plan, x, "x"),
        ...laneLayers(height, y, "y"),
        ...(banded ? [band] : []),
        lines,
        markLayer(marks, x, y),
        ...key.layers,
        ...below.layers,
      ],
    },
    { right: key.right, bottom: key.bottom + below.bottom },
  );
}

/** From the plot to what the lines mean. */
const BELOW = 52;
const MEANING_COLOUR = "#555555";

/**
 * Colours tell groups apart where there are several, and dashes the learning rates; of a single group colours tell the rates apart. The flow is
 * broad and pale below its descents.
 */
function lookOf(labels: readonly string[], names: readonly string[]) {
  const rates = names.filter((name) => name !== FLOW);
  const both = rates.length < names.length && rates.length > 0;
  return (group: number, name: string) => {
    const rate = rates.indexOf(name);
    const { colour } = descentStyle(group);
    if (name === FLOW) {
      const alone = {
        colour: labels.length === 1 ? FLOW_COLOUR : colour,
        opacity: labels.length === 1 ? 1 : 0.35,
      };
      return both ? { ...alone, dash: [1, 0], width: 5 } : { colour, dash: [1, 0], width: 1.5, opacity: 1 };
    }
    if (labels.length === 1) return { ...descentStyle(rate), width: 1.5, opacity: 1 };
    return { colour, dash: rate === 0 ? [1, 0] : descentDash(rate - 1), width: 1.5, opacity: 1 };
  };
}

function lineLabel(name: string): string {
  return name === FLOW ? "gradient flow" : `descent ${name}`;
}

/** Of the runs that have an error by a second one. */
function secondRuns({ states }: Sweep): SecondRun[] {
  return states.flatMap(({ results }) => {
    const tighterRtol = results.get("errorCheck.tighterRtol");
    const forcedSteps = Number(results.get("errorCheck.forcedSteps") ?? 0);
    return typeof tighterRtol === "number" ? [{ tighterRtol, forcedSteps }] : [];
  });
}

function lookFor(
  both: boolean,
  merged: readonly string[],
  banded: boolean,
  seconds: readonly SecondRun[],
  middle: CurvesFigureSpec["middle"] = "median",
): string {
  const over = merged.map(shortField).join(", ");
  return [
    both ? "A thin line on its broad one: descent is where the flow is at the same t." : "",
    seconds.length > 0 ? describeBand(seconds) : "",
    banded && merged.length > 0
      ? `Lines are ${middle}s over ${over}, bands reach from the lowest to the highest; where bands overlap the ${over} may explain the difference.`
      : "",
  ]
    .filter((text) => text !== "")
    .join(" ");
}
