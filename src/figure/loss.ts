/** The main figure: the loss of flow and descents against time, the fitted exponential over its window. */
import type { RunRecord } from "../record/reader.js";
import type { DecayFit } from "../record/result.js";
import { formatNumber, planLinearAxis, planLogAxis } from "./axis.js";
import { caption } from "./caption.js";
import { curvePanel, type Figure, planTimeAxis, plottedRows, sheet } from "./chart.js";
import { type Curve, descentCurves, flowCurve, hasLogTime, valuesToReach } from "./curves.js";
import { settingsOf } from "./settings.js";
import { FIT_COLOUR } from "./theme.js";

const FIT_POINTS = 120;

export const lossFigure: Figure = {
  name: "loss",
  build(record) {
    const flow = flowCurve(record, "loss");
    if (flow.points.length === 0) return null;
    const measured = [flow, ...descentCurves(record, "loss")];
    const curves = [...measured, ...fitCurve(record, flow)];
    const settings = settingsOf(record.config);
    const time = planTimeAxis(record, measured);
    const values = valuesToReach(measured);
    const up = settings.yScale === "linear" ? planLinearAxis(values) : planLogAxis(values);
    const { view, facts, key, plan } = curvePanel(curves, time, up, { ...settings, title: "loss L" });
    const words = caption(record, lookFor(measured, time.scale.type, up.scale.type), [
      ...facts,
      ...residualFact(record),
    ]);
    return { rows: plottedRows("loss", curves), spec: sheet(words, [plan], view, key) };
  },
};

function lookFor(measured: readonly Curve[], across: string, up: string): string {
  if (measured.length > 1)
    return "A line on the grey band: descent is where the flow is at the same t. A line that leaves it shows what descent owes to its step.";
  if (up !== "log") return "The loss along the gradient flow; it never rises.";
  return across === "log"
    ? "A straight stretch is a power law of t; the loss of a gradient flow never rises."
    : "A straight stretch is exponential decay; the loss of a gradient flow never rises.";
}

/** `‖r‖² = 100 L`, where the loss is proportional to ‖r‖². */
function residualFact(record: RunRecord): string[] {
  const { loss: losses, residualNorm } = record.series;
  const ratios = Array.from(losses, (value, k) => residualNorm[k]! ** 2 / value).filter(
    (ratio) => ratio > 0 && Number.isFinite(ratio),
  );
  const factor = ratios[0];
  if (factor === undefined || ratios.some((ratio) => Math.abs(ratio / factor - 1) > 1e-3)) return [];
  return [`squared residual ‖r‖² = ‖F(θ) − y‖² = ${formatNumber(factor, 4)} L`];
}

/** The law L ∝ exp(−rate·t) over its window, through the mean of log L there. */
function fitCurve(record: RunRecord, flow: Curve): Curve[] {
  const fit: DecayFit | null = record.result?.decay ?? null;
  if (fit === null) return [];
  const [from, to] = fit.window;
  const inside = flow.points.filter(
    ({ t, value }) => t >= from && t <= to && value > 0 && Number.isFinite(value),
  );
  const first = inside[0];
  if (first === undefined || !Number.isFinite(fit.rate)) return [];
  const logs = inside.map((point) => Math.log(point.value) + fit.rate * point.t);
  const intercept = logs.reduce((sum, value) => sum + value, 0) / logs.length;
  const start = Math.max(from, first.t);
  const time = (share: number) =>
    hasLogTime(record) ? start * (to / start) ** share : start + (to - start) * share;
  const points = Array.from({ length: FIT_POINTS + 1 }, (_, k) => {
    const t = time(k / FIT_POINTS);
    return { t, value: Math.exp(intercept - fit.rate * t) };
  });
  const label = `fit ∝ exp(${formatNumber(-fit.rate)} t), R² = ${formatNumber(fit.rSquared, 4)}`;
  return [{ label, colour: FIT_COLOUR, dash: [6, 4], width: 1.6, points }];
}
