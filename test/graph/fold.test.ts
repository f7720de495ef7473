import { describe, expect, test } from "vitest";
import { createOnnxEngine, createReferenceEngine } from "../../src/engine/index.js";
import { createGraph, type Graph, GraphBuilder, splitBound } from "../../src/graph/index.js";
import { makeCase } from "../support/networks.js";

const count = (graph: Graph, op: string) => graph.nodes.filter((node) => node.op === op).length;

describe("what bound inputs alone decide", () => {
  test("of a gcn is ÂX, and its gradient keeps no product of the two", () => {
    const { family, bound } = makeCase({ kind: "gcn" });
    const graph = family.lossGradient("free");
    const { folded, rest } = splitBound(graph, Object.keys(bound));
    expect(folded?.inputs.map((node) => node.attributes.name).sort()).toEqual(["adjacency", "x"]);
    expect(count(folded as Graph, "matmul")).toBe(1);
    expect(count(rest, "matmul")).toBe(count(graph, "matmul") - 1);
    expect(rest.inputs.map((node) => node.attributes.name)).not.toContain("x");
    expect(
      splitBound(rest, [...Object.keys(bound), ...Object.keys(folded?.outputs ?? {})]).folded,
    ).toBeNull();
  });

  test("is nothing in a fully connected network: the graph itself comes back", () => {
    const { family, bound } = makeCase({ kind: "dnn" });
    const graph = family.lossGradient("free");
    expect(splitBound(graph, Object.keys(bound))).toEqual({ folded: null, rest: graph });
  });

  test("is what is computed, not how it is looked at; an output stays where it is", () => {
    const b = new GraphBuilder();
    const [x, free] = [b.input("x", [1, 3]), b.input("free", [2, 3])];
    const squares = b.mul(x, x);
    const graph = createGraph("views", { sum: b.add(b.broadcast(squares, [2, 3]), free), tanh: b.tanh(x) });
    const { folded, rest } = splitBound(graph, ["x"]);
    expect(Object.values(folded?.outputs ?? {})).toEqual([squares]);
    expect(count(rest, "broadcast")).toBe(1);
    expect(rest.outputs["tanh"]?.op).toBe("tanh");
  });
});

describe("a program whose data is bound gives what one fed at each call gives", () => {
  const { family, theta, bound } = makeCase({ kind: "gcn" });
  const graph = family.lossGradient("free");

  test("to the last bit on the reference engine", async () => {
    const engine = createReferenceEngine();
    const fed = await (await engine.compile(graph)).run({ ...bound, theta });
    const program = await engine.compile(graph, bound);
    for (let call = 0; call < 2; call++) expect(await program.run({ theta })).toEqual(fed);
  });

  test.for(["float64", "float32"] as const)("up to the order of summation in %s", async (dtype) => {
    const engine = createOnnxEngine({ dtype, threads: 1 });
    const fed = await (await engine.compile(graph)).run({ ...bound, theta });
    const program = await engine.compile(graph, bound);
    const { loss, gradient } = await program.run({ theta });
    // (ÂX)ᵀδ is transposed beforehand here and within the product there: sums of 7 terms of order one in another order.
    const rounding = dtype === "float64" ? 1e-14 : 1e-5;
    expect(Math.abs(loss![0]! - fed["loss"]![0]!)).toBeLessThan(rounding);
    gradient!.forEach((value, i) => {
      expect(Math.abs(value - fed["gradient"]![i]!)).toBeLessThan(rounding);
    });
    await engine.dispose();
  });
});
