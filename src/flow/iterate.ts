/** The iterate of gradient descent and its gradient: two float64 arrays, or two vectors of the engine. */
import type { ResidentVector } from "../engine/index.js";
import type { Memory } from "../memory.js";
import { createBatchGradient } from "./batches.js";
import { type DescentLaw, GRADIENT } from "./descent-law.js";
import type { Problem } from "./problem.js";

export interface Iterate {
  /** L at θ, of Nesterov's law at θ + βv, of minibatches that of the step's batch; the gradient there is kept. */
  evaluate(step: number): Promise<number>;
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
  return problem.engine.resident === null
    ? inArrays(problem, start, memory, law)
    : withEngine(problem, start.theta, memory, law);
}

function withEngine(problem: Problem, theta: Float64Array, memory: Memory, law: DescentLaw): Iterate {
  const resident = problem.engine.resident!;
  const here = { theta: resident.create(theta.length), gradient: resident.create(theta.length) };
  here.theta.write(theta);
  memory.keep("iterate", here);
  const batches = law.batch ? createBatchGradient(problem, law.batch) : null;
  const program = batches ? null : problem.compileResident(problem.family.lossGradient("free"));
  const { momentum } = law;
  const moving =
    law.kind === "gradient"
      ? null
      : memory.keep("velocity", { v: resident.create(theta.length), ahead: resident.create(theta.length) });
  return {
    vector: here.theta,
    async evaluate(step) {
      let at = here.theta;
      if (law.kind === "nesterov") {
        at = moving!.ahead;
        resident.combine(at, [1, momentum], [here.theta, moving!.v]);
      }
      if (batches !== null) return batches.withEngine(step, at, here.gradient);
      problem.cost.gradients++;
      const { loss } = await (await program!).run({ theta: at }, { gradient: here.gradient });
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

function inArrays(
  problem: Problem,
  { theta, gradient }: { readonly theta: Float64Array; readonly gradient: Float64Array },
  memory: Memory,
  { kind, momentum, batch }: DescentLaw,
): Iterate {
  const batches = batch ? createBatchGradient(problem, batch) : null;
  const lossGradient = (step: number, at: Float64Array): Promise<number> =>
    batches === null ? problem.lossGradient(at, gradient) : batches.inArrays(step, at, gradient);
  const shared = { read: () => theta, vector: null };
  if (kind === "gradient")
    return {
      ...shared,
      evaluate: (step) => lossGradient(step, theta),
      descend(learningRate) {
        for (let i = 0; i < theta.length; i++)
          theta[i] = (theta[i] as number) - learningRate * (gradient[i] as number);
      },
    };
  const { velocity } = memory.keep("velocity", { velocity: new Float64Array(theta.length) });
  const ahead = new Float64Array(theta.length);
  return {
    ...shared,
    evaluate(step) {
      if (kind === "momentum") return lossGradient(step, theta);
      for (let i = 0; i < theta.length; i++)
        ahead[i] = (theta[i] as number) + momentum * (velocity[i] as number);
      return lossGradient(step, ahead);
    },
    descend(learningRate) {
      for (let i = 0; i < theta.length; i++) {
        velocity[i] = momentum * (velocity[i] as number) - learningRate * (gradient[i] as number);
        theta[i] = (theta[i] as number) + velocity[i]!;
      }
    },
  };
}
