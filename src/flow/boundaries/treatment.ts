/** Which treatment the kinks of a network get along its flow, and what to say of it. */
import { ConfigError } from "../../errors.js";
import type { Family } from "../../model/index.js";
import { kinksOf } from "./kinks.js";

/**
 * `exact`: crossings and slides are followed one by one; `stepping`: steps go over them with second order; `detect`: crossings are counted; `off`: nothing is watched, or there are no kinks.
 */
export type KinkTreatment = "exact" | "stepping" | "detect" | "off";

/**
 * `auto` chooses `exact` up to this many pre-activation entries, and where its events are expected to take no more than this many seconds;
 * beyond, single events dominate the cost.
 */
const AUTO_EXACT_ENTRIES = 5_000;
const AUTO_EXACT_SECONDS = 300;
/**
 * What events cost, measured: about one event an entry (0.5 on 10-20-20-2 with 50 samples up to t = 40, 1.4 on 100-50-50-10 with 200 up to
 * t = 200), as much as five gradients each where normals have factors, else some ten; a gradient takes six flops for each sample and parameter, at 10¹⁰ a second, and a call.
 * Beside, each event looks at every entry some twenty times: beyond some 50 000 entries that is most of it.
 */
const EVENT_GRADIENTS = { inFactors: 5, byRows: 10 } as const;
const LOOK_SECONDS = 2e-7;
const GRADIENT_SECONDS = { call: 1e-4, term: 6e-10 } as const;
/** By name `exact` is had up to this many entries, and beyond where its events are expected to take no more than an hour. */
const EXACT_ENTRIES = 20_000;
const EXACT_SECONDS = 3600;

const UNWATCHED =
  "Piece boundaries were not watched: the tolerance promises nothing where the flow meets a kink.";
const DETECTED =
  "Piece boundaries were watched but not treated (detect): the tolerance promises nothing where the flow meets a kink.";

export interface KinkChoice {
  readonly treatment: KinkTreatment;
  /** Where it is less than `exact`, or other than what was asked for. */
  readonly notes: readonly string[];
}

/** Seconds that `exact` may take for the events of this many entries. */
function eventSeconds({ entries, samples, layout, network }: Family): number {
  const gradients = network.hasLayerProducts ? EVENT_GRADIENTS.inFactors : EVENT_GRADIENTS.byRows;
  const gradient = GRADIENT_SECONDS.call + GRADIENT_SECONDS.term * samples * layout.size;
  return entries * (gradients * gradient + LOOK_SECONDS * entries);
}

/**
 * `auto` is `exact` in float64 where the network is small and its events are cheap. Beyond it is `stepping`, which has steps of its own:
 * `detect` where a method is asked for by name, and in float32.
 * @throws ConfigError where `exact` or `stepping` is asked for and cannot be had
 */
export function chooseKinkTreatment(
  family: Family,
  dtype: "float64" | "float32",
  asked: "auto" | KinkTreatment,
  method: string,
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
  const seconds = eventSeconds(family);
  if (asked === "exact") {
    if (dtype === "float32")
      throw refusal("exact needs float64, the engine computes in float32; take another, or detect or off.");
    if (family.entries > EXACT_ENTRIES && seconds > EXACT_SECONDS)
      throw refusal(
        `the events of ${entries} pre-activation entries (samples × hidden units) may take exact some ${Math.ceil(seconds / 3600)} hours; beyond ${EXACT_ENTRIES.toLocaleString("en")} entries it is had up to one hour; ` +
          "use fewer samples or units, or flow.boundaries: stepping, detect, smooth or off.",
      );
    return { treatment: "exact", notes: [] };
  }
  if (dtype === "float32")
    return {
      treatment: "detect",
      notes: [`exact needs float64, the engine computes in float32. ${DETECTED}`],
    };
  if (family.entries <= AUTO_EXACT_ENTRIES && seconds <= AUTO_EXACT_SECONDS)
    return { treatment: "exact", notes: [] };
  const why =
    family.entries > AUTO_EXACT_ENTRIES
      ? `${entries} pre-activation entries are more than the ${AUTO_EXACT_ENTRIES.toLocaleString("en")} up to which auto is exact`
      : `the events of ${entries} pre-activation entries may take exact some ${Math.ceil(seconds / 60)} minutes, more than the ${AUTO_EXACT_SECONDS / 60} up to which auto is exact`;
  if (method !== "auto")
    return {
      treatment: "detect",
      notes: [`${capital(why)}, and stepping has steps of its own, not those of ${method}. ${DETECTED}`],
    };
  return {
    treatment: "stepping",
    notes: [
      `${capital(why)}: the flow is stepped over its kinks (stepping). A step may err by rtol·‖θ‖/200; flow.errorCheck says what that gives at the end.`,
    ],
  };
}

const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1);

function refusal(message: string): ConfigError {
  return new ConfigError([{ path: "flow.boundaries", message }]);
}
