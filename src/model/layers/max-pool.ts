import type { Node } from "../../graph/index.js";
import { defineLayer } from "./define.js";
import { poolFields, poolWindows } from "./pooling.js";

export const maxPool = defineLayer({
  kind: "max-pool",
  text: "Largest entry of windows: [C, H, W] → [C, ⌊(H−size)/stride⌋+1, …]. A tree of max(a, b) = b + relu(a − b), whose ties are kinks like others.",
  fields: poolFields,
  build(scope, fields, x) {
    const { b } = scope;
    const { parts, shape } = poolWindows(scope, fields, x);
    let level = parts.map((part) => b.reshape(part, shape));
    while (level.length > 1) {
      const winners: Node[] = [];
      for (let k = 0; k + 1 < level.length; k += 2) {
        const [p, q] = [level[k] as Node, level[k + 1] as Node];
        winners.push(b.add(q, scope.activate(b.sub(p, q), { kind: "relu" })));
      }
      if (level.length % 2 === 1) winners.push(level[level.length - 1] as Node);
      level = winners;
    }
    return level[0] as Node;
  },
});
