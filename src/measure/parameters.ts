/** Snapshots of θ along flow and descents. */
import { defineMeasure } from "./measure.js";

export const parameters = defineMeasure({
  name: "parameters",
  text: "Snapshots of θ as parameters-flow-0.npy, parameters-flow-1.npy, … and parameters-descent-0-0.npy (float64 [P], of the first learning rate); the column snapshot says at which rows.",
  points: 20,
  columns: () => [{ name: "snapshot", label: "snapshot", axis: "snapshot", scale: "none" }],
  follow({ curve, memory, save }) {
    const state = memory.keep("snapshots", { count: 0 });
    return async ({ theta }) => {
      const snapshot = state.count;
      await save(`parameters-${curve.replace(" ", "-")}-${snapshot}`, theta);
      // Counted when it stands: an interruption in between writes it again.
      state.count++;
      return { snapshot };
    };
  },
});
