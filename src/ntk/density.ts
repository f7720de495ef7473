/** The spectral density of a kernel too large for eigenvalues: stochastic Lanczos quadrature (Ubaru, Chen & Saad 2017). */
import { lanczosQuadrature } from "../linalg/krylov.js";
import type { Operator } from "../linalg/operator.js";
import type { Random } from "../random.js";

export interface SpectralDensity {
  /** Eigenvalues at which the quadratures have their nodes, ascending, and their weights; the weights sum to 1. */
  readonly nodes: Float64Array;
  readonly weights: Float64Array;
  /** Weight of nodes below ε·√n·λ_max: zero, as far as products with G can tell. */
  readonly unresolved: number;
  readonly probes: number;
  readonly steps: number;
}

/** Each probe costs `steps` products. Memory: (steps + 1)·n numbers. */
export async function spectralDensity(
  operator: Operator,
  random: Random,
  { probes, steps }: { readonly probes: number; readonly steps: number },
  onProduct?: (done: number, all: number) => void,
): Promise<SpectralDensity> {
  const found: { node: number; weight: number }[] = [];
  const count = Math.min(steps, operator.size);
  let done = 0;
  for (let k = 0; k < probes; k++) {
    const stream = random.split(`density-${k}`);
    const start = Float64Array.from({ length: operator.size }, () => stream.normal());
    const { nodes, weights } = await lanczosQuadrature(operator, start, count, () => {
      onProduct?.(++done, probes * count);
    });
    nodes.forEach((node, i) => {
      found.push({ node, weight: (weights[i] as number) / probes });
    });
  }
  found.sort((p, q) => p.node - q.node);
  const largest = found[found.length - 1]?.node ?? 0;
  const floor = 4 * Number.EPSILON * Math.sqrt(operator.size) * largest;
  return {
    nodes: Float64Array.from(found, ({ node }) => node),
    weights: Float64Array.from(found, ({ weight }) => weight),
    unresolved: found.reduce((sum, { node, weight }) => sum + (node <= floor ? weight : 0), 0),
    probes,
    steps: count,
  };
}
