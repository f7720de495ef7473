/** What files of named arrays are read into. */

export interface StoredArray {
  readonly name: string;
  readonly shape: readonly number[];
  /** As the file says it: `<f4`, `F32`. */
  readonly dtype: string;
  /** Whether the numbers are floating-point ones. */
  readonly isFloat: boolean;
  /** The numbers in C order, widened to float64. @throws ConfigError naming the file and the array */
  read(): Float64Array;
}

export interface NamedArrays {
  /** In the order of the file. */
  readonly arrays: readonly StoredArray[];
  /** Text by name that the file carries beside its arrays; an .npz has none. */
  readonly metadata: Readonly<Record<string, string>>;
}
