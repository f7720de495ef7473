/**
 * Bounds on the rank of J that follow from the structure of a network and the pieces it is on, before any eigenvalue is
 * computed. A cap below nM means λ_min(G) = 0 exactly, in exact arithmetic, at every θ with these pieces.
 */
import type { Tensors } from "../engine/index.js";
import { integerNullVectors } from "../linalg/nullity.js";
import { type Family, type PieceTable, relationMatrix } from "../model/index.js";
import type { KernelState } from "./scalars.js";

export interface RankCap {
  readonly kind: "parameters" | "directions" | "duplicate-inputs" | "few-kinks" | "singular-graph";
  readonly rank: number;
  /** Why, in a sentence. */
  readonly reason: string;
}

/**
 * All caps on rank ∂F/∂θ at a state that lie below nM, the lowest first; higher ones say nothing. The pieces must be given where the activation has pieces; `held` must
 * be independent.
 */
export function rankCaps(family: Family, data: Tensors, state: KernelState): RankCap[] {
  const { network, samples, layout } = family;
  const { pieces } = state;
  const M = network.outputs;
  const P = layout.size;
  const scales = freeScales(family, state);
  const held = state.held.length;
  const caps: RankCap[] = [{ kind: "parameters", rank: P, reason: `there are only P = ${P} parameters` }];
  if (scales > 0 || held > 0) {
    const without = [
      ...(scales > 0 ? [`${scales} rescalings of hidden units that leave the outputs as they are`] : []),
      ...(held > 0 ? [`${held} directions that sliding entries block`] : []),
    ].join(" and ");
    caps.push({
      kind: "directions",
      rank: P - scales - held,
      reason: `of the P = ${P} directions, ${without}`,
    });
  }
  caps.push(...inputCaps(family, data, pieces), ...graphCap(family, data));
  return caps.filter(({ rank }) => rank < samples * M).sort((p, q) => p.rank - q.rank);
}

/** Caps by what the inputs and the pieces on them are: of networks whose row i is made of row i of something. */
function inputCaps(family: Family, data: Tensors, pieces: Float64Array | null): RankCap[] {
  const { network, samples } = family;
  const isGcn = network.preset?.kind === "gcn";
  if (network.coupled && !isGcn) return [];
  const distinct = distinctRows(data[isGcn ? "adjacency" : "x"] as Float64Array, samples);
  const duplicates: RankCap = {
    kind: "duplicate-inputs",
    rank: distinct * network.outputs,
    reason: isGcn
      ? `only ${distinct} of the ${samples} rows of Â are distinct, and equal rows have equal outputs`
      : `only ${distinct} of the ${samples} inputs are distinct, and equal inputs have equal outputs`,
  };
  const kinks = kinkCap(family, pieces, distinct);
  return kinks === null ? [duplicates] : [duplicates, kinks];
}

/** Nodes up to which a graph's matrix is eliminated exactly: half a second. */
const MOST_NODES = 400;

/**
 * A last layer ÂHW + 1bᵀ keeps every output orthogonal to w where Âw = 0, up to b wᵀ1. Â = D^{−1/2}(A + I)D^{−1/2}, so w = D^{1/2}k with
 * (A + I)k = 0, whose entries are 0 and 1: a ring of 3m nodes has two such k. wᵀ1 = Σ_i √d_i k_i vanishes where the k_i of every degree
 * sum to zero.
 */
function graphCap({ network, samples, layout }: Family, data: Tensors): RankCap[] {
  const last = network.layers.findLast(({ path }) => /^layers\.\d+$/.test(path));
  if (last?.kind !== "gcn-conv" || samples > MOST_NODES) return [];
  const given = data["adjacency"] as Float64Array;
  const linked = given.map((entry) => (entry === 0 ? 0 : 1));
  const expected = relationMatrix("adjacency", linked, samples);
  // The pattern of a matrix that is no Â says nothing about its rank.
  if (given.some((entry, e) => entry !== expected[e])) return [];
  const found = integerNullVectors(linked, samples);
  const degrees = Array.from({ length: samples }, (_, i) =>
    linked.subarray(i * samples, (i + 1) * samples).reduce((sum, entry) => sum + entry, 0),
  );
  const isOrthogonalToOnes = found.every((k) =>
    degrees.every(
      (degree) => k.reduce((sum, entry, i) => sum + (degrees[i] === degree ? entry : 0), 0) === 0,
    ),
  );
  const hasBias = layout.parameters.some(({ name }) => name === `${last.path}.bias`);
  const rank = samples - found.length;
  const free = rank + (hasBias && !isOrthogonalToOnes ? 1 : 0);
  return [
    {
      kind: "singular-graph",
      rank: free * network.outputs,
      reason: `the last layer multiplies by Â, which has rank ${rank} at most with its ${samples} nodes, so each output moves in ${free} directions${free > rank ? ", its bias included" : ""}`,
    },
  ];
}

/**
 * A piecewise affine network none of whose units changes its piece over the data is affine there: F_i = Ax_i + b, so
 * rank J ≤ (N + 1)M. A unit that leaves its usual piece on m of the n samples adds what those samples can see of it: one
 * function to each output, and at most min(m, its inputs) directions of its own weights, less one for the scale that it can
 * pass on to the next layer.
 */
function kinkCap(family: Family, pieces: Float64Array | null, distinct: number): RankCap | null {
  const { samples } = family;
  const spec = family.network.preset;
  if (spec === null) return null;
  const table = tableOf(family);
  const M = spec.outputDimension;
  const identity = spec.activation.kind === "identity";
  if (!identity && (table === null || pieces === null)) return null;
  const affine = table === null || table.coefficients.every((piece) => piece.slice(2).every((c) => c === 0));
  if (!affine) return null;
  const throughOrigin = table === null || table.coefficients.every((piece) => (piece[0] ?? 0) === 0);
  const layers = spec.hidden.length + 1;
  // In a gcn each layer's bias reaches the output through another power of Â.
  const constants = spec.bias || !throughOrigin ? (spec.kind === "gcn" ? layers : 1) : 0;
  const base = Math.min(distinct, spec.inputDimension + constants);
  const minorities = pieces === null ? [] : minoritiesOf(family, pieces);
  const changing = minorities.flat().filter((count) => count > 0).length;
  const shape =
    spec.kind === "gcn" ? (constants > 1 ? `N + ${constants}` : "N") : constants > 0 ? "N + 1" : "N";
  if (changing === 0) {
    return {
      kind: "few-kinks",
      rank: base * M,
      reason: `no hidden unit changes its piece over the ${samples} samples, so the network is affine there and rank J ≤ (${shape})M = ${base * M}`,
    };
  }
  if (spec.kind === "gcn") return null;
  let own = 0;
  let earlier = 0;
  for (const layer of minorities) {
    const inputs = base + earlier;
    for (const count of layer) own += Math.min(count, inputs);
    earlier += layer.filter((count) => count > 0).length;
  }
  const functions = Math.min(distinct, base + changing);
  const scales = throughOrigin && base + changing <= distinct ? changing : 0;
  const slopes = spec.activation.kind === "prelu" ? spec.hidden.length : 0;
  const rank = functions * M + own - scales + slopes;
  return {
    kind: "few-kinks",
    rank,
    reason: `only ${changing} hidden units change their piece over the ${samples} samples, which bounds rank J by ${rank} (at most ${functions} functions per output, ${own - scales + slopes} directions in the units' own weights)`,
  };
}

/**
 * Hidden units whose incoming weights and bias may be scaled by s and outgoing ones by 1/s without a change of F: all of them
 * where every piece is linear, none in a resnet. A sliding entry stays on its boundary under such a scaling, so this adds to
 * what sliding takes. Zero unless every unit has a weight to scale, which makes these directions independent.
 */
function freeScales(family: Family, { theta }: KernelState): number {
  const spec = family.network.preset;
  if (spec === null) return 0;
  const table = tableOf(family);
  const linear =
    spec.activation.kind === "identity" ||
    table?.coefficients.every((piece) => piece.every((c, k) => k === 1 || c === 0)) === true;
  if (!linear || spec.kind === "resnet") return 0;
  const { parameters } = family.layout;
  const weights = parameters.filter(({ law }) => law.kind === "weight").slice(0, spec.hidden.length);
  const all = weights.every(({ shape, offset, name }) => {
    const [fanIn, fanOut] = shape as readonly [number, number];
    const bias = parameters.find((other) => other.name === name.replace(/weight$/, "bias"));
    return Array.from({ length: fanOut }, (_, unit) => unit).every(
      (unit) =>
        (bias !== undefined && theta[bias.offset + unit] !== 0) ||
        Array.from({ length: fanIn }, (_, i) => theta[offset + i * fanOut + unit]).some((w) => w !== 0),
    );
  });
  return all ? weights.reduce((sum, { shape }) => sum + (shape[1] as number), 0) : 0;
}

/** The one table of a preset's activation; null where it is smooth. */
const tableOf = ({ sites }: Family): PieceTable | null => sites[0]?.table ?? null;

/** Per hidden layer and unit: on how many samples it is not on the piece where it mostly is. */
function minoritiesOf({ sites, samples }: Family, pieces: Float64Array): number[][] {
  return sites.map(({ offset, units }) =>
    Array.from({ length: units }, (_, unit) => {
      const counts = new Map<number, number>();
      for (let i = 0; i < samples; i++) {
        const piece = pieces[samples * offset + i * units + unit] as number;
        counts.set(piece, (counts.get(piece) ?? 0) + 1);
      }
      return samples - Math.max(...counts.values());
    }),
  );
}

function distinctRows(rows: Float64Array, count: number): number {
  const width = rows.length / count;
  const seen = new Set<string>();
  for (let i = 0; i < count; i++) seen.add(rows.subarray(i * width, (i + 1) * width).join());
  return seen.size;
}
