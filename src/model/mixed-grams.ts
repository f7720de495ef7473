/**
 * Graphs of the Gram matrices that steps over kinks need, for networks whose layers mix the samples by fixed matrices: z = Σ_r R_r·h·W_r + b.
 * The normals ∇z of entries of one unit differ by their samples alone. From the parameters of the layer itself comes a table of products of
 * its mixed inputs; from those of the layer below, whose inputs are data, a product over the samples that R reaches. Layers further below
 * would need all samples; networks that have such before a site have no grams of this form.
 */
import { pullback } from "../autodiff/index.js";
import { createGraph, type Graph, GraphBuilder, type Node } from "../graph/index.js";
import type { Forward, Network } from "./network.js";
import type { Mixture } from "./scope.js";

/**
 * What the data decide: for each site k that mixes data `products k` [n, n], of another `matrix k r` [n, n]. From `identity` [n, n], `x` and
 * the relations.
 */
export function mixedTables(network: Network, samples: number): Graph {
  const b = new GraphBuilder();
  const run = free(b, network, samples);
  const identity = b.input("identity", [samples, samples]);
  const outputs = (network.mixed ?? []).flatMap(({ mixture, below }, k): [string, Node][] => {
    const own = run.mixtures[mixture] as Mixture;
    if (below === null) return [[`products ${k}`, inputProducts(b, own)]];
    return own.apply(identity).map((matrix, r) => [`matrix ${k} ${r}`, matrix]);
  });
  return createGraph("mixed-tables", Object.fromEntries(outputs));
}

/**
 * What θ decides, for each site k above another j: `products k` [n, n], `slopes j` [n, units of j], `weights k r` [units of j, units of k]; null
 * where no site is. From `theta`, `x`, the relations, and `pieces o` [n, units] of the site at offset o.
 */
export function mixedState(network: Network, samples: number): Graph | null {
  const b = new GraphBuilder();
  const run = free(b, network, samples);
  const outputs = (network.mixed ?? []).flatMap(({ mixture, below }, k): [string, Node][] => {
    if (below === null) return [];
    const own = run.mixtures[mixture] as Mixture;
    const activation = run.activations[below] as Node;
    const z = run.preactivations[below] as Node;
    const [slopes] = pullback(b, [activation], [b.broadcast(b.constant(1), activation.shape)], [z]);
    return [
      [`products ${k}`, inputProducts(b, own)],
      [`slopes ${below}`, slopes ?? b.broadcast(b.constant(0), z.shape)],
      ...own.weights.map(({ node }, r): [string, Node] => [`weights ${k} ${r}`, node]),
    ];
  });
  return outputs.length === 0 ? null : createGraph("mixed-state", Object.fromEntries(outputs));
}

/**
 * `gram` [blocks, rows, rows] of the part of the layer below, for `rows` entries of each of `blocks` units, over `support` samples: from
 * `products` [blocks, support, support] of the inputs below, `slopes` [blocks, support, width], `weights r` [blocks, 1, width] of the unit and
 * `mix r` [blocks, rows, support], the rows of R_r.
 */
export function mixedGram(
  blocks: number,
  rows: number,
  { support, width, terms }: { readonly support: number; readonly width: number; readonly terms: number },
): Graph {
  const b = new GraphBuilder();
  const products = b.input("products", [blocks, support, support]);
  const slopes = b.input("slopes", [blocks, support, width]);
  const passed = Array.from({ length: terms }, (_, r) => ({
    signal: b.mul(slopes, b.input(`weights ${r}`, [blocks, 1, width])),
    mix: b.input(`mix ${r}`, [blocks, rows, support]),
  }));
  const parts = passed.flatMap((p) =>
    passed.map((q) => {
      const inner = b.mul(products, b.matmul(p.signal, q.signal, { transposeB: true }));
      return b.matmul(b.matmul(p.mix, inner), q.mix, { transposeB: true });
    }),
  );
  const gram = parts.reduce((p, q) => b.add(p, q));
  return createGraph(`mixed-gram-${blocks}-${rows}-${support}-${width}`, { gram });
}

/** Σ_r (R_r·h)(R_r·h)ᵀ, 1 added for the bias, each times the square of what the parametrisation multiplies by. */
function inputProducts(b: GraphBuilder, { input, weights, biasScale, apply }: Mixture): Node {
  return apply(input)
    .map((mixed, r) => {
      const { scale } = weights[r]!;
      const own = scale === 1 ? mixed : b.scale(mixed, scale);
      return b.matmul(own, own, { transposeB: true });
    })
    .concat(biasScale === 0 ? [] : [b.constant(biasScale ** 2)])
    .reduce((p, q) => b.add(p, q));
}

const free = (b: GraphBuilder, network: Network, samples: number): Forward =>
  network.forward(b, {
    theta: b.input("theta", [network.layout.size]),
    x: b.input("x", [samples, ...network.inputShape]),
    pieces: ({ offset, units, shape }) =>
      b.reshape(b.input(`pieces ${offset}`, [samples, units]), [samples, ...shape]),
    sample: (name) => b.input(name, [samples, network.outputs]),
  });
