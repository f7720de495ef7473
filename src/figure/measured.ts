/** One figure for each measure of a run: its columns against time, a panel for each axis title, flow and descents together. */
import type { ColumnFacts, MeasureFacts } from "../record/manifest.js";
import type { RunRecord } from "../record/reader.js";
import { type AxisPlan, planLinearAxis, planLogAxis } from "./axis.js";
import { caption } from "./caption.js";
import { axesOf, curvePanel, type Figure, planTimeAxis, plottedRows } from "./chart.js";
import { type Curve, descentCurves, flowCurve, valuesToReach } from "./curves.js";
import { descentDash, descentStyle, modeColour, PLOT_HEIGHT, PLOT_WIDTH, THEME } from "./theme.js";

/** Empty where nothing was measured beside the series. */
export function measuredFigures({ manifest }: RunRecord): Figure[] {
  return (manifest.measures ?? []).map((measure) => ({
    name: measure.name,
    build: (record) => draw(record, measure),
  }));
}

function draw(record: RunRecord, { columns: all, of }: MeasureFacts): ReturnType<Figure["build"]> {
  const columns = all.filter(({ scale }) => scale !== "none");
  const axes = [...new Set(columns.map(({ axis }) => axis))];
  const drawn = axes
    .map((axis) => {
      const own = columns.filter((column) => column.axis === axis);
      const curves = curvesOf(record, own, of).filter(({ points }) => points.length > 0);
      return { axis, curves, up: planAxis(own, curves) };
    })
    .filter(({ curves }) => curves.length > 0);
  if (drawn.length === 0) return null;
  const time = planTimeAxis(
    record,
    drawn.flatMap(({ curves }) => curves),
  );
  const alike = new Set(drawn.map(({ curves }) => curves.map(({ label }) => label).join("\n"))).size === 1;
  const panels = drawn.map(({ axis, curves, up }, k) => {
    const last = k === drawn.length - 1;
    return curvePanel(curves, time, up, { title: axis, labelled: last, legend: last || !alike });
  });
  const facts = [...new Set(panels.flatMap((panel) => panel.facts))];
  const height = drawn.length === 1 ? PLOT_HEIGHT : PLOT_HEIGHT / 2 + 20;
  return {
    rows: drawn.flatMap(({ axis, curves }) => plottedRows(axis, curves)),
    spec: {
      $schema: "https://vega.github.io/schema/vega-lite/v6.json",
      ...axesOf(...drawn.map(({ up }) => ({ time, up }))),
      title: caption(record, facts),
      config: THEME,
      spacing: 18,
      ...(alike && { bounds: "flush" as const }),
      vconcat: panels.map(({ layer }) => ({ width: PLOT_WIDTH, height, layer })),
      resolve: {
        scale: {
          color: "independent" as const,
          strokeDash: "independent" as const,
          strokeWidth: "independent" as const,
        },
      },
    },
  };
}

function planAxis(columns: readonly ColumnFacts[], curves: readonly Curve[]): AxisPlan {
  const isLog = columns.every(({ scale }) => scale === "log");
  return isLog ? planLogAxis(valuesToReach(curves)) : planLinearAxis(valuesToReach(curves));
}

/** One column is told from the descents by their colours; several by their own, and the descents are dashed. */
function curvesOf(record: RunRecord, columns: readonly ColumnFacts[], of: readonly string[]): Curve[] {
  const flow = (name: string) => (of.includes("flow") ? [flowCurve(record, name)] : []);
  const descents = (name: string) => (of.includes("descent") ? descentCurves(record, name) : []);
  const [only] = columns;
  if (columns.length === 1) return [...flow(only!.name), ...descents(only!.name)];
  return columns.flatMap(({ name, label }, k) => {
    const colour = columns.length <= DISTINCT ? descentStyle(k).colour : modeColour(k, columns.length);
    return [
      ...flow(name).map((curve) => ({ ...curve, label, colour, width: 2.4 })),
      ...descents(name).map((curve, index) => ({
        ...curve,
        label: `${label}, ${curve.label}`,
        colour,
        dash: descentDash(index),
        width: 1.6,
      })),
    ];
  });
}

/** Colours that are easily told apart. */
const DISTINCT = 6;
