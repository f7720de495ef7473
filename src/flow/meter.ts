/** What graphs cost, in gradients of the loss, by counting floating-point operations. */
import type { Problem } from "./problem.js";

/** The same problem; `spend` is told what each run of a program compiled by it takes. */
export function metered(problem: Problem, spend: (gradients: number) => void): Problem {
  return {
    ...problem,
    async compile(graph, bound) {
      const program = await problem.compile(graph, bound);
      const price = problem.priceOf(program.graph, bound);
      return {
        graph: program.graph,
        run(inputs, into) {
          spend(price);
          return program.run(inputs, into);
        },
      };
    },
  };
}
