/**
 * The principal flow (Rosca, Wu, Qin, Dherin 2023): θ' = Σ_i α(ηλ_i)(gᵀu_i)u_i over the eigenpairs of ∇²L, α(x) = ln(1 − x)/x, descent itself on a
 * quadratic loss. The sum is a function of the matrix applied to g, which Lanczos from g gives without any eigenpair of ∇²L.
 */
import { NumericalError } from "../../errors.js";
import { lanczosFunction } from "../../linalg/krylov.js";
import { dot } from "../../linalg/vectors.js";
import { measureSharpness } from "../sharpness.js";
import { defineField, type Equation, type FieldFailure, type FieldSubject } from "./field.js";

export const principal = defineField({
  name: "principal",
  label: "principal flow",
  text: "θ' = Σᵢ ln(1 − ηλᵢ)/(ηλᵢ)·(∇Lᵀuᵢ)uᵢ over the eigenpairs of ∇²L: descent itself on a quadratic loss, to second order in η elsewhere. It is complex, and ends, where ηλ_max reaches 1.",
  smoothness: 2,
  course: "equation",
  refuse: refuseBeyondEdge,
  create: (subject) => principalFlow(subject, false),
});

export const principalThird = defineField({
  name: "principal-third",
  label: "principal + third",
  text: "The principal flow with the term −(η²/12)∇³L[∇L, ∇L]: descent to third order in η.",
  smoothness: 3,
  course: "equation",
  refuse: refuseBeyondEdge,
  create: (subject) => principalFlow(subject, true),
});

/** Change of the sum, relative to it, from one Lanczos vector to the next at which it counts as found: below what a solver asks for. */
const TOLERANCE = 1e-13;
/** Close to ηλ = 1, where the logarithm has its pole, Lanczos takes as many products as there are eigenvalues near it. */
const MOST_PRODUCTS = 60;
/** ηλ_max from which on the flow counts as ended: closer to its pole at 1 steps become ever shorter, and nothing else happens. */
const END = 0.999;

async function refuseBeyondEdge({ problem, theta0, learningRate }: FieldSubject): Promise<string | null> {
  const { value } = await measureSharpness(problem, theta0);
  const limit = 1 / value;
  if (!(learningRate * value >= END)) return null;
  const found = `λ_max(∇²L) = ${value.toPrecision(4)} at θ₀`;
  return learningRate * value >= 2
    ? `has no learning rate beyond 2/λ_max(θ₀) = ${(2 * limit).toPrecision(4)}, where descent itself is unstable, got ${learningRate} (${found}); take rod, central or principal-restarted, or lower descent.learningRates.`
    : `is complex beyond η = 1/λ_max(θ₀) = ${limit.toPrecision(4)}, got ${learningRate} (${found}); take rod or principal-restarted, or lower descent.learningRates.`;
}

async function principalFlow(
  { problem, theta0, learningRate: eta, compile }: FieldSubject,
  withThird: boolean,
): Promise<Equation> {
  const { family } = problem;
  const own = () => new Float64Array(theta0.length);
  const gradientOf = await compile(family.lossGradient("free"));
  const productOf = await compile(family.hessianProduct("free"));
  const thirdOf = withThird ? await compile(family.thirdDerivative()) : null;
  const [gradient, third] = [own(), own()];
  /** λ_max as the last evaluation saw it that saw any. */
  let largest = 0;
  return {
    initial: theta0,
    isAutonomous: true,
    async field(_, theta, out) {
      await gradientOf.run({ theta }, { gradient });
      const operator = {
        size: theta.length,
        async apply(velocity: Float64Array, product: Float64Array) {
          await productOf.run({ theta, velocity }, { product });
          return dot(velocity, product);
        },
      };
      let seen = 0;
      const sum = await lanczosFunction({
        ...{ operator, start: gradient, tolerance: TOLERANCE, maxProducts: MOST_PRODUCTS },
        scalar(lambda) {
          seen = Math.max(seen, lambda);
          return principalFactor(eta * lambda);
        },
      }).catch((error: unknown) => {
        if (error instanceof NumericalError) return null;
        throw error;
      });
      // After a stage that was no number the next ones see none.
      if (seen > 0) largest = seen;
      if (sum === null || eta * seen >= END) return void out.fill(Number.NaN);
      out.set(sum);
      if (thirdOf === null) return;
      await thirdOf.run({ theta, velocity: gradient, direction: gradient }, { product: third });
      for (let i = 0; i < out.length; i++) out[i]! -= (eta ** 2 / 12) * third[i]!;
    },
    theta: (y, out) => out.set(y),
    explain(): FieldFailure | null {
      if (!(eta * largest >= NEAR)) return null;
      const message = `ηλ_max comes to 1 (λ_max = ${largest.toPrecision(4)}), and from there on the principal flow is complex.`;
      return { status: "notDefined", message };
    },
  };
}

/** The solver may give up on a step that began this near. */
const NEAR = 0.98;

/** ln(1 − x)/x, −1 at 0; NaN from x = 1 on. */
function principalFactor(x: number): number {
  return x === 0 ? -1 : Math.log1p(-x) / x;
}
