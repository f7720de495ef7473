// One gradient of a dense network, a convolutional one and a transformer block beside JAX and PyTorch: time, peak memory, agreement.
// `node scripts/bench/architectures.js [NETWORK…] [--dtype float64] [--threads 2] [--rounds 60]`; with --profile the runtime's own times, by
// operator and by node. $PYTHON names a Python with JAX, $PYTHON_TORCH one with PyTorch (python3); what is absent is left out.
// Every program is a process of its own that computes one gradient at a time, in turn with the others.
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
import { median, normals } from "./study.js";

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
const networks = {
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
    text: "one pre-norm transformer block, 64 sequences × 32 tokens × 64 wide, 4 heads, MLP 256, gelu",
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
const DTYPES = ["float64", "float32"];
/** Calls of the program that is slower than all others by far need not be many: this much time in all, in seconds. */
const BUDGET = 20;
const megabytes = () => process.resourceUsage().maxRSS / 1024;
const sizeOf = (shape) => shape.reduce((p, q) => p * q, 1);
const pythons = {
  jax: process.env.PYTHON ?? "python3",
  torch: process.env.PYTHON_TORCH ?? process.env.PYTHON ?? "python3",
};

function studyOf(name) {
  const { layers, inputShape, outputs, samples } = networks[name];
  const network = layeredNetwork({ layers, inputShape, outputs });
  const init = { kind: "kaiming-uniform", a: Math.sqrt(5), bias: "uniform" };
  return {
    family: createFamily({ network, samples, factor: 1 / (2 * samples) }),
    theta: initialise(network.layout, init, createRandom(1).split("init")),
    x: normals("x", samples * sizeOf(inputShape)),
    y: normals("y", samples * outputs),
  };
}

/** What architectures.py is in Python: the gradient to FOLDER/gradflow.npy, then times as asked for. */
async function serve(folder, name, dtype, threads) {
  const { family, theta, x, y } = studyOf(name);
  const started = megabytes();
  const engine = createOnnxEngine({ dtype, threads });
  const problem = await createProblem(engine, family, { x, y });
  const gradient = new Float64Array(theta.length);
  await problem.lossGradient(theta, gradient);
  await writeNpy(join(folder, "gradflow.npy"), gradient, [theta.length]);
  console.log(JSON.stringify({ version: "", started }));
  for await (const line of createInterface({ input: process.stdin })) {
    await problem.lossGradient(theta, gradient);
    const calls = Number(line);
    const [start, before] = [performance.now(), process.cpuUsage()];
    for (let i = 0; i < calls; i++) await problem.lossGradient(theta, gradient);
    const seconds = (performance.now() - start) / 1000 / calls;
    const { user, system } = process.cpuUsage(before);
    console.log(JSON.stringify({ seconds, used: (user + system) / 1e6 / calls, peak: megabytes() }));
  }
  await engine.dispose();
}

/** A program that answers a line for a line; null where it ended with code 3: what it needs is not installed. */
async function start(command, args) {
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  const exit = once(child, "close");
  const errors = [];
  child.stderr.on("data", (data) => errors.push(data));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const read = async () => {
    const { value, done } = await lines.next();
    if (!done) return JSON.parse(value);
    const [code] = await exit;
    if (code === 3) return null;
    throw new Error(`${command} ${args.join(" ")} ended with ${code}: ${Buffer.concat(errors)}`);
  };
  const ready = await read();
  if (ready === null) return null;
  return {
    ...ready,
    ask(calls) {
      child.stdin.write(`${calls}\n`);
      return read();
    },
    async stop() {
      child.stdin.end();
      await exit;
    },
  };
}

/**
 * gradflow first, then JAX and PyTorch where they are: [{ program, version, best, median, used, usedMedian, peak, started, apart }], seconds of one
 * gradient, least and median, on the clock and of the processor, megabytes at most and before the network was built, relative distance from our gradient.
 */
async function compare(name, dtype, threads, rounds) {
  const { samples, inputShape, outputs } = networks[name];
  const folder = await mkdtemp(join(tmpdir(), "gradflow-bench-"));
  try {
    const { theta, x, y } = studyOf(name);
    await writeNpy(join(folder, "theta.npy"), theta, [theta.length]);
    await writeNpy(join(folder, "x.npy"), x, [samples, ...inputShape]);
    await writeNpy(join(folder, "y.npy"), y, [samples, outputs]);
    const script = fileURLToPath(new URL("architectures.py", import.meta.url));
    const given = [folder, name, dtype, String(threads)];
    const programs = [];
    for (const program of ["gradflow", "jax", "torch"]) {
      const child =
        program === "gradflow"
          ? await start(process.execPath, [SELF, "--serve", ...given])
          : await start(pythons[program], [script, program, ...given]);
      if (child !== null) programs.push({ program, child, seconds: [], used: [], peak: 0, spent: 0 });
    }
    // The first round is for warming up.
    for (let round = 0; round <= rounds; round++) {
      for (const each of programs) {
        if (each.spent > BUDGET && each.seconds.length >= 5) continue;
        const { seconds, used, peak } = await each.child.ask(round === 0 ? 3 : 1);
        each.peak = peak;
        each.spent += seconds;
        if (round === 0) continue;
        each.seconds.push(seconds);
        each.used.push(used);
      }
    }
    const own = (await readNpy(join(folder, "gradflow.npy"))).data;
    const results = [];
    for (const { program, child, seconds, used, peak } of programs) {
      await child.stop();
      const theirs = (await readNpy(join(folder, `${program}.npy`))).data;
      results.push({
        program,
        version: child.version,
        best: Math.min(...seconds),
        median: median(seconds),
        used: Math.min(...used),
        usedMedian: median(used),
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

/** Compares, and prints a table. @returns whether every target was met that could be judged */
export async function benchArchitectures(
  threads,
  { names = Object.keys(networks), dtypes = DTYPES, rounds = 60 } = {},
) {
  const ms = (seconds) => (1000 * seconds).toFixed(1);
  console.log(
    `Gradients beside other programs, ${threads} threads each, one run, each gradient in turn with the others'\n`,
  );
  console.log(
    "| network | dtype | program | wall, ms: best, median | processor, ms: best, median | peak (before), MB | ours ÷ theirs, wall: best, median | processor: best, median | peak | target | |",
  );
  console.log("|---|---|---|---|---|---|---|---|---|---|---|");
  let met = true;
  for (const name of names)
    for (const dtype of dtypes) {
      const results = await compare(name, dtype, threads, rounds);
      const [own] = results;
      for (const { program, version, best, median, used, usedMedian, peak, started, apart } of results) {
        const pair = (first, second) => [first, second].map((ratio) => ratio.toFixed(2)).join(", ");
        const target = program === "jax" ? networks[name].targets[dtype] : null;
        const passed = target === null || own.best / best <= target;
        met &&= passed;
        if (apart > (dtype === "float64" ? 1e-12 : 1e-4))
          throw new Error(`${name} ${dtype}: the gradients of gradflow and ${program} differ by ${apart}`);
        console.log(
          `| ${[
            name,
            dtype,
            `${program} ${version}`.trim(),
            `${ms(best)}, ${ms(median)}`,
            `${ms(used)}, ${ms(usedMedian)}`,
            `${peak.toFixed(0)} (${started.toFixed(0)})`,
            ...(program === "gradflow"
              ? ["", "", ""]
              : [
                  pair(own.best / best, own.median / median),
                  pair(own.used / used, own.usedMedian / usedMedian),
                  (own.peak / peak).toFixed(2),
                ]),
            target === null ? "" : `≤ ${target}`,
            target === null ? "" : passed ? "pass" : "MISS",
          ].join(" | ")} |`,
        );
      }
    }
  console.log(`\n${names.map((name) => `${name}: ${networks[name].text}`).join("\n")}\n`);
  return met;
}

/** Prints the least milliseconds of every node of one gradient in the runtime's trace, and their sums by operator. */
async function profile(name, dtype, threads) {
  const CALLS = 30;
  const folder = await mkdtemp(join(tmpdir(), "gradflow-bench-"));
  try {
    const engine = createOnnxEngine({ dtype, threads, profile: join(folder, "trace") });
    const { family, theta, x, y } = studyOf(name);
    const program = await engine.compile(family.lossGradient("free"), { x, y });
    for (let i = 0; i < CALLS; i++) await program.run({ theta });
    await engine.dispose();
    const times = new Map();
    for (const file of await readdir(folder))
      for (const { cat, name: title, dur, args } of JSON.parse(await readFile(join(folder, file), "utf8"))) {
        if (cat !== "Node" || !title.endsWith("_kernel_time")) continue;
        const shapes = args.input_type_shape.map((shape) => JSON.stringify(Object.values(shape)[0]));
        const node = `${title.replace("_kernel_time", "")}: ${args.op_name} ${shapes.join(" ")}`;
        const known = times.get(node) ?? {
          operator: args.op_name,
          calls: 0,
          least: Number.POSITIVE_INFINITY,
        };
        times.set(node, { ...known, calls: known.calls + 1, least: Math.min(known.least, dur / 1000) });
      }
    // What the data alone decide has a trace of its own, of one call.
    const nodes = [...times]
      .filter(([, { calls }]) => calls === CALLS)
      .sort(([, p], [, q]) => q.least - p.least);
    const sums = new Map();
    for (const [, { operator, least }] of nodes) sums.set(operator, (sums.get(operator) ?? 0) + least);
    const total = nodes.reduce((sum, [, { least }]) => sum + least, 0);
    const products = ["Gemm", "MatMul", "FusedMatMul", "Conv"].reduce(
      (sum, name) => sum + (sums.get(name) ?? 0),
      0,
    );
    const line = (milliseconds, what) => `${milliseconds.toFixed(3).padStart(9)}  ${what}`;
    console.log(`${name} ${dtype}, ${threads} threads: milliseconds in nodes, the least of ${CALLS} calls`);
    console.log(
      line(total, `all; products of matrices and convolutions ${((100 * products) / total).toFixed(0)} %`),
    );
    for (const [operator, sum] of [...sums].sort((p, q) => q[1] - p[1])) console.log(line(sum, operator));
    for (const [node, { least }] of nodes.slice(0, 40)) console.log(line(least, node));
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
      rounds: { type: "string", default: "60" },
      dtype: { type: "string" },
    },
  });
  const threads = Number(values.threads);
  if (values.serve) {
    const [folder, name, dtype, count] = positionals;
    await serve(folder, name, dtype, Number(count));
  } else {
    const names = positionals.length === 0 ? Object.keys(networks) : positionals;
    const dtypes = values.dtype === undefined ? DTYPES : [values.dtype];
    if (values.profile)
      for (const name of names) for (const dtype of dtypes) await profile(name, dtype, threads);
    else if (!(await benchArchitectures(threads, { names, dtypes, rounds: Number(values.rounds) })))
      process.exitCode = 1;
  }
}
