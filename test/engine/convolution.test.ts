/** Convolutions as the ONNX engine does them, in float32 by the runtime's own operator, against the same graphs by the reference engine. */
import { describe, expect, test } from "vitest";
import { createOnnxEngine } from "../../src/engine/index.js";
import { lowerToOnnx } from "../../src/engine/onnx/lower.js";
import { compileReference } from "../../src/engine/reference.js";
import { cancelTransposes, type Graph, sizeOf } from "../../src/graph/index.js";
import { createFamily, initialise, layeredNetwork } from "../../src/model/index.js";
import { createRandom } from "../../src/random.js";
import { randomVector } from "../support/networks.js";

const conv = (fields: object) => ({ channels: 3, stride: 1, padding: 0, groups: 1, bias: true, ...fields });
const SAMPLES = 5;

/** How often the operator stands in a model: its name is text there. */
const operators = (model: Uint8Array): number =>
  Buffer.from(model).toString("latin1").split("\x04Conv").length - 1;

/**
 * Between two layers of tanh, so that the input's cotangent is needed too. `operators`: one forwards, one for the input's cotangent where windows
 * are next to one another and no wider padded than they can see.
 */
const cases: [string, object, number[], number][] = [
  ["3 × 3, padded", { kind: "conv2d", kernel: 3, padding: "same" }, [2, 5, 4], 2],
  ["3 × 3", { kind: "conv2d", kernel: 3 }, [2, 5, 4], 2],
  ["without bias", { kind: "conv2d", kernel: 3, padding: 1, bias: false }, [2, 5, 4], 2],
  ["an even kernel, unequal sides", { kind: "conv2d", kernel: [2, 3], padding: "same" }, [3, 4, 6], 2],
  ["1 × 3", { kind: "conv2d", kernel: [1, 3], padding: 1 }, [2, 3, 4], 1],
  ["wide padding", { kind: "conv2d", kernel: 2, padding: 2 }, [2, 3, 3], 1],
  ["stride 2", { kind: "conv2d", kernel: 3, stride: 2, padding: 1 }, [2, 5, 6], 1],
  ["a stride that leaves a rest", { kind: "conv2d", kernel: 2, stride: [2, 3] }, [2, 5, 7], 1],
  ["as large as its input: a plain product", { kind: "conv2d", kernel: [4, 3] }, [2, 4, 3], 0],
  ["one axis", { kind: "conv1d", kernel: 3, padding: "same" }, [2, 7], 2],
  [
    "groups, which go by gather and product",
    { kind: "conv2d", kernel: 3, padding: 1, groups: 2, channels: 4 },
    [2, 4, 4],
    0,
  ],
  ["transposed", { kind: "transposed-conv2d", kernel: 2 }, [2, 3, 3], 0],
];

describe.each(cases)("%s", (_, fields, inputShape, expected) => {
  const network = layeredNetwork({
    inputShape,
    outputs: 2,
    layers: [
      { kind: "batch-norm", epsilon: 1e-5 },
      conv(fields) as unknown as { kind: string },
      { kind: "tanh" },
      { kind: "flatten" },
      { kind: "dense", bias: true },
    ],
  });
  const family = createFamily({ network, samples: SAMPLES, factor: 0.5 });
  const theta = initialise(
    network.layout,
    { kind: "kaiming-normal", a: 0.1, bias: "uniform" },
    createRandom(3),
  );
  const data = { x: randomVector(1, SAMPLES * sizeOf(inputShape)), y: randomVector(2, SAMPLES * 2) };

  test.for([
    ["float32", 2e-5],
    ["float64", 1e-13],
  ] as const)("values, gradients and Hessian products in %s", async ([dtype, rounding]) => {
    const engine = createOnnxEngine({ dtype, threads: 1 });
    const inputs = { theta, velocity: randomVector(4, theta.length) };
    for (const graph of [
      family.predict(),
      family.lossGradient("free"),
      family.hessianProduct("free"),
    ] as Graph[]) {
      const own = Object.fromEntries(
        graph.inputs.flatMap(({ attributes: { name } }) =>
          name in inputs ? [[name, inputs[name as "theta"]]] : [],
        ),
      );
      const found = await (await engine.compile(graph, data)).run(own);
      const exact = compileReference(graph, data).runSync(own);
      for (const [name, values] of Object.entries(exact)) {
        const scale = Math.max(...values.map(Math.abs));
        // Some hundred roundings (6e-8 and 1e-16), of sums of as many terms; a wrong place or weight is off by a tenth.
        values.forEach((value, i) => {
          expect(Math.abs(found[name]![i]! - value), `${graph.name}: ${name}[${i}]`).toBeLessThan(
            rounding * scale,
          );
        });
      }
    }
    await engine.dispose();
  });

  test("by the operator where it applies, in float32 only", () => {
    const graph = cancelTransposes(family.lossGradient("free"), ["x", "y"]);
    expect(operators(lowerToOnnx(graph, "float32"))).toBe(expected);
    expect(operators(lowerToOnnx(graph, "float64"))).toBe(0);
  });
});
