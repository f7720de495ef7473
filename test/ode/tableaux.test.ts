import { describe, expect, test } from "vitest";
import { createStepper, float64Space, tableaux } from "../../src/ode/index.js";
import { denseWeights, type Tableau } from "../../src/ode/tableau.js";
import { conditionDefect, denseDefect, rowSumDefect, treesOfOrder } from "../support/order-conditions.js";
import { tableauNames } from "./problems.js";

/** Tableau entries carry 16 to 17 digits and reach 43 (dop853), so sums of a few hundred products are good to about 1e-14. */
const ROUNDING = 3e-14;
/** A method one order better than it says would be a mistake as well: the next order's defect is no rounding error. */
const VISIBLE = 1e-6;

test("rooted trees are counted as in Butcher's table", () => {
  expect([1, 2, 3, 4, 5, 6, 7, 8].map((n) => treesOfOrder(n).length)).toEqual([1, 1, 2, 4, 9, 20, 48, 115]);
});

describe.each(tableauNames)("%s", (name) => {
  const method: Tableau = tableaux[name];
  const interior = [0.1, 0.37, 0.62, 0.9];

  test("is explicit and of the stated shape", () => {
    expect(method.name).toBe(name);
    expect([method.a.length, method.b.length, method.c.length]).toEqual(Array(3).fill(method.stages));
    expect(method.a.map((row) => row.length)).toEqual([...method.a.keys()]);
    expect(method.error === null).toBe(method.controller === null);
  });

  test("rows of A sum to c", () => expect(rowSumDefect(method)).toBeLessThan(ROUNDING));

  test("satisfies the conditions of its order and no more", () => {
    for (let p = 1; p <= method.order; p++) {
      expect(conditionDefect(method, p, method.b)).toBeLessThan(ROUNDING);
    }
    expect(conditionDefect(method, method.order + 1, method.b)).toBeGreaterThan(VISIBLE);
  });

  test("its interpolant satisfies the conditions of its order at every x and no more", () => {
    for (const x of interior) {
      for (let p = 1; p <= method.dense.order; p++) expect(denseDefect(method, p, x)).toBeLessThan(ROUNDING);
    }
    expect(Math.max(...interior.map((x) => denseDefect(method, method.dense.order + 1, x)))).toBeGreaterThan(
      VISIBLE,
    );
    // Global order p needs an interpolation error of O(h^p): order p − 1 inside the step.
    expect(method.dense.order).toBeGreaterThanOrEqual(method.order - 1);
  });

  test("its interpolant starts at y0 and ends at y1", () => {
    const end = denseWeights(method, 1, []);
    expect(denseWeights(method, 0, []).every((w) => Math.abs(w) === 0)).toBe(true);
    for (const [i, w] of end.entries()) expect(w).toBeCloseTo(method.b[i] ?? 0, 14);
  });

  test.runIf(method.error !== null)("its error estimate vanishes to the stated order and no further", () => {
    const error = method.error!;
    const estimates =
      error.kind === "single"
        ? [{ weights: error.weights, order: error.order }]
        : [
            { weights: error.fifth, order: 5 },
            { weights: error.third, order: 3 },
          ];
    for (const { weights, order } of estimates) {
      for (let p = 1; p <= order; p++)
        expect(conditionDefect(method, p, weights, 1, 0)).toBeLessThan(ROUNDING);
      expect(conditionDefect(method, order + 1, weights, 1, 0)).toBeGreaterThan(VISIBLE);
    }
    // First same as last is exactly: the estimate uses the end derivative.
    const last = estimates.map(({ weights }) => weights[method.stages] ?? 0);
    expect(last.some((w) => w !== 0)).toBe(method.fsal);
  });
});

test("an unknown method is named together with the known ones", () => {
  const make = (method: string) =>
    createStepper({
      space: float64Space(1),
      field: () => undefined,
      method: method as "rk4",
      t0: 0,
      y0: Float64Array.of(1),
    });
  for (const name of ["rk45", "toString"])
    expect(() => make(name)).toThrow(
      `ode: method must be one of auto, euler, heun, rk4, bs32, dopri5, tsit5, dop853, rkc2, tsrkc3, rodas4, odex, got "${name}".`,
    );
});
