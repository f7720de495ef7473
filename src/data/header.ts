/**
 * Whether a first row that reads 0, 1, …, N − 1 is a header: pandas' `to_csv(index=False)` writes one where columns have
 * no names. In both files of a dataset it would add a sample, and the counts would agree; so it takes both to tell.
 */
import { ConfigError } from "../errors.js";
import { type NumberedRow, shorten } from "./csv.js";

/** One file of a dataset, rows × columns. */
export interface Matrix {
  readonly name: string;
  readonly data: Float64Array;
  readonly rows: number;
  readonly columns: number;
  /** Of one row. */
  readonly shape: readonly number[];
  readonly numbered: NumberedRow | null;
  readonly notes: readonly string[];
}

/** The files without the first rows that are headers. @throws ConfigError where neither reading is likelier */
export function dropNumberedHeaders(inputs: Matrix, targets: Matrix): readonly [Matrix, Matrix] {
  const suspects = [inputs, targets].filter(({ numbered }) => numbered !== null);
  if (suspects.length === 2 && inputs.rows === targets.rows) {
    if (!areHeaders(suspects)) throw ambiguous(suspects);
    return [withoutHeader(inputs), withoutHeader(targets)];
  }
  // One file decides about the other: both have a row for each sample.
  const settle = (file: Matrix, other: Matrix): Matrix => {
    if (file.numbered === null) return file;
    if (file.rows === other.rows + 1) return withoutHeader(file);
    const note = `${file.name}: row 1 (${firstRow(file)}) is taken for a sample, as ${other.name} has as many rows.`;
    return file.rows === other.rows ? { ...file, notes: [...file.notes, note] } : file;
  };
  return [settle(inputs, targets), settle(targets, inputs)];
}

/**
 * Both first rows ascend from 0. That a sample does so is no accident from three columns on, unless the next row goes on
 * from there (numpy.arange). With fewer columns the print must differ as well.
 */
function areHeaders(files: readonly Matrix[]): boolean {
  if (files.some(({ numbered }) => numbered?.goesOn)) return false;
  const printed = files.filter(({ numbered }) => numbered?.isPrintedOtherwise);
  return (
    files.some(({ columns }) => columns >= 3) ||
    printed.some(({ columns }) => columns === 2) ||
    printed.length === files.length
  );
}

function withoutHeader(file: Matrix): Matrix {
  const note = `${file.name}: row 1 (${firstRow(file)}) is taken for a header of column numbers, as pandas writes it, so ${file.rows - 1} samples remain. dataset.header: false takes it for a sample.`;
  return {
    ...file,
    data: file.data.slice(file.columns),
    rows: file.rows - 1,
    numbered: null,
    notes: [...file.notes, note],
  };
}

function ambiguous(files: readonly Matrix[]): ConfigError {
  const rows = files.map((file) => `${file.name} (${firstRow(file)})`).join(" and of ");
  const message = `is needed: the first row of ${rows} may be a header of column numbers, as pandas writes it, or a sample; set dataset.header: true or false.`;
  return new ConfigError([{ path: "dataset.header", message }]);
}

function firstRow({ data, columns }: Matrix): string {
  return shorten([...data.subarray(0, columns)]);
}
