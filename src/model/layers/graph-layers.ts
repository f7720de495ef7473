/** Layers over a graph whose nodes are the samples: they couple them. */
import { z } from "zod";
import type { Node } from "../../graph/index.js";
import type { Scope } from "../scope.js";
import { bias, count, defineLayer, sampleShape, width } from "./define.js";

const widthOf = (scope: Scope, given: number | undefined): number =>
  given ?? scope.fail("needs a width; only the last layer of a network may leave it out");

function withBias(scope: Scope, z: Node, fanIn: number, wanted: boolean): Node {
  if (!wanted) return z;
  const fanOut = z.shape[1] as number;
  const own = scope.parameter("bias", [fanOut], { kind: "bias", fanIn });
  return scope.b.add(z, scope.b.reshape(own, [1, fanOut]));
}

export const gcnConv = defineLayer({
  kind: "gcn-conv",
  takesWidth: true,
  text: "Â H W + b with Â = D^{−1/2}(A + I)D^{−1/2} of the data's graph: [d] → [width]. Parameters: weight [d, width], bias [width].",
  fields: () => ({ width, bias }),
  build(scope, fields, h) {
    const { b } = scope;
    const [fanIn] = sampleShape(scope, h, ["d"]) as [number];
    const fanOut = widthOf(scope, fields.width);
    const weight = scope.parameter("weight", [fanIn, fanOut], { kind: "weight", fanIn, fanOut });
    const mix = (node: Node): Node => b.matmul(scope.relation("adjacency"), node);
    // (ÂH)W = Â(HW): the narrower product is the cheaper one, but ÂX is a constant.
    const mixFirst = h.op === "input" || fanIn <= fanOut;
    const z = mixFirst ? b.matmul(mix(h), weight) : mix(b.matmul(h, weight));
    return withBias(scope, z, fanIn, fields.bias);
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
    const [fanIn] = sampleShape(scope, h, ["d"]) as [number];
    const fanOut = widthOf(scope, fields.width);
    // L̂H = (2/λ)LH − H.
    const apply = (node: Node): Node =>
      b.sub(b.scale(b.matmul(scope.relation("laplacian"), node), 2 / lambdaMax), node);
    const basis: Node[] = [h];
    for (let k = 1; k < order; k++) {
      const next = apply(basis[k - 1] as Node);
      basis.push(k === 1 ? next : b.sub(b.scale(next, 2), basis[k - 2] as Node));
    }
    const terms = basis.map((t, k) =>
      b.matmul(t, scope.parameter(`weights.${k}`, [fanIn, fanOut], { kind: "weight", fanIn, fanOut })),
    );
    return withBias(
      scope,
      terms.reduce((p, q) => b.add(p, q)),
      fanIn,
      fields.bias,
    );
  },
});

export const graphConv = defineLayer({
  kind: "graph-conv",
  takesWidth: true,
  text: "H W_root + A H W_neighbours + b (Morris et al. 2019, sum): [d] → [width]. Parameters: root [d, width], neighbours [d, width], bias [width].",
  fields: () => ({ width, bias }),
  build(scope, fields, h) {
    const { b } = scope;
    const [fanIn] = sampleShape(scope, h, ["d"]) as [number];
    const fanOut = widthOf(scope, fields.width);
    const law = { kind: "weight", fanIn, fanOut } as const;
    const root = b.matmul(h, scope.parameter("root", [fanIn, fanOut], law));
    const around = b.matmul(scope.relation("neighbours"), h);
    const neighbours = b.matmul(around, scope.parameter("neighbours", [fanIn, fanOut], law));
    return withBias(scope, b.add(root, neighbours), fanIn, fields.bias);
  },
});
