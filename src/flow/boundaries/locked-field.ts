/**
 * The vector field with the pattern of activation pieces given, and its projection onto the surfaces on which entries
 * slide. One evaluation costs one gradient, and with sliding entries one batched reverse sweep for the rows ∇z_e.
 */
import type { Program } from "../../engine/index.js";
import { type Factor, factorise } from "../../linalg/cholesky.js";
import type { Problem } from "../problem.js";
import type { Contact, Kinks } from "./kinks.js";

/** Rows ∇_θ z_e (s × P) and their Gram matrix K (row distance `stride`). Buffers live until the next call. */
export interface Rows {
  readonly count: number;
  readonly rows: Float64Array;
  readonly gram: Float64Array;
  readonly stride: number;
}

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
  /** K⁻¹J_S g, one per sliding contact; determined up to shifts among twins. */
  readonly multipliers: Float64Array;
  readonly twins: readonly Twin[];
}

/** Mutable pattern: piece index of every entry (fractional where it slides) and the sliding contacts. */
export interface Pattern {
  readonly pieces: Float64Array;
  sliding: Contact[];
}

export interface LockedField {
  readonly pattern: Pattern;
  /** Gradient evaluations so far; `rowSweeps` counts batched reverse sweeps, `pushforwards` products (∂z/∂θ)v. */
  readonly cost: { evaluations: number; rowSweeps: number; pushforwards: number };
  /** θ' at θ under the current pattern; the last result is kept and returned again for the same θ. */
  evaluate(theta: Float64Array): Promise<Evaluation>;
  /** The same without being remembered or counted: for looking at the flow, not for integrating it. */
  observe(theta: Float64Array): Promise<Evaluation>;
  /** The last evaluation no longer counts: the pattern has changed. */
  invalidate(): void;
  rows(theta: Float64Array, contacts: readonly Contact[]): Promise<Rows>;
  /** ż of all entries along `velocity`, into `out` [E]. */
  normalVelocities(theta: Float64Array, velocity: Float64Array, out: Float64Array): Promise<void>;
  /** Pre-activations under the current pattern. */
  preactivations(theta: Float64Array): Promise<Float64Array>;
  /** Moves θ by the least amount onto z_S = b_S, using the rows at θ. */
  project(theta: Float64Array): Promise<void>;
}

export async function createLockedField(
  problem: Problem,
  kinks: Kinks,
  data: Readonly<Record<string, Float64Array>>,
): Promise<LockedField> {
  const { family } = problem;
  const P = family.layout.size;
  const field = await problem.compile(family.lockedField());
  const pushforward = await problem.compile(family.normalVelocity());
  const preactivation = await problem.compile(family.preactivations("locked"));
  const pattern: Pattern = { pieces: new Float64Array(family.entries), sliding: [] };
  const cost = { evaluations: 0, rowSweeps: 0, pushforwards: 0 };
  const gather = createRowPrograms(problem, kinks, data);
  const makeState = () => ({
    theta: new Float64Array(P),
    loss: Number.NaN,
    z: new Float64Array(family.entries),
    signal: new Float64Array(family.entries),
    gradient: new Float64Array(P),
    velocity: new Float64Array(P),
    multipliers: new Float64Array(0) as Float64Array,
    twins: [] as readonly Twin[],
  });
  const state = makeState();
  const observed = makeState();
  const z = new Float64Array(family.entries);
  let valid = false;

  const compute = async (theta: Float64Array, into: ReturnType<typeof makeState>): Promise<void> => {
    into.theta.set(theta);
    const outputs = await field.run(
      { theta: into.theta, pieces: pattern.pieces },
      { z: into.z, signal: into.signal, gradient: into.gradient },
    );
    into.loss = outputs["loss"]?.[0] as number;
    for (let i = 0; i < P; i++) into.velocity[i] = -(into.gradient[i] as number);
    into.multipliers = new Float64Array(pattern.sliding.length);
    if (pattern.sliding.length === 0) return;
    const rows = await gather(into.theta, pattern.sliding, pattern.pieces);
    into.twins = twinsOf(rows);
    into.multipliers = multiply(rows, into.gradient);
    factorOf(rows).solve(into.multipliers);
    addCombination(into.velocity, rows, into.multipliers);
  };

  const self: LockedField = {
    pattern,
    cost,
    async evaluate(theta) {
      if (valid && same(theta, state.theta)) return state;
      cost.evaluations++;
      if (pattern.sliding.length > 0) cost.rowSweeps++;
      await compute(theta, state);
      valid = true;
      return state;
    },
    async observe(theta) {
      await compute(theta, observed);
      return observed;
    },
    invalidate() {
      valid = false;
    },
    async rows(theta, contacts) {
      cost.rowSweeps++;
      return gather(theta, contacts, pattern.pieces);
    },
    async normalVelocities(theta, velocity, out) {
      cost.pushforwards++;
      await pushforward.run({ theta, velocity, pieces: pattern.pieces }, { zDot: out });
    },
    async preactivations(theta) {
      await preactivation.run({ theta, pieces: pattern.pieces }, { z });
      return z;
    },
    async project(theta) {
      if (pattern.sliding.length === 0) return;
      const values = await self.preactivations(theta);
      const rows = await self.rows(theta, pattern.sliding);
      const miss = Float64Array.from(
        pattern.sliding,
        ({ entry, breakpoint }) =>
          (kinks.table.breakpoints[breakpoint] as number) - (values[entry] as number),
      );
      factorOf(rows).solve(miss);
      addCombination(theta, rows, miss);
    },
  };
  return self;
}

/** Programs for the rows, compiled for the next power of two of the number of contacts; unused rows have zero seeds. */
function createRowPrograms(problem: Problem, kinks: Kinks, data: Readonly<Record<string, Float64Array>>) {
  const { family } = problem;
  const { spec, blocks, entries } = family;
  const coupled = spec.kind === "gcn";
  const N = spec.inputDimension;
  const widths = spec.hidden.reduce((p, q) => p + q, 0);
  const starts = blocks.map((_, l) => spec.hidden.slice(0, l).reduce((p, q) => p + q, 0));
  const width = coupled ? entries : widths;
  const programs = new Map<number, { program: Program; inputs: Record<string, Float64Array> }>();
  const x = data["x"] as Float64Array;

  return async (theta: Float64Array, contacts: readonly Contact[], pieces: Float64Array): Promise<Rows> => {
    let capacity = 4;
    while (capacity < contacts.length) capacity *= 2;
    let slot = programs.get(capacity);
    if (slot === undefined) {
      const seeds = new Float64Array(capacity * width);
      const inputs: Record<string, Float64Array> = coupled
        ? { seeds }
        : { seeds, x: new Float64Array(capacity * N), pieces: new Float64Array(capacity * widths) };
      const bound = coupled ? { x, adjacency: data["adjacency"] as Float64Array } : {};
      slot = { program: await problem.compile(family.entryRows(capacity), bound), inputs };
      programs.set(capacity, slot);
    }
    const { program, inputs } = slot;
    const seeds = inputs["seeds"] as Float64Array;
    seeds.fill(0);
    contacts.forEach(({ entry }, s) => {
      if (coupled) {
        seeds[s * width + entry] = 1;
        return;
      }
      const { layer, sample, unit } = kinks.place(entry);
      seeds[s * width + (starts[layer - 1] as number) + unit] = 1;
      (inputs["x"] as Float64Array).set(x.subarray(sample * N, (sample + 1) * N), s * N);
      blocks.forEach((block, l) => {
        const from = block.offset + sample * block.width;
        (inputs["pieces"] as Float64Array).set(
          pieces.subarray(from, from + block.width),
          s * widths + (starts[l] as number),
        );
      });
    });
    const outputs = await program.run(coupled ? { ...inputs, theta, pieces } : { ...inputs, theta });
    return {
      count: contacts.length,
      rows: outputs["rows"] as Float64Array,
      gram: outputs["gram"] as Float64Array,
      stride: capacity,
    };
  };
}

/** Rows whose angle has a squared sine below this are parallel. */
const PARALLEL = 1e-10;

/** Which entries go together: entry i follows `leader`, its row being `ratio` times the leader's. */
export interface Twin {
  readonly leader: number;
  readonly ratio: number;
}

/**
 * Twins: entries whose z vanish together, their rows being parallel, such as those of duplicate samples, or of samples that
 * see one live unit of the layer before. They reach their boundary together and share one weight (or w and 1 − w where
 * the ratio is negative), as Filippov's convex combination has one field on either side. Entry i leads itself if it has
 * no twin before it.
 */
export function twinsOf({ gram, count, stride }: Rows): Twin[] {
  return Array.from({ length: count }, (_, i) => {
    const own = gram[i * stride + i] as number;
    for (let j = 0; j < i && own > 0; j++) {
      const other = gram[j * stride + j] as number;
      const product = gram[i * stride + j] as number;
      if (own * other - product * product <= PARALLEL * own * other && other > 0)
        return { leader: j, ratio: product / other };
    }
    return { leader: i, ratio: 1 };
  });
}

/** Σ f(ratio)·value over the twins of each entry. */
export function sumOverTwins(
  twins: readonly Twin[],
  values: ArrayLike<number>,
  factor: (ratio: number) => number,
): number[] {
  const sums = new Array<number>(twins.length).fill(0);
  twins.forEach(({ leader, ratio }, i) => {
    sums[leader] = (sums[leader] as number) + factor(ratio) * (values[i] as number);
  });
  return twins.map(({ leader }) => sums[leader] as number);
}

export function factorOf({ gram, count, stride }: Rows): Factor {
  return factorise(gram, count, stride);
}

/** J·v */
export function multiply({ rows, count }: Rows, v: Float64Array): Float64Array {
  const P = v.length;
  return Float64Array.from({ length: count }, (_, s) => {
    let sum = 0;
    for (let i = 0, at = s * P; i < P; i++, at++) sum += (rows[at] as number) * (v[i] as number);
    return sum;
  });
}

/** out ← out + Jᵀu */
function addCombination(out: Float64Array, { rows, count }: Rows, u: Float64Array): void {
  const P = out.length;
  for (let s = 0; s < count; s++) {
    const factor = u[s] as number;
    if (factor === 0) continue;
    for (let i = 0, at = s * P; i < P; i++, at++) out[i] = (out[i] as number) + factor * (rows[at] as number);
  }
}

function same(a: Float64Array, b: Float64Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
