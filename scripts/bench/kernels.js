// (e) A product with the tangent kernel against one gradient; (f) the dense kernel against JAX's on this machine.
import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeNpy } from "../../dist/data/npy.js";
import { createOnnxEngine } from "../../dist/engine/index.js";
import { createTangentKernel } from "../../dist/ntk/index.js";
import { interleave, large, makeProblem, normals } from "./study.js";

/** 100-100-100-10 tanh on 100 samples: nM = 1 000, P = 21 210. */
export const dense = { widths: [100, 100, 100, 10], samples: 100, activation: { kind: "tanh" } };

export async function benchKernels(threads) {
  const engine = createOnnxEngine({ dtype: "float64", threads });
  const { problem, theta0 } = await makeProblem(engine, large);
  const kernelOf = ({ family, compile }, data) =>
    createTangentKernel({ family, compile: (graph, bound = {}) => compile(graph, bound), data });
  const dataOf = ({ widths, samples }) => ({
    x: normals("x", samples * widths[0]),
    y: normals("y", samples * widths.at(-1)),
  });
  const kernel = kernelOf(problem, dataOf(large));
  const operator = await kernel.operator({ theta: theta0, pieces: null, held: [] });
  const gradient = new Float64Array(theta0.length);
  const v = normals("v", kernel.size);
  const out = new Float64Array(kernel.size);
  const runs = [
    { run: () => problem.lossGradient(theta0, gradient), calls: 3 },
    { run: () => operator.apply(v, out), calls: 3 },
  ];
  await interleave(runs, 2);
  const [gradients, products] = await interleave(runs, 15);

  const small = await makeProblem(engine, dense);
  const data = dataOf(dense);
  const full = kernelOf(small.problem, data);
  const state = { theta: small.theta0, pieces: null, held: [] };
  const forms = ["layer-product", "rows"].map((form) => ({ run: () => full.gram(state, form), calls: 1 }));
  await interleave(forms, 1);
  const [layered, rows] = await interleave(forms, 7);
  const jax = await timeJax(data, small.theta0, await full.gram(state, "layer-product"), threads);
  await engine.dispose();
  return {
    ratio: products[0] / gradients[0],
    productSeconds: products[0],
    layerProductSeconds: layered[0],
    rowsSeconds: rows[0],
    jax,
  };
}

/** Seconds of JAX's kernel, per sample by vmap(jacrev) and JJᵀ, jitted; null where JAX is not installed ($PYTHON names another python). */
async function timeJax(data, theta, gram, threads) {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-bench-"));
  try {
    await writeNpy(join(folder, "x.npy"), data.x, [dense.samples, dense.widths[0]]);
    await writeNpy(join(folder, "theta.npy"), theta, [theta.length]);
    const size = dense.samples * dense.widths.at(-1);
    await writeNpy(join(folder, "gram.npy"), gram, [size, size]);
    const script = fileURLToPath(new URL("jax-kernel.py", import.meta.url));
    const { status, stdout, stderr } = spawnSync(
      process.env.PYTHON ?? "python3",
      [script, folder, dense.widths.join("-")],
      {
        encoding: "utf8",
        env: { ...process.env, OMP_NUM_THREADS: String(threads) },
      },
    );
    if (status === null || status === 3) return null;
    if (status !== 0) throw new Error(`jax-kernel.py failed: ${stderr}`);
    return JSON.parse(stdout);
  } finally {
    await rm(folder, { recursive: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url))
  console.log(await benchKernels(Number(process.argv[2] ?? 2)));
