/** −∇²L as a dense matrix, the Jacobian of the flow, column by column from exact Hessian products; for networks small enough to factor it. */
import { Memory } from "../memory.js";
import type { JacobianField } from "../ode/index.js";
import type { Problem } from "./problem.js";

/** Beyond, a factorisation takes longer than thousands of gradients. */
export const MAX_HESSIAN_PARAMETERS = 2000;

export interface HessianCost {
  readonly products: number;
  /** By the arithmetic of the graphs, as for the sharpness. */
  readonly gradientEquivalents: number;
}

export function createHessian(
  problem: Problem,
  memory = new Memory(),
): {
  readonly jacobian: JacobianField;
  readonly cost: HessianCost;
} {
  const { family } = problem;
  const P = family.layout.size;
  const graph = family.hessianProduct("free");
  const price = problem.workOf(graph) / problem.workOf(family.flowField());
  const program = problem.compile(graph);
  const velocity = new Float64Array(P);
  const product = new Float64Array(P);
  const cost = memory.keep("hessian", { products: 0, gradientEquivalents: 0 });
  return {
    cost,
    async jacobian(_t, theta, out) {
      const { run } = await program;
      for (let j = 0; j < P; j++) {
        velocity[j] = 1;
        await run({ theta, velocity }, { product });
        velocity[j] = 0;
        for (let i = 0; i < P; i++) out[j * P + i] = -product[i]!;
      }
      cost.products += P;
      cost.gradientEquivalents += price * P;
      // Rounding is not symmetric; the matrix is.
      for (let i = 0; i < P; i++)
        for (let j = 0; j < i; j++) {
          const mean = (out[i * P + j]! + out[j * P + i]!) / 2;
          out[i * P + j] = mean;
          out[j * P + i] = mean;
        }
    },
  };
}
