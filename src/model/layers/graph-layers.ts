/** Layers over a graph whose nodes are the samples: they couple them. */
import { z } from "zod";
import type { Node } from "../../graph/index.js";
import type { Scope } from "../scope.js";
import { bias, count, defineLayer, sampleShape, width } from "./define.js";

const widthOf = (scope: Scope, given: number | undefined): number =>
  given ?? scope.fail("needs a width; only the last layer of a network may leave it out");

export const gcnConv = defineLayer({
  kind: "gcn-conv",
  takesWidth: true,
  text: "Â H W + b with Â = D^{−1/2}(A + I)D^{−1/2} of the data's graph: [d] → [width]. Parameters: weight [d, width], bias [width].",
  fields: () => ({ width, bias }),
  build(scope, fields, h) {
    sampleShape(scope, h, ["d"]);
    const mix = (node: Node): Node[] => [scope.b.matmul(scope.relation("adjacency"), node)];
    const { bias } = fields;
    return scope.mixture(h, widthOf(scope, fields.width), ["weight"], mix, { bias, narrowFirst: true });
  },
});

export const chebConv = defineLayer({
  kind: "cheb-conv",
  takesWidth: true,
  text: "Σ_{k<order} T_k(L̂) H W_k + b with L̂ = 2L/lambdaMax − I, L = I − D^{−1/2}AD^{−1/2}: [d] → [width]. Parameters: weights.k [d, width] for every k, bias [width].",
  fields: () => ({
    width,
    order: count.describe("Number of Chebyshev polynomials."),
    lambdaMax: z.number().positive().default(2).describe("Upper end of L's spectrum; 2 always holds."),
    bias,
  }),
  build(scope, { order, lambdaMax, ...fields }, h) {
    const { b } = scope;
    sampleShape(scope, h, ["d"]);
    // L̂H = (2/λ)LH − H.
    const apply = (node: Node): Node =>
      b.sub(b.scale(b.matmul(scope.relation("laplacian"), node), 2 / lambdaMax), node);
    const basis = (node: Node): Node[] => {
      const polynomials: Node[] = [node];
      for (let k = 1; k < order; k++) {
        const next = apply(polynomials[k - 1] as Node);
        polynomials.push(k === 1 ? next : b.sub(b.scale(next, 2), polynomials[k - 2] as Node));
      }
      return polynomials;
    };
    const names = Array.from({ length: order }, (_, k) => `weights.${k}`);
    return scope.mixture(h, widthOf(scope, fields.width), names, basis, { bias: fields.bias });
  },
});

export const graphConv = defineLayer({
  kind: "graph-conv",
  takesWidth: true,
  text: "H W_root + A H W_neighbours + b (Morris et al. 2019, sum): [d] → [width]. Parameters: root [d, width], neighbours [d, width], bias [width].",
  fields: () => ({ width, bias }),
  build(scope, fields, h) {
    sampleShape(scope, h, ["d"]);
    const around = (node: Node): Node[] => [node, scope.b.matmul(scope.relation("neighbours"), node)];
    const names = ["root", "neighbours"];
    return scope.mixture(h, widthOf(scope, fields.width), names, around, { bias: fields.bias });
  },
});
