/** The main figure: the loss of flow and descents against time, the fitted exponential over its window. */
import type { RunRecord } from "../record/reader.js";
import type { DecayFit } from "../record/result.js";
import { formatNumber, planLinearAxis, planLogAxis } from "./axis.js";
import { caption } from "./caption.js";
import {
  type BandRow,
  curvePanel,
  type Figure,
  type PlottedRow,
  planTimeAxis,
  plottedRows,
  sheet,
} from "./chart.js";
import { type Curve, descentCurves, flowCurve, hasLogTime, valuesToReach } from "./curves.js";
import { bandAt, bandDoubts, describeBand, type Ends, tighterPoints } from "./error-band.js";
import { settingsOf } from "./settings.js";
import { FIT_COLOUR } from "./theme.js";

const FIT_POINTS = 120;

/** A plotted row, with the ends of the shade where a second run gives one. */
export type LossRow = PlottedRow & Partial<Ends>;

export const lossFigure: Figure<LossRow> = {
  name: "loss",
  build(record) {
    const flow = flowCurve(record, "loss");
    if (flow.points.length === 0) return null;
    const measured = [flow, ...descentCurves(record, "loss")];
    const curves = [...measured, ...fitCurve(record, flow)];
    const settings = settingsOf(record.config);
    const time = planTimeAxis(record, measured);
    const isLog = settings.yScale !== "linear";
    const tighter = tighterPoints(record.errorCheck);
    const band =
      tighter.length === 0
        ? []
        : flow.points.map((point) => ({ t: point.t, ...bandAt(point, tighter, isLog) }));
    const values = [...valuesToReach(measured), ...band.flatMap(({ low, high }) => [low, high])];
    const up = isLog ? planLogAxis(values) : planLinearAxis(values);
    const { view, facts, key, plan } = curvePanel(curves, time, up, { ...settings, title: "loss L", band });
    const second = record.result?.errorCheck;
    const seconds = second && band.length > 0 ? [second] : [];
    const look = [
      lookFor(measured, time.scale.type, up.scale.type),
      ...seconds.map(() => describeBand(seconds)),
    ];
    const words = caption(record, look.join(" "), [
      ...bandDoubts(seconds),
      ...facts,
      ...residualFact(record),
    ]);
    const rows = plottedRows("loss", curves);
    return {
      rows: band.length === 0 ? rows : withEnds(rows, flow.label, band),
      spec: sheet(words, [plan], view, key),
    };
  },
};

/** The plotted rows with the ends of the flow's band; other curves have none of a width. */
function withEnds(rows: readonly PlottedRow[], flow: string, band: readonly BandRow[]) {
  return rows.map((row, k) => {
    const { low, high } = row.curve === flow ? band[k]! : { low: row.value, high: row.value };
    return { ...row, low, high };
  });
}

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
