/** Classes that a line cannot part: circles, half-moons, spirals, and the corners of a square. */
import type { Random } from "../../random.js";
import type { Samples } from "../samples.js";
import { count, defineSource, noise, positive, type SourceContext, samples } from "./source.js";

/** Points of the plane, class by turns; the noise is drawn apart, so that without it nothing else changes. */
function planar(
  { samples: n, noise: spread, classes = 2 }: { samples: number; noise: number; classes?: number },
  { random }: SourceContext,
  place: (k: number, uniform: () => number) => readonly [number, number],
): Samples {
  const inputs = new Float64Array(2 * n);
  const classesOf = new Float64Array(n);
  const [along, off]: [Random, Random] = [random.split("inputs"), random.split("noise")];
  for (let i = 0; i < n; i++) {
    const k = i % classes;
    classesOf[i] = k;
    const [x, y] = place(k, () => along.uniform());
    inputs[2 * i] = x + (spread > 0 ? spread * off.normal() : 0);
    inputs[2 * i + 1] = y + (spread > 0 ? spread * off.normal() : 0);
  }
  return {
    samples: n,
    inputShape: [2],
    inputs,
    labels: { kind: "classes", classes: classesOf, count: classes },
  };
}

const inputNoise = noise("inputs");

export const circles = defineSource({
  kind: "circles",
  text: "Two classes on two circles around 0, the outer one of radius 1.",
  fields: {
    samples,
    factor: positive.max(1).default(0.5).describe("Radius of the inner circle, class 1."),
    noise: inputNoise,
  },
  hasClasses: true,
  load: (spec, context) =>
    planar(spec, context, (k, uniform) => {
      const angle = 2 * Math.PI * uniform();
      const radius = k === 0 ? 1 : spec.factor;
      return [radius * Math.cos(angle), radius * Math.sin(angle)];
    }),
});

export const moons = defineSource({
  kind: "moons",
  text: "Two interleaved half-circles of radius 1: class 0 around (0, 0) above, class 1 around (1, 1/2) below.",
  fields: { samples, noise: inputNoise },
  hasClasses: true,
  load: (spec, context) =>
    planar(spec, context, (k, uniform) => {
      const angle = Math.PI * uniform();
      return k === 0 ? [Math.cos(angle), Math.sin(angle)] : [1 - Math.cos(angle), 0.5 - Math.sin(angle)];
    }),
});

export const spirals = defineSource({
  kind: "spirals",
  text: "Classes on the arms of a spiral: radius u, angle 2π(turns·u + k/arms), u uniform in [0, 1].",
  fields: {
    samples,
    arms: count.min(2).default(2).describe("Number of arms, a class each."),
    turns: positive.default(1.5).describe("How often an arm goes around."),
    noise: inputNoise,
  },
  hasClasses: true,
  load: (spec, context) =>
    planar({ ...spec, classes: spec.arms }, context, (k, uniform) => {
      const u = uniform();
      const angle = 2 * Math.PI * (spec.turns * u + k / spec.arms);
      return [u * Math.cos(angle), u * Math.sin(angle)];
    }),
});

export const xor = defineSource({
  kind: "xor",
  text: "The corners (±1, ±1) of a square by turns; class 1 where the signs differ.",
  fields: {
    samples: samples.default(4),
    noise: inputNoise,
  },
  hasClasses: true,
  load(spec, context) {
    // Classes go by turns; the corners of each do so too.
    const seen = [0, 0];
    return planar(spec, context, (k) => {
      const sign = (seen[k] as number) % 2 === 0 ? 1 : -1;
      seen[k] = (seen[k] as number) + 1;
      return k === 0 ? [sign, sign] : [sign, -sign];
    });
  },
});
