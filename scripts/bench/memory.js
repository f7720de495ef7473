// (d) Peak resident set of whole runs, record and figures included, each in a process of its own: `node memory.js STEPS` is one.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { loadConfig } from "../../dist/config/load.js";
import { runExperiment } from "../../dist/experiment/run.js";

const STEPS = [10, 60];

const study = (steps, threads) => `
name: memory
dataset: { kind: gaussian, samples: 1000, inputDimension: 500, outputDimension: 50 }
model: { kind: dnn, hidden: [250, 250], activation: { kind: leaky-relu, slope: 0.01 } }
flow: { method: dopri5, rtol: 1e-3, atol: 1e-6, tEnd: 1e6, maxSteps: ${steps}, boundaries: off }
record: { at: steps }
engine: { kind: onnx, dtype: float64, threads: ${threads} }
`;

/** [{ steps, megabytes, share }], share = gradientSeconds/wallSeconds of the whole run, start-up and figures included. */
export async function benchMemory(threads) {
  const results = [];
  for (const steps of STEPS) {
    const args = [fileURLToPath(import.meta.url), String(steps), String(threads)];
    const { stdout } = await promisify(execFile)(process.execPath, args);
    results.push(JSON.parse(stdout));
  }
  return results;
}

async function runOnce(steps, threads) {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-bench-"));
  try {
    const file = join(folder, "study.yaml");
    await writeFile(file, study(steps, threads));
    const options = { directory: join(folder, "record"), command: ["bench"] };
    const result = await runExperiment(await loadConfig(file), options);
    const megabytes = process.resourceUsage().maxRSS / 1024;
    const taken = result.steps.accepted;
    console.log(
      JSON.stringify({ steps: taken, megabytes, share: result.gradientSeconds / result.wallSeconds }),
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  await runOnce(Number(process.argv[2]), Number(process.argv[3]));
