/** Margins of classified samples: by how much an output is on the side of its sign, or the output of the true class above all others. */
import { createRandom } from "../random.js";
import type { SampleSet, Subject } from "./measure.js";
import { RANGE, SCALES } from "./scales.js";

/** What margins need: certain labels. Null where the samples have them, else why not. */
export function whyNoMargins({ family, targets }: SampleSet): string | null {
  const { kind, targets: wanted } = family.criterion;
  if (wanted === "real")
    return `needs labels, and loss.kind: ${kind} has numbers for targets; leave it out, or take cross-entropy, logistic, exponential or hinge.`;
  if (wanted === "classes" && targets.some((value) => value !== 0 && value !== 1))
    return "needs certain labels, and the targets are probabilities between 0 and 1; leave it out.";
  return null;
}

/** Margins of all samples, of signs one for every output. */
export function marginsOf(
  { family, targets }: Pick<SampleSet, "family" | "targets">,
  outputs: Float64Array,
): Float64Array {
  if (family.criterion.targets === "signs") return outputs.map((f, i) => f * (targets[i] as number));
  const width = family.network.outputs;
  return Float64Array.from({ length: family.samples }, (_, i) => {
    const row = outputs.subarray(i * width, (i + 1) * width);
    const label = targets.subarray(i * width, (i + 1) * width).indexOf(1);
    let rival = Number.NEGATIVE_INFINITY;
    row.forEach((f, k) => {
      if (k !== label) rival = Math.max(rival, f);
    });
    return (row[label] as number) - rival;
  });
}

/** Roundings of a deep network, of outputs that are to have an exact ratio. */
const ROUNDING = { float64: 1e-9, float32: 1e-3 } as const;
/** Random θ after which a network that gives nothing but zeros has no degree. */
const TRIALS = 3;

/** Λ with F(sθ) = s^Λ F(θ) for s from 2^−60 to 2^60, looked for at random θ; null where there is none. */
export async function degreeOf({ train, seed }: Subject): Promise<number | null> {
  const random = createRandom(seed).split("degree");
  const range = RANGE[train.dtype];
  const draw = () => Float64Array.from({ length: train.family.layout.size }, () => random.normal());
  let theta = draw();
  let one = await train.predict(theta);
  for (let trial = 1; trial < TRIALS && one.every((value) => value === 0); trial++) {
    theta = draw();
    one = await train.predict(theta);
  }
  const size = sizeOf(one);
  if (!(size > 1 / range && size < range)) return null;
  const largest = one.findIndex((value) => Math.abs(value) === size);
  const at = (scale: number) => train.predict(theta.map((value) => scale * value));
  const degree = Math.round(Math.log2((await at(2))[largest]! / one[largest]!));
  if (!(degree > 0)) return null;
  for (const scale of [2, ...SCALES]) {
    const expected = size * scale ** degree;
    if (!(expected > 1 / range && expected < range)) continue;
    const scaled = await at(scale);
    const isFit = one.every(
      (value, i) => Math.abs((scaled[i] as number) / scale ** degree - value) <= ROUNDING[train.dtype] * size,
    );
    if (!isFit) return null;
  }
  return degree;
}

const sizeOf = (values: Float64Array): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
