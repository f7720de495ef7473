/**
 * Activations as graphs. A piecewise polynomial takes the piece of every entry either free (read off z) or locked
 * (given, fractional indices mixing two adjoining pieces); smooth activations have no pieces.
 */
import type { GraphBuilder, Node } from "../graph/index.js";

export type ActivationSpec =
  | { readonly kind: "identity" | "tanh" | "sigmoid" }
  | { readonly kind: "relu" | "abs" | "hard-tanh" | "hard-sigmoid" | "relu6" | "squared-relu" }
  | { readonly kind: "leaky-relu"; readonly slope: number }
  | { readonly kind: "prelu"; readonly slope: number }
  | {
      readonly kind: "piecewise-polynomial";
      readonly breakpoints: readonly number[];
      readonly coefficients: readonly (readonly number[])[];
    };

/** σ on piece p (between breakpoints p − 1 and p) is Σ_k coefficients[p][k] z^k. */
export interface PieceTable {
  readonly breakpoints: readonly number[];
  readonly coefficients: readonly (readonly number[])[];
}

/** The pieces of a fixed activation; null for smooth ones. PReLU's table is that of its initial slope. */
export function pieceTable(spec: ActivationSpec): PieceTable | null {
  const kinked = (breakpoints: number[], ...coefficients: number[][]): PieceTable => ({
    breakpoints,
    coefficients,
  });
  switch (spec.kind) {
    case "identity":
    case "tanh":
    case "sigmoid":
      return null;
    case "relu":
      return kinked([0], [0], [0, 1]);
    case "leaky-relu":
    case "prelu":
      return kinked([0], [0, spec.slope], [0, 1]);
    case "abs":
      return kinked([0], [0, -1], [0, 1]);
    case "hard-tanh":
      return kinked([-1, 1], [-1], [0, 1], [1]);
    case "hard-sigmoid":
      return kinked([-3, 3], [0], [0.5, 1 / 6], [1]);
    case "relu6":
      return kinked([0, 6], [0], [0, 1], [6]);
    case "squared-relu":
      return kinked([0], [0], [0, 0, 1]);
    case "piecewise-polynomial":
      return spec;
  }
}

/** a = σ(z). `pieces` null reads them off z; `slope` is PReLU's trained slope, broadcastable to z. */
export function applyActivation(
  b: GraphBuilder,
  spec: ActivationSpec,
  z: Node,
  pieces: Node | null,
  slope: Node | null,
): Node {
  if (spec.kind === "identity") return z;
  if (spec.kind === "tanh") return b.tanh(z);
  if (spec.kind === "sigmoid") return b.sigmoid(z);
  const table = pieceTable(spec) as PieceTable;
  const given = pieces ?? b.pieceOf(z, table.breakpoints);
  if (spec.kind === "prelu") {
    const gain = b.add(b.lookup(given, [0, 1]), b.mul(b.lookup(given, [1, 0]), slope as Node));
    return b.mul(z, gain);
  }
  const degree = Math.max(...table.coefficients.map((piece) => piece.length)) - 1;
  const column = (k: number): number[] => table.coefficients.map((piece) => piece[k] ?? 0);
  let value: Node | null = null;
  for (let k = degree; k >= 0; k--) {
    const scaled: Node | null = value === null ? null : b.mul(z, value);
    const coefficients = column(k);
    if (scaled === null) value = b.lookup(given, coefficients);
    else value = coefficients.every((c) => c === 0) ? scaled : b.add(scaled, b.lookup(given, coefficients));
  }
  return b.broadcast(value as Node, z.shape);
}
