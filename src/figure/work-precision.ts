/** Error against gradient evaluations, one curve per method, both axes logarithmic: further down and to the left is better. */
import type { TopLevelSpec } from "vega-lite";
import { formatNumber, planLogAxis } from "./axis.js";
import { legendColumns } from "./chart.js";
import { descentStyle, FIT_COLOUR, PLOT_HEIGHT, PLOT_WIDTH, THEME } from "./theme.js";

export interface WorkPrecisionPoint {
  readonly method: string;
  readonly rtol: number;
  readonly gradientEvaluations: number;
  readonly hessianEquivalents: number;
  readonly error: number | null;
}

/** Null where no run reached the end. `descent` is drawn as a cross. */
export function workPrecisionSpec(
  title: string,
  rows: readonly WorkPrecisionPoint[],
  descent: { readonly learningRate: number; readonly steps: number; readonly error: number } | null,
): TopLevelSpec | null {
  const points = rows
    .filter(({ error }) => error !== null && error > 0)
    .map(({ method, rtol, gradientEvaluations, hessianEquivalents, error }) => ({
      method,
      rtol,
      work: gradientEvaluations + hessianEquivalents,
      error: error as number,
    }));
  if (points.length === 0) return null;
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
    legend: { columns: legendColumns(domain), title: null },
  });
  const work = {
    field: "work",
    type: "quantitative" as const,
    scale: x.scale,
    axis: { ...x.axis, title: "gradient evaluations, Hessian products included" },
  };
  const error = {
    field: "error",
    type: "quantitative" as const,
    scale: y.scale,
    axis: { ...y.axis, title: ["error at the end", "‖θ − θ*‖/‖θ*‖"] },
  };
  const colour = channel(styles.map((style) => style.colour));
  const cross =
    descent === null
      ? []
      : [`cross: gradient descent with η = 1/λ_max = ${formatNumber(descent.learningRate)}`];
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: { text: title, subtitle: ["each curve from loose to tight tolerance", ...cross] },
    config: THEME,
    width: PLOT_WIDTH,
    height: PLOT_HEIGHT,
    layer: [
      {
        data: { values: points },
        mark: { type: "line", point: true },
        encoding: {
          x: work,
          y: error,
          order: { field: "rtol", sort: "descending" },
          color: colour,
          strokeDash: channel(styles.map((style) => style.dash)),
        },
      },
      {
        data: { values: crosses },
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
    ],
  } as TopLevelSpec;
}
