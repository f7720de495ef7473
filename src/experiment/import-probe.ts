/** What a check of an import computes: random inputs like the data, a random direction, the file by ONNX Runtime. */
import { type ModelInput, type ModelSession, openModel } from "../engine/index.js";
import { ConfigError } from "../errors.js";
import { type ImportOptions, type Network, writeParameter } from "../model/index.js";
import { type FloatType, type Model, recast } from "../onnx/index.js";
import type { Random } from "../random.js";
import { type Evaluate, rms } from "./import-errors.js";

export interface CheckedFile {
  readonly bytes: Uint8Array;
  readonly model: Model;
  readonly options: Pick<ImportOptions, "trainable" | "output" | "inputShape">;
  /** Samples one after another; random inputs stay between the extremes of each entry. Null: between −1 and 1. */
  readonly inputs: Float64Array | null;
  readonly threads: number;
}

/** Random inputs, where the file leaves their number open. */
const SAMPLES = 3;
/** How far parameters are moved, in parts of the root mean square of their tensor. */
const MOVE = 0.1;

/** How many samples the runtime takes at a time, and how many are tried: as many as the file fixes, or as often as makes some. */
export function batchesOf(model: Model, { coupled }: Network): { batch: number; samples: number } {
  const fixed = batchOf(model);
  if (fixed === null) return { batch: SAMPLES, samples: SAMPLES };
  return { batch: fixed, samples: coupled || fixed >= SAMPLES ? fixed : SAMPLES * fixed };
}

/** The number of samples that the file fixes. */
function batchOf({ inputs }: Model): number | null {
  const first = inputs[0]?.shape?.[0];
  return typeof first === "number" ? first : null;
}

/** Uniform between the extremes of each entry of the data, whole where all of them are; numbers that float32 has too. */
export function drawInputs(
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
export function drawDirection({ layout, start }: Network, random: Random): Float64Array {
  const theta = start as Float64Array;
  const direction = new Float64Array(theta.length);
  const all = rms(theta) || 1;
  for (const { offset, size } of layout.parameters) {
    const scale = MOVE * (rms(theta.subarray(offset, offset + size)) || all);
    for (let i = offset; i < offset + size; i++) direction[i] = scale * random.normal();
  }
  return direction;
}

/**
 * What `use` makes of the file as the runtime computes it in that precision, `batch` samples at a time.
 * @throws Error of the runtime where it cannot
 */
export async function withRuntime<T>(
  file: CheckedFile,
  network: Network,
  { precision, batch }: { readonly precision: FloatType; readonly batch: number },
  use: (evaluate: Evaluate) => Promise<T>,
): Promise<T> {
  const names = new Set(network.layout.parameters.map(({ name }) => name));
  const session = await openModel(recast(file.bytes, file.model, precision, names), file.threads);
  try {
    return await use(evaluating(session, file, network, precision, batch));
  } finally {
    await session.dispose();
  }
}

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
