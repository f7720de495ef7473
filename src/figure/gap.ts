/** How far descent has strayed from the flow: parameter gap and function gap against time, one curve per learning rate. */
import { planLinearAxis, planLogAxis } from "./axis.js";
import { caption } from "./caption.js";
import { curvePanel, type Figure, planTimeAxis, plottedRows, sheet, stack } from "./chart.js";
import { descentCurves, valuesToReach } from "./curves.js";
import { settingsOf } from "./settings.js";

const PANELS: readonly { column: "parameterGap" | "functionGap"; title: string }[] = [
  { column: "parameterGap", title: "parameter gap ‖θ(t) − θₖ‖" },
  { column: "functionGap", title: "function gap ‖F(t) − Fₖ‖" },
];

export const gapFigure: Figure = {
  name: "gap",
  build(record) {
    const drawn = PANELS.map((panel) => ({ ...panel, curves: descentCurves(record, panel.column) })).filter(
      (panel) => panel.curves.some((curve) => curve.points.length > 0),
    );
    if (drawn.length === 0) return null;
    const { width, height: whole, yScale } = settingsOf(record.config);
    const height = whole / 2 + 20;
    const time = planTimeAxis(
      record,
      drawn.flatMap((panel) => panel.curves),
    );
    const panels = drawn.map(({ column, title, curves }, k) => {
      const values = valuesToReach(curves);
      const up = yScale === "linear" ? planLinearAxis(values) : planLogAxis(values);
      const labelled = k === drawn.length - 1;
      const panel = curvePanel(curves, time, up, { title, width, height, labelled, names: k === 0 });
      return { ...panel, rows: plottedRows(column, curves) };
    });
    const words = caption(
      record,
      "How far descent is from the flow at the same t. In proportion to η, it is the step's doing.",
      [...new Set(panels.flatMap(({ facts }) => facts))],
    );
    return {
      rows: panels.flatMap(({ rows }) => rows),
      spec: sheet(
        words,
        panels.map(({ plan }) => plan),
        stack(panels.map(({ view }) => view)),
        panels[0]!.key,
      ),
    };
  },
};
