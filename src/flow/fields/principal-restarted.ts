/**
 * The principal flow beyond ηλ_max = 1, begun anew at every θ_k for the time η of one step (Rosca, Wu, Qin, Dherin 2023). Its logarithm is complex there,
 * ln(1 − ηλ) = ln|1 − ηλ| + iπ, and so is θ on the way; on a quadratic loss it is real again when the step ends, and descent's θ_{k+1}. Here the
 * eigenpairs stand still during a step, the principal flow goes along those of the largest eigenvalues, −∇L along the rest, and ∇L at θ + ib is
 * ∇L(θ) + i∇²L·b: networks know no complex parameters.
 */
import { z } from "zod";
import { blockLanczos } from "../../linalg/block-lanczos.js";
import { distance } from "../../linalg/norm.js";
import type { RitzPair } from "../../linalg/operator.js";
import { addScaled, dot, squaredNorm } from "../../linalg/vectors.js";
import { createRandom } from "../../random.js";
import { batchProducts } from "../batched.js";
import { defineField, type FieldFailure, type FieldSubject, type Walk } from "./field.js";

/** Runge–Kutta steps of order 4 in one step of descent; what is linear along the eigenvectors is exact. */
const SUBSTEPS = 4;
/** Of the largest eigenvalue; eigenvalues err by the square of it. */
const RESIDUAL = 1e-5;
const MOST_PRODUCTS = 300;
/** ln|1 − ηλ| is not let fall below it: at the pole, ηλ = 1, nothing is left of the deviation along that eigenvector to rounding. */
const LEAST_LOGARITHM = Math.log(Number.EPSILON);

export const principalRestarted = defineField({
  name: "principal-restarted",
  label: "principal, each step",
  text: "The principal flow from θ_{k−1} to θ_k at each compared step, along the eigenvectors of the largest eigenvalues, −∇L along the rest; so it has a meaning beyond ηλ_max = 1, and its distance is that of one step. Its columns: of each eigenpair λ, (∇Lᵀu)² and the coefficient Re ln(1 − ηλ)/(ηλ), which attracts where negative and repels where positive, from ηλ = 2 on; imaginary, how far from real it ends; gradientFlow, the distance of gradient flow from the same θ_{k−1}.",
  smoothness: 2,
  course: "walk",
  fields: {
    top: z
      .int()
      .min(1)
      .max(50)
      .default(5)
      .describe("Eigenpairs along which the principal flow goes; gradient flow along the rest."),
  },
  // The basis of Lanczos and its images, the pairs, and states of the step.
  vectors: ({ top }) => 2 * (2 * top + 10) + 2 * top + 12,
  columns: ({ theta0 }, { top }) => [
    "imaginary",
    "gradientFlow",
    ...["eigenvalue", "coefficient", "slope"].flatMap((name) =>
      Array.from({ length: Math.min(top, theta0.length) }, (_, k) => `${name}.${k + 1}`),
    ),
  ],
  create: (subject, { top }) => restarted(subject, top),
});

type Complex = readonly [number, number];

const times = ([a, b]: Complex, [c, d]: Complex): Complex => [a * c - b * d, a * d + b * c];
const plus = ([a, b]: Complex, [c, d]: Complex, factor = 1): Complex => [a + factor * c, b + factor * d];

/** One eigenpair at θ_{k−1}: u, λ, ∇Lᵀu and ln(1 − ηλ). */
interface Direction {
  readonly vector: Float64Array;
  readonly value: number;
  readonly slope: number;
  readonly logarithm: Complex;
}

function directionOf({ value, vector }: RitzPair, gradient: Float64Array, eta: number): Direction {
  const x = eta * value;
  const size = x < 1 ? Math.log1p(-x) : Math.max(Math.log(x - 1), LEAST_LOGARITHM);
  const logarithm: Complex = [Math.max(size, LEAST_LOGARITHM), x > 1 ? Math.PI : 0];
  return { vector, value, slope: dot(gradient, vector), logarithm };
}

/** ln(1 − ηλ)/(ηλ) */
function coefficient({ value, logarithm: [re, im] }: Direction, eta: number): Complex {
  return value === 0 ? [-1, 0] : [re / (eta * value), im / (eta * value)];
}

/** e^{s·ln(1 − ηλ)} */
function power({ logarithm: [re, im] }: Direction, s: number): Complex {
  return [Math.exp(s * re) * Math.cos(s * im), Math.exp(s * re) * Math.sin(s * im)];
}

/** What a quadratic loss goes along u in the part s of a step: (e^{s·ln(1 − ηλ)} − 1)·∇Lᵀu/λ. */
function linear(direction: Direction, s: number, eta: number): Complex {
  const { value, slope, logarithm } = direction;
  const [re, im] = power(direction, s);
  const less = logarithm[1] === 0 ? Math.expm1(s * logarithm[0]) : re - 1;
  return value === 0 ? [-eta * s * slope, 0] : [(less * slope) / value, (im * slope) / value];
}

/** What is left beside the linear part: along each u, and in the rest. */
interface Left {
  readonly along: readonly Complex[];
  readonly rest: Float64Array;
}

/**
 * The flow from θ for the time η: Lawson's form of the classical method of order 4, its exponentials those of the linear part.
 * @returns θ at its end, and the length of the imaginary part there
 */
async function flowOneStep(
  theta: Float64Array,
  directions: readonly Direction[],
  eta: number,
  gradientAt: (theta: Float64Array) => Promise<Float64Array>,
): Promise<{ readonly end: Float64Array; readonly imaginary: number }> {
  const h = eta / SUBSTEPS;
  const whole = (s: number, { along }: Left): Complex[] =>
    directions.map((direction, i) => plus(linear(direction, s, eta), along[i]!));
  const place = (s: number, left: Left): Float64Array => {
    const at = theta.map((value, i) => value + left.rest[i]!);
    whole(s, left).forEach(([re], i) => {
      addScaled(at, directions[i]!.vector, re);
    });
    return at;
  };
  /** The rates of what is left without its linear part. */
  const rates = async (s: number, left: Left): Promise<Left> => {
    const rest = (await gradientAt(place(s, left))).map((value) => -value);
    const moved = whole(s, left);
    const along = directions.map((direction, i): Complex => {
      const slope = -dot(rest, direction.vector);
      addScaled(rest, direction.vector, slope);
      const bent = slope - direction.slope - direction.value * moved[i]![0];
      return times(coefficient(direction, eta), [bent, 0]);
    });
    return { along, rest };
  };
  /** E^{part}·left */
  const pass = ({ along, rest }: Left, part: number): Left => ({
    along: along.map((value, i) => times(power(directions[i]!, part / SUBSTEPS), value)),
    rest,
  });
  const add = (a: Left, b: Left, factor: number): Left => {
    const rest = a.rest.slice();
    addScaled(rest, b.rest, factor);
    return { along: a.along.map((value, i) => plus(value, b.along[i]!, factor)), rest };
  };
  let left: Left = { along: directions.map(() => [0, 0]), rest: new Float64Array(theta.length) };
  for (let k = 0; k < SUBSTEPS; k++) {
    const at = (part: number) => (k + part) / SUBSTEPS;
    const first = await rates(at(0), left);
    const second = await rates(at(0.5), pass(add(left, first, h / 2), 0.5));
    const third = await rates(at(0.5), add(pass(left, 0.5), second, h / 2));
    const fourth = await rates(at(1), add(pass(left, 1), pass(third, 0.5), h));
    const middle = pass(add(second, third, 1), 0.5);
    left = add(add(add(pass(left, 1), pass(first, 1), h / 6), middle, h / 3), fourth, h / 6);
  }
  const imaginary = Math.hypot(...whole(1, left).map(([, im]) => im));
  return { end: place(1, left), imaginary };
}

async function restarted(
  { problem, theta0, settled, learningRate: eta, memory, seed, compile }: FieldSubject,
  top: number,
): Promise<Walk> {
  const { family } = problem;
  const P = theta0.length;
  // Descent's own beginning.
  const start = settled?.theta ?? theta0;
  const gradientOf = await compile(family.lossGradient("free"));
  const products = batchProducts((capacity) => family.hessianProducts(capacity), compile);
  const random = createRandom(seed).split("principal restarted");
  const state = memory.keep("principal restarted", {
    /** θ_k of descent and θ_{k−1}. */
    here: start.slice(),
    before: start.slice(),
    /** Where the flow from θ_{k−1} ends. */
    theta: start.slice(),
    vectors: [] as Float64Array[],
    random: random.position(),
    said: {} as Record<string, number>,
  });
  if (memory.isResumed) random.setPosition(state.random);
  const gradient = new Float64Array(P);
  const gradientAt = async (theta: Float64Array): Promise<Float64Array> => {
    await gradientOf.run({ theta }, { gradient });
    return gradient;
  };

  const eigenpairs = async (theta: Float64Array): Promise<readonly RitzPair[] | null> => {
    const operator = { size: P, applyAll: (vectors: readonly Float64Array[]) => products(theta, vectors) };
    const { largest, converged } = await blockLanczos({
      ...{ operator, start: state.vectors, largest: top, smallest: 0, tolerance: RESIDUAL },
      ...{ maxProducts: MOST_PRODUCTS, normal: random.normal },
    });
    state.vectors = largest.map(({ vector }) => vector.slice());
    state.random = random.position();
    return converged ? largest : null;
  };

  return {
    theta: state.theta,
    from: state.before,
    async step(): Promise<FieldFailure | null> {
      await gradientAt(state.here);
      if (!Number.isFinite(squaredNorm(gradient)))
        return { status: "nonFinite", message: "∇L at the state of descent is not finite." };
      state.before.set(state.here);
      addScaled(state.here, gradient, -eta);
      return null;
    },
    async arrive(): Promise<FieldFailure | null> {
      const { before } = state;
      const pairs = await eigenpairs(before);
      if (pairs === null)
        return {
          status: "notConverged",
          message: `the ${top} largest eigenpairs of ∇²L were not found with the work allowed; lower compare.principal-restarted.top.`,
        };
      const start = (await gradientAt(before)).slice();
      const directions = pairs.map((pair) => directionOf(pair, start, eta));
      const { end, imaginary } = await flowOneStep(before, directions, eta, gradientAt);
      const plain = await flowOneStep(before, [], eta, gradientAt);
      if (!Number.isFinite(squaredNorm(end)))
        return { status: "nonFinite", message: "its state is no longer finite within one step." };
      state.theta.set(end);
      state.said = { imaginary, gradientFlow: distance(plain.end, state.here) };
      directions.forEach((direction, i) => {
        state.said[`eigenvalue.${i + 1}`] = direction.value;
        state.said[`coefficient.${i + 1}`] = coefficient(direction, eta)[0];
        state.said[`slope.${i + 1}`] = direction.slope ** 2;
      });
      return null;
    },
    predict: async () => state.said,
  };
}
