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
    const rates = ratesOf(record).slice(0, MOST_PANELS);
    if (rates.length === 0) return null;
    const hasMean = record.flows.meanDistance.some(Number.isFinite);
    const [column, what] = hasMean
      ? (["meanDistance", "distance to descent’s mean"] as const)
      : (["distance", "distance to descent"] as const);
    const panels = rates.map((rate) => ({
      name: `η = ${rate}`,
      title: `${what}, η = ${formatNumber(rate, 6)}`,
      curves: curvesBeside(record, rate, column),
    }));
    const look = hasMean
      ? "The lower a curve, the closer that flow is to the running average of descent at the same t. The grey band is the gradient flow."
      : "The lower a curve, the closer that flow is to descent at the same t. The grey band is the gradient flow.";
    return stackPanels(record, look, panels);
  },
};

/** Of descents that have flows beside them, the largest first. */
export function ratesOf({ flows }: RunRecord): number[] {
  return [...new Set(flows.learningRate)].sort((a, b) => b - a);
}

/** A column of each flow beside the descent of this rate: gradient flow as a band, the others in the order of the table, each kind in a colour of its own. */
export function curvesBeside(record: RunRecord, rate: number, column: string): Curve[] {
  const { flows, flowKinds, descent } = record;
  const values = flows[column];
  const kinds = [...new Set(flowKinds)].filter((kind) => kind !== "gradient");
  const isLog = hasLogTime(record);
  const pointsOf = (kind: string) =>
    Array.from(flowKinds.keys())
      .filter((row) => flowKinds[row] === kind && flows.learningRate[row] === rate)
      .map((row) => ({ t: flows.t[row]!, value: values?.[row] ?? Number.NaN }));
  // Before gradient flow stood in this table, descent's had its distance.
  const older =
    column === "distance" && !flowKinds.includes("gradient")
      ? Array.from(descent.t.keys())
          .filter((row) => descent.learningRate[row] === rate)
          .map((row) => ({ t: descent.t[row]!, value: descent.parameterGap[row]! }))
      : [];
  const band = {
    ...{ label: "gradient flow", colour: FLOW_COLOUR, dash: [1, 0], width: 5 },
    points: drawable([...older, ...pointsOf("gradient")], isLog),
  };
  const ofOneStep = record.result?.flows.flatMap(({ begun, kind }) => (begun === "step" ? [kind] : [])) ?? [];
  const others = kinds.map((kind, k) => ({
    ...{ label: kind, ...descentStyle(k), width: 1.8, points: drawable(pointsOf(kind), isLog) },
    ...(column.endsWith("istance") && ofOneStep.includes(kind) && { label: `${kind} (of one step)` }),
  }));
  return [band, ...others];
}
