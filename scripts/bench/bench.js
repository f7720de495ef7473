// Speed, memory and achieved error against their targets. `npm run bench [-- THREADS]`; takes about forty minutes. Wants the
// machine for itself: a busy core holds up every operation that is split between two.
import { spawnSync } from "node:child_process";
import { availableParallelism, cpus, loadavg } from "node:os";
import { fileURLToPath } from "node:url";
import { run as runAccuracy } from "./accuracy.js";
import { benchArchitectures } from "./architectures.js";
import { benchCheckpoint } from "./checkpoint.js";
import { benchEngines } from "./engines.js";
import { benchExact } from "./exact.js";
import { benchGradients } from "./gradients.js";
import { benchIntegration } from "./integration.js";
import { benchKernels, dense } from "./kernels.js";
import { benchMemory } from "./memory.js";
import { benchQuotes } from "./quotes.js";
import { large, nameOf, small } from "./study.js";
import { benchSweep } from "./sweep.js";
import { table } from "./table.js";

const THREADS = Number(process.argv[2] ?? Math.min(2, availableParallelism()));

const percent = (x) => `${(100 * x).toFixed(1)} %`;
const gigaflops = (x) => `${(x / 1e9).toFixed(1)} Gflop/s`;
const megabytes = (x) => `${x.toFixed(0)} MB`;

console.log(
  `Node ${process.version}, ${cpus()[0].model.trim()}, ${cpus().length} cores, load ${loadavg()[0].toFixed(1)} before the start; ${THREADS} engine threads, float64\n`,
);

const gradients = await benchGradients(THREADS);
const { share, steps } = await benchIntegration(THREADS);
const memory = await benchMemory(THREADS);
const kernels = await benchKernels(THREADS);
const peak = Math.max(...memory.map((run) => run.megabytes));
const growth = (memory.at(-1).megabytes - memory[0].megabytes) / memory[0].megabytes;

const sweep = await benchSweep();
const checkpoint = await benchCheckpoint();
const exact = await benchExact();

const verdict = (passed) => (passed ? "pass" : "MISS");
const rows = [
  [
    "a",
    "flop rate of a large gradient / of a bare MatMul",
    percent(gradients.ratio),
    "≥ 85 %",
    verdict(gradients.ratio >= 0.85),
  ],
  ["b", `share of dopri5 steps inside gradients`, percent(share), "≥ 90 %", verdict(share >= 0.9)],
  [
    "c",
    "a small gradient",
    `${(1e6 * gradients.smallSeconds).toFixed(0)} µs`,
    "≤ 150 µs",
    verdict(gradients.smallSeconds <= 150e-6),
  ],
  ["d", "peak resident set of a large run", megabytes(peak), "≤ 600 MB", verdict(peak <= 600)],
  [
    "d",
    `its growth from ${memory[0].steps} to ${memory.at(-1).steps} steps`,
    percent(growth),
    "≤ 5 %",
    verdict(growth <= 0.05),
  ],
  [
    "f",
    "a sweep of 8 quickstarts, two at a time / one at a time",
    percent(sweep.ratio),
    "≤ 65 %",
    verdict(sweep.ratio <= 0.65),
  ],
  [
    "i",
    "time spent in saving, as often as allowed",
    percent(checkpoint.share),
    "≤ 2 %",
    verdict(checkpoint.share <= 0.02),
  ],
  [
    "j",
    "exact, all arithmetic for an event in gradients",
    exact.equivalents.toFixed(2),
    "≤ 5",
    verdict(exact.equivalents <= 5),
  ],
  ["j", "the same run", `${exact.seconds.toFixed(1)} s`, "≤ 3 s", verdict(exact.seconds <= 3)],
  [
    "g",
    "a product with the tangent kernel / a gradient",
    kernels.ratio.toFixed(2),
    "≤ 3",
    verdict(kernels.ratio <= 3),
  ],
  ...(kernels.jax === null
    ? []
    : [
        [
          "h",
          `dense kernel, nM = 1 000 / by JAX ${kernels.jax.jax}`,
          (kernels.layerProductSeconds / kernels.jax.seconds).toFixed(2),
          "≤ 2",
          verdict(kernels.layerProductSeconds <= 2 * kernels.jax.seconds),
        ],
      ]),
];
console.log(table(["", "what", "measured", "target", ""], rows));
console.log(`
large: ${nameOf(large)}; small: ${nameOf(small)}
a: gradient ${gigaflops(gradients.gradientRate)} (${(1e3 * gradients.largeSeconds).toFixed(1)} ms), MatMul ${gradients.product} ${gigaflops(gradients.productRate)}; fastest of many calls in turn
b: ${steps} steps with the observer, record and start-up left out; whole run of ${memory.at(-1).steps} steps with them: ${percent(memory.at(-1).share)}
c: mean of 100 calls, the best of many; the median ${(1e6 * gradients.smallMedian).toFixed(0)} µs
d: ${memory.map((run) => `${megabytes(run.megabytes)} after ${run.steps} steps`).join(", ")}, figures included
f: wall time, the best of some; ${sweep.serial.wall.toFixed(1)} s one at a time, ${sweep.parallel.wall.toFixed(1)} s two at a time; processor time ${sweep.serial.cpu.toFixed(1)} s and ${sweep.parallel.cpu.toFixed(1)} s; two cores of this machine do the work of ${sweep.cores.toFixed(2)}
g: the large network, nM = 50 000: ${(1e3 * kernels.productSeconds).toFixed(1)} ms
h: ${nameOf(dense)}: layer product ${(1e3 * kernels.layerProductSeconds).toFixed(0)} ms, by rows of J ${(1e3 * kernels.rowsSeconds).toFixed(0)} ms, ${kernels.jax === null ? "JAX left out: it is not installed" : `JAX ${(1e3 * kernels.jax.seconds).toFixed(0)} ms, kernels within ${kernels.jax.distance.toExponential(1)}`}
i: ${checkpoint.checkpoints.toFixed(0)} checkpoints of ${(checkpoint.bytes / 1000).toFixed(0)} kB, ${(1000 * checkpoint.seconds).toFixed(1)} ms each; wall time over that of the same run without: ${checkpoint.wallRatio.toFixed(3)}
j: the golden network to t = 40 at rtol 1e-6: ${exact.events} events at ${exact.instants} instants, up to ${exact.maxSliding} sliding; ${exact.gradients.toFixed(2)} gradients an event; ${exact.processorSeconds.toFixed(1)} s of processor time
`);

await runAccuracy();
console.log("");
// In processes of their own: the peak memory that they print is theirs.
const stepped = ["20 1 fifth", "5 1 paper"].map((args) => runs("stepping.js", args.split(" ")));
const metTargets = await benchArchitectures(THREADS);
console.log("\nEngines, two threads each\n");
await benchEngines(1000);
console.log("\nWhat README and docs quote\n");
const wrong = benchQuotes();
if (stepped.includes(false) || wrong > 0 || !metTargets || rows.some((row) => row[4] === "MISS"))
  process.exitCode = 1;

/** Has a script of this folder print its tables here; whether it came to its end. */
function runs(script, args) {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return spawnSync(process.execPath, [path, ...args], { stdio: "inherit" }).status === 0;
}
