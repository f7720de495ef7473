/** Training and test accuracy: of classes by the largest output, of two classes told by one number by the side of their midpoint. */
import { type Column, defineMeasure, type SampleSet, type Subject } from "./measure.js";

export const accuracy = defineMeasure({
  name: "accuracy",
  text: "Share of the samples classified rightly, in training and, where dataset.split keeps some, in test: the output of the true class is the largest; with one output, it is on the side of the true of two target values (ties are wrong).",
  look: "Steps are predictions that turn right or wrong. Where training rises and test does not follow, only the training samples are being learnt.",
  refuse: ({ train }) => whyNoClasses(train),
  columns: ({ test }) => [
    column("trainAccuracy", "training accuracy"),
    ...(test === null ? [] : [column("testAccuracy", "test accuracy")]),
  ],
  graphs: (family) => [family.predict()],
  follow(subject) {
    const sets = setsOf(subject).map(({ name, set }) => ({
      ...{ name, set },
      isRight: judgeOf(subject.train, set),
    }));
    return async (point) => {
      const found: Record<string, number> = {};
      for (const { name, set, isRight } of sets) {
        const outputs = await point.outputs(set);
        const { samples } = set.family;
        let right = 0;
        for (let i = 0; i < samples; i++) if (isRight(outputs, i)) right++;
        found[name] = right / samples;
      }
      return found;
    };
  },
});

const column = (name: string, label: string): Column => ({
  ...{ name, label },
  axis: "accuracy",
  scale: "linear",
});

function setsOf({ train, test }: Subject): { name: string; set: SampleSet }[] {
  return [
    { name: "trainAccuracy", set: train },
    ...(test === null ? [] : [{ name: "testAccuracy", set: test }]),
  ];
}

function whyNoClasses({ family, targets }: SampleSet): string | null {
  const { outputs } = family.network;
  if (outputs === 1) {
    const values = new Set(targets);
    return values.size === 2
      ? null
      : `needs classes, and the targets have one number with ${values.size === 1 ? "one value" : `${values.size} values`}, not two; leave it out, or take ±1 as targets.`;
  }
  for (let i = 0; i < family.samples; i++)
    if (classOf(targets, i, outputs) === null)
      return `needs classes, and no number of target ${i + 1} is the largest; leave it out, or take targets that are 1 in the column of their class.`;
  return null;
}

/** The column that is larger than all others; null where none is. */
function classOf(rows: Float64Array, i: number, width: number): number | null {
  let best = 0;
  let isTied = false;
  for (let k = 1; k < width; k++) {
    const [value, top] = [rows[i * width + k] as number, rows[i * width + best] as number];
    if (value > top) [best, isTied] = [k, false];
    else if (value === top || Number.isNaN(value)) isTied = true;
  }
  return isTied || Number.isNaN(rows[i * width + best]) ? null : best;
}

/** @param train has both of two values; a test set may have one */
function judgeOf(train: SampleSet, { family, targets }: SampleSet) {
  const { outputs: width } = family.network;
  if (width > 1)
    return (outputs: Float64Array, i: number) =>
      classOf(outputs, i, width) === classOf(targets, i, width) && classOf(outputs, i, width) !== null;
  const values = [...new Set(train.targets)];
  const middle = (values[0] as number) / 2 + (values[1] as number) / 2;
  return (outputs: Float64Array, i: number) =>
    ((outputs[i] as number) - middle) * Math.sign((targets[i] as number) - middle) > 0;
}
