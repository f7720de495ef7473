// Does `exact` end where descent goes as its step vanishes? Twelve kinds of networks with kinks, each from some seeds, against plain
// descent with two steps, which knows nothing of events. `node scripts/bench/survey.js [tEnd] [step] [seed,seed] [kind,kind]` after a build:
// six minutes for two seeds, 1 and 2 if left out.
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../dist/config/load.js";
import { engineOf, prepare } from "../../dist/experiment/prepare.js";
import { distance, integrateExactly } from "../../dist/flow/index.js";
import { descend } from "./study.js";

const STUDY = fileURLToPath(new URL("../../configs/study/sliding.yaml", import.meta.url));
const RTOL = 1e-8;

/** Changes of configs/study/sliding.yaml: 10-20-20-2, leaky slope 0.01, 50 samples. */
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
};

const [tEnd = 6, step = 1e-4] = process.argv.slice(2, 4).map(Number);
const seeds = process.argv[4]?.split(",") ?? [1, 2];
const chosen = process.argv[5]?.split(",") ?? Object.keys(KINDS);

console.log(
  `exact, dopri5 at rtol ${RTOL}, to t = ${tEnd}; distance of θ to descent with η = ${step} and half of it, relative to the distance moved\n`,
);
console.log("| network | seed | gradients | crossings | slides | at once | η | η/2 | ratio |");
console.log("|---|---|---|---|---|---|---|---|---|");
for (const kind of chosen) for (const seed of seeds) console.log(await compare(kind, seed));

/** A row of the table. */
async function compare(kind, seed) {
  const study = await loadConfig(STUDY, { set: [...KINDS[kind], `seed=${seed}`] });
  const engine = await engineOf(study);
  const { problem, theta0 } = await prepare(study, engine);
  const { theta, status, evaluations, events } = await integrateExactly({
    ...{ problem, theta0, method: "dopri5", tEnd, rtol: RTOL, atol: RTOL / 1000 },
    onSegment: async () => undefined,
    onEvent: () => undefined,
  });
  if (status !== "reachedEnd") throw new Error(`${kind}, seed ${seed}: ${status}`);
  const moved = distance(theta, theta0);
  const errors = [];
  for (const steps of [Math.round(tEnd / step), Math.round((2 * tEnd) / step)])
    errors.push(distance(await descend(problem, theta0, tEnd, steps), theta) / moved);
  await engine.dispose();
  const { crossings, slidingEntries, maxSliding } = events;
  const apart = errors.map((error) => error.toExponential(1));
  const cells = [kind, seed, evaluations, crossings, slidingEntries, maxSliding, ...apart];
  return `| ${cells.join(" | ")} | ${(errors[0] / errors[1]).toFixed(2)} |`;
}
