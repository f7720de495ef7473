/**
 * Activations as graphs. A piecewise polynomial takes the piece of every entry either free (read off z) or locked (given, fractional
 * indices mixing two adjoining pieces); smooth activations have no pieces. A new one is one entry of the table below.
 */
import { z } from "zod";
import type { GraphBuilder, Node } from "../graph/index.js";
import { softplus } from "./softplus.js";

/** σ on piece p (between breakpoints p − 1 and p) is Σ_k coefficients[p][k] z^k. */
export interface PieceTable {
  readonly breakpoints: readonly number[];
  readonly coefficients: readonly (readonly number[])[];
}

const slope = z.number().nonnegative().lt(1);
const finite = z.number();

type Immutable<T> = T extends readonly (infer E)[] ? readonly Immutable<E>[] : T;
type Values<F extends z.ZodRawShape> = { readonly [K in keyof F]: Immutable<z.output<F[K]>> };

/** What is known of a kind: its line in the config reference, its fields, and its pieces or its graph. */
interface Kind<F extends z.ZodRawShape = z.ZodRawShape> {
  readonly text: string;
  readonly fields: F;
  /** Null where it is smooth. */
  readonly pieces: ((fields: Values<F>) => PieceTable) | null;
  /** Null where it has pieces. */
  readonly graph: ((b: GraphBuilder, z: Node) => Node) | null;
}

const kinked = (breakpoints: number[], ...coefficients: number[][]): PieceTable => ({
  breakpoints,
  coefficients,
});

const piecewise = <const F extends z.ZodRawShape>(
  text: string,
  fields: F,
  pieces: (fields: Values<F>) => PieceTable,
): Kind<F> => ({ text, fields, pieces, graph: null });

const smooth = (text: string, graph: (b: GraphBuilder, z: Node) => Node): Kind<Record<never, never>> => ({
  text,
  fields: {},
  pieces: null,
  graph,
});

export const activationKinds = {
  identity: smooth("σ(z) = z: the network is linear in its inputs.", (_, z) => z),
  "leaky-relu": piecewise(
    "σ(z) = z for z ≥ 0, slope·z otherwise.",
    { slope: slope.default(0.01).describe("Slope for z < 0.") },
    ({ slope }) => kinked([0], [0, slope], [0, 1]),
  ),
  relu: piecewise("σ(z) = max(z, 0).", {}, () => kinked([0], [0], [0, 1])),
  tanh: smooth("σ(z) = tanh z.", (b, z) => b.tanh(z)),
  sigmoid: smooth("σ(z) = 1/(1 + e^{−z}).", (b, z) => b.sigmoid(z)),
  prelu: piecewise(
    "Leaky ReLU whose slope is trained.",
    { slope: slope.default(0.25).describe("Slope for z < 0 at the start.") },
    ({ slope }) => kinked([0], [0, slope], [0, 1]),
  ),
  abs: piecewise("σ(z) = |z|.", {}, () => kinked([0], [0, -1], [0, 1])),
  "hard-tanh": piecewise("σ(z) = min(max(z, −1), 1).", {}, () => kinked([-1, 1], [-1], [0, 1], [1])),
  "hard-sigmoid": piecewise("σ(z) = min(max(z/6 + 1/2, 0), 1).", {}, () =>
    kinked([-3, 3], [0], [0.5, 1 / 6], [1]),
  ),
  relu6: piecewise("σ(z) = min(max(z, 0), 6).", {}, () => kinked([0, 6], [0], [0, 1], [6])),
  "squared-relu": piecewise("σ(z) = max(z, 0)².", {}, () => kinked([0], [0], [0, 0, 1])),
  "piecewise-polynomial": piecewise(
    "A polynomial on each interval between breakpoints.",
    {
      breakpoints: z.array(finite).min(1).describe("Breakpoints, ascending."),
      coefficients: z
        .array(z.array(finite).min(1))
        .min(2)
        .describe(
          "One list per piece, from left to right: coefficients of 1, z, z², …; continuous at every breakpoint.",
        ),
    },
    (table) => table,
  ),
  // As z times a sigmoid: no cancellation for z < 0.
  gelu: smooth("σ(z) = ½z(1 + tanh(√(2/π)(z + 0.044715z³))), the tanh form.", (b, z) => {
    const c = 2 * Math.sqrt(2 / Math.PI);
    const gain = b.add(b.scale(b.mul(z, z), 0.044715 * c), b.constant(c));
    return b.mul(z, b.sigmoid(b.mul(z, gain)));
  }),
  silu: smooth("σ(z) = z/(1 + e^{−z}).", (b, z) => b.mul(z, b.sigmoid(z))),
  softplus: smooth("σ(z) = ln(1 + e^z).", softplus),
  sin: smooth("σ(z) = sin z.", (b, z) => b.sin(z)),
} as const;

export type ActivationKind = keyof typeof activationKinds;

export type ActivationSpec = {
  [K in ActivationKind]: { readonly kind: K } & Values<(typeof activationKinds)[K]["fields"]>;
}[ActivationKind];

export const activationSchema = z
  .discriminatedUnion(
    "kind",
    Object.entries(activationKinds).map(([kind, { text, fields }]) =>
      z.strictObject({ kind: z.literal(kind).describe(text), ...fields }),
    ) as unknown as [z.ZodObject, z.ZodObject, ...z.ZodObject[]],
  )
  .describe("The activation σ of the hidden layers.") as unknown as z.ZodType<ActivationSpec>;

const kindOf = (spec: ActivationSpec): Kind => activationKinds[spec.kind] as unknown as Kind;

/** The pieces of a fixed activation; null for smooth ones. PReLU's table is that of its initial slope. */
export function pieceTable(spec: ActivationSpec): PieceTable | null {
  return kindOf(spec).pieces?.(spec as never) ?? null;
}

/** a = σ(z). `pieces` null reads them off z; `slope` is PReLU's trained slope, broadcastable to z. */
export function applyActivation(
  b: GraphBuilder,
  spec: ActivationSpec,
  z: Node,
  pieces: Node | null,
  slope: Node | null,
): Node {
  const { graph } = kindOf(spec);
  if (graph !== null) return graph(b, z);
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
