/** The tangent kernel over time: the residual between its bounds, the spectrum, the residual's modes against those of the frozen kernel. */
import type { RunRecord } from "../record/reader.js";
import { formatNumber, planLogAxis } from "./axis.js";
import { caption, part } from "./caption.js";
import { curvePanel, type Figure, planTimeAxis, plottedRows, sheet } from "./chart.js";
import type { Curve, Point } from "./curves.js";
import { settingsOf } from "./settings.js";
import { FIT_COLOUR, FLOW_COLOUR, modeColour, SLIDING_COLOUR, STEP_COLOUR } from "./theme.js";

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
          rateIntegral.map((value) => positive(initial * Math.exp(-value))),
        ),
      ),
      line("bound exp(−4c∫λ_min)", SLIDING_COLOUR, [1, 0], 1.8, pointsOf(record, bound.map(positive))),
      line("bound exp(−4cλ₀t)", FIT_COLOUR, [7, 3], 1.4, pointsOf(record, boundWorst.map(positive))),
    ];
    // Far below everything the floor would only flatten the rest.
    const lowest = residualSquared.reduce(
      (least, value) => (value > 0 ? Math.min(least, value) : least),
      Infinity,
    );
    const isNear = residualSquaredFloor.some((value) => value > lowest / 1e3);
    if (isNear)
      curves.push(
        line(
          "smallest ‖r‖² the run resolves",
          SLIDING_COLOUR,
          [1, 3],
          1.8,
          pointsOf(record, residualSquaredFloor),
        ),
      );
    // An exponential goes on falling where the residual has met the floor; so does that.
    const measured = [...residualSquared, ...(isNear ? residualSquaredFloor : [])].filter(
      (value) => !Number.isNaN(value),
    );
    const values = curves.flatMap(({ points }) => points.map(({ value }) => value));
    const reached = [...measured, ...values.filter((value) => value > lowest / 1e3)];
    return chart(record, curves, "squared residual ‖r‖²", {
      look: "The bound by the tangent kernel holds where ‖r‖² stays below it; the nearer ‖r‖² comes, the more λ_min explains.",
      facts: verdictFacts(record),
      reached,
    });
  },
};

export const ntkSpectrumFigure: Figure = {
  name: "ntk-spectrum",
  build(record) {
    const { t, lambdaMinResolvable, lambdaEff } = record.ntk;
    if (t.length < 2) return null;
    const resolve = resolution(record);
    const modes = modesOf(record.ntkSpectrum.rank);
    const curves: Curve[] = [
      ...modes.map((rank, k) => ({
        ...line(
          `λ_${rank}`,
          modeColour(k, modes.length),
          [1, 0],
          1.4,
          rows(record.ntkSpectrum, rank, "eigenvalue").map((point) => resolve(point, rank)),
        ),
        named: isNamed(k, modes.length),
      })),
      line("λ_eff = rᵀGr/‖r‖²", FIT_COLOUR, [6, 3], 1.8, pointsOf(record, lambdaEff)),
      line("λ_min", SLIDING_COLOUR, [2, 2], 2.2, lambdaMinPoints(record)),
    ];
    // Where the floor is far below everything it would only flatten the rest.
    const values = curves.flatMap(({ points }) => points.map(({ value }) => value));
    const lowest = Math.min(...values.filter((value) => value > 0));
    const floor = pointsOf(record, lambdaMinResolvable).filter(({ value }) => value > 0);
    if (floor.some(({ value }) => value > lowest / 1e3))
      curves.push(line("smallest that can be resolved", FLOW_COLOUR, [1, 3], 1.4, floor));
    return chart(record, curves, "eigenvalues λ of the tangent kernel G = JJᵀ", {
      look: "As long as λ_min is positive the residual decays exponentially; λ_eff says which eigenvalues the residual feels.",
      facts: spectrumFacts(record),
    });
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
      const frozen = rows(record.ntkModes, rank, "frozenEnergy").map(({ t, value }) => ({
        t,
        value: positive(value),
      }));
      return [
        {
          ...line(`mode ${rank}`, colour, [1, 0], 1.8, rows(record.ntkModes, rank, "energy")),
          named: isNamed(k, modes.length),
        },
        {
          ...line(`mode ${rank}, frozen`, colour, [4, 3], 1.2, frozen),
          isFrozen: true,
          named: false,
        },
      ];
    });
    const reached = curves.flatMap((curve) =>
      curve.points.map(({ value }) => value).filter((value) => !("isFrozen" in curve) || value > floor),
    );
    return chart(record, curves, "energy (u_iᵀr)² in the modes of G(0)", {
      look: "Where a solid line leaves its dashed one the kernel has moved, and training is not lazy any more.",
      facts: lazyFacts(record),
      reached,
    });
  },
};

/** `reached`: the values that the axis spans; all unless given. */
function chart(
  record: RunRecord,
  given: readonly Curve[],
  title: string,
  { look, facts, reached }: { look: string; facts: readonly string[]; reached?: readonly number[] },
) {
  const curves = given.filter(({ points }) => points.length > 0);
  if (curves.length === 0) return null;
  const points = curves.flatMap((curve) => curve.points);
  const time = planTimeAxis(record, curves, isLog(record));
  const up = planLogAxis(reached ?? points.map(({ value }) => value));
  const {
    view,
    plan,
    key,
    facts: marks,
  } = curvePanel(curves, time, up, {
    ...settingsOf(record.config),
    title,
  });
  return {
    rows: plottedRows("ntk", curves),
    spec: sheet(caption(record, look, [...facts, ...marks]), [plan], view, key),
  };
}

/** Of curves with an ordered palette the first, the middle and the last are named. */
function isNamed(k: number, count: number): boolean {
  return k === 0 || k === count - 1 || (count > 4 && k === Math.floor((count - 1) / 2));
}

/** An exponential is never zero, though its number may be: it leaves the axis instead. */
function positive(value: number): number {
  return value === 0 ? Number.MIN_VALUE : value;
}

/** λ_min with what it is worth: an upper bound is drawn at the most that it may be. */
function lambdaMinPoints({ ntk, lambdaMinKind }: RunRecord): Point[] {
  return Array.from(ntk.t, (t, k) => {
    const value = ntk.lambdaMin[k]!;
    if (lambdaMinKind[k] === "exact-zero") return { t, value: 0 };
    if (lambdaMinKind[k] !== "upper-bound") return { t, value };
    return { t, value: ntk.lambdaMinUpper[k]!, atMost: true };
  }).filter(({ value }) => !Number.isNaN(value));
}

/** What is known of any eigenvalue: at or below the method's floor no more than that; λ_nM is zero where λ_min is. */
function resolution({ ntk, lambdaMinKind, result }: RunRecord): (point: Point, rank: number) => Point {
  const floors = new Map(Array.from(ntk.t, (t, k) => [t, ntk.lambdaMinResolvable[k]!]));
  const zeros = new Set(Array.from(ntk.t).filter((_, k) => lambdaMinKind[k] === "exact-zero"));
  return ({ t, value }, rank) => {
    if (rank === result?.ntk?.scalars && zeros.has(t)) return { t, value: 0 };
    const floor = floors.get(t) ?? 0;
    return value <= floor ? { t, value: floor, atMost: true } : { t, value };
  };
}

function line(label: string, colour: string, dash: number[], width: number, points: readonly Point[]): Curve {
  return { label, colour, dash, width, points };
}

function isLog(record: RunRecord): boolean {
  return part(part(record.config["measure"])["ntk"])["at"] !== "linear";
}

function pointsOf(record: RunRecord, values: Float64Array): Point[] {
  return Array.from(record.ntk.t, (t, k) => ({ t, value: values[k]! })).filter(
    ({ value }) => !Number.isNaN(value),
  );
}

function rows<Column extends string>(
  table: Readonly<Record<Column | "t" | "rank", Float64Array>>,
  rank: number,
  column: Column,
): Point[] {
  const all = Array.from(table.t, (t, k) => ({ t, value: table[column][k]!, rank: table.rank[k]! }));
  return all
    .filter((row) => row.rank === rank && !Number.isNaN(row.value))
    .map(({ t, value }) => ({ t, value }));
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
  const count = (kind: string) => record.lambdaMinKind.filter((word) => word === kind).length;
  const counts = [
    ["certified", count("certified")],
    ["exactly zero", count("exact-zero")],
    ["an upper bound", count("upper-bound")],
  ].filter(([, number]) => number !== 0);
  const worth =
    counts.length === 0
      ? []
      : [
          `λ_min is ${counts.map(([kind, number]) => `${kind} at ${number}`).join(", ")} of ${record.ntk.t.length} times`,
        ];
  const ntk = record.result?.ntk;
  if (ntk === null || ntk === undefined) return worth;
  return [
    `P/nM = ${formatNumber(ntk.parameters / ntk.scalars)}`,
    ...worth.map((text) => `${text}, by ${ntk.method}`),
    `drift ‖G − G(0)‖/‖G(0)‖ = ${formatNumber(ntk.drift)}`,
  ];
}

function lazyFacts(record: RunRecord): string[] {
  const ntk = record.result?.ntk;
  if (ntk === null || ntk === undefined || ntk.lazyUntil === null)
    return ["dashed: the kernel of t = 0, frozen"];
  return [
    "dashed: the kernel of t = 0, frozen",
    `its residual is within 10 % at every time up to t = ${formatNumber(ntk.lazyUntil)}`,
  ];
}
