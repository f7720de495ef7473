/**
 * The curvature of the loss on demand: the largest and the smallest eigenvalues of ∇²L at a state, by block Lanczos on exact Hessian products that goes
 * on from the last eigenvectors. What the solvers measure of it for their own steps is the business of the flow.
 */
import { z } from "zod";
import { NumericalError } from "../errors.js";
import { blockLanczos } from "../linalg/block-lanczos.js";
import { dot } from "../linalg/vectors.js";
import { createRandom } from "../random.js";
import { type Column, defineMeasure } from "./measure.js";
import { subscript } from "./subscript.js";

const most = z.int().min(0).max(20);

/** Vectors that Lanczos holds beside those that are wanted. */
const SPARE = 20;
/** Beside the basis and its products: of a restart, the start. */
const RESTART_VECTORS = 8;

export const sharpness = defineMeasure({
  name: "sharpness",
  text: "The largest eigenvalues of ∇²L, and the smallest if asked, from t = 0 on: sharpness.1 is λ_max. Where kinks are, of the pieces that θ gives. Descent with learning rate η is unstable where it exceeds 2/η.",
  look: "Descent with learning rate η is unstable where the largest eigenvalue exceeds 2/η; one that rises until there and stays is at the edge of stability.",
  points: 50,
  fields: {
    top: most.min(1).default(1).describe("How many of the largest."),
    bottom: most
      .default(0)
      .describe("How many of the smallest: negative ones are directions in which the loss curves down."),
    tolerance: z
      .number()
      .positive()
      .max(0.1)
      .default(1e-4)
      .describe(
        "An eigenvalue is found when its residual is at most this part of the largest one in size; its error is about the square of that, over its distance from the next.",
      ),
    products: z
      .int()
      .min(10)
      .default(300)
      .describe(
        "Most Hessian products at one time; each costs about two gradients. What is not found by then is left blank.",
      ),
  },
  columns: (subject, settings) => [
    ...columnsOf("sharpness", "λ", counts(subject.train.family.layout.size, settings).top),
    ...columnsOf("leastCurvature", "least λ", counts(subject.train.family.layout.size, settings).bottom),
    { name: "sharpnessResidual", label: "‖Hv − λv‖", axis: "largest residual", scale: "log" },
  ],
  graphs: (family, _, on) => (on === "train" ? [family.hessianProduct("free")] : []),
  numbers: ({ layout: { size } }, settings) => {
    const { top, bottom } = counts(size, settings);
    return size * (2 * (top + bottom + SPARE) + RESTART_VECTORS);
  },
  follow({ train, memory, seed, curve }, settings) {
    const size = train.family.layout.size;
    const { top, bottom } = counts(size, settings);
    const random = createRandom(seed).split("sharpness").split(curve);
    const state = memory.keep("lanczos", { vectors: [] as Float64Array[], random: random.position() });
    if (memory.isResumed) random.setPosition(state.random);
    return async ({ theta }) => {
      // One random direction beside the last eigenvectors: none is missed for being orthogonal to all of them.
      const multiply = await train.hessian(theta);
      const start = [...state.vectors, Float64Array.from({ length: size }, random.normal)];
      const found = await blockLanczos({
        operator: {
          size,
          async apply(velocity, product) {
            await multiply(velocity, product);
            return dot(velocity, product);
          },
        },
        ...{ start, largest: top, smallest: bottom, tolerance: settings.tolerance },
        capacity: top + bottom + SPARE,
        ...{ maxProducts: settings.products, normal: random.normal },
      }).catch((error: unknown) => {
        if (error instanceof NumericalError) return null;
        throw error;
      });
      state.random = random.position();
      if (found === null) return {};
      const pairs = [...found.largest, ...found.smallest];
      const scale = Math.max(...pairs.map(({ value }) => Math.abs(value)));
      const sound = ({ residual }: { residual: number }) => residual <= settings.tolerance * scale;
      state.vectors = pairs.map(({ vector }) => vector.slice());
      const values: Record<string, number> = {};
      for (const [k, pair] of found.largest.entries())
        if (sound(pair)) values[`sharpness.${k + 1}`] = pair.value;
      for (const [k, pair] of found.smallest.entries())
        if (sound(pair)) values[`leastCurvature.${k + 1}`] = pair.value;
      values["sharpnessResidual"] = Math.max(...pairs.map(({ residual }) => residual));
      return values;
    };
  },
});

const counts = (size: number, { top, bottom }: { top: number; bottom: number }) => ({
  top: Math.min(top, size),
  bottom: Math.min(bottom, size),
});

const columnsOf = (name: string, label: string, count: number): Column[] =>
  Array.from({ length: count }, (_, k) => ({
    name: `${name}.${k + 1}`,
    label: `${label}${subscript(k + 1)}`,
    axis: "eigenvalues of ∇²L",
    scale: "linear",
  }));
