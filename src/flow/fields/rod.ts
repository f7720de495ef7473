/**
 * The rod flow: a centre w and one displacement δ for descent that jumps to and fro, w' = −½(g₊ + g₋), δ' = ½(g₊ − g₋) − (2/η)δ in units of steps of
 * length η, g± = ∇L(w ± δ). Its Euler step of length η is two descents from w ± δ, its fixed points are their two-cycles, and it leaves
 * δ = 0 exactly where λ_max passes 2/η. After the abstract of Rod Flow (2026); the derivation is ours.
 */
import { length } from "../../linalg/norm.js";
import { dot, squaredNorm } from "../../linalg/vectors.js";
import { defineField } from "./field.js";

/** Heun's steps for each step of descent: four gradients each. One is marginal, four change nothing that shows. */
const SUBSTEPS = 2;
/** Part of ‖w‖ below which δ is not let fall: rounding keeps descent as far off, and from there its oscillation grows. */
const FLOOR = 4 * Number.EPSILON;

export const rod = defineField({
  name: "rod",
  label: "rod flow",
  text: "A centre w with one displacement δ, w' = −½(∇L(w + δ) + ∇L(w − δ)), δ' = ½(∇L(w + δ) − ∇L(w − δ)) − (2/η)δ: the oscillating descent past λ_max = 2/η by its mean and its swing. Eight gradients a step of descent, by Heun's method.",
  smoothness: 1,
  course: "walk",
  async create({ problem, theta0, learningRate: eta, memory, compile }) {
    const velocity = await compile(problem.family.flowField());
    const lossGradient = await compile(problem.family.lossGradient("free"));
    const own = () => new Float64Array(theta0.length);
    const state = memory.keep("rod", { centre: theta0.slice(), swing: own(), hasSwing: false });
    const { centre, swing } = state;
    const [ahead, behind, plus, minus] = [own(), own(), own(), own()];
    const placeEnds = (w: Float64Array, delta: Float64Array): void => {
      for (let i = 0; i < w.length; i++) {
        ahead[i] = w[i]! + delta[i]!;
        behind[i] = w[i]! - delta[i]!;
      }
    };
    const pair = () => ({ centre: own(), swing: own() });
    const [next, trial, rate, secondRate] = [pair(), pair(), pair(), pair()];
    const evaluate = async (at: ReturnType<typeof pair>, out: ReturnType<typeof pair>): Promise<void> => {
      placeEnds(at.centre, at.swing);
      // Both are −∇L.
      await velocity.run({ theta: ahead }, { velocity: plus });
      await velocity.run({ theta: behind }, { velocity: minus });
      for (let i = 0; i < centre.length; i++) {
        out.centre[i] = (plus[i]! + minus[i]!) / 2;
        out.swing[i] = (minus[i]! - plus[i]!) / 2 - (2 / eta) * at.swing[i]!;
      }
    };
    const h = eta / SUBSTEPS;
    const heun = async (): Promise<void> => {
      await evaluate(next, rate);
      for (const part of ["centre", "swing"] as const)
        for (let i = 0; i < centre.length; i++) trial[part][i] = next[part][i]! + h * rate[part][i]!;
      await evaluate(trial, secondRate);
      for (const part of ["centre", "swing"] as const)
        for (let i = 0; i < centre.length; i++)
          next[part][i]! += (h / 2) * (rate[part][i]! + secondRate[part][i]!);
      keepFloor(next.swing, FLOOR * length(next.centre));
    };
    return {
      theta: centre,
      async step() {
        if (!state.hasSwing) {
          await velocity.run({ theta: centre }, { velocity: plus });
          for (let i = 0; i < swing.length; i++) swing[i] = -(eta / 2) * plus[i]!;
          state.hasSwing = true;
        }
        next.centre.set(centre);
        next.swing.set(swing);
        for (let k = 0; k < SUBSTEPS; k++) await heun();
        if (!(Number.isFinite(squaredNorm(next.centre)) && Number.isFinite(squaredNorm(next.swing))))
          return { status: "nonFinite", message: "its centre or its displacement is no longer finite." };
        centre.set(next.centre);
        swing.set(next.swing);
        return null;
      },
      async predict() {
        placeEnds(centre, swing);
        const lossAt = async (theta: Float64Array, gradient: Float64Array): Promise<number> =>
          (await lossGradient.run({ theta }, { gradient }))["loss"]![0]!;
        return {
          meanLoss: ((await lossAt(ahead, plus)) + (await lossAt(behind, minus))) / 2,
          meanSquaredGradient: (dot(plus, plus) + dot(minus, minus)) / 2,
          variance: squaredNorm(swing),
        };
      },
    };
  },
});

/** Stretches δ to this length where it is shorter; what has no direction stays. */
function keepFloor(delta: Float64Array, floor: number): void {
  const size = length(delta);
  if (!(size > 0 && size < floor)) return;
  for (let i = 0; i < delta.length; i++) delta[i]! *= floor / size;
}
