/** Targets as a loss takes them: real numbers, signs, or classes as rows that sum to 1. */
import type { Dataset } from "../data/dataset.js";
import { MOST_CLASSES } from "../data/samples.js";
import { ConfigError } from "../errors.js";
import type { TargetKind } from "../model/index.js";

/** By how much the sum of a row of probabilities may miss 1: single precision, and some digits of text. */
const SUM_SLACK = 1e-5;

export type Targets = Pick<Dataset, "targets" | "samples" | "outputDimension">;

/**
 * The targets as that kind of loss takes them; class indices become rows with one 1, one column per class up to the largest there is.
 * @param remedy what to do about others than these; absent: to write others, which holds for files
 * @param classes how many there are at least: those of other samples of the same data
 * @throws ConfigError citing the first row that does not fit
 */
export function targetsFor<D extends Targets>(
  kind: TargetKind,
  loss: string,
  data: D,
  remedy: string | null = null,
  classes = 2,
): D {
  const { targets, samples, outputDimension: M } = data;
  const refuse = (row: number, message: string): never => {
    throw new ConfigError([{ path: "dataset", message: `target ${row + 1} ${message}` }]);
  };
  if (kind === "real") return data;
  if (kind === "signs") {
    const bad = targets.findIndex((value) => value !== 1 && value !== -1);
    if (bad < 0) return data;
    const value = targets[bad] as number;
    const hint = remedy ?? (value === 0 ? "write −1 for 0" : "change the targets");
    return refuse(
      Math.floor(bad / M),
      `is ${value}${M > 1 ? ` in column ${(bad % M) + 1}` : ""}, and loss.kind: ${loss} takes ±1; ${hint}, or take another loss.`,
    );
  }
  if (M > 1) {
    for (let i = 0; i < samples; i++) {
      const row = targets.subarray(i * M, (i + 1) * M);
      const sum = row.reduce((p, q) => p + q, 0);
      if (row.some((value) => value < 0) || !(Math.abs(sum - 1) <= SUM_SLACK))
        return refuse(
          i,
          `must be probabilities of ${M} classes, not negative and with the sum 1, got the sum ${sum}${row.some((value) => value < 0) ? " and a negative number" : ""}; loss.kind: ${loss} takes such rows, or one class index per sample; ${remedy ?? "change the targets"}, or take another loss.`,
        );
    }
    return data;
  }
  const bad = targets.findIndex((value) => !(Number.isInteger(value) && value >= 0 && value < MOST_CLASSES));
  if (bad >= 0)
    return refuse(
      bad,
      `is ${targets[bad]}, and loss.kind: ${loss} takes the index of a class, a whole number from 0 (below ${MOST_CLASSES}), or rows that sum to 1; ${remedy ?? "change the targets"}, or take another loss.`,
    );
  const K = targets.reduce((most, index) => Math.max(most, index + 1), classes);
  const rows = new Float64Array(samples * K);
  targets.forEach((index, i) => {
    rows[i * K + index] = 1;
  });
  return { ...data, targets: rows, outputDimension: K };
}

/** Whether every row has one 1 and zeros. */
export function isOneHot({ targets, samples, outputDimension: M }: Targets): boolean {
  for (let i = 0; i < samples; i++) {
    const row = targets.subarray(i * M, (i + 1) * M);
    if (row.some((value) => value !== 0 && value !== 1) || row.indexOf(1) !== row.lastIndexOf(1))
      return false;
    if (!row.includes(1)) return false;
  }
  return true;
}
