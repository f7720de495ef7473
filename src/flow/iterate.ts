/** The iterate of gradient descent and its gradient: two float64 arrays, or two vectors of the engine. */
import type { ResidentVector } from "../engine/index.js";
import type { Memory } from "../memory.js";
import { type DescentLaw, GRADIENT } from "./descent-law.js";
import type { Problem } from "./problem.js";

export interface Iterate {
  /** L at θ, of Nesterov's law at θ + βv; the gradient there is kept. */
  evaluate(): Promise<number>;
  /** A step by the gradient of the last evaluation: θ ← θ − η∇L, or as the law has it. */
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
  law: DescentLaw = GRADIENT,
): Iterate {
  const { resident } = problem.engine;
  const { theta, gradient } = start;
  if (resident === null && law.kind !== "gradient") return withMomentum(problem, start, memory, law);
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
  const { momentum } = law;
  const moving =
    law.kind === "gradient"
      ? null
      : memory.keep("velocity", { v: resident.create(theta.length), ahead: resident.create(theta.length) });
  return {
    vector: here.theta,
    async evaluate() {
      problem.cost.gradients++;
      let at = here.theta;
      if (law.kind === "nesterov") {
        at = moving!.ahead;
        resident.combine(at, [1, momentum], [here.theta, moving!.v]);
      }
      const { loss } = await (await program).run({ theta: at }, { gradient: here.gradient });
      return loss as number;
    },
    descend(learningRate) {
      if (moving === null)
        return resident.combine(here.theta, [1, -learningRate], [here.theta, here.gradient]);
      resident.combine(moving.v, [momentum, -learningRate], [moving.v, here.gradient]);
      resident.combine(here.theta, [1, 1], [here.theta, moving.v]);
    },
    read() {
      theta.set(here.theta.read());
      return theta;
    },
  };
}

function withMomentum(
  problem: Problem,
  { theta, gradient }: { readonly theta: Float64Array; readonly gradient: Float64Array },
  memory: Memory,
  { kind, momentum }: DescentLaw,
): Iterate {
  const { velocity } = memory.keep("velocity", { velocity: new Float64Array(theta.length) });
  const ahead = new Float64Array(theta.length);
  return {
    evaluate() {
      if (kind === "momentum") return problem.lossGradient(theta, gradient);
      for (let i = 0; i < theta.length; i++)
        ahead[i] = (theta[i] as number) + momentum * (velocity[i] as number);
      return problem.lossGradient(ahead, gradient);
    },
    descend(learningRate) {
      for (let i = 0; i < theta.length; i++) {
        velocity[i] = momentum * (velocity[i] as number) - learningRate * (gradient[i] as number);
        theta[i] = (theta[i] as number) + velocity[i]!;
      }
    },
    read: () => theta,
    vector: null,
  };
}
