/** The times at which a run is recorded. */
/** Which times, as the sections of a config say it. */
type Times =
  | { readonly at: "steps" }
  | { readonly at: "linear"; readonly points: number }
  | { readonly at: "log"; readonly points: number; readonly from?: number };

/** Increasing times in (0, tEnd], the last of them tEnd; null for every step. */
export function recordTimes(record: Times, tEnd: number): number[] | null {
  if (record.at === "steps") return null;
  const { points } = record;
  if (record.at === "linear")
    return Array.from({ length: points }, (_, i) => (i === points - 1 ? tEnd : ((i + 1) * tEnd) / points));
  const from = record.from ?? tEnd / 10_000;
  if (points === 1) return [tEnd];
  const ratio = Math.log(tEnd / from) / (points - 1);
  return Array.from({ length: points }, (_, i) => (i === points - 1 ? tEnd : from * Math.exp(i * ratio)));
}
