/** What a preset is: an architecture by name, its few fields, and the list of layers that they stand for. */
import type { z } from "zod";
import type { Shape } from "../../graph/index.js";
import type { ActivationSpec } from "../activation.js";
import type { InitSpec } from "../parameters.js";
import type { LayerConfig } from "../scope.js";
import type { NetworkSpec } from "./spec.js";

/** What the data say. */
export interface PresetContext {
  /** Shape of one sample's input. */
  readonly inputShape: Shape;
  /** M */
  readonly outputs: number;
}

export interface Preset {
  readonly kind: string;
  /** One sentence for the config reference. */
  readonly text: string;
  readonly fields: z.ZodRawShape;
  /** Axes of one sample's input, for messages. */
  axes(fields: never): readonly string[];
  /** Fields that `scale` multiplies. */
  readonly sizes: readonly string[];
  readonly activation: ActivationSpec;
  /** Null for the config's own default. */
  readonly init: InitSpec | null;
  /** Faults of the fields that their schema does not know, each with the field it is of. */
  check(fields: never): readonly { readonly field: string; readonly message: string }[];
  /** The layers; a last layer with a width leaves it out. */
  layers(fields: never, context: PresetContext): readonly LayerConfig[];
  /** What the bounds on ranks know of it; null for most. */
  spec(fields: never, context: PresetContext): Omit<NetworkSpec, "activation"> | null;
}

/** A preset, its fields typed by their schema. */
export function definePreset<const F extends z.ZodRawShape>(preset: {
  readonly kind: string;
  readonly text: string;
  readonly fields: F;
  readonly axes: readonly string[] | ((fields: z.output<z.ZodObject<F>>) => readonly string[]);
  readonly sizes: readonly (keyof F & string)[];
  readonly activation?: ActivationSpec;
  readonly init?: InitSpec;
  readonly check?: (
    fields: z.output<z.ZodObject<F>>,
  ) => readonly { readonly field: string; readonly message: string }[];
  readonly layers: (fields: z.output<z.ZodObject<F>>, context: PresetContext) => readonly LayerConfig[];
  readonly spec?: (
    fields: z.output<z.ZodObject<F>>,
    context: PresetContext,
  ) => Omit<NetworkSpec, "activation">;
}): Preset {
  return {
    activation: { kind: "leaky-relu", slope: 0.01 },
    init: null,
    check: () => [],
    spec: () => null,
    ...preset,
    axes: typeof preset.axes === "function" ? preset.axes : () => preset.axes,
  } as Preset;
}

/** `{ kind: activation }` */
export const ACTIVATION: LayerConfig = { kind: "activation" };
