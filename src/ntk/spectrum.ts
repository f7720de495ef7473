/** What is said of the kernel at one instant: extreme eigenvalues with what they are worth, trace, ranks, the residual in its modes. */
import { NumericalError } from "../errors.js";
import { inverseIteration } from "../linalg/inverse-iteration.js";
import { lanczos } from "../linalg/krylov.js";
import { measurePair, type RitzPair } from "../linalg/operator.js";
import { dot, normalise, squaredNorm } from "../linalg/vectors.js";
import type { Random } from "../random.js";
import type { RankCap } from "./caps.js";
import { type DenseMethod, denseSpectrum, type Pause } from "./dense.js";
import type { TangentKernel } from "./kernel.js";
import type { KernelState } from "./scalars.js";

export type SpectrumMethod = DenseMethod | "lanczos";

/** λ_min and how far it can be believed. */
export interface LambdaMin {
  readonly value: number;
  /** What found it: a dense method, `lanczos`, `inverse` (inverse iteration), or `structure` where a rank cap forces it. */
  readonly method: DenseMethod | "lanczos" | "inverse" | "structure";
  /** Dense: bound on the error of the value, those of J's entries included. Iterative: ‖Gv − λv‖ and its rounding. Zero for an exact zero. */
  readonly residual: number;
  /** λ_min is at most this, whatever its kind: the value with what rounding may hide. */
  readonly upper: number;
  /** `certified`: value ± residual. `upper-bound`: nothing is known but `upper`. */
  readonly kind: "exact-zero" | "certified" | "upper-bound";
  /** The floor of the method: it cannot tell a smaller eigenvalue from zero. */
  readonly resolvable: number;
  /** Why it is zero exactly; null otherwise. */
  readonly reason: string | null;
}

export interface KernelSpectrum {
  readonly method: SpectrumMethod;
  readonly lambdaMin: LambdaMin;
  /** A lower bound of the largest eigenvalue, `residual` as above. */
  readonly lambdaMax: { readonly value: number; readonly residual: number };
  readonly trace: number;
  /** (Σλ)²/Σλ²: how many modes share the trace. */
  readonly effectiveRank: number;
  /** λ_max/λ_min; null where λ_min is zero or not resolved. */
  readonly conditionNumber: number | null;
  /** rᵀGr/‖r‖² */
  readonly lambdaEff: number;
  /** ‖G − G₀‖/‖G₀‖ in the Frobenius norm, 0 without a G₀. */
  readonly drift: number;
  /** Which of trace, effective rank and drift are averages over random probes and not exact. */
  readonly estimated: readonly ("trace" | "effectiveRank" | "drift")[];
  /** Descending: all of them by a dense method, the largest ones by Lanczos. */
  readonly eigenvalues: Float64Array;
  /** u_iᵀr of the same modes. */
  readonly coefficients: Float64Array;
  /** Those modes as rows; null where they were not asked for. */
  readonly vectors: Float64Array | null;
  /** Where the next time may start from. */
  readonly warm: Warmth;
}

/** What one time hands to the next; opaque to callers. */
export interface Warmth {
  readonly smallest: Float64Array | null;
  readonly largest: Float64Array | null;
  /** G₀, or G₀ times each probe. */
  readonly first: Float64Array | readonly Float64Array[] | null;
}

export const COLD: Warmth = Object.freeze({ smallest: null, largest: null, first: null });

export interface SpectrumOptions {
  readonly kernel: TangentKernel;
  readonly state: KernelState;
  /** r = F − y */
  readonly residual: Float64Array;
  readonly method: SpectrumMethod;
  readonly caps: readonly RankCap[];
  /** Largest eigenvalues that Lanczos reports. */
  readonly modes: number;
  readonly vectors: boolean;
  /** Lanczos: relative residual at which an eigenvalue counts as found. */
  readonly tolerance: number;
  /** Lanczos: kernel products that λ_min may cost at one time. */
  readonly products: number;
  /** Of probes and start vectors. */
  readonly random: Random;
  readonly warm: Warmth;
  readonly onProduct?: (products: number, budget: number) => void;
  readonly signal?: AbortSignal;
  /** Dense methods: called now and then; what it throws ends the measurement. */
  readonly pause?: Pause;
}

/** Krylov vectors kept at once; larger bases cost more in reorthogonalisation than they save in products. */
export const LANCZOS_BASIS = 60;
/** Random probes of trace, Frobenius norm and drift; their relative error is about √(2/(probes·effective rank)). */
export const PROBES = 8;
/** Of the products for λ_min; measured on a 50-40-40-10 tanh network, nM = 1 500. */
const LANCZOS_SHARE = 0.8;
/** Products that λ_max may cost; ten to thirty are usual. */
const LARGEST_PRODUCTS = 300;

/** @throws NumericalError where the kernel is not finite */
export async function measureSpectrum(options: SpectrumOptions): Promise<KernelSpectrum> {
  return options.method === "lanczos" ? measureByLanczos(options) : measureDensely(options, options.method);
}

/** The λ_min that a cap forces; null where none does. `resolvable` holds for the other eigenvalues that the cap makes zero. */
function structuralZero(caps: readonly RankCap[], size: number, resolvable: number): LambdaMin | null {
  const cap = caps.find(({ rank }) => rank < size);
  if (cap === undefined) return null;
  return {
    ...{ value: 0, method: "structure", residual: 0, upper: 0, kind: "exact-zero", resolvable },
    reason: `rank J ≤ ${cap.rank} < nM = ${size}: ${cap.reason}`,
  };
}

async function measureDensely(options: SpectrumOptions, method: DenseMethod): Promise<KernelSpectrum> {
  const { kernel, state, residual, caps, vectors, warm } = options;
  const found = await denseSpectrum(kernel, state, residual, {
    ...{ method, vectors, gram: true },
    pause: options.pause,
  });
  const { values, coefficients, resolvable, gram } = found;
  const n = kernel.size;
  const smallest = values[n - 1] as number;
  const error = found.errorOf(smallest);
  const lambdaMin: LambdaMin = structuralZero(caps, n, resolvable) ?? {
    value: smallest,
    method,
    residual: error,
    upper: smallest + error,
    kind: error < smallest / 2 ? "certified" : "upper-bound",
    resolvable,
    reason: null,
  };
  let trace = 0;
  let squares = 0;
  let weighted = 0;
  values.forEach((value, k) => {
    trace += value;
    squares += value * value;
    weighted += value * (coefficients[k] as number) ** 2;
  });
  if (!Number.isFinite(trace))
    throw new NumericalError("the tangent kernel is not finite: its entries overflow.");
  const first = (warm.first as Float64Array | null) ?? gram;
  return {
    method,
    lambdaMin,
    lambdaMax: { value: values[0] as number, residual: found.errorOf(values[0] as number) },
    trace,
    effectiveRank: trace ** 2 / squares,
    conditionNumber: conditionOf(values[0] as number, lambdaMin),
    lambdaEff: weighted / squaredNorm(residual),
    drift: relativeDistance(gram as Float64Array, first as Float64Array),
    estimated: [],
    eigenvalues: values,
    coefficients,
    vectors: found.vectors,
    warm: { smallest: null, largest: null, first },
  };
}

async function measureByLanczos(options: SpectrumOptions): Promise<KernelSpectrum> {
  const { kernel, state, residual, caps, modes, tolerance, warm, random, signal } = options;
  const n = kernel.size;
  const operator = await kernel.operator(state);
  const report = (products: number): void => options.onProduct?.(products, options.products);
  const shared = { operator, tolerance, ...(signal && { signal }) };
  const top = await lanczos({
    ...shared,
    start: warm.largest ?? probe(random, "largest", n),
    largest: modes,
    required: { largest: 1 },
    smallest: 0,
    basis: Math.max(LANCZOS_BASIS, 3 * modes),
    maxProducts: LARGEST_PRODUCTS,
  });
  const largest = top.largest[0] as RitzPair;
  const resolved = top.largest.filter(({ value, residual: defect }) => defect <= 10 * tolerance * value);
  const resolvable = 4 * Number.EPSILON * Math.sqrt(n) * largest.value;
  let lambdaMin = structuralZero(caps, n, resolvable);
  let smallest: Float64Array | null = null;
  if (lambdaMin === null) {
    const found = await smallestPair(options, shared, report);
    smallest = found.pair.vector;
    const { value, residual: defect } = found.pair;
    // vᵀGv = ‖Jᵀv‖² for any v of length 1 bounds λ_min from above, up to how well that length is known.
    const error = await kernel.lengthError(state, smallest, Math.sqrt(Math.max(value, 0)));
    lambdaMin = {
      value,
      method: found.method,
      residual: defect + 4 * Number.EPSILON * Math.sqrt(n) * largest.value,
      upper: (Math.sqrt(Math.max(value, 0)) + error) ** 2,
      kind: "upper-bound",
      resolvable: error ** 2,
      reason: null,
    };
  }
  // trace G = E vᵀGv, ‖G‖² = E‖Gv‖², ‖G − G₀‖² = E‖Gv − G₀v‖² over random signs v (Hutchinson 1990).
  const before = warm.first as readonly Float64Array[] | null;
  const images: Float64Array[] = [];
  let trace = 0;
  let squares = 0;
  let moved = 0;
  let norm0 = 0;
  for (let k = 0; k < PROBES; k++) {
    const v = signs(random.split(`probe-${k}`), n);
    const image = new Float64Array(n);
    trace += (await operator.apply(v, image)) / PROBES;
    squares += squaredNorm(image) / PROBES;
    const initial = before?.[k] ?? image;
    for (let i = 0; i < n; i++) moved += ((image[i] as number) - (initial[i] as number)) ** 2;
    norm0 += squaredNorm(initial);
    images.push(image);
  }
  const diagonal = state.held.length === 0 ? await kernel.squares(state) : null;
  if (diagonal !== null) trace = diagonal.reduce((sum, value) => sum + value, 0);
  const onto = new Float64Array(n);
  const energy = await operator.apply(residual, onto);
  const vectors = new Float64Array(resolved.length * n);
  resolved.forEach(({ vector }, k) => {
    vectors.set(vector, k * n);
  });
  return {
    method: "lanczos",
    lambdaMin,
    lambdaMax: { value: largest.value, residual: largest.residual },
    trace,
    effectiveRank: trace ** 2 / squares,
    conditionNumber: conditionOf(largest.value, lambdaMin),
    lambdaEff: energy / squaredNorm(residual),
    drift: Math.sqrt(moved / norm0),
    estimated: diagonal === null ? ["trace", "effectiveRank", "drift"] : ["effectiveRank", "drift"],
    eigenvalues: Float64Array.from(resolved, ({ value }) => value),
    coefficients: Float64Array.from(resolved, ({ vector }) => dot(vector, residual)),
    vectors: options.vectors ? vectors : null,
    warm: { smallest, largest: largest.vector, first: before ?? images },
  };
}

/**
 * Lanczos from the last time's vector, where there is one, gets the better bound per product; inverse iteration then halves
 * the residual more cheaply, and gets the rest of the budget.
 */
async function smallestPair(
  { products, warm, random, kernel }: SpectrumOptions,
  shared: Pick<Parameters<typeof lanczos>[0], "operator" | "tolerance" | "signal">,
  onProduct: (products: number) => void,
): Promise<{ pair: RitzPair; method: "lanczos" | "inverse" }> {
  const low = await lanczos({
    ...shared,
    onProduct,
    start: warm.smallest ?? probe(random, "smallest", kernel.size),
    largest: 0,
    smallest: 1,
    basis: LANCZOS_BASIS,
    maxProducts: Math.ceil(LANCZOS_SHARE * products),
  });
  // Looked at by one product more: the values of the recurrence are good to ε·λ_max only, and its residuals as well.
  const found = await measurePair(shared.operator, (low.smallest[0] as RitzPair).vector);
  if (low.converged) return { pair: found, method: "lanczos" };
  const { pair } = await inverseIteration({
    ...shared,
    start: found.vector,
    maxProducts: products - low.products,
    onProduct: (count) => onProduct(low.products + count),
  });
  return pair.value <= found.value ? { pair, method: "inverse" } : { pair: found, method: "lanczos" };
}

function conditionOf(largest: number, { value, kind, resolvable }: LambdaMin): number | null {
  return kind !== "exact-zero" && value > resolvable ? largest / value : null;
}

function relativeDistance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  let norm = 0;
  for (let i = 0; i < a.length; i++) {
    sum += ((a[i] as number) - (b[i] as number)) ** 2;
    norm += (b[i] as number) ** 2;
  }
  return Math.sqrt(sum / norm);
}

function probe(random: Random, name: string, n: number): Float64Array {
  const stream = random.split(name);
  const v = Float64Array.from({ length: n }, () => stream.normal());
  normalise(v);
  return v;
}

function signs(random: Random, n: number): Float64Array {
  return Float64Array.from({ length: n }, () => (random.uniform() < 0.5 ? -1 : 1));
}
