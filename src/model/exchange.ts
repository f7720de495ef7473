/**
 * Parameters by name, in our layout and in PyTorch's: which array of a file is which parameter, and what a parameter looks like there.
 * PyTorch keeps the weight of an affine map as [out, in]; all else is laid out as ours.
 */
import type { Layout, Parameter } from "./parameters.js";

export type ParameterFormat = "gradflow" | "torch";

/** An array of a file, before its numbers are read. */
export interface ArrayShape {
  readonly name: string;
  readonly shape: readonly number[];
}

/** The array that holds a parameter, or the third `part` of it that does. */
export interface Source {
  readonly parameter: Parameter;
  readonly array: string;
  readonly part: number | null;
}

export interface Match {
  /** One for each parameter, in order. */
  readonly sources: readonly Source[];
  /** Arrays of the file that are no parameters: PyTorch's buffers; beside our own names, whatever else there is. */
  readonly unused: readonly string[];
  /** Layers of the file with equal shapes, as they were taken, whose order its names leave open. */
  readonly doubtful: readonly (readonly string[])[];
}

/** A file whose arrays are not the parameters of the network; the message lists both. */
export class MatchError extends Error {}

/** The shape that a parameter has in a file. */
export function shapeIn(format: ParameterFormat, parameter: Parameter): readonly number[] {
  return format === "torch" && isTransposed(parameter) ? [...parameter.shape].reverse() : parameter.shape;
}

/** Weights of affine maps: two axes, input to output. */
function isTransposed({ law, shape }: Parameter): boolean {
  return law.kind === "weight" && shape.length === 2;
}

/**
 * Which array each parameter is. Arrays of our own names are taken by name. Under `torch` other names are those of a `state_dict`: where
 * they count layers (`0.weight`), arrays follow one another as ours do; where layers have names, whose order a file need not keep, those
 * of equal shapes do. Attention's `in_proj_weight` is cut into query, key and value.
 * @param isSorted whether the file keeps its arrays in an order of its own, not in that of the `state_dict`
 * @throws MatchError where the file holds other parameters than the network has
 */
export function matchParameters(
  { parameters }: Layout,
  arrays: readonly ArrayShape[],
  format: ParameterFormat,
  isSorted = false,
): Match {
  const byName = new Map(arrays.map((array) => [array.name, array]));
  if (format === "gradflow" || parameters.every(({ name }) => byName.has(name)))
    return matchByName(parameters, arrays, byName, format);
  const isBuffer = ({ name }: ArrayShape): boolean => BUFFERS.has(partsOf(name).own);
  const ours = unitsOf(
    parameters.map((parameter) => ({
      ...{ name: parameter.name, shape: shapeIn("torch", parameter), value: parameter },
    })),
  );
  const inFile = unitsOf(arrays.filter((array) => !isBuffer(array)).flatMap(cutFused));
  const isCounted = inFile.every(({ path }) => path.every((part) => /^\d+$/.test(part)));
  const theirs = isCounted || isSorted ? orderNaturally(inFile) : inFile;
  const found = isCounted ? theirs : inOrderOfEquals(ours, theirs);
  const sources = new Map<Parameter, Source>();
  const missing: Unit<Parameter>[] = [];
  const left = new Set(theirs);
  for (const [k, unit] of ours.entries()) {
    const other = found[k];
    if (other === undefined || other.signature !== unit.signature) missing.push(unit);
    else {
      left.delete(other);
      for (const [own, { value: parameter }] of unit.members)
        sources.set(parameter, { parameter, ...(other.members.get(own) as Member<Piece>).value });
    }
  }
  if (missing.length > 0 || left.size > 0) throw mismatch(missing, [...left]);
  return {
    sources: parameters.map((parameter) => sources.get(parameter) as Source),
    unused: arrays.filter(isBuffer).map(({ name }) => name),
    doubtful: isCounted ? [] : openOrders(theirs),
  };
}

/** Layers of equal shapes that stand otherwise by name, or whose names differ by more than numbers: only the program knows how they run. */
function openOrders(units: readonly Unit<Piece>[]): string[][] {
  return [...bySignature(units).values()].flatMap((equal) => {
    const names = equal.map(({ path }) => path.join("."));
    const patterns = new Set(names.map((name) => name.replace(/\d+/g, "#")));
    const isNatural = orderNaturally(equal).every((unit, k) => unit === equal[k]);
    return patterns.size > 1 || !isNatural ? [names] : [];
  });
}

function bySignature<U extends { readonly signature: string }>(units: readonly U[]): Map<string, U[]> {
  const groups = new Map<string, U[]>();
  for (const unit of units) groups.set(unit.signature, [...(groups.get(unit.signature) ?? []), unit]);
  return groups;
}

/** For each of ours the next of theirs with its signature. */
function inOrderOfEquals(
  ours: readonly Unit<Parameter>[],
  theirs: readonly Unit<Piece>[],
): (Unit<Piece> | undefined)[] {
  const waiting = bySignature(theirs);
  return ours.map(({ signature }) => waiting.get(signature)?.shift());
}

function matchByName(
  parameters: readonly Parameter[],
  arrays: readonly ArrayShape[],
  byName: ReadonlyMap<string, ArrayShape>,
  format: ParameterFormat,
): Match {
  const faults = parameters.flatMap((parameter) => {
    const { name } = parameter;
    const wanted = shapeIn(format, parameter);
    const found = byName.get(name);
    if (found === undefined) return [`${name} [${wanted.join(", ")}] is not there`];
    if (found.shape.join() === wanted.join()) return [];
    return [`${name} must be [${wanted.join(", ")}], is [${found.shape.join(", ")}]`];
  });
  if (faults.length > 0)
    throw new MatchError(
      `${listed(faults)}; the file holds ${arrays.length === 0 ? "no arrays" : listed(arrays.map(({ name }) => name))}`,
    );
  const own = new Set(parameters.map(({ name }) => name));
  return {
    sources: parameters.map((parameter) => ({ parameter, array: parameter.name, part: null })),
    unused: arrays.map(({ name }) => name).filter((name) => !own.has(name)),
    doubtful: [],
  };
}

/** θ from the arrays of a match. @param read the numbers of an array in C order */
export function fillParameters(
  { size }: Layout,
  { sources }: Match,
  format: ParameterFormat,
  read: (array: string) => Float64Array,
): Float64Array {
  const theta = new Float64Array(size);
  for (const { parameter, array, part } of sources) {
    const { offset, size: length } = parameter;
    const from = (part ?? 0) * length;
    const numbers = read(array).subarray(from, from + length);
    theta.set(
      format === "torch" ? transposed(numbers, shapeIn("torch", parameter), parameter) : numbers,
      offset,
    );
  }
  return theta;
}

/** The parameter's part of θ as it stands in a file. */
export function writeParameter(
  theta: Float64Array,
  parameter: Parameter,
  format: ParameterFormat,
): Float64Array {
  const { offset, size, shape } = parameter;
  const own = theta.slice(offset, offset + size);
  return format === "torch" ? transposed(own, shape, parameter) : own;
}

function transposed(
  numbers: Float64Array,
  [rows = 1, columns = 1]: readonly number[],
  parameter: Parameter,
): Float64Array {
  if (!isTransposed(parameter)) return numbers;
  const flipped = new Float64Array(numbers.length);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      flipped[column * rows + row] = numbers[row * columns + column] as number;
  return flipped;
}

/** What PyTorch keeps in a `state_dict` beside parameters. */
const BUFFERS: ReadonlySet<string> = new Set(["running_mean", "running_var", "num_batches_tracked"]);

interface Member<T> extends ArrayShape {
  readonly value: T;
}

/** The parameters of one layer, which stand together in a file and in θ. */
interface Unit<T> {
  readonly path: readonly string[];
  readonly members: ReadonlyMap<string, Member<T>>;
  /** Equal for layers that may be one another: names and shapes of the members, and which part of an attention it is. */
  readonly signature: string;
}

type Piece = Pick<Source, "array" | "part">;

/** `in_proj_weight` [3d, d] and `in_proj_bias` [3d] as query, key and value; any other array as it is. */
function cutFused({ name, shape }: ArrayShape): Member<Piece>[] {
  const { path, own } = partsOf(name);
  const kind = /^in_proj_(weight|bias)$/.exec(own)?.[1];
  const [rows = 0, ...rest] = shape;
  if (kind === undefined || rows % 3 !== 0) return [{ name, shape, value: { array: name, part: null } }];
  return ["query", "key", "value"].map((part, k) => ({
    name: [...path, part, kind].join("."),
    shape: [rows / 3, ...rest],
    value: { array: name, part: k },
  }));
}

/** Names of the maps within an attention: ours, PyTorch's, and others that are common. */
const ATTENTION: Readonly<Record<string, RegExp>> = {
  query: /^(query|q|wq|to_q|q_proj|q_lin|q_linear)$/,
  key: /^(key|k|wk|to_k|k_proj|k_lin|k_linear)$/,
  value: /^(value|v|wv|to_v|v_proj|v_lin|v_linear)$/,
  output: /^(output|out|o|wo|to_out|out_proj|o_proj|proj|out_lin|out_linear)$/,
};

function unitsOf<T>(members: readonly Member<T>[]): Unit<T>[] {
  const groups = new Map<string, { path: readonly string[]; members: Map<string, Member<T>> }>();
  for (const member of members) {
    const { path, own } = partsOf(member.name);
    // A parameter of another name, as a bare nn.Parameter has, is a layer of its own, and so is each of a list.
    const isUsual = own === "weight" || own === "bias" || own === "slope";
    const place = isUsual ? path : [...path, own];
    const group = groups.get(place.join(".")) ?? { path: place, members: new Map() };
    groups.set(place.join("."), group);
    // PyTorch calls the slope of a PReLU its weight; bare parameters often have a leading 1 for the samples.
    const shape = isUsual
      ? member.shape
      : member.shape.slice(member.shape.findIndex((length) => length !== 1));
    group.members.set(own === "bias" ? "bias" : "weight", { ...member, shape });
  }
  const units = [...groups.values()];
  const parentOf = ({ path }: { path: readonly string[] }): string => path.slice(0, -1).join(".");
  const attentions = new Set(units.filter(({ path }) => isPart("query", path)).map(parentOf));
  return units.map((unit) => {
    const part = attentions.has(parentOf(unit))
      ? (Object.keys(ATTENTION).find((name) => isPart(name, unit.path)) ?? "")
      : "";
    const shapes = [...unit.members].map(([own, { shape }]) => `${own} [${shape.join(", ")}]`).sort();
    return { ...unit, signature: [part, ...shapes].join(" ") };
  });
}

function isPart(name: string, path: readonly string[]): boolean {
  return ATTENTION[name]!.test(path.at(-1) ?? "");
}

function partsOf(name: string): { readonly path: readonly string[]; readonly own: string } {
  const parts = name.split(".");
  return { path: parts.slice(0, -1), own: parts.at(-1) as string };
}

function mismatch(missing: readonly Unit<Parameter>[], left: readonly Unit<Piece>[]): MatchError {
  const show = (unit: Unit<unknown> | undefined): string =>
    unit === undefined
      ? "none"
      : [...unit.members.values()].map(({ name, shape }) => `${name} [${shape.join(", ")}]`).join(" and ");
  const rows = Array.from({ length: Math.max(missing.length, left.length) }, (_, k) => {
    return `${show(missing[k])} here, ${show(left[k])} in the file`;
  });
  return new MatchError(listed(rows, "; "));
}

/** The first of many; the shapes of a large network are pages. */
const MOST_LISTED = 12;

function listed(items: readonly string[], between = ", "): string {
  const more = items.length - MOST_LISTED;
  return [...items.slice(0, MOST_LISTED), ...(more > 0 ? [`and ${more} more`] : [])].join(between);
}

/** In the order of the layers that the paths speak of, numbers by their size: `layers.2` before `layers.10`. */
function orderNaturally<U extends { readonly path: readonly string[] }>(units: readonly U[]): U[] {
  const { compare } = new Intl.Collator("en", { numeric: true });
  return [...units].sort((p, q) => compare(p.path.join("."), q.path.join(".")));
}
