// Kinks by the thousand: what stepping costs and achieves beside solvers that do not know of them, at a fifth of the paper's size or at all of it.
// `node scripts/bench/stepping.js [tEnd] [seeds] [fifth|paper] [solvers]` after a build, by default t = 20, seed 1, a fifth and all solvers: about two minutes.
// Errors are relative to the distance moved, against Euler's method with two sizes of tiny steps, extrapolated, which shares nothing with the scheme; "off a tenth"
// is how far a run of stepping is from that at a tenth of its tolerance, as `errorCheck` reports it. Micro-simulation is what a profiler finds in it, per pass, beside
// the time of a plain gradient; Gram matrices likewise, but for what the engine does for them. A second table has what each solver takes for equal errors, read off
// between its runs; of several seeds a third has the median of that, with the least and the most. `solvers` are names with commas: `stepping,euler`.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { Session } from "node:inspector/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { loadConfig } from "../../dist/config/load.js";
import { engineOf, prepare } from "../../dist/experiment/prepare.js";
import { distance, integrateExactly, integrateSmooth, integrateStepping } from "../../dist/flow/index.js";

export const study = ({ samples, input, hidden, output }) => `name: stepping
dataset: { kind: uniform-ball, samples: ${samples}, inputDimension: ${input}, outputDimension: ${output} }
model: { kind: dnn, hidden: [${hidden}], activation: { kind: leaky-relu, slope: 0.01 }, init: { kind: kaiming-uniform } }
flow: { tEnd: 1 }
engine: { kind: onnx, dtype: float64, threads: 1 }
`;
export const SIZES = {
  fifth: {
    samples: 200,
    input: 100,
    hidden: [50, 50],
    output: 10,
    reference: [1e-3, 5e-4],
    exact: [1e-3],
  },
  paper: { samples: 1000, input: 500, hidden: [250, 250], output: 50, reference: [1e-2, 5e-3], exact: [] },
};
const STEPPING = [1e-1, 3e-2, 1e-2, 3e-3, 1e-3];
const FIXED = [0.25, 0.2, 0.1];
const EULER = [0.02, 0.01, 0.005];
/** Errors for which the solvers are compared. */
const EQUAL = [3e-3, 2e-3, 1e-3, 3e-4, 1e-4];
const SOLVERS = ["stepping", "euler", "untreated", "exact"];
const UNTREATED = [
  ["dopri5", 1e-2],
  ["dopri5", 1e-3],
  ["auto", 1e-2],
  ["auto", 1e-3],
];

/** Measures and prints two tables a seed, and one of all seeds. */
export async function run(tEnd = 20, seeds = [1], size = "fifth", solvers = SOLVERS) {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-stepping-"));
  const file = join(folder, "study.yaml");
  await writeFile(file, study(SIZES[size]));
  const all = [];
  for (const seed of seeds) {
    const loaded = await loadConfig(file, { set: [`seed=${seed}`] });
    all.push(await measure(loaded, tEnd, seed, SIZES[size], solvers));
  }
  await rm(folder, { recursive: true });
  if (seeds.length > 1) printMedians(all);
}

/** Milliseconds that the work spends in files whose names end so, by samples of the profiler. */
async function profiled(work, files) {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.start");
  const outcome = await work();
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  const fileOf = new Map(profile.nodes.map(({ id, callFrame }) => [id, callFrame.url]));
  const spent = files.map((file) =>
    profile.samples.reduce(
      (sum, id, i) => sum + (fileOf.get(id).endsWith(file) ? profile.timeDeltas[i] / 1e3 : 0),
      0,
    ),
  );
  return { ...outcome, spent };
}

/** Simulation, and what is done around the engine's Gram matrices. */
const split = (spent) => [spent.slice(0, -1).reduce((sum, ms) => sum + ms, 0), spent.at(-1)];

/** @returns solver → its runs, each with error, gradients and seconds */
async function measure(loaded, tEnd, seed, size, solvers) {
  const { samples, input, hidden, output, reference: sizes, exact } = size;
  const engine = await engineOf(loaded);
  const { problem, theta0 } = await prepare(loaded, engine);
  const timed = async (work) => {
    const start = process.cpuUsage();
    const outcome = await work();
    const { user, system } = process.cpuUsage(start);
    return { ...outcome, seconds: (user + system) / 1e6 };
  };
  const common = { problem, theta0, tEnd, onSegment: async () => undefined };
  const plain = (options) => timed(() => integrateSmooth({ ...common, atol: 1e-12, ...options }));
  const stepping = (options) =>
    timed(() =>
      profiled(
        () => integrateStepping({ ...common, atol: 1e-12, ...options, onEvent: () => undefined }),
        [
          "/stepping/micro.js",
          "/stepping/homotopy.js",
          "/stepping/misses.js",
          "/stepping/blocks.js",
          "/stepping/unit-grams.js",
        ],
      ),
    );
  const euler = (stepSize) => timed(() => integrateSmooth({ ...common, method: "euler", stepSize }));

  const [coarse, fine] = [await euler(sizes[0]), await euler(sizes[1])];
  const reference = fine.theta.map((value, i) => 2 * value - coarse.theta[i]);
  const moved = distance(reference, theta0);
  const gradientMs = (1e3 * fine.seconds) / fine.evaluations;
  const rows = [];
  /** Name of the solver → what its runs took. */
  const runs = new Map();
  /** rtol → θ at the end. */
  const ends = new Map();
  const add = (solver, run, rtol = null) => {
    if (rtol !== null) ends.set(rtol, run.theta);
    const { theta, evaluations, accepted, rejected, sharpness, seconds, events, spent } = run;
    const forSharpness = sharpness?.cost.gradientEquivalents ?? 0;
    const error = distance(theta, reference) / moved;
    const gradients = (events?.gradientEquivalents ?? evaluations) + forSharpness;
    const [name] = solver.split(/, (?:rtol|steps)/);
    runs.set(name, [...(runs.get(name) ?? []), { error, gradients, seconds }]);
    rows.push([
      solver,
      Math.round(events?.gradientEquivalents ?? evaluations),
      Math.round(forSharpness),
      error.toExponential(1),
      rtol,
      seconds.toFixed(1),
      events?.forcedSteps === undefined
        ? ""
        : `${events.ambiguous} / ${events.forcedSteps} / ${events.eulerSteps}`,
      spent === undefined
        ? ""
        : split(spent)
            .map((ms) => (ms / 2 / (accepted + rejected)).toFixed(2))
            .join(" + "),
    ]);
  };
  const asked = (solver, list) => (solvers.includes(solver) ? list : []);
  for (const rtol of asked("stepping", STEPPING))
    add(`stepping, rtol ${rtol}`, await stepping({ rtol }), rtol);
  for (const stepSize of asked("stepping", FIXED))
    add(`stepping, steps of ${stepSize}`, await stepping({ stepSize }));
  for (const stepSize of asked("euler", EULER)) add(`euler, steps of ${stepSize}`, await euler(stepSize));
  for (const [method, rtol] of asked("untreated", UNTREATED))
    add(`${method}, kinks untreated, rtol ${rtol}`, await plain({ method, rtol }));
  for (const rtol of asked("exact", exact))
    add(
      `exact, rtol ${rtol}`,
      await timed(() =>
        integrateExactly({ ...common, method: "dopri5", rtol, atol: rtol / 10, onEvent: () => undefined }),
      ),
    );
  await engine.dispose();
  console.log(
    `Stepping: ${[input, ...hidden, output].join("-")} leaky-relu 0.01, ${samples} samples, seed ${seed}, t = ${tEnd}; a gradient takes ${gradientMs.toFixed(2)} ms; the two runs of Euler differ by ${(distance(fine.theta, coarse.theta) / moved).toExponential(1)}; peak memory ${(process.resourceUsage().maxRSS / 2 ** 20).toFixed(2)} GB\n`,
  );
  console.log(
    "| solver | gradients | for ρ | error | off a tenth | CPU seconds | ambiguous / forced / Euler steps | ms a pass: simulation + Gram |\n|---|---|---|---|---|---|---|---|",
  );
  for (const [solver, gradients, forRho, error, rtol, ...rest] of rows) {
    const tenth = ends.get(rtol / 10);
    const off = tenth === undefined ? "" : (distance(ends.get(rtol), tenth) / moved).toExponential(1);
    console.log(`| ${[solver, gradients, forRho, error, off, ...rest].join(" | ")} |`);
  }
  console.log(`\n| error | ${[...runs.keys()].join(" | ")} |\n|---|${"---|".repeat(runs.size)}`);
  for (const error of EQUAL) {
    const cells = [...runs.values()].map((own) => {
      const found = forError(own, error);
      return found === null ? "–" : `${found.gradients.toFixed(0)}, ${found.seconds.toFixed(1)} s`;
    });
    console.log(`| ${error} | ${cells.join(" | ")} |`);
  }
  console.log(
    "\ngradients with those for ρ, and CPU seconds, read off between runs; –: no run errs so little\n",
  );
  return runs;
}

/** Over the seeds: the median of the gradients for an error, the least and the most; a seed on which no run errs so little counts as infinitely many. */
function printMedians(all) {
  const solvers = [...new Set(all.flatMap((runs) => [...runs.keys()]))];
  console.log(
    `| error, ${all.length} seeds | ${solvers.join(" | ")} |\n|---|${"---|".repeat(solvers.length)}`,
  );
  for (const error of EQUAL) {
    const cells = solvers.map((solver) => {
      const found = all
        .map((runs) => forError(runs.get(solver) ?? [], error)?.gradients ?? Infinity)
        .sort((p, q) => p - q);
      const middle =
        (found[Math.floor((found.length - 1) / 2)] + found[Math.ceil((found.length - 1) / 2)]) / 2;
      const [median, least, most] = [middle, found[0], found.at(-1)].map((x) =>
        x < Infinity ? x.toFixed(0) : "–",
      );
      return `${median} (${least} to ${most})`;
    });
    console.log(`| ${error} | ${cells.join(" | ")} |`);
  }
  console.log(
    "\nmedian of the gradients, those for ρ counted, with the least and the most; –: more than any run took\n",
  );
}

/**
 * Gradients and seconds for an error: of the cheapest run that errs by no more, or between it and the nearest cheaper one, which errs by more;
 * null where no run errs so little.
 */
function forError(runs, error) {
  const enough = runs.filter((run) => run.error <= error).sort((p, q) => p.gradients - q.gradients)[0];
  if (enough === undefined) return null;
  const short = runs
    .filter((run) => run.error > error && run.gradients < enough.gradients)
    .sort((p, q) => q.gradients - p.gradients)[0];
  const part = short === undefined ? 1 : Math.log(short.error / error) / Math.log(short.error / enough.error);
  const at = (of) => (short === undefined ? of(enough) : of(short) ** (1 - part) * of(enough) ** part);
  return { gradients: at((run) => run.gradients), seconds: at((run) => run.seconds) };
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [tEnd, seeds, size, solvers] = process.argv.slice(2);
  await run(tEnd && Number(tEnd), seeds?.split(",").map(Number), size, solvers?.split(","));
}
