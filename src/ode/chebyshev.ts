/**
 * Coefficients of the stabilised methods RKC2 and TSRKC3 for any number of stages s, from closed formulas in Chebyshev polynomials
 * T_j at w0 > 1. Their stability interval on the negative axis grows like s², so a step costs √(hρ) evaluations.
 * `test/ode/chebyshev.test.ts` checks order, stability interval and internal stability up to s = 500.
 */

/**
 * One step of the three-term recurrence. With f_0 = f(t, y) and Y_0 = y:
 * Y_1 = y + hμ̃_1 f_0, Y_j = (1 − μ_j − ν_j)y + μ_jY_{j−1} + ν_jY_{j−2} + hμ̃_j(f(t + c_{j−1}h, Y_{j−1}) − a_{j−1}f_0).
 * The new solution is Y_s + history·(y_{n−1} − y) + (share − 1)(Y_s − y): one step methods have history 0 and share 1.
 */
export interface ChebyshevCoefficients {
  readonly stages: number;
  /** Indexed by j = 1 … s; μ_1 and ν_1 are not used. */
  readonly mu: Float64Array;
  readonly nu: Float64Array;
  readonly muTilde: Float64Array;
  /** a_j, j = 0 … s. */
  readonly a: Float64Array;
  /** Times of the stages, j = 0 … s. */
  readonly c: Float64Array;
  readonly share: number;
  readonly history: number;
}

/** Damping of RKC2, ε in w0 = 1 + ε/s² (Sommeijer, Shampine, Verwer 1998). */
const RKC2_DAMPING = 2 / 13;
/** T_s(w0) of TSRKC3, and its inverse hyperbolic cosine (Moisa 2025). */
const TSRKC3_LEVEL = 1.25;
const TSRKC3_ANGLE = Math.LN2;

/** Fewest stages of RKC2 for a step with hρ: stability reaches about 0.653(s² − 1), of which 1/1.54 is used. */
export function rkc2Stages(hRho: number): number {
  return Math.max(2, 1 + Math.floor(Math.sqrt(1 + 1.54 * hRho)));
}

/** Largest hρ for which `rkc2Stages` gives at most s. */
export function rkc2Reach(s: number): number {
  return ((s - 1e-9) ** 2 - 1) / 1.54;
}

/** Length of TSRKC3's stability interval relative to s², as its stage rule inverts it, at the step ratio q = h_{n−1}/h. */
function tsrkc3Ratio(q: number): number {
  return 1.26702979 * (1 - q + Math.sqrt(1 + q * (0.44256221 + q)));
}

/** Fewest stages of TSRKC3 for a step with hρ after one of q·h. */
export function tsrkc3Stages(hRho: number, q: number): number {
  return 1 + Math.floor(Math.sqrt(4 + tsrkc3Ratio(q) * hRho));
}

/** Largest hρ for which `tsrkc3Stages` gives at most s. */
export function tsrkc3Reach(s: number, q: number): number {
  return ((s - 1e-9) ** 2 - 4) / tsrkc3Ratio(q);
}

/** T_j, T_j' and T_j'' at w0 for j = 0 … s, by their recurrences: all terms are positive, so nothing cancels. */
function chebyshev(w0: number, s: number) {
  const value = new Float64Array(s + 1);
  const first = new Float64Array(s + 1);
  const second = new Float64Array(s + 1);
  value[0] = 1;
  value[1] = w0;
  first[1] = 1;
  for (let j = 2; j <= s; j++) {
    value[j] = 2 * w0 * value[j - 1]! - value[j - 2]!;
    first[j] = 2 * w0 * first[j - 1]! - first[j - 2]! + 2 * value[j - 1]!;
    second[j] = 2 * w0 * second[j - 1]! - second[j - 2]! + 4 * first[j - 1]!;
  }
  return { value, first, second };
}

/** The recurrence from b_0 … b_s: stage j has the stability function 1 − b_jT_j(w0) + b_jT_j(w0 + w1 z). */
function recurrence(
  b: Float64Array,
  polynomials: ReturnType<typeof chebyshev>,
  w0: number,
  w1: number,
  share: number,
  history: number,
): ChebyshevCoefficients {
  const s = b.length - 1;
  const { value, first } = polynomials;
  const coefficients = () => new Float64Array(s + 1);
  const [mu, nu, muTilde, a, c] = [
    coefficients(),
    coefficients(),
    coefficients(),
    coefficients(),
    coefficients(),
  ];
  a[0] = 1 - b[0]!;
  for (let j = 1; j <= s; j++) {
    a[j] = 1 - b[j]! * value[j]!;
    c[j] = b[j]! * w1 * first[j]!;
    if (j === 1) muTilde[j] = b[1]! * w1;
    else {
      mu[j] = (2 * w0 * b[j]!) / b[j - 1]!;
      nu[j] = -b[j]! / b[j - 2]!;
      muTilde[j] = (2 * w1 * b[j]!) / b[j - 1]!;
    }
  }
  return { stages: s, mu, nu, muTilde, a, c, share, history };
}

const rkc2Known = new Map<number, ChebyshevCoefficients>();

/** RKC2 with s ≥ 2 stages: Sommeijer, Shampine, Verwer, RKC: an explicit solver for parabolic PDEs, J. Comp. Appl. Math. 88 (1998). */
export function rkc2Coefficients(s: number): ChebyshevCoefficients {
  const known = rkc2Known.get(s);
  if (known !== undefined) return known;
  const w0 = 1 + RKC2_DAMPING / s ** 2;
  const polynomials = chebyshev(w0, s);
  const w1 = polynomials.first[s]! / polynomials.second[s]!;
  const b = secondOrderWeights(polynomials, s);
  b[0] = b[2]!;
  b[1] = b[2]!;
  const made = recurrence(b, polynomials, w0, w1, 1, 0);
  rkc2Known.set(s, made);
  return made;
}

/** b_j = T_j''/T_j'² for j ≥ 2: stage j is then consistent to second order at its own time. */
function secondOrderWeights({ first, second }: ReturnType<typeof chebyshev>, s: number): Float64Array {
  const b = new Float64Array(s + 1);
  for (let j = 2; j <= s; j++) b[j] = second[j]! / first[j]! ** 2;
  return b;
}

const tsrkc3Known = new Map<
  number,
  { w0: number; b: Float64Array; polynomials: ReturnType<typeof chebyshev> }
>();

/**
 * TSRKC3 with s ≥ 3 stages after a step of q·h: third order from two steps. Moisa, Third-order two-step Runge–Kutta–Chebyshev
 * methods, J. Comp. Appl. Math. (2025), doi 10.1016/j.cam.2024.116291.
 */
export function tsrkc3Coefficients(s: number, q: number): ChebyshevCoefficients {
  let known = tsrkc3Known.get(s);
  if (known === undefined) {
    const w0 = Math.cosh(TSRKC3_ANGLE / s);
    const polynomials = chebyshev(w0, s);
    const b = secondOrderWeights(polynomials, s);
    b[0] = Math.sinh(((s - 2) * TSRKC3_ANGLE) / s) / (4 * Math.sinh(((s - 1) * TSRKC3_ANGLE) / s));
    b[1] = b[0]!;
    b[2] = 15 / (8 * w0) ** 2;
    known = { w0, b, polynomials };
    tsrkc3Known.set(s, known);
  }
  const { w0, b, polynomials } = known;
  // D = w0² − 1 and the derivatives of T_s at w0, from w0 − 1 without cancellation.
  const D = 2 * Math.sinh(TSRKC3_ANGLE / (2 * s)) ** 2 * (w0 + 1);
  const d = (0.75 * s) / Math.sqrt(D);
  const d2 = (TSRKC3_LEVEL * s ** 2 - w0 * d) / D;
  const d3 = ((1 + 2 * w0 ** 2 + s ** 2 * D) * d - 3 * TSRKC3_LEVEL * w0 * s ** 2) / D ** 2;
  const half = (1 - q) * d2;
  const w1 = (half + Math.sqrt(half ** 2 + 4 * q * d * d3)) / (2 * d3);
  const slope = (1 + q) / (q * d + w1 * d2);
  const history = (slope * d - 1) / q;
  return recurrence(b, polynomials, w0, w1, slope / (b[s]! * w1), history);
}
