/** The tangent kernel and its verdict as text for a person. */
import type { NtkResult } from "../record/result.js";
import { formatNumber } from "./format.js";

/** Lines for below a run's other facts; empty where no kernel was taken. */
export function describeKernel(ntk: NtkResult | null): string[] {
  if (ntk === null) return [];
  const { initial, final } = ntk;
  const along = ntk.times > 1;
  const change = (from: number | null, to: number | null): string =>
    along ? `${formatNumber(from)} → ${formatNumber(to)}` : formatNumber(from);
  const facts: [string, string][] = [
    [
      "kernel",
      `G = JJᵀ of nM = ${ntk.scalars} outputs, P = ${ntk.parameters}, P/nM = ${formatNumber(ntk.parameters / ntk.scalars, 3)}; by ${ntk.method}`,
    ],
    ["λ_min", describeLambdaMin(initial.lambdaMin)],
    ...(along
      ? ([
          ["  at the end", describeLambdaMin(final.lambdaMin)],
          ["  least", describeLeast(ntk)],
        ] as [string, string][])
      : []),
    [
      "λ_max",
      `${change(initial.lambdaMax.value, final.lambdaMax.value)} (± ${formatNumber(final.lambdaMax.residual, 2)})`,
    ],
    ["λ_max/λ_min", change(initial.conditionNumber, final.conditionNumber)],
    [
      "trace",
      `${change(initial.trace, final.trace)}, effective rank (Σλ)²/Σλ² ${change(initial.effectiveRank, final.effectiveRank)}`,
    ],
    ["λ_eff", `${change(initial.lambdaEff, final.lambdaEff)} (rᵀGr/‖r‖²)`],
  ];
  if (along) {
    const counts = Object.entries(ntk.verdicts).filter(([, count]) => count > 0);
    facts.push(
      ["drift", `‖G − G(0)‖/‖G(0)‖ = ${formatNumber(ntk.drift)}; ${describeLazy(ntk)}`],
      [
        "∫4cλ_eff",
        `within ${formatNumber(ntk.rateDefect, 2)} of ln(‖r(0)‖²/‖r(t)‖²)${ntk.mostHeld > 0 ? `, up to ${ntk.mostHeld} entries sliding` : ""}`,
      ],
      [
        "verdict",
        `${ntk.verdict} (${counts.map(([name, count]) => `${name} at ${count}`).join(", ")} of ${ntk.times - 1} times): ‖r‖² ≤ ‖r(0)‖² e^(−4c∫λ_min), exponent ${formatNumber(ntk.exponent)}, with λ₀t ${formatNumber(ntk.exponentWorst)}; margin ${formatNumber(ntk.margin)} ± ${formatNumber(ntk.marginUncertainty, 2)} in ln ‖r‖²`,
      ],
      ...(ntk.verdictReason === null ? [] : [["  because", ntk.verdictReason] as [string, string]]),
    );
  }
  return ["", ...facts.map(([name, text]) => `  ${name.padEnd(15)}${text}`)];
}

function describeLambdaMin({
  value,
  kind,
  method,
  residual,
  resolvable,
  reason,
}: NtkResult["initial"]["lambdaMin"]): string {
  if (kind === "exact-zero") return `0 exactly: ${reason}`;
  if (kind === "certified")
    return `${formatNumber(value)} ± ${formatNumber(residual, 2)}, certified (${method})`;
  if (value <= resolvable)
    return `below ${formatNumber(resolvable, 2)}, which is all that ${method} can resolve`;
  return `at most ${formatNumber(value)} (${method}, an upper bound, residual ${formatNumber(residual, 2)})`;
}

function describeLeast({ lambdaZero, lambdaZeroTime, lambdaZeroKind, exactZeros, times }: NtkResult): string {
  const value =
    lambdaZeroKind === "exact-zero" ? "0 exactly" : `${formatNumber(lambdaZero)}, ${lambdaZeroKind}`;
  return `${value}, at t = ${formatNumber(lambdaZeroTime)}; zero exactly at ${exactZeros} of ${times} times`;
}

function describeLazy({ lazyUntil, time, times }: NtkResult): string {
  if (lazyUntil === null)
    return "how lazy the run was is not known: of the kernel of t = 0 only the largest modes are";
  const predicts = "with the kernel of t = 0 the residual comes out within 10 %";
  if (lazyUntil === time) return `${predicts} at all ${times} times`;
  if (lazyUntil === 0) return `${predicts} at none of the times after t = 0`;
  return `${predicts} at all times up to t = ${formatNumber(lazyUntil)}, not at the next`;
}
