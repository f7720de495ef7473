/** Which treatment the kinks of a network get along its flow, and what to say of it. */
import { ConfigError } from "../../errors.js";
import type { Family } from "../../model/index.js";
import { kinksOf } from "./kinks.js";

/**
 * `exact`: crossings and slides are followed one by one; `stepping`: steps go over them with second order; `detect`: crossings are counted; `off`: nothing is watched, or there are no kinks.
 */
export type KinkTreatment = "exact" | "stepping" | "detect" | "off";

/** Pre-activation entries up to which `auto` chooses `exact`: beyond, restarts at single events dominate the cost. */
const AUTO_EXACT_ENTRIES = 5_000;
/** Entries that `exact` accepts when asked by name: beyond, the events alone take days. */
const MAX_EXACT_ENTRIES = 20_000;

const UNWATCHED =
  "Piece boundaries were not watched: the tolerance promises nothing where the flow meets a kink.";
const DETECTED =
  "Piece boundaries were watched but not treated (detect): the tolerance promises nothing where the flow meets a kink.";

export interface KinkChoice {
  readonly treatment: KinkTreatment;
  /** Where it is less than `exact`, or other than what was asked for. */
  readonly notes: readonly string[];
}

/**
 * `auto` is `exact` in float64 up to 5 000 entries, `detect` beyond and in float32.
 * @throws ConfigError where `exact` or `stepping` is asked for and cannot be had
 */
export function chooseKinkTreatment(
  family: Family,
  dtype: "float64" | "float32",
  asked: "auto" | KinkTreatment,
): KinkChoice {
  if (kinksOf(family) === null) {
    const { preset } = family.network;
    const what = preset === null ? "network" : `activation ${preset.activation.kind}`;
    const note = `The ${what} has no kinks: there are no boundaries to treat.`;
    return { treatment: "off", notes: asked === "auto" || asked === "off" ? [] : [note] };
  }
  if (asked === "off") return { treatment: "off", notes: [UNWATCHED] };
  if (asked === "detect") return { treatment: "detect", notes: [DETECTED] };
  if (asked === "stepping") {
    if (dtype === "float32")
      throw refusal(
        "stepping needs float64, the engine computes in float32; take another, or detect or off.",
      );
    return { treatment: "stepping", notes: [] };
  }
  const entries = family.entries.toLocaleString("en");
  if (asked === "exact") {
    if (dtype === "float32")
      throw refusal("exact needs float64, the engine computes in float32; take another, or detect or off.");
    if (family.entries > MAX_EXACT_ENTRIES)
      throw refusal(
        `exact takes at most ${MAX_EXACT_ENTRIES.toLocaleString("en")} pre-activation entries (samples × hidden units), this problem has ${entries}; ` +
          "use fewer samples or units, or flow.boundaries: stepping, detect, smooth or off.",
      );
    return { treatment: "exact", notes: [] };
  }
  if (dtype === "float32")
    return {
      treatment: "detect",
      notes: [`exact needs float64, the engine computes in float32. ${DETECTED}`],
    };
  if (family.entries > AUTO_EXACT_ENTRIES) {
    const limit = AUTO_EXACT_ENTRIES.toLocaleString("en");
    return {
      treatment: "detect",
      notes: [
        `${entries} pre-activation entries are more than the ${limit} up to which auto is exact. ${DETECTED}`,
      ],
    };
  }
  return { treatment: "exact", notes: [] };
}

function refusal(message: string): ConfigError {
  return new ConfigError([{ path: "flow.boundaries", message }]);
}
