// For a machine with an NVIDIA GPU: checks and times everything that gradflow says of it. `npm run prove:gpu`; about ten minutes.
//   1. which CUDA engines are there, and why not
//   2. the tests that run on every engine present: each operation, networks, resident flows, the golden network
//   3. gradients at three sizes beside a bare product, where a flow arrives, memory over 10 000 steps
//   4. what float32 resolves
// `-- --without-gpu` does the same with the engines that are there, to see that the script itself works; `-- --steps 1000` is shorter.
import { spawnSync } from "node:child_process";
import { availableParallelism, cpus } from "node:os";
import { parseArgs } from "node:util";
import { describeEngines, measureEngines, specs } from "./bench/engines.js";
import { benchFloat32 } from "./bench/float32.js";

/** Tests that take every engine present. */
const TESTS = ["test/engine", "test/flow/resident.test.ts", "test/flow/continuation.test.ts", "test/golden"];
/** float32 rounds θ at 6e-8; the flow of some hundred steps may add that up to this. float64 engines differ by summation order. */
const APART = { float32: 1e-5, float64: 1e-10 };
/** Growth of the resident set from a tenth of the steps to all of them that V8's heap explains: up to 15 % on ONNX Runtime, no more after 60 000. */
const GROWTH = 1.2;

const { values } = parseArgs({
  options: { "without-gpu": { type: "boolean" }, steps: { type: "string", default: "10000" } },
});
const steps = Number(values.steps);
const faults = [];

console.log(`Node ${process.version}, ${cpus()[0].model.trim()}, ${availableParallelism()} cores`);
const smi = spawnSync(
  "nvidia-smi",
  ["--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"],
  {
    encoding: "utf8",
  },
);
console.log(smi.status === 0 ? `GPU: ${smi.stdout.trim()}` : "GPU: nvidia-smi is not there or finds none");

console.log("\n## Engines\n");
run("node", ["bin/gradflow.js", "doctor"]);

const cuda = Object.keys(specs).filter((name) => name.includes("cuda"));
const others = Object.keys(specs).filter((name) => !name.includes("cuda") && name !== "reference");
console.log("\n## Speed, agreement, memory\n");
const results = await measureEngines(values["without-gpu"] ? others : [...cuda, ...others], steps);
console.log(describeEngines(results, steps));
const present = results.filter(({ absent }) => absent === null);
if (!values["without-gpu"] && !present.some(({ name }) => name.includes("cuda"))) {
  console.log("\nNo CUDA engine is there; the lines above say why. docs/engines.md says how to get one.");
  process.exit(2);
}
for (const { name, apart, memory } of present) {
  const [early, late] = memory;
  const limit = specs[name].dtype === "float64" ? APART.float64 : APART.float32;
  if (!(apart <= limit)) faults.push(`${name}: θ is ${apart.toExponential(1)} apart, more than ${limit}`);
  if (late.tensors !== early.tensors) faults.push(`${name}: ${early.tensors} tensors became ${late.tensors}`);
  if (late.megabytes > GROWTH * early.megabytes)
    faults.push(`${name}: ${early.megabytes.toFixed(0)} MB became ${late.megabytes.toFixed(0)} MB`);
}

console.log("\n## float32 against float64\n");
const backend = ["cuda", "node", "wasm"].find((one) => present.some(({ name }) => name === `tfjs:${one}`));
if (backend !== undefined) await benchFloat32(backend);
else console.log("no backend of TensorFlow.js");

console.log("\n## Tests\n");
run("npx", ["vitest", "run", ...TESTS]);

console.log(
  faults.length === 0 ? "\nAll proved." : `\nFaults:\n${faults.map((line) => `  ${line}`).join("\n")}`,
);
process.exitCode = faults.length === 0 ? 0 : 1;

function run(program, args) {
  const { status } = spawnSync(program, args, { stdio: "inherit" });
  if (status !== 0) faults.push(`${[program, ...args].join(" ")} ended with ${status}`);
}
