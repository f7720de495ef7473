// Small random networks of every kind with kinks, 46 of them, stepped over at four tolerances: no collapse (no Euler step, no thousand steps), no forced step, no
// decision that does not settle. `node scripts/bench/stepping-survey.js [tEnd]` after a build: a minute. Errors against the run at the tightest tolerance.
import { pathToFileURL } from "node:url";
import { createEngine } from "../../dist/engine/index.js";
import { createProblem, distance, integrateStepping } from "../../dist/flow/index.js";
import {
  createFamily,
  initialise,
  layeredNetwork,
  normalisedAdjacency,
  presetNetwork,
} from "../../dist/model/index.js";
import { createRandom } from "../../dist/random.js";

const TOLERANCES = [1e-1, 1e-2, 3e-3, 1e-3];
const SEEDS = [1, 2];
/** Convolutional networks with max-pool have units that slide before ties among zeros; some seeds have two in one window. */
const POOL_SEEDS = [1, 2, 3, 5, 10, 11];
const SAMPLES = 16;
const convolution = {
  kind: "conv2d",
  channels: 3,
  kernel: 3,
  bias: true,
  stride: 1,
  padding: "same",
  groups: 1,
};
const relu = { kind: "relu" };
const leaky = { kind: "leaky-relu", slope: 0.01 };
const polynomials = {
  kind: "piecewise-polynomial",
  breakpoints: [-1, 0.5],
  coefficients: [
    [0, 0.5],
    [0, 0, -0.5],
    [-0.375, 0.5],
  ],
};
const pooled = [convolution, relu, { kind: "max-pool", size: 2 }, { kind: "flatten" }];
const HE = { kind: "kaiming-normal", a: 0.1, bias: "uniform" };
export const KINDS = {
  "ReLU 6-6": { activation: relu },
  "leaky ReLU 6-6": { activation: leaky },
  "abs 6-6": { activation: { kind: "abs" } },
  "hard tanh 6-6": { activation: { kind: "hard-tanh" } },
  "ReLU6 6-6": { activation: { kind: "relu6" } },
  "PReLU 6-6": { activation: { kind: "prelu", slope: 0.25 } },
  "piecewise polynomials 6-6": { activation: polynomials },
  "ReLU without biases": { activation: relu, bias: false },
  "leaky ReLU 6-6-6-6": { activation: leaky, hidden: [6, 6, 6, 6] },
  "resnet 6-6-6, ReLU": { kind: "resnet", activation: relu, hidden: [6, 6, 6] },
  "resnet 6-6-6-6, leaky": {
    kind: "resnet",
    activation: { kind: "leaky-relu", slope: 0.1 },
    hidden: [6, 6, 6, 6],
  },
  "gcn 6-6": { kind: "gcn", activation: relu },
  "equal samples": { activation: relu, twins: true },
  "ReLU 20-20": { activation: relu, hidden: [20, 20], inputDimension: 10, samples: 40 },
  "narrow ReLU 4-4-4 without biases": { activation: relu, hidden: [4, 4, 4], bias: false },
  "convolutions, leaky": {
    samples: 8,
    layers: [convolution, leaky, { ...convolution, stride: 2 }, leaky, { kind: "flatten" }],
  },
  "CNN with max-pool": { samples: 8, seeds: POOL_SEEDS, layers: pooled },
  "CNN with max-pool, as PyTorch begins": {
    samples: 8,
    seeds: POOL_SEEDS,
    layers: pooled,
    init: { kind: "kaiming-uniform", a: Math.sqrt(5), bias: "uniform" },
  },
  "CNN, max-pool of threes that overlap": {
    samples: 6,
    layers: [convolution, relu, { kind: "max-pool", size: 3, stride: 1 }, { kind: "flatten" }],
  },
};

export function draw({ samples = SAMPLES, twins = false, layers = null, init = HE, ...given }, seed) {
  const random = createRandom(seed);
  const normals = (name, width) => {
    const stream = random.split(name);
    const values = Float64Array.from({ length: samples * width }, () => stream.normal());
    return twins
      ? values.map((_, i) => values[Math.floor(i / (2 * width)) * 2 * width + (i % width)])
      : values;
  };
  const spec = { kind: "dnn", inputDimension: 4, hidden: [6, 6], outputDimension: 3, bias: true, ...given };
  const network = layers
    ? layeredNetwork({
        inputShape: [1, 6, 6],
        outputs: 3,
        layers: [...layers, { kind: "dense", width: 3, bias: true }],
      })
    : presetNetwork(spec);
  const x = normals("x", layers ? 36 : spec.inputDimension);
  const bound = { x, y: normals("y", 3) };
  if (spec.kind === "gcn") bound.adjacency = normalisedAdjacency(x, samples, 3);
  return {
    family: createFamily({ network, samples, factor: 0.5 / samples }),
    bound,
    theta0: initialise(network.layout, init, random.split("init")),
  };
}

/** What slides, from the events: in how many layers one sample does at once, the most. */
function countLayers() {
  const sliding = new Map();
  let most = 0;
  return {
    get most() {
      return most;
    },
    onEvent({ kind, layer, sample, unit }) {
      const own = sliding.get(sample) ?? new Map();
      sliding.set(sample, own);
      if (kind === "entersSliding") own.set(`${layer} ${unit}`, layer);
      else own.delete(`${layer} ${unit}`);
      most = Math.max(most, new Set(own.values()).size);
    },
  };
}

/** Prints a row a network; says whether all went well. */
export async function survey(tEnd = 4) {
  const engine = await createEngine({ kind: "onnx", dtype: "float64", threads: 1 });
  let isWell = true;
  console.log(
    `| network, seed | ${TOLERANCES.map((rtol) => `rtol ${rtol}: gradients, error`).join(" | ")} | most sliding; of one sample, layers | forced / Euler / unsettled |`,
  );
  console.log(`|---|${TOLERANCES.map(() => "---|").join("")}---|---|`);
  for (const [name, kind] of Object.entries(KINDS))
    for (const seed of kind.seeds ?? SEEDS) {
      const { family, bound, theta0 } = draw(kind, seed);
      const problem = await createProblem(engine, family, bound);
      const runs = [];
      for (const rtol of TOLERANCES) {
        const layers = countLayers();
        const run = await integrateStepping({
          ...{ problem, theta0, tEnd, rtol, atol: 1e-12, maxSteps: 1000 },
          onEvent: layers.onEvent,
          onSegment: async () => undefined,
        });
        runs.push({ ...run, layers: layers.most });
      }
      const last = runs.at(-1).theta;
      const trouble = (count) => runs.map(({ events }) => count(events)).reduce((sum, n) => sum + n, 0);
      const troubles = [(e) => e.forcedSteps, (e) => e.eulerSteps, (e) => e.unsettled].map(trouble);
      if (troubles.some((n) => n > 0) || runs.some(({ status }) => status !== "reachedEnd")) isWell = false;
      const cells = runs.map(
        ({ theta, evaluations, status }) =>
          `${status === "reachedEnd" ? "" : `${status} `}${evaluations}, ${(distance(theta, last) / distance(last, theta0)).toExponential(0)}`,
      );
      console.log(
        `| ${name}, ${seed} | ${cells.join(" | ")} | ${Math.max(...runs.map(({ events }) => events.maxSliding))}; ${Math.max(...runs.map(({ layers }) => layers))} | ${troubles.join(" / ")} |`,
      );
    }
  await engine.dispose();
  return isWell;
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const isWell = await survey(process.argv[2] && Number(process.argv[2]));
  if (!isWell) process.exitCode = 1;
}
