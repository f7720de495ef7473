/** The main figure: the loss of flow and descents against time, ‖r‖² on the right-hand axis, the fitted exponential over its window. */
import type { RunRecord } from "../record/reader.js";
import type { DecayFit } from "../record/result.js";
import { type AxisPlan, formatNumber, planLogAxis } from "./axis.js";
import { caption } from "./caption.js";
import { axesOf, curvePanel, type Figure, planTimeAxis, plottedRows, valueChannel } from "./chart.js";
import { type Curve, descentCurves, flowCurve, hasLogTime, valuesToReach } from "./curves.js";
import { FIT_COLOUR, PLOT_HEIGHT, PLOT_WIDTH, THEME } from "./theme.js";

const FIT_POINTS = 120;

export const lossFigure: Figure = {
  name: "loss",
  build(record) {
    const flow = flowCurve(record, "loss");
    if (flow.points.length === 0) return null;
    const measured = [flow, ...descentCurves(record, "loss")];
    const curves = [...measured, ...fitCurve(record, flow)];
    const time = planTimeAxis(record, measured);
    const up = planLogAxis(valuesToReach(measured));
    const { layer, facts } = curvePanel(curves, time, up, { title: "loss L" });
    const lines = { layer };
    const residual = residualAxis(record, up);
    return {
      rows: plottedRows("loss", curves),
      spec: {
        $schema: "https://vega.github.io/schema/vega-lite/v6.json",
        ...axesOf({ time, up }),
        title: caption(record, facts),
        width: PLOT_WIDTH,
        height: PLOT_HEIGHT,
        config: THEME,
        ...(residual === null
          ? lines
          : { layer: [lines, residual], resolve: { scale: { y: "independent" as const } } }),
      },
    };
  },
};

/** The right-hand axis: the loss axis divided by c = L/‖r‖². Null where the loss is not proportional to ‖r‖². */
function residualAxis(record: RunRecord, loss: AxisPlan) {
  const { loss: losses, residualNorm } = record.series;
  const ratios = Array.from(losses, (value, k) => value / residualNorm[k]! ** 2).filter(
    (ratio) => ratio > 0 && Number.isFinite(ratio),
  );
  const factor = ratios[0];
  if (factor === undefined || ratios.some((ratio) => Math.abs(ratio / factor - 1) > 1e-3)) return null;
  const domain: [number, number] = [loss.scale.domain[0] / factor, loss.scale.domain[1] / factor];
  const [low, high] = [loss.reach[0] / factor, loss.reach[1] / factor];
  const ticks = planLogAxis([low, high], 0).axis;
  const inside = ticks.values.filter((value) => value >= low && value <= high);
  const y = valueChannel(
    { axis: { ...ticks, values: inside }, scale: { ...loss.scale, domain } },
    "squared residual ‖r‖² = ‖F(θ) − y‖²",
  );
  return {
    data: { values: [{ value: domain[0] }] },
    mark: { type: "point" as const, opacity: 0 },
    encoding: { y: { ...y, axis: { ...y.axis, orient: "right" as const, grid: false } } },
  };
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
