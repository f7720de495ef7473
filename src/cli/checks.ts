/** The checks of `gradflow doctor`: each part of the program is made to do a little of its work. */
import { availableParallelism, cpus } from "node:os";
import type { Dtype, Engine } from "../engine/engine.js";
import type { EngineSpec } from "../engine/index.js";
import { createFamily, presetNetwork } from "../model/index.js";

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** An engine that most installations do without: absent is no fault. */
  readonly optional: boolean;
  /** What was found: a version, a measured error, or the reason of a failure. */
  readonly found: string;
  /** What to do; null where all is well. */
  readonly remedy: string | null;
}

/** engines.node of package.json. */
const OLDEST_NODE = [20, 19] as const;
const REINSTALL = "reinstall with npm ci";
/** Engines agree with the reference to these relative errors on the probe; rounding alone is far below. */
const AGREEMENT: Readonly<Record<Dtype, number>> = { float64: 1e-12, float32: 1e-5 };

/** Runs all checks. Never throws. */
export async function runChecks(): Promise<Check[]> {
  return [
    checkNode(),
    {
      name: "processors",
      ok: true,
      optional: false,
      found: `${availableParallelism()} (${cpus()[0]?.model.trim() ?? "unknown"})`,
      remedy: null,
    },
    await attempt("engine reference", REINSTALL, async () => {
      const { createReferenceEngine } = await import("../engine/reference.js");
      const engine = createReferenceEngine();
      const gradient = await probe(engine);
      const slope = await differenceQuotient(engine);
      return agree(gradient, slope, 1e-7, "float64, gradient against central differences");
    }),
    await checkOnnx("float64"),
    await checkOnnx("float32"),
    await checkCuda("float64"),
    await checkCuda("float32"),
    ...(await checkTfjs()),
    await attempt("figures", REINSTALL, async () => {
      const { measureText, renderPng, renderSvg } = await import("../figure/render.js");
      const svg = await renderSvg({
        data: { values: [{ t: 1, loss: 2 }] },
        mark: "point",
        encoding: { x: { field: "t", type: "quantitative" } },
      });
      const png = renderPng(svg);
      if (measureText("θ", 12) <= 0) throw new Error("the DejaVu fonts have no letters");
      return `vega, resvg and DejaVu fonts; drew a PNG of ${png.length} bytes`;
    }),
  ];
}

function checkNode(): Check {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const ok = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  const remedy = ok ? null : `gradflow needs Node ${OLDEST_NODE.join(".")} or newer: https://nodejs.org`;
  return {
    name: "node",
    ok,
    optional: false,
    found: `${process.version} ${process.platform}-${process.arch}`,
    remedy,
  };
}

function checkOnnx(dtype: Dtype): Promise<Check> {
  const remedy = `${REINSTALL}; until then set engine: { kind: reference } in the study (slow). onnxruntime-node has binaries for Linux (glibc), macOS and Windows`;
  return attempt(`engine onnx ${dtype}`, remedy, () => tryEngine({ kind: "onnx", dtype, threads: 1 }));
}

async function checkCuda(dtype: Dtype): Promise<Check> {
  const { installCuda } = await import("../engine/onnx/cuda.js");
  const name = `engine onnx:cuda ${dtype}`;
  return attempt(
    name,
    installCuda,
    () => tryEngine({ kind: "onnx", device: "cuda", dtype, threads: 1 }),
    true,
  );
}

/** The backends of TensorFlow.js, best first. */
async function checkTfjs(): Promise<Check[]> {
  const { tfjsBackends } = await import("../engine/tfjs/backends.js");
  const { installCommand } = await import("../engine/tfjs/runtime.js");
  const checks: Check[] = [];
  for (const backend of tfjsBackends) {
    const work = () => tryEngine({ kind: "tfjs", backend, state: "resident", threads: 1 });
    checks.push(await attempt(`engine tfjs:${backend}`, installCommand[backend], work, true));
  }
  return checks;
}

async function tryEngine(spec: EngineSpec): Promise<string> {
  const { createEngine } = await import("../engine/index.js");
  const engine = await createEngine(spec);
  try {
    const expected = await probe(await createEngine({ kind: "reference" }));
    const agreement = agree(
      await probe(engine),
      expected,
      AGREEMENT[engine.dtype],
      "gradient against reference",
    );
    return `${engine.description}; ${agreement}`;
  } finally {
    await engine.dispose();
  }
}

async function attempt(
  name: string,
  remedy: string,
  work: () => Promise<string>,
  optional = false,
): Promise<Check> {
  try {
    return { name, ok: true, optional, found: await work(), remedy: null };
  } catch (error) {
    const [reason = ""] = (error instanceof Error ? error.message : String(error)).split("\n", 1);
    // The remedy stands on a line of its own.
    return { name, ok: false, optional, found: reason.split(" Install it with:")[0]!, remedy };
  }
}

/** The probe: a 2-3-1 tanh network on two samples. */
const THETA = Float64Array.from({ length: 13 }, (_, i) => Math.sin(i + 1) / 2);
const BOUND = { x: Float64Array.of(0.5, -1, 1.5, 0.25), y: Float64Array.of(1, -0.5) };

function probeFamily() {
  const activation = { kind: "tanh" } as const;
  const spec = {
    kind: "dnn",
    inputDimension: 2,
    hidden: [3],
    outputDimension: 1,
    bias: true,
    activation,
  } as const;
  return createFamily({ network: presetNetwork(spec), samples: 2, factor: 0.25 });
}

async function probe(engine: Engine): Promise<Float64Array> {
  const program = await engine.compile(probeFamily().lossGradient("free"), BOUND);
  return (await program.run({ theta: THETA }))["gradient"]!.slice();
}

async function differenceQuotient(engine: Engine): Promise<Float64Array> {
  const program = await engine.compile(probeFamily().loss(), BOUND);
  const loss = async (i: number, shift: number) =>
    (await program.run({ theta: THETA.map((value, k) => (k === i ? value + shift : value)) }))["loss"]![0]!;
  const h = 1e-5;
  const out = new Float64Array(THETA.length);
  for (let i = 0; i < out.length; i++) out[i] = ((await loss(i, h)) - (await loss(i, -h))) / (2 * h);
  return out;
}

function agree(found: Float64Array, expected: Float64Array, tolerance: number, what: string): string {
  const norm = (v: Float64Array) => Math.hypot(...v);
  const error = norm(found.map((value, i) => value - expected[i]!)) / norm(expected);
  if (!(error <= tolerance))
    throw new Error(`${what} is off by ${error.toExponential(1)}, more than ${tolerance}`);
  return `${what} within ${error.toExponential(1)}`;
}
