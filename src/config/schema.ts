/**
 * The config: every field with its range, default and text. Knows nothing of files; positions and overrides
 * are in load.ts, constraints between fields in checks.ts.
 */
import { z } from "zod";
import { lossSchema } from "../model/index.js";
import { plainName } from "./names.js";
import { compareSchema } from "./schema-compare.js";
import { datasetSchema } from "./schema-dataset.js";
import { engineSchema } from "./schema-engine.js";
import { figureSchema } from "./schema-figure.js";
import { decaySchema, descentSchema, flowSchema, recordSchema } from "./schema-flow.js";
import { measureSchema } from "./schema-measure.js";
import { type InitConfig, type ModelConfig, modelSchema } from "./schema-network.js";
import { stabilitySchema } from "./schema-stability.js";
import { sweepSchema } from "./schema-sweep.js";

export const configSchema = z.strictObject({
  name: plainName(
    z
      .string()
      .max(100)
      .regex(
        /^[A-Za-z0-9_-][A-Za-z0-9._-]*$/,
        "must consist of letters, digits, '.', '_' and '-', and not begin with '.'",
      ),
  ).describe("Name of the study; the record's folder begins with it."),
  seed: z.int().nonnegative().default(0).describe("Seed of every random draw: data, initial parameters."),
  dataset: datasetSchema,
  model: modelSchema,
  loss: lossSchema.prefault({}),
  flow: flowSchema,
  descent: descentSchema.prefault({}),
  compare: compareSchema.exactOptional(),
  stability: stabilitySchema.exactOptional(),
  record: recordSchema.prefault({}),
  decay: decaySchema.prefault({}),
  measure: measureSchema.prefault({}),
  engine: engineSchema,
  figure: figureSchema.exactOptional(),
  scale: z
    .number()
    .positive()
    .exactOptional()
    .describe(
      "Factor on every size: samples, dimensions, widths, minibatches. For a small version of a large study; times, learning rates, depths, neighbours and the form of images, bits and classes stay. Absent: 1.",
    ),
  sweep: sweepSchema.exactOptional(),
});

/** Makes `kind?: "x" | undefined`, which a defaulted discriminator leaves in zod's types, the `kind: "x"` it is. */
type Resolved<T> = T extends readonly (infer E)[]
  ? Resolved<E>[]
  : T extends object
    ? Merged<
        { [K in keyof T as K extends Discriminator ? K : never]-?: Exclude<T[K], undefined> } & {
          [K in keyof T as K extends Discriminator ? never : K]: Resolved<T[K]>;
        }
      >
    : T;
type Discriminator = "kind" | "method" | "at";
type Merged<T> = { [K in keyof T]: T[K] };

/** A complete config of one run: every default filled in, sizes scaled, without the sweep it belongs to. */
export type Config = Omit<Resolved<z.output<typeof configSchema>>, "scale" | "sweep" | "model"> & {
  readonly model: ModelConfig;
};
/** The sections that are sound by themselves; absent ones have faults of their own. */
export type Sections = Partial<Config>;
export type DatasetConfig = Config["dataset"];
export type { InitConfig, ModelConfig };
export type ActivationConfig = ModelConfig["activation"];
/** A teacher: `ModelConfig` of kind `dnn` without the kind. */
export type TeacherConfig = Extract<DatasetConfig, { kind: "teacher" }>["network"];
export type LossConfig = Config["loss"];
export type FlowConfig = Config["flow"];
export type CompareConfig = NonNullable<Config["compare"]>;
export type RecordConfig = Config["record"];
export type NtkConfig = NonNullable<Config["measure"]["ntk"]>;
export type EngineConfig = Config["engine"];
