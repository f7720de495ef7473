import { describe, expect, test } from "vitest";
import {
  createGraph,
  type Graph,
  GraphBuilder,
  type Node,
  printGraph,
  topologicalOrder,
  verifyGraph,
} from "../../src/graph/index.js";
import { createFamily, presetNetwork } from "../../src/model/index.js";

/** y = tanh(x·w), one node a line. */
function sample(): { graph: Graph; x: Node; w: Node; z: Node; y: Node } {
  const b = new GraphBuilder();
  const x = b.input("x", [2, 3]);
  const w = b.input("w", [3, 1]);
  const z = b.matmul(x, w);
  const y = b.tanh(z);
  return { graph: createGraph("sample", { y }), x, w, z, y };
}

describe("the verifier", () => {
  const { graph, x, w, z, y } = sample();
  const broken =
    (changes: Partial<Graph>): (() => void) =>
    () =>
      verifyGraph({ ...graph, ...changes });

  test("passes a good graph", () => {
    expect(broken({})).not.toThrow();
  });

  test("wants operands before their users", () => {
    expect(broken({ nodes: [x, z, w, y] })).toThrow(
      `node %${z.id} (matmul) uses %${w.id} before it is computed`,
    );
    expect(broken({ nodes: [x, w, y] })).toThrow("before it is computed");
  });

  test("checks every shape against its rule", () => {
    const wrong = { ...z, shape: [1, 2] };
    const user = { ...y, operands: [wrong], shape: [1, 2] };
    expect(broken({ nodes: [x, w, wrong, user], outputs: { y: user } })).toThrow(
      "says [1,2], its rule says [2,1]",
    );
    const misfit = { ...z, operands: [x, x] };
    expect(broken({ nodes: [x, misfit], outputs: { y: misfit } })).toThrow(
      "matmul of [2,3] and [2,3]: 3 against 2",
    );
  });

  test("wants input names to be unique", () => {
    const twin = { ...w, attributes: { name: "x" } };
    const product = { ...z, operands: [x, twin] };
    expect(broken({ nodes: [x, twin, product], outputs: { y: product } })).toThrow("two inputs are named x");
  });

  test("wants outputs among the nodes", () => {
    expect(broken({ nodes: [x, w, z] })).toThrow("graph sample: output y is not among its nodes");
  });

  test("wants a constant to fill its shape", () => {
    const constant: Node = {
      id: 9,
      op: "constant",
      operands: [],
      attributes: { value: Float64Array.of(1) },
      shape: [2],
    };
    expect(broken({ nodes: [constant], outputs: { c: constant } })).toThrow("data does not fill its shape");
  });
});

test("a graph holds what its outputs need, operands first, and no more", () => {
  const b = new GraphBuilder();
  const x = b.input("x", [2]);
  b.exp(b.input("unused", [2]));
  const deep = Array.from({ length: 20_000 }).reduce<Node>((node, _, i) => b.add(node, b.constant(i)), x);
  const graph = createGraph("deep", { deep });
  expect(graph.inputs.map((node) => node.attributes.name)).toEqual(["x"]);
  expect(graph.nodes.length).toBe(2 * 20_000 + 1);
  const place = new Map(topologicalOrder([deep]).map((node, i) => [node, i]));
  expect(
    graph.nodes.every((node) => node.operands.every((operand) => place.get(operand)! < place.get(node)!)),
  ).toBe(true);
});

describe("the printer", () => {
  test("gives one node a line with shapes and attributes", () => {
    const b = new GraphBuilder();
    const z = b.matmul(b.input("x", [4, 2]), b.input("w", [3, 2]), { transposeB: true });
    const a = b.mul(z, b.lookup(b.pieceOf(z, [0]), [0.1, 1]));
    const c = b.constant(Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12), [4, 3]);
    const total = b.total(b.sub(a, c));
    expect(
      printGraph(createGraph("small", { total, top: b.slice(b.transpose(a, [1, 0]), 0, 0, 1) })),
    ).toMatchInlineSnapshot(`
      "graph small {
        %0 = input x : [4, 2]
        %1 = input w : [3, 2]
        %2 = matmul(%0, %1ᵀ) : [4, 3]
        %3 = pieceOf(%2, breakpoints=[0]) : [4, 3]
        %4 = lookup(%3, values=[0.1,1]) : [4, 3]
        %5 = mul(%2, %4) : [4, 3]
        %6 = constant 1, … (12 entries) : [4, 3]
        %7 = sub(%5, %6) : [4, 3]
        %8 = sum(%7, axes=[0,1]) : [1, 1]
        %9 = reshape(%8) : []
        %10 = transpose(%5, permutation=[1,0]) : [3, 4]
        %11 = slice(%10, axis=0, start=0, end=1) : [1, 4]
        return total = %9, top = %11
      }"
    `);
  });

  test("shows the loss and gradient of a network", () => {
    const family = createFamily({
      network: presetNetwork({
        kind: "dnn",
        inputDimension: 3,
        hidden: [2],
        outputDimension: 1,
        bias: true,
        activation: { kind: "leaky-relu", slope: 0.1 },
      }),
      samples: 4,
      factor: 0.5,
    });
    expect(printGraph(family.lossGradient("locked"))).toMatchInlineSnapshot(`
      "graph loss-gradient-locked {
        %2 = input x : [4, 3]
        %0 = input theta : [11]
        %5 = slice(%0, axis=0, start=0, end=6) : [6]
        %6 = reshape(%5) : [3, 2]
        %7 = matmul(%2, %6) : [4, 2]
        %8 = slice(%0, axis=0, start=6, end=8) : [2]
        %9 = reshape(%8) : [1, 2]
        %10 = add(%7, %9) : [4, 2]
        %4 = input pieces : [8]
        %11 = reshape(%4) : [4, 2]
        %12 = lookup(%11, values=[0.1,1]) : [4, 2]
        %13 = mul(%10, %12) : [4, 2]
        %14 = slice(%0, axis=0, start=8, end=10) : [2]
        %15 = reshape(%14) : [2, 1]
        %16 = matmul(%13, %15) : [4, 1]
        %17 = slice(%0, axis=0, start=10, end=11) : [1]
        %18 = reshape(%17) : [1, 1]
        %19 = add(%16, %18) : [4, 1]
        %3 = input y : [4, 1]
        %20 = sub(%19, %3) : [4, 1]
        %21 = mul(%20, %20) : [4, 1]
        %22 = sum(%21, axes=[0,1]) : [1, 1]
        %23 = reshape(%22) : []
        %24 = constant 0.5 : []
        %25 = mul(%23, %24) : []
        %26 = constant 1 : []
        %27 = mul(%26, %24) : []
        %29 = reshape(%27) : [1, 1]
        %30 = broadcast(%29) : [4, 1]
        %31 = mul(%30, %20) : [4, 1]
        %32 = add(%31, %31) : [4, 1]
        %37 = matmul(%32, %15ᵀ) : [4, 2]
        %41 = mul(%37, %12) : [4, 2]
        %47 = matmul(%2ᵀ, %41) : [3, 2]
        %48 = reshape(%47) : [6]
        %43 = sum(%41, axes=[0]) : [1, 2]
        %44 = reshape(%43) : [2]
        %38 = matmul(%13ᵀ, %32) : [2, 1]
        %39 = reshape(%38) : [2]
        %34 = sum(%32, axes=[0]) : [1, 1]
        %35 = reshape(%34) : [1]
        %50 = concat(%48, %44, %39, %35, axis=0) : [11]
        return loss = %25, gradient = %50
      }"
    `);
  });
});
