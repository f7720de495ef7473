/** Every engine of this machine against the reference interpreter: each operation by itself, then the graphs of networks. */
import { afterAll, describe, expect, test } from "vitest";
import { createEngine, type Engine } from "../../src/engine/index.js";
import { compileReference } from "../../src/engine/reference.js";
import {
  createGraph,
  type Graph,
  GraphBuilder,
  type Node,
  type OpName,
  sizeOf,
  topologicalOrder,
} from "../../src/graph/index.js";
import { presentEngines } from "../support/engines.js";
import { allCases, breakpointsOf, randomVector } from "../support/networks.js";

/**
 * Relative to the largest entry. float64 engines differ by the order of summation alone. float32: one rounding is 6e-8; sums of some
 * ten terms, exp and log at arguments up to 3 and a chain of a few layers multiply that by less than 100. Constants (learned from
 * nothing) are rounded too.
 */
const TOLERANCE = { float64: 1e-12, float32: 1e-5 } as const;

const b = new GraphBuilder();
const x = b.input("x", [3, 4]);
const y = b.input("y", [3, 4]);
const row = b.input("row", [4]);
const cube = b.input("cube", [2, 3, 4]);
const stack = b.input("stack", [2, 4, 5]);
const pieces = b.input("pieces", [3, 4]);
const positive = b.exp(x);

/** An output for every operation by its name and, where it matters, more per shape or flag, named after it. */
const operations: { readonly [K in Exclude<OpName, "input">]: Node } & Readonly<Record<string, Node>> = {
  add: b.add(x, row),
  sub: b.sub(row, y),
  mul: b.mul(cube, x),
  div: b.div(x, b.exp(y)),
  neg: b.neg(x),
  exp: positive,
  log: b.log(positive),
  log1p: b.log1p(positive),
  "log1p of little": b.log1p(b.mul(b.exp(b.scale(x, 9)), b.constant(1e-12))),
  sin: b.sin(x),
  cos: b.cos(x),
  sqrt: b.sqrt(positive),
  tanh: b.tanh(x),
  sigmoid: b.sigmoid(b.scale(x, 20)),
  sech2: b.sech2(x),
  erf: b.erf(b.scale(x, 2)),
  constant: b.add(x, b.constant(randomVector(1, 12), [3, 4])),
  matmul: b.matmul(x, b.transpose(y, [1, 0])),
  "matmul, left transposed": b.matmul(x, y, { transposeA: true }),
  "matmul, right transposed": b.matmul(x, y, { transposeB: true }),
  "matmul, both transposed": b.matmul(x, b.transpose(y, [1, 0]), { transposeA: true, transposeB: true }),
  "matmul, stacked": b.matmul(cube, stack),
  "matmul, stacked and transposed": b.matmul(stack, cube, { transposeA: true, transposeB: true }),
  "matmul, one for all": b.matmul(x, stack),
  transpose: b.transpose(cube, [2, 0, 1]),
  reshape: b.reshape(cube, [6, 4]),
  broadcast: b.broadcast(row, [2, 3, 4]),
  sum: b.sum(cube, [0, 2]),
  "sum of all": b.total(cube),
  slice: b.slice(cube, 1, 1, 3),
  pad: b.pad(x, 0, 2, 1),
  concat: b.concat([x, y, x], 1),
  gather: b.gather(cube, 1, Int32Array.of(2, 0, 2, 1)),
  "gather, with zeros": b.gather(cube, 2, Int32Array.of(-1, 3, 0, -1)),
  max: b.max(cube, [0, 2]),
  pieceOf: b.pieceOf(x, [0]),
  "pieceOf, three breakpoints": b.pieceOf(x, [-1, 0, 0.5]),
  "lookup of a computed piece": b.mul(y, b.lookup(b.pieceOf(x, [0]), [0.1, 1])),
  lookup: b.lookup(pieces, [0.01, 1]),
  "lookup of four, fractional": b.lookup(pieces, [0, 1, -2, 0.25]),
};

const inputs: Record<string, Float64Array> = Object.fromEntries(
  [x, y, row, cube, stack].map((node, i) => {
    const { name } = node.attributes as { name: string };
    return [name, randomVector(i + 1, sizeOf(node.shape))];
  }),
);
// Integers and mixtures within [0, 1], where both tables are defined.
inputs["pieces"] = Float64Array.of(0, 1, 0.5, 0.25, 1, 0, 0.875, 0.125, 1, 1, 0, 0.75);

function distance(found: Float64Array, expected: Float64Array): number {
  expect(found.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  expect(scale).toBeGreaterThan(0);
  return Math.max(...found.map((value, i) => Math.abs(value - expected[i]!))) / scale;
}

test("every output is made by the operation it is named after", () => {
  for (const [name, output] of Object.entries(operations)) {
    const op = name.split(/[ ,]/)[0];
    expect(
      topologicalOrder([output]).map((node) => node.op),
      name,
    ).toContain(op);
  }
});

const engines = await presentEngines();

describe.each(engines)("the engine $label", ({ spec, dtype }) => {
  let engine: Engine | null = null;
  const compile = async (graph: Graph, bound?: Record<string, Float64Array>) => {
    engine ??= await createEngine(spec);
    return engine.compile(graph, bound);
  };
  afterAll(() => engine?.dispose());
  const tolerance = TOLERANCE[dtype];

  test("computes every operation", async () => {
    const graph = createGraph("operations", operations);
    const expected = compileReference(graph).runSync(inputs);
    const program = await compile(graph);
    const first = await program.run(inputs);
    for (const name of Object.keys(operations))
      expect(distance(first[name]!, expected[name]!), name).toBeLessThan(tolerance);
    // Again with all inputs bound but one: what is computed beforehand must be the same.
    const { x: free, ...bound } = inputs;
    const second = await (await compile(graph, bound)).run({ x: free! });
    for (const name of Object.keys(operations))
      expect(distance(second[name]!, expected[name]!), name).toBeLessThan(tolerance);
  });

  test("says what input is missing or of the wrong size", async () => {
    const program = await compile(createGraph("small", { out: b.neg(x) }));
    await expect(program.run({})).rejects.toThrow("graph small: input x is missing");
    await expect(program.run({ x: new Float64Array(5) })).rejects.toThrow("input x takes 12 numbers, got 5");
  });

  // A GPU or an addon has to be right on every network too, but a dozen covers every rule of every activation.
  const networks = allCases.filter((_, i) => i % 2 === 0);
  test.each(networks.map((c) => [c.label, c] as const))("computes a %s", async (_, c) => {
    const { family, theta, bound } = c;
    const velocity = randomVector(7, family.layout.size);
    const graphs: [Graph, Record<string, Float64Array>][] = [
      [family.lossGradient("free"), { theta }],
      [family.flowField(), { theta }],
      [family.hessianProduct("free"), { theta, velocity }],
    ];
    if (family.entries > 0) {
      const most = breakpointsOf(family).length;
      const mixed = randomVector(3, family.entries).map((value) => Math.min(Math.abs(value), most));
      graphs.push([family.lockedField(), { theta, pieces: mixed }]);
    }
    for (const [graph, given] of graphs) {
      const expected = compileReference(graph, bound).runSync(given);
      const found = await (await compile(graph, bound)).run(given);
      for (const [name, value] of Object.entries(expected))
        expect(distance(found[name]!, value), `${graph.name}: ${name}`).toBeLessThan(tolerance);
    }
  });
});
