/** Every operation by itself: its derivatives against differences, and its batching rule against one evaluation after the other. */
import { describe, expect, test } from "vitest";
import { batch, gradient, pullback, pushforward, roundingErrors } from "../../src/autodiff/index.js";
import { compileReference } from "../../src/engine/reference.js";
import { createGraph, GraphBuilder, type Node, type OpName, sizeOf } from "../../src/graph/index.js";
import { randomVector } from "../support/networks.js";

type Build = (b: GraphBuilder, x: Node, y: Node) => Node;

/** Of x [2, 3, 4] and y [3, 4]; `flat` ones have no derivative by definition. */
const operations: { readonly [K in Exclude<OpName, "input" | "constant">]: readonly Build[] } = {
  add: [(b, x, y) => b.add(x, y), (b, x, y) => b.add(y, x)],
  sub: [(b, x, y) => b.sub(x, y), (b, x, y) => b.sub(y, x)],
  mul: [(b, x, y) => b.mul(x, y), (b, x, y) => b.mul(y, b.sum(x, [1]))],
  div: [(b, x, y) => b.div(x, b.exp(y)), (b, x, y) => b.div(y, b.exp(x))],
  neg: [(b, x) => b.neg(x)],
  exp: [(b, x) => b.exp(x)],
  log: [(b, x) => b.log(b.add(b.mul(x, x), b.constant(1)))],
  log1p: [(b, x) => b.log1p(b.exp(x))],
  sin: [(b, x) => b.sin(x)],
  cos: [(b, x) => b.cos(x)],
  sqrt: [(b, x) => b.sqrt(b.add(b.mul(x, x), b.constant(1)))],
  tanh: [(b, x) => b.tanh(x)],
  sigmoid: [(b, x) => b.sigmoid(x)],
  sech2: [(b, x) => b.sech2(x)],
  erf: [(b, x) => b.erf(x)],
  matmul: [
    (b, x, y) => b.matmul(x, y, { transposeB: true }),
    (b, x, y) => b.matmul(y, x, { transposeA: true }),
    (b, x) => b.matmul(x, x, { transposeA: true }),
    (b, _, y) => b.matmul(y, y, { transposeB: true }),
  ],
  transpose: [(b, x) => b.transpose(x, [2, 0, 1])],
  reshape: [(b, x) => b.reshape(x, [4, 6])],
  broadcast: [(b, _, y) => b.broadcast(y, [5, 3, 4])],
  sum: [(b, x) => b.sum(x, [0, 2]), (b, x) => b.total(x)],
  slice: [(b, x) => b.slice(x, 1, 1, 3)],
  pad: [(b, x) => b.pad(x, 2, 1, 2)],
  concat: [(b, x, y) => b.concat([x, b.reshape(y, [1, 3, 4])], 0)],
  gather: [
    (b, x) => b.gather(x, 1, Int32Array.of(2, 0, 2, 1, 2)),
    (b, x) => b.gather(x, 2, Int32Array.of(-1, 3, 3, -1)),
    (b, _, y) => b.gather(y, 0, Int32Array.of(1)),
  ],
  max: [(b, x) => b.max(x, [1, 2])],
  pieceOf: [(b, x) => b.pieceOf(x, [-0.5, 0.5])],
  lookup: [(b, x, y) => b.mul(y, b.lookup(b.pieceOf(x, [0]), [0.2, 1]))],
};

const cases = Object.entries(operations).flatMap(([op, builds]) =>
  builds.map((build, i) => [`${op} ${i + 1}`, build] as const),
);
const SHAPES = { x: [2, 3, 4], y: [3, 4] } as const;
const SIZE = { x: 24, y: 12 } as const;

function open() {
  const b = new GraphBuilder();
  return { b, x: b.input("x", SHAPES.x), y: b.input("y", SHAPES.y) };
}

const run = (outputs: Record<string, Node>, inputs: Record<string, Float64Array>) =>
  compileReference(createGraph("test", outputs)).runSync(inputs);
const dot = (p: Float64Array, q: Float64Array) => p.reduce((sum, value, i) => sum + value * q[i]!, 0);

describe.each(cases)("%s", (name, build) => {
  const at = { x: randomVector(1, SIZE.x), y: randomVector(2, SIZE.y) };

  test("has tangents of central differences and cotangents that are their adjoint", () => {
    const { b, x, y } = open();
    const out = build(b, x, y);
    const [dx, dy] = [b.input("dx", SHAPES.x), b.input("dy", SHAPES.y)];
    const w = b.input("w", out.shape);
    const [tangent] = pushforward(b, [out], [x, y], [dx, dy]);
    const cotangents = pullback(b, [out], [w], [x, y]).map((g, i) => g ?? b.constant(0, [x, y][i]!.shape));
    const given = {
      ...at,
      dx: randomVector(3, SIZE.x),
      dy: randomVector(4, SIZE.y),
      w: randomVector(5, sizeOf(out.shape)),
    };
    const found = run(
      { tangent: tangent ?? b.constant(0, out.shape), gx: cotangents[0]!, gy: cotangents[1]! },
      given,
    );
    const h = 1e-6;
    const [up, down] = [h, -h].map((step) =>
      run(
        { out },
        {
          x: at.x.map((value, i) => value + step * given.dx[i]!),
          y: at.y.map((value, i) => value + step * given.dy[i]!),
        },
      ).out!.slice(),
    );
    // `max` shifts exponents: by definition it has no derivative. pieceOf has none either, and none of its entries is near a breakpoint.
    if (!name.startsWith("max")) {
      // Truncation h² and rounding 1e-16/h are below 1e-9 for entries and third derivatives of order one.
      found.tangent!.forEach((value, i) => {
        expect(value).toBeCloseTo((up![i]! - down![i]!) / (2 * h), 7);
      });
    } else expect(found.tangent!.every((value) => value === 0)).toBe(true);
    // Rounding of sums of some dozens of terms of order one.
    expect(dot(given.w, found.tangent!)).toBeCloseTo(dot(found.gx!, given.dx) + dot(found.gy!, given.dy), 11);
  });

  // `max` shifts exponents: whatever its error, what is made with it is the same.
  test.skipIf(name.startsWith("max"))(
    "has an error bound that holds wherever within theirs the operands are, and not by saying nothing",
    () => {
      const { b, x, y } = open();
      const out = build(b, x, y);
      const bounds = [b.input("ex", SHAPES.x), b.input("ey", SHAPES.y)] as const;
      const [error] = roundingErrors(b, [out], new Map([x, y].map((node, i) => [node, bounds[i]!])));
      for (const size of [1e-12, 1e-3, 0.3]) {
        const errors = { ex: new Float64Array(SIZE.x).fill(size), ey: new Float64Array(SIZE.y).fill(size) };
        const found = run({ out, error: error ?? b.constant(0, out.shape) }, { ...at, ...errors });
        const [exact, bound] = [found.out!.slice(), found.error!.slice()];
        let used = 0;
        for (let round = 0; round < 20; round++) {
          // Corners of the box are where most functions are furthest off.
          const shift = (values: Float64Array, seed: number) => {
            const signs = randomVector(seed, values.length);
            return values.map((value, i) => value + Math.sign(signs[i]!) * size);
          };
          const moved = run({ out }, { x: shift(at.x, 10 + round), y: shift(at.y, 50 + round) }).out!;
          moved.forEach((value, i) => {
            const off = Math.abs(value - exact[i]!);
            // Both evaluations round, which the bound counts once: it has a factor of two to spare, but not where it is zero.
            expect(off).toBeLessThanOrEqual(bound[i]! + 4 * Number.EPSILON * (1 + Math.abs(value)));
            if (bound[i]! > 0) used = Math.max(used, off / bound[i]!);
          });
        }
        // Bounds of sums of a few terms are reached to a good part; a jump that is never met is a bound of what might be.
        if (size === 1e-3 && !/^(pieceOf|lookup)/.test(name)) expect(used).toBeGreaterThan(0.1);
      }
    },
  );

  const S = 3;
  test.each([["x"], ["y"], ["x and y"]])("is batched over %s as one after the other", (which) => {
    const { b, x, y } = open();
    const out = build(b, x, y);
    const all = [out, gradient(b, b.total(b.mul(out, out)), [x])[0]!];
    const xs = b.input("xs", [S, ...SHAPES.x]);
    const ys = b.input("ys", [S, ...SHAPES.y]);
    const many = new Map<Node, Node>();
    if (which.includes("x")) many.set(x, xs);
    if (which.includes("y")) many.set(y, ys);
    const [outs, gradients] = batch(b, all, many, S);
    const given = { ...at, xs: randomVector(6, S * SIZE.x), ys: randomVector(7, S * SIZE.y) };
    const found = run({ outs: outs!, gradients: gradients! }, given);
    for (let k = 0; k < S; k++) {
      const one = run(
        { out: all[0]!, gradient: all[1]! },
        {
          x: which.includes("x") ? given.xs.slice(k * SIZE.x, (k + 1) * SIZE.x) : at.x,
          y: which.includes("y") ? given.ys.slice(k * SIZE.y, (k + 1) * SIZE.y) : at.y,
        },
      );
      const length = one.out!.length;
      // The interpreter sums in the same order either way.
      expect(found.outs!.slice(k * length, (k + 1) * length)).toEqual(one.out);
      expect(found.gradients!.slice(k * SIZE.x, (k + 1) * SIZE.x)).toEqual(one.gradient);
    }
  });
});

test("equal index lists are one node, and the node is known by no text of its indices", () => {
  const { b, x } = open();
  const long = Int32Array.from({ length: 100_000 }, (_, i) => i % 4);
  expect(b.gather(x, 2, long)).toBe(b.gather(x, 2, long.slice()));
  expect(b.gather(x, 2, long)).not.toBe(
    b.gather(
      x,
      2,
      long.map((i) => 3 - i),
    ),
  );
  expect(() => b.gather(x, 2, Int32Array.of(4))).toThrow("index 4 is not in −1 … 3");
});

test("the shift of an exponent leaves no error behind, what is detached from derivatives does", () => {
  const { b, y } = open();
  const given = new Map<Node, Node>([[y, b.input("ey", SHAPES.y)]]);
  const shares = (node: Node): Node => b.exp(b.sub(node, b.max(node, [1])));
  const [detached, shift] = roundingErrors(b, [b.detached(y), b.max(y, [1])], given);
  expect(shift).toBeNull();
  const [softmax] = roundingErrors(b, [b.div(shares(y), b.sum(shares(y), [1]))], given);
  const ey = new Float64Array(SIZE.y).fill(1e-6);
  const found = run(
    { detached: detached!, softmax: softmax! },
    { x: randomVector(1, SIZE.x), y: randomVector(2, SIZE.y), ey },
  );
  expect([...found.detached!]).toEqual([...ey]);
  // Twice the error, of shares below 1: numerator and sum; the shift would add as much again.
  for (const error of found.softmax!) expect(error).toBeLessThan(2.001e-6);
});
