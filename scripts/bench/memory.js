// (d) Peak resident set of whole runs, record and figures included, each in a process of its own: `node memory.js STEPS` is one.
// `node scripts/bench/memory.js estimates` sets what `gradflow check` estimates beside what runs of two steps take, for one study of each size
// that counts; three to five minutes.
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { loadConfig } from "../../dist/config/load.js";
import { estimateMemory } from "../../dist/experiment/memory.js";
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

const dense = "{ kind: dnn, hidden: [250, 250], activation: { kind: tanh } }";
/** Studies whose memory goes into different things. */
const SIZES = {
  smallest: {
    data: "gaussian, samples: 4, inputDimension: 2",
    model: "{ kind: dnn, hidden: [3], activation: { kind: tanh } }",
  },
  "dense, n = 3 000": { data: "gaussian, samples: 3000, inputDimension: 500", outputs: 50, model: dense },
  "dense, n = 3 000, float32": {
    data: "gaussian, samples: 3000, inputDimension: 500",
    outputs: 50,
    model: dense,
    dtype: "float32",
  },
  "gcn, n = 2 000": {
    data: "gaussian, samples: 2000, inputDimension: 50",
    outputs: 5,
    model: "{ kind: gcn, hidden: [100, 100], neighbours: 5, activation: { kind: tanh } }",
  },
  "100 000 samples": {
    data: "gaussian, samples: 100000, inputDimension: 20",
    model: "{ kind: dnn, hidden: [20], activation: { kind: tanh } }",
  },
  cnn: {
    data: "gaussian, samples: 500, inputShape: [3, 16, 16]",
    outputs: 4,
    model: "{ kind: cnn, channels: [16, 16], activation: { kind: tanh } }",
  },
  transformer: {
    data: "gaussian, samples: 400, inputShape: [16, 8]",
    outputs: 4,
    model: "{ kind: transformer, width: 32, heads: 4, blocks: 2, mlp: 64 }",
  },
  "kernel by singular values, nM = 2 000": {
    data: "gaussian, samples: 1000, inputDimension: 20",
    outputs: 2,
    model: "{ kind: dnn, hidden: [60, 60], activation: { kind: tanh } }",
    measure: "{ ntk: { points: 2, method: svd } }",
  },
  "exact kinks": {
    data: "gaussian, samples: 200, inputDimension: 20",
    outputs: 2,
    model: "{ kind: dnn, hidden: [12, 12], activation: { kind: relu } }",
    boundaries: "exact",
  },
};

const sized = ({ data, outputs = 1, model, dtype = "float64", measure, boundaries = "off" }) => `
name: memory
seed: 1
dataset: { kind: ${data}, outputDimension: ${outputs} }
model: ${model}
flow: { method: dopri5, rtol: 1e-3, atol: 1e-6, tEnd: 1e6, maxSteps: ${measure === undefined ? 2 : 1}, boundaries: ${boundaries} }
descent: { learningRates: [1e5] }
${measure === undefined ? "" : `measure: ${measure}`}
record: { at: linear, points: 3 }
engine: { kind: onnx, dtype: ${dtype}, threads: 1 }
`;

/** Estimate and peak of one of the sizes, in this process. */
async function compareOnce(name) {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-bench-"));
  try {
    const file = join(folder, "study.yaml");
    await writeFile(file, sized(SIZES[name]));
    const loaded = await loadConfig(file);
    const { bytes, parts } = estimateMemory(loaded, loaded.config.dataset);
    const { status } = await runExperiment(loaded, { directory: join(folder, "record"), command: ["bench"] });
    const megabytes = process.resourceUsage().maxRSS / 1024;
    console.log(JSON.stringify({ estimate: bytes / 1e6, real: megabytes * 1.048576, status, parts }));
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Prints the table; true where an estimate is off by more than half. */
async function compareAll(names) {
  console.log(
    "| study | estimate, MB | real, MB | estimate/real | largest parts, MB |\n|---|---|---|---|---|",
  );
  let isOff = false;
  for (const name of names) {
    const args = [fileURLToPath(import.meta.url), "estimate", name];
    const { estimate, real, parts } = JSON.parse((await promisify(execFile)(process.execPath, args)).stdout);
    const ratio = estimate / real;
    isOff ||= ratio > 1.5 || ratio < 1 / 1.5;
    const largest = parts.slice(0, 3).map((part) => `${part.name} ${(part.bytes / 1e6).toFixed(0)}`);
    console.log(
      `| ${name} | ${estimate.toFixed(0)} | ${real.toFixed(0)} | ${ratio.toFixed(2)} | ${largest.join(", ")} |`,
    );
  }
  return isOff;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [, , what, name] = process.argv;
  if (what === "estimate") await compareOnce(name);
  else if (what === "estimates")
    process.exitCode = (await compareAll(name ? [name] : Object.keys(SIZES))) ? 1 : 0;
  else await runOnce(Number(what), Number(name));
}
