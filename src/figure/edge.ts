/** Descent at the edge of stability: its loss and the sharpness beside 2/η, with what the flows that describe its mean say of both; two panels a learning rate. */
import type { RunRecord } from "../record/reader.js";
import { formatNumber } from "./axis.js";
import type { Figure } from "./chart.js";
import { type Curve, descentCurve, flowCurve } from "./curves.js";
import { curvesBeside, ratesOf } from "./flows.js";
import { stackPanels } from "./stack.js";
import { FIT_COLOUR } from "./theme.js";

/** Of more learning rates the largest, which come to the edge first. */
const MOST_RATES = 2;
const DESCENT = { colour: "#555555", dash: [1, 0], width: 1 };

export const edgeFigure: Figure = {
  name: "edge",
  build(record) {
    const rates = ratesOf(record).slice(0, MOST_RATES);
    const hasMean = record.flows.meanLoss.some(Number.isFinite);
    if (rates.length === 0 || !hasMean || sharpnessOf(record, rates[0]!).length === 0) return null;
    const panels = rates.flatMap((rate) => {
      const name = `η = ${formatNumber(rate, 6)}`;
      return [
        { name: `loss, ${name}`, title: `loss L, ${name}`, curves: lossesOf(record, rate) },
        {
          ...{ name: `λ_max, ${name}`, title: `sharpness λ_max, ${name}`, scale: "linear" as const },
          curves: [...sharpnessOf(record, rate), limitOf(record, rate)],
        },
      ];
    });
    const look =
      "Flows that describe descent’s mean predict its mean loss, the swing included. While λ_max is above 2/η descent’s swing grows, below it shrinks; gradient flow knows no such limit.";
    return stackPanels(record, look, panels);
  },
};

/** Gradient flow as a band, descent with its running average, and the predictions of flows that make any. */
function lossesOf(record: RunRecord, rate: number): Curve[] {
  const [, ...predicted] = curvesBeside(record, rate, "meanLoss");
  const [mean] = curvesBeside(record, rate, "descentMeanLoss");
  return [
    flowCurve(record, "loss"),
    descentOf(record, rate, "loss"),
    { ...mean!, ...DESCENT, width: 2.4, dash: [6, 3], label: "its running average" },
    ...predicted.map((curve) => ({ ...curve, label: `${curve.label} flow, predicted mean` })),
  ].filter(isDrawn);
}

/** λ_max where it is measured. */
function sharpnessOf(record: RunRecord, rate: number): Curve[] {
  const column = "sharpness.1";
  if (record.series[column] === undefined && record.flows[column] === undefined) return [];
  const [, ...beside] = curvesBeside(record, rate, column);
  return [
    ...(record.series[column] === undefined ? [] : [flowCurve(record, column)]),
    ...(record.descent[column] === undefined ? [] : [descentOf(record, rate, column)]),
    ...beside.map((curve) => ({ ...curve, label: `${curve.label} flow` })),
  ].filter(isDrawn);
}

const isDrawn = ({ points }: Curve): boolean => points.length > 0;

function descentOf(record: RunRecord, rate: number, column: string): Curve {
  return { ...descentCurve(record, rate, column), ...DESCENT, label: "descent" };
}

/** The sharpness from which descent is unstable. */
function limitOf(record: RunRecord, rate: number): Curve {
  const { t } = record.series;
  const points = [t[0]!, t.at(-1)!].map((time) => ({ t: time, value: 2 / rate }));
  return { label: "2/η", colour: FIT_COLOUR, dash: [2, 3], width: 1.2, points };
}
