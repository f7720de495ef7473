/** What a network knows of itself: parameters by name, sites, coupling; and networks given as functions. */
import { describe, expect, test } from "vitest";
import { compileReference } from "../../src/engine/reference.js";
import { type Node, sizeOf } from "../../src/graph/index.js";
import {
  createFamily,
  defineNetwork,
  type LayerError,
  presetNetwork,
  type Scope,
} from "../../src/model/index.js";
import { createTangentKernel } from "../../src/ntk/index.js";
import { randomVector } from "../support/networks.js";

const layers = (
  list: Parameters<typeof defineNetwork>[0] extends infer O
    ? O extends { layers: infer L }
      ? L
      : never
    : never,
  inputShape: number[],
) => defineNetwork({ inputShape, layers: list });

describe("a list of layers", () => {
  test("names its parameters by their path, in the order of the layers", () => {
    const network = layers(
      [
        { kind: "dense", width: 3 },
        {
          kind: "residual",
          shortcut: [{ kind: "dense", width: 2 }],
          layers: [{ kind: "dense", width: 2 }, { kind: "prelu" }],
        },
      ],
      [4],
    );
    expect(network.layout.parameters.map(({ name, offset }) => [name, offset])).toEqual([
      ["layers.0.weight", 0],
      ["layers.0.bias", 12],
      ["layers.1.shortcut.0.weight", 15],
      ["layers.1.shortcut.0.bias", 21],
      ["layers.1.layers.0.weight", 23],
      ["layers.1.layers.0.bias", 29],
      ["layers.1.layers.1.slope", 31],
    ]);
  });

  test("shares what is the same: both halves of a siamese layer, rounds of a shared repeat", () => {
    const siamese = layers(
      [{ kind: "siamese", join: "difference", layers: [{ kind: "dense", width: 3 }] }],
      [2, 4],
    );
    expect(siamese.layout.size).toBe(15);
    expect(siamese.layout.parameters.map(({ name }) => name)).toEqual([
      "layers.0.layers.0.weight",
      "layers.0.layers.0.bias",
    ]);
    const round = [{ kind: "dense", width: 4 }];
    expect(layers([{ kind: "repeat", times: 5, shared: true, layers: round }], [4]).layout.size).toBe(20);
    expect(layers([{ kind: "repeat", times: 5, layers: round }], [4]).layout.size).toBe(100);
  });

  test("has sites where its kinks are, ties of max-pool among them, each with its own table", () => {
    const network = layers(
      [
        { kind: "conv2d", channels: 2, kernel: 3 },
        { kind: "hard-tanh" },
        { kind: "max-pool", size: 2 },
        { kind: "flatten" },
        { kind: "dense", width: 3 },
        { kind: "tanh" },
        { kind: "dense", width: 1 },
      ],
      [1, 6, 6],
    );
    expect(network.sites.map(({ path, shape, table }) => [path, shape, table.breakpoints])).toEqual([
      ["layers.1", [2, 4, 4], [-1, 1]],
      ...Array.from({ length: 3 }, () => ["layers.2", [2, 2, 2], [0]]),
    ]);
    expect(network.units).toBe(32 + 3 * 8);
  });

  test.each([
    ["dense", [{ kind: "dense", width: 2 }], [3], false],
    ["layer-norm", [{ kind: "layer-norm" }], [3], false],
    ["attention", [{ kind: "attention", heads: 1 }], [3, 4], false],
    [
      "a convolution, pooling and mean",
      [
        { kind: "conv2d", channels: 2, kernel: 2 },
        { kind: "average-pool", size: 2 },
        { kind: "mean", axis: 0 },
      ],
      [1, 5, 5],
      false,
    ],
    ["dense on tokens", [{ kind: "dense", width: 2 }, { kind: "mean" }], [3, 4], false],
    ["transposed convolution", [{ kind: "transposed-conv2d", channels: 1, kernel: 2 }], [1, 2, 2], false],
    ["batch-norm", [{ kind: "dense", width: 2 }, { kind: "batch-norm" }], [3], true],
    ["gcn-conv", [{ kind: "gcn-conv", width: 2 }], [3], true],
    ["cheb-conv", [{ kind: "cheb-conv", width: 2, order: 2 }], [3], true],
    [
      "cheb-conv of order 1, which sees no neighbour",
      [{ kind: "cheb-conv", width: 2, order: 1 }],
      [3],
      false,
    ],
    ["graph-conv", [{ kind: "graph-conv", width: 2 }], [3], true],
  ] as const)("knows whether samples couple: %s", (_, list, inputShape, coupled) => {
    const network = layers([...list], [...inputShape]);
    expect(network.coupled).toBe(coupled);
    if (network.relations.length > 0) return;
    // The truth: change sample 0 and look at the others.
    const family = createFamily({ network, samples: 4, factor: 1 });
    const theta = randomVector(1, network.layout.size).map((value) => value + 0.1);
    const x = randomVector(2, 4 * sizeOf([...inputShape]));
    const run = (input: Float64Array) => {
      const { output } = compileReference(family.predict()).runSync({ theta, x: input });
      return output!.slice();
    };
    const moved = x.slice();
    moved[0]! += 0.5;
    const [before, after] = [run(x), run(moved)];
    const others = before.slice(network.outputs);
    expect(others.some((value, k) => value !== after[network.outputs + k])).toBe(coupled);
  });

  test.each([
    [
      "a kernel larger than its input",
      [{ kind: "conv2d", channels: 1, kernel: 7 }],
      [1, 5, 5],
      "layers.0",
      /7 × 7 does not fit into 5 × 5/,
    ],
    [
      "groups that do not divide",
      [{ kind: "conv2d", channels: 4, kernel: 1, groups: 3 }],
      [4, 5, 5],
      "layers.0",
      /groups 3 must divide/,
    ],
    [
      "heads that do not divide",
      [{ kind: "attention", heads: 3 }],
      [2, 4],
      "layers.0",
      /heads 3 must divide the width 4/,
    ],
    [
      "branches that cannot join",
      [{ kind: "parallel", branches: [[], [{ kind: "dense", width: 2 }]] }],
      [3],
      "layers.0",
      /\[3\], \[2\] cannot be joined by sum/,
    ],
    [
      "a shortcut of another shape",
      [{ kind: "residual", layers: [{ kind: "dense", width: 2 }] }],
      [3],
      "layers.0",
      /the shortcut gives \[3\], the layers \[2\]/,
    ],
    [
      "an image where there is none",
      [{ kind: "flatten" }, { kind: "max-pool", size: 2 }],
      [1, 4, 4],
      "layers.1",
      /takes samples of shape \[C, H, W\], got \[16\]/,
    ],
    ["a shape of another size", [{ kind: "reshape", shape: [2, 2] }], [3], "layers.0", /\[3\] has 3 entries/],
    [
      "a width that is missing within",
      [{ kind: "residual", layers: [{ kind: "dense" }] }],
      [3],
      "layers.0.layers.0",
      /needs a width/,
    ],
    [
      "halves that are not two",
      [{ kind: "siamese", layers: [] }],
      [3, 4],
      "layers.0",
      /takes samples of shape \[2, \.\.\.\]/,
    ],
  ] as const)("says which layer does not fit: %s", (_, list, inputShape, path, message) => {
    const attempt = () => layers([...list] as never, [...inputShape]);
    expect(attempt).toThrow(message);
    try {
      attempt();
    } catch (error) {
      expect((error as LayerError).path).toBe(path);
    }
  });

  test.each([[[]], [[0]], [[2.5]], [undefined], ["3"]])("says that %j is no shape of an input", (shape) => {
    expect(() => layers([{ kind: "dense", width: 2 }], shape as number[])).toThrow(
      /^defineNetwork: inputShape[.:]/,
    );
  });

  test("says that ten thousand lists in one another are too many; some hundred are not", () => {
    const nested = (depth: number) => {
      let list: { kind: string; layers: unknown[] }[] = [];
      for (let k = 0; k < depth; k++) list = [{ kind: "residual", layers: list }];
      return list;
    };
    expect(() => layers(nested(10_000), [3])).toThrow(/^defineNetwork: layers: nest more than 600 deep/);
    expect(layers(nested(200), [3]).outputs).toBe(3);
  });

  test("says which field is wrong", () => {
    expect(() => layers([{ kind: "dense", width: 0 }], [3])).toThrow(/defineNetwork: layers\.0\.width/);
    expect(() => layers([{ kind: "densa" }], [3])).toThrow(/defineNetwork: layers\.0/);
  });
});

test("layers that take the data for tokens are known, wherever they stand", () => {
  const embedding = { kind: "embedding", tokens: 5, width: 2 };
  const within = [
    { kind: "siamese", join: "difference", layers: [{ kind: "repeat", times: 1, layers: [embedding] }] },
  ];
  expect(layers(within, [2, 3]).tokens).toEqual(
    [0, 1].map((half) => ({ path: `layers.0.halves.${half}.layers.0.rounds.0.layers.0`, tokens: 5 })),
  );
  // Of what a layer has computed nothing is said.
  expect(layers([{ kind: "tanh" }, embedding], [3]).tokens).toEqual([]);
});

describe("a function", () => {
  test("is the network of the layers it writes out, with kinks and layer products", () => {
    const activation = { kind: "leaky-relu", slope: 0.1 } as const;
    const byHand = defineNetwork({
      inputShape: [4],
      activation,
      build(scope, x) {
        const hidden = scope.within("first").affine(x, 5, true);
        return scope.within("second").affine(scope.within("kink").activate(hidden), 3, true);
      },
    });
    const preset = presetNetwork({
      ...{ kind: "dnn", inputDimension: 4, hidden: [5], outputDimension: 3, bias: true, activation },
    });
    expect(byHand.layout.parameters.map(({ name }) => name)).toEqual([
      "first.weight",
      "first.bias",
      "second.weight",
      "second.bias",
    ]);
    expect(byHand.hasLayerProducts).toBe(true);
    const [theta, x, y] = [randomVector(1, preset.layout.size), randomVector(2, 24), randomVector(3, 18)];
    const run = (network: typeof preset) =>
      compileReference(createFamily({ network, samples: 6, factor: 0.5 }).lossGradient("free")).runSync({
        theta,
        x,
        y,
      });
    expect(run(byHand)).toEqual(run(preset));
  });

  test("may use any operation of the builder", () => {
    const network = defineNetwork({
      inputShape: [3],
      build(scope, x) {
        const { b } = scope;
        const scale = scope.parameter("scale", [3], { kind: "constant", value: 1 });
        return b.sin(b.mul(x, b.reshape(scale, [1, 3])));
      },
    });
    expect(network).toMatchObject({ kind: "function", outputs: 3, coupled: false, hasLayerProducts: false });
    expect(network.layout.parameters.map(({ name }) => name)).toEqual(["scale"]);
  });

  // Rows of J are taken sample by sample where samples do not couple: a wrong "no" is a wrong kernel.
  test.each<[string, (scope: Scope, h: Node) => Node]>([
    [
      "a square of samples and features turned over",
      ({ b, samples: n }, h) => b.reshape(b.transpose(h, [1, 0]), [n, 3]),
    ],
    [
      "turned over twice, with its rows cut anew between",
      ({ b, samples: n }, h) =>
        b.reshape(b.transpose(b.reshape(b.transpose(h, [1, 0]), [n, 3]), [1, 0]), [n, 3]),
    ],
    ["degrees of a graph", (scope, h) => scope.b.mul(h, scope.b.sum(scope.relation("neighbours"), [1]))],
    ["a sum over samples", ({ b }, h) => b.sub(h, b.sum(h, [0]))],
    ["a product of all samples with all", ({ b }, h) => b.matmul(b.matmul(h, h, { transposeB: true }), h)],
    [
      "samples reversed",
      ({ b, samples: n }, h) =>
        b.gather(
          h,
          0,
          Int32Array.from({ length: n }, (_, i) => n - 1 - i),
        ),
    ],
  ])("couples the samples: %s", (_, tangle) => {
    const network = defineNetwork({
      inputShape: [3],
      build: (scope, x) => tangle(scope, scope.affine(x, 3, false)),
    });
    expect(network).toMatchObject({ coupled: true, hasLayerProducts: false });
  });

  test.each<[string, (scope: Scope, h: Node) => Node, boolean]>([
    ["a share of the samples", (scope, h) => scope.b.scale(h, 1 / scope.samples), true],
    [
      "a constant row per sample",
      ({ b, samples: n }, h) =>
        b.mul(
          h,
          b.constant(
            Float64Array.from({ length: 3 * n }, (_, i) => i),
            [n, 3],
          ),
        ),
      true,
    ],
    ["a kink that moves with n", ({ b, samples: n }, h) => b.mul(h, b.pieceOf(h, [1 / n])), true],
    ["other operations for some n", ({ b, samples: n }, h) => (n === 1009 ? b.sin(h) : b.cos(h)), true],
    [
      "n in shapes, and constants that are one number",
      ({ b, samples: n }, h) => b.add(b.constant(2, [n, 3]), h),
      false,
    ],
  ])("that has the number of samples in its values counts as coupled: %s", async (_, tangle, coupled) => {
    const network = defineNetwork({
      inputShape: [3],
      build: (scope, x) => tangle(scope, scope.affine(x, 3, false)),
    });
    expect(network.coupled).toBe(coupled);
    // What it is for: rows of J of graphs with one sample would be those of another network.
    const family = createFamily({ network, samples: 4, factor: 1 });
    const data = { x: randomVector(1, 12), y: new Float64Array(12) };
    const kernel = createTangentKernel({
      ...{ family, data },
      compile: async (graph, bound = {}) => compileReference(graph, bound),
    });
    const state = { theta: randomVector(2, 9), pieces: null, held: [] };
    const gram = await kernel.gram(state, "rows");
    const [unit, image] = [new Float64Array(12), new Float64Array(12)];
    unit[5] = 1;
    await (await kernel.operator(state)).apply(unit, image);
    image.forEach((value, k) => {
      expect(value).toBeCloseTo(gram[k * 12 + 5]!, 10);
    });
  });

  test("keeps the samples' axis first at its kinks", () => {
    const build = (scope: Scope, x: Node): Node => {
      const { b } = scope;
      return b.transpose(scope.activate(b.transpose(x, [1, 0]), { kind: "relu" }), [1, 0]);
    };
    expect(() => defineNetwork({ inputShape: [3], build })).toThrow(/activates \[3,\d+\] of \d+ samples/);
  });
});

describe("sizes beyond reason", () => {
  test.each<[string, object[], number[], RegExp]>([
    ["windows", [{ kind: "conv2d", channels: 1, kernel: 3 }], [1, 1e5, 1e5], /^windows of 3 × 3 at/],
    ["padding", [{ kind: "conv2d", channels: 1, kernel: 3, padding: 1e7 }], [1, 4, 4], /^windows of/],
    ["up", [{ kind: "upsample", factor: 1e6 }], [1, 4, 4], /^\[4000000, 4000000\] positions/],
    ["pooling", [{ kind: "max-pool", size: 100 }], [1, 100, 100], /a window of 100 × 100 has 10000 entries/],
    ["tokens", [{ kind: "embedding", tokens: 1e12, width: 1 }], [4], /1000000000000 tokens take a list/],
    [
      "rounds",
      [{ kind: "repeat", times: 1e9, layers: [{ kind: "tanh" }] }],
      [4],
      /one more than 10000 layers/,
    ],
  ])("are refused by name: %s", (_, list, inputShape, message) => {
    expect(() => layers(list as Parameters<typeof layers>[0], inputShape)).toThrow(message);
  });

  test("rounds of no layers are no work", () => {
    expect(layers([{ kind: "repeat", times: 1e15, layers: [] }], [4]).outputs).toBe(4);
  });
});
