/** The graph between the samples: from a list of edges or from the inputs, and the matrices that layers multiply by. */
import { atOnce, type Steps } from "../pace.js";
import type { Relation } from "./scope.js";

/** A [n, n], row-major: A_ij = 1 if i is among the k nearest neighbours of j (Euclidean, ties to the smaller index) or j among those of i. */
export function nearestNeighbours(inputs: Float64Array, samples: number, neighbours: number): Float64Array {
  return atOnce(findingNeighbours(inputs, samples, neighbours));
}

/** The same with a pause after each sample. */
export function* findingNeighbours(
  inputs: Float64Array,
  samples: number,
  neighbours: number,
): Steps<Float64Array> {
  const dimension = inputs.length / samples;
  const adjacency = new Float64Array(samples * samples);
  for (let i = 0; i < samples; i++) {
    const distances = Array.from({ length: samples }, (_, j) => {
      let sum = 0;
      for (let d = 0; d < dimension; d++) {
        sum += ((inputs[i * dimension + d] as number) - (inputs[j * dimension + d] as number)) ** 2;
      }
      return { j, sum };
    });
    const nearest = distances.filter(({ j }) => j !== i).sort((p, q) => p.sum - q.sum || p.j - q.j);
    for (const { j } of nearest.slice(0, neighbours)) {
      adjacency[i * samples + j] = 1;
      adjacency[j * samples + i] = 1;
    }
    yield;
  }
  return adjacency;
}

/**
 * The matrix [n, n] of a relation, from A with a zero diagonal: `adjacency` Â = D^{−1/2}(A + I)D^{−1/2}, D the degree with the self-loop
 * (Kipf & Welling 2017); `neighbours` A itself; `laplacian` I − D^{−1/2}AD^{−1/2}, a node without neighbours having 1 on the diagonal.
 */
export function relationMatrix(relation: Relation, edges: Float64Array, samples: number): Float64Array {
  if (relation === "neighbours") return edges;
  const loops = relation === "adjacency" ? 1 : 0;
  const own = edges.slice();
  for (let i = 0; i < samples; i++) own[i * samples + i] = loops;
  const scale = Float64Array.from({ length: samples }, (_, i) => {
    let degree = 0;
    for (let j = 0; j < samples; j++) degree += own[i * samples + j] as number;
    return degree === 0 ? 0 : 1 / Math.sqrt(degree);
  });
  const normalised = own.map(
    (a, e) => a * (scale[Math.floor(e / samples)] as number) * (scale[e % samples] as number),
  );
  if (relation === "adjacency") return normalised;
  return normalised.map((a, e) => (e % (samples + 1) === 0 ? 1 : 0) - a);
}

/** Â of the k-nearest-neighbour graph of the inputs, n × n row-major. */
export function normalisedAdjacency(inputs: Float64Array, samples: number, neighbours: number): Float64Array {
  return relationMatrix("adjacency", nearestNeighbours(inputs, samples, neighbours), samples);
}
