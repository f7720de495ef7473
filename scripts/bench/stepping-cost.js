// Where the seconds of steps over kinks go: the engine's programs by what they compute, the simulation, work on lists of all entries and on
// vectors of θ, garbage. `node scripts/bench/stepping-cost.js [span] [study.yaml] [record]` after a build, by default the paper's size from
// t = 0 to 5, a quarter of a minute. With the folder of an unfinished record of the study it goes on from that record's last checkpoint.
// Everything is counted in plain gradients and per pass, of which a step has two. Seconds are the processor's, so that other work on the machine counts
// less: of the engine's programs measured, the rest divided as a profiler finds it. The engine is to have one thread.
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Session } from "node:inspector/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadConfig } from "../../dist/config/load.js";
import { engineOf, prepare } from "../../dist/experiment/prepare.js";
import { integrateStepping } from "../../dist/flow/index.js";
import { Memory } from "../../dist/memory.js";
import { readCheckpoint } from "../../dist/record/checkpoint.js";
import { SIZES, study } from "./stepping.js";
import { table } from "./table.js";

/** Programs by the beginnings of their names, and where that does not tell by an output; the rest form Gram matrices. */
const PROGRAMS = [
  ["gradients with signals", (graph) => graph.outputs.signal !== undefined],
  ["gradients alone", ({ name }) => name === "mean-field"],
  ["pre-activations", ({ name }) => name.startsWith("preactivations")],
  ["products for ρ", ({ name }) => name.startsWith("hessian-product")],
  ["reverse sweeps along normals", ({ name }) => name === "entry-pullback"],
  ["Gram matrices, by the engine", () => true],
];
/** The program's own work, by file. */
const FILES = [
  ["simulation", /stepping\/(blocks|poser|slopes|micro|micro-state|misses|homotopy|basis)\.js$/],
  [
    "Gram matrices, around the engine",
    /stepping\/(gram-blocks|unit-grams|mixed-grams)\.js$|linalg\/block\.js$/,
  ],
  ["entries and vectors", /^(?!.*node_modules).*\/dist\/(?!engine).*\.js$/],
];

const [span = 5, file, record] = process.argv.slice(2);
const loaded = await load(file);
const engine = await engineOf(loaded);
const spent = new Map(PROGRAMS.map(([name]) => [name, { calls: 0, ms: 0 }]));
const { problem, theta0 } = await prepare(loaded, timing(engine));
const gradientMs = await plainGradient();
for (const own of spent.values()) Object.assign(own, { calls: 0, ms: 0 });
const from = record && (await readCheckpoint(record)).checkpoint;
const memory = new Memory(from ? steppingOf(from) : null);
const t0 = from ? from.t : 0;

const { rtol, atol, stepSize } = loaded.config.flow;
const before = from ? memoryOf("stepping", from) : { accepted: 0, rejected: 0 };
const profile = await profiled(() =>
  integrateStepping({
    ...{ problem, theta0, tEnd: t0 + Number(span), rtol, atol, memory },
    ...(stepSize !== undefined && { stepSize }),
    onSegment: async () => undefined,
    onEvent: () => undefined,
  }),
);
const { outcome } = profile;
report();
await engine.dispose();

async function load(path) {
  if (path !== undefined) return loadConfig(path);
  const folder = await mkdtemp(join(tmpdir(), "gradflow-stepping-"));
  await writeFile(join(folder, "study.yaml"), study(SIZES.paper));
  const config = await loadConfig(join(folder, "study.yaml"), { set: ["flow.rtol=0.01", "flow.atol=1e-12"] });
  await rm(folder, { recursive: true });
  return config;
}

/** The engine, each call of its programs entered in `spent`. */
function timing(plain) {
  return {
    ...plain,
    async compile(graph, bound) {
      const program = await plain.compile(graph, bound);
      const [name] = PROGRAMS.find(([, is]) => is(graph));
      const run = async (inputs, into) => {
        const clock = processorClock();
        const found = await program.run(inputs, into);
        const own = spent.get(name);
        own.ms += clock();
        own.calls++;
        return found;
      };
      return { graph: program.graph, run };
    },
  };
}

/** Milliseconds of processor time since the call. */
function processorClock() {
  const start = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(start);
    return (user + system) / 1e3;
  };
}

/** Milliseconds of one, the median of some. */
async function plainGradient() {
  const gradient = new Float64Array(theta0.length);
  const times = [];
  for (let i = 0; i < 15; i++) {
    const clock = processorClock();
    await problem.lossGradient(theta0, gradient);
    times.push(clock());
  }
  return times.sort((p, q) => p - q)[7];
}

/** What a run's checkpoint holds of its flow, under the names that `integrateStepping` gives. */
function steppingOf({ memory }) {
  const own = [...memory].filter(([name]) => name.startsWith("flow/"));
  return new Map(own.map(([name, state]) => [name.slice("flow/".length), state]));
}

function memoryOf(name, checkpoint) {
  return steppingOf(checkpoint).get(name);
}

/** What the work did, its processor time, and milliseconds by the file that they were spent in; of what is no file, by function. */
async function profiled(work) {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.start");
  const clock = processorClock();
  const result = await work();
  const ms = clock();
  const { profile: samples } = await session.post("Profiler.stop");
  session.disconnect();
  const frames = new Map(samples.nodes.map(({ id, callFrame }) => [id, callFrame]));
  const byFile = new Map();
  samples.samples.forEach((id, i) => {
    const { url, functionName } = frames.get(id);
    const name = url || functionName;
    byFile.set(name, (byFile.get(name) ?? 0) + samples.timeDeltas[i] / 1e3);
  });
  return { outcome: result, ms, byFile };
}

function report() {
  const { theta, events, accepted, rejected, t, status } = outcome;
  const passes = 2 * (accepted + rejected - before.accepted - before.rejected);
  const { held } = memory.snapshot().get("stepping");
  const own = [
    ...FILES.map(([name]) => [name, 0]),
    ["garbage", profile.byFile.get("(garbage collector)") ?? 0],
  ];
  for (const [path, ms] of profile.byFile) {
    const k = FILES.findIndex(([, pattern]) => pattern.test(path));
    if (k >= 0) own[k][1] += ms;
  }
  const sum = (list) => list.reduce((total, [, ms]) => total + ms, 0);
  const engineRows = [...spent].map(([name, { calls, ms }]) => [name, ms, String(calls)]);
  const scale = (profile.ms - sum(engineRows)) / sum(own);
  const rows = [...engineRows, ...own.map(([name, ms]) => [name, scale * ms, ""])].filter(([, ms]) => ms > 0);
  const hash = createHash("sha256").update(new Uint8Array(theta.buffer, theta.byteOffset, theta.byteLength));
  console.log(
    `Stepping: ${loaded.config.name}, ${problem.family.entries} entries, P = ${theta.length}, from t = ${t0} to ${t} (${status})\n` +
      `${accepted} steps, ${rejected} rejected; up to ${events.maxCandidates} candidates a step; at the end ${held.filter((b) => b >= 0).length} entries slide\n` +
      `${(profile.ms / 1e3).toFixed(1)} s of processor time, ${(profile.ms / gradientMs / passes).toFixed(1)} gradients of ${gradientMs.toFixed(2)} ms for each of ${passes} passes; peak memory ${(process.resourceUsage().maxRSS / 2 ** 20).toFixed(2)} GB\n` +
      `θ at the end: sha256 ${hash.digest("hex").slice(0, 16)}\n`,
  );
  const cells = rows.map(([name, ms, calls]) => [
    name,
    calls,
    (ms / 1e3).toFixed(2),
    (ms / gradientMs / passes).toFixed(2),
    `${((100 * ms) / profile.ms).toFixed(0)} %`,
  ]);
  console.log(table(["what", "calls", "seconds", "gradients a pass", "share"], cells));
}
