/** How far descent has strayed from the flow: parameter gap and function gap against time, one curve per learning rate. */
import { planLogAxis } from "./axis.js";
import { caption } from "./caption.js";
import {
  curveStyle,
  cutMarks,
  type Figure,
  planTimeAxis,
  plottedRows,
  timeChannel,
  valueChannel,
} from "./chart.js";
import { descentCurves } from "./curves.js";
import { PLOT_HEIGHT, PLOT_WIDTH, THEME } from "./theme.js";

const PANELS: readonly { column: "parameterGap" | "functionGap"; title: string[] }[] = [
  { column: "parameterGap", title: ["parameter gap", "‖θ(t) − θₖ‖"] },
  { column: "functionGap", title: ["function gap", "‖F(t) − Fₖ‖"] },
];

export const gapFigure: Figure = {
  name: "gap",
  build(record) {
    const drawn = PANELS.map((panel) => ({ ...panel, curves: descentCurves(record, panel.column) })).filter(
      (panel) => panel.curves.some((curve) => curve.points.length > 0),
    );
    if (drawn.length === 0) return null;
    const time = planTimeAxis(
      record,
      drawn.flatMap((panel) => panel.curves),
    );
    const views = drawn.map(({ column, title, curves }, k) => {
      const last = k === drawn.length - 1;
      const x = timeChannel(time, last);
      const y = valueChannel(
        planLogAxis(curves.flatMap(({ points }) => points.map((point) => point.value))),
        title,
      );
      return {
        width: PLOT_WIDTH,
        height: PLOT_HEIGHT / 2 + 20,
        layer: [
          {
            data: { values: plottedRows(column, curves) },
            mark: { type: "line" as const, clip: true },
            encoding: {
              x,
              y,

              ...curveStyle(curves, last),
            },
          },
          { ...cutMarks(curves), encoding: { ...cutMarks(curves).encoding, x, y } },
        ],
      };
    });
    return {
      rows: drawn.flatMap(({ column, curves }) => plottedRows(column, curves)),
      spec: {
        $schema: "https://vega.github.io/schema/vega-lite/v6.json",
        title: caption(record),
        config: THEME,
        spacing: 18,
        bounds: "flush" as const,
        vconcat: views,
        resolve: {
          scale: {
            color: "independent" as const,
            strokeDash: "independent" as const,
            strokeWidth: "independent" as const,
          },
        },
      },
    };
  },
};
