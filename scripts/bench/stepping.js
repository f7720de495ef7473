// Kinks by the thousand: what stepping costs and achieves beside solvers that do not know of them, at a fifth of the paper's size.
// `node scripts/bench/stepping.js [tEnd] [seeds]` after a build, by default t = 20 and seed 1: one to two minutes. Errors are relative to the distance moved,
// against Euler's method with steps of 1e-3 and 5e-4, extrapolated, which shares nothing with the scheme.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadConfig } from "../../dist/config/load.js";
import { engineOf, prepare } from "../../dist/experiment/prepare.js";
import { distance, integrateSmooth, integrateStepping } from "../../dist/flow/index.js";

const STUDY = `name: stepping
dataset: { kind: uniform-ball, samples: 200, inputDimension: 100, outputDimension: 10 }
model: { kind: dnn, hidden: [50, 50], activation: { kind: leaky-relu, slope: 0.01 }, init: { kind: kaiming-uniform } }
flow: { tEnd: 1 }
engine: { kind: onnx, dtype: float64, threads: 1 }
`;
const STEPPING = [1e-1, 1e-2, 5e-3, 3e-3, 1e-3];
const FIXED = [0.2, 0.1];
const EULER = [0.02, 0.005];
const UNTREATED = [
  ["dopri5", 1e-2],
  ["dopri5", 1e-3],
  ["auto", 1e-2],
  ["auto", 1e-3],
];
const REFERENCE = [1e-3, 5e-4];

/** Measures and prints one table a seed. */
export async function run(tEnd = 20, seeds = [1]) {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-stepping-"));
  const file = join(folder, "study.yaml");
  await writeFile(file, STUDY);
  for (const seed of seeds) await measure(await loadConfig(file, { set: [`seed=${seed}`] }), tEnd, seed);
  await rm(folder, { recursive: true });
}

async function measure(study, tEnd, seed) {
  const engine = await engineOf(study);
  const { problem, theta0 } = await prepare(study, engine);
  const timed = async (work) => {
    const start = process.cpuUsage();
    const outcome = await work();
    const { user, system } = process.cpuUsage(start);
    return { ...outcome, seconds: (user + system) / 1e6 };
  };
  const common = { problem, theta0, tEnd, onSegment: async () => undefined };
  const plain = (options) => timed(() => integrateSmooth({ ...common, atol: 1e-12, ...options }));
  const stepping = (options) =>
    timed(() => integrateStepping({ ...common, atol: 1e-12, ...options, onEvent: () => undefined }));
  const euler = (stepSize) => timed(() => integrateSmooth({ ...common, method: "euler", stepSize }));

  const [coarse, fine] = [await euler(REFERENCE[0]), await euler(REFERENCE[1])];
  const reference = fine.theta.map((value, i) => 2 * value - coarse.theta[i]);
  const moved = distance(reference, theta0);
  const rows = [];
  const add = (solver, { theta, evaluations, sharpness, seconds, events }) =>
    rows.push([
      solver,
      evaluations,
      Math.round(sharpness?.cost.gradientEquivalents ?? 0),
      (distance(theta, reference) / moved).toExponential(1),
      seconds.toFixed(1),
      events === undefined ? "" : `${events.ambiguous} / ${events.forcedSteps} / ${events.eulerSteps}`,
    ]);
  for (const rtol of STEPPING) add(`stepping, rtol ${rtol}`, await stepping({ rtol }));
  for (const stepSize of FIXED) add(`stepping, steps of ${stepSize}`, await stepping({ stepSize }));
  for (const stepSize of EULER) add(`euler, steps of ${stepSize}`, await euler(stepSize));
  for (const [method, rtol] of UNTREATED)
    add(`${method}, kinks untreated, rtol ${rtol}`, await plain({ method, rtol }));
  await engine.dispose();
  console.log(
    `Stepping: 100-50-50-10 leaky-relu 0.01, 200 samples, seed ${seed}, t = ${tEnd}; the two runs of Euler differ by ${(distance(fine.theta, coarse.theta) / moved).toExponential(1)}\n`,
  );
  console.log(
    "| solver | gradients | for ρ | error | CPU seconds | ambiguous / forced / Euler steps |\n|---|---|---|---|---|---|",
  );
  for (const row of rows) console.log(`| ${row.join(" | ")} |`);
  console.log("");
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [tEnd, seeds] = process.argv.slice(2);
  await run(tEnd && Number(tEnd), seeds?.split(",").map(Number));
}
