/** What a source of data is: its fields as a config has them, the files it reads, and how its samples are had. A new one is one file and one registry line. */
import { z } from "zod";
import { ConfigError } from "../../errors.js";
import type { Random } from "../../random.js";
import { ENCODINGS, type Finish, MOST_CLASSES, NORMALISATIONS, type Samples } from "../samples.js";

export interface SourceContext {
  /** The folder that relative file names start from. */
  readonly baseDir: string;
  readonly random: Random;
  /** Bytes of memory that numbers of files may take; absent: any. */
  readonly room?: number | undefined;
}

export interface Source {
  readonly kind: string;
  /** One or two sentences for the config reference. */
  readonly text: string;
  readonly fields: z.ZodRawShape;
  /** Fields that name files; each a path or a list of paths. */
  readonly files: readonly string[];
  /** Whether its labels are classes, which can be chosen and encoded. */
  readonly hasClasses: boolean;
  readonly normalise: Finish["normalise"];
  /** How many numbers the inputs that it draws are; 0 where files say that. */
  numbers(spec: never): number;
  load(spec: never, context: SourceContext): Promise<Samples> | Samples;
}

/** A source, its fields typed by their schema. */
export function defineSource<const F extends z.ZodRawShape>(source: {
  readonly kind: string;
  readonly text: string;
  readonly fields: F;
  readonly files?: readonly string[];
  readonly hasClasses: boolean;
  readonly normalise?: Finish["normalise"];
  /** Default: samples times input dimension, or times the two coordinates of a plane. */
  readonly numbers?: (spec: z.output<z.ZodObject<F>>) => number;
  readonly load: (spec: z.output<z.ZodObject<F>>, context: SourceContext) => Promise<Samples> | Samples;
}): Source {
  return { files: [], normalise: "none", numbers: drawnNumbers, ...source } as Source;
}

function drawnNumbers(spec: { readonly samples?: number; readonly inputDimension?: number }): number {
  return (spec.samples ?? 0) * (spec.inputDimension ?? 2);
}

export const count = z.int().min(1);
export const positive = z.number().positive();
export const path = z.string().min(1);
export const samples = count.describe("Number of samples n.");
export const dimension = count.describe("Input dimension N.");
/** Of sources that have more samples than a study may want. */
export const subset = count
  .exactOptional()
  .describe("How many samples, drawn from the seed; they keep their order. Absent: all.");
export const noise = (of: string) =>
  z.number().nonnegative().default(0).describe(`Standard deviation of normal noise added to the ${of}.`);

/** Whether `samples` chooses from what a source has; of the others it is how many are drawn. */
export function isSubset({ fields }: Source): boolean {
  return fields["samples"] === subset;
}

/** Of sources whose labels are classes. */
export const classFields = {
  classes: z
    .array(z.int().nonnegative())
    .min(1)
    .exactOptional()
    .describe("The classes that stay, in the order that they are numbered. Absent: all."),
  encoding: z
    .enum(ENCODINGS)
    .exactOptional()
    .describe(
      "How a class is written as a target. Absent: one-hot, a 1 in the column of its class. sign: −1 and +1 for the first and the second of two. index: its number from 0.",
    ),
};

export const normalisation = z
  .enum(NORMALISATIONS)
  .describe(
    "range: inputs over the largest that they can be, or are; features: each entry to mean 0 and variance 1 over the training samples; samples: each sample to norm 1.",
  );

/** The fields that every source has beside its own. */
export function commonFields({ hasClasses, normalise }: Source): z.ZodRawShape {
  return {
    ...(hasClasses && classFields),
    normalise: normalisation.default(normalise ?? "none"),
    flatten: z
      .boolean()
      .default(true)
      .describe(
        "Whether a sample is a list of numbers; false keeps its shape, for convolutions and sequences.",
      ),
  };
}

/** @throws ConfigError naming the file, for class numbers that are none */
export function classLabels(data: Float64Array, count: number | null, file: string): Float64Array {
  const end = count ?? MOST_CLASSES;
  const bad = data.findIndex((value) => !(Number.isInteger(value) && value >= 0 && value < end));
  if (bad >= 0)
    throw new ConfigError([
      {
        path: "",
        file,
        message: `label ${bad + 1} is ${data[bad]}; classes are whole numbers from 0 to ${end - 1}.`,
      },
    ]);
  return data;
}
