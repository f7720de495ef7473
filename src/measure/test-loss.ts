/** The loss on samples that are not trained on. */
import { defineMeasure } from "./measure.js";

export const testLoss = defineMeasure({
  name: "testLoss",
  text: "The loss on the samples that dataset.split keeps from training, reduced as the study's over their own number, without weight decay.",
  look: "Where it rises while the training loss still falls, the network overfits: its lowest point is the best time to stop.",
  refuse: ({ test }) =>
    test === null ? "needs samples that are not trained on; set dataset.split: { test: 0.25 }." : null,
  columns: () => [{ name: "testLoss", label: "test loss", axis: "test loss", scale: "log" }],
  graphs: (family, _, on) => (on === "test" ? [family.dataLoss()] : []),
  follow:
    ({ test }) =>
    async ({ theta }) => ({ testLoss: await test!.dataLoss(theta) }),
});
