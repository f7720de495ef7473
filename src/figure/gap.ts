/** How far descent has strayed from the flow: parameter gap and function gap against time, one curve per learning rate. */
import { planLogAxis } from "./axis.js";
import { caption } from "./caption.js";
import { axesOf, curvePanel, type Figure, planTimeAxis, plottedRows } from "./chart.js";
import { descentCurves, valuesToReach } from "./curves.js";
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
    const panels = drawn.map(({ column, title, curves }, k) => {
      const last = k === drawn.length - 1;
      const up = planLogAxis(valuesToReach(curves));
      return {
        up,
        rows: plottedRows(column, curves),
        ...curvePanel(curves, time, up, { title, labelled: last, legend: last }),
      };
    });
    const facts = [...new Set(panels.flatMap((panel) => panel.facts))];
    return {
      rows: panels.flatMap(({ rows }) => rows),
      spec: {
        $schema: "https://vega.github.io/schema/vega-lite/v6.json",
        ...axesOf(...panels.map(({ up }) => ({ time, up }))),
        title: caption(record, facts),
        config: THEME,
        spacing: 18,
        bounds: "flush" as const,
        vconcat: panels.map(({ layer }) => ({ width: PLOT_WIDTH, height: PLOT_HEIGHT / 2 + 20, layer })),
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
