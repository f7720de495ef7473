/**
 * How each kind of layer starts its parameters, against PyTorch (data/torch_layer_laws.py): fans, bounds and moments for every initialiser.
 * Where this house departs from PyTorch the test says so, and holds the layers to their own fans.
 */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { defineNetwork, type InitSpec, initialise, type Network } from "../../src/model/index.js";
import { createRandom } from "../../src/random.js";

interface Moments {
  readonly largest: number;
  readonly std: number;
  readonly mean: number;
}

interface Row {
  readonly layer: string;
  readonly size: number;
  readonly fanIn: number;
  readonly fanOut: number;
  readonly default: { readonly weight: Moments; readonly bias: Moments };
  readonly drawn: readonly (Moments & { readonly kind: InitSpec["kind"]; readonly argument: number })[];
}

const { rows, embedding, attention } = JSON.parse(
  readFileSync(new URL("data/torch-layer-laws.json", import.meta.url), "utf8"),
) as {
  readonly rows: readonly Row[];
  readonly embedding: Moments;
  readonly attention: { readonly packed: Moments; readonly output: Moments };
};

type Layer = { readonly kind: string; readonly [field: string]: unknown };

/** The same layers as the script's, and their groups. */
const layers: Readonly<Record<string, { layer: Layer; inputShape: readonly number[]; groups: number }>> = {
  dense: { layer: { kind: "dense", width: 160 }, inputShape: [90], groups: 1 },
  conv1d: { layer: { kind: "conv1d", channels: 60, kernel: 5 }, inputShape: [24, 5], groups: 1 },
  conv2d: { layer: { kind: "conv2d", channels: 40, kernel: [3, 5] }, inputShape: [16, 3, 5], groups: 1 },
  "conv2d, groups 4": {
    layer: { kind: "conv2d", channels: 80, kernel: 3, groups: 4 },
    inputShape: [48, 3, 3],
    groups: 4,
  },
  "conv2d, depthwise": {
    layer: { kind: "conv2d", channels: 800, kernel: 5, groups: 400 },
    inputShape: [400, 5, 5],
    groups: 400,
  },
  "transposed-conv2d": {
    layer: { kind: "transposed-conv2d", channels: 40, kernel: 3 },
    inputShape: [24, 1, 1],
    groups: 1,
  },
};

const initOf = (kind: InitSpec["kind"], argument: number): InitSpec => {
  if (kind === "kaiming-uniform" || kind === "kaiming-normal") return { kind, a: argument, bias: "zeros" };
  if (kind === "normal") return { kind, std: argument, bias: "zeros" };
  return { kind, gain: argument, bias: "zeros" };
};

function momentsOf(values: Float64Array): Moments & { readonly size: number } {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return { largest, std: Math.sqrt(squares / values.length), mean, size: values.length };
}

const drawn = (network: Network, init: InitSpec, name: string): Float64Array => {
  const { offset, size } = network.layout.parameters.find((parameter) => parameter.name === name)!;
  return initialise(network.layout, init, createRandom(3)).slice(offset, offset + size);
};

/** By the formulas of torch.nn.init from the fans: the bound of a uniform law, or null, and the standard deviation. */
function lawOf(init: InitSpec, fanIn: number, fanOut: number): { bound: number | null; std: number } {
  const uniform = (bound: number) => ({ bound, std: bound / Math.sqrt(3) });
  const normal = (std: number) => ({ bound: null, std });
  switch (init.kind) {
    case "kaiming-uniform":
      return uniform(Math.sqrt(6 / (1 + init.a ** 2) / fanIn));
    case "kaiming-normal":
      return normal(Math.sqrt(2 / (1 + init.a ** 2) / fanIn));
    case "xavier-uniform":
      return uniform(init.gain * Math.sqrt(6 / (fanIn + fanOut)));
    case "xavier-normal":
      return normal(init.gain * Math.sqrt(2 / (fanIn + fanOut)));
    case "normal":
      return normal(init.std);
  }
}

/** Four standard errors: of n draws the standard deviation is off by 0.71/√n of itself where they are normal, by less where uniform. */
const fourErrors = (size: number): number => (4 * 0.71) / Math.sqrt(size);

function expectLaw(found: Moments & { size: number }, law: ReturnType<typeof lawOf>): void {
  const { size } = found;
  expect(Math.abs(found.std / law.std - 1)).toBeLessThan(fourErrors(size));
  expect(Math.abs(found.mean)).toBeLessThan((4 * law.std) / Math.sqrt(size));
  if (law.bound === null) {
    // The largest of thousands of normal draws.
    expect(found.largest / law.std).toBeGreaterThan(3);
    return;
  }
  // The largest of n uniform draws falls short of the bound by 10/n once in 20 000 times.
  expect(found.largest).toBeLessThanOrEqual(law.bound);
  expect(found.largest / law.bound).toBeGreaterThan(1 - 10 / size);
}

describe.each(rows.map((row) => [row.layer, row] as const))("%s", (name, row) => {
  const { layer, inputShape, groups } = layers[name]!;
  const network = defineNetwork({ inputShape, layers: [layer] });
  const parameter = network.layout.parameters[0]!;
  const fanOut = row.fanOut / groups;

  test("has PyTorch's fans, but that a grouped convolution's fan-out is that of one group", () => {
    // PyTorch counts the channels of all groups though a number that comes in reaches those of its own group alone.
    expect(parameter.law).toEqual({ kind: "weight", fanIn: row.fanIn, fanOut });
    expect(parameter.size).toBe(row.size);
    expect(network.layout.parameters[1]!.law).toEqual({ kind: "bias", fanIn: row.fanIn });
  });

  test.each(row.drawn.map((torch) => [torch.kind, torch.argument, torch] as const))(
    "%s (%d)",
    (kind, argument, torch) => {
      const init = initOf(kind, argument);
      const found = momentsOf(drawn(network, init, parameter.name));
      expectLaw(found, lawOf(init, row.fanIn, fanOut));
      // PyTorch's own draw by the same law with its own fans.
      expectLaw({ ...torch, size: row.size }, lawOf(init, row.fanIn, row.fanOut));
      if (groups === 1) expect(Math.abs(found.std / torch.std - 1)).toBeLessThan(2 * fourErrors(row.size));
    },
  );

  test("by default as PyTorch's module", () => {
    const init = { kind: "kaiming-uniform", a: Math.sqrt(5), bias: "uniform" } as const;
    const law = lawOf(init, row.fanIn, fanOut);
    expectLaw(momentsOf(drawn(network, init, parameter.name)), law);
    expectLaw({ ...row.default.weight, size: row.size }, law);
    // Both are uniform within 1/√fanIn, the biases a few dozens: the largest tells their bound to a tenth.
    const bound = 1 / Math.sqrt(row.fanIn);
    const biases = momentsOf(drawn(network, init, network.layout.parameters[1]!.name));
    for (const { largest } of [biases, row.default.bias]) {
      expect(largest).toBeLessThanOrEqual(bound);
      expect(largest / bound).toBeGreaterThan(0.85);
    }
  });
});

describe("layers with laws of their own", () => {
  const init = { kind: "xavier-uniform", gain: 1, bias: "zeros" } as const;

  test("embeddings are standard normal as PyTorch's, whatever the initialiser", () => {
    const network = defineNetwork({
      inputShape: [3],
      layers: [{ kind: "embedding", tokens: 500, width: 40 }],
    });
    const law = { bound: null, std: 1 };
    expectLaw(momentsOf(drawn(network, init, "layers.0.weight")), law);
    expectLaw({ ...embedding, size: 20_000 }, law);
  });

  test("positions are normal with 0.02, gains 1, shifts 0", () => {
    const network = defineNetwork({
      inputShape: [100, 80],
      layers: [{ kind: "position-embedding" }, { kind: "layer-norm" }],
    });
    expectLaw(momentsOf(drawn(network, init, "layers.0.weight")), { bound: null, std: 0.02 });
    expect(new Set(drawn(network, init, "layers.1.weight"))).toEqual(new Set([1]));
    expect(new Set(drawn(network, init, "layers.1.bias"))).toEqual(new Set([0]));
  });

  test("attention: Xavier of each projection by itself, where PyTorch takes three in one", () => {
    const d = 64;
    const network = defineNetwork({ inputShape: [2, d], layers: [{ kind: "attention", heads: 4 }] });
    for (const name of ["query", "key", "value", "output"])
      expectLaw(momentsOf(drawn(network, init, `layers.0.${name}.weight`)), lawOf(init, d, d));
    // torch.nn.MultiheadAttention draws query, key and value as one matrix [3d, d].
    expectLaw({ ...attention.packed, size: 3 * d * d }, lawOf(init, d, 3 * d));
    const module = { kind: "kaiming-uniform", a: Math.sqrt(5), bias: "zeros" } as const;
    expectLaw({ ...attention.output, size: d * d }, lawOf(module, d, d));
  });

  test.each<[string, Layer, readonly string[]]>([
    ["gcn-conv", { kind: "gcn-conv", width: 120 }, ["weight"]],
    ["cheb-conv", { kind: "cheb-conv", width: 120, order: 3 }, ["weights.0", "weights.1", "weights.2"]],
    ["graph-conv", { kind: "graph-conv", width: 120 }, ["root", "neighbours"]],
  ])("%s: every matrix by itself, from d to width", (_, layer, names) => {
    const network = defineNetwork({ inputShape: [80], layers: [layer] });
    for (const name of names)
      expectLaw(momentsOf(drawn(network, init, `layers.0.${name}`)), lawOf(init, 80, 120));
    expect(network.layout.parameters.find(({ name }) => name === "layers.0.bias")!.law).toEqual({
      kind: "bias",
      fanIn: 80,
    });
  });

  test("a layer's own initialiser goes before the network's, and reaches the layers within it", () => {
    const own = { kind: "normal", std: 0.3, bias: "zeros" } as const;
    const dense = { kind: "dense", width: 90 };
    const network = defineNetwork({
      inputShape: [90],
      layers: [dense, { kind: "residual", layers: [dense], init: own }],
    });
    expectLaw(momentsOf(drawn(network, init, "layers.0.weight")), lawOf(init, 90, 90));
    expectLaw(momentsOf(drawn(network, init, "layers.1.layers.0.weight")), lawOf(own, 90, 90));
  });
});
