/** Many products at one θ in one evaluation: what depends on θ alone is computed once for all of them. */
import type { Program } from "../engine/index.js";
import type { Graph } from "../graph/index.js";

/** Most at once: beyond, little is shared that is not shared yet, and intermediates grow with their number. */
const MOST_AT_ONCE = 6;

/** @returns for vectors [P] what the graph makes of each; any number of them */
export type Products = (
  theta: Float64Array,
  vectors: readonly Float64Array[],
) => Promise<readonly Float64Array[]>;

/** @param graphOf takes `theta` and `velocities` [capacity, P], gives `products` [capacity, P] */
export function batchProducts(
  graphOf: (capacity: number) => Graph,
  compile: (graph: Graph) => Promise<Program>,
): Products {
  const programs = new Map<number, Promise<Program>>();
  const programOf = (capacity: number): Promise<Program> => {
    const known = programs.get(capacity) ?? compile(graphOf(capacity));
    programs.set(capacity, known);
    return known;
  };
  return async (theta, vectors) => {
    const P = theta.length;
    const out: Float64Array[] = [];
    for (let from = 0; from < vectors.length; from += MOST_AT_ONCE) {
      const some = vectors.slice(from, from + MOST_AT_ONCE);
      const velocities = new Float64Array(some.length * P);
      some.forEach((vector, k) => {
        velocities.set(vector, k * P);
      });
      const products = new Float64Array(some.length * P);
      await (await programOf(some.length)).run({ theta, velocities }, { products });
      for (let k = 0; k < some.length; k++) out.push(products.subarray(k * P, (k + 1) * P));
    }
    return out;
  };
}
