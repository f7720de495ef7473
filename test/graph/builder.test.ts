import { describe, expect, test } from "vitest";
import { createGraph, GraphBuilder } from "../../src/graph/index.js";

describe("equal expressions", () => {
  test("are one node", () => {
    const b = new GraphBuilder();
    const x = b.input("x", [2, 3]);
    expect(b.tanh(x)).toBe(b.tanh(x));
    expect(b.input("x", [2, 3])).toBe(x);
    expect(b.constant(2)).toBe(b.constant(2));
    expect(b.matmul(x, x, { transposeB: true })).toBe(
      b.matmul(x, x, { transposeA: false, transposeB: true }),
    );
  });

  test("differ by operands, attributes and the sign of zero", () => {
    const b = new GraphBuilder();
    const x = b.input("x", [3, 3]);
    const y = b.input("y", [3, 3]);
    expect(b.sub(x, y)).not.toBe(b.sub(y, x));
    expect(b.matmul(x, y)).not.toBe(b.matmul(x, y, { transposeA: true }));
    expect(b.slice(x, 0, 0, 1)).not.toBe(b.slice(x, 1, 0, 1));
    expect(b.constant(0)).not.toBe(b.constant(-0));
    expect(b.constant(1)).not.toBe(b.constant(1, [2]));
    // Data are compared by identity of the call: two tensors may share bytes today and not tomorrow.
    expect(b.constant(Float64Array.of(1, 2), [2])).not.toBe(b.constant(Float64Array.of(1, 2), [2]));
  });

  test("share their nodes in a graph", () => {
    const b = new GraphBuilder();
    const x = b.input("x", [2]);
    const graph = createGraph("squares", { a: b.add(b.mul(x, x), b.mul(x, x)) });
    expect(graph.nodes.map((node) => node.op)).toEqual(["input", "mul", "add"]);
  });
});

test("what changes nothing makes no node", () => {
  const b = new GraphBuilder();
  const x = b.input("x", [2, 3]);
  expect(b.scale(x, 1)).toBe(x);
  expect(b.reshape(x, [2, 3])).toBe(x);
  expect(b.broadcast(x, [2, 3])).toBe(x);
  expect(b.slice(x, 1, 0, 3)).toBe(x);
  expect(b.pad(x, 0, 0, 0)).toBe(x);
  expect(b.concat([x], 0)).toBe(x);
  expect(b.sum(x, [])).toBe(x);
  expect(b.sumTo(x, [2, 3])).toBe(x);
});

test("sumTo undoes a broadcast in shape", () => {
  const b = new GraphBuilder();
  const x = b.input("x", [4, 2, 3]);
  for (const shape of [[2, 3], [1, 3], [3], [1, 1], [], [4, 1, 3]])
    expect(b.sumTo(x, shape).shape).toEqual(shape);
  expect(() => b.sumTo(x, [5, 3])).toThrow("do not broadcast");
});

describe("shapes that do not fit are refused, naming them", () => {
  const b = new GraphBuilder();
  const x = b.input("x", [2, 3]);
  const y = b.input("y", [4, 5]);
  const v = b.input("v", [3]);
  test.each<[string, () => unknown, string]>([
    ["add", () => b.add(x, y), "shapes [2,3] and [4,5] do not broadcast: 2 against 4"],
    ["matmul", () => b.matmul(x, y), "matmul of [2,3] and [4,5]: 3 against 4"],
    [
      "matmul, transposed",
      () => b.matmul(x, y, { transposeA: true, transposeB: true }),
      "[2,3]ᵀ and [4,5]ᵀ: 2 against 5",
    ],
    ["matmul of a vector", () => b.matmul(x, v), "matmul takes matrices, got [2,3] and [3]"],
    ["reshape", () => b.reshape(x, [7]), "reshape of [2,3] to [7] changes the size"],
    ["broadcast", () => b.broadcast(x, [2, 4]), "do not broadcast: 3 against 4"],
    ["broadcast down", () => b.broadcast(x, [1, 3]), "[2,3] does not broadcast to [1,3]"],
    ["transpose", () => b.transpose(x, [0, 0]), "[0,0] is not a permutation of its axes"],
    ["sum", () => b.sum(x, [2]), "axis 2 of shape [2,3] does not exist"],
    ["slice, outside", () => b.slice(x, 1, 1, 4), "slice 1:4 of axis 1 of [2,3] is empty or outside"],
    ["slice, empty", () => b.slice(x, 1, 2, 2), "is empty or outside"],
    ["concat", () => b.concat([x, y], 0), "concat along axis 0: [4,5] does not fit [2,3]"],
    ["concat, axis", () => b.concat([x, x], 2), "axis 2"],
    ["pad, axis", () => b.pad(x, 2, 1, 1), "axis 2 of shape [2,3] does not exist"],
    ["pieceOf", () => b.pieceOf(x, [1, 1]), "breakpoints [1,1] must increase"],
    ["constant", () => b.constant(Float64Array.of(1, 2, 3), [2]), "constant of 3 entries does not fill [2]"],
    [
      "input",
      () => createGraph("both", { y: b.total(b.input("x", [3, 2])), z: x }),
      "two inputs are named x",
    ],
  ])("%s", (_, build, message) => {
    expect(build).toThrow(message);
  });
});
