/**
 * Long arrays that attempts fill and let go of again. Made anew for each they would be zeroed page by page and call for the collector: a
 * fifth of the time of a step at 500 000 entries.
 */
export class Scratch {
  /** All that were made, by length, and how many of each were taken since the last reclaim. */
  readonly #made = new Map<number, { readonly arrays: Float64Array[]; taken: number }>();

  /** An array with anything in it. */
  take(length: number): Float64Array {
    const own = this.#made.get(length) ?? { arrays: [], taken: 0 };
    this.#made.set(length, own);
    if (own.taken === own.arrays.length) own.arrays.push(new Float64Array(length));
    return own.arrays[own.taken++]!;
  }

  copy(values: Float64Array): Float64Array {
    const array = this.take(values.length);
    array.set(values);
    return array;
  }

  /** All but those in use may be taken again. */
  reclaim(used: readonly unknown[]): void {
    for (const own of this.#made.values()) {
      const kept = own.arrays.filter((array) => used.includes(array));
      const rest = own.arrays.filter((array) => !used.includes(array));
      own.arrays.splice(0, own.arrays.length, ...kept, ...rest);
      own.taken = kept.length;
    }
  }
}
