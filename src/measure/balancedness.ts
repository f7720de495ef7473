/**
 * Balancedness: between two layers with a positively homogeneous activation of degree p, gradient flow of the loss alone keeps p‖out_j‖² − ‖in_j‖²
 * of each unit j (Du, Hu & Lee 2018), in_j being the weights and the bias that make the unit, out_j the weights that read it; weight decay λ of all of
 * them lets it fall as e^{−2λt}. Which pairs of layers have the identity behind it, ⟨in_j, ∂/∂in_j⟩ = p⟨out_j, ∂/∂out_j⟩ of all outputs at every
 * θ, is found by trying it, not read off names.
 */
import { length } from "../linalg/norm.js";
import type { Parameter } from "../model/index.js";
import { createRandom } from "../random.js";
import { defineMeasure, type Subject } from "./measure.js";
import { RANGE, SCALES } from "./scales.js";

/** Two weights with units between them, and what belongs to each unit: places in θ. */
interface Pair {
  readonly name: string;
  readonly degree: number;
  readonly units: readonly { readonly in: readonly number[]; readonly out: readonly number[] }[];
}

/** Part of the products' size up to which the identity holds: rounding of one gradient, in float32 too. */
const TOLERANCE = { float64: 1e-9, float32: 1e-3 } as const;
const MOST_DEGREE = 8;

export const balancedness = defineMeasure({
  name: "balancedness",
  text: "Of each hidden layer: imbalance, the largest |p‖w_out‖² − ‖w_in‖² − b²| of its units, and how far any has drifted from its value at θ₀ (times e^{−2λt} with weight decay λ), relative to the largest p‖w_out‖² + ‖w_in‖² + b². Gradient flow keeps them where the activation between two layers is positively homogeneous of degree p (linear, relu, leaky-relu: 1); descent lets them drift by O(η). Layers are those at which the identity behind it holds at random parameters.",
  look: "Gradient flow conserves the imbalance up to weight decay: drift of the flow is error of integration, drift of descent is what its steps break.",
  refuse: async (subject) =>
    (await pairsOf(subject)).length > 0
      ? null
      : "needs two layers with nothing but a positively homogeneous activation between them (linear, relu, leaky-relu, abs), their biases decaying where the weights do, and this network has none; leave it out.",
  columns: async (subject) =>
    (await pairsOf(subject)).flatMap(({ name }) => [
      {
        name: `imbalance.${name}`,
        label: name,
        axis: "largest imbalance",
        scale: "log" as const,
      },
      {
        name: `balanceDrift.${name}`,
        label: name,
        axis: "relative drift",
        scale: "log" as const,
      },
    ]),
  graphs: (family, _, on) => (on === "train" ? [family.jacobianTransposeProduct("free")] : []),
  // The places of θ by units, into them and out of them.
  numbers: ({ layout }) => 2 * layout.size,
  async follow(subject) {
    const pairs = await pairsOf(subject);
    const initial = pairs.map((pair) => imbalances(pair, subject.theta0).differences);
    const { weightDecay = 0 } = subject.train.family.criterion.regularisation ?? {};
    return async ({ t, theta }) => {
      const kept = Math.exp(-2 * weightDecay * t);
      const values: Record<string, number> = {};
      for (const [k, pair] of pairs.entries()) {
        const { differences, largest } = imbalances(pair, theta);
        let [most, drift] = [0, 0];
        for (const [j, difference] of differences.entries()) {
          most = Math.max(most, Math.abs(difference));
          drift = Math.max(drift, Math.abs(difference - kept * initial[k]![j]!));
        }
        values[`imbalance.${pair.name}`] = most;
        values[`balanceDrift.${pair.name}`] = largest > 0 ? drift / largest : 0;
      }
      return values;
    };
  },
});

/** Of every unit p‖out‖² − ‖in‖², and the largest p‖out‖² + ‖in‖². */
function imbalances({ units, degree }: Pair, theta: Float64Array) {
  let largest = 0;
  const square = (places: readonly number[]) =>
    places.reduce((sum, place) => sum + (theta[place] as number) ** 2, 0);
  const differences = units.map((unit) => {
    const [into, out] = [square(unit.in), degree * square(unit.out)];
    largest = Math.max(largest, into + out);
    return out - into;
  });
  return { differences, largest };
}

const known = new WeakMap<object, Promise<readonly Pair[]>>();

/** Found once per set of samples. */
function pairsOf(subject: Subject): Promise<readonly Pair[]> {
  const found = known.get(subject.train) ?? findPairs(subject);
  known.set(subject.train, found);
  return found;
}

async function findPairs({ train, theta0, seed }: Subject): Promise<Pair[]> {
  const { layout, criterion } = train.family;
  const { parameters } = layout;
  const keepsBiases = criterion.regularisation?.biases === false;
  const program = await train.compile(train.family.jacobianTransposeProduct("free"));
  const candidates = parameters.flatMap((parameter, k): Omit<Pair, "degree">[] => {
    const next = parameters.slice(k + 1).find(isWeight);
    if (!isWeight(parameter) || next === undefined) return [];
    const after = parameters[k + 1]!;
    const bias = after === next || isWeight(after) ? null : after;
    const units = unitsOf(parameter, bias, next);
    return units === null || (keepsBiases && bias !== null)
      ? []
      : [{ name: parameter.name.replace(/\.?weight$/, ""), units }];
  });
  const random = createRandom(seed).split("balancedness");
  const draw = (count: number) => Float64Array.from({ length: count }, random.normal);
  /** By candidate; null once it has failed. */
  const degrees: (number | null | undefined)[] = candidates.map(() => undefined);
  // A draw may leave all units of a layer dead: θ of its own size is tried three times.
  const spread = length(theta0) / Math.sqrt(theta0.length) || 1;
  for (const scale of [1, 1, ...SCALES]) {
    const noise = draw(theta0.length);
    const theta = theta0.map((value, i) => scale * (value + spread * (noise[i] as number)));
    const cotangent = draw(train.family.samples * train.family.network.outputs);
    const product = (await program.run({ theta, cotangent }))["product"] as Float64Array;
    for (const [k, { units }] of candidates.entries()) {
      const degree = degreeAt(units, theta, product, train.dtype);
      if (degree !== undefined && degrees[k] !== null)
        degrees[k] = degrees[k] === undefined || degrees[k] === degree ? degree : null;
    }
  }
  return candidates.flatMap((candidate, k) =>
    typeof degrees[k] === "number" ? [{ ...candidate, degree: degrees[k] }] : [],
  );
}

/** The degree that fits every unit; null where none does, undefined where no unit has any effect, or one that overflows or vanishes. */
function degreeAt(
  units: Pair["units"],
  theta: Float64Array,
  gradient: Float64Array,
  dtype: keyof typeof TOLERANCE,
): number | null | undefined {
  const along = (places: readonly number[]) => {
    let [sum, size] = [0, 0];
    for (const place of places) {
      const product = (theta[place] as number) * (gradient[place] as number);
      sum += product;
      size += Math.abs(product);
    }
    return { sum, size };
  };
  const products = units.map((unit) => ({ into: along(unit.in), out: along(unit.out) }));
  const [most] = products.toSorted((a, b) => Math.abs(b.out.sum) - Math.abs(a.out.sum));
  const reach = products.reduce((most, { into, out }) => Math.max(most, into.size, out.size), 0);
  if (!(reach > 1 / RANGE[dtype] && reach < RANGE[dtype])) return undefined;
  const degree = Math.round(most!.into.sum / most!.out.sum);
  if (!(degree >= 1 && degree <= MOST_DEGREE)) return null;
  const largest = products.reduce((most, { into, out }) => Math.max(most, into.size + degree * out.size), 0);
  const holds = products.every(
    ({ into, out }) => Math.abs(into.sum - degree * out.sum) <= TOLERANCE[dtype] * largest,
  );
  return holds ? degree : null;
}

function isWeight({ shape, law }: Parameter): boolean {
  return law.kind === "weight" && shape.length >= 2;
}

/** The axis of a weight that counts what it makes, and the one that counts what it reads: dense is [in, out], a convolution [out, in, …]. */
const axesOf = ({ shape }: Parameter) => (shape.length === 2 ? { out: 1, in: 0 } : { out: 0, in: 1 });

/** Units between two weights; null where their numbers do not fit. Channels that were flattened are read as blocks. */
function unitsOf(before: Parameter, bias: Parameter | null, after: Parameter): Pair["units"] | null {
  const count = before.shape[axesOf(before).out] as number;
  const read = after.shape[axesOf(after).in] as number;
  if (read % count !== 0) return null;
  const block = read / count;
  const hasBias = bias !== null && bias.law.kind === "bias" && bias.size === count;
  return Array.from({ length: count }, (_, j) => ({
    in: [...along(before, axesOf(before).out, j, j + 1), ...(hasBias ? [bias.offset + j] : [])],
    out: along(after, axesOf(after).in, j * block, (j + 1) * block),
  }));
}

/** Places in θ of the entries whose index on one axis is from `first` to below `end`. */
function along({ shape, offset, size }: Parameter, axis: number, first: number, end: number): number[] {
  const stride = shape.slice(axis + 1).reduce((p, q) => p * q, 1);
  const length = (shape[axis] as number) * stride;
  const places: number[] = [];
  for (let start = offset; start < offset + size; start += length)
    for (let k = first * stride; k < end * stride; k++) places.push(start + k);
  return places;
}
