/**
 * The parts of the config that describe a network. Activations, layers and presets declare their own fields (model/); here they become
 * sections of the config, and field texts are the config reference.
 */
import { z } from "zod";
import {
  type ActivationSpec,
  activationSchema,
  type InitSpec,
  type LayerConfig,
  layerListSchema,
  PARAMETRISATIONS,
  type ParameterFormat,
  type Parametrisation,
  presets,
} from "../model/index.js";

const finite = z.number();
const positive = z.number().positive();

type Options = [z.ZodObject, z.ZodObject, ...z.ZodObject[]];

const zerosByDefault = z
  .enum(["zeros", "uniform"])
  .default("zeros")
  .describe("Initial biases: zeros, or uniform on ±1/√fanIn.");

const drawn = [
  z.strictObject({
    kind: z
      .literal("kaiming-uniform")
      .default("kaiming-uniform")
      .optional()
      .describe("Uniform on ±√(2/(1 + a²))·√(3/fanIn)."),
    a: finite
      .default(Math.sqrt(5))
      .describe(
        "Negative slope in the gain √(2/(1 + a²)). The default √5 makes it ±1/√fanIn, PyTorch's nn.Linear.",
      ),
    bias: z
      .enum(["zeros", "uniform"])
      .default("uniform")
      .describe("Initial biases: zeros, or uniform on ±1/√fanIn (as nn.Linear does)."),
  }),
  z.strictObject({
    kind: z.literal("kaiming-normal").describe("Normal with standard deviation √(2/(1 + a²))/√fanIn."),
    a: finite.default(0).describe("Negative slope in the gain √(2/(1 + a²)); 0 is ReLU's."),
    bias: zerosByDefault,
  }),
  z.strictObject({
    kind: z.literal("xavier-uniform").describe("Uniform on ±gain·√(6/(fanIn + fanOut))."),
    gain: positive.default(1).describe("Factor on the range."),
    bias: zerosByDefault,
  }),
  z.strictObject({
    kind: z.literal("xavier-normal").describe("Normal with standard deviation gain·√(2/(fanIn + fanOut))."),
    gain: positive.default(1).describe("Factor on the standard deviation."),
    bias: zerosByDefault,
  }),
  z.strictObject({
    kind: z.literal("normal").describe("Normal with one standard deviation for all weights."),
    std: positive.describe("Standard deviation of the weights."),
    bias: zerosByDefault,
  }),
] as const;

/** Which way round a file has the weights of affine maps. */
const layout = z
  .enum(["gradflow", "torch"])
  .default("gradflow")
  .describe(
    "gradflow: arrays of our names (`layers.0.weight`, as `gradflow model` lists them), dense weights [in, out]. torch: a state_dict of the same architecture, dense weights [out, in]; its arrays are found by order and shape.",
  );
const path = z.string().min(1);

/** Parameters that come from somewhere. */
const stored = [
  z.strictObject({
    kind: z
      .literal("own")
      .describe(
        "The numbers that the network comes with: of `kind: onnx`, whose default it is, and of imported networks from code.",
      ),
  }),
  z.strictObject({
    kind: z.literal("file").describe("All parameters from a file."),
    path: path.describe(
      "An .npy of all parameters, flat: per layer weights [in, out] row-major, then bias [out]. Relative to the config file.",
    ),
  }),
  z.strictObject({
    kind: z.literal("safetensors").describe("Parameters by name from a .safetensors file."),
    path: path.describe("The file, relative to the config file."),
    layout,
  }),
  z.strictObject({
    kind: z.literal("npz").describe("Parameters by name from an .npz file, as numpy.savez writes it."),
    path: path.describe("The file, relative to the config file."),
    layout,
  }),
] as const;

export const initSchema = z
  .discriminatedUnion("kind", [...drawn, ...stored])
  .describe("The parameters at t = 0.");

/** Of one layer: drawn, not read. */
const layerInit = z
  .discriminatedUnion("kind", [...drawn])
  .exactOptional()
  .describe("Initial parameters of this layer and those within; absent: the network's.");

const layers = layerListSchema({ init: layerInit }).describe("The layers, first to last.") as z.ZodType<
  readonly LayerConfig[]
>;

const activation = activationSchema.prefault({ kind: "leaky-relu", slope: 0.01 });
const init = initSchema.prefault({});

/** Fields of every model, absent in most. */
const scaling = {
  parametrisation: z
    .enum(PARAMETRISATIONS)
    .exactOptional()
    .describe(
      "What stands between parameters and weights. ntk: weights are gain/√fanIn times parameters, biases biasFactor times theirs, and init draws from N(0, 1) unless it says otherwise. mean-field: the same, the last weights gain/fanIn times theirs. Absent: standard, nothing.",
    ),
  gain: positive.exactOptional().describe("Of ntk and mean-field; √2 keeps sizes behind ReLU. Absent: 1."),
  biasFactor: z.number().nonnegative().exactOptional().describe("β of ntk and mean-field. Absent: 1."),
  output: z
    .strictObject({
      scale: positive
        .default(1)
        .describe("α of F = αf: large is lazy, small is rich (training time goes with 1/α²)."),
      centred: z.boolean().default(false).describe("Whether F is α(f(θ) − f(θ₀)), which is 0 at the start."),
    })
    .exactOptional()
    .describe("What becomes of the network's outputs f. Absent: F = f."),
};

/** A model: what every kind has, and the fields of its own kind. */
export interface ModelConfig {
  readonly kind: string;
  /** Absent of an imported network. */
  readonly activation?: ActivationSpec;
  readonly init: InitConfig;
  readonly parametrisation?: Parametrisation["kind"];
  readonly gain?: number;
  readonly biasFactor?: number;
  readonly output?: { readonly scale: number; readonly centred: boolean };
  readonly [field: string]: unknown;
}

export type InitConfig =
  | InitSpec
  | { readonly kind: "own" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "safetensors" | "npz"; readonly path: string; readonly layout: ParameterFormat };

const presetOptions = presets.map((preset) =>
  z.strictObject({
    kind: z.literal(preset.kind).describe(preset.text),
    ...preset.fields,
    activation:
      preset.activation.kind === "leaky-relu" ? activation : activationSchema.prefault(preset.activation),
    init: preset.init === null ? init : initSchema.prefault(preset.init),
    ...scaling,
  }),
);

export const modelSchema = z
  .discriminatedUnion("kind", [
    ...presetOptions,
    z.strictObject({
      kind: z.literal("layers").describe("A list of layers; see [Layers](#layers)."),
      layers,
      activation,
      init,
      ...scaling,
    }),
    z.strictObject({
      kind: z
        .literal("onnx")
        .describe(
          "A network from an ONNX file, as PyTorch, JAX, Keras and scikit-learn write it; see [Your own network](onnx.md).",
        ),
      path: path.describe("The file, relative to the config file."),
      trainable: z
        .array(z.string().min(1))
        .min(1)
        .exactOptional()
        .describe(
          "Names of the initialisers that are trained, `*` for any letters. Absent: all of floating-point numbers that are no constants of an operator.",
        ),
      outputName: z
        .string()
        .min(1)
        .exactOptional()
        .describe("The output of the file that is the network's. Absent: its only one."),
      check: z
        .boolean()
        .exactOptional()
        .describe(
          "Whether the network is compared with what ONNX Runtime makes of the file, before the run. Absent: true.",
        ),
      init: initSchema.prefault({ kind: "own" }),
      output: scaling.output,
    }),
    z.strictObject({
      kind: z
        .literal("code")
        .describe("A network from a program ([From code](library.md)). Records have it, study files cannot."),
      graph: z.string().describe("SHA-256 of its parameters and operations."),
      activation,
      init,
      output: scaling.output,
    }),
  ] as unknown as Options)
  .describe("The network.") as unknown as z.ZodType<ModelConfig>;

/** The teacher of a dataset: a fully connected network. */
export const teacherSchema = z
  .strictObject({
    hidden: z
      .array(z.int().min(1))
      .describe("Widths of the hidden layers, first to last. [] is one affine layer."),
    bias: z.boolean().default(true).describe("Whether the layers have biases."),
    activation,
    init,
  })
  .describe("The fully connected network that makes the labels.");
