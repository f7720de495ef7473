import { describe, expect, test } from "vitest";
import { compileReference } from "../../src/engine/reference.js";
import {
  cancelTransposes,
  createGraph,
  type Graph,
  GraphBuilder,
  type Node,
  sizeOf,
} from "../../src/graph/index.js";
import { createFamily, layeredNetwork } from "../../src/model/index.js";
import { createRandom } from "../../src/random.js";
import { randomVector } from "../support/networks.js";

const count = (graph: Graph): number => graph.nodes.filter(({ op }) => op === "transpose").length;

/** Operations one after the other on a tensor of three axes, drawn at random; about every third is a transpose or a reshape. */
function randomGraph(seed: number): Graph {
  const random = createRandom(seed).split("graph");
  const draw = (below: number): number => Math.floor(random.uniform() * below);
  const pick = <T>(list: readonly T[]): T => list[draw(list.length)] as T;
  const b = new GraphBuilder();
  const shuffled = (length: number): number[] => {
    const left = Array.from({ length }, (_, i) => i);
    return Array.from({ length }, () => left.splice(draw(left.length), 1)[0] as number);
  };
  const flip = (x: Node): Node => b.transpose(x, shuffled(x.shape.length));
  const steps: ((x: Node) => Node)[] = [
    flip,
    flip,
    flip,
    // Splits and merges, axes of length 1 among them.
    (x) =>
      b.reshape(
        x,
        pick([[4, 3, 2], [2, 2, 3, 2], [12, 2], [4, 6], [4, 1, 3, 2, 1], [24], [2, 3, 4], [1, 24]]),
      ),
    (x) =>
      b.reshape(
        x,
        x.shape.flatMap((length) => (length === 4 ? [2, 2] : [length])),
      ),
    (x) => b.tanh(x),
    (x) => b.lookup(b.pieceOf(x, [0]), [0.5, 2]),
    (x) => b.mul(x, b.add(x, b.constant(2))),
    (x) => b.add(x, b.input(`row ${x.shape.at(-1)}`, [x.shape.at(-1) as number])),
    // The same tensor in two layouts.
    (x) => b.sub(x, b.transpose(b.reshape(x, [...x.shape].reverse()), shuffledBack(x.shape.length))),
    (x) => {
      const axis = draw(x.shape.length);
      return b.sub(x, b.broadcast(b.sum(x, [axis]), x.shape));
    },
    (x) => b.sub(x, b.max(x, [draw(x.shape.length)])),
    (x) => {
      const axis = draw(x.shape.length);
      const length = x.shape[axis] as number;
      return b.gather(
        x,
        axis,
        Int32Array.from({ length }, () => draw(length + 1) - 1),
      );
    },
    (x) => {
      const axis = draw(x.shape.length);
      return b.pad(b.slice(x, axis, 0, Math.max(1, (x.shape[axis] as number) - 1)), axis, 1, 0);
    },
    (x) => {
      const axis = draw(x.shape.length);
      return b.slice(b.concat([x, b.tanh(x)], axis), axis, 0, x.shape[axis] as number);
    },
    (x) => (x.shape.length < 2 ? x : b.matmul(b.matmul(x, x, { transposeB: true }), x)),
  ];
  const shuffledBack = (length: number): number[] => Array.from({ length }, (_, i) => length - 1 - i);
  let x: Node = b.input("x", [4, 3, 2]);
  const made: Node[] = [];
  for (let k = 0; k < 14; k++) {
    const next = pick(steps)(x);
    // Sizes may not run away, nor values.
    if (sizeOf(next.shape) !== 24) continue;
    x = next;
    if (k % 4 === 3) made.push(x);
    x = b.tanh(x);
  }
  return createGraph(`random ${seed}`, Object.fromEntries([...made, x].map((node, i) => [`y${i}`, node])));
}

describe("without transposes that cancel", () => {
  test("random graphs have the same values", () => {
    let fewer = 0;
    for (let seed = 0; seed < 400; seed++) {
      const graph = randomGraph(seed);
      const less = cancelTransposes(graph);
      if (less === graph) continue;
      fewer++;
      const inputs = Object.fromEntries(
        graph.inputs.map(({ attributes: { name }, shape }, i) => [
          name,
          randomVector(seed + i, sizeOf(shape)),
        ]),
      );
      const expected = compileReference(graph).runSync(inputs);
      const found = compileReference(less).runSync(inputs);
      for (const [name, values] of Object.entries(expected)) {
        expect(less.outputs[name]?.shape).toEqual(graph.outputs[name]?.shape);
        // Sums of at most 24 terms of order one in another order, magnified by a few further operations; an entry in a wrong place is off by 0.1.
        found[name]!.forEach((value, i) => {
          expect(Math.abs(value - values[i]!), `${graph.name}, ${name}, entry ${i}`).toBeLessThan(1e-9);
        });
      }
    }
    expect(fewer).toBeGreaterThan(100);
  });

  test.for([1, 2, 5])("%i convolutions with what stands between keep one layout", (times) => {
    const convolution = {
      kind: "conv2d",
      channels: 3,
      kernel: 3,
      stride: 1,
      padding: "same",
      groups: 1,
      bias: true,
    };
    const network = layeredNetwork({
      inputShape: [3, 6, 6],
      outputs: 2,
      layers: [
        ...Array.from({ length: times }, () => [convolution, { kind: "tanh" }, { kind: "relu" }]).flat(),
        { kind: "max-pool", size: 2 },
        { kind: "flatten" },
        { kind: "dense", bias: true },
      ],
    });
    const graph = createFamily({ network, samples: 5, factor: 1 }).lossGradient("free");
    const less = cancelTransposes(graph, ["x", "y"]);
    // The data's, which is computed once, and the one on the way back from the dense layer: products transpose by themselves.
    expect(count(less)).toBe(2);
    expect(count(graph)).toBeGreaterThan(4 * times);
  });

  test("a graph that has none, or could only have as many, is itself", () => {
    const b = new GraphBuilder();
    const x = b.input("x", [2, 3]);
    const none = createGraph("none", { y: b.tanh(x) });
    expect(cancelTransposes(none)).toBe(none);
    const one = createGraph("one", { y: b.transpose(b.tanh(x), [1, 0]) });
    expect(cancelTransposes(one)).toBe(one);
  });

  test("what is computed once may be transposed instead of what is computed at every call", () => {
    const b = new GraphBuilder();
    const flipped = b.transpose(b.input("free", [2, 3]), [1, 0]);
    const graph = createGraph("difference", { loss: b.total(b.sub(flipped, b.input("data", [3, 2]))) });
    expect(cancelTransposes(graph)).toBe(graph);
    const less = cancelTransposes(graph, ["data"]);
    expect(
      less.nodes.filter(({ op }) => op === "transpose").map(({ operands: [x] }) => x?.attributes),
    ).toEqual([{ name: "data" }]);
  });
});
