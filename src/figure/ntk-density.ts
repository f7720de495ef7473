/** Where the eigenvalues of the tangent kernel lie: their share per bin of log₁₀ λ, at the first and the last time. */
import type { RunRecord } from "../record/reader.js";
import { formatNumber, planLinearAxis, planLogAxis } from "./axis.js";
import { caption, part } from "./caption.js";
import { curveStyle, type DataRow, type Figure, sheet } from "./chart.js";
import { namesBelow } from "./key.js";
import { laneLayers, markLayer, traceCurve } from "./marks.js";
import { settingsOf } from "./settings.js";
import { FIT_COLOUR, STEP_COLOUR } from "./theme.js";

const BINS_PER_DECADE = 4;
/** Nodes below this part of the largest are rounding of products with G: they count as zero. */
const ZERO = 1e-13;
const MOST_DECADES = 14;
const ACROSS = "eigenvalue λ of the tangent kernel G = JJᵀ";
const UP = `share of the eigenvalues per 1/${BINS_PER_DECADE} decade`;
/** From the plot to the names of its curves. */
const BELOW = 52;

export const ntkDensityFigure: Figure<DataRow> = {
  name: "ntk-density",
  build(record) {
    const { t, node, weight } = record.ntkDensity;
    const largest = node.reduce((top, value) => Math.max(top, value), 0);
    if (!(largest > 0)) return null;
    const times = [...new Set(t)];
    const from = Math.max(
      Math.floor(BINS_PER_DECADE * Math.log10(smallest(node, largest))),
      Math.ceil(BINS_PER_DECADE * (Math.log10(largest) - MOST_DECADES)),
    );
    const to = Math.ceil(BINS_PER_DECADE * Math.log10(largest) + 1e-9);
    const series = times.map((time, k) => {
      const bins = new Float64Array(to - from);
      let zero = 0;
      node.forEach((value, i) => {
        if (t[i] !== time) return;
        const bin = Math.floor(BINS_PER_DECADE * Math.log10(value)) - from;
        if (value <= ZERO * largest || !(bin >= 0)) zero += weight[i]!;
        else bins[Math.min(bin, bins.length - 1)]! += weight[i]!;
      });
      return { label: `t = ${formatNumber(time)}`, colour: k === 0 ? STEP_COLOUR : FIT_COLOUR, bins, zero };
    });
    const zeros = series.flatMap(({ label, zero }) =>
      zero > 0 ? [{ curve: label, lambda: 0, share: zero }] : [],
    );
    const bars = series.flatMap(({ label, bins }) =>
      Array.from(bins, (share, bin) => ({
        curve: label,
        lambda: 10 ** ((from + bin) / BINS_PER_DECADE),
        share,
      })),
    );
    const rows = [...zeros, ...bars];
    const ends = [10 ** (from / BINS_PER_DECADE), 10 ** (to / BINS_PER_DECADE)];
    const across = planLogAxis([...ends, ...zeros.map(({ lambda }) => lambda)], 0);
    const up = planLinearAxis([0, 1.1 * Math.max(...rows.map(({ share }) => share))], true);
    const curves = series.map(({ label, colour }, k) => ({
      ...{ label, colour, width: 1.8, points: [] },
      dash: k === 0 ? [1, 0] : [5, 3],
    }));
    const x = {
      field: "lambda",
      type: "quantitative" as const,
      scale: across.scale,
      axis: { ...across.axis, title: ACROSS },
    };
    const y = {
      field: "share",
      type: "quantitative" as const,
      scale: up.scale,
      axis: { ...up.axis, title: UP },
    };
    const marks = zeros.flatMap(({ curve, lambda, share }) => {
      const { colour } = curves.find(({ label }) => label === curve)!;
      const points = [{ t: lambda, value: share }];
      return traceCurve({ label: curve, colour, width: 1.8, points }, across, up).marks;
    });
    const { width, height } = settingsOf(record.config);
    const key = namesBelow(curves, width, height + BELOW);
    const words = caption(
      record,
      "What moves to the right is learned faster, what moves to the left slower; lane 0 holds what is not learned at all.",
      facts(record, series),
    );
    return {
      rows,
      spec: sheet(
        words,
        [{ time: across, up, titles: [ACROSS, UP], curves }],
        {
          width,
          height,
          layer: [
            ...laneLayers(across, x, "x"),
            {
              // The last bin ends where the axis does.
              data: {
                values: [
                  ...bars,
                  ...series.map(({ label }) => ({ curve: label, lambda: ends[1], share: 0 })),
                ],
              },
              mark: { type: "line", interpolate: "step-after", clip: true },
              encoding: { x, y, ...curveStyle(curves) },
            },
            markLayer(marks, x, y),
            ...key.layers,
          ],
        },
        key,
      ),
    };
  },
};

function smallest(nodes: Float64Array, largest: number): number {
  return nodes.reduce((least, value) => (value > ZERO * largest ? Math.min(least, value) : least), largest);
}

function facts(record: RunRecord, series: readonly { label: string; zero: number }[]): string[] {
  const density = part(part(part(record.config["measure"])["ntk"])["density"]);
  const method = record.result?.ntk?.method === "lanczos" || density["probes"] !== undefined;
  return [
    method ? "by stochastic Lanczos quadrature" : "from all eigenvalues",
    ...series
      .filter(({ zero }) => zero > 0)
      .map(({ label, zero }) => `lane 0: ${formatNumber(100 * zero)} % zero or below resolution at ${label}`),
  ];
}
