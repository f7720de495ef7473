/** The gap between flow and descent beside the leading gap and its bounds: a panel for each learning rate, the largest first. */
import type { GapColumn } from "../record/columns.js";
import type { RunRecord } from "../record/reader.js";
import { formatNumber } from "./axis.js";
import type { Figure } from "./chart.js";
import { type Curve, drawable, hasLogTime } from "./curves.js";
import { MOST_PANELS } from "./flows.js";
import { stackPanels } from "./stack.js";
import { FLOW_COLOUR, modeColour } from "./theme.js";

const CURVES: readonly { column: GapColumn; label: string; colour: string; dash: number[]; width: number }[] =
  [
    { column: "gap", label: "gap ‖θ(t) − θₖ‖", colour: FLOW_COLOUR, dash: [1, 0], width: 5 },
    { column: "leadingGap", label: "leading gap ‖e‖", colour: modeColour(0, 4), dash: [1, 0], width: 1.8 },
    {
      column: "leadingGapError",
      label: "‖θ(t) − θₖ − e‖",
      colour: modeColour(0, 4),
      dash: [2, 2],
      width: 1.6,
    },
    { column: "boundForce", label: "bound by ‖∇²L·∇L‖", colour: modeColour(2, 4), dash: [1, 0], width: 1.6 },
    { column: "boundPointwise", label: "by ‖∇²L‖‖∇L‖", colour: modeColour(2, 4), dash: [5, 2], width: 1.6 },
    { column: "boundSuprema", label: "by their suprema", colour: modeColour(2, 4), dash: [2, 2], width: 1.6 },
  ];

export const leadingGapFigure: Figure = {
  name: "leading-gap",
  build(record) {
    const rates = [...new Set(record.gaps.learningRate)].sort((a, b) => b - a).slice(0, MOST_PANELS);
    const panels = rates.map((rate) => {
      const curves = curvesAt(record, rate);
      return { name: `η = ${rate}`, title: `gap to descent, η = ${formatNumber(rate, 6)}`, curves };
    });
    if (panels.length === 0) return null;
    const look = panels[0]!.curves.some(({ label }) => label.startsWith("bound"))
      ? "The leading gap lies on the grey band where the gap is of first order in η. The bounds must lie above the band."
      : "The leading gap lies on the grey band where the gap is of first order in η.";
    return stackPanels(record, look, panels);
  },
};

function curvesAt(record: RunRecord, rate: number): Curve[] {
  const { gaps } = record;
  const rows = Array.from(gaps.t.keys()).filter((row) => gaps.learningRate[row] === rate);
  return CURVES.map(({ column, ...style }) => ({
    ...style,
    points: drawable(
      rows.map((row) => ({ t: gaps.t[row]!, value: gaps[column][row]! })),
      hasLogTime(record),
    ),
  })).filter(({ points }) => points.length > 0);
}
