/** What a step over kinks evaluates: gradients with pieces given, pre-activations, Gram matrices of normals. Counts what it costs. */
import type { Program } from "../../engine/index.js";
import { rkc2Coefficients, rkc2Stages } from "../../ode/index.js";
import type { Kinks } from "../boundaries/kinks.js";
import type { Problem } from "../problem.js";
import { createGramBlocks, type GramBlocks } from "./gram-blocks.js";
import { Scratch } from "./scratch.js";

/** What a run has spent: gradients, and what else. */
export interface SteppingCost {
  gradients: number;
  /** Forward passes for pre-activations. */
  forwards: number;
  /** Reverse sweeps along normals of sliding entries. */
  pullbacks: number;
  /** Gram matrices by rows, and by products. */
  rowSweeps: number;
  products: number;
}

export interface StepField {
  readonly loss: number;
  readonly gradient: Float64Array;
  /** ∂L/∂a [E] */
  readonly signal: Float64Array;
}

export interface SteppingField {
  readonly problem: Problem;
  readonly kinks: Kinks;
  readonly cost: SteppingCost;
  /** What is evaluated for a step stands in arrays of it, but for the ends of steps. */
  readonly scratch: Scratch;
  /** The gradient with the values that θ gives and the slopes of the given pieces. */
  mean(theta: Float64Array, pieces: Float64Array): Promise<StepField>;
  /** The same, not counted: for looking at the flow. */
  observe(theta: Float64Array, pieces: Float64Array): Promise<StepField>;
  /** z(θ) [E] */
  preactivations(theta: Float64Array): Promise<Float64Array>;
  /** z(θ), not counted. */
  lookAt(theta: Float64Array): Promise<Float64Array>;
  /** A step of RKC2 from θ with these slopes: its end, and the gradient and ∂L/∂a [E] at its start. */
  stabilised(
    theta: Float64Array,
    h: number,
    rho: number,
    pieces: Float64Array,
  ): Promise<{ end: Float64Array; first: Float64Array; signal: Float64Array }>;
  readonly gramBlocks: GramBlocks;
  /** Jᵀ·seeds, seeds [E] */
  pullback(theta: Float64Array, pieces: Float64Array, seeds: Float64Array): Promise<Float64Array>;
  /** Size of the pre-activations of each site: the largest, breakpoints included. */
  scales(z: Float64Array): readonly number[];
}

/** @param spend called before each gradient that counts; throws where there may be no more */
export async function createSteppingField(
  problem: Problem,
  kinks: Kinks,
  cost: SteppingCost,
  spend: () => void,
): Promise<SteppingField> {
  const { family } = problem;
  const [P, E] = [family.layout.size, family.entries];
  const meanProgram = await problem.compile(family.meanField());
  const gradientProgram = await problem.compile(family.meanField(false));
  const preactivation = await problem.compile(family.preactivations("free"));
  const pulledBack = await problem.compile(family.entryPullback());
  const scratch = new Scratch();
  const fresh = (size: number) => new Float64Array(size);
  const take = (size: number) => scratch.take(size);
  const evaluate = async (
    program: Program,
    theta: Float64Array,
    pieces: Float64Array,
    allocate: (length: number) => Float64Array,
  ): Promise<StepField> => {
    const [gradient, signal] = [allocate(P), allocate(E)];
    const { loss } = await program.run({ theta, pieces }, { gradient, signal });
    return { loss: loss?.[0] as number, gradient, signal };
  };
  const mean = (theta: Float64Array, pieces: Float64Array) => {
    spend();
    cost.gradients++;
    return evaluate(meanProgram, theta, pieces, take);
  };
  const meanGradient = async (theta: Float64Array, pieces: Float64Array, into: Float64Array) => {
    spend();
    cost.gradients++;
    await gradientProgram.run({ theta, pieces }, { gradient: into });
  };
  const preactivationsAt = async (theta: Float64Array, z: Float64Array): Promise<Float64Array> => {
    await preactivation.run({ theta }, { z });
    return z;
  };
  return {
    problem,
    kinks,
    cost,
    scratch,
    mean,
    observe: (theta, pieces) => evaluate(meanProgram, theta, pieces, fresh),
    lookAt: (theta) => preactivationsAt(theta, fresh(E)),
    preactivations(theta) {
      cost.forwards++;
      return preactivationsAt(theta, take(E));
    },
    async stabilised(theta, h, rho, pieces) {
      const { stages, mu, nu, muTilde, a } = rkc2Coefficients(rkc2Stages(h * rho));
      const { gradient: first, signal } = await mean(theta, pieces);
      const gradient = take(P);
      // Three vectors take turns, but the start is not to be written to.
      let before: Float64Array = theta;
      let now = take(P);
      let spare = take(P);
      for (let i = 0; i < P; i++) now[i] = theta[i]! - h * muTilde[1]! * first[i]!;
      for (let j = 2; j <= stages; j++) {
        await meanGradient(now, pieces, gradient);
        const next = spare;
        const [own, step, share] = [1 - mu[j]! - nu[j]!, h * muTilde[j]!, a[j - 1]!];
        for (let i = 0; i < P; i++)
          next[i] =
            own * theta[i]! +
            mu[j]! * now[i]! +
            nu[j]! * before[i]! -
            step * (gradient[i]! - share * first[i]!);
        spare = before === theta ? take(P) : before;
        [before, now] = [now, next];
      }
      return { end: now.slice(), first, signal };
    },
    gramBlocks: createGramBlocks(problem, kinks, cost),
    async pullback(theta, pieces, seeds) {
      cost.pullbacks++;
      const product = take(P);
      await pulledBack.run({ theta, pieces, seeds }, { product });
      return product;
    },
    scales: (z) =>
      family.sites.map(({ table }, site) => {
        const [from, to] = kinks.rangeOf(site);
        let most = Math.max(...table.breakpoints.map(Math.abs));
        for (let e = from; e < to; e++) most = Math.max(most, Math.abs(z[e]!));
        return most;
      }),
  };
}
