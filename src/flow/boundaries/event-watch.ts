/**
 * What is watched on the way of the exact flow: every entry against the breakpoints of its piece, and the weight of every sliding
 * entry against 0 and 1. Finds the first event of a step; decides nothing about it.
 */
import type { Memory } from "../../memory.js";
import { type EndSlopes, EventLocator, type Forecast, type Step, type Stepper } from "../../ode/index.js";
import type { Ahead } from "./approach.js";
import type { Kinks } from "./kinks.js";
import type { LockedField } from "./locked-field.js";
import { slidingWeights } from "./weights.js";

/** What is known somewhere inside a step, null where it is not. */
export interface Inside {
  readonly t: number;
  readonly z: Float64Array | null;
  /** Of the sliding entries. */
  readonly weights: readonly number[] | null;
}

/** Slack of a weight beyond [0, 1] before its entry is let go. */
const WEIGHT_SLACK = 1e-8;

export interface EventWatch {
  /** Weights of the sliding entries at the end of the last step looked at. */
  readonly weights: readonly number[];
  /** Begins at (t, θ) with the pattern as it is. */
  begin(t: number, theta: Float64Array): Promise<void>;
  /** What slopes foretell of the next `room`, components being entries and, from E on, weights of those that slide; see `EventLocator.ahead`. */
  ahead(room: number, later?: { readonly after: number; readonly z: Float64Array }): Forecast | null;
  /** The first event in a step that begins where the last one ended; null if there is none. Finds the weights at its end. */
  /** Entries that come to a breakpoint within `room` if slopes stay. */
  within(room: number): readonly number[];
  /** @param isLast whether `begin` is called after it in any case, so that slopes at the end may come from `inside` */
  find(step: Step<Float64Array>, inside?: Inside, isLast?: boolean): Promise<Ahead | null>;
}

/** @param contacts [E] distance of each entry from its breakpoint within which it counts as on it, read at each step */
export function createEventWatch(
  field: LockedField,
  kinks: Kinks,
  stepper: Stepper<Float64Array>,
  contacts: Float64Array,
  memory: Memory,
): EventWatch {
  const E = kinks.entries;
  const state = memory.keep("watch", {
    weights: [] as readonly number[],
    /** Their rates at its end, in place of derivatives: of the parabola through a point inside, else the mean ones. */
    rates: [] as readonly number[],
    isLeaving: false,
  });
  const ratesInto = (out: Float64Array): void => {
    field.pattern.sliding.forEach((_, s) => {
      out[E + s] = state.rates[s] ?? 0;
    });
  };
  // Components 0 … E−1 are the pre-activations, those from E on the weights of those that slide, in their order.
  const span = [0, 1];
  const watched = new Float64Array(2 * E);
  const locator = new EventLocator({
    space: stepper.space,
    memory,
    zTolerance: (component) => (component < E ? (contacts[component] as number) : WEIGHT_SLACK),
    events: {
      components: 2 * E,
      breakpoints: (component) => (component < E ? kinks.breakpoints(component) : span),
      evaluate: async (t, theta, out) => {
        const isEnd = t === stepper.t;
        const isAsked = isEnd || state.isLeaving;
        // Weights first: they take a gradient at θ, which finds z as well.
        const weights = isEnd ? state.weights : isAsked ? await slidingWeights(field, kinks, theta) : [];
        out.set(await field.preactivations(theta));
        field.pattern.sliding.forEach((_, s) => {
          out[E + s] = weights[s] ?? 0.5;
        });
      },
      derivative: async (_t, theta, velocity, out) => {
        await field.normalVelocities(theta, velocity, out.subarray(0, E));
        ratesInto(out);
      },
    },
  });
  /** Slopes at the end of the parabolas through both ends of a step, or of the cubics that go through a point between too. */
  const endSlopes =
    ({ t0, h }: Step<Float64Array>, inside: Inside): EndSlopes =>
    (start, startSlope, end, out) => {
      const x = (inside.t - t0) / h;
      for (let e = 0; e < E; e++) {
        const z0 = start[e]!;
        const d = h * startSlope[e]!;
        // z0 + d·x + (a − b)x² + b·x³
        const a = end[e]! - z0 - d;
        const b = inside.z === null ? 0 : ((inside.z[e]! - z0 - d * x) / x ** 2 - a) / (x - 1);
        out[e] = (d + 2 * a + b) / h;
      }
      ratesInto(out);
    };
  return {
    get weights() {
      return state.weights;
    },
    async begin(t, theta) {
      const { pieces, sliding } = field.pattern;
      const { velocity, z } = await field.evaluate(theta);
      watched.set(z);
      for (let e = 0; e < E; e++) {
        if (Number.isInteger(pieces[e])) locator.setPiece(e, pieces[e] as number);
      }
      sliding.forEach(({ entry, weight }, s) => {
        locator.ignore(entry);
        locator.setPiece(E + s, 1);
        watched[E + s] = weight;
      });
      locator.watch(E + sliding.length);
      state.rates = [];
      await locator.begin(t, theta, velocity, watched);
    },
    ahead: (room, later) => locator.ahead(room, later),
    within: (room) => locator.within(room, E),
    async find(step, inside, isLast) {
      const before = field.pattern.sliding.map(({ weight }) => weight);
      const weights = await slidingWeights(field, kinks, step.y1);
      state.weights = weights;
      state.rates = weights.map((w, s) => {
        const rise = w - (before[s] as number);
        if (!inside?.weights) return rise / step.h;
        const x = (inside.t - step.t0) / step.h;
        const bend = ((inside.weights[s]! - before[s]!) / x - rise) / (x - 1);
        locator.bend(E + s, (rise - bend) / step.h);
        return (rise + bend) / step.h;
      });
      state.isLeaving = weights.some((w) => w < -WEIGHT_SLACK || w > 1 + WEIGHT_SLACK);
      const event = await locator.locate(step, inside && isLast === true ? endSlopes(step, inside) : null);
      if (event === null) return null;
      // Of all that cross at this instant, the one that is farthest out on its own scale has led.
      const led = event.crossings.find(({ component }) => component < E);
      return { t: event.t, lead: led?.component ?? null };
    },
  };
}
