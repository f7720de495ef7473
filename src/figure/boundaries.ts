/** What a record says in words about piece boundaries: the treatment used, the counts, and whether the solution is unique. */
import type { RecordedEvent, RunRecord } from "../record/reader.js";
import { type AxisPlan, formatNumber } from "./axis.js";
import { part } from "./caption.js";
import { cutFact, planTimeAxis } from "./chart.js";
import { descentCurves, flowCurve } from "./curves.js";
import { slidingAtStart } from "./pieces.js";

/** The end of what was recorded, finished or not. */
export function lastTime(record: RunRecord): number {
  const { series, events, result } = record;
  const reached = Number(result?.time ?? 0);
  return Math.max(reached, series.t.findLast(Number.isFinite) ?? 0, events?.at(-1)?.t ?? 0);
}

/** The time axis of loss.png; it reaches back to the first event where the loss rests until later, and to the end of a killed run's events. */
export function planEventTime(record: RunRecord): AxisPlan {
  const first = record.events?.find(({ t }) => t > 0)?.t;
  const until = { t: lastTime(record), value: 1 };
  const begins = first === undefined ? [] : [0.5, 1].map((part) => ({ t: part * first, value: part - 0.5 }));
  const losses = [flowCurve(record, "loss"), ...descentCurves(record, "loss")];
  return planTimeAxis(record, [...losses, { points: [...begins, until] }]);
}

/** Where the axis has an instant: what lasts from t = 0 on begins at the outer edge of its lane, what lies beyond an end stands at it. */
export function edgeAt({ scale, reach: [from, to] }: AxisPlan, t: number): number {
  return t <= 0 ? scale.domain[0] : Math.min(Math.max(t, from), to);
}

/** Says that events, or the end of the run, lie beyond the axis. */
export function cutEvents(record: RunRecord, time: AxisPlan): string[] {
  const events = (record.events ?? []).map(({ t }) => ({ t, value: 0 }));
  return cutFact([{ points: [...events, { t: lastTime(record), value: 0 }] }], time);
}

/** `exact`, `detect`, …; what the config asked for where the run has no result, empty where it does not say either. */
export function treatment(record: RunRecord): string {
  const used = record.result?.boundaries ?? part(record.config["flow"])["boundaries"];
  return typeof used === "string" ? used : "";
}

/** The first time at which an entry slides, null where none does. */
export function firstSliding(record: RunRecord): number | null {
  if (slidingAtStart(record.pieces0) > 0) return 0;
  return record.events?.find((event) => event.sliding > 0)?.t ?? null;
}

/** For a caption: counts from the events themselves, so that a killed run has them too; of one layer where it is given. */
export function boundaryFacts(record: RunRecord, layer: number | null = null): string[] {
  const used = treatment(record);
  const events = (record.events ?? []).filter((event) => layer === null || event.layer === layer);
  const count = (kind: RecordedEvent["kind"]) => events.filter((event) => event.kind === kind).length;
  const slides =
    used === "detect" || firstSliding(record) === null
      ? []
      : [`${count("entersSliding")} into and ${count("leavesSliding")} out of sliding`];
  return [
    ...(used === "" ? [] : [`boundaries ${used}`]),
    plural(count("crossing"), "crossing"),
    ...slides,
    ...(layer === null ? slidingFacts(record, used) : []),
    ...doubts(record),
  ];
}

function slidingFacts(record: RunRecord, used: string): string[] {
  const { chattering, timeSliding } = eventsResult(record);
  if (used === "detect") {
    const count = Array.isArray(chattering) ? chattering.length : chattering;
    const chatter = typeof count === "number" ? [`entries that chatter: ${count}`] : [];
    return [...chatter, "slides are not followed, they show as chatter"];
  }
  if (firstSliding(record) === null) return ["no entry slides"];
  const events = record.events ?? [];
  const most = events.reduce((top, event) => Math.max(top, event.sliding), slidingAtStart(record.pieces0));
  const end = lastTime(record);
  const share =
    typeof timeSliding === "number" && end > 0
      ? [`some entry slides ${formatNumber((100 * timeSliding) / end)} % of the time`]
      : [];
  return [`at most ${most} sliding at once`, ...share];
}

/** Whether the solution is unique and every decision settled: only a finished run says. */
function doubts(record: RunRecord): string[] {
  const { ambiguous, branches, unsettled } = eventsResult(record);
  const facts: string[] = [];
  // Steps over kinks know it up to the error of z.
  if (branches !== undefined && typeof ambiguous === "number")
    facts.push(
      ambiguous === 0
        ? "no repelling boundary within the error"
        : `repelling boundaries within the error at ${plural(ambiguous, "instant")}: another branch may be as near`,
    );
  else if (ambiguous === 0) facts.push("no repelling boundary reached");
  else if (typeof ambiguous === "number")
    facts.push(`repelling boundaries reached at ${plural(ambiguous, "instant")}: the solution is not unique`);
  if (typeof unsettled === "number" && unsettled > 0)
    facts.push(`${plural(unsettled, "decision")} did not settle`);
  return facts;
}

function eventsResult(record: RunRecord) {
  return part(part(record.result)["events"]);
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
