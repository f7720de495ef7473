/** Small random networks of every kind, with data, for tests that compare engines and derivatives. */
import {
  createFamily,
  type Family,
  initialise,
  type NetworkSpec,
  normalisedAdjacency,
  presetNetwork,
} from "../../src/model/index.js";
import { createRandom } from "../../src/random.js";

export interface Case {
  readonly label: string;
  readonly family: Family;
  readonly theta: Float64Array;
  /** The data, by the names the graphs use. */
  readonly bound: Record<string, Float64Array>;
}

export function randomVector(seed: number, length: number): Float64Array {
  const random = createRandom(seed).split("vector");
  return Float64Array.from({ length }, () => random.normal());
}

/** A network of that kind on `samples` Gaussian samples. */
export function makeCase(
  options: Partial<NetworkSpec> & { samples?: number; seed?: number; factor?: number },
): Case {
  const { samples = 7, seed = 1, factor = 0.5 / samples, ...given } = options;
  const spec: NetworkSpec = {
    kind: "dnn",
    inputDimension: 4,
    hidden: [5, 5],
    outputDimension: 3,
    bias: true,
    activation: { kind: "leaky-relu", slope: 0.1 },
    ...given,
  };
  const random = createRandom(seed);
  const normals = (name: string, length: number) => {
    const stream = random.split(name);
    return Float64Array.from({ length }, () => stream.normal());
  };
  const x = normals("x", samples * spec.inputDimension);
  const bound: Record<string, Float64Array> = { x, y: normals("y", samples * spec.outputDimension) };
  if (spec.kind === "gcn") bound["adjacency"] = normalisedAdjacency(x, samples, 3);
  const network = presetNetwork(spec);
  const theta = initialise(
    network.layout,
    { kind: "kaiming-normal", a: 0.1, bias: "uniform" },
    random.split("init"),
  );
  return {
    label: `${spec.kind} ${spec.inputDimension}-${spec.hidden.join("-")}-${spec.outputDimension} ${spec.activation.kind}${spec.bias ? "" : " without biases"}`,
    family: createFamily({ network, samples, factor }),
    theta,
    bound,
  };
}

/** Continuous; σ' jumps by 0.5 and by 1, and between its kinks it is no constant. */
export const piecewiseQuadratic: NetworkSpec["activation"] = {
  kind: "piecewise-polynomial",
  breakpoints: [-1, 0.5],
  coefficients: [
    [0, 0.5],
    [0, 0, -0.5],
    [-0.375, 0.5],
  ],
};

const activations: NetworkSpec["activation"][] = [
  { kind: "identity" },
  { kind: "tanh" },
  { kind: "sigmoid" },
  { kind: "relu" },
  { kind: "leaky-relu", slope: 0.1 },
  { kind: "prelu", slope: 0.25 },
  { kind: "abs" },
  { kind: "hard-tanh" },
  { kind: "hard-sigmoid" },
  { kind: "relu6" },
  { kind: "squared-relu" },
  piecewiseQuadratic,
];

/** Every model with every activation, with and without biases. */
export const allCases: readonly Case[] = (["dnn", "resnet", "gcn"] as const).flatMap((kind) =>
  activations.flatMap((activation, i) => [
    makeCase({ kind, activation, seed: i + 1 }),
    makeCase({
      kind,
      activation,
      bias: false,
      seed: i + 101,
      hidden: kind === "resnet" ? [4, 4, 4] : [6, 3, 5],
    }),
  ]),
);

/** One affine layer of a preset: where its parameters stand in θ. */
export interface AffineLayer {
  readonly fanIn: number;
  readonly fanOut: number;
  readonly activated: boolean;
  readonly weights: number;
  readonly bias: number | null;
  readonly slope: number | null;
}

/** The affine layers of a dnn, resnet or gcn, first to last. */
export function affineLayers({ network: { layout, preset, sites } }: Family): AffineLayer[] {
  const layers: AffineLayer[] = [];
  const last = (change: Partial<AffineLayer>) => layers.push({ ...(layers.pop() as AffineLayer), ...change });
  for (const { name, shape, offset } of layout.parameters) {
    if (name.endsWith("weight"))
      layers.push({
        fanIn: shape[0]!,
        fanOut: shape[1]!,
        activated: true,
        weights: offset,
        bias: null,
        slope: null,
      });
    else last(name.endsWith("bias") ? { bias: offset } : { slope: offset });
  }
  last({ activated: false });
  // An affine entry layer, where a resnet has one, is not activated either.
  const hidden = preset?.hidden.length ?? sites.length;
  if (layers.length > hidden + 1) layers[0] = { ...layers[0]!, activated: false };
  return layers;
}

/** The breakpoints of the activation; none where it is smooth. */
export const breakpointsOf = ({ sites }: Family): readonly number[] => sites[0]?.table.breakpoints ?? [];
