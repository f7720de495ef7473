/**
 * The step to an event nearer than the method's own step. Orders above three are wasted on so short a way, and a step that goes past the
 * event is thrown away. This one finds its length on the way: of the pair of Bogacki and Shampine the second stage already says where the
 * path bends, pre-activations along it say when the event comes, and the third stage is placed for a step that ends there. Where events
 * are so dense that second order errs by next to nothing there is no third stage.
 */
import type { Memory } from "../../memory.js";
import { type Forecast, hermiteStep, type Node, type Step, type Stepper } from "../../ode/index.js";
import type { EventWatch, Inside } from "./event-watch.js";
import { type Contact, inOrder, type Kinks } from "./kinks.js";
import type { LockedField } from "./locked-field.js";
import { weightsNear } from "./weights.js";

/** Where the stages stand of a step that ends where it was meant to. */
const [SECOND, THIRD] = [1 / 2, 3 / 4];
/** Of the meant length, lengths that leave the second stage its place between start and third. */
const [SHORTEST, LONGEST] = [0.77, 1.4];
/** By how much a step may be longer than proposed, where the event is found a little further away. */
const OVER = 1.05;
/** Gradients of a step of third order, and of one of second. */
const GRADIENTS = 3;
/**
 * A step whose second order is expected to err by this part of what the tolerance allows has no third stage, and is kept up to the second
 * of these: fifty such steps and more err by no more than one of the tolerance.
 */
const [EXPECTED, KEPT] = [5e-3, 2e-2];
/** A last shift of the end by more than this part of the step is no correction. */
const LARGEST_SHIFT = 0.02;
const ORDER = 3;
const SAFETY = 0.9;
const [LEAST_FACTOR, MOST_FACTOR] = [0.2, 5];

/** A step of this kind, and the entry that arrives at its end; null where none was aimed at. */
export interface ShortStep extends Step<Float64Array> {
  readonly lead: number | null;
  /** At its last stage before the end. */
  readonly inside: Inside;
}

export interface ShortSteps {
  readonly accepted: number;
  readonly rejected: number;
  /** What a step of the method has cost. */
  methodTook(evaluations: number): void;
  /** A step from where the stepper is, to `limit` at most; null where the method's is to be preferred or the error is too large. */
  advance(limit: number): Promise<ShortStep | null>;
}

export function createShortSteps(tools: {
  readonly stepper: Stepper<Float64Array>;
  readonly field: LockedField;
  readonly kinks: Kinks;
  readonly watch: EventWatch;
  readonly rtol: number;
  readonly atol: number;
  readonly maxStep: number;
  readonly evaluate: LockedField["evaluate"];
  readonly memory: Memory;
}): ShortSteps {
  const { stepper, field, kinks, watch, rtol, atol, maxStep, evaluate, memory } = tools;
  const { space } = stepper;
  const state = memory.keep("short steps", {
    accepted: 0,
    rejected: 0,
    /** The length that the tolerance allows, as far as known. */
    size: Number.MAX_VALUE,
    /** Error of second order of the last steps, over the cube of their length. */
    constant: Number.POSITIVE_INFINITY,
    methodCost: GRADIENTS,
  });
  const node = (): Node<Float64Array> => ({ t: 0, y: space.create(), f: space.create() });
  const [start, end] = [node(), node()];
  const [k2, k3, scratch] = [space.create(), space.create(), space.create()];
  const inside: { -readonly [K in keyof Inside]: Inside[K] } = { t: 0, z: null, weights: null };
  let stepId = 0;

  /** Whether steps of this kind take fewer gradients to an event at this distance, which the method steps past and goes back to. */
  const isCheaper = (distance: number): boolean =>
    distance <= (stepper.stepSize ?? 0) &&
    GRADIENTS * Math.max(1, distance / state.size) <= 2 * state.methodCost;

  /** Moves the end along `velocity` to when the lead arrives, and onto the boundaries of what slides. Null if it does not arrive. */
  const land = async (h: number, lead: Contact | null, velocity: Float64Array): Promise<number | null> => {
    const { sliding } = field.pattern;
    const contacts = withLead(sliding, lead);
    if (contacts.length === 0) return 0;
    const z = await field.preactivations(end.y);
    const miss = Float64Array.from(
      contacts,
      ({ entry, breakpoint }) => (kinks.breakpoints(entry)[breakpoint] as number) - (z[entry] as number),
    );
    const normals = await field.normals(end.y, contacts);
    let shift = 0;
    if (lead !== null) {
      const led = contacts.indexOf(lead);
      shift = (miss[led] as number) / ((await normals.along(velocity))[led] as number);
      if (!(Math.abs(shift) <= LARGEST_SHIFT * h)) return null;
      miss[led] = 0;
    }
    const back = normals.solve(miss);
    space.combine(end.y, [shift, 1], [velocity, end.y]);
    await normals.add(end.y, back);
    return shift;
  };

  const attempt = async (meant: number, limit: number): Promise<ShortStep | null> => {
    const { y, f: k1 } = start;
    space.combine(scratch, [SECOND * meant, 1], [k1, y]);
    const second = await evaluate(scratch);
    k2.set(second.velocity);
    inside.t = start.t + SECOND * meant;
    inside.z = null;
    inside.weights = await weightsNear(field, kinks, second);
    // θ(t0 + s) = θ + s·k1 + s²/meant·(k2 − k1), to second order.
    space.combine(scratch, [meant, -meant, meant, 1], [k1, k1, k2, y]);
    const room = Math.min(LONGEST * meant, OVER * state.size, limit - start.t);
    // What slopes lead to a breakpoint, and as far again: few entries, and who else bends that way is found at the end of the step.
    const z = await field.someOf(scratch, watch.within(2 * room));
    const first = watch.ahead(room, { after: meant, z });
    const isAimed = first !== null && first.after >= SHORTEST * meant;
    const h = isAimed ? first.after : Math.min(meant, limit - start.t);
    const lead = isAimed && first.component < kinks.entries ? arrival(field, first) : null;
    const c2 = (SECOND * meant) / h;
    const isEnd = lead === null && h === limit - start.t;
    /** Ends the step at y + Σ weights·slopes, where what arrives is; `slope` is that at the end, as far as known before. */
    const finish = async (weights: readonly number[], slope: readonly number[]): Promise<Contact | null> => {
      const stages = [k1, k2, k3];
      space.combine(end.y, [...weights.map((b) => h * b), 1], [...stages.slice(0, weights.length), y]);
      end.t = isEnd ? limit : start.t + h;
      space.combine(scratch, slope, stages.slice(0, slope.length));
      const shift = await land(h, lead, scratch);
      const isThere = shift !== null && end.t + shift <= limit;
      if (isThere) end.t += shift;
      const arrived = isThere ? lead : null;
      end.f.set((await evaluate(end.y, withLead(field.pattern.sliding, arrived))).velocity);
      return arrived;
    };
    /** What a step of second order errs by: the quadrature of third order by the same stages and the end, and as much again for what no such sees. */
    const secondOrderError = (): number => {
      const [w2, w3] = [1 / (6 * c2 * (1 - c2)), (2 - 3 * c2) / (6 * (1 - c2))];
      const b2 = 1 / (2 * c2);
      space.combine(scratch, [2 * h * (b2 - w2 - w3), 2 * h * (w2 - b2), 2 * h * w3], [k1, k2, end.f]);
      const error = space.errorNorm(scratch, y, end.y, rtol, atol);
      state.constant = error / h ** 3;
      return error;
    };
    let arrived: Contact | null = null;
    let error = Number.POSITIVE_INFINITY;
    if (state.constant * h ** 3 <= EXPECTED) {
      arrived = await finish([1 - 1 / (2 * c2), 1 / (2 * c2)], [1 - 1 / c2, 1 / c2]);
      error = secondOrderError();
    }
    if (!(error <= KEPT)) {
      const a32 = (THIRD * (THIRD - c2)) / (c2 * (2 - 3 * c2));
      space.combine(scratch, [h * (THIRD - a32), h * a32, 1], [k1, k2, y]);
      const third = await evaluate(scratch);
      k3.set(third.velocity);
      inside.t = start.t + THIRD * h;
      inside.z = third.z.slice();
      inside.weights = await weightsNear(field, kinks, third);
      const b2 = (3 * THIRD - 2) / (6 * c2 * (THIRD - c2));
      const b3 = (2 - 3 * c2) / (6 * THIRD * (THIRD - c2));
      // The slope at the end lies on the line through first and third.
      arrived = await finish([1 - b2 - b3, b2, b3], [1 - 1 / THIRD, 0, 1 / THIRD]);
      secondOrderError();
      // That of Bogacki and Shampine where c2 = 1/2: combinations that a solution of second order does not see.
      const e2 = -1 / 24 / c2;
      const e3 = -1 / 12 / THIRD;
      space.combine(scratch, [h * (-1 / 8 - e2 - e3), h * e2, h * e3, h / 8], [k1, k2, k3, end.f]);
      error = space.errorNorm(scratch, y, end.y, rtol, atol);
    }
    const factor = SAFETY / error ** (1 / ORDER);
    const allowed = h * Math.max(LEAST_FACTOR, Math.min(MOST_FACTOR, Number.isNaN(factor) ? 0 : factor));
    // A step cut short by an event says little about longer ones.
    if (!(factor >= MOST_FACTOR && state.size > allowed)) state.size = allowed;
    if (!(error <= 1)) {
      state.rejected++;
      return null;
    }
    state.accepted++;
    const id = ++stepId;
    const step = hermiteStep(space, start, end, end.t - start.t, scratch, () => {
      if (id !== stepId) throw new Error("short step: it is no longer valid.");
    });
    return { ...step, lead: arrived?.entry ?? null, inside };
  };

  return {
    get accepted() {
      return state.accepted;
    },
    get rejected() {
      return state.rejected;
    },
    methodTook(evaluations) {
      state.methodCost = evaluations;
    },
    async advance(limit) {
      const room = Math.min(limit - stepper.t, maxStep);
      const distance = watch.ahead(Number.POSITIVE_INFINITY)?.after ?? Number.POSITIVE_INFINITY;
      while (isCheaper(distance)) {
        start.t = stepper.t;
        start.y.set(stepper.y);
        start.f.set(stepper.derivative);
        // Where the field is constant no error bounds a step, and one goes all the way.
        const parts = Math.max(1, Math.ceil(distance / (OVER * state.size)));
        const meant = Math.min(distance / parts, room);
        if (!(stepper.t + SHORTEST * meant > stepper.t)) return null;
        const step = await attempt(meant, stepper.t + room);
        if (step !== null) return step;
      }
      return null;
    },
  };
}

function withLead(sliding: readonly Contact[], lead: Contact | null): readonly Contact[] {
  return lead === null ? sliding : inOrder([...sliding, lead]);
}

/** The entry on the breakpoint that it moves to. */
function arrival({ pattern }: LockedField, { component: entry, isUp }: Forecast): Contact {
  const piece = pattern.pieces[entry] as number;
  return { entry, breakpoint: isUp ? piece : piece - 1, weight: isUp ? 0 : 1, follows: null };
}
