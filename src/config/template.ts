/** The study that `gradflow init` writes: complete without other files, every section shown. A test loads it. */

import { lossModules, presets } from "../model/index.js";
import { DEFAULT_TOLERANCES } from "../ode/defaults.js";
import { show } from "./messages.js";

const otherLosses = lossModules.map(({ kind }) => kind).filter((kind) => kind !== "squared");

/** @throws RangeError for a kind of model that no preset has */
export function studyTemplate(kind = "dnn"): string {
  const template = Object.hasOwn(TEMPLATES, kind) ? TEMPLATES[kind] : undefined;
  if (template === undefined) throw new RangeError(`studyTemplate: there is no preset ${kind}.`);
  const { data, model, tEnd, rates } = template;
  return `# A gradflow study. Run it:       npx gradflow run study.yaml
# Change a value for one run:     npx gradflow run study.yaml --set flow.rtol=1e-8
# Every field, with its default:  docs/config.md
#
# As it stands, a network fits random labels: the loss falls by a factor of 10⁵ and ends as an exponential. Descent with η = 0.05
# lies on the flow; η = 0.5 is above 2/λ_max(∇²L), the sharpness at the end, and leaves it. The figures loss and gap show both.
name: study
seed: 0

# The data. Your own: { kind: file, inputs: inputs.npy, targets: targets.csv }, relative to this file.
dataset:
${indent(data)}

# npx gradflow model study.yaml shows it layer by layer; other kinds: ${presets.map((preset) => preset.kind).join(", ")}, layers.
model:
${indent(model)}

# L = c‖F − y‖². The reduction sets c, and with it the unit of time and of every learning rate.
# Other kinds, with reductions of their own: ${otherLosses.join(", ")}.
loss: { kind: squared, reduction: half-mean-sample }    # half-mean-sample | half-sum | sum | mean

# Gradient flow θ' = −∇L(θ), integrated with controlled error.
flow:
  method: auto              # or one of those that gradflow methods lists; euler | heun | rk4 take stepSize, no tolerances
  rtol: ${show(DEFAULT_TOLERANCES.rtol)}
  atol: ${show(DEFAULT_TOLERANCES.atol)}
  tEnd: ${tEnd}

# Gradient descent beside it, compared at t = kη. [] runs the flow alone.
descent:
  learningRates: [${rates.join(", ")}]

record: { at: log, points: 200 }        # log | linear | steps

engine: { kind: onnx, dtype: float64, threads: 2 }
`;
}

/** What differs between the kinds of models. */
interface Template {
  readonly data: readonly string[];
  readonly model: readonly string[];
  readonly tEnd: number;
  readonly rates: readonly [number, number];
}

const indent = (lines: readonly string[]): string => lines.map((line) => `  ${line}`).join("\n");

const drawn = (samples: number, shape: string, outputs: number, ...more: string[]): string[] => [
  "kind: gaussian            # file | gaussian | uniform-ball | teacher",
  `samples: ${samples}`,
  shape,
  `outputDimension: ${outputs}`,
  ...more,
];
const vectors = (samples: number, ...more: string[]) => drawn(samples, "inputDimension: 10", 2, ...more);
const images = (samples: number, size: number) =>
  drawn(samples, `inputShape: [1, ${size}, ${size}]    # channels, height, width`, 2);
const GRAPH = "graph: { kind: nearest-neighbours, neighbours: 4 }    # or { kind: file, edges: edges.csv }";
const TANH =
  "activation: { kind: tanh }            # identity | leaky-relu | relu | tanh | sigmoid | gelu | …";
const HIDDEN = ["hidden: [20, 20]", "bias: true", TANH];

const TEMPLATES: Readonly<Record<string, Template>> = {
  dnn: {
    data: vectors(20),
    model: [
      "kind: dnn",
      ...HIDDEN,
      "init: { kind: kaiming-uniform }       # PyTorch's default for nn.Linear; or { kind: file, path: theta0.npy }",
    ],
    tEnd: 100,
    rates: [0.5, 0.05],
  },
  resnet: { data: vectors(20), model: ["kind: resnet", ...HIDDEN], tEnd: 50, rates: [0.2, 0.02] },
  gcn: {
    data: vectors(20),
    model: ["kind: gcn", "neighbours: 4             # of the graph between the samples", ...HIDDEN],
    tEnd: 100,
    rates: [0.5, 0.05],
  },
  cnn: {
    data: images(12, 8),
    model: ["kind: cnn", "channels: [4, 4]", "kernel: 3", "pool: average", TANH],
    tEnd: 100,
    rates: [0.5, 0.05],
  },
  "conv-resnet": {
    data: images(12, 6),
    model: ["kind: conv-resnet", "channels: 6", "blocks: 2", TANH],
    tEnd: 100,
    rates: [0.2, 0.02],
  },
  "cheb-net": {
    data: vectors(20, GRAPH),
    model: ["kind: cheb-net", "hidden: [12]", "order: 3", TANH],
    tEnd: 100,
    rates: [0.2, 0.02],
  },
  "graph-conv-net": {
    data: vectors(20, GRAPH),
    model: ["kind: graph-conv-net", "hidden: [12]", TANH],
    tEnd: 50,
    rates: [0.02, 0.002],
  },
  "u-net": {
    data: drawn(8, "inputShape: [1, 8, 8]    # channels, height, width", 64),
    model: [
      "kind: u-net               # one output per position: outputDimension = 8 × 8",
      "channels: 3",
      "depth: 2",
      TANH,
    ],
    tEnd: 5,
    rates: [0.005, 0.0005],
  },
  mobilenet: {
    data: images(12, 6),
    model: ["kind: mobilenet", "channels: [6, 8, 8]", TANH],
    tEnd: 100,
    rates: [0.05, 0.005],
  },
  siamese: {
    data: drawn(20, "inputShape: [2, 8]        # two vectors of length 8, compared", 2),
    model: ["kind: siamese", "hidden: [16, 8]", "join: squared-difference", TANH],
    tEnd: 50,
    rates: [0.2, 0.02],
  },
  transformer: {
    data: drawn(10, "inputShape: [5, 4]        # tokens, length of each", 2),
    model: [
      "kind: transformer         # pre-norm",
      "width: 8",
      "heads: 2",
      "blocks: 1",
      "activation: { kind: gelu }",
    ],
    tEnd: 10,
    rates: [0.1, 0.01],
  },
};
