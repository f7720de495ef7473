// Does `exact` end where descent goes as its step vanishes, and is what slides what chatters? Twenty kinds of networks with kinks, each from
// some seeds, against plain descent with two steps, which knows nothing of events.
// `node scripts/bench/survey.js [tEnd] [step] [seed,seed] ["kind;kind"]` after a build: ten to fifteen
// minutes for two seeds, 1 and 2 if left out.
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../dist/config/load.js";
import { engineOf, prepare } from "../../dist/experiment/prepare.js";
import { distance, integrateExactly } from "../../dist/flow/index.js";
import { entryAt, piecesOf } from "../../dist/model/index.js";

const STUDY = fileURLToPath(new URL("../../configs/study/sliding.yaml", import.meta.url));
const RTOL = 1e-8;
/** Of the time, for networks whose λ_max is tens of times that of the others: steps are smaller by as much. */
const FAST = 0.2;

const leaky = "activation: {kind: leaky-relu, slope: 0.01}";
const gaussian = (samples, shape, outputs) =>
  `dataset={kind: gaussian, samples: ${samples}, ${shape}, outputDimension: ${outputs}}`;
const images = gaussian(10, "inputShape: [1, 6, 6]", 2);
const graph = gaussian(30, "inputDimension: 8, graph: {kind: nearest-neighbours, neighbours: 3}", 2);

/** Changes of configs/study/sliding.yaml: 10-20-20-2, leaky slope 0.01, 50 samples. A `share` shortens the time of what is faster. */
const KINDS = {
  "leaky 0.01": [],
  "leaky 0.1": ["model.activation.slope=0.1"],
  "leaky 0.01, 20-20-20": ["model.hidden=[20,20,20]"],
  "leaky 0.01, 6-6-6": ["model.hidden=[6,6,6]"],
  "leaky 0.01, 60": ["model.hidden=[60]"],
  relu: ["model.activation={kind: relu}"],
  "relu, no bias": ["model.activation={kind: relu}", "model.bias=false"],
  prelu: ["model.activation={kind: prelu, slope: 0.1}"],
  "hard-tanh": ["model.activation={kind: hard-tanh}"],
  abs: ["model.activation={kind: abs}"],
  "resnet 10-10-10": ["model.kind=resnet", "model.hidden=[10,10,10]"],
  gcn: ["model.kind=gcn", "model.neighbours=3"],
  "cnn, max-pool": [images, `model={kind: cnn, channels: [3, 3], pool: max, ${leaky}}`],
  "conv-resnet": [images, `model={kind: conv-resnet, channels: 3, blocks: 2, ${leaky}}`],
  "mobilenet, relu6": [images, "model={kind: mobilenet, channels: [3, 4, 4]}"],
  "u-net": [
    gaussian(5, "inputShape: [1, 4, 4]", 16),
    `model={kind: u-net, channels: 2, depth: 1, ${leaky}}`,
    { share: FAST },
  ],
  "siamese, |a − b|": [
    gaussian(30, "inputShape: [2, 6]", 2),
    `model={kind: siamese, hidden: [10, 6], join: absolute-difference, ${leaky}}`,
  ],
  "cheb-net": [graph, `model={kind: cheb-net, hidden: [8, 8], order: 3, ${leaky}}`],
  "graph-conv-net": [graph, `model={kind: graph-conv-net, hidden: [8, 8], ${leaky}}`, { share: FAST }],
  "leaky, then hard-tanh": [
    "model={kind: layers, layers: [{kind: dense, width: 12}, {kind: leaky-relu}, {kind: dense, width: 12}, {kind: hard-tanh}, {kind: dense}]}",
  ],
};

const [time = 6, coarse = 1e-4] = process.argv.slice(2, 4).map(Number);
const seeds = process.argv[4]?.split(",") ?? [1, 2];
const chosen = process.argv[5]?.split(";") ?? Object.keys(KINDS);

/** Of the time, at its end: where slides and chatter are compared. */
const WINDOW = 0.1;
/** Of the steps in the window: who slides flips in a share of all steps, a crossing amid the chatter of others some tens of times. */
const [RARE, OFTEN] = [0.002, 0.02];

console.log(
  `exact, dopri5 at rtol ${RTOL}, to t = ${time}; distance of θ to descent with η = ${coarse} and half of it, relative to the distance moved;\n` +
    `u-net and graph-conv-net to a fifth of it, with steps a fifth. Of the last ${100 * WINDOW} % of the time: entries that slide for half of it, entries that\n` +
    `flip in ${100 * OFTEN} % of the steps of η/2, and how many slide without flipping in ${100 * RARE} %, or flip so often and never slide\n`,
);
console.log(
  "| network | seed | gradients | crossings | slides | at once | η | η/2 | ratio | slide | chatter | differ |",
);
console.log("|---|---|---|---|---|---|---|---|---|---|---|---|");
for (const kind of chosen) for (const seed of seeds) console.log(await compare(kind, seed));

/** A row of the table. */
async function compare(kind, seed) {
  const { share } = KINDS[kind].find((change) => typeof change === "object") ?? { share: 1 };
  const [tEnd, step] = [share * time, share * coarse];
  const set = KINDS[kind].filter((change) => typeof change === "string");
  const study = await loadConfig(STUDY, { set: [...set, `seed=${seed}`] });
  const engine = await engineOf(study);
  const { problem, theta0 } = await prepare(study, engine);
  const { family } = problem;
  const list = [];
  const { theta, status, evaluations, events } = await integrateExactly({
    ...{ problem, theta0, method: "dopri5", tEnd, rtol: RTOL, atol: RTOL / 1000 },
    onSegment: async () => undefined,
    onEvent: (event) => list.push(event),
  });
  if (status !== "reachedEnd") throw new Error(`${kind}, seed ${seed}: ${status}`);
  const moved = distance(theta, theta0);
  const runs = [];
  for (const steps of [Math.round(tEnd / step), Math.round((2 * tEnd) / step)])
    runs.push(await descend(problem, theta0, tEnd, steps));
  await engine.dispose();
  const errors = runs.map((run) => distance(run.theta, theta) / moved);
  const steps = (2 * tEnd * WINDOW) / step;
  const { flips } = runs[1];
  const slid = timeSliding((1 - WINDOW) * tEnd, tEnd, list, family);
  const entries = [...flips.keys()];
  const chatters = entries.filter((entry) => flips[entry] > OFTEN * steps);
  const slides = entries.filter((entry) => slid[entry] > (WINDOW * tEnd) / 2);
  const differ =
    chatters.filter((entry) => slid[entry] === 0).length +
    slides.filter((entry) => flips[entry] < RARE * steps).length;
  const { crossings, slidingEntries, maxSliding } = events;
  const cells = [
    ...[kind, seed, evaluations, crossings, slidingEntries, maxSliding],
    ...errors.map((error) => error.toExponential(1)),
    ...[(errors[0] / errors[1]).toFixed(2), slides.length, chatters.length, differ],
  ];
  return `| ${cells.join(" | ")} |`;
}

/** Time between two instants that each entry slides. */
function timeSliding(from, to, events, family) {
  const slid = new Float64Array(family.entries);
  const since = new Map();
  const add = (entry, until) => {
    slid[entry] += Math.max(0, until - Math.max(since.get(entry), from));
    since.delete(entry);
  };
  for (const { t, kind, layer, sample, unit } of events) {
    const entry = entryAt(family, { site: layer - 1, sample, unit });
    if (kind === "entersSliding") since.set(entry, t);
    if (kind === "leavesSliding") add(entry, t);
  }
  for (const entry of [...since.keys()]) add(entry, to);
  return slid;
}

/** Plain descent from θ0 to tEnd; its last θ, and how often each entry changes its piece in the window. */
async function descend(problem, theta0, tEnd, steps) {
  const { family } = problem;
  const theta = theta0.slice();
  const gradient = new Float64Array(theta.length);
  const program = await problem.compile(family.preactivations("free"));
  const flips = new Uint32Array(family.entries);
  let before = null;
  for (let k = 0; k < steps; k++) {
    if (k >= (1 - WINDOW) * steps) {
      const { z } = await program.run({ theta });
      const pieces = piecesOf(family, z);
      before?.forEach((piece, entry) => {
        if (piece !== pieces[entry]) flips[entry]++;
      });
      before = pieces;
    }
    await problem.lossGradient(theta, gradient);
    for (let i = 0; i < theta.length; i++) theta[i] -= (tEnd / steps) * gradient[i];
  }
  return { theta, flips };
}
