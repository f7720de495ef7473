// Imported networks: time and memory of reading a file of 25 MB, and their gradients beside those of the same network from layers.
// `npm run build && node scripts/bench/onnx.js`; half a minute of processor time, one engine thread. Times are those of the processor.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createOnnxEngine } from "../../dist/engine/index.js";
import { createFamily, defineNetwork, importOnnx } from "../../dist/model/index.js";
import { attribute, elementType, encodeModel, valueInfo } from "../../dist/onnx/index.js";
import { median, normals } from "./study.js";
import { table } from "./table.js";

/** Widths of ReLU networks, samples, pairs of timings and the calls in each. */
const NETWORKS = [
  { widths: [784, 2048, 2048, 400, 10], samples: 20, pairs: 15, calls: 1 },
  { widths: [500, 250, 250, 50], samples: 1000, pairs: 41, calls: 3 },
  { widths: [10, 20, 20, 2], samples: 50, pairs: 41, calls: 200 },
];

/** As PyTorch writes an MLP in float32: weights [out, in], Gemm with transB. */
function encodeMlp(widths) {
  const layers = widths.slice(1).map((out, k) => ({ k, out, into: widths[k] }));
  const bytes = (name, size, scale) =>
    new Uint8Array(Float32Array.from(normals(name, size), (value) => value * scale).buffer);
  const tensor = (name, dims, scale) => {
    const size = dims.reduce((p, q) => p * q);
    return { name, dims, data_type: elementType.float32, raw_data: bytes(name, size, scale) };
  };
  return encodeModel({
    name: "mlp",
    input: [valueInfo("x", elementType.float32, [1, widths[0]])],
    output: [valueInfo(`z${layers.length - 1}`, elementType.float32, [1, widths.at(-1)])],
    initializer: layers.flatMap(({ k, out, into }) => [
      tensor(`${k}.weight`, [out, into], (2 / into) ** 0.5),
      tensor(`${k}.bias`, [out], 0.1),
    ]),
    node: layers.flatMap(({ k }) => [
      {
        input: [k === 0 ? "x" : `a${k - 1}`, `${k}.weight`, `${k}.bias`],
        output: [`z${k}`],
        op_type: "Gemm",
        attribute: [attribute("transB", 1)],
      },
      ...(k === layers.length - 1
        ? []
        : [{ input: [`z${k}`], output: [`a${k}`], op_type: "Relu", attribute: [] }]),
    ]),
  });
}

function layersOf(widths) {
  const layers = widths
    .slice(1)
    .flatMap((width, k) => [...(k === 0 ? [] : [{ kind: "activation" }]), { kind: "dense", width }]);
  return defineNetwork({ inputShape: [widths[0]], activation: { kind: "relu" }, layers });
}

/** Of the processor: other work on the machine disturbs it less than the clock. */
function cpuSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** Times gradients of both by turns. Returns the medians and the median of the ratios. */
async function timePairs(imported, { widths, samples, pairs, calls }) {
  const engine = createOnnxEngine({ dtype: "float64", threads: 1 });
  const data = { x: normals("x", samples * widths[0]), y: normals("y", samples * widths.at(-1)) };
  const programs = [];
  for (const network of [imported, layersOf(widths)]) {
    const graph = createFamily({ network, samples, factor: 0.5 }).lossGradient("free");
    programs.push(await engine.compile(graph, data));
  }
  const gradients = [];
  const time = async (which) => {
    const begin = cpuSeconds();
    for (let k = 0; k < calls; k++)
      gradients[which] = (await programs[which].run({ theta: imported.start })).gradient;
    return (1000 * (cpuSeconds() - begin)) / calls;
  };
  for (let k = 0; k < 3; k++) for (const which of [0, 1]) await time(which);
  const times = [[], []];
  for (let k = 0; k < pairs; k++)
    for (const which of k % 2 === 0 ? [0, 1] : [1, 0]) times[which].push(await time(which));
  const same = gradients[0].every((value, i) => Object.is(value, gradients[1][i]));
  await engine.dispose();
  return {
    same,
    milliseconds: times.map(median),
    ratio: median(times[0].map((own, k) => own / times[1][k])),
  };
}

/** In a process of its own: what reading the file takes, beside the program itself. */
function measureImport(file) {
  const before = process.resourceUsage().maxRSS;
  const begin = cpuSeconds();
  const { layout } = importOnnx(file);
  const seconds = cpuSeconds() - begin;
  const megabytes = (process.resourceUsage().maxRSS - before) / 1000;
  console.log(JSON.stringify({ seconds, megabytes, parameters: layout.size }));
}

async function bench() {
  const folder = mkdtempSync(join(tmpdir(), "gradflow-onnx-"));
  try {
    const rows = [];
    for (const network of NETWORKS) {
      const file = join(folder, "net.onnx");
      writeFileSync(file, encodeMlp(network.widths));
      const own = spawnSync(process.execPath, [fileURLToPath(import.meta.url), file], { encoding: "utf8" });
      const { seconds, megabytes } = JSON.parse(own.stdout);
      const { same, milliseconds, ratio } = await timePairs(importOnnx(file), network);
      rows.push([
        network.widths.join("-"),
        `${network.samples}`,
        `${(statSync(file).size / 1e6).toFixed(1)} MB`,
        `${seconds.toFixed(2)} s`,
        `${megabytes.toFixed(0)} MB`,
        ...milliseconds.map((value) => `${value.toPrecision(3)} ms`),
        `${ratio.toFixed(3)}`,
        same ? "to the last bit" : "no",
      ]);
    }
    const header = [
      "network",
      "samples",
      "file",
      "import",
      "memory",
      "gradient",
      "from layers",
      "ratio",
      "equal",
    ];
    console.log(table(header, rows));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

if (process.argv[2] === undefined) await bench();
else measureImport(process.argv[2]);
