import { describe, expect, test } from "vitest";
import { solveBoxQp } from "../../src/linalg/box-qp.js";
import { createRandom } from "../../src/random.js";

/** K = JJᵀ with J of the given rank, q in the range of K so that the minimum exists also without the box. */
function randomProblem(seed: number, n: number, rank: number) {
  const random = createRandom(seed);
  const j = Array.from({ length: n }, () => Array.from({ length: rank }, () => random.normal()));
  const k = new Float64Array(n * n);
  for (let a = 0; a < n; a++)
    for (let b = 0; b < n; b++) k[a * n + b] = j[a]!.reduce((sum, value, i) => sum + value * j[b]![i]!, 0);
  const g = Array.from({ length: rank }, () => 2 * random.normal());
  const q = Float64Array.from(j, (row) => row.reduce((sum, value, i) => sum + value * g[i]!, 0));
  const lower = Float64Array.from({ length: n }, () => -random.uniform());
  const upper = Float64Array.from({ length: n }, () => random.uniform());
  return { k, q, lower, upper };
}

const objective = (k: Float64Array, q: Float64Array, x: Float64Array): number => {
  const n = q.length;
  let value = 0;
  for (let a = 0; a < n; a++) {
    value -= q[a]! * x[a]!;
    for (let b = 0; b < n; b++) value += 0.5 * x[a]! * k[a * n + b]! * x[b]!;
  }
  return value;
};

/** Solves the free block by Gauss–Jordan with pivoting; null where it is singular. */
function solveFree(k: Float64Array, n: number, free: number[], rhs: number[]): number[] | null {
  const rows = free.map((i, a) => [...free.map((j) => k[i * n + j]!), rhs[a]!]);
  for (let c = 0; c < free.length; c++) {
    let p = c;
    for (let r = c; r < free.length; r++) if (Math.abs(rows[r]![c]!) > Math.abs(rows[p]![c]!)) p = r;
    if (Math.abs(rows[p]![c]!) < 1e-9) return null;
    [rows[c], rows[p]] = [rows[p]!, rows[c]!];
    for (let r = 0; r < free.length; r++) {
      if (r === c) continue;
      const factor = rows[r]![c]! / rows[c]![c]!;
      rows[r] = rows[r]!.map((value, i) => value - factor * rows[c]![i]!);
    }
  }
  return rows.map((row, c) => row[free.length]! / row[c]!);
}

/** The least objective over all 3ⁿ choices of lower, upper, free; a minimum has one with a regular free block. */
function bruteForce({ k, q, lower, upper }: ReturnType<typeof randomProblem>): number {
  const n = q.length;
  let best = Number.POSITIVE_INFINITY;
  for (let code = 0; code < 3 ** n; code++) {
    const role = Array.from({ length: n }, (_, i) => Math.floor(code / 3 ** i) % 3);
    const x = Float64Array.from(role, (r, i) => (r === 0 ? lower[i]! : r === 1 ? upper[i]! : 0));
    const free = role.flatMap((r, i) => (r === 2 ? [i] : []));
    const rhs = free.map((i) => q[i]! - x.reduce((sum, value, j) => sum + k[i * n + j]! * value, 0));
    const solution = solveFree(k, n, free, rhs);
    if (solution === null) continue;
    free.forEach((i, a) => {
      x[i] = solution[a]!;
    });
    if (x.every((value, i) => value >= lower[i]! - 1e-12 && value <= upper[i]! + 1e-12)) {
      best = Math.min(best, objective(k, q, x));
    }
  }
  return best;
}

describe("box QP", () => {
  test.each([
    { name: "regular", deficit: 0 },
    { name: "rank deficient", deficit: 2 },
  ])("finds the minimum over all active sets: $name", ({ deficit }) => {
    for (let seed = 0; seed < 60; seed++) {
      const n = 1 + (seed % 6);
      const problem = randomProblem(seed, n, Math.max(1, n - deficit));
      const { x, converged } = solveBoxQp(problem.k, n, problem.q, problem.lower, problem.upper);
      expect(converged, `seed ${seed}`).toBe(true);
      x.forEach((value, i) => {
        expect(value).toBeGreaterThanOrEqual(problem.lower[i]!);
        expect(value).toBeLessThanOrEqual(problem.upper[i]!);
      });
      // Objectives are of size 10; the optimality conditions hold to 1e-12 of q.
      expect(Math.abs(objective(problem.k, problem.q, x) - bruteForce(problem)), `seed ${seed}`).toBeLessThan(
        1e-10,
      );
    }
  });

  test("a zero row stays where it is, equal bounds fix a variable", () => {
    const k = Float64Array.of(0, 0, 0, 2);
    const { x, converged } = solveBoxQp(
      k,
      2,
      Float64Array.of(0, 5),
      Float64Array.of(-1, 0.25),
      Float64Array.of(1, 0.25),
    );
    expect(converged).toBe(true);
    expect([...x]).toEqual([0, 0.25]);
  });

  test("stops when it is done", () => {
    // Nearly diagonal: the active set stands after the first sweep, and one exact solve on the free variables ends it.
    const n = 40;
    const { q, lower, upper } = randomProblem(1, n, n);
    let reads = 0;
    const entries = Float64Array.from({ length: n * n }, (_, c) => (c % (n + 1) === 0 ? 1 : 1e-3));
    const matrix = new Proxy(entries, {
      get(target, key) {
        reads++;
        return target[Number(key)];
      },
    });
    expect(solveBoxQp(matrix, n, q, lower, upper).converged).toBe(true);
    // Four sweeps (one that changes the set, three that do not), the slopes and the block of the solve, the check with its terms.
    expect(reads).toBeLessThan(9 * n * n);
  });

  test("rows have scales of their own", () => {
    // x → x/d is the same problem with K, q times d; powers of two, so that it is the same to the last bit. Every second row is near 1e-14
    // of the others, and all normals near one direction, so that the active set is not found by sweeps.
    const n = 6;
    const d = Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 1 : 2 ** -45));
    for (let seed = 0; seed < 200; seed++) {
      const random = createRandom(seed);
      const common = Array.from({ length: n }, () => random.normal());
      const rows = common.map(() => {
        const share = random.normal();
        return common.map((value) => share * value + 0.03 * random.normal());
      });
      const times = (a: readonly number[], b: readonly number[]) =>
        a.reduce((sum, value, i) => sum + value * b[i]!, 0);
      const g = common.map(() => random.normal());
      const bounds = common.map(() => [-random.uniform(), random.uniform()] as const);
      const solveAt = (scale: readonly number[]) =>
        solveBoxQp(
          Float64Array.from(rows.flatMap((a, i) => rows.map((b, j) => scale[i]! * scale[j]! * times(a, b)))),
          n,
          Float64Array.from(rows, (row, i) => scale[i]! * times(row, g)),
          Float64Array.from(bounds, ([low], i) => low / scale[i]!),
          Float64Array.from(bounds, ([, high], i) => high / scale[i]!),
        );
      const plain = solveAt(d.map(() => 1));
      const scaled = solveAt(d);
      expect(scaled.converged, `seed ${seed}`).toBe(true);
      expect([...scaled.x.map((value, i) => value * d[i]!)], `seed ${seed}`).toEqual([...plain.x]);
    }
  });
});
