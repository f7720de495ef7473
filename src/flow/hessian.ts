/** −∇²L as a dense matrix, the Jacobian of the flow, from exact Hessian products, many columns at once; for networks small enough to factor it. */
import { Memory } from "../memory.js";
import type { JacobianField } from "../ode/index.js";
import type { Problem } from "./problem.js";

export interface HessianCost {
  readonly products: number;
  /** By the arithmetic of the graphs, as for the sharpness. */
  readonly gradientEquivalents: number;
}

/** Products at once: as many as keep the largest intermediate of the batch within this many numbers, about the cache of a core. */
const BATCH_NUMBERS = 150_000;

function batchWidth({ family }: Problem): number {
  const { layout, samples, spec } = family;
  const largest = Math.max(layout.size, samples * Math.max(...spec.hidden, spec.outputDimension));
  return Math.max(1, Math.min(layout.size, Math.floor(BATCH_NUMBERS / largest)));
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
  const width = batchWidth(problem);
  const graph = family.hessianProducts(width);
  const price = problem.workOf(graph) / width / problem.workOf(family.flowField());
  const program = problem.compile(graph);
  const velocities = new Float64Array(width * P);
  const products = new Float64Array(width * P);
  const cost = memory.keep("hessian", { products: 0, gradientEquivalents: 0 });
  return {
    cost,
    async jacobian(_t, theta, out) {
      const { run } = await program;
      for (let start = 0; start < P; start += width) {
        const rows = Math.min(width, P - start);
        velocities.fill(0);
        for (let k = 0; k < rows; k++) velocities[k * P + start + k] = 1;
        await run({ theta, velocities }, { products });
        for (let i = 0; i < rows * P; i++) out[start * P + i] = -products[i]!;
        cost.products += width;
        cost.gradientEquivalents += price * width;
      }
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
