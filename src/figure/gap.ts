/** How far descent has strayed from the flow: parameter gap and function gap against time, one curve per learning rate. */
import type { Figure } from "./chart.js";
import { descentCurves } from "./curves.js";
import { stackPanels } from "./stack.js";

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
    return stackPanels(
      record,
      "How far descent is from the flow at the same t. In proportion to η, it is the step's doing.",
      drawn.map(({ column, ...panel }) => ({ name: column, ...panel })),
    );
  },
};
