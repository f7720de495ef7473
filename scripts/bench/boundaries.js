// Kinks: what `exact` costs and achieves beside a solver that does not know of them, ours (`off`) and SciPy's RK45.
// `node scripts/bench/boundaries.js [tEnd]` after a build: 20 seconds, or two to three minutes for tEnd = 8.
// PYTHON names an interpreter that has SciPy.
import { spawnSync } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { loadConfig } from "../../dist/config/load.js";
import { readNpy, writeNpy } from "../../dist/data/npy.js";
import { engineOf, prepare } from "../../dist/experiment/prepare.js";
import { distance, integrateExactly, integrateSmooth } from "../../dist/flow/index.js";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Short enough for solvers without events to finish some runs; the problem slides most of the time. */
const T_END = 2;
const MAX_EVALUATIONS = 300_000;
const RTOLS = { exact: [1e-4, 1e-5, 1e-6, 1e-7, 1e-8], off: [1e-4, 1e-5, 1e-6], scipy: [1e-4, 1e-5, 1e-6] };
const ATOL_SHARE = 1e-3;

/** Measures and prints the table. */
export async function run(tEnd = T_END) {
  const study = await loadConfig(here("../../configs/study/sliding.yaml"));
  const engine = await engineOf(study);
  const prepared = await prepare(study, engine);
  const { problem, theta0 } = prepared;

  const solve = async (kind, method, rtol) => {
    const start = performance.now();
    const options = {
      ...{ problem, theta0, method, tEnd, rtol, atol: rtol * ATOL_SHARE },
      ...(kind === "off" && { maxEvaluations: MAX_EVALUATIONS }),
      onSegment: async () => undefined,
    };
    const watch = { onEvent: () => undefined };
    const outcome = await (kind === "exact"
      ? integrateExactly({ ...options, ...watch })
      : integrateSmooth(options));
    return { ...outcome, seconds: (performance.now() - start) / 1000 };
  };

  const reference = await solve("exact", "dopri5", 1e-11);
  const check = await solve("exact", "dop853", 1e-11);
  const uncertainty = distance(reference.theta, check.theta);
  const error = (theta) => distance(theta, reference.theta);

  const rows = [];
  for (const kind of ["exact", "off"]) {
    for (const rtol of RTOLS[kind]) {
      const { theta, t, evaluations, seconds, events } = await solve(kind, "dopri5", rtol);
      rows.push({
        solver: `${kind}, dopri5`,
        rtol,
        evaluations,
        work: events?.gradientEquivalents ?? evaluations,
        seconds,
        t,
        error: t >= tEnd ? error(theta) : null,
      });
    }
  }
  const { dataset } = prepared;
  await engine.dispose();
  const scipy = await runScipy(study.config, dataset, theta0, tEnd, error);
  rows.push(...scipy.rows);

  const { crossings, slidingEntries, maxSliding, ambiguous } = reference.events;
  console.log(
    `Kinks: 10-20-20-2 leaky-relu 0.01, 50 samples (configs/study/sliding.yaml), t = ${tEnd}, atol = rtol/1000\n` +
      `${crossings} crossings, ${slidingEntries} entries into sliding, at most ${maxSliding} at once, ${ambiguous} ambiguous\n` +
      `error: ‖θ − θ*‖ at t = ${tEnd}, θ* by exact at rtol 1e-11 (${reference.evaluations} gradients), within ${uncertainty.toExponential(1)} of dop853\nwork: all arithmetic, in gradients\n`,
  );
  console.log("| solver | rtol | gradients | work | seconds | error of θ |\n|---|---|---|---|---|---|");
  for (const row of rows) {
    const result =
      row.error === null ? `stopped at the cap, t = ${row.t.toPrecision(3)}` : row.error.toExponential(1);
    const { solver, rtol, evaluations, work = evaluations, seconds } = row;
    const cells = [solver, rtol.toExponential(0), evaluations, Math.round(work), seconds.toFixed(1), result];
    console.log(`| ${cells.join(" | ")} |`);
  }
  console.log(`\n${[...ratios(rows), ...scipy.notes].join("\n")}\n`);
  return rows;
}

/** For each run without events the cheapest exact run that is at least as accurate. */
function ratios(rows) {
  const exact = rows.filter(({ solver }) => solver.startsWith("exact"));
  return rows
    .filter(({ solver }) => !solver.startsWith("exact"))
    .map((row) => {
      const name = `${row.solver} at rtol ${row.rtol.toExponential(0)}`;
      if (row.error === null) return `${name}: no result within ${MAX_EVALUATIONS} gradients`;
      const [best] = exact
        .filter(({ error }) => error <= row.error)
        .sort((p, q) => p.evaluations - q.evaluations);
      if (best === undefined) return `${name}: more accurate than every exact run here`;
      const gradients = (row.evaluations / best.evaluations).toPrecision(2);
      const seconds = (row.seconds / best.seconds).toPrecision(2);
      return `${name}: ${gradients} × the gradients, ${seconds} × the time of exact at rtol ${best.rtol.toExponential(0)}, which errs by ${best.error.toExponential(1)}`;
    });
}

/** The same problem by SciPy; no rows and a note where it is not installed. */
async function runScipy({ model }, dataset, theta0, tEnd, error) {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-bench-"));
  try {
    const { samples, inputDimension, outputDimension } = dataset;
    await writeNpy(join(folder, "x.npy"), dataset.inputs, [samples, inputDimension]);
    await writeNpy(join(folder, "y.npy"), dataset.targets, [samples, outputDimension]);
    await writeNpy(join(folder, "theta0.npy"), theta0, [theta0.length]);
    const spec = {
      dims: [inputDimension, ...model.hidden, outputDimension],
      slope: model.activation.slope,
      ...{ tEnd, rtols: RTOLS.scipy, atolShare: ATOL_SHARE, maxEvaluations: MAX_EVALUATIONS },
    };
    await writeFile(join(folder, "case.json"), JSON.stringify(spec));
    const python = process.env["PYTHON"] ?? "python3";
    const { status, stdout, stderr } = spawnSync(python, [here("scipy-boundaries.py"), folder], {
      encoding: "utf8",
      env: { ...process.env, OMP_NUM_THREADS: "1", OPENBLAS_NUM_THREADS: "1" },
    });
    if (status === null) return { rows: [], notes: [`SciPy left out: ${python} did not run.`] };
    if (status === 3) return { rows: [], notes: [`SciPy left out: ${stderr.trim()}.`] };
    if (status !== 0) throw new Error(`scipy-boundaries.py failed: ${stderr}`);
    const { scipy, rows } = JSON.parse(stdout);
    return {
      rows: await Promise.all(
        rows.map(async ({ reached, ...row }, i) => ({
          ...row,
          solver: "SciPy RK45",
          error: reached
            ? error(Float64Array.from((await readNpy(join(folder, `theta-${i}.npy`))).data))
            : null,
        })),
      ),
      notes: [`SciPy ${scipy}`],
    };
  } finally {
    await rm(folder, { recursive: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href)
  await run(Number(process.argv[2] ?? T_END));
