// Steps over kinks beside `exact`, after a build. `node scripts/bench/stepping-exact.js`: the order of fixed steps on networks of every kind, three minutes.
// `node scripts/bench/stepping-exact.js fifth [tEnd] [rtol]`: a fifth of the paper's size, 100-50-50-10 on 200 samples, by default to t = 20 at rtol 1e-3, two minutes:
// how far θ is from that of `exact`, and whether the same entries slide.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../dist/config/load.js";
import { readNpy } from "../../dist/data/npy.js";
import { createEngine } from "../../dist/engine/index.js";
import { engineOf, prepare } from "../../dist/experiment/prepare.js";
import { createProblem, distance, integrateExactly, integrateStepping } from "../../dist/flow/index.js";
import { createFamily, presetNetwork } from "../../dist/model/index.js";
import { SIZES, study } from "./stepping.js";
import { draw, KINDS } from "./stepping-survey.js";

const STEPS = [1 / 40, 1 / 80, 1 / 160, 1 / 320];
const EXACT = { method: "dopri5", rtol: 1e-8, atol: 1e-10 };
const GOLDEN = new URL("../../test/golden/leaky2/", import.meta.url);
/** Kinds of the survey, with their seeds. */
const ORDERS = [
  ["leaky ReLU 6-6", [1, 2]],
  ["ReLU 20-20", [1, 2]],
  ["hard tanh 6-6", [1, 2]],
  ["abs 6-6", [1, 2]],
  ["PReLU 6-6", [1, 2]],
  ["ReLU without biases", [1, 2]],
  ["resnet 6-6-6, ReLU", [1, 2]],
  ["gcn 6-6", [1, 2]],
  ["CNN with max-pool", [1, 2, 3]],
  ["CNN with max-pool, as PyTorch begins", [1, 2, 3]],
];
/** Of the drawn parameters: with whole ones ρ is ten times as large, and the longest step too long for an order. */
const SHARE = 0.5;

async function golden() {
  const load = async (name) => (await readNpy(fileURLToPath(new URL(`${name}.npy`, GOLDEN)))).data;
  const activation = { kind: "leaky-relu", slope: 0.01 };
  const spec = { kind: "dnn", inputDimension: 10, hidden: [20, 20], outputDimension: 2, bias: true };
  return {
    family: createFamily({ network: presetNetwork({ ...spec, activation }), samples: 50, factor: 0.5 / 50 }),
    bound: { x: await load("inputs"), y: await load("targets") },
    theta0: await load("theta0"),
  };
}

/** Prints a row a network: errors at fixed steps relative to the distance moved, and the slope between the largest and the smallest step. */
async function orders() {
  const engine = await createEngine({ kind: "onnx", dtype: "float64", threads: 1 });
  const row = async (name, { family, bound, theta0 }, tEnd) => {
    const problem = await createProblem(engine, family, bound);
    const common = { problem, theta0, tEnd, onSegment: async () => undefined };
    let slides = 0;
    const exact = await integrateExactly({
      ...{ ...common, ...EXACT },
      onEvent: ({ kind }) => {
        if (kind === "entersSliding") slides++;
      },
    });
    const moved = distance(exact.theta, theta0);
    const errors = [];
    for (const stepSize of STEPS) {
      const { theta } = await integrateStepping({ ...common, stepSize, onEvent: () => undefined });
      errors.push(distance(theta, exact.theta) / moved);
    }
    const order = Math.log(errors[0] / errors.at(-1)) / Math.log(STEPS[0] / STEPS.at(-1));
    console.log(
      `| ${name} | ${exact.events.crossings}, ${slides} | ${errors.map((e) => e.toExponential(1)).join(" | ")} | ${order.toFixed(2)} |`,
    );
  };
  console.log(
    `| network, seed | crossings, slides | ${STEPS.map((h) => `h = 1/${Math.round(1 / h)}`).join(" | ")} | order |`,
  );
  console.log(`|---|---|${STEPS.map(() => "---|").join("")}---|`);
  await row("golden 10-20-20-2, leaky 0.01", await golden(), 4);
  for (const [name, seeds] of ORDERS)
    for (const seed of seeds) {
      const given = draw(KINDS[name], seed);
      await row(`${name}, ${seed}`, { ...given, theta0: given.theta0.map((x) => SHARE * x) }, 1);
    }
  await engine.dispose();
}

/** The entries that slide, from events in the order of time. */
function createLedger() {
  const sliding = new Set();
  /** Entry → times at which it began or ceased to slide. */
  const times = new Map();
  return {
    sliding,
    times,
    onEvent({ t, kind, layer, sample, unit }) {
      if (kind === "crossing") return;
      const entry = `${layer} ${sample} ${unit}`;
      times.set(entry, [...(times.get(entry) ?? []), t]);
      if (kind === "entersSliding") sliding.add(entry);
      else sliding.delete(entry);
    },
  };
}

async function atAFifth(tEnd = 20, rtol = 1e-3) {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-stepping-"));
  const file = join(folder, "study.yaml");
  await writeFile(file, study(SIZES.fifth));
  const loaded = await loadConfig(file, { set: ["seed=1"] });
  const engine = await engineOf(loaded);
  const { problem, theta0 } = await prepare(loaded, engine);
  const common = { problem, theta0, tEnd };
  const instants = [1, 2, 5, 10, 15, 20].filter((t) => t <= tEnd);
  /** θ and who slides at each instant; the longest step. */
  const followed = async (integrate, options) => {
    const ledger = createLedger();
    const seen = [];
    let longest = 0;
    const run = await integrate({
      ...{ ...common, ...options },
      onEvent: (event) => {
        // Events of a step come before it: those after an instant are not for it.
        ledger.pending = [...(ledger.pending ?? []), event];
      },
      onSegment: async (segment) => {
        const { t0, t1 } = segment;
        longest = Math.max(longest, t1 - t0);
        const settle = (until) => {
          const due = (ledger.pending ?? []).filter(({ t }) => t <= until);
          ledger.pending = (ledger.pending ?? []).filter(({ t }) => t > until);
          for (const event of due) ledger.onEvent(event);
        };
        for (const t of instants.filter((instant) => instant > t0 && instant <= t1)) {
          settle(t);
          const theta = new Float64Array(theta0.length);
          await segment.interpolate(t, theta);
          seen.push({ t, theta, sliding: new Set(ledger.sliding) });
        }
        settle(t1);
      },
    });
    return { run, seen, longest, times: ledger.times };
  };
  const exact = await followed(integrateExactly, { method: "dopri5", rtol: 1e-3, atol: 1e-4 });
  const stepped = await followed(integrateStepping, { rtol, atol: 1e-12 });
  console.log(
    `exact: ${exact.run.events.crossings} crossings, ${exact.run.status}; stepping at rtol ${rtol}: ${stepped.run.evaluations} gradients, ${stepped.run.events.ambiguous} ambiguous, ${stepped.run.status}, steps of at most ${stepped.longest.toFixed(2)}\n`,
  );
  console.log(
    "| t | ‖Δθ‖ / distance moved | ‖Δθ‖ / (rtol·‖θ‖) | slide: exact, stepping | other | of them without an event nearer than the longest step |\n|---|---|---|---|---|---|",
  );
  exact.seen.forEach(({ t, theta, sliding }, i) => {
    const own = stepped.seen[i];
    const apart = distance(theta, own.theta);
    const others = [...sliding, ...own.sliding].filter((e) => !sliding.has(e) || !own.sliding.has(e));
    const isFar = (e) =>
      ![...(exact.times.get(e) ?? []), ...(stepped.times.get(e) ?? [])].some(
        (time) => Math.abs(time - t) <= stepped.longest,
      );
    console.log(
      `| ${t} | ${(apart / distance(theta, theta0)).toExponential(1)} | ${(apart / (rtol * Math.hypot(...theta))).toExponential(1)} | ${sliding.size}, ${own.sliding.size} | ${others.length} | ${others.filter(isFar).length} |`,
    );
  });
  await engine.dispose();
  await rm(folder, { recursive: true });
}

const [part, ...numbers] = process.argv.slice(2);
if (part === "fifth") await atAFifth(...numbers.map(Number));
else await orders();
