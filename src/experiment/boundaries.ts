/** Which treatment of the piece boundaries a run gets, and why. */
import { type LoadedConfig, problemAt } from "../config/load.js";
import { ConfigError } from "../errors.js";
import { chooseKinkTreatment, type KinkTreatment, kinksOf } from "../flow/index.js";
import type { Family } from "../model/index.js";
import { fixedStepLimit } from "../ode/index.js";
import type { BranchResult, EventsResult } from "../record/result.js";

export type Treatment = KinkTreatment | "smooth";

export interface Choice {
  readonly treatment: Treatment;
  readonly notes: readonly string[];
}

/** @throws ConfigError where what was asked cannot be done. */
export function chooseTreatment(loaded: LoadedConfig, family: Family): Choice {
  const { flow, engine } = loaded.config;
  // What `smooth` asked for is done already: its network has no kinks.
  if (flow.boundaries === "smooth") {
    const note = `Kinks were replaced by polynomials of half-width ε = ${flow.smoothing}: an approximation of the network asked for.`;
    return { treatment: "smooth", notes: [note] };
  }
  try {
    return chooseKinkTreatment(family, engine.dtype, flow.boundaries, flow.method);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // The same complaint, with the study's line.
    const { path, message } = error.problems[0]!;
    throw problemAt(loaded, path, message);
  }
}

/** Why a run's curve is not the flow of its network up to the tolerance of its steps; null where it is. */
export function whyNotFlow(loaded: LoadedConfig, treatment: Treatment, family: Family): string | null {
  const { method, stepSize } = loaded.config.flow;
  if (fixedStepLimit(method) !== null) return `${method} takes fixed steps, whose error nothing controls`;
  if (treatment === "stepping")
    return stepSize === undefined
      ? "under boundaries: stepping the tolerance is one of steps, and a step over kinks promises nothing about the end"
      : "stepping takes fixed steps here, whose error nothing controls";
  if ((treatment === "detect" || treatment === "off") && kinksOf(family) !== null)
    return `under boundaries: ${treatment} the tolerance promises nothing where the flow meets a kink`;
  return null;
}

/** What happened at the boundaries that a reader must not miss. */
export function boundaryNotes(events: EventsResult | null): string[] {
  const notes: string[] = [];
  const {
    startOnBreakpoint = 0,
    startAmbiguous,
    startCoupled,
    ambiguous = 0,
    unsettledWeights,
  } = events ?? {};
  if (startAmbiguous) {
    notes.push(
      `${startAmbiguous} of the ${startOnBreakpoint} pre-activations that start on a breakpoint stand on a repelling boundary, where the flow is not unique: ` +
        "they were taken to come from below the breakpoint, as the first step of descent takes them. Descent may end elsewhere.",
    );
  } else if (startCoupled) {
    notes.push(
      `${startOnBreakpoint} pre-activations start on a breakpoint, ${startCoupled} of them in several layers of one sample, where the side of one depends on that of the other. Descent may end elsewhere.`,
    );
  } else if (startAmbiguous === undefined && startOnBreakpoint > 0) {
    notes.push(
      `${startOnBreakpoint} pre-activations start on a breakpoint and were taken to come from below it. Where that boundary repels the flow is not unique, and descent may end elsewhere.`,
    );
  }
  const later = ambiguous - (startAmbiguous ? 1 : 0);
  if (later > 0 && events?.branches !== undefined) notes.push(branchNote(later, events.branches));
  else if (later > 0) {
    notes.push(
      `At ${later} ${later === 1 ? "instant" : "instants"} an entry stood on a repelling boundary, where the flow is not unique; it kept the side it was on. Descent may end elsewhere.`,
    );
  }
  if (unsettledWeights) {
    notes.push(
      `${unsettledWeights} times the weights of sliding entries were taken before they had settled; the ends of slides after that are uncertain.`,
    );
  }
  if (events?.forcedSteps)
    notes.push(
      `The tolerance was not attained: ${events.forcedSteps} steps of the smallest size erred by more. What limits them is the order of events within a step; a tighter flow.rtol does not help.`,
    );
  if (events?.eulerSteps)
    notes.push(
      `${events.eulerSteps} steps could not be judged, even of the smallest size, and were taken by Euler's method with what slid forgotten.`,
    );
  if (events?.unsettled)
    notes.push(`${events.unsettled} decisions at events did not settle; do not trust the flow after them.`);
  if (events?.chattering) {
    notes.push(
      `${events.chattering} entries chattered from t = ${events.firstChatter} on, the trace of sliding; only flow.boundaries: exact follows it.`,
    );
  }
  return notes;
}

function branchNote(count: number, branches: readonly BranchResult[]): string {
  const first = branches.reduce((most, branch) => (branch.reach > most.reach ? branch : most));
  const { t, layer, sample, unit, margin, error, reach } = first;
  const short = (x: number): string => String(Number(x.toPrecision(2)));
  return (
    `${count === 1 ? "Once" : `${count} times`} an entry came to a repelling boundary so near that the error decides on which side it goes on: ` +
    "another tolerance may lead along another branch of the flow. " +
    `The one that may matter most: layer ${layer}, sample ${sample}, unit ${unit} from t = ${Number(t.toPrecision(6))} on missed the other side by ${short(margin)} with an error of ${short(error)}, ` +
    `and could have moved the end by ${short(reach)}. flow.errorCheck shows whether another run takes another branch.`
  );
}
