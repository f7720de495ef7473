/**
 * erf in float64 by rational functions on four intervals of |x|, with an error below 1 in 10¹⁵ of the value: coefficients of W. J. Cody's and
 * Sun's fdlibm (s_erf.c, 1993). As data, for the engines lower the same intervals.
 */

/** P and Q of P(u)/Q(u), from the constant up. */
export interface Quotient {
  readonly p: readonly number[];
  readonly q: readonly number[];
}

/** erf x = x + x·P(x²)/Q(x²) for |x| below ERF_SMALL. */
export const ERF_SMALL = 0.84375;
export const erfSmall: Quotient = {
  p: [
    0.12837916709551256, -0.3250421072470015, -0.02848174957559851, -0.005770270296489442,
    -2.3763016656650163e-5,
  ],
  q: [
    1, 0.39791722395915535, 0.0650222499887673, 0.005081306281875766, 0.00013249473800432164,
    -3.960228278775368e-6,
  ],
};

/** erf |x| = ERF_ONE + P(|x| − 1)/Q(|x| − 1) from there to ERF_MIDDLE. */
export const ERF_MIDDLE = 1.25;
export const ERF_ONE = 0.8450629115104675;
export const erfMiddle: Quotient = {
  p: [
    -0.0023621185607526594, 0.41485611868374833, -0.3722078760357013, 0.31834661990116175,
    -0.11089469428239668, 0.035478304325618236, -0.002166375594868791,
  ],
  q: [
    1, 0.10642088040084423, 0.540397917702171, 0.07182865441419627, 0.12617121980876164, 0.01363708391202905,
    0.011984499846799107,
  ],
};

/** erf |x| = 1 − e^{−x² − 0.5625 + P(1/x²)/Q(1/x²)}/|x| beyond, by one quotient to ERF_LARGE and another from there. */
export const ERF_LARGE = 1 / 0.35;
export const erfLarge: Quotient = {
  p: [
    -0.009864944034847148, -0.6938585727071818, -10.558626225323291, -62.375332450326006, -162.39666946257347,
    -184.60509290671104, -81.2874355063066, -9.814329344169145,
  ],
  q: [
    1, 19.651271667439257, 137.65775414351904, 434.56587747522923, 645.3872717332679, 429.00814002756783,
    108.63500554177944, 6.570249770319282, -0.0604244152148581,
  ],
};
export const erfTail: Quotient = {
  p: [
    -0.0098649429247001, -0.799283237680523, -17.757954917754752, -160.63638485582192, -637.5664433683896,
    -1025.0951316110772, -483.5191916086514,
  ],
  q: [
    1, 30.33806074348246, 325.7925129965739, 1536.729586084437, 3199.8582195085955, 2553.0504064331644,
    474.52854120695537, -22.44095244658582,
  ],
};

const polynomial = (coefficients: readonly number[], u: number): number =>
  coefficients.reduceRight((sum, coefficient) => sum * u + coefficient, 0);

const quotient = ({ p, q }: Quotient, u: number): number => polynomial(p, u) / polynomial(q, u);

export function erf(x: number): number {
  const size = Math.abs(x);
  if (size < ERF_SMALL) return x + x * quotient(erfSmall, x * x);
  const sign = Math.sign(x);
  if (size < ERF_MIDDLE) return sign * (ERF_ONE + quotient(erfMiddle, size - 1));
  const u = 1 / (x * x);
  const exponent = quotient(size < ERF_LARGE ? erfLarge : erfTail, u) - 0.5625 - x * x;
  return sign * (1 - Math.exp(exponent) / size);
}
