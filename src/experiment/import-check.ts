/**
 * Whether gradflow makes of an ONNX file what ONNX Runtime makes of it: outputs on random inputs, at the file's parameters and at moved ones,
 * and the derivative of a loss along a random direction. In float64 on the CPU, whatever the study's engine is.
 */
import {
  createEngine,
  type ModelInput,
  type ModelSession,
  modelRuntime,
  openModel,
} from "../engine/index.js";
import { ConfigError } from "../errors.js";
import {
  createFamily,
  type ImportOptions,
  importModel,
  type Network,
  writeParameter,
} from "../model/index.js";
import { type FloatType, type Model, OnnxError, readOnnx, recast } from "../onnx/index.js";
import { createRandom, type Random } from "../random.js";
import type { ImportCheckResult } from "../record/import-check.js";

export interface CheckedFile {
  readonly bytes: Uint8Array;
  readonly model: Model;
  readonly options: Pick<ImportOptions, "trainable" | "output" | "inputShape">;
  /** Samples one after another; random inputs stay between the extremes of each entry. Null: between −1 and 1. */
  readonly inputs: Float64Array | null;
  readonly threads: number;
}

/** [n, M], row-major. */
type Evaluate = (theta: Float64Array, x: Float64Array) => Promise<Float64Array>;

/** Random inputs, where the file leaves their number open. */
const SAMPLES = 3;
/** How far parameters are moved, in parts of the root mean square of their tensor. */
const MOVE = 0.1;
/**
 * What rounding may come to, in roundoffs of the outputs or of their sensitivity to rounded parameters and inputs, whichever is larger. Sums of
 * thousands of terms, and the runtime's approximations of exp, erf and tanh in float32, come to about a hundred.
 */
const ROUNDINGS = 1000;
const ROUNDOFF: { readonly [K in FloatType]: number } = { float32: 2 ** -24, float64: 2 ** -53 };
/** Of difference quotients: the smaller, the less likely a kink lies within one, and the more of it is rounding. */
const STEPS = [2 ** -9, 2 ** -14, 2 ** -19, 2 ** -24] as const;
/** Relative error of a derivative that is one. */
const DERIVATIVE = 1e-5;

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
  const batch = batchOf(model);
  const samples = batch === null ? SAMPLES : network.coupled || batch >= SAMPLES ? batch : SAMPLES * batch;
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
      const limit = ROUNDOFF[precision];
      try {
        const session = await openModel(recast(file.bytes, model, precision, namesOf(network)), threads);
        try {
          const theirs = evaluating(session, file, network, precision, batch ?? samples);
          const differences: number[] = [];
          for (const theta of [own, moved])
            differences.push(await differenceAt(ours, theirs, theta, x, precision, random.split("rounding")));
          const difference = Math.max(...differences);
          if (Number.isNaN(difference)) {
            reasons.push(`${precision}: outputs of the runtime on random inputs are not finite`);
            continue;
          }
          return {
            ...{ ...found, precision, difference, allowed: ROUNDINGS * limit },
            runtimeDerivative: precision === "float64" ? await along(theirs) : null,
            reason: reasons.length === 0 ? null : reasons.join("; "),
          };
        } finally {
          await session.dispose();
        }
      } catch (error) {
        reasons.push(`${precision}: ${firstLine(error)}`);
      }
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

/** The number of samples that the file fixes. */
function batchOf({ inputs }: Model): number | null {
  const first = inputs[0]?.shape?.[0];
  return typeof first === "number" ? first : null;
}

/** Uniform between the extremes of each entry of the data, whole where all of them are; numbers that float32 has too. */
function drawInputs(
  { inputShape, tokens }: Network,
  samples: number,
  given: Float64Array | null,
  random: Random,
): Float64Array {
  const width = inputShape.reduce((p, q) => p * q, 1);
  const most = Math.min(...tokens.map((use) => use.tokens - 1));
  const low = new Float64Array(width).fill(tokens.length > 0 ? 0 : -1);
  const high = new Float64Array(width).fill(tokens.length > 0 ? most : 1);
  const isWhole = new Uint8Array(width).fill(tokens.length > 0 ? 1 : 0);
  if (given !== null) {
    if (given.length === 0 || given.length % width !== 0 || !given.every(Number.isFinite))
      throw new ConfigError([
        {
          path: "inputs",
          message: `must be finite numbers, ${width} for each of one sample or more; got ${given.length}${given.every(Number.isFinite) ? "" : ", not all of them finite"}`,
        },
      ]);
    low.fill(Number.POSITIVE_INFINITY);
    high.fill(Number.NEGATIVE_INFINITY);
    isWhole.fill(1);
    given.forEach((value, i) => {
      const at = i % width;
      low[at] = Math.min(low[at]!, value);
      high[at] = Math.max(high[at]!, value);
      if (!Number.isInteger(value)) isWhole[at] = 0;
    });
  }
  return Float64Array.from({ length: samples * width }, (_, i) => {
    const [from, to] = [low[i % width]!, high[i % width]!];
    const drawn = random.uniform();
    return isWhole[i % width] === 1
      ? from + Math.floor(drawn * (to - from + 1))
      : Math.fround(from + drawn * (to - from));
  });
}

/** Normal numbers, of each tensor in its own scale; of one of zeros in that of all. */
function drawDirection({ layout, start }: Network, random: Random): Float64Array {
  const theta = start as Float64Array;
  const direction = new Float64Array(theta.length);
  const all = rms(theta) || 1;
  for (const { offset, size } of layout.parameters) {
    const scale = MOVE * (rms(theta.subarray(offset, offset + size)) || all);
    for (let i = offset; i < offset + size; i++) direction[i] = scale * random.normal();
  }
  return direction;
}

const namesOf = ({ layout }: Network): ReadonlySet<string> =>
  new Set(layout.parameters.map(({ name }) => name));

/** The file by the runtime, `batch` samples at a time. */
function evaluating(
  session: ModelSession,
  { model, options }: CheckedFile,
  { layout, imported, inputShape }: Network,
  precision: FloatType,
  batch: number,
): Evaluate {
  const [input] = model.inputs;
  const { name, elementType } = input as Model["inputs"][number];
  const isFloat = elementType === null || /float/.test(elementType);
  const type = (isFloat ? precision : elementType) as ModelInput["type"];
  const output = options.output ?? (model.outputs[0] as Model["outputs"][number]).name;
  return async (theta, x) => {
    const feeds: Record<string, ModelInput> = {};
    for (const parameter of layout.parameters) {
      const { shape, transposed } = imported!.arrays[parameter.name]!;
      const numbers = writeParameter(theta, parameter, transposed ? "torch" : "gradflow");
      feeds[parameter.name] = { type: precision, shape, numbers };
    }
    const width = inputShape.reduce((p, q) => p * q, 1);
    const parts: Float64Array[] = [];
    for (let at = 0; at < x.length; at += batch * width)
      parts.push(
        await session.run(
          {
            ...feeds,
            [name]: { type, shape: [batch, ...inputShape], numbers: x.subarray(at, at + batch * width) },
          },
          output,
        ),
      );
    return Float64Array.from(parts.flatMap((part) => [...part]));
  };
}

/**
 * The largest difference of an output, over the largest output or over how far roundoffs of parameters and inputs move one, a roundoff taken
 * for one, whichever is larger. NaN where theirs are not finite; infinite where ours alone are not.
 */
async function differenceAt(
  ours: Evaluate,
  theirs: Evaluate,
  theta: Float64Array,
  x: Float64Array,
  precision: FloatType,
  random: Random,
): Promise<number> {
  // The very numbers that the runtime gets.
  const given = precision === "float32" ? theta.map(Math.fround) : theta;
  const [mine, other] = [await ours(given, x), await theirs(given, x)];
  const unit = ROUNDOFF.float32;
  const jitter = (value: number): number => value * (1 + (random.uniform() < 0.5 ? -unit : unit));
  const near = given.slice();
  for (let i = 0; i < near.length; i++) near[i] = jitter(near[i]!);
  const rounded = await ours(
    near,
    x.map((value) => (Number.isInteger(value) ? value : jitter(value))),
  );
  const largest = (values: Float64Array): number =>
    values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const between = (values: Float64Array): number => largest(values.map((value, i) => value - mine[i]!));
  if (mine.length !== other.length) return Number.POSITIVE_INFINITY;
  if (!other.every(Number.isFinite)) return Number.NaN;
  if (!mine.every(Number.isFinite)) return Number.POSITIVE_INFINITY;
  const difference = between(other);
  return difference === 0 ? 0 : difference / Math.max(largest(mine), between(rounded) / unit);
}

/**
 * |g·v − dL/dv| over √Σ(g_i v_i)², the derivative by difference quotients of second order, extrapolated. Null where they do not settle: kinks or
 * rounding in all of them. A difference that rounding of the loss explains is none: where all is saturated, the loss is constant to rounding.
 */
export async function derivativeError(
  loss: (theta: Float64Array) => Promise<number>,
  theta: Float64Array,
  direction: Float64Array,
  gradient: Float64Array,
): Promise<number | null> {
  const terms = gradient.slice();
  let expected = 0;
  for (let i = 0; i < terms.length; i++) expected += terms[i]! *= direction[i]!;
  const scale = rms(terms) * Math.sqrt(terms.length);
  let size = 0;
  const quotient = async (h: number): Promise<number> => {
    const [up, down] = [await loss(add(theta, h, direction)), await loss(add(theta, -h, direction))];
    size = Math.max(size, up, down);
    return (up - down) / (2 * h);
  };
  // Over the scale at the end alone: a gradient of zeros beside a loss that moves is an error, not rounding.
  let best: { apart: number; spread: number } | null = null;
  for (const h of STEPS) {
    const [wide, narrow] = [await quotient(h), await quotient(h / 2)];
    const apart = Math.abs((4 * narrow - wide) / 3 - expected);
    const spread = Math.abs(wide - narrow);
    const rounding = (ROUNDINGS * 2 * ROUNDOFF.float64 * size) / h;
    if (rounding >= DERIVATIVE * scale && apart <= rounding) continue;
    if (best === null || Math.max(apart, spread) < Math.max(best.apart, best.spread))
      best = { apart, spread };
    if (apart < (DERIVATIVE / 10) * scale) return apart / scale;
  }
  if (best === null) return null;
  const { apart, spread } = best;
  return apart <= DERIVATIVE * scale || apart > 10 * spread ? apart / scale : null;
}

// Loops: a network may have millions of parameters.
function add(theta: Float64Array, factor: number, direction: Float64Array): Float64Array {
  const out = theta.slice();
  for (let i = 0; i < out.length; i++) out[i]! += factor * direction[i]!;
  return out;
}

function rms(values: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]! ** 2;
  return Math.sqrt(sum / values.length);
}

const firstLine = (error: unknown): string => (error as Error).message.split("\n", 1)[0] as string;
