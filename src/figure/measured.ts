/** One figure for each measure of a run: its columns against time, a panel for each axis title, flow and descents together. */
import type { ColumnFacts, MeasureFacts } from "../record/manifest.js";
import type { RunRecord } from "../record/reader.js";
import { type AxisPlan, formatNumber, planLinearAxis, planLogAxis } from "./axis.js";
import { caption } from "./caption.js";
import { curvePanel, type Figure, planTimeAxis, plottedRows, sheet, stack } from "./chart.js";
import { type Curve, descentCurves, flowCurve, valuesToReach } from "./curves.js";
import { curvesBeside, ratesOf } from "./flows.js";
import { type Named, namesBelow } from "./key.js";
import { settingsOf } from "./settings.js";
import { descentDash, descentStyle, modeColour } from "./theme.js";

/** Empty where nothing was measured beside the series. */
export function measuredFigures({ manifest }: RunRecord): Figure[] {
  return (manifest.measures ?? []).map((measure) => ({
    name: measure.name,
    build: (record) => draw(record, measure),
  }));
}

function draw(record: RunRecord, { columns: all, of, look = "" }: MeasureFacts): ReturnType<Figure["build"]> {
  const columns = all.filter(({ scale }) => scale !== "none");
  const axes = [...new Set(columns.map(({ axis }) => axis))];
  const drawn = axes
    .map((axis) => {
      const own = columns.filter((column) => column.axis === axis);
      const curves = curvesOf(record, own, of).filter(({ points }) => points.length > 0);
      return { axis, own, curves, up: planAxis(record, own, curves) };
    })
    .filter(({ curves }) => curves.length > 0);
  if (drawn.length === 0) return null;
  const time = planTimeAxis(
    record,
    drawn.flatMap(({ curves }) => curves),
  );
  const settings = settingsOf(record.config);
  const alike = new Set(drawn.map(({ curves }) => curves.map(({ label }) => label).join("\n"))).size === 1;
  const height = drawn.length === 1 ? settings.height : settings.height / 2 + 20;
  const panels = drawn.map(({ axis, curves, up }, k) =>
    curvePanel(curves, time, up, {
      title: axis,
      width: settings.width,
      height,
      labelled: k === drawn.length - 1,
      names: k === 0 || !alike,
    }),
  );
  const several = drawn.some(({ own }) => own.length > 1);
  const hasDescents = of.some((curve) => curve !== "flow") && record.descent.t.length > 0;
  const rates = !hasDescents
    ? { names: [], look: "" }
    : several
      ? rateNames(record, columns[0]!.name, of)
      : ON_BAND;
  const facts = [...new Set(panels.flatMap((panel) => panel.facts))];
  const words = caption(record, [look, rates.look].filter((sentence) => sentence !== "").join(" "), facts);
  const last = panels.at(-1)!;
  const below = namesBelow(rates.names, settings.width, height + BELOW + Math.max(0, last.key.bottom));
  const views = panels.map(({ view }, k) =>
    k === panels.length - 1 ? { ...view, layer: [...view.layer, ...below.layers] } : view,
  );
  return {
    rows: drawn.flatMap(({ axis, curves }) => plottedRows(axis, curves)),
    spec: sheet(
      words,
      panels.map(({ plan }) => plan),
      stack(views),
      {
        right: Math.max(...panels.map(({ key }) => key.right)),
        bottom: below.bottom + Math.max(...panels.map(({ key }) => key.bottom)),
      },
    ),
  };
}

/** From the plot to what the dashes mean. */
const BELOW = 52;
const ON_BAND: { readonly names: readonly Named[]; readonly look: string } = {
  names: [],
  look: "The grey band is the flow.",
};

/** What the dashes mean where colours tell columns apart: the learning rates. */
function rateNames(record: RunRecord, column: string, of: readonly string[]): typeof ON_BAND {
  const descents = of.includes("descent") ? descentCurves(record, column) : [];
  const others = [...descents, ...flowsBeside(record, column, of)];
  const names = others.map(({ label }, k) => ({
    ...{ label, colour: DASH_COLOUR, dash: descentDash(k), width: 1.6 },
  }));
  return {
    names: [{ label: "gradient flow", colour: DASH_COLOUR, dash: [1, 0], width: 2.4 }, ...names],
    look:
      others.length > descents.length
        ? "Solid: the flow; dashed: descent and the flows beside it, a dash for each."
        : "Solid: the flow; dashed: descent, a dash for each learning rate.",
  };
}

const DASH_COLOUR = "#555555";

function planAxis(record: RunRecord, columns: readonly ColumnFacts[], curves: readonly Curve[]): AxisPlan {
  const { yScale } = settingsOf(record.config);
  const isLog = yScale === null ? columns.every(({ scale }) => scale === "log") : yScale === "log";
  return isLog ? planLogAxis(valuesToReach(curves)) : planLinearAxis(valuesToReach(curves));
}

/** One column is told from the descents by their colours; several by their own, and the descents are dashed. */
function curvesOf(record: RunRecord, columns: readonly ColumnFacts[], of: readonly string[]): Curve[] {
  const flow = (name: string) => (of.includes("flow") ? [flowCurve(record, name)] : []);
  const others = (name: string) => [
    ...(of.includes("descent") ? descentCurves(record, name) : []),
    ...flowsBeside(record, name, of),
  ];
  const [only] = columns;
  if (columns.length === 1) return [...flow(only!.name), ...others(only!.name)];
  return columns.flatMap(({ name, label }, k) => {
    const colour = columns.length <= DISTINCT ? descentStyle(k).colour : modeColour(k, columns.length);
    return [
      ...flow(name).map((curve) => ({ ...curve, label, colour, width: 2.4 })),
      ...others(name).map((curve, index) => ({
        ...curve,
        label: `${label}, ${curve.label}`,
        colour,
        dash: descentDash(index),
        width: 1.6,
        named: false,
      })),
    ];
  });
}

/** Of flows beside descent, each in the colour of its learning rate and in a dash of its own. */
function flowsBeside(record: RunRecord, column: string, of: readonly string[]): Curve[] {
  const rates = ratesOf(record);
  return rates.flatMap((rate, k) =>
    curvesBeside(record, rate, column)
      .filter(({ label }) => of.includes(label))
      .map((curve, index) => ({
        ...curve,
        ...{ label: `${curve.label}, η = ${formatNumber(rate, 6)}`, colour: descentStyle(k).colour },
        dash: descentDash(index),
      })),
  );
}

/** Colours that are easily told apart. */
const DISTINCT = 6;
