/** What a source of data gives, and what is made of it: classes chosen and written as targets, samples chosen, inputs normalised and flattened. */
import { ConfigError } from "../errors.js";
import type { Random } from "../random.js";
import { drawRows, takeRows } from "./rows.js";
import { type SplitSpec, splitDataset, type TestSamples } from "./split.js";

/** Inputs with either class numbers or targets. */
export interface Samples {
  readonly samples: number;
  /** Of one sample. */
  readonly inputShape: readonly number[];
  readonly inputs: Float64Array;
  readonly labels: Labels;
  /** The largest entry that an input can have, for `normalise: range`; absent where there is none. */
  readonly range?: number;
}

export type Labels =
  | { readonly kind: "classes"; readonly classes: Float64Array; readonly count: number | null }
  | { readonly kind: "numbers"; readonly targets: Float64Array; readonly width: number };

/** Classes that are told by numbers; more is a slip: an index of something else, or a real number. */
export const MOST_CLASSES = 100_000;

export const ENCODINGS = ["one-hot", "sign", "index"] as const;
export const NORMALISATIONS = ["none", "range", "features", "samples"] as const;

/** What may be asked of any source, by the names of the config. */
export interface Finish {
  readonly classes?: readonly number[];
  readonly samples?: number;
  readonly encoding?: (typeof ENCODINGS)[number];
  readonly normalise?: (typeof NORMALISATIONS)[number];
  readonly flatten?: boolean;
  readonly split?: SplitSpec;
}

export interface Finished extends TestSamples {
  readonly inputShape: readonly number[];
  readonly inputDimension: number;
  readonly outputDimension: number;
  readonly test: TestSamples | null;
  /** What is left out that one might not expect. */
  readonly notes: readonly string[];
}

/** @throws ConfigError always: of a field of `dataset`, and of the file that it names */
export function refuse(field: string, message: string, file?: string): never {
  throw new ConfigError([{ path: `dataset.${field}`, message, ...(file !== undefined && { file }) }]);
}

/**
 * Chooses, encodes, splits, normalises. What is learnt of the inputs (their mean and spread) is learnt of the training samples alone.
 * @param random of the data: draws which samples stay and which are kept for test
 * @throws ConfigError for classes that have no sample, more samples than there are, and splits that leave none
 */
export function finishSamples(data: Samples, wanted: Finish, random: Random): Finished {
  const chosen = chooseRows(data, wanted, random.split("subset"));
  const width = data.inputShape.reduce((p, q) => p * q, 1);
  const inputs = takeRows(data.inputs, chosen, width);
  const { targets, outputDimension } = encode(data.labels, chosen, wanted);
  const all = {
    ...{ samples: chosen.length, inputs, targets },
    ...{ inputDimension: width, outputDimension, test: null as TestSamples | null },
    trained: null as readonly number[] | null,
  };
  const { trained, ...parted } =
    wanted.split === undefined ? all : splitDataset(all, wanted.split, random.split("split"));
  const scale = normaliser(parted.inputs, width, wanted.normalise ?? "none", data.range);
  scale(parted.inputs);
  if (parted.test !== null) scale(parted.test.inputs);
  return {
    ...parted,
    inputShape: wanted.flatten === false ? data.inputShape : [width],
    notes: trained === null ? [] : untrainedNotes(data.labels, chosen, trained),
  };
}

/** Classes that a split keeps wholly for test. @param trained places in `rows` */
function untrainedNotes(labels: Labels, rows: readonly number[], trained: readonly number[]): string[] {
  if (labels.kind === "numbers") return [];
  const classOf = (row: number | undefined) => labels.classes[row as number] as number;
  const known = new Set(trained.map((i) => classOf(rows[i])));
  const missing = [...new Set(rows.map(classOf))].filter((one) => !known.has(one)).sort((a, b) => a - b);
  if (missing.length === 0) return [];
  return [
    `${missing.length === 1 ? `Class ${missing[0]} has` : `Classes ${listOf(missing)} have`} no sample in training: dataset.split keeps all of them for test. Lower dataset.split.test, or take another seed.`,
  ];
}

/** In the order of the data. */
function chooseRows(
  { samples, labels }: Samples,
  { classes, samples: count }: Finish,
  random: Random,
): number[] {
  let rows = Array.from({ length: samples }, (_, i) => i);
  if (classes !== undefined) {
    if (labels.kind !== "classes")
      refuse("classes", "chooses classes, and these targets are numbers; leave it out.");
    const twice = classes.find((one, k) => classes.indexOf(one) < k);
    if (twice !== undefined) refuse("classes", `names class ${twice} twice; name every class once.`);
    const present = new Set(labels.classes);
    const missing = classes.find((one) => !present.has(one));
    if (missing !== undefined)
      refuse(
        "classes",
        `class ${missing} has no sample; there are ${listOf([...present].sort((a, b) => a - b))}.`,
      );
    rows = rows.filter((i) => classes.includes(labels.classes[i] as number));
  }
  if (count === undefined || count === rows.length) return rows;
  if (count > rows.length)
    refuse("samples", `must be at most ${rows.length}, which is all there are, got ${count}.`);
  return drawRows(rows, count, random);
}

function encode(
  labels: Labels,
  rows: readonly number[],
  { classes, encoding, samples }: Finish,
): { targets: Float64Array; outputDimension: number } {
  if (labels.kind === "numbers") {
    if (encoding !== undefined)
      refuse("encoding", "is of class numbers, and these targets are numbers; leave it out.");
    return { targets: takeRows(labels.targets, rows, labels.width), outputDimension: labels.width };
  }
  const own = rows.map((i) => labels.classes[i] as number);
  const count = labels.count ?? own.reduce((most, one) => Math.max(most, one + 1), 0);
  const known = classes ?? Array.from({ length: count }, (_, k) => k);
  const places = new Map(known.map((one, k) => [one, k]));
  const empty = known.find((one) => !own.includes(one));
  if (empty !== undefined) {
    const [largest] = rows.toSorted((i, j) => (labels.classes[j] as number) - (labels.classes[i] as number));
    const isTold = labels.count === null && samples === undefined;
    const numbering =
      labels.count === null && classes === undefined
        ? `classes are numbered from 0 without a gap, and label ${(largest as number) + 1} is ${labels.classes[largest as number]}. `
        : "";
    refuse(
      isTold ? "classes" : "samples",
      `class ${empty} is left without a sample: ${numbering}${isTold ? "Name the classes that there are" : "Take more samples, or name the classes that there are"}, dataset.classes.`,
    );
  }
  const found = own.map((one) => places.get(one) as number);
  if (encoding === "index") return { targets: Float64Array.from(found), outputDimension: 1 };
  if (encoding === "sign") {
    if (known.length !== 2)
      refuse(
        "encoding",
        `sign is of two classes, the first −1 and the second +1; there are ${known.length}.`,
      );
    return { targets: Float64Array.from(found, (k) => 2 * k - 1), outputDimension: 1 };
  }
  const targets = new Float64Array(rows.length * known.length);
  for (const [i, k] of found.entries()) targets[i * known.length + k] = 1;
  return { targets, outputDimension: known.length };
}

const listOf = (values: readonly number[]): string =>
  values.length > 12 ? `${values.slice(0, 12).join(", ")}, …` : values.join(", ");

/** Changes inputs in place, by what it has learnt of the training samples. */
function normaliser(
  training: Float64Array,
  width: number,
  kind: (typeof NORMALISATIONS)[number],
  range: number | undefined,
): (inputs: Float64Array) => void {
  if (kind === "range") {
    const largest = range ?? training.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return (inputs) => {
      if (largest > 0) for (let i = 0; i < inputs.length; i++) inputs[i]! /= largest;
    };
  }
  if (kind === "samples")
    return (inputs) => {
      for (let at = 0; at < inputs.length; at += width) {
        const sample = inputs.subarray(at, at + width);
        const largest = sample.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
        const norm = largest * Math.sqrt(sample.reduce((sum, value) => sum + (value / largest) ** 2, 0));
        if (norm > 0) for (let k = at; k < at + width; k++) inputs[k]! /= norm;
      }
    };
  if (kind === "none") return () => undefined;
  // Apart from the first sample, in parts of the largest difference: equal entries differ by nothing, and no
  // square overflows or vanishes.
  const first = training.slice(0, width);
  const largest = new Float64Array(width);
  for (let i = 0; i < training.length; i++) {
    const k = i % width;
    largest[k] = Math.max(largest[k] as number, Math.abs((training[i] as number) - (first[k] as number)));
  }
  const partOf = (value: number, k: number) => (value - (first[k] as number)) / (largest[k] as number);
  const count = training.length / width;
  const mean = new Float64Array(width);
  for (let i = 0; i < training.length; i++)
    mean[i % width]! += partOf(training[i] as number, i % width) / count;
  const spread = new Float64Array(width);
  for (let i = 0; i < training.length; i++)
    spread[i % width]! +=
      (partOf(training[i] as number, i % width) - (mean[i % width] as number)) ** 2 / count;
  return (inputs) => {
    for (let i = 0; i < inputs.length; i++) {
      const k = i % width;
      const from = partOf(inputs[i] as number, k) - (mean[k] as number);
      // An entry that is the same in all training samples says nothing.
      inputs[i] = largest[k] === 0 ? 0 : from / Math.sqrt(spread[k] as number);
    }
  };
}
