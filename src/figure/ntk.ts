/** The tangent kernel over time: the residual between its bounds, the spectrum, the residual's modes against those of the frozen kernel. */
import type { RunRecord } from "../record/reader.js";
import { type AxisPlan, formatNumber, planLinearAxis, planLogAxis } from "./axis.js";
import { caption, part } from "./caption.js";
import { curveStyle, type Figure, plottedRows, timeChannel, valueChannel } from "./chart.js";
import type { Curve, Point } from "./curves.js";
import {
  FIT_COLOUR,
  FLOW_COLOUR,
  modeColour,
  PLOT_HEIGHT,
  PLOT_WIDTH,
  SLIDING_COLOUR,
  STEP_COLOUR,
  THEME,
} from "./theme.js";

/** Modes that a figure shows: more lines could not be told apart. */
const SHOWN_MODES = 8;

export const ntkBoundFigure: Figure = {
  name: "ntk-bound",
  build(record) {
    const { t, residualSquared, residualSquaredFloor, bound, boundWorst, rateIntegral } = record.ntk;
    if (t.length < 2) return null;
    const initial = residualSquared[0]!;
    const curves: Curve[] = [
      line("‖r(t)‖²", FLOW_COLOUR, [1, 0], 5, pointsOf(record, residualSquared)),
      line(
        "‖r(0)‖² exp(−∫4cλ_eff): equal to it",
        STEP_COLOUR,
        [3, 3],
        1.8,
        pointsOf(
          record,
          rateIntegral.map((value) => initial * Math.exp(-value)),
        ),
      ),
      line("bound exp(−4c∫λ_min)", SLIDING_COLOUR, [1, 0], 1.8, pointsOf(record, bound)),
      line("bound exp(−4cλ₀t)", FIT_COLOUR, [7, 3], 1.4, pointsOf(record, boundWorst)),
      line(
        "smallest ‖r‖² the run resolves",
        SLIDING_COLOUR,
        [1, 3],
        1.8,
        pointsOf(record, residualSquaredFloor),
      ),
    ];
    return chart(record, curves, "squared residual ‖r‖²", verdictFacts(record));
  },
};

export const ntkSpectrumFigure: Figure = {
  name: "ntk-spectrum",
  build(record) {
    const { t, lambdaMin, lambdaMinResolvable, lambdaEff } = record.ntk;
    if (t.length < 2) return null;
    const modes = modesOf(record.ntkSpectrum.rank);
    const curves: Curve[] = [
      ...modes.map((rank, k) =>
        line(
          `λ_${rank}`,
          modeColour(k, modes.length),
          [1, 0],
          1.4,
          rows(record, record.ntkSpectrum, rank, "eigenvalue"),
        ),
      ),
      line("λ_eff = rᵀGr/‖r‖²", FIT_COLOUR, [6, 3], 1.8, pointsOf(record, lambdaEff)),
      line("λ_min", SLIDING_COLOUR, [2, 2], 2.2, pointsOf(record, lambdaMin)),
    ];
    const floor = pointsOf(record, lambdaMinResolvable);
    // Where zero is exact there is no line to draw; where the floor is far below it would only flatten the rest.
    const lowest = Math.min(...curves.flatMap(({ points }) => points.map(({ value }) => value)));
    const near = floor.filter(({ value }) => value > lowest / 1e3);
    if (near.length > 0) curves.push(line("smallest that can be resolved", FLOW_COLOUR, [1, 3], 1.4, near));
    return chart(record, curves, "eigenvalues of G = JJᵀ", spectrumFacts(record));
  },
};

export const ntkModesFigure: Figure = {
  name: "ntk-modes",
  build(record) {
    if (record.ntk.t.length < 2 || record.ntkModes.t.length === 0) return null;
    const modes = modesOf(record.ntkModes.rank);
    const initial = record.ntk.residualSquared[0]!;
    // Below this share of ‖r(0)‖² a frozen mode is gone; its exponential would stretch the axis without end.
    const floor = 1e-10 * initial;
    const curves = modes.flatMap((rank, k) => {
      const colour = modeColour(k, modes.length);
      const frozen = rows(record, record.ntkModes, rank, "frozenEnergy").filter(({ value }) => value > floor);
      return [
        line(`mode ${rank}`, colour, [1, 0], 1.8, rows(record, record.ntkModes, rank, "energy")),
        line(`mode ${rank}, frozen`, colour, [4, 3], 1.2, frozen),
      ];
    });
    return chart(record, curves, "energy (u_iᵀr)² in the modes of G(0)", lazyFacts(record));
  },
};

function chart(record: RunRecord, given: readonly Curve[], title: string, facts: readonly string[]) {
  const curves = given.filter(({ points }) => points.length > 0);
  if (curves.length === 0) return null;
  const points = curves.flatMap((curve) => curve.points);
  const time: AxisPlan = isLog(record)
    ? planLogAxis(
        points.map(({ t }) => t),
        0,
      )
    : planLinearAxis(
        points.map(({ t }) => t),
        true,
      );
  const plotted = plottedRows("ntk", curves);
  return {
    rows: plotted,
    spec: {
      $schema: "https://vega.github.io/schema/vega-lite/v6.json",
      title: caption(record, facts),
      width: PLOT_WIDTH,
      height: PLOT_HEIGHT,
      config: THEME,
      data: { values: plotted },
      mark: { type: "line" as const, clip: true },
      encoding: {
        x: timeChannel(time),
        y: valueChannel(planLogAxis(points.map(({ value }) => value)), title),
        ...curveStyle(curves, true),
      },
    } as const,
  };
}

function line(label: string, colour: string, dash: number[], width: number, points: readonly Point[]): Curve {
  return { label, colour, dash, width, points, cut: null };
}

function isLog(record: RunRecord): boolean {
  return part(part(record.config["measure"])["ntk"])["at"] !== "linear";
}

/** What a log axis can show. */
function drawable(record: RunRecord, points: readonly Point[]): Point[] {
  return points.filter(({ t, value }) => value > 0 && Number.isFinite(value) && (t > 0 || !isLog(record)));
}

function pointsOf(record: RunRecord, values: Float64Array): Point[] {
  return drawable(
    record,
    Array.from(record.ntk.t, (t, k) => ({ t, value: values[k]! })),
  );
}

function rows<Column extends string>(
  record: RunRecord,
  table: Readonly<Record<Column | "t" | "rank", Float64Array>>,
  rank: number,
  column: Column,
): Point[] {
  const all = Array.from(table.t, (t, k) => ({ t, value: table[column][k]!, rank: table.rank[k]! }));
  return drawable(
    record,
    all.filter((row) => row.rank === rank).map(({ t, value }) => ({ t, value })),
  );
}

function modesOf(ranks: Float64Array): number[] {
  const all = [...new Set(ranks)].sort((p, q) => p - q);
  if (all.length <= SHOWN_MODES) return all;
  const chosen = Array.from(
    { length: SHOWN_MODES },
    (_, k) => all[Math.round((k * (all.length - 1)) / (SHOWN_MODES - 1))]!,
  );
  return [...new Set(chosen)];
}

function verdictFacts(record: RunRecord): string[] {
  const ntk = record.result?.ntk;
  if (ntk === null || ntk === undefined) return [];
  return [
    `bound ${ntk.verdict}, exponent 4c∫λ_min = ${formatNumber(ntk.exponent)}`,
    `margin ${formatNumber(ntk.margin)} in ln ‖r‖²`,
    `∫4cλ_eff within ${formatNumber(ntk.rateDefect, 2)}`,
  ];
}

function spectrumFacts(record: RunRecord): string[] {
  const ntk = record.result?.ntk;
  if (ntk === null || ntk === undefined) return [];
  const { kind, method } = ntk.final.lambdaMin;
  return [
    `P/nM = ${formatNumber(ntk.parameters / ntk.scalars)}`,
    kind === "exact-zero" ? "λ_min = 0 exactly" : `λ_min by ${method}, ${kind}`,
    `drift ‖G − G(0)‖/‖G(0)‖ = ${formatNumber(ntk.drift)}`,
  ];
}

function lazyFacts(record: RunRecord): string[] {
  const ntk = record.result?.ntk;
  if (ntk === null || ntk === undefined || ntk.lazyUntil === null)
    return ["dashed: the kernel of t = 0, frozen"];
  return [
    "dashed: the kernel of t = 0, frozen",
    `its residual is within 10 % up to t = ${formatNumber(ntk.lazyUntil)}`,
  ];
}
