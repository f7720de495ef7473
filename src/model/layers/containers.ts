/** Layers that hold layers: nesting says what names and references would say. */
import { z } from "zod";
import type { LayerConfig } from "../scope.js";
import { count, defineLayer } from "./define.js";
import { joinBranches, joinFields } from "./join.js";

export const residual = defineLayer({
  kind: "residual",
  text: "x ↦ shortcut(x) + scale·layers(x). Parameters: the shortcut's, then the layers'.",
  fields: (layers) => ({
    layers: layers.describe("The layers beside the shortcut."),
    shortcut: z
      .union([z.literal("identity"), layers])
      .default("identity")
      .describe("What x passes through on the other way: nothing, or a list of layers."),
    scale: z.number().default(1).describe("Factor on the layers' result."),
  }),
  build(scope, { layers, shortcut, scale }, x) {
    const { b } = scope;
    const kept = shortcut === "identity" ? x : scope.run(shortcut as readonly LayerConfig[], x, "shortcut");
    const made = scope.run(layers, x);
    if (kept.shape.join() !== made.shape.join())
      scope.fail(
        `the shortcut gives [${kept.shape.slice(1)}], the layers [${made.shape.slice(1)}]; give the shortcut layers that make the shapes equal`,
      );
    return b.add(kept, b.scale(made, scale));
  },
});

export const parallel = defineLayer({
  kind: "parallel",
  text: "All branches see the same input; their results are joined. Parameters: branch after branch.",
  fields: (layers) => ({
    branches: z.array(layers).min(1).describe("Lists of layers; an empty one passes its input on."),
    ...joinFields,
  }),
  build: (scope, { branches, join, axis }, x) =>
    joinBranches(
      scope,
      join,
      axis,
      branches.map((layers, k) => scope.within(`branches.${k}`).run(layers, x)),
    ),
});

export const siamese = defineLayer({
  kind: "siamese",
  text: "The first axis of a sample has length 2: the same layers, the same parameters, on both halves, which are then joined.",
  fields: (layers) => ({ layers: layers.describe("The layers of both halves."), ...joinFields }),
  build(scope, { layers, join, axis }, x) {
    const { b } = scope;
    if (x.shape[1] !== 2 || x.shape.length < 3)
      scope.fail(`takes samples of shape [2, ...], got [${x.shape.slice(1)}]`);
    const halves = [0, 1].map((k) => {
      const half = b.reshape(b.slice(x, 1, k, k + 1), [x.shape[0] as number, ...x.shape.slice(2)]);
      return scope.within(`halves.${k}`, undefined, "").run(layers, half);
    });
    return joinBranches(scope, join, axis, halves);
  },
});

export const repeat = defineLayer({
  kind: "repeat",
  text: "The same layers one after the other. Parameters: `times` copies, or one.",
  fields: (layers) => ({
    times: count.describe("How often; a sweep may vary it."),
    layers: layers.describe("The layers of one round."),
    shared: z.boolean().default(false).describe("Whether all rounds have the same parameters."),
  }),
  build(scope, { times, layers, shared }, x) {
    if (layers.length === 0) return x;
    let h = x;
    for (let k = 0; k < times; k++)
      h = scope.within(`rounds.${k}`, undefined, shared ? "" : `rounds.${k}`).run(layers, h);
    return h;
  },
});
