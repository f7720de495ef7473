// One gradient of a dense network, a convolutional one and a transformer block beside JAX and PyTorch: time, peak memory, agreement.
// `node scripts/bench/architectures.js [NETWORK…] [--threads 2] [--rounds 40] [--dtype float64]`; with --profile the runtime's own time of every
// node, by operator. Python packages are looked for in $PYTHON (python3). Every program is a process of its own, they run in turn.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { readNpy, writeNpy } from "../../dist/data/npy.js";
import { createOnnxEngine } from "../../dist/engine/index.js";
import { createProblem, distance } from "../../dist/flow/index.js";
import { createFamily, initialise, layeredNetwork } from "../../dist/model/index.js";
import { createRandom } from "../../dist/random.js";
import { median, normals, secondsOf } from "./study.js";

const leaky = { kind: "leaky-relu", slope: 0.01 };
const dense = (width) => ({ kind: "dense", width, bias: true });
const convolution = {
  kind: "conv2d",
  channels: 16,
  kernel: 3,
  stride: 1,
  padding: "same",
  groups: 1,
  bias: true,
};
const norm = { kind: "layer-norm", epsilon: 1e-5, affine: true };
const residual = (layers) => ({ kind: "residual", layers, shortcut: [], scale: 1 });

/** `targets` are the most that our time may be of JAX's. */
export const networks = {
  dense: {
    text: "500-250-250-50 leaky-relu, 1 000 samples",
    samples: 1000,
    inputShape: [500],
    outputs: 50,
    layers: [dense(250), leaky, dense(250), leaky, dense(50)],
    targets: { float64: 1, float32: 1 },
  },
  cnn: {
    text: "200 × [3, 16, 16], two 3 × 3 convolutions to 16 channels, leaky-relu, average-pool 2, dense 10",
    samples: 200,
    inputShape: [3, 16, 16],
    outputs: 10,
    layers: [
      convolution,
      leaky,
      convolution,
      leaky,
      { kind: "average-pool", size: 2 },
      { kind: "flatten" },
      dense(10),
    ],
    targets: { float64: 0.5, float32: 1 },
  },
  block: {
    text: "pre-norm transformer block, 64 sequences × 32 tokens × 64 wide, 4 heads, MLP 256, gelu",
    samples: 64,
    inputShape: [32, 64],
    outputs: 32 * 64,
    layers: [
      residual([norm, { kind: "attention", heads: 4, causal: false }]),
      residual([norm, dense(256), { kind: "gelu" }, dense(64)]),
    ],
    targets: { float64: 1, float32: 1 },
  },
};

const SELF = fileURLToPath(import.meta.url);
const megabytes = () => process.resourceUsage().maxRSS / 1024;
const sizeOf = (shape) => shape.reduce((p, q) => p * q, 1);

function networkOf(name) {
  const { layers, inputShape, outputs } = networks[name];
  return layeredNetwork({ layers, inputShape, outputs });
}

/** The program that architectures.py is in Python: the gradient to FOLDER/gradflow.npy, then times as asked for. */
async function serve(folder, name, dtype, threads) {
  const [theta, x, y] = await Promise.all(
    ["theta", "x", "y"].map(async (file) => (await readNpy(join(folder, `${file}.npy`))).data),
  );
  const started = megabytes();
  const engine = createOnnxEngine({ dtype, threads });
  const { samples } = networks[name];
  const family = createFamily({ network: networkOf(name), samples, factor: 1 / (2 * samples) });
  const problem = await createProblem(engine, family, { x, y });
  const gradient = new Float64Array(theta.length);
  const run = () => problem.lossGradient(theta, gradient);
  await run();
  await writeNpy(join(folder, "gradflow.npy"), gradient, [theta.length]);
  console.log(JSON.stringify({ version: "", started }));
  for await (const line of createInterface({ input: process.stdin })) {
    await run();
    const seconds = await secondsOf(run, Number(line));
    console.log(JSON.stringify({ seconds, peak: megabytes() }));
  }
  await engine.dispose();
}

/** A program that answers a line for a line; null where it ended at once with code 3. */
async function start(command, args) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "inherit"] });
  const exit = once(child, "close");
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async () => {
    const { value, done } = await lines.next();
    if (!done) return JSON.parse(value);
    const [code] = await exit;
    if (code === 3) return null;
    throw new Error(`${command} ${args.join(" ")} ended with ${code}`);
  };
  const ready = await read();
  if (ready === null) return null;
  const ask = (calls) => {
    child.stdin.write(`${calls}\n`);
    return read();
  };
  const stop = async () => {
    child.stdin.end();
    await exit;
  };
  return { ...ready, ask, stop };
}

/** [{ program, version, best, median, peak, started, apart }], seconds and megabytes; gradflow first. */
export async function compare(name, dtype, threads, rounds) {
  const { samples, inputShape, outputs } = networks[name];
  const { layout } = networkOf(name);
  const folder = await mkdtemp(join(tmpdir(), "gradflow-bench-"));
  try {
    const init = { kind: "kaiming-uniform", a: Math.sqrt(5), bias: "uniform" };
    const write = (file, data, shape) => writeNpy(join(folder, `${file}.npy`), data, shape);
    await write("theta", initialise(layout, init, createRandom(1).split("init")), [layout.size]);
    await write("x", normals("x", samples * sizeOf(inputShape)), [samples, ...inputShape]);
    await write("y", normals("y", samples * outputs), [samples, outputs]);
    const script = fileURLToPath(new URL("architectures.py", import.meta.url));
    const given = [folder, name, dtype, String(threads)];
    const programs = [];
    for (const program of ["gradflow", "jax", "torch"]) {
      const child =
        program === "gradflow"
          ? await start(process.execPath, [SELF, "--serve", ...given])
          : await start(process.env[`PYTHON_${program.toUpperCase()}`] ?? process.env.PYTHON ?? "python3", [
              script,
              program,
              ...given,
            ]);
      if (child !== null) programs.push({ program, child, seconds: [], peak: 0 });
    }
    for (let round = 0; round < rounds; round++)
      for (const each of programs) {
        const { seconds, peak } = await each.child.ask(round === 0 ? 3 : 1);
        each.peak = peak;
        if (round > 0) each.seconds.push(seconds);
      }
    const results = [];
    const own = (await readNpy(join(folder, "gradflow.npy"))).data;
    for (const { program, child, seconds, peak } of programs) {
      await child.stop();
      const theirs = (await readNpy(join(folder, `${program}.npy`))).data;
      results.push({
        program,
        version: child.version,
        best: Math.min(...seconds),
        median: median(seconds),
        peak,
        started: child.started,
        apart: distance(theirs, own) / distance(theirs, new Float64Array(theirs.length)),
      });
    }
    return results;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Milliseconds per gradient and operator, by the runtime's own trace, most first: [{ operator, milliseconds, nodes, shapes }]. */
async function profile(name, dtype, threads) {
  const { samples, inputShape, outputs } = networks[name];
  const folder = await mkdtemp(join(tmpdir(), "gradflow-bench-"));
  try {
    const engine = createOnnxEngine({ dtype, threads, profile: join(folder, "trace") });
    const network = networkOf(name);
    const family = createFamily({ network, samples, factor: 1 / (2 * samples) });
    const data = { x: normals("x", samples * sizeOf(inputShape)), y: normals("y", samples * outputs) };
    const program = await engine.compile(family.lossGradient("free"), data);
    const theta = initialise(
      network.layout,
      { kind: "kaiming-uniform", a: Math.sqrt(5), bias: "uniform" },
      createRandom(1),
    );
    for (let i = 0; i < 30; i++) await program.run({ theta });
    await engine.dispose();
    const files = await readdir(folder);
    const times = new Map();
    for (const file of files) {
      for (const event of JSON.parse(await readFile(join(folder, file), "utf8"))) {
        if (event.cat !== "Node" || !event.name.endsWith("_kernel_time")) continue;
        const shapes = JSON.stringify(event.args.input_type_shape.map((s) => Object.values(s)[0]));
        const key = `${event.name.replace("_kernel_time", "")} ${event.args.op_name} ${shapes}`;
        times.set(key, [...(times.get(key) ?? []), event.dur / 1000]);
      }
    }
    const nodes = [...times]
      .filter(([, own]) => own.length >= 30)
      .map(([key, own]) => ({ key, best: Math.min(...own) }));
    return nodes.sort((p, q) => q.best - p.best);
  } finally {
    await rm(folder, { recursive: true });
  }
}

if (process.argv[1] === SELF) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      serve: { type: "boolean" },
      profile: { type: "boolean" },
      threads: { type: "string", default: "2" },
      rounds: { type: "string", default: "40" },
      dtype: { type: "string" },
    },
  });
  if (values.serve) {
    const [folder, name, dtype, threads] = positionals;
    await serve(folder, name, dtype, Number(threads));
  } else {
    const names = positionals.length === 0 ? Object.keys(networks) : positionals;
    const dtypes = values.dtype === undefined ? ["float64", "float32"] : [values.dtype];
    for (const name of names)
      for (const dtype of dtypes) {
        if (values.profile) {
          const nodes = await profile(name, dtype, Number(values.threads));
          const total = nodes.reduce((s, n) => s + n.best, 0);
          console.log(`${name} ${dtype}: ${total.toFixed(2)} ms in nodes`);
          const byOp = new Map();
          for (const { key, best } of nodes) {
            const op = key.split(" ")[1];
            byOp.set(op, (byOp.get(op) ?? 0) + best);
          }
          for (const [op, ms] of [...byOp].sort((a, b) => b[1] - a[1]))
            console.log(`  ${op.padEnd(14)} ${ms.toFixed(2)}`);
          for (const { key, best } of nodes.slice(0, 45)) console.log(`    ${best.toFixed(3)} ${key}`);
        } else {
          const r = await compare(name, dtype, Number(values.threads), Number(values.rounds));
          for (const one of r)
            console.log(
              name,
              dtype,
              one.program,
              one.version,
              "best",
              (1e3 * one.best).toFixed(2),
              "median",
              (1e3 * one.median).toFixed(2),
              "ratio",
              (r[0].best / one.best).toFixed(2),
              (r[0].median / one.median).toFixed(2),
              "MB",
              one.peak.toFixed(0),
              "of which before",
              one.started.toFixed(0),
              "apart",
              one.apart.toExponential(1),
            );
        }
      }
  }
}
