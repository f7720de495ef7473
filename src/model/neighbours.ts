/** The graph of a graph convolutional network, built from the inputs. */
import { atOnce, type Steps } from "../pace.js";

/**
 * Â = D^{−1/2}(A + I)D^{−1/2}, n × n row-major, where A_ij = 1 if i is among the k nearest neighbours of j (Euclidean,
 * ties to the smaller index) or j among those of i, and D is the degree with the self-loop (Kipf & Welling 2017).
 */
export function normalisedAdjacency(inputs: Float64Array, samples: number, neighbours: number): Float64Array {
  return atOnce(adjacencySteps(inputs, samples, neighbours));
}

/** The same with a pause after each sample. */
export function* adjacencySteps(
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
    adjacency[i * samples + i] = 1;
    yield;
  }
  const scale = Float64Array.from({ length: samples }, (_, i) => {
    let degree = 0;
    for (let j = 0; j < samples; j++) degree += adjacency[i * samples + j] as number;
    return 1 / Math.sqrt(degree);
  });
  for (let i = 0; i < samples; i++) {
    for (let j = 0; j < samples; j++) {
      const e = i * samples + j;
      adjacency[e] = (adjacency[e] as number) * (scale[i] as number) * (scale[j] as number);
    }
    yield;
  }
  return adjacency;
}
