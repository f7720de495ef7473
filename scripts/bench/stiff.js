// Long runs of smooth networks: gradients, error and time of the stabilised methods, of explicit ones, of descent at η = 1/λ_max and of
// other people's solvers. `node scripts/bench/stiff.js` after a build: some two minutes. PYTHON names an interpreter with SciPy and,
// if they are to take part, diffrax and torchdiffeq.
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { loadConfig } from "../../dist/config/load.js";
import { writeNpy } from "../../dist/data/npy.js";
import { createOnnxEngine } from "../../dist/engine/index.js";
import { engineOf, prepare } from "../../dist/experiment/prepare.js";
import { distance, integrateSmooth } from "../../dist/flow/index.js";
import { float64Space } from "../../dist/ode/index.js";
import { descend, large, makeProblem } from "./study.js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** The second network is smaller and runs five times as long; `rock4`: what rock4.js wants of it. */
export const CASES = [
  {
    name: "20-60-60-5 tanh, 100 samples, t = 1000",
    set: [],
    explicit: [1e-4, 1e-6],
    peers: true,
    rock4: { rtols: [1e-7, 1e-8, 1e-9, 1e-10], from: 60, length: 400 },
  },
  {
    name: "8-9-6-2 tanh, 60 samples, t = 5000",
    set: [
      "dataset.inputDimension=8",
      "dataset.samples=60",
      "dataset.outputDimension=2",
      "model.hidden=[9,6]",
      "flow.tEnd=5000",
    ],
    explicit: [1e-4, 1e-7],
    peers: false,
    rock4: { rtols: [1e-7, 1e-8], from: 100, length: 1000 },
  },
];
const RTOLS = [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8];
const ATOL_SHARE = 1;
/** One tolerance: at a loose absolute one explicit pairs take several times as long (see the rows of dopri5). */
const PEER_RTOLS = [1e-6];
/** Evaluations and seconds after which a peer's run is given up. */
const PEER_LIMITS = { budget: 60_000, seconds: 240 };

/** Measures and prints the tables. */
export async function run() {
  for (const entry of CASES) await compare(entry);
  await vectorShare();
}

/** A case's problem, start and end; `engine` wants to be disposed of. */
export async function openCase({ set }) {
  const study = await loadConfig(here("../../configs/study/stiff.yaml"), { set });
  const engine = await engineOf(study);
  const { problem, theta0, dataset } = await prepare(study, engine);
  return { problem, theta0, dataset, engine, config: study.config, tEnd: study.config.flow.tEnd };
}

async function compare({ name, set, explicit, peers }) {
  const { problem, theta0, dataset, engine, config, tEnd } = await openCase({ set });
  const solve = async (method, rtol) => {
    const start = performance.now();
    const outcome = await integrateSmooth({
      ...{ problem, theta0, method, tEnd, rtol, atol: rtol * ATOL_SHARE },
      onSegment: async () => undefined,
    });
    if (outcome.status !== "reachedEnd") throw new Error(outcome.message);
    return { ...outcome, seconds: (performance.now() - start) / 1000 };
  };
  const reference = await solve("tsrkc3", 1e-11);
  const check = await solve("dop853", 1e-10);
  const size = Math.hypot(...reference.theta);
  const row = (solver, rtol, { theta, evaluations, seconds, sharpness }) => ({
    ...{ solver, rtol, evaluations, seconds },
    hessian: sharpness?.cost.gradientEquivalents ?? 0,
    error: distance(theta, reference.theta) / size,
  });
  const rows = [];
  for (const method of ["auto", "rkc2", "tsrkc3"])
    for (const rtol of RTOLS) rows.push(row(method, rtol, await solve(method, rtol)));
  for (const rtol of explicit) rows.push(row("dopri5", rtol, await solve("dopri5", rtol)));
  const largest = Math.max(...reference.sharpness.measurements.map(({ value }) => value));
  rows.push(row("GD, η = 1/λ_max", null, await timedDescent(problem, theta0, tEnd, largest)));
  await engine.dispose();
  const notes = [];
  if (peers) {
    const found = await askPeers(config, dataset, theta0, reference.theta, tEnd, PEER_RTOLS);
    rows.push(...found.rows.map((peer) => ({ ...peer, hessian: 0 })));
    notes.push(...found.notes);
  }
  console.log(
    `Stiff: ${name}, λ_max up to ${largest.toFixed(1)}, P = ${theta0.length}, atol = rtol\n` +
      `error: ‖θ − θ*‖/‖θ*‖, θ* by tsrkc3 at rtol 1e-11 (${reference.evaluations} gradients), within ${(distance(check.theta, reference.theta) / size).toExponential(1)} of dop853\n`,
  );
  console.log("| solver | rtol | gradients | Hessian products in gradients | share | seconds | error of θ |");
  console.log("|---|---|---|---|---|---|---|");
  for (const { solver, rtol, evaluations, hessian, seconds, error } of rows) {
    const share = hessian === 0 ? "" : `${((100 * hessian) / evaluations).toFixed(1)} %`;
    const cells = [
      solver,
      rtol?.toExponential(0) ?? "",
      evaluations,
      hessian.toFixed(0),
      share,
      seconds.toFixed(2),
      error.toExponential(1),
    ];
    console.log(`| ${cells.join(" | ")} |`);
  }
  console.log(`\n${[...ratios(rows), ...notes].join("\n")}\n`);
}

/** For each other solver's run the cheapest run of auto that is at least as accurate, Hessian products counted. */
function ratios(rows) {
  const ours = rows
    .filter(({ solver }) => solver === "auto")
    .map((row) => ({ ...row, cost: row.evaluations + row.hessian }));
  return rows
    .filter(({ solver }) => !["auto", "rkc2", "tsrkc3"].includes(solver))
    .map((row) => {
      const name = `${row.solver}${row.rtol === null ? "" : ` at rtol ${row.rtol.toExponential(0)}`}`;
      const [best] = ours.filter(({ error }) => error <= row.error).sort((p, q) => p.cost - q.cost);
      if (best === undefined) return `${name}: more accurate than every run of auto here`;
      return `${name}: ${(row.evaluations / best.cost).toPrecision(3)} × the gradients and ${(row.seconds / best.seconds).toPrecision(3)} × the time of auto at rtol ${best.rtol.toExponential(0)}, which errs by ${best.error.toExponential(1)}`;
    });
}

async function timedDescent(problem, theta0, tEnd, largest) {
  const start = performance.now();
  const steps = Math.ceil(tEnd * largest);
  const theta = await descend(problem, theta0, tEnd, steps);
  return { theta, evaluations: steps, seconds: (performance.now() - start) / 1000 };
}

async function askPeers({ model }, dataset, theta0, reference, tEnd, rtols) {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-bench-"));
  try {
    const { samples, inputDimension, outputDimension } = dataset;
    await writeNpy(join(folder, "x.npy"), dataset.inputs, [samples, inputDimension]);
    await writeNpy(join(folder, "y.npy"), dataset.targets, [samples, outputDimension]);
    await writeNpy(join(folder, "theta0.npy"), theta0, [theta0.length]);
    await writeNpy(join(folder, "reference.npy"), reference, [theta0.length]);
    const dims = [inputDimension, ...model.hidden, outputDimension];
    await writeFile(
      join(folder, "case.json"),
      JSON.stringify({ dims, tEnd, rtols, atolShare: ATOL_SHARE, ...PEER_LIMITS }),
    );
    const python = process.env["PYTHON"] ?? "python3";
    const { status, stdout } = spawnSync(python, [here("peers-stiff.py"), folder], {
      encoding: "utf8",
      // Its progress is ours.
      stdio: ["ignore", "pipe", "inherit"],
      env: { ...process.env, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" },
    });
    if (status === null) return { rows: [], notes: [`Peers left out: ${python} did not run.`] };
    if (status === 3) return { rows: [], notes: [`Peers left out: ${python} lacks NumPy or SciPy.`] };
    if (status !== 0) throw new Error(`peers-stiff.py failed with ${status}.`);
    return JSON.parse(stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** How much the vectors of a stabilised step cost beside its gradients at P = 200 000. */
async function vectorShare() {
  const engine = createOnnxEngine({ dtype: "float64", threads: 2 });
  // All that the engine computes, Hessian products included; the rest of a run is vector work.
  const inside = { seconds: 0 };
  const timed = {
    ...engine,
    compile: async (...words) => {
      const program = await engine.compile(...words);
      return { ...program, run: (...data) => timeOf(inside, () => program.run(...data)) };
    },
  };
  const { problem, theta0 } = await makeProblem(timed, { ...large, activation: { kind: "tanh" } });
  const run = async () => {
    const before = [inside.seconds, problem.cost.seconds, problem.cost.gradients];
    const whole = { seconds: 0 };
    await timeOf(whole, () =>
      integrateSmooth({
        ...{ problem, theta0, method: "tsrkc3", tEnd: 200, rtol: 1e-3, atol: 1e-3, maxSteps: 40 },
        onSegment: async () => undefined,
      }),
    );
    const [engineSeconds, gradientSeconds, gradients] = [
      inside.seconds,
      problem.cost.seconds,
      problem.cost.gradients,
    ].map((now, i) => now - before[i]);
    return { gradients, gradientSeconds, share: (whole.seconds - engineSeconds) / gradientSeconds };
  };
  await run(); // V8 learns what is hot
  const runs = [await run(), await run(), await run()].sort((a, b) => a.share - b.share);
  const { gradients, gradientSeconds, share } = runs[1];
  // What a stage adds to its gradient: a sum of five vectors, which the gradient has pushed out of the caches.
  const space = float64Space(theta0.length);
  const vectors = Array.from({ length: 5 }, () => theta0.slice());
  const stage = { seconds: 0 };
  const gradient = { seconds: 0 };
  for (let k = 0; k < 60; k++) {
    await timeOf(gradient, () => problem.lossGradient(theta0, vectors[0]));
    await timeOf(stage, () => space.combine(vectors[3], [0.1, -0.1, 1.9, -1, 0.1], vectors));
  }
  await engine.dispose();
  const percent = (part) => `${(100 * part).toFixed(1)} %`;
  console.log(
    `P = ${theta0.length}, tsrkc3: ${gradients} gradients of ${((1000 * gradientSeconds) / gradients).toFixed(1)} ms; all vector work (stages, norms, Lanczos, the rest) ` +
      `${percent(share)} of their time, a stage's own sum ${percent(stage.seconds / gradient.seconds)} (target 5 %)`,
  );
}

/** Runs `work` and adds what it took. */
async function timeOf(clock, work) {
  const start = performance.now();
  try {
    return await work();
  } finally {
    clock.seconds += (performance.now() - start) / 1000;
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await run();
