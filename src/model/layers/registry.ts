/** All kinds of layers: a new one is a file and a line here. */
import { z } from "zod";
import type { Node } from "../../graph/index.js";
import type { LayerConfig, Scope } from "../scope.js";
import { activation, activationLayers } from "./activation.js";
import { attention } from "./attention.js";
import { averagePool } from "./average-pool.js";
import { batchNorm } from "./batch-norm.js";
import { parallel, repeat, residual, siamese } from "./containers.js";
import { conv1d } from "./conv1d.js";
import { conv2d } from "./conv2d.js";
import type { LayerModule, Layers } from "./define.js";
import { dense } from "./dense.js";
import { embedding } from "./embedding.js";
import { flatten } from "./flatten.js";
import { globalAveragePool } from "./global-average-pool.js";
import { chebConv, gcnConv, graphConv } from "./graph-layers.js";
import { layerNorm } from "./layer-norm.js";
import { maxPool } from "./max-pool.js";
import { mean } from "./mean.js";
import { positionEmbedding } from "./position-embedding.js";
import { reshape } from "./reshape.js";
import { scale } from "./scale.js";
import { transposedConv2d } from "./transposed-conv2d.js";
import { upsample } from "./upsample.js";

export const layerModules: readonly LayerModule[] = [
  dense,
  conv2d,
  conv1d,
  transposedConv2d,
  averagePool,
  maxPool,
  globalAveragePool,
  upsample,
  flatten,
  reshape,
  mean,
  layerNorm,
  batchNorm,
  attention,
  positionEmbedding,
  embedding,
  gcnConv,
  chebConv,
  graphConv,
  residual,
  parallel,
  siamese,
  repeat,
  scale,
  activation,
  ...activationLayers,
];

/** What a network takes for granted of kinds of layers: those here, or those here and a program's own. */
export interface LayerKinds {
  readonly modules: readonly LayerModule[];
  /** @param config complete, as the schema returns it */
  build(scope: Scope, config: LayerConfig, x: Node): Node;
  /** Whether layers of that kind have a width that the last layer of a network may leave to the data. */
  takesWidth(kind: string): boolean;
}

/** @throws TypeError where two modules have one kind */
export function layerKinds(own: readonly LayerModule[] = []): LayerKinds {
  const modules = [...layerModules, ...own];
  const byKind = new Map(modules.map((module) => [module.kind, module]));
  if (byKind.size < modules.length) {
    const twice = own.find(({ kind }) => modules.filter((module) => module.kind === kind).length > 1);
    throw new TypeError(`there are two layers of kind ${twice?.kind}; give yours another name`);
  }
  return {
    modules,
    build(scope, config, x) {
      const module = byKind.get(config.kind) ?? scope.fail(`there is no layer of kind ${config.kind}`);
      return module.build(scope, config as never, x);
    },
    takesWidth: (kind) => byKind.get(kind)?.takesWidth === true,
  };
}

/** The schema of a list of layers; `shared` are fields that every layer may have beside its own. */
export function layerListSchema(
  shared: z.ZodRawShape,
  modules: readonly LayerModule[] = layerModules,
): Layers {
  const list: Layers = z.lazy(() => z.array(layer));
  const layer = z.discriminatedUnion(
    "kind",
    modules.map(({ kind, text, fields }) =>
      z.strictObject({ kind: z.literal(kind).describe(text), ...fields(list), ...shared }),
    ) as unknown as [z.ZodObject, ...z.ZodObject[]],
  ) as unknown as z.ZodType<LayerConfig>;
  return list;
}
