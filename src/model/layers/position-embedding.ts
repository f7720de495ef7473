import { defineLayer, sampleShape } from "./define.js";

export const positionEmbedding = defineLayer({
  kind: "position-embedding",
  text: "Adds a trained [T, d] to every sample. Parameter: weight [T, d], normal with standard deviation 0.02.",
  fields: () => ({}),
  build(scope, _, x) {
    const shape = sampleShape(scope, x, ["T", "d"]);
    return scope.b.add(x, scope.parameter("weight", shape, { kind: "normal", std: 0.02 }));
  },
});
