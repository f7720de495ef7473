/**
 * Every kind of layer against PyTorch and JAX: values, gradients, Hessian products and tangent kernels. data/layer_numbers.py made the
 * numbers; both engines interpret data/layer-cases.json with functions of their own, and agree with each other to 1e-15.
 */
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Engine } from "../../src/engine/index.js";
import { createOnnxEngine } from "../../src/engine/onnx/engine.js";
import { compileReference } from "../../src/engine/reference.js";
import type { Graph } from "../../src/graph/index.js";
import {
  createFamily,
  type LayerConfig,
  layeredNetwork,
  layerListSchema,
  layerModules,
  relationMatrix,
} from "../../src/model/index.js";
import { createTangentKernel } from "../../src/ntk/index.js";

interface Case {
  readonly name: string;
  readonly inputShape: readonly number[];
  readonly layers: readonly LayerConfig[];
}

interface Measured {
  readonly name: string;
  readonly loss: number;
  readonly output: readonly number[];
  readonly gradient: readonly number[];
  readonly hessianProduct: readonly number[];
  readonly kernel: readonly number[];
}

interface Given extends Measured {
  readonly samples: number;
  readonly theta: readonly number[];
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly v: readonly number[];
  readonly edges?: readonly number[];
}

const read = <T>(file: string) =>
  JSON.parse(readFileSync(new URL(`data/${file}`, import.meta.url), "utf8")) as T;
const cases = read<Case[]>("layer-cases.json");
const byTorch = read<Given[]>("layer-torch.json");
const byJax = read<Measured[]>("layer-jax.json");
const schema = layerListSchema({});

/** Of the largest entry: sums of a few hundred terms in another order, through at most a dozen layers. */
const TOLERANCE = 1e-12;

function expectClose(found: Float64Array, expected: readonly number[], what: string): void {
  expect(found.length, what).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  expect(scale, what).toBeGreaterThan(0);
  const worst = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
  expect(worst / scale, what).toBeLessThan(TOLERANCE);
}

describe("layers agree with PyTorch and JAX", () => {
  let engine: Engine;
  beforeAll(() => {
    engine = createOnnxEngine({ dtype: "float64", threads: 1 });
  });
  afterAll(() => engine.dispose());

  test.each(cases.map((item, i) => [item.name, item, i] as const))("%s", async (_, item, i) => {
    const given = byTorch[i]!;
    const { samples } = given;
    const network = layeredNetwork({
      inputShape: item.inputShape,
      layers: schema.parse(item.layers),
      outputs: null,
    });
    const family = createFamily({ network, samples, factor: 0.5 });
    const theta = Float64Array.from(given.theta);
    expect(network.layout.size).toBe(theta.length);
    const data: Record<string, Float64Array> = {
      x: Float64Array.from(given.x),
      y: Float64Array.from(given.y),
    };
    for (const relation of network.relations)
      data[relation] = relationMatrix(relation, Float64Array.from(given.edges!), samples);
    const compile = (graph: Graph, bound: Record<string, Float64Array> = {}) => engine.compile(graph, bound);
    const velocity = Float64Array.from(given.v);
    const kernel = createTangentKernel({ family, compile, data });
    const state = { theta, pieces: null, held: [] };
    const gram = await kernel.gram(state, "rows");
    const product = new Float64Array(kernel.size);
    const probe = Float64Array.from({ length: kernel.size }, (_unused, k) => Math.cos(k));
    await (await kernel.operator(state)).apply(probe, product);
    for (const expected of [given, byJax[i]!]) {
      expect(expected.name).toBe(item.name);
      for (const run of [
        (graph: Graph, inputs: Record<string, Float64Array>) => compileReference(graph, data).runSync(inputs),
        async (graph: Graph, inputs: Record<string, Float64Array>) =>
          (await engine.compile(graph, data)).run(inputs),
      ]) {
        const { loss, gradient } = await run(family.lossGradient("free"), { theta });
        expect(Math.abs(loss![0]! / expected.loss - 1)).toBeLessThan(TOLERANCE);
        expectClose(gradient!, expected.gradient, "gradient");
        expectClose((await run(family.predict(), { theta })).output!, expected.output, "output");
        const hessian = await run(family.hessianProduct("free"), { theta, velocity });
        expectClose(hessian.product!, expected.hessianProduct, "Hessian product");
      }
      expectClose(gram, expected.kernel, "kernel");
      const image = probe.map((_unused, r) =>
        probe.reduce((sum, value, k) => sum + value * expected.kernel[r * probe.length + k]!, 0),
      );
      expectClose(product, [...image], "kernel product");
    }
  });

  test("no kind of layer is left out", () => {
    const text = JSON.stringify(cases);
    const missing = layerModules.map(({ kind }) => kind).filter((kind) => !text.includes(`"kind":"${kind}"`));
    // The network's own activation is one of the kinds that are tested by name.
    expect(missing).toEqual(["activation"]);
  });
});
