/**
 * The intermediate representation: what a loss is. Nodes of a directed acyclic graph, each one primitive
 * operation on dense tensors with static shapes. Knows nothing of derivatives, engines or networks.
 */

/** Tensor shape, outermost dimension first; `[]` is a scalar. Data is row-major. */
export type Shape = readonly number[];

type None = Record<never, never>;

/** The closed list of primitive operations and the attributes of each. */
export interface OpAttributes {
  /** A tensor fed at run time. */
  readonly input: { readonly name: string };
  /** A tensor known when the graph is built. */
  readonly constant: { readonly value: Float64Array };
  /** Elementwise with NumPy broadcasting. */
  readonly add: None;
  readonly sub: None;
  readonly mul: None;
  readonly div: None;
  readonly neg: None;
  readonly exp: None;
  readonly log: None;
  /** ln(1 + x), exact to rounding for small x. */
  readonly log1p: None;
  readonly sqrt: None;
  readonly sin: None;
  readonly cos: None;
  readonly tanh: None;
  readonly sigmoid: None;
  /** sech²(x) = tanh'(x) = 4σ'(2x), to a few rounding errors of itself also where 1 − tanh² has none of its digits left. */
  readonly sech2: None;
  /** 2/√π ∫₀ˣ e^{−u²} du */
  readonly erf: None;
  /** op(A)·op(B) on the last two dimensions, op transposing where asked; leading dimensions broadcast. */
  readonly matmul: { readonly transposeA: boolean; readonly transposeB: boolean };
  readonly transpose: { readonly permutation: readonly number[] };
  readonly reshape: { readonly shape: Shape };
  /** Repeats along broadcast dimensions up to `shape`. */
  readonly broadcast: { readonly shape: Shape };
  /** Sum over `axes`, which stay as dimensions of length 1. */
  readonly sum: { readonly axes: readonly number[] };
  readonly slice: { readonly axis: number; readonly start: number; readonly end: number };
  /** Zeros before and after along one axis: the adjoint of `slice`. */
  readonly pad: { readonly axis: number; readonly before: number; readonly after: number };
  readonly concat: { readonly axis: number };
  /** Picks entries along `axis` by indices known now; the index −1 gives zeros, so that its adjoint is a gather too. */
  readonly gather: { readonly axis: number; readonly indices: Int32Array };
  /** Largest entry over `axes`, which stay as dimensions of length 1. Derivative zero: it shifts exponents, and the shift cancels. */
  readonly max: { readonly axes: readonly number[] };
  /**
   * Piece index of every entry: the number of breakpoints strictly below it. Derivative zero.
   * A breakpoint itself belongs to the piece on its left (ReLU'(0) = 0, as in PyTorch).
   */
  readonly pieceOf: { readonly breakpoints: readonly number[] };
  /**
   * Table look-up by a possibly fractional piece index m: with k = ⌊m⌋ and f = m − k the value is
   * (1 − f)·values[k] + f·values[k+1], exactly values[k] at integers. Derivative zero: pieces are given, not learned.
   */
  readonly lookup: { readonly values: readonly number[] };
}

export type OpName = keyof OpAttributes;

/** One operation of the graph. Immutable; shared freely between graphs of one builder. */
export interface Node<K extends OpName = OpName> {
  readonly id: number;
  readonly op: K;
  readonly operands: readonly Node[];
  readonly attributes: OpAttributes[K];
  readonly shape: Shape;
}

/** A node whose operation is known: narrows attributes with it. */
export type AnyNode = { [K in OpName]: Node<K> }[OpName];

/** Number of entries of a tensor of this shape. */
export function sizeOf(shape: Shape): number {
  let size = 1;
  for (const length of shape) size *= length;
  return size;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((length, i) => length === b[i]);
}
