/**
 * What a measure is: numbers that are taken at recorded rows of the flow and of the descents beside it. A measure is one file and one
 * line of the registry; schema, docs, columns, summary, result and figures come from what it declares. Knows neither files nor configs.
 */
import { z } from "zod";
import type { Dtype, Program } from "../engine/index.js";
import type { Graph } from "../graph/index.js";
import type { Memory } from "../memory.js";
import type { Family } from "../model/index.js";

/** Some samples with the graphs of the network on them; evaluations are counted for the measure that asks. */
export interface SampleSet {
  readonly family: Family;
  /** n × M, row-major. */
  readonly targets: Float64Array;
  /** Precision of the evaluations. */
  readonly dtype: Dtype;
  /** A graph of the family with the data bound; graphs of one name are compiled once. */
  compile(graph: Graph): Promise<Program>;
  /** F(θ), n × M row-major, in a new array. */
  predict(theta: Float64Array): Promise<Float64Array>;
  /** ∇L(θ) in a new array. */
  gradient(theta: Float64Array): Promise<Float64Array>;
  /** L(θ) without weight decay. */
  dataLoss(theta: Float64Array): Promise<number>;
  /** ∇²L at θ: what it makes of a vector goes to `product`. */
  hessian(theta: Float64Array): Promise<(velocity: Float64Array, product: Float64Array) => Promise<void>>;
}

/** What is measured: one curve of a run, and what is known before it begins. */
export interface Subject {
  readonly train: SampleSet;
  /** Samples that are not trained on; null where the data have none. */
  readonly test: SampleSet | null;
  readonly theta0: Float64Array;
  /** What L is at least, where that is known. */
  readonly leastLoss: number | null;
  /** By how much rounding may move a loss of this size. */
  lossRounding(loss: number): number;
  /** Takes none of the run's random numbers; the same in every run of a study. */
  readonly seed: number;
}

/** One curve, as a measure follows it. */
export interface Followed extends Subject {
  /** `flow`; or `descent`, or a flow beside it by its name, and the number of its learning rate, from 0. */
  readonly curve: string;
  /** For what a continuation needs of this measure on this curve. */
  readonly memory: Memory;
  /** Writes `<name>.npy` into the record. */
  save(name: string, data: Float64Array, shape?: readonly number[]): Promise<void>;
}

/** A state on a curve, valid during the call. What several measures ask for is computed once. */
export interface Point {
  readonly t: number;
  readonly theta: Float64Array;
  /** L(θ) */
  readonly loss: number;
  /** F(θ) on these samples; not to be changed. */
  outputs(set: SampleSet): Promise<Float64Array>;
  /** ∇L(θ); where a flow slides, −θ', the shortest of the generalised gradients there. Not to be changed. */
  gradient(): Promise<Float64Array>;
}

/** Where a column is drawn: columns of one axis title share a panel. */
export interface Column {
  /** Of series.csv and descent.csv. */
  readonly name: string;
  /** In legends and summaries. */
  readonly label: string;
  readonly axis: string;
  /** none: it numbers what was written, and is neither drawn nor summarised. */
  readonly scale: "log" | "linear" | "none";
}

/** By column; null where there is none. */
export type Values = Readonly<Record<string, number | null>>;
export type Measurer = (point: Point) => Promise<Values>;

/** Curves of every run: what a measure is taken on unless it is told otherwise. */
const CURVES = ["flow", "descent"] as const;

export interface Measure {
  /** Its key in `measure:` and its figure's name. */
  readonly name: string;
  /** One or two sentences for the config reference. */
  readonly text: string;
  /** What to look for in its figure, for the caption; absent where nothing is drawn, or where its author says nothing. */
  readonly look?: string;
  /** Its own fields; `points` and `of` are added. */
  readonly fields: z.ZodRawShape;
  /** How many rows it is taken at where nothing is said; null for every row. */
  readonly points: number | null;
  /** Why it cannot be had of this problem and what to do about it; null where it can. */
  refuse?(subject: Subject, settings: never): Promise<string | null> | string | null;
  columns(subject: Subject, settings: never): readonly Column[] | Promise<readonly Column[]>;
  /** Graphs that it has compiled on those samples, and numbers that it holds beside them, for the estimate of memory. Default: none. */
  graphs?(family: Family, settings: never, on: "train" | "test"): readonly Graph[];
  numbers?(family: Family, settings: never): number;
  /** Once per curve. */
  follow(subject: Followed, settings: never): Measurer | Promise<Measurer>;
}

/** What every measure can be told. */
export interface CommonSettings {
  readonly points?: number | undefined;
  /** `flow`, `descent`, names of flows beside descent. */
  readonly of: readonly string[];
}

/** A measure, its settings typed by its fields. */
export function defineMeasure<const F extends z.ZodRawShape>(measure: {
  readonly name: string;
  readonly text: string;
  readonly look?: string;
  readonly fields?: F;
  readonly points?: number;
  readonly refuse?: (
    subject: Subject,
    settings: z.output<z.ZodObject<F>>,
  ) => Promise<string | null> | string | null;
  readonly columns: (
    subject: Subject,
    settings: z.output<z.ZodObject<F>>,
  ) => readonly Column[] | Promise<readonly Column[]>;
  readonly graphs?: (
    family: Family,
    settings: z.output<z.ZodObject<F>>,
    on: "train" | "test",
  ) => readonly Graph[];
  readonly numbers?: (family: Family, settings: z.output<z.ZodObject<F>>) => number;
  readonly follow: (subject: Followed, settings: z.output<z.ZodObject<F>>) => Measurer | Promise<Measurer>;
}): Measure {
  return { points: null, fields: {}, ...measure } as Measure;
}

/**
 * The schema of a measure's section.
 * @param beside names of the flows that a study can set beside descent
 */
export function measureSection(
  { text, fields, points }: Pick<Measure, "text" | "fields" | "points">,
  beside: readonly string[] = [],
) {
  const count = z.int().min(1);
  const several =
    "At how many of the recorded rows, spread as record.at spreads these, besides t = 0 and the end";
  return z
    .strictObject({
      ...fields,
      points:
        points === null
          ? count.exactOptional().describe(`${several}. Absent: at every row.`)
          : count.default(points).describe(`${several}.`),
      of: z
        .array(z.enum([...CURVES, ...beside]))
        .min(1)
        .default([...CURVES])
        .describe(
          "On which curves: the flow, and the descents beside it at the steps that are compared; there on flows of compare.flows as well, by their names.",
        ),
    })
    .describe(text);
}
