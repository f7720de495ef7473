/** Least and largest values of columns as their rows go by, and the largest gaps of a descent. Plain data, for checkpoints. */
import type { Extent, LargestGap } from "../record/result.js";

/** Columns that count or clock. */
const UNMEASURED = [
  ...["t", "canonicalTime", "stepSize", "gradientEvaluations", "acceptedSteps", "sharpnessTime"],
  ...["learningRate", "step", "gradientEquivalents"],
];

export type ExtentsState = Record<string, Extent>;

/** Takes in the row of a time; cells that are no finite number are passed over. */
export function extend(extents: ExtentsState, t: number, row: Readonly<Record<string, unknown>>): void {
  for (const [column, value] of Object.entries(row)) {
    if (typeof value !== "number" || !Number.isFinite(value) || UNMEASURED.includes(column)) continue;
    const before = extents[column];
    if (before === undefined)
      extents[column] = {
        ...{ minimum: value, minimumTime: t, maximum: value, maximumTime: t },
        ...{ last: value, lastTime: t },
      };
    else
      extents[column] = {
        ...before,
        ...(value < before.minimum && { minimum: value, minimumTime: t }),
        ...(value > before.maximum && { maximum: value, maximumTime: t }),
        ...{ last: value, lastTime: t },
      };
  }
}

/** @param moved ‖θ(t) − θ₀‖ of the flow */
export function extendGap(
  known: LargestGap | null,
  t: number,
  gap: number,
  moved: number,
): LargestGap | null {
  if (!Number.isFinite(gap)) return known;
  const relative = moved > 0 && Number.isFinite(gap / moved) ? gap / moved : null;
  const { absolute, absoluteTime, ...before } = known ?? {
    ...{ absolute: gap, absoluteTime: t },
    ...{ relative: null, relativeTime: null },
  };
  return {
    ...(gap > absolute ? { absolute: gap, absoluteTime: t } : { absolute, absoluteTime }),
    ...(relative !== null && (before.relative === null || relative > before.relative)
      ? { relative, relativeTime: t }
      : before),
  };
}
