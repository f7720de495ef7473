// Every engine of this machine on the same work, each in a process of its own: throughput of gradients beside a bare product, where a
// trajectory arrives, memory over many steps. `node scripts/bench/engines.js [ENGINE…] [--steps N]`; `node engines.js --one ENGINE` is one.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { createEngine } from "../../dist/engine/index.js";
import { distance, integrateSmooth } from "../../dist/flow/index.js";
import { createGraph, GraphBuilder } from "../../dist/graph/index.js";
import { gradientFlops, large, makeProblem, nameOf, normals, small } from "./study.js";

/** 100-100-100-10 on 500 samples: between the other two. P = 21 210. */
const middle = { widths: [100, 100, 100, 10], samples: 500, activation: small.activation };
const SIZES = [small, middle, large];
/** Edge of the square product that stands for the machine's peak. */
const PRODUCT = 1000;
/** Time spent on each measurement of speed, in seconds. */
const BUDGET = 2;
/** The flow whose end is compared: smooth, so that its error is the method's and the rounding's. */
const smooth = { ...small, activation: { kind: "tanh" } };
const T_END = 8;
const RTOL = 1e-5;

const tfjs = (backend, state = "resident") => ({ kind: "tfjs", backend, state, threads: 2 });
/** By the names of --engine. */
export const specs = {
  "onnx:float64": { kind: "onnx", dtype: "float64", threads: 2 },
  "onnx:float32": { kind: "onnx", dtype: "float32", threads: 2 },
  "onnx:cuda:float64": { kind: "onnx", device: "cuda", dtype: "float64", threads: 2 },
  "onnx:cuda:float32": { kind: "onnx", device: "cuda", dtype: "float32", threads: 2 },
  "tfjs:cuda": tfjs("cuda"),
  "tfjs:cuda:float64": tfjs("cuda", "float64"),
  "tfjs:node": tfjs("node"),
  "tfjs:node:float64": tfjs("node", "float64"),
  "tfjs:wasm": tfjs("wasm"),
  "tfjs:wasm:float64": tfjs("wasm", "float64"),
  "tfjs:cpu": tfjs("cpu"),
  reference: { kind: "reference" },
};

/** Measures `names`, absent ones included: { name, description, absent } and the numbers. */
export async function measureEngines(names, steps) {
  const results = [];
  for (const name of names) {
    const args = [fileURLToPath(import.meta.url), "--one", name, "--steps", String(steps)];
    process.stderr.write(`${name} … `);
    const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 26 });
    const result = JSON.parse(stdout.slice(stdout.lastIndexOf("\n{") + 1));
    process.stderr.write(result.absent === null ? "done\n" : "absent\n");
    results.push({ name, ...result });
  }
  const exact = results.find(({ name }) => name === "onnx:float64");
  for (const result of results) {
    if (result.absent !== null || exact === undefined) continue;
    const [found, expected] = [result.theta, exact.theta].map((theta) => Float64Array.from(theta));
    result.apart = distance(found, expected) / Math.hypot(...expected);
  }
  return results;
}

async function measureOne(name, steps) {
  let engine;
  try {
    engine = await createEngine(specs[name]);
  } catch (error) {
    return { absent: error.message };
  }
  const product = await timeProduct(engine);
  const gradients = [];
  for (const size of SIZES) gradients.push(await timeGradient(engine, size));
  const { problem, theta0 } = await makeProblem(engine, smooth);
  const outcome = await integrateSmooth({
    problem,
    theta0,
    method: "dopri5",
    rtol: RTOL,
    atol: RTOL / 1000,
    tEnd: T_END,
    onSegment: async () => undefined,
  });
  const memory = await watchMemory(engine, steps);
  const { description } = engine;
  return {
    absent: null,
    description,
    product,
    gradients,
    theta: [...outcome.theta],
    evaluations: outcome.evaluations,
    memory,
  };
}

/** Seconds of the fastest of as many calls as the budget allows: what the machine can do when nothing else runs on it. */
async function time(call) {
  await call();
  const times = [];
  const end = performance.now() + 1000 * BUDGET;
  do {
    const start = performance.now();
    await call();
    times.push((performance.now() - start) / 1000);
  } while (performance.now() < end);
  return Math.min(...times);
}

async function timeProduct(engine) {
  const n = engine.kind === "reference" ? 300 : PRODUCT;
  const b = new GraphBuilder();
  const graph = createGraph("product", { c: b.matmul(b.input("a", [n, n]), b.input("b", [n, n])) });
  const data = { a: normals("a", n * n), b: normals("b", n * n) };
  const { resident } = engine;
  let seconds;
  if (resident === null) {
    const program = await engine.compile(graph);
    const into = { c: new Float64Array(n * n) };
    seconds = await time(() => program.run(data, into));
  } else {
    const program = await resident.compile(graph, { b: data.b });
    const [a, c] = [resident.create(n * n), resident.create(n * n)];
    a.write(data.a);
    // A GPU works behind the caller's back: one number read back makes it finish.
    seconds = await time(async () => {
      await program.run({ a }, { c });
      resident.isFinite(c);
    });
  }
  return { n, rate: (2 * n ** 3) / seconds };
}

/** A gradient as the flow asks for it: θ where the engine keeps it. */
async function timeGradient(engine, size) {
  const { problem, theta0 } = await makeProblem(engine, size);
  const { resident } = engine;
  let call;
  if (resident === null) {
    const velocity = new Float64Array(theta0.length);
    call = () => problem.field(theta0, velocity);
  } else {
    const program = await problem.compileResident(problem.family.flowField());
    const [theta, velocity] = [resident.create(theta0.length), resident.create(theta0.length)];
    theta.write(theta0);
    call = async () => {
      await program.run({ theta }, { velocity });
      resident.isFinite(velocity);
    };
  }
  const seconds = await time(call);
  return { seconds, rate: gradientFlops(size) / seconds };
}

/** Resident set and tensors after a tenth of the steps and after all of them, Euler on the small network. */
async function watchMemory(engine, steps) {
  const { problem, theta0 } = await makeProblem(engine, small);
  const seen = [];
  await integrateSmooth({
    problem,
    theta0,
    method: "euler",
    stepSize: 1e-3,
    tEnd: steps * 1e-3,
    onSegment: async (_, { accepted }) => {
      if (accepted === Math.round(steps / 10) || accepted === steps) {
        globalThis.gc?.();
        seen.push({
          megabytes: process.memoryUsage().rss / 2 ** 20,
          tensors: engine.resident?.count() ?? null,
        });
      }
    },
  });
  return seen;
}

const duration = (s) => (s < 1e-3 ? `${(1e6 * s).toFixed(0)} µs` : `${(1e3 * s).toPrecision(3)} ms`);
const gigaflops = (x) => `${(x / 1e9).toPrecision(3)}`;

/** The measurements as Markdown. */
export function describeEngines(results, steps) {
  const present = results.filter(({ absent }) => absent === null);
  const rows = present.map(({ name, product, gradients, apart, memory: [early, late] }) => [
    name,
    gigaflops(product.rate),
    ...gradients.map(({ seconds, rate }) => `${duration(seconds)} (${gigaflops(rate)})`),
    apart === undefined ? "" : apart.toExponential(1),
    `${early.megabytes.toFixed(0)} → ${late.megabytes.toFixed(0)} MB`,
    early.tensors === null ? "" : `${early.tensors} → ${late.tensors}`,
  ]);
  const head = [
    "engine",
    `product ${PRODUCT}³, Gflop/s`,
    ...SIZES.map((size) => `gradient ${size.widths.join("-")}, n = ${size.samples} (Gflop/s)`),
    "θ apart",
    `memory, ${steps / 10} → ${steps} steps`,
    "tensors",
  ];
  return [
    ...[head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`),
    "",
    ...present.map(({ name, description }) => `${name}: ${description}`),
    ...results
      .filter(({ absent }) => absent !== null)
      .map(({ name, absent }) => `${name}: absent. ${absent}`),
    `θ apart: from onnx:float64 at t = ${T_END}, ${nameOf(smooth)}, dopri5 at rtol ${RTOL}, relative.`,
  ].join("\n");
}

/** For bench.js. */
export async function benchEngines(steps = 10_000) {
  console.log(describeEngines(await measureEngines(Object.keys(specs), steps), steps));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { one: { type: "string" }, steps: { type: "string", default: "10000" } },
  });
  const steps = Number(values.steps);
  if (values.one !== undefined) console.log(`\n${JSON.stringify(await measureOne(values.one, steps))}`);
  else {
    const names = positionals.length > 0 ? positionals : Object.keys(specs);
    console.log(describeEngines(await measureEngines(names, steps), steps));
  }
}
