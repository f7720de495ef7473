/** The iterate of gradient descent and its gradient: two float64 arrays, or two vectors of the engine. */
import type { ResidentVector } from "../engine/index.js";
import type { Memory } from "../memory.js";
import type { Problem } from "./problem.js";

export interface Iterate {
  /** L(θ); the gradient is kept. */
  evaluate(): Promise<number>;
  /** θ ← θ − η·(the gradient of the last evaluation) */
  descend(learningRate: number): void;
  /** θ as an array, to be read at once. */
  read(): Float64Array;
  /** θ where the engine keeps it; null where it is an array. */
  readonly vector: ResidentVector | null;
}

/** @param start filled with θ and its gradient; these arrays are the iterate unless the engine keeps it. */
export function createIterate(
  problem: Problem,
  start: { readonly theta: Float64Array; readonly gradient: Float64Array },
  memory: Memory,
): Iterate {
  const { resident } = problem.engine;
  const { theta, gradient } = start;
  if (resident === null) {
    return {
      evaluate: () => problem.lossGradient(theta, gradient),
      descend(learningRate) {
        for (let i = 0; i < theta.length; i++)
          theta[i] = (theta[i] as number) - learningRate * (gradient[i] as number);
      },
      read: () => theta,
      vector: null,
    };
  }
  const here = { theta: resident.create(theta.length), gradient: resident.create(theta.length) };
  here.theta.write(theta);
  memory.keep("iterate", here);
  const program = problem.compileResident(problem.family.lossGradient("free"));
  return {
    vector: here.theta,
    async evaluate() {
      problem.cost.gradients++;
      const { loss } = await (await program).run({ theta: here.theta }, { gradient: here.gradient });
      return loss as number;
    },
    descend: (learningRate) => resident.combine(here.theta, [1, -learningRate], [here.theta, here.gradient]),
    read() {
      theta.set(here.theta.read());
      return theta;
    },
  };
}
