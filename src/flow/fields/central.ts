/**
 * The central flow (Cohen et al. 2025): the mean of a descent that oscillates at the edge of stability, θ' = −(g + ½∇⟨∇²L, Σ⟩) with the covariance Σ of the
 * oscillation on the eigenvectors at 2/η, 0 ⪯ Σ ⟂ (2/η)I − ∇²L ⪰ 0, which holds their eigenvalues there. Below 2/η it is gradient flow.
 */
import { z } from "zod";
import { gramOperator, packedSize, solveComplementarity, unpack } from "../../linalg/complementarity.js";
import { symmetricEigen } from "../../linalg/eigen.js";
import { distance } from "../../linalg/norm.js";
import { addScaled, dot, normalise, squaredNorm } from "../../linalg/vectors.js";
import { trackEigenpairs } from "../eigenpairs.js";
import { defineField, type FieldFailure, type FieldSubject, type Walk } from "./field.js";

/** Eigenvalues above this part of 2/η are held from going beyond: cuts from 0.95 to 0.995 change nothing that shows. */
const CUT = 0.975;
/** Heun's steps for each step of descent while eigenvalues are held, two gradients each. */
const SUBSTEPS = 2;
/** Part of descent's swing below which a step is none. */
const AT_REST = 1e-6;
/** Of the quotient that settling asks about: it is 1 exactly at the threshold. */
const ROUNDING = 1e-9;

export const central = defineField({
  name: "central",
  label: "central flow",
  text: "The mean of descent at the edge of stability, θ' = −(∇L + ½∇⟨∇²L, Σ⟩) with 0 ⪯ Σ ⟂ (2/η)I − ∇²L ⪰ 0: Σ, the covariance of the oscillation, holds eigenvalues at 2/η; below it is gradient flow. Its columns: how many eigenvalues it watches, the largest ones, the variance along each of the oscillation's own directions, and settling, which is at most 1 where descent would spiral out of the balance (of one eigenvalue).",
  smoothness: 3,
  course: "walk",
  fields: {
    top: z
      .int()
      .min(1)
      .max(20)
      .default(10)
      .describe(
        "Most eigenvalues at 2/η at once; with k of them a step costs k(k + 1)/2 third derivatives. The flow ends where there are more.",
      ),
  },
  columns: ({ theta0 }, { top }) => [
    "watched",
    "settling",
    ...numbered("eigenvalue", Math.min(top, theta0.length)),
    ...numbered("variance", Math.min(top, theta0.length)),
  ],
  create: (subject, { top }) => centralFlow(subject, top),
});

const numbered = (name: string, count: number): string[] =>
  Array.from({ length: count }, (_, k) => `${name}.${k + 1}`);

async function centralFlow(
  { problem, theta0, learningRate: eta, memory, seed, compile }: FieldSubject,
  top: number,
): Promise<Walk> {
  const { family } = problem;
  const size = theta0.length;
  const own = () => new Float64Array(size);
  const velocityOf = await compile(family.flowField());
  const productOf = await compile(family.hessianProduct("free"));
  const thirdOf = await compile(family.thirdDerivative());
  const lossOf = await compile(family.lossGradient("free"));
  const state = memory.keep("central", {
    theta: theta0.slice(),
    /** Σ on the vectors watched, [k × k]. */
    sigma: new Float64Array(0) as Float64Array,
    /** Eigenvalues of ∇²L where the last step began, the largest first. */
    eigenvalues: [] as number[],
    watched: 0,
  });
  const pairs = trackEigenpairs({
    ...{ size, memory, seed, most: Math.min(top, size), threshold: (CUT * 2) / eta },
    product: (theta, velocity, product) => productOf.run({ theta, velocity }, { product }),
  });
  const descend = async (theta: Float64Array, out: Float64Array): Promise<void> => {
    await velocityOf.run({ theta }, { velocity: out });
  };
  const next = own();
  const ahead = own();
  const rates = [own(), own(), own(), own()] as const;

  /** A step of gradient flow, by the classical method of order 4, at four gradients. */
  const flow = async (): Promise<void> => {
    for (const [k, part] of [0, 0.5, 0.5, 1].entries()) {
      ahead.set(next);
      if (k > 0) addScaled(ahead, rates[k - 1]!, part * eta);
      await descend(ahead, rates[k]!);
    }
    for (const [k, weight] of [1, 2, 2, 1].entries()) addScaled(next, rates[k]!, (weight / 6) * eta);
  };

  /** The same with k eigenvalues held; Σ afterwards, or null where nothing holds them. */
  const hold = async (
    vectors: readonly Float64Array[],
    values: readonly number[],
  ): Promise<Float64Array | null> => {
    const k = vectors.length;
    const p = packedSize(k);
    const derivatives: Float64Array[] = [];
    for (let i = 0; i < k; i++)
      for (let j = i; j < k; j++) {
        const product = own();
        const inputs = { theta: next, velocity: vectors[i]!, direction: vectors[j]! };
        await thirdOf.run(inputs, { product });
        derivatives.push(product);
      }
    /** ⟨D, v⟩ */
    const along = (v: Float64Array): Float64Array => {
      const packed = new Float64Array(p);
      let at = 0;
      for (let i = 0; i < k; i++)
        for (let j = i; j < k; j++) packed[at] = dot(derivatives[at++]!, v) * (i === j ? 1 : Math.SQRT2);
      return unpack(packed, k);
    };
    if (state.sigma.every((value) => value === 0)) {
      await flow();
      const moved = along(next.map((value, i) => value - state.theta[i]!));
      const room = moved.map(
        (value, at) => (at % (k + 1) === 0 ? 2 / eta - values[at / (k + 1)]! : 0) - value,
      );
      if (symmetricEigen(room, k).values[0]! >= 0) return new Float64Array(k * k);
      next.set(state.theta);
    }
    const h = eta / SUBSTEPS;
    const gram = gramOperator(derivatives, k).map((value) => (h / 2) * value);
    const projected = new Float64Array(k * k);
    values.forEach((value, i) => {
      projected[i * k + i] = value;
    });
    let sigma: Float64Array = state.sigma.length === k * k ? state.sigma : new Float64Array(k * k);
    /** v ← v − ½Σ:D with the Σ that keeps ∇²L below 2/η at the end of the substep. */
    const balance = (v: Float64Array): boolean => {
      const drift = along(v);
      const room = projected.map((value, at) => (at % (k + 1) === 0 ? 2 / eta : 0) - value - h * drift[at]!);
      const solution = solveComplementarity(room, gram, k, sigma);
      if (!solution.converged) return false;
      sigma = solution.x;
      let at = 0;
      for (let i = 0; i < k; i++)
        for (let j = i; j < k; j++)
          addScaled(v, derivatives[at++]!, -sigma[i * k + j]! * (i === j ? 0.5 : 1));
      return true;
    };
    const [first, second] = rates;
    for (let substep = 0; substep < SUBSTEPS; substep++) {
      await descend(next, first);
      const plain = rates[2];
      plain.set(first);
      if (!balance(first)) return null;
      ahead.set(next);
      addScaled(ahead, first, h);
      await descend(ahead, second);
      for (let i = 0; i < size; i++) second[i] = (second[i]! + plain[i]!) / 2;
      if (!balance(second)) return null;
      addScaled(next, second, h);
      const moved = along(second);
      for (let at = 0; at < projected.length; at++) projected[at]! += h * moved[at]!;
    }
    return sigma;
  };

  /**
   * How descent comes to the balance of one eigenvalue S held at 2/η. Its swing x and s = S − 2/η obey ln x² ← ln x² + 2ηs, s ← s + η(b − ½x²‖∇S‖² − κs),
   * b = −∇L·∇S, κ the curvature along ∇S; about x² = σ² the Jacobian's determinant is 1 − η(κ − ησ²‖∇S‖²). The quotient κ/(ησ²‖∇S‖²) is told: up to 1
   * descent spirals out of the balance. Derived here, to leading order: derivatives of κ and of ∇S are left out.
   */
  const settling = async (): Promise<number | null> => {
    if (state.watched !== 1 || !(state.sigma[0]! > 0)) return null;
    const { theta, sigma } = state;
    const u = pairs.first();
    const [slope, turned] = [rates[1], rates[2]];
    await thirdOf.run({ theta, velocity: u, direction: u }, { product: slope });
    const size = normalise(slope);
    await productOf.run({ theta, velocity: slope }, { product: turned });
    return dot(slope, turned) / (eta * sigma[0]! * size * size);
  };

  return {
    theta: state.theta,
    async step(): Promise<FieldFailure | null> {
      next.set(state.theta);
      const { above, spare, isFull, converged } = await pairs.at(next);
      if (isFull)
        return {
          status: "notDefined",
          message: `more than compare.central.top = ${top} eigenvalues of ∇²L have come to 2/η; raise top.`,
        };
      if (!converged)
        return {
          status: "notConverged",
          message: "the eigenvalues of ∇²L near 2/η were not found with the work allowed.",
        };
      const values = above.map(({ value }) => value);
      let sigma: Float64Array | null = new Float64Array(0);
      if (above.length === 0) await flow();
      else
        sigma = await hold(
          above.map(({ vector }) => vector),
          values,
        );
      if (sigma === null)
        return {
          status: "noSolution",
          message:
            "no Σ ⪰ 0 holds the eigenvalues at 2/η: where they would have to turn, their derivatives vanish.",
        };
      if (!Number.isFinite(squaredNorm(next)))
        return { status: "nonFinite", message: "the state is no longer finite." };
      const moved = distance(next, state.theta);
      state.theta.set(next);
      state.sigma = sigma;
      state.watched = above.length;
      state.eigenvalues = [...above, ...spare].map(({ value }) => value);
      if (above.length !== 1 || moved > AT_REST * Math.sqrt(sigma[0]!)) return null;
      const quotient = await settling();
      if (quotient === null || quotient > 1 + ROUNDING) return null;
      return {
        status: "noSolution",
        message: `it stands still with λ_max held at 2/η, and descent spirals out of that balance: the curvature along ∇λ_max is ${quotient.toPrecision(3)} of ησ²‖∇λ_max‖², and would have to be more.`,
      };
    },
    async predict() {
      const { sigma, watched: k, eigenvalues } = state;
      const gradient = rates[0];
      const { loss } = await lossOf.run({ theta: state.theta }, { gradient });
      const variances = k === 0 ? [] : [...symmetricEigen(sigma, k).values].reverse();
      const trace = variances.reduce((sum, value) => sum + value, 0);
      return {
        meanLoss: loss![0]! + trace / eta,
        meanSquaredGradient: squaredNorm(gradient) + (4 / eta ** 2) * trace,
        variance: trace,
        watched: k,
        settling: await settling(),
        ...Object.fromEntries(eigenvalues.slice(0, top).map((value, i) => [`eigenvalue.${i + 1}`, value])),
        ...Object.fromEntries(variances.map((value, i) => [`variance.${i + 1}`, value])),
      };
    },
  };
}
