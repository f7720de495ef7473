/** Whether a flow will get to its end: told while it runs, from how far its gradients have carried it so far. */
import type { Memory } from "../memory.js";
import { MANY_STEPS, showCount, showSeconds } from "./effort.js";

/** Where a flow stands. */
interface Mark {
  readonly loss: number;
  readonly gradients: number;
  readonly accepted: number;
  readonly t: number;
}

/** Gradients before the first look: fewer say little, and are soon made. */
const FIRST_LOOK = 10_000;
/** A run is not said to end by flow.maxSteps unless it needs this many times as many. */
const MARGIN = 4;
/** In the clock of ln L a tail takes t on like e to the gradients; what has come to rest, like a power of them: no further than this one, doubled. */
const REST_POWER = 4;
/** Where the loss still falls by more than this share while the gradients double a tail may be to come. */
const REST_FALL = 0.01;
const isAtRest = (mark: Mark, now: Mark): boolean =>
  now.t / mark.t <= (now.gradients / mark.gradients) ** REST_POWER && now.loss >= (1 - REST_FALL) * mark.loss;

/**
 * Looks whenever the gradients have doubled. t grows with them like a power, at least linearly: steps grow as the flow slows down, and
 * what grew over the last half is taken to go on growing so.
 * `measureLoss` gives the loss where the flow stands; it costs a gradient, and is asked for in the clock of ln L alone, some dozen times at most.
 * @param bounded whether the study limits its gradients itself
 * @param isLogClock whether the solver goes by the clock of ln L
 */
export function createForecast(options: {
  readonly tEnd: number;
  readonly maxSteps: number;
  readonly bounded: boolean;
  readonly isLogClock: boolean;
  readonly memory: Memory;
}): (now: Omit<Mark, "loss">, seconds: number, measureLoss: () => Promise<number>) => Promise<string | null> {
  const { tEnd, maxSteps, bounded, isLogClock, memory } = options;
  const state = memory.keep("forecast", { mark: null as Mark | null, isSaid: false });
  return async (counts, seconds, measureLoss) => {
    const { mark, isSaid } = state;
    if (isSaid || counts.gradients < (mark === null ? FIRST_LOOK / 2 : 2 * mark.gradients)) return null;
    const now = { ...counts, loss: isLogClock ? await measureLoss() : 0 };
    state.mark = now;
    if (mark === null || !(mark.t > 0)) return null;
    if (isLogClock && !isAtRest(mark, now)) return null;
    const growth = (count: "gradients" | "accepted"): number =>
      (tEnd / now.t) ** Math.min(1, Math.log(now[count] / mark[count]) / Math.log(now.t / mark.t));
    const gradients = now.gradients * growth("gradients");
    const steps = now.accepted * growth("accepted");
    const isLong = gradients > MANY_STEPS && !bounded;
    const isCut = steps > MARGIN * maxSteps;
    if (!(isLong || isCut)) return null;
    state.isSaid = true;
    const fact = `After ${showCount(now.gradients)} gradients the flow is at t = ${show(now.t)} of ${show(tEnd)}. As it goes on it needs`;
    const need = isLong
      ? `${fact} about ${showCount(gradients)}, ${showSeconds((gradients * seconds) / now.gradients)} at the present speed`
      : `${fact} about ${showCount(steps)} steps`;
    const limit = isCut ? `, and flow.maxSteps allows ${showCount(maxSteps)} steps` : "";
    const rest = isLogClock
      ? " In flow.clock: log that is so while the loss is at rest, as it stays where the network cannot separate the data."
      : "";
    return `${need}${limit}.${rest} Lower flow.tEnd, or let it end where little happens any more: flow.stopWhen: { gradientFactor: 1e6 }.`;
  };
}

const show = (t: number): string => (t < 1e6 ? String(Number(t.toPrecision(3))) : showCount(t));
