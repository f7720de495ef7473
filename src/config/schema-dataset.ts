/** The dataset part of the config: names, ranges and texts. Loading and drawing are the business of data/. */
import { z } from "zod";
import { teacherSchema } from "./schema-network.js";

const positive = z.number().positive();
const count = z.int().min(1);
const path = z.string().min(1);

const shape = {
  samples: count.describe("Number of samples n."),
  inputDimension: count.describe("Input dimension N."),
  outputDimension: count.describe("Output dimension M."),
};

const labelScale = z.number().nonnegative().default(1).describe("Standard deviation of the normal labels.");

export const datasetSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: z
        .literal("file")
        .describe("Inputs and targets from files: one sample per row, or one axis for a column."),
      inputs: path.describe("An .npy or .csv file, n × N, relative to the config file."),
      targets: path.describe("An .npy or .csv file, n × M, relative to the config file."),
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
    }),
    z.strictObject({
      kind: z.literal("gaussian").describe("Normal inputs, normal labels."),
      ...shape,
      inputScale: positive.default(1).describe("Standard deviation of every input entry."),
      labelScale,
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
    }),
  ])
  .describe("The data: n samples of inputs in R^N and targets in R^M.");
