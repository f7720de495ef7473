/** Error against gradient evaluations, one curve per method, both axes logarithmic: further down and to the left is better. */
import type { TopLevelSpec } from "vega-lite";
import { formatNumber, placeOn, planLogAxis } from "./axis.js";
import { breakTitle, sheet } from "./chart.js";
import { nameCurves } from "./key.js";
import { explainMarks, laneLayers, markLayer, traceCurve } from "./marks.js";
import { descentStyle, FIT_COLOUR, PLOT_HEIGHT, PLOT_WIDTH } from "./theme.js";

export interface WorkPrecisionPoint {
  readonly method: string;
  readonly rtol: number;
  readonly gradientEvaluations: number;
  readonly hessianEquivalents: number;
  readonly error: number | null;
}

const WORK = "gradient evaluations, Hessian products included";
const ERROR = "error at the end ‖θ − θ*‖/‖θ*‖";

/** Runs that did not reach the end stand in a lane; null where none did. `descent` is drawn as a cross. */
export function workPrecisionSpec(
  title: string,
  rows: readonly WorkPrecisionPoint[],
  descent: { readonly learningRate: number; readonly steps: number; readonly error: number } | null,
): TopLevelSpec | null {
  if (rows.every(({ error }) => error === null)) return null;
  const points = rows
    .toSorted((p, q) => q.rtol - p.rtol)
    .map(({ method, rtol, gradientEvaluations, hessianEquivalents, error }) => ({
      method,
      rtol,
      work: gradientEvaluations + hessianEquivalents,
      error: error ?? Number.POSITIVE_INFINITY,
    }));
  const domain = [...new Set(points.map(({ method }) => method))];
  const styles = domain.map((_, k) => descentStyle(k));
  const crosses = descent === null ? [] : [{ work: descent.steps, error: descent.error }];
  const all = [...points, ...crosses];
  const x = planLogAxis(all.map(({ work }) => work));
  const y = planLogAxis(all.map(({ error }) => error));
  const channel = <T>(range: T[]) => ({
    field: "method",
    type: "nominal" as const,
    scale: { type: "ordinal" as const, domain, range },
    sort: null,
    legend: null,
  });
  const work = {
    field: "work",
    type: "quantitative" as const,
    scale: x.scale,
    axis: { ...x.axis, title: WORK },
  };
  const error = {
    field: "error",
    type: "quantitative" as const,
    scale: y.scale,
    axis: { ...y.axis, title: breakTitle(ERROR, PLOT_HEIGHT) },
  };
  const colour = channel(styles.map((style) => style.colour));
  const traced = domain.map((method, k) => {
    const own = points.filter((point) => point.method === method);
    const along = own.map(({ work: t, error: value }) => ({ t, value }));
    const look = { label: method, colour: styles[k]!.colour, width: 2 };
    const dots = along.flatMap((point) => traceCurve({ ...look, points: [point] }, x, y).marks);
    const { stretches } = traceCurve({ ...look, points: along }, x, y);
    return {
      name: { label: method, colour: styles[k]!.colour, dash: styles[k]!.dash, width: 2, points: along },
      dots,
      lines: stretches.flatMap((found, stretch) =>
        found.map(({ t, value }, order) => ({ method, work: t, error: value, stretch, order })),
      ),
    };
  });
  const dots = traced.flatMap((one) => one.dots);
  const words = explainMarks(dots, { infinite: "lane ∞: did not reach the end", zero: "lane 0: no error" });
  const cross =
    descent === null
      ? []
      : [`cross: gradient descent with η = 1/λ_max = ${formatNumber(descent.learningRate)}`];
  const size = { width: PLOT_WIDTH, height: PLOT_HEIGHT };
  const names = traced.map(({ name }) => name);
  const key = nameCurves(names, x, y, size);
  return sheet(
    {
      title,
      subtitle: ["error at the end against work"],
      look: "Further down and to the left is better: less error for less work. Each curve goes from loose to tight tolerance.",
      facts: [...cross, ...words],
    },
    [{ time: x, up: y, titles: [WORK, ERROR], curves: names }],
    {
      ...size,
      layer: [
        ...laneLayers(y, error, "y"),
        {
          data: { values: traced.flatMap(({ lines }) => lines) },
          mark: { type: "line", clip: true },
          encoding: {
            x: work,
            y: error,
            order: { field: "order" },
            color: colour,
            strokeDash: channel(styles.map((style) => style.dash)),
            detail: { field: "stretch" },
          },
        },
        markLayer(dots, work, error),
        {
          data: { values: crosses.map((cross) => ({ ...cross, error: placeOn(y, cross.error).at })) },
          mark: {
            type: "point",
            shape: "M-1,-1L1,1M-1,1L1,-1",
            size: 80,
            strokeWidth: 2,
            stroke: FIT_COLOUR,
            filled: false,
            opacity: 1,
          },
          encoding: { x: work, y: error },
        },
        ...key.layers,
      ],
    },
    key,
  );
}
