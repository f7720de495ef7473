import { count, defineLayer, sampleShape } from "./define.js";
import { checkIndices } from "./windows.js";

export const embedding = defineLayer({
  kind: "embedding",
  text: "A trained vector per token: integers [T] → [T, width]. Parameter: weight [tokens, width], standard normal as PyTorch's.",
  fields: () => ({
    tokens: count.describe("Number of tokens: the data hold integers from 0 to tokens − 1."),
    width: count.describe("Length of a token's vector."),
  }),
  build(scope, { tokens, width }, x) {
    const { b } = scope;
    const [T] = sampleShape(scope, x, ["T"]) as [number];
    const n = x.shape[0] as number;
    scope.expectTokens(x, tokens);
    checkIndices(scope, tokens, `${tokens} tokens`);
    const table = scope.parameter("weight", [tokens, width], { kind: "normal", std: 1 });
    const names = b.constant(
      Float64Array.from({ length: tokens }, (_, k) => k),
      [1, tokens],
    );
    // One where the token is k: it lies between k − ½ and k + ½.
    const which = b.pieceOf(b.sub(b.reshape(x, [n * T, 1]), names), [-0.5, 0.5]);
    const chosen = b.lookup(which, [0, 1, 0]);
    return b.reshape(b.matmul(chosen, table), [n, T, width]);
  },
});
