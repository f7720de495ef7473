/** Activations as layers: the network's own, or any kind by its name. */
import type { z } from "zod";
import { type ActivationKind, type ActivationSpec, activationKinds } from "../activation.js";
import { defineLayer, type LayerModule } from "./define.js";

export const activation = defineLayer({
  kind: "activation",
  text: "The network's activation, entry by entry.",
  fields: () => ({}),
  build: (scope, _, x) => scope.activate(x),
});

/** One module for every kind of activation. */
export const activationLayers: readonly LayerModule[] = Object.keys(activationKinds).map((name) => {
  const kind = name as ActivationKind;
  const { text, fields } = activationKinds[kind];
  return defineLayer({
    kind,
    text: `${text} Entry by entry.`,
    fields: () => fields as z.ZodRawShape,
    build: (scope, own, x) => scope.activate(x, { ...own, kind } as ActivationSpec),
  });
});
