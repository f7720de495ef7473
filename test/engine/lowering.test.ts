import { expect, test } from "vitest";
import { createOnnxEngine } from "../../src/engine/index.js";
import { lowerToOnnx } from "../../src/engine/onnx/lower.js";
import { createGraph, GraphBuilder, type Node } from "../../src/graph/index.js";
import { randomVector } from "../support/networks.js";

const hasExpand = (model: Uint8Array): boolean => Buffer.from(model).includes("Expand");

test.for(["add", "sub", "mul", "div"] as const)(
  "what is stretched to the other operand of %s is not written out",
  async (op) => {
    const b = new GraphBuilder();
    const [x, row] = [b.input("x", [4, 3]), b.input("row", [1, 3])];
    const wide = b.broadcast(row, x.shape);
    const [left, right] = [b[op](wide, x), b[op](x, wide)];
    const short = createGraph("short", { left, right });
    // Where both are stretched, or the stretched one is asked for, it stays.
    const outer = b[op](b.broadcast(b.input("column", [4, 1]), x.shape), wide);
    const long = createGraph("long", { left, right, wide, outer });
    expect(hasExpand(lowerToOnnx(short, "float64"))).toBe(false);
    expect(hasExpand(lowerToOnnx(long, "float64"))).toBe(true);
    const engine = createOnnxEngine({ dtype: "float64", threads: 1 });
    const inputs = { x: randomVector(1, 12), row: randomVector(2, 3), column: randomVector(3, 4) };
    const { x: xs, row: rs, column: cs } = inputs;
    const apply = {
      add: (p: number, q: number) => p + q,
      sub: (p: number, q: number) => p - q,
      mul: (p: number, q: number) => p * q,
      div: (p: number, q: number) => p / q,
    }[op];
    const found = await (await engine.compile(long)).run(inputs);
    // The same one rounding.
    for (let i = 0; i < 12; i++) {
      const [value, own] = [xs[i] as number, rs[i % 3] as number];
      expect(found["left"]![i]).toBe(apply(own, value));
      expect(found["right"]![i]).toBe(apply(value, own));
      expect(found["outer"]![i]).toBe(apply(cs[Math.floor(i / 3)] as number, own));
    }
    const again = await (await engine.compile(short)).run({ x: xs, row: rs });
    expect(again).toEqual({ left: found["left"], right: found["right"] });
    await engine.dispose();
  },
);

test("a stretched scalar is one, and one that is stretched in part keeps its shape", async () => {
  const b = new GraphBuilder();
  const x = b.input("x", [2, 3]);
  const scalar: Node = b.broadcast(b.reshape(b.sum(x), [1, 1]), [2, 3]);
  const part = b.broadcast(b.sum(x, [1]), [2, 3]);
  const graph = createGraph("scalars", { y: b.mul(scalar, x), z: b.sub(part, x) });
  expect(hasExpand(lowerToOnnx(graph, "float64"))).toBe(false);
  const engine = createOnnxEngine({ dtype: "float64", threads: 1 });
  const { y, z } = await (await engine.compile(graph)).run({ x: Float64Array.of(1, 2, 3, 4, 5, 6) });
  expect([...y!]).toEqual([21, 42, 63, 84, 105, 126]);
  expect([...z!]).toEqual([5, 4, 3, 11, 10, 9]);
  await engine.dispose();
});

test.for([
  ["float64", 5e-324, 1e-310],
  ["float32", 2 ** -149, 2 ** -140],
] as const)(
  "a slope is one or the other, of the smallest numbers too, in %s",
  async ([dtype, least, small]) => {
    const b = new GraphBuilder();
    const z = b.input("z", [10]);
    const gain = (values: number[], breakpoint = 0): Node => b.lookup(b.pieceOf(z, [breakpoint]), values);
    const graph = createGraph("gains", {
      leaky: gain([0.25, 1]),
      same: gain([0.5, 1]),
      relu: gain([0, 1]),
      falling: gain([1, 0.25]),
      steep: gain([0.25, 3]),
      moved: gain([0.25, 1], 0.5),
    });
    const values = Float64Array.of(least, -least, small, -small, 0, -0, 1, -1, 1e30, -1e30);
    const engine = createOnnxEngine({ dtype, threads: 1 });
    const found = await (await engine.compile(graph)).run({ z: values });
    for (const [name, below, above, breakpoint] of [
      ["leaky", 0.25, 1, 0],
      ["same", 0.5, 1, 0],
      ["relu", 0, 1, 0],
      ["falling", 1, 0.25, 0],
      ["steep", 0.25, 3, 0],
      ["moved", 0.25, 1, 0.5],
    ] as const)
      expect([...found[name]!], name).toEqual(
        [...values].map((value) => (value > breakpoint ? above : below)),
      );
    await engine.dispose();
  },
);
