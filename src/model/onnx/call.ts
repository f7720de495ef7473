/** One node of an ONNX graph while our graph is built: its inputs, its attributes, and where the samples are in what flows in. */
import { type Node, type Shape, sizeOf } from "../../graph/index.js";
import type { Attribute, OperatorNode, Tensor } from "../../onnx/index.js";
import { type ActivationSpec, applyActivation, pieceTable } from "../activation.js";
import type { Place, SampleAxis } from "../coupling.js";
import { pieceAt } from "../entries.js";
import type { Scope } from "../scope.js";
import { Algebra, type Value } from "./value.js";

/** x·W + b of trained parameters, from one node or several. */
export interface Dense {
  readonly weight: string;
  readonly bias: string | null;
  /** Where the sum stands. */
  readonly output: string;
}

/** What all nodes of one pass share. */
export interface ImportPass {
  /** [n, ...] */
  readonly x: Node;
  /** n of this pass. */
  readonly samples: number;
  /** The length of the batch axis that the file fixes; null where it is free. */
  readonly batch: number | null;
  readonly opset: number;
  readonly attributes: "decimal" | "stored";
  /** What an edge carries; null where nothing has made it. */
  readonly value: (name: string) => Value | null;
  /** [in, out] of a weight as θ has it. */
  readonly matrix: (weight: string) => readonly [number, number];
  readonly places: (nodes: readonly Node[]) => Place[];
  /**
   * One of several axes that the samples may be on, the likeliest first. Which it is shows later: a wrong one would mix samples, and is refused
   * there. Undefined of none.
   */
  readonly choose: (axes: readonly number[]) => number | undefined;
  /** What is to be said once of the network. */
  readonly notes: Set<string>;
}

type Expected = {
  float: number;
  int: number;
  ints: readonly number[];
  floats: readonly number[];
  string: string;
  tensor: Tensor;
};

export class Call {
  readonly t: Algebra;
  readonly opset: number;
  readonly #read = new Set<string>();

  constructor(
    readonly pass: ImportPass,
    readonly scope: Scope,
    readonly node: OperatorNode,
    /** Where it is an affine map of trained parameters. */
    readonly dense: Dense | null,
  ) {
    this.t = new Algebra(scope.b, (message) => this.fail(message));
    this.opset = pass.opset;
  }

  /** @throws LayerError that names the node */
  fail(message: string): never {
    return this.scope.fail(`(${this.node.operator}) ${message}`);
  }

  note(message: string): void {
    this.pass.notes.add(`${this.node.name} (${this.node.operator}) ${message}`);
  }

  input(place: number): Value {
    return this.optional(place) ?? this.fail(`needs an input ${place + 1}, which is left out`);
  }

  optional(place: number): Value | null {
    const name = this.node.inputs[place] ?? "";
    if (name === "") return null;
    return this.pass.value(name) ?? this.fail(`takes ${name}, which nothing makes`);
  }

  get inputs(): Value[] {
    return this.node.inputs.map((_, place) => this.input(place));
  }

  /** An attribute of that kind; null where it is absent. */
  attribute<K extends keyof Expected>(name: string, kind: K): Expected[K] | null {
    this.#read.add(name);
    const found: Attribute | undefined = this.node.attributes.get(name);
    if (found === undefined) return null;
    if (found.kind !== kind) {
      const isEmpty = Array.isArray(found.value) && found.value.length === 0;
      if (isEmpty && (kind === "ints" || kind === "floats")) return [] as never;
      this.fail(`has an attribute ${name} of kind ${found.kind}; ONNX says ${kind}`);
    }
    const stored = this.pass.attributes === "stored";
    if (stored && kind === "floats") return (found.value as readonly number[]).map(Math.fround) as never;
    return (stored && kind === "float" ? Math.fround(found.value as number) : found.value) as Expected[K];
  }

  int = (name: string, otherwise: number): number => this.attribute(name, "int") ?? otherwise;
  float = (name: string, otherwise: number): number =>
    this.attribute(name, "float") ?? (this.pass.attributes === "stored" ? Math.fround(otherwise) : otherwise);
  string = (name: string, otherwise: string): string => this.attribute(name, "string") ?? otherwise;
  ints = (name: string): readonly number[] | null => this.attribute(name, "ints");

  /** Attributes that change nothing here. */
  ignore(...names: readonly string[]): void {
    for (const name of names) this.#read.add(name);
  }

  /** @throws LayerError where an attribute was not looked at: it may change the result */
  checkAttributes(): void {
    const unread = [...this.node.attributes.keys()].filter((name) => !this.#read.has(name));
    if (unread.length > 0) this.fail(`has the attribute ${unread.join(", ")}, which gradflow does not know`);
  }

  /** Numbers that the file fixes. */
  numbers(place: number, what: string): number[] {
    return [
      ...this.t.numbers(
        this.input(place),
        `needs ${what} that the file fixes, and here they depend on the data or on parameters`,
      ),
    ];
  }

  /** Axes as an attribute, or since some version as an input; counted from 0. Null where neither is there. */
  axes(place: number, rank: number): number[] | null {
    const given = this.ints("axes") ?? (this.optional(place) === null ? null : this.numbers(place, "axes"));
    return given?.map((axis) => this.axis(axis, rank)) ?? null;
  }

  axis(axis: number, rank: number): number {
    if (!Number.isInteger(axis) || axis < -rank || axis >= rank)
      this.fail(`has an axis ${axis}, and its input has ${rank} axes`);
    return axis < 0 ? axis + rank : axis;
  }

  /** Where the samples are; null where the value belongs to none. */
  samplesOf(value: Value): SampleAxis | null {
    if (value.node === null) return null;
    const [place] = this.pass.places([value.node]);
    if (place !== "mixed") return place ?? null;
    return this.fail(
      "mixes the samples: what it takes has entries of several. Export the network with a batch axis that stays an axis of its own, and let no operator work across it",
    );
  }

  /** Refuses an operator that works across samples of which the file fixes the number: it was made for those, not for ours. */
  across(value: Value, axes: readonly number[]): void {
    const { batch } = this.pass;
    if (batch === null || value.node === null) return;
    const place = this.samplesOf(value);
    if (place !== null && axes.includes(place.axis))
      this.fail(
        `works across the samples, of which the file fixes ${batch}; export with a batch axis of free length, or keep the operator off that axis`,
      );
  }

  /** The shape as the file sees it: where it fixes the batch, that many samples. */
  shapeInFile(value: Value): number[] {
    const { batch, samples } = this.pass;
    const place = batch === null ? null : this.samplesOf(value);
    return value.shape.map((length, axis) =>
      axis === place?.axis ? (length / samples) * (batch as number) : length,
    );
  }

  /** A reshape to a shape as the file has it. */
  reshape(x: Value, target: Shape): Value {
    const { batch, samples } = this.pass;
    const place = batch === null ? null : this.samplesOf(x);
    if (batch === null || place === null) return this.t.reshape(x, target);
    const before = sizeOf(x.shape.slice(0, place.axis)) * place.outer;
    const fitting =
      sizeOf(target) * samples === sizeOf(x.shape) * batch ? axesForSamples(target, before, batch) : [];
    // Where the next axis is cut, the samples lead its first part, as [T, n, heads·d] does for [T, n·heads, d].
    const next = x.shape.slice(place.axis + 1).find((length) => length > 1);
    const leads = next !== undefined && !target.includes(next);
    const ordered = leads ? [...fitting].reverse() : fitting;
    const own = fitting.filter((axis) => target[axis] === batch && sizeOf(target.slice(0, axis)) === before);
    const axis = this.pass.choose([...own, ...ordered.filter((other) => !own.includes(other))]);
    if (axis === undefined)
      return this.fail(
        `makes [${target.join(", ")}] of [${this.shapeInFile(x).join(", ")}], in which the samples have no axis; export with a batch axis of free length`,
      );
    return this.t.reshape(
      x,
      target.map((length, i) => (i === axis ? (length / batch) * samples : length)),
    );
  }

  /** σ(z). A kink becomes a site, whatever axis the samples are on. */
  activate(z: Value, spec: ActivationSpec): Value {
    const table = pieceTable(spec);
    if (z.known !== null && table !== null)
      return this.t.map(z, z.type, (x) =>
        (table.coefficients[pieceAt(table.breakpoints, x)] as number[]).reduceRight(
          (sum, c) => sum * x + c,
          0,
        ),
      );
    if (z.type !== "float") this.fail(`works on floating-point numbers, got ${z.type}`);
    const node = this.t.node(z);
    if (table === null) return this.t.of(applyActivation(this.t.b, spec, node, null, null));
    const place = this.samplesOf(z);
    if (place === null)
      return this.fail(
        "has a kink in parameters alone, not in a sample; gradflow follows kinks of samples. Freeze these parameters",
      );
    const { axis, outer, inner } = place;
    const { b } = this.scope;
    const { samples } = this.pass;
    if (axis === 0 && outer === 1 && inner === 1) return this.t.of(this.scope.activate(node, spec));
    const [left, right] = [z.shape.slice(0, axis), z.shape.slice(axis + 1)];
    const parts = [...left, outer, samples, inner, ...right];
    const at = axis + 1;
    const order = [at, ...parts.keys()].filter((i, k) => k === 0 || i !== at);
    const back = parts.map((_, i) => order.indexOf(i));
    const first = b.transpose(b.reshape(node, parts), order);
    const made = b.transpose(this.scope.activate(first, spec), back);
    return this.t.of(b.reshape(made, z.shape));
  }

  relu = (z: Value): Value => this.activate(z, { kind: "relu" });
}

/** Axes of a shape, with a fixed batch, that can hold the samples behind `before` entries: by themselves, or within an axis that is longer. */
function axesForSamples(target: Shape, before: number, batch: number): number[] {
  return target.flatMap((length, axis) => {
    const outer = before / sizeOf(target.slice(0, axis));
    return Number.isInteger(outer) && length % (outer * batch) === 0 ? [axis] : [];
  });
}
