/** The times at which a run is recorded. */

/** Which times, as the sections of a config say it. */
type Times =
  | { readonly at: "steps" }
  | { readonly at: "linear"; readonly points: number }
  | { readonly at: "log"; readonly points: number; readonly from?: number };

/** First time after 0 of a flow in the clock of ln L, whose end may be any number of decades later. */
const FIRST = 1;

/** The same with the first time that the clock of the flow has by default. */
export function timesIn<T extends Times>(
  record: T,
  flow: { readonly tEnd: number; readonly clock?: string },
): T {
  if (flow.clock !== "log" || record.at !== "log" || record.from !== undefined) return record;
  return { ...record, from: Math.min(FIRST, flow.tEnd / 10_000) };
}

/** Increasing times in (0, tEnd], the last of them tEnd; fewer than asked where they are closer than t resolves. Null for every step. */
export function recordTimes(record: Times, tEnd: number): number[] | null {
  if (record.at === "steps") return null;
  const { points } = record;
  if (record.at === "linear") return increasing(points, tEnd, (i) => ((i + 1) * tEnd) / points);
  const from = Math.max(record.from ?? tEnd / 10_000, Number.MIN_VALUE);
  const span = tEnd / from;
  if (Number.isFinite(span)) {
    const ratio = Math.log(span) / (points - 1);
    return increasing(points, tEnd, (i) => from * Math.exp(i * ratio));
  }
  const ratio = (Math.log(tEnd) - Math.log(from)) / (points - 1);
  return increasing(points, tEnd, (i) => Math.exp(Math.log(from) + i * ratio));
}

function increasing(points: number, tEnd: number, time: (i: number) => number): number[] {
  const times: number[] = [];
  for (let i = 0; i < points - 1; i++) {
    const t = time(i);
    if (t > (times[times.length - 1] ?? 0) && t < tEnd) times.push(t);
  }
  return [...times, tEnd];
}
