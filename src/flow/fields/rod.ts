/**
 * The rod flow: a centre w and one displacement δ for descent that jumps to and fro, w' = −½(g₊ + g₋), δ' = ½(g₊ − g₋) − (2/η)δ in units of steps of
 * length η, g± = ∇L(w ± δ). Its Euler step of length η is two descents from w ± δ, its fixed points are their two-cycles, and it leaves
 * δ = 0 exactly where λ_max passes 2/η. After the abstract of Rod Flow (2026); the derivation is ours.
 */
import { length } from "../../linalg/norm.js";
import { squaredNorm } from "../../linalg/vectors.js";
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
  describesMean: true,
  vectors: () => 16,
  course: "walk",
  async create({ problem, theta0, learningRate: eta, settled, memory, compile }) {
    const lossGradient = await compile(problem.family.lossGradient("free"));
    const own = () => new Float64Array(theta0.length);
    const given = settled?.swing ?? null;
    const endOf = () => ({ gradient: own(), loss: 0 });
    const state = memory.keep("rod", {
      ...{ centre: theta0.slice(), swing: given?.slice() ?? own(), isBegun: false },
      /** ∇L and L at both ends of the rod: the next step begins with them, and predictions are made of them. */
      ...{ plus: endOf(), minus: endOf() },
    });
    const { centre, swing, plus, minus } = state;
    const [at, firstSwing, firstCentre] = [own(), own(), own()];
    const lookAt = async (sign: number, end: ReturnType<typeof endOf>): Promise<void> => {
      for (let i = 0; i < at.length; i++) at[i] = centre[i]! + sign * swing[i]!;
      end.loss = (await lossGradient.run({ theta: at }, { gradient: end.gradient }))["loss"]![0]!;
    };
    const look = async (): Promise<void> => {
      await lookAt(1, plus);
      await lookAt(-1, minus);
    };
    /** Rates of centre and displacement at i. */
    const centreRate = (i: number) => -(plus.gradient[i]! + minus.gradient[i]!) / 2;
    const swingRate = (i: number) => (plus.gradient[i]! - minus.gradient[i]!) / 2 - (2 / eta) * swing[i]!;
    const h = eta / SUBSTEPS;
    const heun = async (): Promise<void> => {
      for (let i = 0; i < at.length; i++) {
        firstCentre[i] = centreRate(i);
        firstSwing[i] = swingRate(i);
      }
      for (let i = 0; i < at.length; i++) {
        centre[i]! += h * firstCentre[i]!;
        swing[i]! += h * firstSwing[i]!;
      }
      await look();
      for (let i = 0; i < at.length; i++) {
        const [w, delta] = [centreRate(i), swingRate(i)];
        centre[i]! += (h / 2) * (w - firstCentre[i]!);
        swing[i]! += (h / 2) * (delta - firstSwing[i]!);
      }
      keepFloor(swing, FLOOR * length(centre));
      await look();
    };
    /** δ is descent's swing, where it has one; else (η/2)∇L(θ₀), as far as descent's first step is from its middle. */
    const begin = async (): Promise<void> => {
      if (given === null) {
        await lookAt(1, plus);
        for (let i = 0; i < swing.length; i++) swing[i] = (eta / 2) * plus.gradient[i]!;
      }
      await look();
      state.isBegun = true;
    };
    return {
      theta: centre,
      async step() {
        if (!state.isBegun) await begin();
        const last = structuredClone({ centre, swing, plus, minus });
        for (let k = 0; k < SUBSTEPS; k++) await heun();
        const all = [centre, swing, plus.gradient, minus.gradient];
        if (all.every((v) => Number.isFinite(squaredNorm(v)))) return null;
        centre.set(last.centre);
        swing.set(last.swing);
        Object.assign(plus, last.plus);
        Object.assign(minus, last.minus);
        return { status: "nonFinite", message: "its ends or ∇L there are no longer finite." };
      },
      async predict() {
        return {
          meanLoss: (plus.loss + minus.loss) / 2,
          meanSquaredGradient: (squaredNorm(plus.gradient) + squaredNorm(minus.gradient)) / 2,
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
