/** The words on a figure that do not depend on its curves: title, subtitle, caption. Every part is left out where the record lacks it. */
import type { RunRecord } from "../record/reader.js";
import { energyTerms, MOST_ENERGY_DEFECT } from "../record/result.js";
import { formatNumber } from "./axis.js";
import { lawOf } from "./law.js";
import { settingsOf } from "./settings.js";

/** The words of a figure: title and one line above it, below it what to look for and the facts. */
export interface Words {
  readonly title: string;
  readonly subtitle: readonly string[];
  readonly look: string;
  readonly facts: readonly string[];
  /** Whether the script beside the figure is to set words as mathematics. */
  readonly latex?: boolean;
}

/** What was run, what to `look` for, how its clocks compare, and what the figure itself has to say. */
export function caption(record: RunRecord, look: string, facts: readonly string[] = []): Words {
  const { name } = record.config;
  const { title, latex } = settingsOf(record.config);
  const given = title ?? name;
  return {
    title: typeof given === "string" && given !== "" ? given.replace(/\p{Cc}/gu, " ") : "gradient flow",
    subtitle: modelFacts(record),
    latex,
    look,
    facts: [...doubts(record), ...facts, ...solverFacts(record), ...clockFacts(record)],
  };
}

function modelFacts(record: RunRecord): string[] {
  const model = part(record.config["model"]);
  const activation = part(model["activation"]);
  const size = record.manifest.problem;
  const slope =
    typeof activation["slope"] === "number" ? ` (slope ${formatNumber(activation["slope"])})` : "";
  const parameters = size?.parameters ?? record.result?.parameters;
  const samples = size?.samples ?? record.result?.samples;
  return [
    words(model["kind"], extents(model["hidden"], size)),
    words(activation["kind"]) && `${words(activation["kind"])}${slope}`,
    parameters === undefined ? "" : `P = ${parameters}`,
    samples === undefined ? "" : `n = ${samples}`,
  ].filter((fact) => fact !== "");
}

/** The widths of a network that is a chain of layers, first to last; of others what goes in and what comes out. */
function extents(hidden: unknown, size: RunRecord["manifest"]["problem"]): string {
  const inputs = size?.inputShape?.join("×") ?? size?.inputs;
  const isChain = Array.isArray(hidden) && (size?.inputShape?.length ?? 1) === 1;
  const widths = [inputs, ...(isChain ? hidden : []), size?.outputs].filter((width) => width !== undefined);
  return widths.join(isChain ? "–" : " → ");
}

function solverFacts(record: RunRecord): string[] {
  const flow = part(record.config["flow"]);
  const loss = part(record.config["loss"]);
  const decay = part(loss["regularisation"])["weightDecay"];
  const kind = loss["kind"] === "squared" ? "" : words(loss["kind"]);
  const reduction = words(kind, loss["reduction"]);
  const { rtol, stepSize } = flow;
  return [
    reduction && `${reduction} loss`,
    typeof decay === "number" && decay > 0 ? `weight decay ${formatNumber(decay)}` : "",
    words(flow["method"]),
    typeof stepSize === "number"
      ? `steps of ${formatNumber(stepSize)}`
      : typeof rtol === "number"
        ? `rtol ${formatNumber(rtol)}`
        : "",
    words(record.manifest.dtype),
  ].filter((fact) => fact !== "");
}

/** The three clocks of a run. */
function clockFacts(record: RunRecord): string[] {
  const { t, canonicalTime } = record.series;
  const last = t.findLastIndex((time) => time > 0);
  const factor = canonicalTime[last]! / t[last]!;
  const facts = Number.isFinite(factor) ? [`canonical time τ = 2ct = ${formatNumber(factor, 4)} t`] : [];
  if (record.descent.t.length > 0) facts.push(`descent step k stands at t = ${lawOf(record).clock}`);
  return facts;
}

/** Why the picture may not show the flow, or not all of it. */
function doubts(record: RunRecord): string[] {
  const facts: string[] = [];
  const { status } = record.manifest;
  if (status === "running") facts.push("unfinished run");
  else if (status !== "reachedEnd") facts.push(`run ended: ${status}`);
  const rise = record.result?.lossRise;
  if (rise)
    facts.push(
      `the loss rises, ${formatNumber(rise.from)} to ${formatNumber(rise.to)} by t = ${formatNumber(rise.time)}: there it is not the flow's`,
    );
  const defect = record.result?.energyDefect;
  if (defect && defect > MOST_ENERGY_DEFECT) {
    const { loss, integral } = energyTerms(record.result);
    facts.push(
      `flow not resolved: ${integral} is off by ${formatNumber(defect, 2)} times the fall of ${loss}`,
    );
  }
  const unsettled = record.result?.events?.unsettled;
  if (unsettled)
    facts.push(
      `flow not resolved: ${unsettled} ${unsettled === 1 ? "decision" : "decisions"} at kinks did not settle`,
    );
  return facts;
}

export const TIME_TITLE = "time t";

function words(...parts: unknown[]): string {
  return parts.filter((word) => typeof word === "string" && word !== "").join(" ");
}

/** A part of a config or result that may be absent: an object in any case. */
export function part(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
}
