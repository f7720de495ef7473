/** How far each flow beside descent is from it, gradient flow among them: a panel for each learning rate, the largest first. */
import type { RunRecord } from "../record/reader.js";
import { formatNumber } from "./axis.js";
import type { Figure } from "./chart.js";
import { type Curve, drawable, hasLogTime } from "./curves.js";
import { stackPanels } from "./stack.js";
import { descentStyle, FLOW_COLOUR } from "./theme.js";

/** Of more learning rates the largest, whose flows differ most. */
export const MOST_PANELS = 5;

export const flowsFigure: Figure = {
  name: "flows",
  build(record) {
    const rates = [...new Set(record.flows.learningRate)].sort((a, b) => b - a).slice(0, MOST_PANELS);
    const panels = rates.map((rate) => {
      const curves = [gradientFlow(record, rate), ...flowsBeside(record, rate)];
      return {
        name: `η = ${rate}`,
        title: `distance to descent, η = ${formatNumber(rate, 6)}`,
        curves,
      };
    });
    if (panels.length === 0) return null;
    const look =
      "The lower a curve, the closer that flow is to descent at the same t. The grey band is the gradient flow.";
    return stackPanels(record, look, panels);
  },
};

function gradientFlow(record: RunRecord, rate: number): Curve {
  const { learningRate, t, parameterGap } = record.descent;
  const rows = Array.from(learningRate.keys()).filter((row) => learningRate[row] === rate);
  const points = rows.map((row) => ({ t: t[row]!, value: parameterGap[row]! }));
  return {
    ...{ label: "gradient flow", colour: FLOW_COLOUR, dash: [1, 0], width: 5 },
    points: drawable(points, hasLogTime(record)),
  };
}

/** In the order of the table, with a colour for each kind that is the same in all panels. */
function flowsBeside(record: RunRecord, rate: number): Curve[] {
  const { flows, flowKinds } = record;
  const kinds = [...new Set(flowKinds)];
  const ofOneStep = new Set(
    record.result?.flows.flatMap(({ begun, kind }) => (begun === "step" ? [kind] : [])),
  );
  return kinds.map((kind, k) => {
    const rows = Array.from(flowKinds.keys()).filter(
      (row) => flowKinds[row] === kind && flows.learningRate[row] === rate,
    );
    const points = rows.map((row) => ({ t: flows.t[row]!, value: flows.distance[row]! }));
    const label = ofOneStep.has(kind) ? `${kind} (of one step)` : kind;
    return { label, ...descentStyle(k), width: 1.8, points: drawable(points, hasLogTime(record)) };
  });
}
