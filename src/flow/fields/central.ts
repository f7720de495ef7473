/**
 * The central flow (Cohen et al. 2025): the mean of a descent that oscillates at the edge of stability, θ' = −(g + ½∇⟨∇²L, Σ⟩) with the covariance Σ of the
 * oscillation on the eigenvectors at 2/η, 0 ⪯ Σ ⟂ (2/η)I − ∇²L ⪰ 0, which holds their eigenvalues there. Below 2/η it is gradient flow.
 */
import { z } from "zod";
import { gramOperator, packedSize, solveComplementarity, unpack } from "../../linalg/complementarity.js";
import { symmetricEigen } from "../../linalg/eigen.js";
import { distance } from "../../linalg/norm.js";
import type { RitzPair } from "../../linalg/operator.js";
import { addScaled, dot, normalise, squaredNorm } from "../../linalg/vectors.js";
import { batchProducts, type Products } from "../batched.js";
import { type Eigenpairs, trackEigenpairs } from "../eigenpairs.js";
import { defineField, type FieldFailure, type FieldSubject, type Walk } from "./field.js";

/** Eigenvalues above this part of 2/η are held from going beyond: cuts from 0.95 to 0.995 change nothing that shows. */
const CUT = 0.975;
/** Heun's steps for each step of descent while eigenvalues are held, at least, two gradients each. */
const SUBSTEPS = 2;
/**
 * Part of 2/η by which a held eigenvalue may have left it when the eigenvectors are looked at again: where ∇³L changes so fast that it is more, that happens in
 * two, four, eight parts of each step, and in fewer again where it is far less, for the miss falls with the square.
 */
const PINNED = 5e-4;
const MOST_PARTS = 8;
const FAR_LESS = PINNED / 20;
/** Part of descent's swing below which a step is none. */
const AT_REST = 1e-6;
/** Of the quotient that settling asks about: it is 1 exactly at the threshold. */
const ROUNDING = 1e-9;

export const central = defineField({
  name: "central",
  label: "central flow",
  text: "The mean of descent at the edge of stability, θ' = −(∇L + ½∇⟨∇²L, Σ⟩) with 0 ⪯ Σ ⟂ (2/η)I − ∇²L ⪰ 0: Σ, the covariance of the oscillation, holds eigenvalues at 2/η; below it is gradient flow. Its columns: how many eigenvalues it watches, the largest ones, the variance along each of the oscillation's own directions, and settling, which is at most 1 where descent would spiral out of the balance (of one eigenvalue).",
  smoothness: 3,
  describesMean: true,
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
  // Third derivatives of all pairs; the basis of Lanczos and its images for two pairs more, and these pairs; states and velocities.
  vectors: ({ top }) => (top * (top + 1)) / 2 + 2 * (2 * (top + 2) + 10) + 2 * (top + 2) + 8,
  axes: ({ theta0 }, { top }) => Math.min(top, theta0.length),
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

/** ∇³L[u_i, u_j] for i ≤ j, by those of u and of u_i + u_j with themselves. */
async function thirdDerivatives(
  theta: Float64Array,
  vectors: readonly Float64Array[],
  thirds: Products,
): Promise<readonly Float64Array[]> {
  const k = vectors.length;
  const places = vectors.flatMap((_, i) => vectors.slice(i).map((_, j) => [i, i + j] as const));
  const directions = places.map(([i, j]) =>
    i === j ? vectors[i]! : vectors[i]!.map((value, at) => value + vectors[j]![at]!),
  );
  const squares = await thirds(theta, directions);
  const own = (i: number): Float64Array => squares[i * k - (i * (i - 1)) / 2]!;
  return places.map(([i, j], at) =>
    i === j ? squares[at]! : squares[at]!.map((value, n) => (value - own(i)[n]! - own(j)[n]!) / 2),
  );
}

async function centralFlow(
  { problem, theta0, learningRate: eta, memory, seed, compile }: FieldSubject,
  top: number,
): Promise<Walk> {
  const { family } = problem;
  const size = theta0.length;
  const own = () => new Float64Array(size);
  const velocityOf = await compile(family.flowField());
  const products = batchProducts((capacity) => family.hessianProducts(capacity), compile);
  const thirds = batchProducts((capacity) => family.thirdDerivatives(capacity), compile);
  const lossOf = await compile(family.lossGradient("free"));
  const state = memory.keep("central", {
    theta: theta0.slice(),
    /** Σ on the vectors watched, [k × k]. */
    sigma: new Float64Array(0) as Float64Array,
    /** Eigenvalues of ∇²L where the last step began, the largest first. */
    eigenvalues: [] as number[],
    watched: 0,
    /** Of a step, for each of which eigenvectors and third derivatives are found anew. */
    parts: 1,
  });
  const pairs = trackEigenpairs({
    ...{ size, memory, seed, products, most: Math.min(top, size), threshold: (CUT * 2) / eta },
  });
  const descend = async (theta: Float64Array, out: Float64Array): Promise<void> => {
    await velocityOf.run({ theta }, { velocity: out });
  };
  const next = own();
  const before = own();
  const ahead = own();
  const rates = [own(), own(), own(), own()] as const;

  /** `next` goes on by gradient flow, by a step of the classical method of order 4, at four gradients. */
  const flow = async (duration: number): Promise<void> => {
    for (const [k, part] of [0, 0.5, 0.5, 1].entries()) {
      ahead.set(next);
      if (k > 0) addScaled(ahead, rates[k - 1]!, part * duration);
      await descend(ahead, rates[k]!);
    }
    for (const [k, weight] of [1, 2, 2, 1].entries()) addScaled(next, rates[k]!, (weight / 6) * duration);
  };

  /** The same with these eigenvalues held, from a Σ near the one looked for; Σ afterwards, or null where nothing holds them. */
  const hold = async (
    duration: number,
    pairs: readonly RitzPair[],
    from: Float64Array,
  ): Promise<Float64Array | null> => {
    const vectors = pairs.map(({ vector }) => vector);
    const k = vectors.length;
    const p = packedSize(k);
    before.set(next);
    const derivatives = await thirdDerivatives(next, vectors, thirds);
    /** ⟨D, v⟩ */
    const along = (v: Float64Array): Float64Array => {
      const packed = new Float64Array(p);
      let at = 0;
      for (let i = 0; i < k; i++)
        for (let j = i; j < k; j++) packed[at] = dot(derivatives[at++]!, v) * (i === j ? 1 : Math.SQRT2);
      return unpack(packed, k);
    };
    if (from.every((value) => value === 0)) {
      await flow(duration);
      const moved = along(next.map((value, i) => value - before[i]!));
      const room = moved.map(
        (value, at) => (at % (k + 1) === 0 ? 2 / eta - pairs[at / (k + 1)]!.value : 0) - value,
      );
      if (symmetricEigen(room, k).values[0]! >= 0) return new Float64Array(k * k);
      next.set(before);
    }
    const substeps = Math.max(1, Math.round((SUBSTEPS * duration) / eta));
    const h = duration / substeps;
    const gram = gramOperator(derivatives, k).map((value) => (h / 2) * value);
    const projected = new Float64Array(k * k);
    pairs.forEach(({ value }, i) => {
      projected[i * k + i] = value;
    });
    let sigma: Float64Array = from.length === k * k ? from : new Float64Array(k * k);
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
    for (let substep = 0; substep < substeps; substep++) {
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
    const u = pairs.vectors()[0]!;
    const [slope] = (await thirds(theta, [u])) as [Float64Array];
    const size = normalise(slope);
    const [turned] = (await products(theta, [slope])) as [Float64Array];
    return dot(slope, turned) / (eta * sigma[0]! * size * size);
  };

  return {
    theta: state.theta,
    directions() {
      const { sigma, watched: k } = state;
      if (k === 0) return [];
      const { vectors } = symmetricEigen(sigma, k);
      return Array.from({ length: k }, (_, rank) => {
        const direction = own();
        for (let i = 0; i < k; i++)
          addScaled(direction, pairs.vectors()[i]!, vectors[(k - 1 - rank) * k + i]!);
        return direction;
      });
    },
    async step(): Promise<FieldFailure | null> {
      next.set(state.theta);
      let sigma = state.sigma;
      let found: Eigenpairs | null = null;
      let [watched, missed] = [0, 0];
      for (let part = 0; part < state.parts; part++) {
        const here = await pairs.at(next);
        found ??= here;
        const { above, isFull, converged } = here;
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
        if (sigma.some((value) => value !== 0))
          missed = Math.max(missed, Math.abs(((above[0]?.value ?? 0) * eta) / 2 - 1));
        watched = above.length;
        const duration = eta / state.parts;
        let held: Float64Array | null = new Float64Array(0);
        if (watched === 0) await flow(duration);
        else held = await hold(duration, above, sigma);
        if (held === null)
          return {
            status: "noSolution",
            message:
              "no Σ ⪰ 0 holds the eigenvalues at 2/η: where they would have to turn, their derivatives vanish.",
          };
        sigma = held;
      }
      if (!Number.isFinite(squaredNorm(next)))
        return { status: "nonFinite", message: "the state is no longer finite." };
      const moved = distance(next, state.theta);
      state.theta.set(next);
      state.sigma = sigma;
      state.watched = watched;
      state.eigenvalues = [...found!.above, ...found!.spare].map(({ value }) => value);
      if (missed > PINNED) state.parts = Math.min(MOST_PARTS, 2 * state.parts);
      else if (missed < FAR_LESS) state.parts = Math.max(1, state.parts / 2);
      if (watched !== 1 || moved > AT_REST * Math.sqrt(sigma[0]!)) return null;
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
