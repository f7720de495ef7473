/**
 * What a layer sees while a network is built: its parameters, by name; the activation's pieces; relations between samples. One pass
 * over the layers declares the parameters and sites, later ones build the graphs.
 */
import { type GraphBuilder, type Node, type Shape, sameShape, sizeOf } from "../graph/index.js";
import { type ActivationSpec, applyActivation, type PieceTable, pieceTable } from "./activation.js";
import type { InitSpec, Law, LayoutBuilder, Parameter } from "./parameters.js";
import type { ParameterScale } from "./parametrisation.js";
import { smoothActivation } from "./smoothing.js";

/** Of one network, repetitions counted; their graphs take a kilobyte of memory per operation. */
const MAX_LAYERS = 10_000;
/** Of one parameter. */
const MAX_ENTRIES = 2 ** 32 - 1;

/** A layer as a config says it; each kind has fields of its own. */
export interface LayerConfig {
  readonly kind: string;
  readonly init?: InitSpec;
  readonly [field: string]: unknown;
}

/** Matrices [n, n] between the samples that graph layers multiply by; see model/neighbours.ts. */
export type Relation = "adjacency" | "neighbours" | "laplacian";

/** Where a network has kinks: the pre-activations of one call of a piecewise activation. */
export interface Site {
  /** Path of the layer. */
  readonly path: string;
  /** Of one sample. */
  readonly shape: Shape;
  /** Entries of one sample. */
  readonly units: number;
  /** Entries of one sample at all sites before. */
  readonly offset: number;
  /** The pieces; of a trained slope those at its start. */
  readonly table: PieceTable;
  /** Where the slope below zero stands in θ, for PReLU. */
  readonly slope: number | null;
}

/** z = input·W + bias on a matrix of rows: what the layer products of a kernel are made of. */
export interface Affine {
  /** [rows, fanIn] */
  readonly input: Node;
  /** [rows, fanOut] */
  readonly z: Node;
  readonly weight: Parameter;
  readonly bias: Parameter | null;
}

/** z = Σ_r R_r·input·W_r + bias, with matrices R_r [n, n] between the samples that are data. */
export interface Mixture {
  /** [n, fanIn] */
  readonly input: Node;
  /** [n, fanOut] */
  readonly z: Node;
  /** W_r [fanIn, fanOut] as they multiply, and what the parametrisation multiplies θ by in them. */
  readonly weights: readonly { readonly node: Node; readonly scale: number }[];
  /** The same of the bias, 0 where there is none. */
  readonly biasScale: number;
  /** R_r·node for each r; node [n, …]. */
  readonly apply: (node: Node) => readonly Node[];
}

/** One number of θ, repeated once per sample [n, 1, …]. */
export interface Spread {
  readonly parameter: Parameter;
  readonly node: Node;
}

/** A layer as it was built. */
export interface BuiltLayer {
  readonly path: string;
  readonly kind: string;
  /** What it makes of one sample. */
  readonly shape: Shape;
  /** Its parameters, where their names do not begin with its path. */
  readonly parameters?: readonly string[];
}

/** What one pass over the layers leaves behind. Lists run in the order of the layers. */
export interface Trace {
  /** Each before those within it. */
  readonly layers: BuiltLayer[];
  /** Pre-activations of the sites, each [n, ...shape]. */
  readonly preactivations: Node[];
  /** σ of them. */
  readonly activations: Node[];
  readonly sites: Site[];
  readonly affine: Affine[];
  readonly mixtures: Mixture[];
  readonly spreads: Spread[];
  /** Parameters that a layer took as they are, beyond affine maps and spreads. */
  readonly direct: Parameter[];
  /** With the path of the first layer that asks for it. */
  readonly relations: Map<Relation, string>;
  /** Layers that take the data for numbers of tokens. */
  readonly tokens: TokenUse[];
}

/** A layer that takes the data for whole numbers from 0 to `tokens` − 1. */
export interface TokenUse {
  readonly path: string;
  readonly tokens: number;
}

/** A layer that cannot be built: which, and why. */
export class LayerError extends Error {
  constructor(
    /** `layers.2`; empty for the whole network. */
    readonly path: string,
    message: string,
    /** Whether it is the blending of its kinks that fails. */
    readonly of: "layer" | "smoothing" = "layer",
  ) {
    super(message);
    this.name = "LayerError";
  }
}

/** What all scopes of one pass share. */
export interface Pass {
  readonly b: GraphBuilder;
  readonly samples: number;
  readonly layout: LayoutBuilder;
  readonly trace: Trace;
  /** What `{ kind: activation }` means. */
  readonly activation: ActivationSpec;
  /** Half-width of the blends that replace kinks; null leaves them. */
  readonly smoothing: number | null;
  /** θ's part that holds the parameter, of the parameter's shape. */
  parameter(parameter: Parameter): Node;
  /** What the parametrisation multiplies it by. */
  scale: ParameterScale;
  /** Given pieces of the site, of the shape of its pre-activations; null reads them off. */
  pieces(site: Site): Node | null;
  /** Whether given pieces decide about slopes alone. */
  readonly onlySlopes: boolean;
  relation(relation: Relation): Node;
  /** Builds a layer by its kind. */
  layer(scope: Scope, config: LayerConfig, x: Node): Node;
}

export class Scope {
  readonly #pass: Pass;
  readonly #init: InitSpec | null;

  constructor(
    pass: Pass,
    readonly path = "",
    /** Path of the parameters, where layers share them. */
    readonly owner = path,
    init: InitSpec | null = null,
  ) {
    this.#pass = pass;
    this.#init = init;
  }

  get b(): GraphBuilder {
    return this.#pass.b;
  }

  /** n */
  get samples(): number {
    return this.#pass.samples;
  }

  get activation(): ActivationSpec {
    return this.#pass.activation;
  }

  /** The parameter of that name of this layer. */
  parameter(name: string, shape: Shape, law: Law): Node {
    const parameter = this.#declare(name, shape, law);
    this.#pass.trace.direct.push(parameter);
    return this.#scaled(this.#pass.parameter(parameter), parameter);
  }

  relation(relation: Relation): Node {
    const { relations } = this.#pass.trace;
    if (!relations.has(relation)) relations.set(relation, this.path);
    return this.#pass.relation(relation);
  }

  /** Says that `x` holds whole numbers from 0 to `tokens` − 1: to be checked where that is the data, whose entries only move. */
  expectTokens(x: Node, tokens: number): void {
    let source = x;
    while (source.op === "reshape" || source.op === "slice") source = source.operands[0] as Node;
    if (source.op === "input") this.#pass.trace.tokens.push({ path: this.path, tokens });
  }

  /**
   * x·W + b on the rows of `x` [rows, fanIn], with the parameters `weight` and, where asked, `bias` of this layer.
   * @param names of them, where they have others
   */
  affine(x: Node, fanOut: number, withBias: boolean, names = { weight: "weight", bias: "bias" }): Node {
    const { b } = this;
    const fanIn = x.shape[1] as number;
    const weight = this.#declare(names.weight, [fanIn, fanOut], { kind: "weight", fanIn, fanOut });
    const bias = withBias ? this.#declare(names.bias, [fanOut], { kind: "bias", fanIn }) : null;
    // On the inputs, so that products of layers stay those of what is multiplied by the parameters themselves.
    const input = this.#scaled(x, weight);
    let z = b.matmul(input, this.#pass.parameter(weight));
    if (bias !== null) z = b.add(z, b.reshape(this.#scaled(this.#pass.parameter(bias), bias), [1, fanOut]));
    const hasOwnScale = bias !== null && this.#pass.scale(bias) !== 1;
    if (hasOwnScale) this.#pass.trace.direct.push(bias);
    this.#pass.trace.affine.push({ input, z, weight, bias: hasOwnScale ? null : bias });
    return z;
  }

  /**
   * Σ_r R_r·x·W_r + b on x [n, fanIn], `apply` giving R_r·node for each of the weights `names`. Where `narrowFirst` and there is one R, whichever
   * product is the narrower comes first.
   */
  mixture(
    x: Node,
    fanOut: number,
    names: readonly string[],
    apply: (node: Node) => readonly Node[],
    { bias: withBias, narrowFirst = false }: { readonly bias: boolean; readonly narrowFirst?: boolean },
  ): Node {
    const { b } = this;
    const fanIn = x.shape[1] as number;
    const law = { kind: "weight", fanIn, fanOut } as const;
    const declared = names.map((name) => this.#declare(name, [fanIn, fanOut], law));
    const bias = withBias ? this.#declare("bias", [fanOut], { kind: "bias", fanIn }) : null;
    const scaled = (parameter: Parameter) => this.#scaled(this.#pass.parameter(parameter), parameter);
    const weights = declared.map((own) => ({ node: scaled(own), scale: this.#pass.scale(own) }));
    const [first] = weights;
    // A product of the data with R is a constant.
    const isLast = narrowFirst && x.op !== "input" && fanIn > fanOut;
    let z = isLast
      ? (apply(b.matmul(x, first!.node))[0] as Node)
      : apply(x)
          .map((mixed, r) => b.matmul(mixed, weights[r]!.node))
          .reduce((p, q) => b.add(p, q));
    if (bias !== null) z = b.add(z, b.reshape(scaled(bias), [1, fanOut]));
    const { trace } = this.#pass;
    trace.direct.push(...declared, ...(bias === null ? [] : [bias]));
    const biasScale = bias === null ? 0 : this.#pass.scale(bias);
    trace.mixtures.push({ input: x, z, weights, biasScale, apply });
    return z;
  }

  /** σ(z), z [n, ...]. A piecewise polynomial makes a site of it. */
  activate(z: Node, asked: ActivationSpec = this.activation): Node {
    const { trace, smoothing } = this.#pass;
    if (z.shape[0] !== this.samples)
      this.fail(`activates [${z.shape}] of ${this.samples} samples; their axis must stay first`);
    const spec = smoothing === null ? asked : smoothActivation(asked, smoothing);
    if (spec === null)
      throw new LayerError(
        this.path,
        asked.kind === "prelu"
          ? "smooth cannot blend prelu, whose slope is trained; use flow.boundaries: exact, detect or off"
          : `must be below half the distance between the breakpoints of ${asked.kind}, got ${smoothing}; lower it`,
        "smoothing",
      );
    const table = pieceTable(spec);
    if (table === null) return applyActivation(this.b, spec, z, null, null);
    const slope =
      spec.kind === "prelu" ? this.#declare("slope", [1], { kind: "constant", value: spec.slope }) : null;
    const shape = z.shape.slice(1);
    const last = trace.sites[trace.sites.length - 1];
    const site: Site = {
      path: this.path,
      shape,
      units: sizeOf(shape),
      offset: last === undefined ? 0 : last.offset + last.units,
      table,
      slope: slope?.offset ?? null,
    };
    const { b } = this;
    const trained = slope && this.#spread(slope, z);
    const given = this.#pass.pieces(site);
    let a = applyActivation(b, spec, z, given, trained);
    if (given !== null && this.#pass.onlySlopes)
      a = b.add(a, b.detached(b.sub(applyActivation(b, spec, z, null, trained), a)));
    trace.sites.push(site);
    trace.preactivations.push(z);
    trace.activations.push(a);
    return a;
  }

  /** The layers of a list, one after the other: layer k is `name.k`. */
  run(layers: readonly LayerConfig[], x: Node, name = "layers"): Node {
    const { trace, layer: build } = this.#pass;
    return layers.reduce((h, layer, k) => {
      const scope = this.within(`${name}.${k}`, layer.init);
      scope.#checkRoom();
      const place = trace.layers.push({ path: scope.path, kind: layer.kind, shape: [] }) - 1;
      const made = build(scope, layer, h);
      trace.layers[place] = { path: scope.path, kind: layer.kind, shape: made.shape.slice(1) };
      return made;
    }, x);
  }

  /** Says what was built at this path: of networks that are no lists of layers. */
  built(kind: string, shape: Shape, parameters: readonly string[]): void {
    this.#checkRoom();
    this.#pass.trace.layers.push({ path: this.path, kind, shape, parameters });
  }

  #checkRoom(): void {
    if (this.#pass.trace.layers.length === MAX_LAYERS)
      this.fail(`is one more than ${MAX_LAYERS} layers; repeat fewer times`);
  }

  /** A part of this layer. With `owner` its parameters are those of that part. */
  within(name: string, init: InitSpec | undefined = undefined, owner = name): Scope {
    const join = (path: string, part: string): string => [path, part].filter((name) => name !== "").join(".");
    return new Scope(this.#pass, join(this.path, name), join(this.owner, owner), init ?? this.#init);
  }

  /** @throws LayerError of this layer */
  fail(message: string): never {
    throw new LayerError(this.path, message);
  }

  #declare(name: string, shape: Shape, law: Law): Parameter {
    const path = this.owner === "" ? name : `${this.owner}.${name}`;
    const size = sizeOf(shape);
    if (size > MAX_ENTRIES)
      this.fail(
        `its ${name} [${shape}] has ${size} numbers, and an array holds at most ${MAX_ENTRIES}; make sizes smaller`,
      );
    const known = this.#pass.layout.declare(path, shape, law, this.#init);
    if (!sameShape(known.shape, shape))
      this.fail(
        `shares its ${name}, which is [${known.shape}] where it stands first, and needs [${shape}] here; what layers are shared on must have one shape`,
      );
    return known;
  }

  #scaled(node: Node, parameter: Parameter): Node {
    const factor = this.#pass.scale(parameter);
    return factor === 1 ? node : this.b.scale(node, factor);
  }

  #spread(parameter: Parameter, z: Node): Node {
    const { b } = this;
    const ones = new Array<number>(z.shape.length).fill(1);
    const node = b.broadcast(b.reshape(this.#pass.parameter(parameter), ones), [
      z.shape[0] as number,
      ...ones.slice(1),
    ]);
    this.#pass.trace.spreads.push({ parameter, node });
    return node;
  }
}
