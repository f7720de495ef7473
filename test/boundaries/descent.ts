/**
 * Gradient descent with a tiny step, written out by hand: the truth that the flow through kinks has to meet, since GD tends to
 * it as its step shrinks. Shares no code with the graphs, the engines or the solver; only the order of θ is theirs.
 */

import { type Family, type PieceTable, pieceTable } from "../../src/model/index.js";
import { affineLayers } from "../support/networks.js";

export interface Tiny {
  /** θ at each of the times asked for. */
  readonly states: readonly Float64Array[];
  /** Changes of piece of every entry, counted inside the window. */
  readonly flips: Uint32Array;
}

interface Stage {
  readonly fanIn: number;
  readonly fanOut: number;
  readonly weights: number;
  readonly bias: number | null;
  readonly slope: number | null;
  readonly activated: boolean;
  /** First entry of an activated layer. */
  readonly offset: number;
  readonly input: Float64Array;
  readonly mixed: Float64Array;
  readonly z: Float64Array;
  readonly signal: Float64Array;
}

/**
 * @param times increasing; the number of steps to each is rounded to the nearest
 * @param window counts changes of piece from its first time to its second
 */
export function descend(
  { family, bound }: { family: Family; bound: Readonly<Record<string, Float64Array>> },
  theta0: Float64Array,
  step: number,
  times: readonly number[],
  window: readonly [number, number] = [0, 0],
): Tiny {
  const { sites, samples: n, factor } = family;
  const spec = family.network.preset!;
  const table = pieceTable(spec.activation) as PieceTable;
  const theta = theta0.slice();
  const gradient = new Float64Array(theta.length);
  const flips = new Uint32Array(family.entries);
  const pieces = new Int32Array(family.entries).fill(-1);
  let hidden = 0;
  const stages = affineLayers(family).map((layer): Stage => {
    const { fanIn, fanOut, activated } = layer;
    const offset = activated ? n * sites[hidden++]!.offset : 0;
    const sized = (width: number) => new Float64Array(n * width);
    return {
      ...layer,
      offset,
      input: sized(fanIn),
      mixed: sized(fanIn),
      z: sized(fanOut),
      signal: sized(fanOut),
    };
  });
  const adjacency = spec.kind === "gcn" ? bound["adjacency"]! : null;
  const output = new Float64Array(n * spec.outputDimension);
  const inputSignals = stages.map((stage) => new Float64Array(n * stage.fanIn));
  const mix = (from: Float64Array, into: Float64Array, width: number, transposed: boolean): void => {
    if (adjacency === null) {
      into.set(from);
      return;
    }
    into.fill(0);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++) {
        const a = adjacency[transposed ? j * n + i : i * n + j]!;
        if (a !== 0) for (let k = 0; k < width; k++) into[i * width + k]! += a * from[j * width + k]!;
      }
  };
  const isPrelu = spec.activation.kind === "prelu";
  const pieceAt = (z: number): number => {
    let piece = 0;
    for (const b of table.breakpoints) if (z > b) piece++;
    return piece;
  };
  const polynomial = (piece: number, z: number): number => {
    const c = table.coefficients[piece]!;
    let value = 0;
    for (let k = c.length - 1; k >= 0; k--) value = value * z + c[k]!;
    return value;
  };
  const derivative = (piece: number, z: number): number => {
    const c = table.coefficients[piece]!;
    let value = 0;
    for (let k = c.length - 1; k >= 1; k--) value = value * z + k * c[k]!;
    return value;
  };

  const evaluate = (counting: boolean): void => {
    let h = bound["x"]!;
    stages.forEach((stage, l) => {
      const { fanIn, fanOut, z, mixed } = stage;
      stage.input.set(h);
      mix(h, mixed, fanIn, false);
      const next = stages[l + 1]?.input ?? output;
      for (let i = 0; i < n; i++)
        for (let u = 0; u < fanOut; u++) {
          let sum = stage.bias === null ? 0 : theta[stage.bias + u]!;
          for (let k = 0; k < fanIn; k++)
            sum += mixed[i * fanIn + k]! * theta[stage.weights + k * fanOut + u]!;
          const at = i * fanOut + u;
          z[at] = sum;
          if (!stage.activated) {
            next[at] = sum;
            continue;
          }
          const entry = stage.offset + at;
          const piece = pieceAt(sum);
          if (counting && piece !== pieces[entry]) flips[entry]!++;
          pieces[entry] = piece;
          const a = isPrelu ? (piece === 1 ? sum : theta[stage.slope!]! * sum) : polynomial(piece, sum);
          next[at] = spec.kind === "resnet" ? h[at]! + a : a;
        }
      h = next;
    });
    gradient.fill(0);
    let signal = new Float64Array(n * spec.outputDimension);
    for (let i = 0; i < signal.length; i++) signal[i] = 2 * factor! * (output[i]! - bound["y"]![i]!);
    for (let l = stages.length - 1; l >= 0; l--) {
      const stage = stages[l]!;
      const { fanIn, fanOut, z, mixed } = stage;
      const dz = stage.signal;
      for (let at = 0; at < dz.length; at++) {
        if (!stage.activated) dz[at] = signal[at]!;
        else {
          const piece = pieces[stage.offset + at]!;
          const slope = isPrelu ? (piece === 1 ? 1 : theta[stage.slope!]!) : derivative(piece, z[at]!);
          dz[at] = signal[at]! * slope;
          if (isPrelu && piece === 0) gradient[stage.slope!]! += signal[at]! * z[at]!;
        }
      }
      const before = inputSignals[l]!;
      const unmixed = new Float64Array(before.length);
      for (let i = 0; i < n; i++)
        for (let u = 0; u < fanOut; u++) {
          const d = dz[i * fanOut + u]!;
          if (d === 0) continue;
          if (stage.bias !== null) gradient[stage.bias + u]! += d;
          for (let k = 0; k < fanIn; k++) {
            gradient[stage.weights + k * fanOut + u]! += d * mixed[i * fanIn + k]!;
            unmixed[i * fanIn + k]! += d * theta[stage.weights + k * fanOut + u]!;
          }
        }
      mix(unmixed, before, fanIn, true);
      if (spec.kind === "resnet" && stage.activated)
        for (let i = 0; i < before.length; i++) before[i]! += signal[i]!;
      signal = before;
    }
  };

  const states: Float64Array[] = [];
  let k = 0;
  for (const time of times) {
    for (const last = Math.round(time / step); k < last; k++) {
      const t = k * step;
      evaluate(t >= window[0] && t < window[1]);
      for (let i = 0; i < theta.length; i++) theta[i]! -= step * gradient[i]!;
    }
    states.push(theta.slice());
  }
  return { states, flips };
}
