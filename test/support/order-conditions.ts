/**
 * Butcher's order conditions over rooted trees: for every tree τ with at most p nodes, Σ b_i Φ_i(τ) = 1/γ(τ). A tableau
 * that satisfies them has order p, so a mistyped digit cannot hide. Knows tableaux, not solvers.
 */

import { denseWeights, type Tableau } from "../../src/ode/tableau.js";

/** A rooted tree, as the list of the subtrees at its root. */
export type Tree = readonly Tree[];

/** All rooted trees with `order` nodes (1, 1, 2, 4, 9, 20, 48, 115 for orders 1 to 8). */
export function treesOfOrder(order: number): readonly Tree[] {
  const byOrder: Tree[][] = [[], [[]]];
  for (let n = 2; n <= order; n++) {
    const smaller = byOrder.flatMap((trees, size) => trees.map((tree) => ({ tree, size })));
    const found: Tree[] = [];
    const extend = (chosen: Tree[], from: number, left: number): void => {
      if (left === 0) {
        found.push(chosen);
        return;
      }
      for (let i = from; i < smaller.length && smaller[i]!.size <= left; i++) {
        extend([...chosen, smaller[i]!.tree], i, left - smaller[i]!.size);
      }
    };
    extend([], 0, n - 1);
    byOrder.push(found);
  }
  return byOrder[order]!;
}

/** Rows of A for stages, end derivative and extra stages: the tableau over which every weight of the method acts. */
function extendedRows(method: Tableau): readonly (readonly number[])[] {
  return [...method.a, method.b, ...method.dense.extraStages.map((stage) => stage.a)];
}

/** γ(τ) = |τ| Π γ(subtrees). */
function density(tree: Tree): { nodes: number; gamma: number } {
  let nodes = 1;
  let gamma = 1;
  for (const child of tree) {
    const inner = density(child);
    nodes += inner.nodes;
    gamma *= inner.gamma;
  }
  return { nodes, gamma: gamma * nodes };
}

/** Φ(τ) at every stage: the product over subtrees of A·Φ(subtree). */
function elementaryWeights(tree: Tree, rows: readonly (readonly number[])[]): number[] {
  const product = rows.map(() => 1);
  for (const child of tree) {
    const inner = elementaryWeights(child, rows);
    rows.forEach((row, i) => {
      product[i]! *= row.reduce((sum, a, j) => sum + a * inner[j]!, 0);
    });
  }
  return product;
}

/**
 * Largest |Σ w_i Φ_i(τ) − x^|τ|·target/γ(τ)| over trees with exactly `order` nodes, for weights over stages, end derivative
 * and extra stages. `target` 1 tests a solution at x, 0 an error estimate.
 */
export function conditionDefect(
  method: Tableau,
  order: number,
  weights: readonly number[],
  x = 1,
  target: 0 | 1 = 1,
): number {
  const rows = extendedRows(method);
  let worst = 0;
  for (const tree of treesOfOrder(order)) {
    const phi = elementaryWeights(tree, rows);
    const sum = weights.reduce((total, w, i) => total + w * phi[i]!, 0);
    worst = Math.max(worst, Math.abs(sum - (target * x ** order) / density(tree).gamma));
  }
  return worst;
}

/** Largest |Σ_j a_ij − c_i| over all stages. */
export function rowSumDefect(method: Tableau): number {
  const nodes = [...method.c, 1, ...method.dense.extraStages.map((stage) => stage.c)];
  const sums = extendedRows(method).map((row) => row.reduce((sum, a) => sum + a, 0));
  return Math.max(...sums.map((sum, i) => Math.abs(sum - nodes[i]!)));
}

/** Order-condition defect of the interpolant at x ∈ [0, 1]. */
export function denseDefect(method: Tableau, order: number, x: number): number {
  return conditionDefect(method, order, denseWeights(method, x, []), x);
}
