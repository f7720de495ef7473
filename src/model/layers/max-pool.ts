import type { Node } from "../../graph/index.js";
import { samplesFirst } from "./convolution.js";
import { defineLayer } from "./define.js";
import { poolFields, poolWindows } from "./pooling.js";
import { pair } from "./windows.js";

/** Of a window. */
const MAX_ENTRIES = 4096;

export const maxPool = defineLayer({
  kind: "max-pool",
  text: "Largest entry of windows: [C, H, W] → [C, ⌊(H−size)/stride⌋+1, …]. A tree of max(a, b) = b + relu(a − b), whose ties are kinks like others.",
  fields: poolFields,
  build(scope, fields, x) {
    const { b } = scope;
    const { spread, size, shape } = poolWindows(scope, fields, x);
    if (size > MAX_ENTRIES)
      scope.fail(
        `a window of ${pair(fields.size).join(" × ")} has ${size} entries, each a node of the graph; ${MAX_ENTRIES} is the most. Pool in several steps`,
      );
    const places = (spread.shape[1] as number) / size;
    let level = Array.from({ length: size }, (_, k) =>
      samplesFirst(scope, b.slice(spread, 1, k * places, (k + 1) * places), shape),
    );
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
