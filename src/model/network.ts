/**
 * Networks as graphs of one flat parameter vector θ: a list of layers, or a function of one's own that builds the graph. Its parameters
 * have names, its kinks stand at sites, and whether it couples the samples is read off its graph.
 */
import { GraphBuilder, type Node, type Shape, sizeOf } from "../graph/index.js";
import type { ActivationSpec } from "./activation.js";
import { couplesSamples, dependsOnCount } from "./coupling.js";
import { type LayerKinds, layerKinds } from "./layers/registry.js";
import { type MixedSite, mixedSites } from "./mixed-sites.js";
import { type Layout, LayoutBuilder } from "./parameters.js";
import { type Parametrisation, parameterScale } from "./parametrisation.js";
import type { NetworkSpec } from "./presets/spec.js";
import {
  type BuiltLayer,
  type LayerConfig,
  type Pass,
  type Relation,
  Scope,
  type Site,
  type TokenUse,
  type Trace,
} from "./scope.js";

/**
 * Builds the outputs [n, ...] from the inputs [n, ...]. Called once for every graph, with n of its own: where n stands in values and not
 * in shapes alone, the samples count as coupled.
 */
export type Build = (scope: Scope, x: Node) => Node;

export interface NetworkOptions {
  /** What kind of network it is, for records: `dnn`, `layers`, … */
  readonly kind: string;
  readonly preset?: NetworkSpec;
  /** Shape of one sample's input. */
  readonly inputShape: Shape;
  readonly build: Build;
  /** What `{ kind: activation }` means. */
  readonly activation?: ActivationSpec;
  /** Whether `build` is somebody's own, so that its values may depend on n. */
  readonly isOwn?: boolean;
  /** Half-width of polynomial blends that replace the kinks; null or absent leaves them. */
  readonly smoothing?: number | null;
  /** The layers there are; default: the registry's. */
  readonly kinds?: LayerKinds;
  /** What stands between θ and the weights; default nothing. */
  readonly parametrisation?: Parametrisation;
  /** α, which multiplies the outputs; default 1. */
  readonly outputScale?: number;
  /** The parameters that it comes with. */
  readonly start?: (layout: Layout) => Float64Array;
  /** What is known of the file that it was read from, once it is built. */
  readonly origin?: () => Imported;
}

/** What stands beside a sample's input, [n, M]: its targets, and what is taken off its outputs. */
export type SampleInput = "y" | "origin";

/** The inputs of one forward pass. */
export interface ForwardInputs {
  /** [P] */
  readonly theta: Node;
  /** [n, ...inputShape] */
  readonly x: Node;
  /** Pieces of a site, of the shape of its pre-activations; null reads them off. */
  readonly pieces: ((site: Site) => Node) | null;
  /** Whether activations have the values that they have at z, and only their slopes are those of the given pieces. */
  readonly onlySlopes?: boolean;
  /** What a loss with a kink needs of the samples; see `Network.sampleInputs`. */
  readonly sample?: (name: SampleInput) => Node;
}

/** The nodes of one forward pass. */
export interface Forward extends Omit<Trace, "layers" | "sites" | "relations" | "direct" | "tokens"> {
  /** [n, ...outputShape] */
  readonly output: Node;
}

export interface Network {
  readonly kind: string;
  /** What it was expanded from, where more is known of it than its graph says; null for others. */
  readonly preset: NetworkSpec | null;
  readonly inputShape: Shape;
  readonly outputShape: Shape;
  /** M */
  readonly outputs: number;
  readonly activation: ActivationSpec;
  readonly layout: Layout;
  /** The layers as they were built, each before those within it; none of a network that is a function of its own. */
  readonly layers: readonly BuiltLayer[];
  readonly sites: readonly Site[];
  /** Entries of one sample: all pre-activations of all sites. */
  readonly units: number;
  /** Matrices between the samples that the graphs take as inputs of these names. */
  readonly relations: readonly Relation[];
  /** Path of the first layer that takes one; null where there is none. */
  readonly graphLayer: string | null;
  /** Layers that take the data for numbers of tokens. */
  readonly tokens: readonly TokenUse[];
  /** Half-width of the blends that replace its kinks; null where they stand. */
  readonly smoothing: number | null;
  /** What a forward pass takes beside x: only where the kink of a loss is one of its sites. */
  readonly sampleInputs: readonly SampleInput[];
  /** Whether a result of one sample depends on another sample. */
  readonly coupled: boolean;
  /** Whether every parameter belongs to one affine map of one row per sample: kernels then have a form without rows of J. */
  readonly hasLayerProducts: boolean;
  /** How its sites mix the samples, where all do by fixed matrices, over data or over the activations of a site that does; see mixed-sites.ts. */
  readonly mixed: readonly MixedSite[] | null;
  forward(b: GraphBuilder, inputs: ForwardInputs): Forward;
  /** The parameters that it comes with, as an imported one does; null where only `init` says how they start. */
  readonly start: Float64Array | null;
  /** Where it was read from a file, what of it. */
  readonly imported: Imported | null;
  /** The same network with its kinks blended. @throws LayerError where they cannot be */
  smoothed(halfWidth: number): Network;
  /** The same network with outputs α times as large. */
  scaled(alpha: number): Network;
}

/** What a network is of the file that it was read from. */
export interface Imported {
  /** Who wrote the file, with its version. */
  readonly producer: string;
  readonly opset: number;
  /** By the parameter's name, which is the initialiser's: its shape in the file, and whether θ has it the other way round. */
  readonly arrays: Readonly<Record<string, { readonly shape: Shape; readonly transposed: boolean }>>;
  /** Floating-point initialisers that are not trained, and why. */
  readonly frozen: readonly { readonly name: string; readonly shape: Shape; readonly why: string }[];
  /** Nodes of the file that are numbers known beforehand. */
  readonly folded: readonly string[];
  /** What an exact treatment of kinks does not see, and the like. */
  readonly notes: readonly string[];
}

const KINDS = layerKinds();
const STANDARD: Parametrisation = { kind: "standard" };
const IDENTITY: ActivationSpec = { kind: "identity" };
/** Samples of the pass that declares parameters and sites: a prime that no other axis is likely to have, so that coupling shows. */
const DECLARED_SAMPLES = 1009;
const OTHER_SAMPLES = 1013;

/** @throws LayerError where a layer does not fit what comes in */
export function createNetwork(options: NetworkOptions): Network {
  const { kind, preset = null, inputShape, build, activation = IDENTITY, smoothing = null } = options;
  const { kinds = KINDS, parametrisation = STANDARD, outputScale = 1 } = options;
  const layout = new LayoutBuilder();
  const run = (
    b: GraphBuilder,
    x: Node,
    own: Pick<Pass, "parameter" | "pieces" | "onlySlopes" | "scale">,
  ): { output: Node; trace: Trace } => {
    const trace: Trace = {
      layers: [],
      preactivations: [],
      activations: [],
      sites: [],
      affine: [],
      mixtures: [],
      spreads: [],
      direct: [],
      relations: new Map(),
      tokens: [],
    };
    const samples = x.shape[0] as number;
    const scope = new Scope({
      b,
      samples,
      layout,
      trace,
      activation,
      smoothing,
      relation: (name) => b.input(name, [samples, samples]),
      layer: kinds.build,
      ...own,
    });
    const output = build(scope, x);
    if (output.shape[0] !== samples)
      scope.fail(`the network makes [${output.shape}] of ${samples} samples; their axis must stay first`);
    return { output: outputScale === 1 ? output : b.scale(output, outputScale), trace };
  };
  const declare = (b: GraphBuilder, samples: number) => {
    const x = b.input("x", [samples, ...inputShape]);
    const { output, trace } = run(b, x, {
      parameter: ({ name, shape }) => b.input(`parameter ${name}`, shape),
      pieces: () => null,
      scale: parameterScale(parametrisation, null),
      onlySlopes: false,
    });
    return { x, output, trace, results: [output, ...trace.preactivations] };
  };
  const b = new GraphBuilder();
  const { x, output, trace, results } = declare(b, DECLARED_SAMPLES);
  const scale = parameterScale(parametrisation, layout.layout);
  const { sites } = trace;
  const last = sites[sites.length - 1];
  const outputShape = output.shape.slice(1);
  const relations = [...trace.relations.keys()];
  const matrices = relations.map((name) => b.input(name, [DECLARED_SAMPLES, DECLARED_SAMPLES]));
  const coupled =
    couplesSamples(results, x, matrices) ||
    ((options.isOwn === true || kinds !== KINDS) &&
      dependsOnCount(results, declare(new GraphBuilder(), OTHER_SAMPLES).results));
  return {
    kind,
    preset,
    inputShape,
    outputShape,
    outputs: sizeOf(outputShape),
    activation,
    layout: layout.layout,
    layers: trace.layers,
    sites,
    units: last === undefined ? 0 : last.offset + last.units,
    relations,
    graphLayer: trace.relations.get(relations[0] as Relation) ?? null,
    tokens: trace.tokens,
    smoothing,
    sampleInputs: [],
    coupled,
    start: options.start?.(layout.layout) ?? null,
    imported: options.origin?.() ?? null,
    hasLayerProducts: !coupled && isMadeOfAffineMaps(trace, layout.layout),
    mixed: coupled ? mixedSites(trace) : null,
    forward(builder, { theta, x: inputs, pieces, onlySlopes = false }) {
      const pass = run(builder, inputs, {
        parameter: ({ offset, size, shape }) =>
          builder.reshape(builder.slice(theta, 0, offset, offset + size), shape),
        pieces: (site) => pieces?.(site) ?? null,
        scale,
        onlySlopes,
      });
      return { output: pass.output, ...pass.trace };
    },
    smoothed: (halfWidth) => createNetwork({ ...options, smoothing: halfWidth }),
    scaled: (alpha) => createNetwork({ ...options, outputScale: outputScale * alpha }),
  };
}

function isMadeOfAffineMaps({ affine, spreads, direct }: Trace, { parameters }: Layout): boolean {
  const used = [
    ...affine.flatMap(({ weight, bias }) => (bias === null ? [weight] : [weight, bias])),
    ...spreads.map(({ parameter }) => parameter),
  ];
  return (
    direct.length === 0 &&
    used.length === parameters.length &&
    new Set(used).size === used.length &&
    affine.every(({ input }) => input.shape[0] === DECLARED_SAMPLES)
  );
}

export interface LayeredOptions extends Omit<NetworkOptions, "build" | "kind"> {
  readonly kind?: string;
  /** Complete, as the schema returns them. */
  readonly layers: readonly LayerConfig[];
  /** M, which the last layer may leave out; null where nothing says it. */
  readonly outputs: number | null;
}

/** A network from a list of layers. @throws LayerError naming the layer that does not fit */
export function layeredNetwork({ layers, outputs, kind = "layers", ...options }: LayeredOptions): Network {
  const complete = withLastWidth(layers, outputs, options.kinds ?? KINDS);
  return createNetwork({ ...options, kind, build: (scope, x) => scope.run(complete, x) });
}

/** The layers with M as the width of the last, where it leaves that out. */
function withLastWidth(
  layers: readonly LayerConfig[],
  outputs: number | null,
  { takesWidth }: LayerKinds,
): readonly LayerConfig[] {
  const last = layers[layers.length - 1];
  if (last === undefined || outputs === null || !takesWidth(last.kind) || last["width"] !== undefined)
    return layers;
  return [...layers.slice(0, -1), { ...last, width: outputs }];
}

/** The network in a line, for reports: `dnn 10-20-20-2, leaky-relu, no biases`. */
export function describeNetwork({
  kind,
  preset,
  inputShape,
  outputShape,
  activation,
  layout,
}: Network): string {
  const size = (shape: Shape): string => shape.join("×");
  if (preset === null) return `${kind} ${size(inputShape)} → ${size(outputShape)}, P = ${layout.size}`;
  const widths = [preset.inputDimension, ...preset.hidden, preset.outputDimension].join("-");
  return `${kind} ${widths}, ${activation.kind}${preset.bias ? "" : ", no biases"}`;
}
