/**
 * Index lists that are sliding windows, known by identity: an engine with convolutions of its own finds them again in a gather. To all others
 * they are lists like any.
 */

/** Per axis of those that are flattened into the one that is gathered from; zeros lie outside. */
export interface Windows {
  readonly sizes: readonly number[];
  readonly kernel: readonly number[];
  readonly stride: readonly number[];
  /** Zeros before the first entry. */
  readonly before: readonly number[];
  /** Windows. */
  readonly places: readonly number[];
}

interface Origin {
  readonly windows: Windows;
  /** `gather`: indices[position in the window][window]. `scatter`: for each entry the windows that see it, as the adjoint lists them. */
  readonly of: "gather" | "scatter";
}

const origins = new WeakMap<Int32Array, Origin>();

export function describeIndices(indices: Int32Array, origin: Origin): void {
  origins.set(indices, origin);
}

export function windowsOf(indices: Int32Array, of: Origin["of"]): Windows | undefined {
  const origin = origins.get(indices);
  return origin?.of === of ? origin.windows : undefined;
}
