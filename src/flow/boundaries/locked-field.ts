/**
 * The vector field with the pattern of activation pieces given, and its projection onto the surfaces on which entries
 * slide. One evaluation costs one gradient, and with sliding entries one batched reverse sweep for the rows ∇z_e.
 */
import type { Memory } from "../../memory.js";
import type { Problem } from "../problem.js";
import type { Contact, Kinks } from "./kinks.js";
import { createNormals, type Normals } from "./normals.js";

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
  /** Of the sliding contacts; null where nothing slides. */
  readonly normals: Normals | null;
}

/** Mutable pattern: piece index of every entry (fractional where it slides) and the sliding contacts. */
export interface Pattern {
  readonly pieces: Float64Array;
  sliding: Contact[];
}

/** What a run has spent, each worth about one gradient save the row sweeps, which take one reverse sweep per sliding entry's sample; and what it left. */
export interface BoundaryCost {
  /** Gradients. */
  evaluations: number;
  /** Batched reverse sweeps for the rows of a sliding set. */
  rowSweeps: number;
  /** Products (∂z/∂θ)v of all entries at the ends of steps. */
  pushforwards: number;
  /** Sweeps in place of rows, for sets too large for them. */
  products: number;
  /** Times that the weights of sliding entries were taken before they had settled. */
  unsettledWeights: number;
}

export interface LockedField {
  readonly pattern: Pattern;
  readonly cost: BoundaryCost;
  /** θ' at θ under the current pattern; the last result is kept, so that the same question is not paid for twice. */
  evaluate(theta: Float64Array): Promise<Evaluation>;
  /** The same without being remembered or counted: for looking at the flow, not for integrating it. */
  observe(theta: Float64Array): Promise<Evaluation>;
  /** L(θ) where the last evaluation found it under the pattern as it is; else null. */
  lossAt(theta: Float64Array): number | null;
  normals(theta: Float64Array, contacts: readonly Contact[]): Promise<Normals>;
  /** ż of all entries along `velocity`, into `out` [E]. */
  normalVelocities(theta: Float64Array, velocity: Float64Array, out: Float64Array): Promise<void>;
  /** Pre-activations under the current pattern. */
  preactivations(theta: Float64Array): Promise<Float64Array>;
  /** Moves θ by the least amount onto z = b of the contacts, those that slide by default, using the rows at θ. */
  project(theta: Float64Array, contacts?: readonly Contact[]): Promise<void>;
}

export async function createLockedField(
  problem: Problem,
  kinks: Kinks,
  data: Readonly<Record<string, Float64Array>>,
  memory: Memory,
  maxRowNumbers?: number,
): Promise<LockedField> {
  const { family } = problem;
  const P = family.layout.size;
  const field = await problem.compile(family.lockedField());
  const pushforward = await problem.compile(family.normalVelocity());
  const preactivation = await problem.compile(family.preactivations("locked"));
  const pattern: Pattern = memory.keep("pattern", { pieces: new Float64Array(family.entries), sliding: [] });
  const cost: BoundaryCost = memory.keep("cost", {
    evaluations: 0,
    rowSweeps: 0,
    pushforwards: 0,
    products: 0,
    unsettledWeights: 0,
  });
  const normalsAt = createNormals(problem, kinks, data, cost, maxRowNumbers);
  /** The last answer: its numbers, which a checkpoint keeps, and the normals, which follow from them. */
  const remember = (name: string) => ({
    numbers: memory.keep(name, {
      theta: new Float64Array(P).fill(Number.NaN),
      /** The pattern that the numbers below belong to. */
      pieces: new Float64Array(family.entries),
      sliding: [] as readonly Contact[],
      loss: Number.NaN,
      z: new Float64Array(family.entries),
      signal: new Float64Array(family.entries),
      gradient: new Float64Array(P),
      velocity: new Float64Array(P),
      multipliers: new Float64Array(0) as Float64Array,
    }),
    normals: null as Normals | null,
  });
  const evaluated = remember("evaluated");
  const observed = remember("observed");
  const z = new Float64Array(family.entries);

  const uncounted = async <T>(work: () => Promise<T>): Promise<T> => {
    const before = { ...cost };
    const result = await work();
    Object.assign(cost, before);
    return result;
  };

  const answer = async (theta: Float64Array, last: ReturnType<typeof remember>): Promise<Evaluation> => {
    const { numbers } = last;
    const { pieces, sliding } = pattern;
    const { velocity, gradient } = numbers;
    if (!(same(theta, numbers.theta) && same(pieces, numbers.pieces))) {
      cost.evaluations++;
      numbers.theta.set(theta);
      numbers.pieces.set(pieces);
      const outputs = await field.run(
        { theta: numbers.theta, pieces: numbers.pieces },
        { z: numbers.z, signal: numbers.signal, gradient },
      );
      numbers.loss = outputs["loss"]?.[0] as number;
    } else if (sameEntries(sliding, numbers.sliding)) {
      if (sliding.length > 0)
        last.normals ??= await uncounted(() => normalsAt(numbers.theta, numbers.sliding, numbers.pieces));
      return { ...numbers, normals: last.normals };
    }
    numbers.sliding = sliding;
    for (let i = 0; i < P; i++) velocity[i] = -(gradient[i] as number);
    last.normals = null;
    if (sliding.length === 0) numbers.multipliers = new Float64Array(0);
    else {
      const normals = await normalsAt(numbers.theta, sliding, numbers.pieces);
      last.normals = normals;
      numbers.multipliers = normals.solve(await normals.along(gradient));
      await normals.add(velocity, numbers.multipliers);
    }
    return { ...numbers, normals: last.normals };
  };

  const self: LockedField = {
    pattern,
    cost,
    evaluate: (theta) => answer(theta, evaluated),
    observe: (theta) => uncounted(() => answer(theta, observed)),
    lossAt(theta) {
      const { numbers } = evaluated;
      return same(theta, numbers.theta) && same(pattern.pieces, numbers.pieces) ? numbers.loss : null;
    },
    normals: (theta, contacts) => normalsAt(theta, contacts, pattern.pieces),
    async normalVelocities(theta, velocity, out) {
      cost.pushforwards++;
      await pushforward.run({ theta, velocity, pieces: pattern.pieces }, { zDot: out });
    },
    async preactivations(theta) {
      const { numbers } = evaluated;
      if (same(theta, numbers.theta) && same(pattern.pieces, numbers.pieces)) return numbers.z;
      await preactivation.run({ theta, pieces: pattern.pieces }, { z });
      return z;
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

function sameEntries(a: readonly Contact[], b: readonly Contact[]): boolean {
  return a.length === b.length && a.every(({ entry }, s) => entry === b[s]!.entry);
}

function same(a: Float64Array, b: Float64Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
