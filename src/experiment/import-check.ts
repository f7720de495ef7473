/**
 * Whether gradflow makes of an ONNX file what ONNX Runtime makes of it: outputs on random inputs, at the file's parameters and at moved ones,
 * and the derivative of a loss along a random direction. In float64 on the CPU, whatever the study's engine is.
 */
import { createEngine, modelRuntime } from "../engine/index.js";
import { ConfigError } from "../errors.js";
import { createFamily, importModel } from "../model/index.js";
import { type Model, OnnxError, readOnnx } from "../onnx/index.js";
import { createRandom } from "../random.js";
import type { ImportCheckResult } from "../record/import-check.js";
import {
  add,
  DERIVATIVE,
  derivativeError,
  differenceAt,
  type Evaluate,
  ROUNDINGS,
  ROUNDOFF,
  rms,
} from "./import-errors.js";
import { batchesOf, type CheckedFile, drawDirection, drawInputs, withRuntime } from "./import-probe.js";

/**
 * On inputs like the data. Where these make a difference, once more between −1 and 1: data of another scale
 * saturates a sigmoid or a softmax, and there the runtime's are approximations that miss all digits (its double
 * Sigmoid is 0 below −36).
 * @throws OnnxError or LayerError where the file cannot be taken at all, ConfigError where the inputs are none
 */
export async function checkImport(file: CheckedFile): Promise<ImportCheckResult> {
  const found = await compare(file);
  const atData = disagreement(found);
  // What is no number of ours and one of the runtime's is no approximation.
  if (atData === null || file.inputs === null || found.difference === Number.POSITIVE_INFINITY) return found;
  const near = await compare({ ...file, inputs: null });
  const isCompared = near.difference !== null && (found.derivative === null || near.derivative !== null);
  return isCompared && disagreement(near) === null ? { ...near, atData } : found;
}

async function compare(file: CheckedFile): Promise<ImportCheckResult> {
  const { options, inputs, model, threads } = file;
  const nothing = {
    ...{ runtime: modelRuntime, precision: null, difference: null, allowed: null },
    ...{ derivative: null, runtimeDerivative: null },
  };
  const network = importModel(model, { ...options, attributes: "stored" });
  const random = createRandom(0).split("import");
  const { batch, samples } = batchesOf(model, network);
  const x = drawInputs(network, samples, inputs, random.split("x"));
  const own = network.start as Float64Array;
  const direction = drawDirection(network, random.split("direction"));
  const moved = add(own, 1, direction);
  const engine = await createEngine({ kind: "onnx", dtype: "float64", threads }).catch(firstLine);
  if (typeof engine === "string") return { ...nothing, samples, reason: engine };
  try {
    const family = createFamily({ network, samples, factor: 0.5 });
    const predict = await engine.compile(family.predict());
    const ours: Evaluate = async (theta, at) =>
      ((await predict.run({ theta, x: at }))["output"] as Float64Array).slice();
    const outputs = await ours(moved, x);
    const size = rms(outputs) || 1;
    const noise = random.split("y");
    const y = outputs.map((value) => value + size * noise.normal());
    const lossOf = (evaluate: Evaluate) => async (theta: Float64Array) =>
      (await evaluate(theta, x)).reduce((sum, value, i) => sum + (value - y[i]!) ** 2 / 2, 0);
    const { gradient } = await (await engine.compile(family.lossGradient("free"))).run({
      theta: moved,
      x,
      y,
    });
    const along = (evaluate: Evaluate) =>
      derivativeError(lossOf(evaluate), moved, direction, gradient as Float64Array);
    const found = { ...nothing, samples, derivative: await along(ours) };
    const reasons: string[] = [];
    for (const precision of ["float64", "float32"] as const) {
      const byRuntime = async (theirs: Evaluate) => {
        const differences: number[] = [];
        for (const theta of [own, moved])
          differences.push(await differenceAt(ours, theirs, theta, x, precision, random.split("rounding")));
        const difference = Math.max(...differences);
        if (Number.isNaN(difference))
          throw new Error("outputs of the runtime on random inputs are not finite");
        return { difference, runtimeDerivative: precision === "float64" ? await along(theirs) : null };
      };
      const compared = await withRuntime(file, network, { precision, batch }, byRuntime).catch(firstLine);
      if (typeof compared !== "string") {
        const reason = reasons.length === 0 ? null : reasons.join("; ");
        return { ...found, ...compared, precision, allowed: ROUNDINGS * ROUNDOFF[precision], reason };
      }
      reasons.push(`${precision}: ${compared}`);
    }
    return { ...found, reason: reasons.join("; ") };
  } finally {
    await engine.dispose();
  }
}

/**
 * The same of a file by its name, for programs that import it with the same options.
 * @throws ConfigError naming the file, or inputs and threads that are none, or LayerError naming the node, where it cannot be taken at all
 */
export async function checkOnnx(
  path: string,
  options: CheckedFile["options"] & Partial<Pick<CheckedFile, "inputs" | "threads">> = {},
): Promise<ImportCheckResult & { readonly disagreement: string | null }> {
  const { inputs = null, threads = 1, ...own } = options;
  if (!Number.isInteger(threads) || threads < 1)
    throw new ConfigError([
      { path: "threads", message: `must be a whole number from 1 up, got ${String(threads)}` },
    ]);
  try {
    const file = readOnnx(path);
    const found = await checkImport({ ...file, options: own, inputs, threads });
    const why = disagreement(found);
    return { ...found, disagreement: why === null ? null : `${why}${replacedIn(file.model)}` };
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    throw new ConfigError([{ path: "", message: `${error.message}.`, file: path }]);
  }
}

/** What of it shows that gradflow computes another network than the runtime; null where nothing does. */
export function disagreement(check: ImportCheckResult): string | null {
  const { difference, precision, derivative, runtimeDerivative, runtime, samples } = check;
  const show = (value: number): string => value.toExponential(1);
  // In double too: what the runtime has no kernel for it expands, and the constants of some expansions are float32.
  const allowed = ROUNDINGS * ROUNDOFF.float32;
  if (difference === Number.POSITIVE_INFINITY)
    return `on ${samples} random inputs its outputs are not finite numbers, or not as many, and those of ${runtime} (${precision}) are`;
  if (difference !== null && !(difference <= allowed))
    return `on ${samples} random inputs its outputs differ from those of ${runtime} (${precision}) by ${show(difference)} of the largest, and rounding allows ${show(allowed)}`;
  for (const [name, error] of [
    ["gradflow's own loss", derivative],
    [`the loss by ${runtime}`, runtimeDerivative],
  ] as const)
    if (error !== null && !(error <= DERIVATIVE))
      return `its gradient along a random direction differs from difference quotients of ${name} by ${show(error)} of itself`;
  return null;
}

/** What may be the cause in a file with functions in place of operators; empty else. */
export function replacedIn({ replaced }: Model): string {
  return replaced.length === 0
    ? ""
    : ` (the file has local functions named as operators of ONNX, ${replaced.join(", ")}; gradflow computes the functions, and the runtime may compute the operators: name them otherwise)`;
}

const firstLine = (error: unknown): string => (error as Error).message.split("\n", 1)[0] as string;
