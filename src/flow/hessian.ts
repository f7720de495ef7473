/** −∇²L as a dense matrix, the Jacobian of the flow, from exact Hessian products, many columns at once; for networks small enough to factor it. */
import { type Graph, sizeOf } from "../graph/index.js";
import { Memory } from "../memory.js";
import type { JacobianField } from "../ode/index.js";
import type { Problem } from "./problem.js";

export interface HessianCost {
  readonly products: number;
  /** By the arithmetic of the graphs, as for the sharpness. */
  readonly gradientEquivalents: number;
}

export interface Hessian {
  readonly jacobian: JacobianField;
  readonly cost: HessianCost;
}

/** Products at once: as many as keep the largest intermediate of the batch within this many numbers, about the cache of a core. */
const BATCH_NUMBERS = 150_000;

function batchWidth({ family }: Problem): number {
  const largest = Math.max(...family.hessianProduct("free").nodes.map(({ shape }) => sizeOf(shape)));
  return Math.max(1, Math.min(family.layout.size, Math.floor(BATCH_NUMBERS / largest)));
}

/** Symmetric matrices [P, P] known by their products, as graphs that take `velocities` and give `products`. */
export interface Matrices {
  readonly cost: HessianCost;
  /** out ← out + scale·A, for the matrix A of a graph of the family at these inputs. */
  add(
    graph: (width: number) => Graph,
    inputs: Readonly<Record<string, Float64Array>>,
    scale: number,
    out: Float64Array,
  ): Promise<void>;
}

/** Graphs are compiled where they are first met; the same function has to come for the same graph. */
export function createMatrices(problem: Problem, memory = new Memory()): Matrices {
  const P = problem.family.layout.size;
  const width = batchWidth(problem);
  const cost = memory.keep("hessian", { products: 0, gradientEquivalents: 0 });
  const velocities = new Float64Array(width * P);
  const products = new Float64Array(width * P);
  const compiled = new Map<unknown, { program: ReturnType<Problem["compile"]>; price: number }>();
  const programOf = (make: (width: number) => Graph) => {
    const known = compiled.get(make);
    if (known !== undefined) return known;
    const graph = make(width);
    const price = problem.priceOf(graph) / width;
    const made = { program: problem.compile(graph), price };
    compiled.set(make, made);
    return made;
  };
  return {
    cost,
    async add(make, inputs, scale, out) {
      const { program, price } = programOf(make);
      const { run } = await program;
      for (let start = 0; start < P; start += width) {
        const rows = Math.min(width, P - start);
        velocities.fill(0);
        for (let k = 0; k < rows; k++) velocities[k * P + start + k] = 1;
        await run({ ...inputs, velocities }, { products });
        cost.products += width;
        cost.gradientEquivalents += price * width;
        // Rounding is not symmetric; the matrix is.
        for (let k = 0; k < rows; k++)
          for (let j = 0, i = start + k; j < P; j++) {
            const half = (scale / 2) * products[k * P + j]!;
            out[i * P + j]! += half;
            out[j * P + i]! += half;
          }
      }
    },
  };
}

export function createHessian(problem: Problem, memory?: Memory): Hessian {
  const matrices = createMatrices(problem, memory);
  const products = (width: number) => problem.family.hessianProducts(width, "free");
  return {
    cost: matrices.cost,
    async jacobian(_t, theta, out) {
      out.fill(0);
      await matrices.add(products, { theta }, -1, out);
    },
  };
}
