/** Networks from code: a list of layers, or a function that builds the graph. */
import { z } from "zod";
import type { Shape } from "../graph/index.js";
import { type ActivationSpec, activationSchema } from "./activation.js";
import type { LayerModule } from "./layers/define.js";
import { layerKinds, layerListSchema } from "./layers/registry.js";
import { type Build, createNetwork, layeredNetwork, type Network } from "./network.js";
import type { Parametrisation } from "./parametrisation.js";

interface Common {
  /** Shape of one sample's input. */
  readonly inputShape: Shape;
  /** What `{ kind: "activation" }` and `scope.activate(z)` mean; default identity. */
  readonly activation?: ActivationSpec;
  /** What stands between θ and the weights; default nothing. */
  readonly parametrisation?: Parametrisation;
  /** α, which multiplies the outputs; default 1. */
  readonly outputScale?: number;
}

/** Layers as a study lists them; fields that have defaults may be left out. */
export interface FromLayers extends Common {
  readonly layers: readonly { readonly kind: string; readonly [field: string]: unknown }[];
  /** M, for a last layer that leaves its width out. */
  readonly outputs?: number;
  /** Layers of your own, made by `defineLayer`, beside those there are. */
  readonly kinds?: readonly LayerModule[];
}

/** The graph by hand: `scope.parameter` declares parameters by name, `scope.activate` makes kinks known. */
export interface FromFunction extends Common {
  readonly build: Build;
}

const shared = { init: z.any().optional() };
const schema = layerListSchema(shared);

/**
 * @throws LayerError where a layer does not fit what comes in; TypeError where the fields of a layer or an activation are wrong, or two layers have one kind
 */
export function defineNetwork({ activation: given, ...options }: FromLayers | FromFunction): Network {
  parse(z.array(z.int().min(1)).min(1), options.inputShape, "inputShape");
  const activation = given && { activation: parse(activationSchema, given, "activation") };
  if ("build" in options) return createNetwork({ kind: "function", isOwn: true, ...options, ...activation });
  const kinds = layerKinds(options.kinds);
  const list = options.kinds === undefined ? schema : layerListSchema(shared, kinds.modules);
  if (nestsDeeper(options.layers, MAX_DEPTH))
    throw new TypeError(
      `defineNetwork: layers: nest more than ${MAX_DEPTH} deep; flatten them, or use repeat.`,
    );
  const layers = parse(list, options.layers, "layers");
  return layeredNetwork({ ...options, ...activation, layers, outputs: options.outputs ?? null, kinds });
}

/** Lists and objects within one another; schema and layers are walked recursively. */
const MAX_DEPTH = 600;

function nestsDeeper(value: unknown, most: number): boolean {
  let level = [value];
  for (let depth = 0; depth <= most && level.length > 0; depth++)
    level = level.flatMap((item) => (typeof item === "object" && item !== null ? Object.values(item) : []));
  return level.length > 0;
}

function parse<T>(schema: z.ZodType<T>, value: unknown, name: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${[name, ...path].join(".")}: ${message}`);
  throw new TypeError(`defineNetwork: ${faults.join("; ")}`);
}
