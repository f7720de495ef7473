/**
 * The parts of the config that describe a network: activation, initial parameters, layers. Field texts here
 * are the config reference. Knows names and ranges only; what they compute is the business of model/.
 */
import { z } from "zod";

const finite = z.number();
const positive = z.number().positive();
const width = z.int().min(1);
const slope = z.number().nonnegative().lt(1);

const plain = <const K extends string>(kind: K, text: string) =>
  z.strictObject({ kind: z.literal(kind).describe(text) });

export const activationSchema = z
  .discriminatedUnion("kind", [
    plain("identity", "σ(z) = z: the network is linear in its inputs."),
    z.strictObject({
      kind: z.literal("leaky-relu").describe("σ(z) = z for z ≥ 0, slope·z otherwise."),
      slope: slope.default(0.01).describe("Slope for z < 0."),
    }),
    plain("relu", "σ(z) = max(z, 0)."),
    plain("tanh", "σ(z) = tanh z."),
    plain("sigmoid", "σ(z) = 1/(1 + e^{−z})."),
    z.strictObject({
      kind: z.literal("prelu").describe("Leaky ReLU whose slope is trained."),
      slope: slope.default(0.25).describe("Slope for z < 0 at the start."),
    }),
    plain("abs", "σ(z) = |z|."),
    plain("hard-tanh", "σ(z) = min(max(z, −1), 1)."),
    plain("hard-sigmoid", "σ(z) = min(max(z/6 + 1/2, 0), 1)."),
    plain("relu6", "σ(z) = min(max(z, 0), 6)."),
    plain("squared-relu", "σ(z) = max(z, 0)²."),
    z.strictObject({
      kind: z.literal("piecewise-polynomial").describe("A polynomial on each interval between breakpoints."),
      breakpoints: z.array(finite).min(1).describe("Breakpoints, ascending."),
      coefficients: z
        .array(z.array(finite).min(1))
        .min(2)
        .describe(
          "One list per piece, from left to right: coefficients of 1, z, z², …; continuous at every breakpoint.",
        ),
    }),
  ])
  .describe("The activation σ of the hidden layers.");

const zerosByDefault = z
  .enum(["zeros", "uniform"])
  .default("zeros")
  .describe("Initial biases: zeros, or uniform on ±1/√fanIn.");

export const initSchema = z
  .discriminatedUnion("kind", [
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
    z.strictObject({
      kind: z.literal("file").describe("All parameters from a file."),
      path: z
        .string()
        .min(1)
        .describe(
          "An .npy of all parameters, flat: per layer weights [in, out] row-major, then bias [out]. Relative to the config file.",
        ),
    }),
  ])
  .describe("The parameters at t = 0.");

/** The fields that every network has; `kind` is added by the model. */
const networkFields = {
  hidden: z.array(width).describe("Widths of the hidden layers, first to last. [] is one affine layer."),
  bias: z.boolean().default(true).describe("Whether the layers have biases."),
  activation: activationSchema.prefault({ kind: "leaky-relu" }),
  init: initSchema.prefault({}),
};

export const modelSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("dnn").describe("Fully connected: h_l = σ(W_l h_{l−1} + b_l), affine output."),
      ...networkFields,
    }),
    z.strictObject({
      kind: z
        .literal("resnet")
        .describe(
          "Residual: h_l = h_{l−1} + σ(W_l h_{l−1} + b_l), affine output. All hidden widths are equal; where they differ from the data's input dimension, an affine input layer comes first.",
        ),
      ...networkFields,
    }),
    z.strictObject({
      kind: z
        .literal("gcn")
        .describe(
          "Graph convolution: H_l = σ(Â H_{l−1} W_l + b_l), affine output Â H W + b, one node per sample.",
        ),
      ...networkFields,
      neighbours: z
        .int()
        .min(1)
        .default(10)
        .describe("k of the k-nearest-neighbour graph built from the inputs; below the number of samples."),
    }),
  ])
  .describe("The network.");

/** The teacher of a dataset: a fully connected network. */
export const teacherSchema = z
  .strictObject(networkFields)
  .describe("The fully connected network that makes the labels.");
