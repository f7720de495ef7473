/**
 * The vector field with the pattern of activation pieces given, and its projection onto the surfaces on which entries
 * slide. One evaluation costs one gradient, and with sliding entries one batched reverse sweep for the rows ∇z_e.
 */
import { type Graph, sizeOf } from "../../graph/index.js";
import type { Memory } from "../../memory.js";
import { metered } from "../meter.js";
import type { Problem } from "../problem.js";
import { createEngineRows } from "./engine-rows.js";
import { createFactoredRows } from "./factored-rows.js";
import { createZOf } from "./few-samples.js";
import type { Contact, Kinks } from "./kinks.js";
import { createNormals, type Normals } from "./normals.js";

/** Contacts whose weights are followed through each other; that takes their cube, and for more an evaluation is the cheaper one. */
export const MOST_FOLLOWED = 512;

/** Everything one evaluation found at θ. Buffers live until the next evaluation. */
export interface Evaluation {
  readonly theta: Float64Array;
  readonly loss: number;
  /** Pre-activations [E]. */
  readonly z: Float64Array;
  /** c_e = ∂L/∂a_e [E]. */
  readonly signal: Float64Array;
  /** ∇L under the given weights [P]. */
  readonly gradient: Float64Array;
  /** θ' [P] */
  readonly velocity: Float64Array;
  /** K⁻¹J_S g, one per sliding contact; zero for those that depend on earlier ones. */
  readonly multipliers: Float64Array;
}

/** Mutable pattern: piece index of every entry (fractional where it slides) and the sliding contacts. */
export interface Pattern {
  readonly pieces: Float64Array;
  sliding: Contact[];
}

/** What a run has spent, and what it left. */
export interface BoundaryCost {
  /** All arithmetic, the engine's and ours, in gradients of the loss. */
  gradientEquivalents: number;
  /** Gradients. */
  evaluations: number;
  /** Batched reverse sweeps for the rows of a sliding set, where the network has no layer products. */
  rowSweeps: number;
  /** Products (∂z/∂θ)v of all entries at the ends of steps. */
  pushforwards: number;
  /** Sweeps in place of rows, for sets too large for them there. */
  products: number;
  /** Times that the weights of sliding entries were taken before they had settled. */
  unsettledWeights: number;
}

export interface LockedField {
  readonly pattern: Pattern;
  readonly cost: BoundaryCost;
  /**
   * θ' at θ under the current pattern; the last result is kept, so that the same question is not paid for twice.
   * @param also contacts, those that slide among them, whose normals will be asked for next
   */
  evaluate(theta: Float64Array, also?: readonly Contact[]): Promise<Evaluation>;
  /** The same without being remembered or counted: for looking at the flow, not for integrating it. */
  observe(theta: Float64Array): Promise<Evaluation>;
  /** L(θ) where the last evaluation found it under the pattern as it is; else null. */
  lossAt(theta: Float64Array): number | null;
  /** Valid until the next call; those of a part of the contacts asked about last, at the same place, cost nothing. */
  normals(theta: Float64Array, contacts: readonly Contact[]): Promise<Normals>;
  /**
   * Gives contacts, which are on their breakpoints, other weights. The gradient evaluated last, their signals and normals follow at no
   * evaluation; signals of other entries keep their values.
   */
  reweigh(contacts: readonly Contact[], weights: ArrayLike<number>): Promise<void>;
  /** ż of all entries along `velocity`, into `out` [E]; the last answer is kept. */
  normalVelocities(theta: Float64Array, velocity: Float64Array, out: Float64Array): Promise<void>;
  /** Forgets answers that no checkpoint holds: what follows then costs the same wherever it begins. */
  forget(): void;
  /** Pre-activations under the current pattern. */
  preactivations(theta: Float64Array): Promise<Float64Array>;
  /** Those of some entries alone; NaN of others where they were not on the way. */
  someOf(theta: Float64Array, entries: readonly number[]): Promise<Float64Array>;
  /** Moves θ by the least amount onto z = b of the contacts, those that slide by default, using the rows at θ. */
  project(theta: Float64Array, contacts?: readonly Contact[]): Promise<void>;
}

export async function createLockedField(
  problem: Problem,
  kinks: Kinks,
  memory: Memory,
  maxRowNumbers?: number,
): Promise<LockedField> {
  const { family } = problem;
  const P = family.layout.size;
  const hasFactors = family.network.hasLayerProducts && maxRowNumbers === undefined;
  const pattern: Pattern = memory.keep("pattern", { pieces: new Float64Array(family.entries), sliding: [] });
  const cost: BoundaryCost = memory.keep("cost", {
    gradientEquivalents: 0,
    evaluations: 0,
    rowSweeps: 0,
    pushforwards: 0,
    products: 0,
    unsettledWeights: 0,
  });
  const spend = (gradients: number): void => {
    cost.gradientEquivalents += gradients;
  };
  const work = (operations: number): void => spend(operations / problem.gradientWork);
  const counted = metered(problem, spend);
  const field = await counted.compile(family.lockedField(true, hasFactors));
  const pushforward = await counted.compile(family.normalVelocity());
  const forwards = await counted.compile(family.preactivations("locked", hasFactors));
  /** The last answer. */
  const remember = (name: string) =>
    memory.keep(name, {
      theta: new Float64Array(P).fill(Number.NaN),
      /** The pattern that the numbers below belong to. */
      pieces: new Float64Array(family.entries),
      /** The set that the velocity is held by; null where the gradient has changed since. */
      sliding: null as readonly Contact[] | null,
      /** Entries whose signals are those of the pieces; null where all are. */
      current: null as readonly number[] | null,
      loss: Number.NaN,
      z: new Float64Array(family.entries),
      signal: new Float64Array(family.entries),
      gradient: new Float64Array(P),
      velocity: new Float64Array(P),
      multipliers: new Float64Array(0) as Float64Array,
      inputs: inputsOf(field.graph),
    });
  const evaluated = remember("evaluated");
  const observed = remember("observed");
  /** The last forward pass that no evaluation made. */
  const passed = {
    theta: new Float64Array(P).fill(Number.NaN),
    pieces: new Float64Array(family.entries),
    z: new Float64Array(family.entries),
    inputs: inputsOf(forwards.graph),
  };
  const pushed = {
    theta: new Float64Array(P).fill(Number.NaN),
    velocity: new Float64Array(P),
    pieces: new Float64Array(family.entries),
    zDot: new Float64Array(family.entries),
  };

  const uncounted = async <T>(work: () => Promise<T>): Promise<T> => {
    const before = { ...cost };
    const result = await work();
    Object.assign(cost, before);
    return result;
  };

  let isLooking = false;
  /** Pre-activations and inputs of affine maps at θ under the present pattern. */
  const forwardAt = async (theta: Float64Array): Promise<Pick<typeof passed, "z" | "inputs">> => {
    const { pieces } = pattern;
    // What was only looked at decides nothing about what is counted.
    for (const known of isLooking ? [observed] : [evaluated, passed])
      if (same(theta, known.theta) && same(pieces, known.pieces)) return known;
    passed.theta.set(theta);
    passed.pieces.set(pieces);
    await forwards.run({ theta: passed.theta, pieces: passed.pieces }, { z: passed.z, ...passed.inputs });
    return passed;
  };
  const rowsAt = hasFactors
    ? createFactoredRows(counted, kinks, async (theta) => (await forwardAt(theta)).inputs, work)
    : createEngineRows(counted, kinks, cost, maxRowNumbers);
  const normalsAt = createNormals(kinks, rowsAt, work);
  const zOf = createZOf(counted, kinks);

  /** The normals asked for last; null in their place once others have been written over them. */
  const known = {
    theta: new Float64Array(P).fill(Number.NaN),
    pieces: new Float64Array(family.entries),
    contacts: [] as readonly Contact[],
    normals: null as Normals | null,
  };
  const rememberedNormals = async (theta: Float64Array, contacts: readonly Contact[]): Promise<Normals> => {
    const isThere = same(theta, known.theta) && same(pattern.pieces, known.pieces);
    const places = isThere ? placesOf(contacts, known.contacts) : null;
    if (places === null) {
      known.theta.set(theta);
      known.pieces.set(pattern.pieces);
      known.contacts = contacts;
      known.normals = await normalsAt(known.theta, contacts, known.pieces.slice());
      return known.normals;
    }
    known.normals ??= await uncounted(() => normalsAt(known.theta, known.contacts, known.pieces.slice()));
    return places.length === known.contacts.length && places.every((place, s) => place === s)
      ? known.normals
      : known.normals.select(places);
  };

  const answer = async (
    theta: Float64Array,
    numbers: ReturnType<typeof remember>,
    normalsOf: (contacts: readonly Contact[]) => Promise<Normals>,
  ): Promise<Evaluation> => {
    const { pieces, sliding } = pattern;
    const { velocity, gradient } = numbers;
    if (!(same(theta, numbers.theta) && same(pieces, numbers.pieces))) {
      cost.evaluations++;
      numbers.theta.set(theta);
      numbers.pieces.set(pieces);
      const outputs = await field.run(
        { theta: numbers.theta, pieces: numbers.pieces },
        { z: numbers.z, signal: numbers.signal, gradient, ...numbers.inputs },
      );
      numbers.loss = outputs["loss"]?.[0] as number;
      numbers.current = null;
    } else if (numbers.sliding !== null && sameEntries(sliding, numbers.sliding)) return { ...numbers };
    numbers.sliding = sliding;
    for (let i = 0; i < P; i++) velocity[i] = -(gradient[i] as number);
    if (sliding.length === 0) numbers.multipliers = new Float64Array(0);
    else {
      const normals = await normalsOf(sliding);
      numbers.multipliers = normals.solve(await normals.along(gradient));
      await normals.add(velocity, numbers.multipliers);
    }
    return { ...numbers };
  };

  /**
   * The gradient is the old one and Σ c_e′·slope_e·∇z_e, the signals c′ being the new ones: paths from θ to L sorted by the first contact
   * on them whose slope has changed. Signals of other entries keep their old values.
   */
  const follow = async (contacts: readonly Contact[], shifts: Float64Array): Promise<void> => {
    const { theta, signal, gradient } = evaluated;
    const normals = await rememberedNormals(theta, contacts);
    const transfers = await normals.transfers();
    const n = contacts.length;
    const slopes = shifts.map(
      (shift, i) => shift * kinks.jump(theta, contacts[i]!.entry, contacts[i]!.breakpoint),
    );
    const signals = Float64Array.from(contacts, ({ entry }) => signal[entry] as number);
    const order = contacts.map((_, i) => i).sort((i, j) => normals.layers[j]! - normals.layers[i]!);
    if (transfers !== null)
      for (const j of order)
        for (let i = 0; i < n; i++)
          signals[j]! += (transfers[i * n + j] as number) * (slopes[i] as number) * (signals[i] as number);
    await normals.add(
      gradient,
      slopes.map((slope, i) => slope * (signals[i] as number)),
    );
    contacts.forEach(({ entry }, i) => {
      signal[entry] = signals[i] as number;
    });
    evaluated.sliding = null;
    evaluated.current = contacts.map(({ entry }) => entry);
    known.normals = await normals.reslope(slopes);
    known.contacts = contacts;
  };

  const self: LockedField = {
    pattern,
    cost,
    evaluate: (theta, also) =>
      answer(theta, evaluated, async (contacts) => {
        if (also !== undefined) await rememberedNormals(theta, also);
        return rememberedNormals(theta, contacts);
      }),
    async observe(theta) {
      isLooking = true;
      const found = await uncounted(() =>
        answer(theta, observed, (contacts) => {
          // Rows of the engine are written over.
          if (!hasFactors) known.normals = null;
          return normalsAt(observed.theta, contacts, observed.pieces);
        }),
      );
      isLooking = false;
      return found;
    },
    lossAt(theta) {
      const { loss } = evaluated;
      return same(theta, evaluated.theta) && same(pattern.pieces, evaluated.pieces) ? loss : null;
    },
    normals: rememberedNormals,
    async reweigh(contacts, weights) {
      const { pieces } = pattern;
      const shifts = Float64Array.from(
        contacts,
        ({ entry, breakpoint }, i) => breakpoint + (weights[i] as number) - (pieces[entry] as number),
      );
      const { current } = evaluated;
      if (current !== null && !contacts.every(({ entry }) => current.includes(entry)))
        evaluated.theta.fill(Number.NaN);
      if (shifts.every((shift) => shift === 0)) return;
      const isKnown = !Number.isNaN(evaluated.theta[0]) && same(pieces, evaluated.pieces);
      const follows = isKnown && contacts.length <= MOST_FOLLOWED;
      if (follows) await follow(contacts, shifts);
      contacts.forEach(({ entry, breakpoint }, i) => {
        pieces[entry] = breakpoint + (weights[i] as number);
      });
      if (!follows) return;
      evaluated.pieces.set(pieces);
      known.pieces.set(pieces);
    },
    async normalVelocities(theta, velocity, out) {
      const { pieces } = pattern;
      if (!(same(theta, pushed.theta) && same(velocity, pushed.velocity) && same(pieces, pushed.pieces))) {
        cost.pushforwards++;
        pushed.theta.set(theta);
        pushed.velocity.set(velocity);
        pushed.pieces.set(pieces);
        await pushforward.run({ theta, velocity, pieces }, { zDot: pushed.zDot });
      }
      out.set(pushed.zDot);
    },
    forget() {
      known.theta.fill(Number.NaN);
      pushed.theta.fill(Number.NaN);
      passed.theta.fill(Number.NaN);
    },
    preactivations: async (theta) => (await forwardAt(theta)).z,
    async someOf(theta, entries) {
      const few = await zOf(theta, pattern.pieces, entries);
      if (few === null) return self.preactivations(theta);
      const all = new Float64Array(family.entries).fill(Number.NaN);
      entries.forEach((entry, s) => {
        all[entry] = few[s] as number;
      });
      return all;
    },
    async project(theta, contacts = pattern.sliding) {
      if (contacts.length === 0) return;
      const values = await self.preactivations(theta);
      const normals = await self.normals(theta, contacts);
      const miss = Float64Array.from(
        contacts,
        ({ entry, breakpoint }) =>
          (kinks.breakpoints(entry)[breakpoint] as number) - (values[entry] as number),
      );
      await normals.add(theta, normals.solve(miss));
    },
  };
  return self;
}

/** Room for the outputs `input l` of a forward pass. */
function inputsOf({ outputs }: Graph): Record<string, Float64Array> {
  const names = Object.keys(outputs).filter((name) => name.startsWith("input "));
  return Object.fromEntries(names.map((name) => [name, new Float64Array(sizeOf(outputs[name]!.shape))]));
}

/** Where each of `contacts` stands in `all`; null if one does not, or in another order. */
function placesOf(contacts: readonly Contact[], all: readonly Contact[]): number[] | null {
  const places: number[] = [];
  let at = 0;
  for (const { entry } of contacts) {
    while (at < all.length && all[at]!.entry !== entry) at++;
    if (at === all.length) return null;
    places.push(at++);
  }
  return places;
}

function sameEntries(a: readonly Contact[], b: readonly Contact[]): boolean {
  return a.length === b.length && a.every(({ entry }, s) => entry === b[s]!.entry);
}

function same(a: Float64Array, b: Float64Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
