/** The dataset part of the config: names, ranges and texts. Loading and drawing are the business of data/. */
import { z } from "zod";
import { classFields, commonFields, normalisation, sources, subset } from "../data/sources/index.js";
import { teacherSchema } from "./schema-network.js";

const positive = z.number().positive();
const count = z.int().min(1);
const path = z.string().min(1);

const shape = {
  samples: count.describe("Number of samples n."),
  inputDimension: count.exactOptional().describe("Input dimension N; or give inputShape."),
  inputShape: z
    .array(count)
    .min(1)
    .exactOptional()
    .describe("Shape of one sample's input, for instance [channels, height, width]; or give inputDimension."),
  outputDimension: count.describe("Output dimension M."),
};

const labelScale = z.number().nonnegative().default(1).describe("Standard deviation of the normal labels.");

const graph = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: z
        .literal("nearest-neighbours")
        .describe("Two samples are joined if one is among the nearest of the other (Euclidean)."),
      neighbours: count.describe("How many neighbours; below the number of samples."),
    }),
    z.strictObject({
      kind: z.literal("file").describe("A list of edges."),
      edges: path.describe(
        "A .csv or .npy file of two columns: samples that are joined, counted from 0, each pair once or twice.",
      ),
    }),
  ])
  .exactOptional()
  .describe("The graph between the samples, for layers that need one.");

const split = z
  .strictObject({
    test: z
      .number()
      .positive()
      .describe(
        "How many samples are kept from training, drawn from the seed: a part of them if below 1, else their number.",
      ),
  })
  .exactOptional()
  .describe("Samples that are not trained on, for the measures accuracy and testLoss.");

const ownKinds = [
  z.strictObject({
    kind: z
      .literal("file")
      .describe("Inputs and targets from files: one sample per row, or one axis for a column."),
    inputs: path.describe(
      "An .npy or .csv file, n × N, relative to the config file; an .npy may have any number of axes, the samples first.",
    ),
    targets: path.describe(
      "An .npy or .csv file, n × M, relative to the config file; further axes of an .npy are flattened.",
    ),
    graph,
    split,
    header: z
      .boolean()
      .exactOptional()
      .describe(
        "Whether the first row of the .csv files is a header. Absent: it is where no cell is a number, and where it reads 0, 1, …, N − 1 and this cannot be a sample; a note says what was taken for what.",
      ),
    index: z
      .boolean()
      .exactOptional()
      .describe(
        "Whether the first column of the .csv files numbers or names the rows and is left out. Absent: where the header gives it no name.",
      ),
    samples: subset,
    areClasses: z
      .boolean()
      .exactOptional()
      .describe(
        "Whether the targets are class numbers from 0, one a sample. Absent: where classes or encoding is given; else they are taken as they are.",
      ),
    ...classFields,
    normalise: normalisation.exactOptional(),
  }),
  z.strictObject({
    kind: z.literal("uniform-ball").describe("Inputs uniform in a ball around 0, normal labels."),
    ...shape,
    radius: positive.default(1).describe("Radius of the ball."),
    labelScale,
    graph,
    split,
  }),
  z.strictObject({
    kind: z.literal("gaussian").describe("Normal inputs, normal labels."),
    ...shape,
    inputScale: positive.default(1).describe("Standard deviation of every input entry."),
    labelScale,
    graph,
    split,
  }),
  z.strictObject({
    kind: z.literal("teacher").describe("Labels from a network with random parameters."),
    ...shape,
    inputLaw: z
      .discriminatedUnion("kind", [
        z.strictObject({
          kind: z.literal("gaussian").default("gaussian").optional().describe("Normal inputs."),
          scale: positive.default(1).describe("Standard deviation of every input entry."),
        }),
        z.strictObject({
          kind: z.literal("uniform-ball").describe("Inputs uniform in a ball around 0."),
          radius: positive.default(1).describe("Radius of the ball."),
        }),
      ])
      .prefault({})
      .describe("The law of the inputs."),
    network: teacherSchema,
    labelNoise: z
      .number()
      .nonnegative()
      .default(0)
      .describe("Standard deviation of normal noise added to the labels."),
    graph,
    split,
  }),
] as const;

const own = z.discriminatedUnion("kind", ownKinds);

/** What data/sources declare; nothing but loading them knows their fields by name. */
const further = sources.map((source) =>
  z.strictObject({
    kind: z.literal(source.kind).describe(source.text),
    ...source.fields,
    ...commonFields(source),
    graph,
    split,
  }),
);

export const datasetSchema = (
  z.discriminatedUnion("kind", [...ownKinds, ...further]) as unknown as typeof own
).describe("The data: n samples of inputs in R^N and targets in R^M.");

/** Whether n, N and M are known from the config alone; of files and of other sources they are not. */
export function isDrawn<D extends { readonly kind?: string | undefined }>(
  dataset: D,
): dataset is Exclude<D, { kind: "file" }> {
  return ["uniform-ball", "gaussian", "teacher"].includes(dataset.kind ?? "");
}
