// The coefficients of ROCK4 for any number of stages s ≥ 5, as Abdulle (SIAM J. Sci. Comput. 23, 2002) constructs the method: the stability
// function is w(x)P(x), x = 1 + z/(D s²), with P of degree s − 4 orthogonal for w²/√(1 − x²) and w of degree 4 with two complex pairs of zeros, chosen so
// that it agrees with eᶻ to order 4. P gives a three-term recurrence, w a finishing method of four stages that meets the conditions of order 4.

/** D: as long as the ripples stay below 0.85. The stability interval is 2 D s². */
const scale = (s) => 0.17 - 1.32 / s ** 2;
/** Zeros of w in the limit s → ∞, as s²(1 − Re x) and s² Im x: where Newton's iteration starts. */
const LIMIT = [14.8, 7.8, 1.8, 21.2];

/** Largest hρ that s stages carry. */
export const reach = (s) => 2 * scale(s) * s ** 2;

const known = new Map();

export function rock4(s) {
  const made = known.get(s) ?? construct(s);
  known.set(s, made);
  return made;
}

function construct(s) {
  const n = s - 4;
  const D = scale(s) * s ** 2;
  const zeros = newton((u) => orderDefects(u, s, D), LIMIT);
  const { A, C } = orthogonal(weight(zeros, s), n);
  const P = [1];
  for (let j = 0; j < n; j++) P.push(2 * (1 - A[j]) * P[j] - (j ? C[j] * P[j - 1] : 0));
  const ratio = P.slice(0, n).map((p, j) => p / P[j + 1]);
  const mu = ratio.map((r) => (2 * r) / D);
  const kappa = ratio.map((r, j) => 2 * r * (1 - A[j]));
  const wanted = remaining(elementaryWeights(mu, kappa));
  const finishing = finish(wanted);
  return { s, mu, kappa, finishing, estimate: estimator(finishing, wanted) };
}

/** w(x) as a function of x, from scaled zeros. */
const weight = ([a, b, c, d], s) => {
  const [p, q] = [1 - a / s ** 2, 1 - c / s ** 2];
  return (x) => ((x - p) ** 2 + (b / s ** 2) ** 2) * ((x - q) ** 2 + (d / s ** 2) ** 2);
};

/** p_{j+1} = 2(x − A_j)p_j − C_j p_{j−1}, by Stieltjes' procedure on Gauss–Chebyshev nodes, enough of them to be exact. */
function orthogonal(w, n) {
  const nodes = Array.from({ length: n + 6 }, (_, k) => Math.cos((Math.PI * (k + 0.5)) / (n + 6)));
  const squares = nodes.map((x) => w(x) ** 2);
  const [A, C] = [[], []];
  let [previous, current, before] = [nodes.map(() => 0), nodes.map(() => 1), 1];
  for (let j = 0; j < n; j++) {
    const norm = current.reduce((sum, p, k) => sum + p * p * squares[k], 0);
    A.push(current.reduce((sum, p, k) => sum + p * p * squares[k] * nodes[k], 0) / norm);
    C.push(norm / before);
    before = norm;
    const c = j === 0 ? 0 : C[j];
    [previous, current] = [current, current.map((p, k) => 2 * (nodes[k] - A[j]) * p - c * previous[k])];
  }
  return { A, C };
}

/** k!·R_k/D^k − 1 for k = 1 … 4, R_k the Taylor coefficients of w P at x = 1 relative to its value there. */
function orderDefects(u, s, D) {
  const { A, C } = orthogonal(weight(u, s), s - 4);
  let [previous, current] = [
    [0, 0, 0, 0, 0],
    [1, 0, 0, 0, 0],
  ];
  for (let j = 0; j < A.length; j++) {
    const next = current.map(
      (p, k) => 2 * (1 - A[j]) * p + (k ? 2 * current[k - 1] : 0) - (j ? C[j] * previous[k] : 0),
    );
    // Only ratios matter.
    [previous, current] = [current.map((p) => p / next[0]), next.map((p) => p / next[0])];
  }
  const times = (p, q) => p.map((_, k) => p.slice(0, k + 1).reduce((sum, x, i) => sum + x * q[k - i], 0));
  const factor = (re, im) => [(re ** 2 + im ** 2) / s ** 4, (2 * re) / s ** 2, 1, 0, 0];
  const R = times(times(current, factor(u[0], u[1])), factor(u[2], u[3]));
  return [1, 2, 6, 24].map((factorial, i) => (factorial * R[i + 1]) / R[0] / D ** (i + 1) - 1);
}

/** Newton's iteration with a Jacobian by differences, halving steps that do not help. */
function newton(f, start) {
  let u = start;
  let r = f(u);
  const size = (v) => Math.hypot(...v);
  for (let i = 0; i < 100 && size(r) > 1e-13; i++) {
    const columns = u.map((x, j) => {
      const h = 1e-6 * (1 + Math.abs(x));
      const moved = f(u.map((y, k) => (k === j ? y + h : y)));
      return moved.map((y, k) => (y - r[k]) / h);
    });
    const d = solveLinear(
      r.map((_, k) => columns.map((column) => column[k])),
      r.map((y) => -y),
    );
    let share = 1;
    while (share > 1e-6 && !(size(f(u.map((x, j) => x + share * d[j]))) < size(r))) share /= 2;
    if (share <= 1e-6) break;
    u = u.map((x, j) => x + share * d[j]);
    r = f(u);
  }
  if (!(size(r) < 1e-9)) throw new Error(`rock4: no zeros found (${size(r)}).`);
  return u;
}

/** Elementary weights of the recurrence's end, by tree: c, [τ]; [τ,τ], [[τ]]; [τ,τ,τ], [τ,[τ]], [[τ,τ]], [[[τ]]]. */
function elementaryWeights(mu, kappa) {
  let before = Array(8).fill(0);
  let now = before;
  for (let j = 0; j < mu.length; j++) {
    const [c, a, cc, aa] = now;
    const field = [1, c, c * c, a, c ** 3, c * a, cc, aa];
    const next = now.map((x, k) => mu[j] * field[k] + kappa[j] * x + (1 - kappa[j]) * before[k]);
    [before, now] = [now, next];
  }
  return now;
}

/** What is left for the finishing method, by the composition of B-series: Σb, Σbc, Σbc², Σbac, Σbc³, Σbcac, Σbac², Σbaac. */
function remaining([c, a, cc, aa, ccc, ca, acc, aaa]) {
  const b = 1 - c;
  const bc = 1 / 2 - a - c * b;
  const bcc = 1 / 3 - cc - b * c ** 2 - 2 * c * bc;
  const bac = 1 / 6 - aa - b * a - bc * c;
  const bccc = 1 / 4 - ccc - b * c ** 3 - 3 * c ** 2 * bc - 3 * c * bcc;
  const bcac = 1 / 8 - ca - b * c * a - bc * (c ** 2 + a) - bcc * c - bac * c;
  const bacc = 1 / 12 - acc - b * cc - bc * c ** 2 - 2 * bac * c;
  const baac = 1 / 24 - aaa - b * aa - bc * a - bac * c;
  return { b, bc, bcc, bac, bccc, bcac, bacc, baac };
}

/** The four stages: nodes 0, 0.3, 0.5 and a third one, near 1.05, of Σb, found by the last condition. */
function finish(wanted) {
  const { b, bc, bcc, bac, bccc, bcac, bacc, baac } = wanted;
  const at = (third) => {
    const c = [0.3 * b, 0.5 * b, third * b];
    const outer = c.map((ci, i) => {
      const [p, q] = c.filter((_, k) => k !== i);
      return (bccc - (p + q) * bcc + p * q * bc) / (ci * (ci - p) * (ci - q));
    });
    // Σ_j a_ij c_j of the last two stages, then a_43.
    const u3 = (bcac - c[2] * bac) / (outer[1] * (c[1] - c[2]));
    const u4 = (bcac - c[1] * bac) / (outer[2] * (c[2] - c[1]));
    const a43 = (bacc - (outer[1] * u3 + outer[2] * u4) * c[0]) / (outer[2] * c[1] * (c[1] - c[0]));
    const a32 = u3 / c[0];
    const a42 = (u4 - a43 * c[1]) / c[0];
    return {
      b: [b - outer[0] - outer[1] - outer[2], ...outer],
      c: [0, ...c],
      a: [[], [c[0]], [c[1] - a32, a32], [c[2] - a42 - a43, a42, a43]],
      u: [0, 0, u3, u4],
      defect: outer[2] * a43 * u3 - baac,
    };
  };
  let [x, y] = [1.03, 1.05];
  for (let i = 0; i < 50; i++) {
    const [p, q] = [at(x).defect, at(y).defect];
    if (q === p || Math.abs(q) < 1e-16) break;
    [x, y] = [y, y - (q * (y - x)) / (q - p)];
  }
  return at(y);
}

/** Weights of the four stages and of f(y_{n+1}) whose sum is (h⁴/100)y⁗ and higher terms: unique but for its size. */
function estimator({ c, a, u }, { b, bc, bac }) {
  const nodes = [...c, b];
  const second = [...u, bc];
  const rows = [nodes.map(() => 1), nodes, nodes.map((x) => x * x), second];
  const first = solveLinear(
    rows.map((row) => row.slice(0, 4)),
    rows.map((row) => -row[4]),
  );
  const size = first[3] * a[3][2] * u[2] + bac;
  return [...first, 1].map((x) => (0.01 * x) / size);
}

/** Gaussian elimination with row exchanges. */
function solveLinear(matrix, right) {
  const n = right.length;
  const rows = matrix.map((row, i) => [...row, right[i]]);
  for (let i = 0; i < n; i++) {
    let pivot = i;
    for (let k = i + 1; k < n; k++) if (Math.abs(rows[k][i]) > Math.abs(rows[pivot][i])) pivot = k;
    [rows[i], rows[pivot]] = [rows[pivot], rows[i]];
    for (let k = 0; k < n; k++) {
      if (k === i) continue;
      const factor = rows[k][i] / rows[i][i];
      for (let j = i; j <= n; j++) rows[k][j] -= factor * rows[i][j];
    }
  }
  return rows.map((row, i) => row[n] / row[i]);
}
