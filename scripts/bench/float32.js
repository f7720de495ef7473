// What float32 can resolve, against float64: tolerances, loss floors, λ_min. Three modes: graphs and state in float64; graphs in float32,
// state and error control in float64 (onnx float32, or tfjs with state: float64); all in float32 (tfjs resident).
// `node scripts/bench/float32.js [BACKEND]`, BACKEND of tfjs, default wasm.
import { fileURLToPath } from "node:url";
import { createEngine } from "../../dist/engine/index.js";
import { createProblem, distance, integrateSmooth } from "../../dist/flow/index.js";
import { createFamily, initialise, presetNetwork } from "../../dist/model/index.js";
import { createTangentKernel, denseSpectrum } from "../../dist/ntk/index.js";
import { createRandom } from "../../dist/random.js";
import { makeProblem, normals, small } from "./study.js";

const modesOf = (backend) => ({
  float64: { kind: "onnx", dtype: "float64", threads: 1 },
  mixed: { kind: "onnx", dtype: "float32", threads: 1 },
  resident: { kind: "tfjs", backend, state: "resident", threads: 1 },
});
const study = { ...small, activation: { kind: "tanh" } };
const T_END = 8;

async function flow(spec, options, target = study) {
  const engine = await createEngine(spec);
  const { problem, theta0 } = await makeProblem(engine, target);
  let least = Infinity;
  const outcome = await integrateSmooth({
    problem,
    theta0,
    method: "dopri5",
    atol: options.rtol / 1000,
    tEnd: T_END,
    maxSteps: 400,
    onSegment: async (segment) => {
      if (options.floor) least = Math.min(least, await problem.loss(segment.theta1));
      return undefined;
    },
    ...options,
  });
  await engine.dispose();
  return { ...outcome, least };
}

const row = (cells) => console.log(`| ${cells.join(" | ")} |`);

/** Prints three tables. */
export async function benchFloat32(backend) {
  const modes = modesOf(backend);
  console.log(
    `Tolerances: relative error of θ(${T_END}) (gradients, rejected steps), dopri5, atol = rtol/1000\n`,
  );
  const exact = await flow(modes.float64, { rtol: 1e-12, maxSteps: 10_000 });
  const size = Math.hypot(...exact.theta);
  row(["rtol", ...Object.keys(modes)]);
  row(["---", ...Object.keys(modes).map(() => "---")]);
  for (const rtol of [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8]) {
    const cells = [];
    for (const spec of Object.values(modes)) {
      const found = await flow(spec, { rtol });
      const error = distance(found.theta, exact.theta) / size;
      const end = found.status === "reachedEnd" ? "" : `, ${found.status} at t = ${found.t.toPrecision(2)}`;
      cells.push(`${error.toExponential(1)} (${found.evaluations}, ${found.rejected}${end})`);
    }
    row([rtol.toExponential(0), ...cells]);
  }

  console.log(
    "\nLoss floor: least L/L(0) of a flow that could go to zero (P > nM), tsrkc3 at rtol 1e-5 to t = 3000\n",
  );
  const wide = { widths: [6, 40, 2], samples: 10, activation: { kind: "tanh" } };
  for (const [name, spec] of Object.entries(modes)) {
    const engine = await createEngine(spec);
    const { problem, theta0 } = await makeProblem(engine, wide);
    const first = await problem.loss(theta0);
    await engine.dispose();
    const options = { rtol: 1e-5, atol: 1e-9, method: "auto", tEnd: 3000, maxSteps: 3000, floor: true };
    const { least, status, t, evaluations } = await flow(spec, options, wide);
    row([
      name,
      (least / first).toExponential(1),
      `${evaluations} gradients`,
      `${status} at t = ${t.toPrecision(4)}`,
    ]);
  }

  console.log(
    "\nTangent kernel: error of eigenvalues of G = JJᵀ from a J computed in float32, by their share of λ_max\n",
  );
  const random = createRandom(2);
  const spec = {
    kind: "dnn",
    inputDimension: 8,
    hidden: [12],
    outputDimension: 2,
    bias: true,
    activation: { kind: "tanh" },
  };
  const samples = 60;
  const family = createFamily({ network: presetNetwork(spec), samples, factor: 1 / (2 * samples) });
  const data = { x: normals("kernel x", samples * 8), y: new Float64Array(samples * 2) };
  const theta = initialise(
    presetNetwork(spec).layout,
    { kind: "kaiming-uniform", a: Math.sqrt(5), bias: "uniform" },
    random.split("init"),
  );
  const spectra = [];
  for (const mode of [modes.float64, modes.mixed]) {
    const engine = await createEngine(mode);
    const { compile } = await createProblem(engine, family, data);
    const kernel = createTangentKernel({ family, compile, data });
    const found = await denseSpectrum(kernel, { theta, pieces: null, held: [] }, data.y, {
      method: "svd",
      vectors: false,
      gram: false,
    });
    spectra.push(found.values);
    await engine.dispose();
  }
  const [double, single] = spectra;
  row(["λ/λ_max", "relative error of λ"]);
  row(["---", "---"]);
  let shown = Infinity;
  double.forEach((value, k) => {
    const share = value / double[0];
    if (share > shown / 10 && k !== double.length - 1) return;
    shown = share;
    row([share.toExponential(1), Math.abs(single[k] / value - 1).toExponential(1)]);
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await benchFloat32(process.argv[2] ?? "wasm");
