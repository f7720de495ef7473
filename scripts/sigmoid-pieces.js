/**
 * Prints the sigmoid's piecewise-polynomial approximations that configs/study/sigmoid.yaml uses: on six pieces between −12
 * and 12 the polynomial of degree d through d + 1 Chebyshev–Lobatto points (the ends among them, so that pieces meet), constant beyond.
 *   node scripts/sigmoid-pieces.js
 */
const BREAKPOINTS = [-12, -6, -3, 0, 3, 6, 12];
const sigmoid = (z) => 1 / (1 + Math.exp(-z));

for (const degree of [1, 2, 3, 5]) {
  const inner = BREAKPOINTS.slice(1).map((right, k) => interpolate(BREAKPOINTS[k], right, degree));
  const coefficients = [[sigmoid(-12)], ...inner, [sigmoid(12)]];
  const error = largestError(coefficients);
  console.log(`# degree ${degree}: largest error ${error.toExponential(2)} on [−16, 16]`);
  console.log(
    `{ kind: piecewise-polynomial, breakpoints: ${list(BREAKPOINTS)}, coefficients: [${coefficients.map(list).join(", ")}] }`,
  );
}

/** Coefficients of 1, z, z², … by Newton's divided differences, expanded. */
function interpolate(left, right, degree) {
  const nodes = Array.from(
    { length: degree + 1 },
    (_, j) => (left + right) / 2 - ((right - left) / 2) * Math.cos((Math.PI * j) / degree),
  );
  [nodes[0], nodes[degree]] = [left, right];
  const differences = nodes.map(sigmoid);
  for (let order = 1; order <= degree; order++)
    for (let j = degree; j >= order; j--)
      differences[j] = (differences[j] - differences[j - 1]) / (nodes[j] - nodes[j - order]);
  let polynomial = [differences[degree]];
  for (let j = degree - 1; j >= 0; j--) {
    const shifted = [0, ...polynomial];
    polynomial = shifted.map(
      (value, k) => value - nodes[j] * (polynomial[k] ?? 0) + (k === 0 ? differences[j] : 0),
    );
  }
  return polynomial;
}

function largestError(coefficients) {
  let error = 0;
  for (let z = -16; z <= 16; z += 1e-3) {
    const piece = BREAKPOINTS.filter((b) => b <= z).length;
    const value = coefficients[piece].reduceRight((sum, c) => sum * z + c, 0);
    error = Math.max(error, Math.abs(value - sigmoid(z)));
  }
  return error;
}

function list(numbers) {
  return `[${numbers.map((value) => Number(value.toPrecision(15))).join(", ")}]`;
}
