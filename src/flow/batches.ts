/**
 * Minibatches: which samples a step of descent sees, and the gradient of the loss on them, weighted so that its mean over all batches is ∇L.
 * The batch of a step depends on the seed and the number of the step alone, so there is nothing that a checkpoint would have to hold.
 */
import type { ResidentVector } from "../engine/index.js";
import { batchFamily } from "../model/index.js";
import { createRandom, type Random } from "../random.js";
import type { Problem } from "./problem.js";

/** How steps draw their samples. */
export interface BatchLaw {
  /** b */
  readonly size: number;
  /**
   * epochs: permutations of all samples, one after another, cut into pieces of b, so that each is seen once in every n; where b does not
   * divide n a piece takes the end of one permutation and the beginning of the next. independent: b different samples, drawn anew for
   * every step.
   */
  readonly sampling: "epochs" | "independent";
  readonly seed: number;
}

/** The samples of step k, ascending: b of 0, …, n − 1. The array is overwritten by the next call. */
export type Sampler = (step: number) => Int32Array;

/** @param samples n ≥ b */
export function createSampler({ size, sampling, seed }: BatchLaw, samples: number): Sampler {
  const random = createRandom(seed).split("batches").split(sampling);
  const drawn = new Int32Array(size);
  if (sampling === "independent") return (step) => sorted(take(random.split(`step ${step}`), samples, drawn));
  let epoch = -1;
  const order = new Int32Array(samples);
  return (step) => {
    for (let i = 0; i < size; i++) {
      const place = step * size + i;
      const own = Math.floor(place / samples);
      if (own !== epoch) {
        epoch = own;
        take(random.split(`epoch ${own}`), samples, order);
      }
      drawn[i] = order[place - own * samples] as number;
    }
    return sorted(drawn);
  };
}

/** The order of the sums is then that of the samples: a batch of all of them gives the full gradient to the bit. */
const sorted = (drawn: Int32Array): Int32Array => drawn.sort();

/** Fills `out` with different numbers below n, each choice and order equally likely (Fisher–Yates on the numbers that are touched). */
function take(random: Random, n: number, out: Int32Array): Int32Array {
  const moved = new Map<number, number>();
  for (let i = 0; i < out.length; i++) {
    const j = i + random.integer(n - i);
    out[i] = moved.get(j) ?? j;
    moved.set(j, moved.get(i) ?? i);
  }
  return out;
}

/** Loss and gradient on the batch of a step: of arrays, or of vectors that stay with the engine. */
export interface BatchGradient {
  /** L of the batch; its gradient [P] goes to `gradient`. */
  inArrays(step: number, theta: Float64Array, gradient: Float64Array): Promise<number>;
  withEngine(step: number, theta: ResidentVector, gradient: ResidentVector): Promise<number>;
}

/** @throws Error where the network couples the samples, so that a batch has no loss of its own */
export function createBatchGradient(problem: Problem, law: BatchLaw): BatchGradient {
  const { engine, cost, data } = problem;
  const { samples } = problem.family;
  const graph = batchFamily(problem.family, law.size).lossGradient("free");
  const sampler = createSampler(law, samples);
  const rows = Object.keys(data).map((name) => {
    const all = data[name] as Float64Array;
    const width = all.length / samples;
    return { name, all, width, part: new Float64Array(law.size * width) };
  });
  const fill = (step: number): void => {
    cost.gradients += law.size / samples;
    sampler(step).forEach((sample, i) => {
      for (const { all, width, part } of rows)
        part.set(all.subarray(sample * width, (sample + 1) * width), i * width);
    });
  };
  const parts = Object.fromEntries(rows.map(({ name, part }) => [name, part]));
  const program = engine.resident === null ? problem.compile(graph, {}) : null;
  const resident = engine.resident === null ? null : problem.compileResident(graph, {});
  const vectors = Object.fromEntries(
    engine.resident === null
      ? []
      : rows.map(({ name, part }) => [name, engine.resident!.create(part.length)]),
  );
  return {
    async inArrays(step, theta, gradient) {
      fill(step);
      const { loss } = await (await program!).run({ theta, ...parts }, { gradient });
      return loss?.[0] as number;
    },
    async withEngine(step, theta, gradient) {
      fill(step);
      for (const { name, part } of rows) vectors[name]!.write(part);
      const { loss } = await (await resident!).run({ theta, ...vectors }, { gradient });
      return loss as number;
    },
  };
}
