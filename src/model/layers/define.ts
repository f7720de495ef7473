/** What a layer module is: its fields as a config has them, and how it builds its part of the graph. */
import { z } from "zod";
import type { Node } from "../../graph/index.js";
import type { LayerConfig, Scope } from "../scope.js";

/** The schema of a list of layers, for layers that hold some. */
export type Layers = z.ZodType<readonly LayerConfig[]>;

export interface LayerModule {
  readonly kind: string;
  /** One sentence for the config reference, with shapes of one sample. */
  readonly text: string;
  /** Whether its field `width` may be left out where it is the network's last layer. */
  readonly takesWidth?: true;
  fields(layers: Layers): z.ZodRawShape;
  /** @param x [n, ...], the samples' axis first; so is the result */
  build(scope: Scope, fields: never, x: Node): Node;
}

/** A layer module, its fields typed by their schema. */
export function defineLayer<const F extends z.ZodRawShape>(module: {
  readonly kind: string;
  readonly text: string;
  readonly takesWidth?: true;
  readonly fields: (layers: Layers) => F;
  readonly build: (scope: Scope, fields: z.output<z.ZodObject<F>>, x: Node) => Node;
}): LayerModule {
  return module as LayerModule;
}

/** Fields that several kinds have. */
export const count = z.int().min(1);
export const bias = z.boolean().default(true).describe("Whether it has a bias.");
export const width = count
  .exactOptional()
  .describe(
    "Length of the last axis. The last layer of a network may leave it out: the data's output dimension.",
  );

/** The shape of one sample. @throws LayerError unless it has `rank` axes, named by `axes` */
export function sampleShape(scope: Scope, x: Node, axes: readonly string[]): number[] {
  const shape = x.shape.slice(1);
  if (shape.length !== axes.length)
    scope.fail(`takes samples of shape [${axes.join(", ")}], got [${shape.join(", ")}]`);
  return shape;
}
