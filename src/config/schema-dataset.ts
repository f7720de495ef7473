/** The dataset part of the config: names, ranges and texts. Loading and drawing are the business of data/. */
import { z } from "zod";
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

export const datasetSchema = z
  .discriminatedUnion("kind", [
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
    }),
    z.strictObject({
      kind: z.literal("uniform-ball").describe("Inputs uniform in a ball around 0, normal labels."),
      ...shape,
      radius: positive.default(1).describe("Radius of the ball."),
      labelScale,
      graph,
    }),
    z.strictObject({
      kind: z.literal("gaussian").describe("Normal inputs, normal labels."),
      ...shape,
      inputScale: positive.default(1).describe("Standard deviation of every input entry."),
      labelScale,
      graph,
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
    }),
  ])
  .describe("The data: n samples of inputs in R^N and targets in R^M.");
