/** Double-double arithmetic against 300 digits, and against exact arithmetic of rationals. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { DOUBLE_DOUBLE_ROUNDOFF, evaluateInDoubleDouble } from "../../src/engine/index.js";
import { compileReference } from "../../src/engine/reference.js";
import { createGraph, GraphBuilder, type Node } from "../../src/graph/index.js";
import { randomVector } from "../support/networks.js";

type Row = readonly [xHigh: number, xLow: number, high: number, low: number];
type Name = "exp" | "log" | "log1p" | "sqrt" | "sin" | "cos" | "tanh" | "sigmoid" | "sech2" | "erf";

const functions = JSON.parse(
  readFileSync(new URL("../agreement/data/mpmath-functions.json", import.meta.url), "utf8"),
) as Readonly<Record<Name, readonly Row[]>>;

/** Roundoffs that autodiff/rounding.ts counts for elementary functions; half of them are there for their bound. */
const ELEMENTARY = 8;

test.each(Object.entries(functions) as [Name, readonly Row[]][])("%s", (name, rows) => {
  const b = new GraphBuilder();
  const [h, l] = [b.input("high", [rows.length]), b.input("low", [rows.length])];
  const { value } = evaluateInDoubleDouble(createGraph("one", { value: b[name](b.add(h, l)) }), {
    high: Float64Array.from(rows, (row) => row[0]),
    low: Float64Array.from(rows, (row) => row[1]),
  });
  rows.forEach(([x, , high, low], i) => {
    // The difference of pairs: the high parts cancel exactly.
    const off = Math.abs(value!.high[i]! - high + (value!.low[i]! - low));
    const size = name === "sin" || name === "cos" ? 1 + Math.abs(high) : Math.abs(high);
    expect(off, `${name}(${x})`).toBeLessThanOrEqual((ELEMENTARY / 2) * DOUBLE_DOUBLE_ROUNDOFF * size);
    expect(Math.abs(value!.low[i]!)).toBeLessThanOrEqual(Number.EPSILON * Math.abs(value!.high[i]!));
  });
});

/** A float64 as an integer times 2^-1200, exactly. */
function exact(value: number): bigint {
  if (value === 0) return 0n;
  const exponent = Math.max(-1022, Math.floor(Math.log2(Math.abs(value))) - 60);
  return BigInt(value / 2 ** exponent) * 2n ** BigInt(exponent + 1200);
}
const UNIT = 2n ** 1200n;
const quotient = (p: bigint, q: bigint): number => Number((p * 2n ** 200n) / q) / 2 ** 200;

describe("arithmetic", () => {
  const n = 40;
  const at = {
    xh: randomVector(1, n),
    xl: randomVector(2, n).map((value) => value * 2 ** -54),
    yh: randomVector(3, n).map((value, i) => (i % 4 === 0 ? -randomVector(1, n)[i]! : value)),
    yl: randomVector(4, n).map((value) => value * 2 ** -54),
  };
  const b = new GraphBuilder();
  const x = b.add(b.input("xh", [n]), b.input("xl", [n]));
  const y = b.add(b.input("yh", [n]), b.input("yl", [n]));
  const outputs = evaluateInDoubleDouble(
    createGraph("arithmetic", {
      ...{ x, y, add: b.add(x, y), sub: b.sub(x, y), mul: b.mul(x, y), div: b.div(x, y) },
      matmul: b.reshape(b.matmul(b.reshape(x, [1, n]), b.reshape(y, [n, 1])), [1]),
      sum: b.reshape(b.sum(x), [1]),
    }),
    at,
  );
  const value = (name: string, i: number): bigint =>
    exact(outputs[name]!.high[i]!) + exact(outputs[name]!.low[i]!);

  test.each<[string, (x: bigint, y: bigint) => bigint]>([
    ["add", (p, q) => p + q],
    ["sub", (p, q) => p - q],
    ["mul", (p, q) => (p * q) / UNIT],
    ["div", (p, q) => (p * UNIT) / q],
  ])("%s, where everything but the last bits cancels too", (name, truth) => {
    for (let i = 0; i < n; i++) {
      const wanted = truth(value("x", i), value("y", i));
      const off = quotient(value(name, i) - wanted, wanted);
      expect(Math.abs(off), `${name} ${i}`).toBeLessThanOrEqual(DOUBLE_DOUBLE_ROUNDOFF / 2);
    }
  });

  test("sums", () => {
    let [sum, product, sizes] = [0n, 0n, 0n];
    const size = (z: bigint): bigint => (z < 0n ? -z : z);
    for (let i = 0; i < n; i++) {
      sum += value("x", i);
      product += (value("x", i) * value("y", i)) / UNIT;
      sizes += size((value("x", i) * value("y", i)) / UNIT);
    }
    expect(Math.abs(quotient(value("sum", 0) - sum, sum))).toBeLessThan(n * DOUBLE_DOUBLE_ROUNDOFF);
    expect(Math.abs(quotient(value("matmul", 0) - product, sizes))).toBeLessThan(n * DOUBLE_DOUBLE_ROUNDOFF);
  });
});

test("what moves entries, counts pieces and shifts exponents does as the reference engine does", () => {
  const b = new GraphBuilder();
  const [x, y] = [b.input("x", [2, 3, 4]), b.input("y", [3, 4])];
  const outputs: Record<string, Node> = {
    matmul: b.matmul(x, y, { transposeB: true }),
    turned: b.matmul(y, x, { transposeA: true }),
    transpose: b.transpose(x, [2, 0, 1]),
    broadcast: b.broadcast(y, [5, 3, 4]),
    slice: b.slice(x, 1, 1, 3),
    pad: b.pad(x, 2, 1, 2),
    concat: b.concat([x, b.reshape(y, [1, 3, 4])], 0),
    gather: b.gather(x, 2, Int32Array.of(-1, 3, 3, -1)),
    max: b.max(b.add(y, b.constant(Float64Array.of(0, Number.NEGATIVE_INFINITY, 0, 0), [4])), [1]),
    masked: b.exp(b.add(y, b.constant(Float64Array.of(0, Number.NEGATIVE_INFINITY, 0, 0), [4]))),
    pieceOf: b.pieceOf(x, [-0.5, 0.5]),
    lookup: b.lookup(b.add(b.pieceOf(x, [0]), b.constant(0.25)), [0.2, 1, 7]),
    sum: b.sum(x, [0, 2]),
  };
  const graph = createGraph("moves", outputs);
  const given = { x: randomVector(1, 24), y: randomVector(2, 12) };
  const expected = compileReference(graph).runSync(given);
  const found = evaluateInDoubleDouble(graph, given);
  // Sums of at most four terms of order one, exponentials of such.
  for (const name of Object.keys(outputs))
    found[name]!.high.forEach((value, i) => {
      expect(Math.abs(value - expected[name]![i]!), name).toBeLessThan(1e-14);
    });
});
