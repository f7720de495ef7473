/**
 * Files that exporters wrote, against what PyTorch, JAX and SciPy say of the networks: values, gradients, Hessian products, flow, descent, kernel.
 * data/onnx_exports_torch.py and data/onnx_exports_jax.py made files and numbers.
 */
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { createEngine } from "../../src/engine/index.js";
import { checkOnnx } from "../../src/experiment/import-check.js";
import { createDescent, createProblem, integrateSmooth } from "../../src/flow/index.js";
import { createFamily, defineNetwork, importOnnx, type Network } from "../../src/model/index.js";
import { createTangentKernel, denseSpectrum } from "../../src/ntk/index.js";
import { follow } from "../boundaries/runs.js";
import { relativeDistance, TOLERANCE } from "./stored.js";

/** By the name in the file, row-major as there. */
type Named = Readonly<Record<string, readonly number[]>>;

interface Case {
  readonly file: string;
  readonly shape: readonly number[];
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly output: readonly number[];
  readonly loss: number;
  readonly gradient: Named;
  readonly direction: Named;
  readonly hessianProduct: Named;
  readonly singularValues?: readonly number[];
  readonly descent?: { readonly learningRate: number; readonly steps: number; readonly theta: Named };
  readonly flow?: {
    readonly tEnd: number;
    readonly theta: Named;
    readonly loss: number;
    /** ‖θ(tEnd)‖ at rtol 1e-12 against 1e-11. */
    readonly uncertainty: number;
  };
}

const folder = new URL("data/onnx-exports/", import.meta.url);
const pathOf = (file: string): string => new URL(file, folder).pathname;
const cases = ["torch.json", "jax.json"].flatMap((file) =>
  Object.entries(
    (JSON.parse(readFileSync(new URL(file, folder), "utf8")) as { cases: Record<string, Case> }).cases,
  ),
);
const having = (key: keyof Case) => cases.filter(([, own]) => own[key] !== undefined);
const SAMPLES = 3;

const [double, single] = await Promise.all(
  (["float64", "float32"] as const).map((dtype) => createEngine({ kind: "onnx", dtype, threads: 1 })),
);
afterAll(() => Promise.all([double!.dispose(), single!.dispose()]));
const reference = await createEngine({ kind: "reference" });

/** Numbers of the file as θ has them: weights of affine maps the other way round. */
function inTheta({ layout, imported }: Network, named: Named): number[] {
  expect(Object.keys(named).sort()).toEqual(layout.parameters.map(({ name }) => name).sort());
  return layout.parameters.flatMap(({ name }) => {
    const { shape, transposed } = imported!.arrays[name]!;
    const own = named[name]!;
    const [rows = 1, columns = 1] = shape;
    return transposed ? own.map((_, i) => own[(i % rows) * columns + Math.floor(i / rows)]!) : own;
  });
}

function setUp(own: Case) {
  const network = importOnnx(pathOf(own.file), { inputShape: own.shape });
  const data = { x: Float64Array.from(own.x), y: Float64Array.from(own.y) };
  return {
    network,
    data,
    family: createFamily({ network, samples: SAMPLES, factor: 0.5 }),
    theta: network.start!,
  };
}

describe.each(cases)("%s", (_, own) => {
  const { network, data, family, theta } = setUp(own);

  test.each([
    ["reference", reference],
    ["onnx", double!],
  ] as const)("values, gradient and Hessian product, %s engine", async (_name, engine) => {
    const { output } = await (await engine.compile(family.predict())).run({ theta, x: data.x });
    expect(relativeDistance(output!, own.output)).toBeLessThan(TOLERANCE);
    const first = await (await engine.compile(family.lossGradient("free"))).run({ theta, ...data });
    expect(Math.abs(first["loss"]![0]! / own.loss - 1)).toBeLessThan(TOLERANCE);
    expect(relativeDistance(first["gradient"]!, inTheta(network, own.gradient))).toBeLessThan(TOLERANCE);
    const velocity = Float64Array.from(inTheta(network, own.direction));
    const second = await engine.compile(family.hessianProduct("free"));
    const { product } = await second.run({ theta, velocity, ...data });
    expect(relativeDistance(product!, inTheta(network, own.hessianProduct))).toBeLessThan(TOLERANCE);
  });

  test("gradient in float32", async () => {
    const { gradient } = await (await single!.compile(family.lossGradient("free"))).run({ theta, ...data });
    // A hundred roundoffs of 6e-8.
    expect(relativeDistance(gradient!, inTheta(network, own.gradient))).toBeLessThan(1e-5);
  });

  test("as ONNX Runtime computes it", async () => {
    const found = await checkOnnx(pathOf(own.file), { inputShape: own.shape, inputs: data.x });
    expect(found.precision, found.reason ?? "").not.toBeNull();
    expect(found.disagreement).toBeNull();
    expect(found.derivative).toBeLessThan(1e-6);
  });
});

test.each(having("flow"))("the flow of %s to t = 5 is SciPy's", async (_, own) => {
  const { network, data, family, theta } = setUp(own);
  const { tEnd, uncertainty, ...end } = own.flow!;
  const problem = await createProblem(double!, family, data);
  const outcome = await integrateSmooth({
    ...{ problem, theta0: theta, method: "dop853", tEnd, rtol: 1e-11, atol: 1e-13 },
    onSegment: async () => undefined,
  });
  expect(outcome.status).toBe("reachedEnd");
  const expected = inTheta(network, end.theta);
  const moved = Math.hypot(...expected.map((value, i) => value - theta[i]!));
  // A flow that stands still would agree with anything.
  expect(moved).toBeGreaterThan(0.1);
  expect(uncertainty / moved).toBeLessThan(1e-9);
  const off = Math.hypot(...expected.map((value, i) => value - outcome.theta[i]!));
  // Of the distance moved: errors of a step are held to 1e-11, those of SciPy to 1e-12, and the flow amplifies their sum by less than 100.
  expect(off / moved).toBeLessThan(1e-8);
});

test.each(having("descent"))("descent of %s is PyTorch's", async (_, own) => {
  const { network, data, family, theta } = setUp(own);
  const { learningRate, steps, theta: end } = own.descent!;
  const problem = await createProblem(double!, family, data);
  const tEnd = steps * learningRate;
  const descent = createDescent({ problem, theta0: theta, learningRate, times: [tEnd], tEnd });
  let found: Float64Array | null = null;
  await integrateSmooth({
    ...{ problem, theta0: theta, method: "dopri5", tEnd, rtol: 1e-3, atol: 1e-5 },
    onSegment: async (segment) => {
      await descent.follow(segment, (row, states) => {
        if (row.step === steps) found = states.theta.slice();
      });
      return undefined;
    },
  });
  // Twenty steps that contract or amplify rounding by less than 10.
  expect(relativeDistance(found!, inTheta(network, end))).toBeLessThan(10 * TOLERANCE);
});

test.each(having("singularValues"))(
  "the tangent kernel of %s is JJᵀ of the exporter's framework",
  async (_, own) => {
    const { data, family, theta } = setUp(own);
    const kernel = createTangentKernel({
      ...{ family, data, compile: (graph, bound) => double!.compile(graph, bound) },
    });
    const state = { theta, pieces: null, held: [] };
    const zero = new Float64Array(own.y.length);
    const options = { method: "svd", vectors: false, gram: false } as const;
    const { values } = await denseSpectrum(kernel, state, zero, options);
    const expected = own.singularValues!.map((value) => value ** 2);
    const trace = (of: ArrayLike<number>): number => Array.from(of).reduce((sum, value) => sum + value, 0);
    expect(Math.abs(trace(values) / trace(expected) - 1)).toBeLessThan(TOLERANCE);
    // λ_min relative to itself: singular values are known to roundoffs of the largest.
    const [largest, least] = [own.singularValues![0]!, own.singularValues!.at(-1)!];
    expect(least).toBeGreaterThan(0);
    expect(Math.abs(values.at(-1)! / least ** 2 - 1)).toBeLessThan((TOLERANCE * largest) / least);
  },
);

test("the exact kinked flow of the imported MLP is that of the network in YAML, bit by bit", async () => {
  const [, own] = cases.find(([name]) => name === "mlp")!;
  const { family, data, theta } = setUp(own);
  const layered = defineNetwork({
    inputShape: [4],
    activation: { kind: "leaky-relu", slope: 0.1 },
    layers: [{ kind: "dense", width: 10 }, { kind: "activation" }, { kind: "dense", width: 2 }],
  });
  const written = createFamily({ network: layered, samples: SAMPLES, factor: 0.5 });
  const options = { method: "dopri5", tEnd: 5, rtol: 1e-8, engine: double! } as const;
  const ours = await follow({ family: written, bound: data, theta }, options);
  const imported = await follow({ family, bound: data, theta }, options);
  expect(imported.outcome.status).toBe("reachedEnd");
  expect(imported.events.length).toBeGreaterThan(3);
  expect(imported.events).toEqual(ours.events);
  expect([...imported.outcome.theta]).toEqual([...ours.outcome.theta]);
});
