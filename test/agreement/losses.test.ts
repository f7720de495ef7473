/** Losses against PyTorch, at logits of ordinary size and of ±1e3, and their tails against 60 digits; data/loss_numbers.py made the numbers. */
import { readFileSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { gradient, hessianProduct } from "../../src/autodiff/index.js";
import { createEngine, type Engine, type EngineSpec } from "../../src/engine/index.js";
import { compileReference } from "../../src/engine/reference.js";
import { createGraph, GraphBuilder } from "../../src/graph/index.js";
import { createFamily, createLoss, layeredNetwork, presetNetwork } from "../../src/model/index.js";

interface Given {
  readonly kind: string;
  readonly samples: number;
  readonly outputs: number;
  readonly targets: readonly number[];
  readonly v: readonly number[];
  readonly loss: number;
  readonly gradient: readonly number[];
  readonly hessianProduct: readonly number[];
}

interface Stored {
  readonly cases: readonly (Given & { name: string; logits: readonly number[] })[];
  readonly networks: readonly (Given & { biases: boolean; x: readonly number[]; theta: readonly number[] })[];
  readonly tails: readonly Readonly<
    Record<"u" | "loss" | "slope" | "curvature" | "logLoss" | "logSlope" | "logCurvature", number>
  >[];
  readonly softmaxes: readonly {
    readonly logits: readonly number[];
    readonly loss: number;
    readonly gradient: readonly number[];
    readonly logLoss: number;
    readonly logGradient: readonly number[];
  }[];
}

const stored = JSON.parse(readFileSync(new URL("data/losses.json", import.meta.url), "utf8")) as Stored;

/** In float64 sums in another order; in float32 its roundoff, of a logit of 1e3 in an exponent 1e3 times that. */
const engines: readonly (EngineSpec & { readonly tolerance: number })[] = [
  { kind: "reference", dtype: "float64", threads: 1, tolerance: 1e-12 },
  { kind: "onnx", dtype: "float64", threads: 1, tolerance: 1e-12 },
  { kind: "onnx", dtype: "float32", threads: 1, tolerance: 2e-4 },
  { kind: "tfjs", dtype: "float32", threads: 1, backend: "cpu", state: "float64", tolerance: 2e-4 } as never,
];

const isOneHot = (rows: readonly number[]) => rows.every((value) => value === 0 || value === 1);

/** Of the largest entry. Zero must be zero. */
function expectClose(found: ArrayLike<number>, expected: readonly number[], tolerance: number): void {
  expect(found.length).toBe(expected.length);
  const scale = Math.max(...expected.map(Math.abs));
  expected.forEach((value, i) => {
    expect(Math.abs((found[i] as number) - value)).toBeLessThanOrEqual(tolerance * scale);
  });
}

describe.each(engines)("$kind in $dtype", ({ tolerance, ...spec }) => {
  let engine: Engine | null = null;
  afterAll(() => engine?.dispose());

  const check = async (
    given: Given,
    options: Parameters<typeof createFamily>[0],
    theta: Float64Array,
    x: Float64Array,
  ) => {
    engine ??= await createEngine(spec as never);
    const family = createFamily(options);
    const data = { x, y: Float64Array.from(given.targets) };
    const { loss, gradient: g } = await (await engine.compile(family.lossGradient("free"), data)).run({
      theta,
    });
    expectClose(loss!, [given.loss], tolerance);
    expectClose(g!, given.gradient, tolerance);
    const velocity = Float64Array.from(given.v);
    const program = await engine.compile(family.hessianProduct("free"), data);
    const { product } = await program.run({ theta, velocity });
    expectClose(product!, given.hessianProduct, tolerance);
  };

  test.each(stored.cases)("$kind at $name logits", async (given) => {
    const { kind, samples, outputs, logits, targets } = given;
    const layers = [{ kind: "dense", width: outputs, bias: false }];
    const network = layeredNetwork({ layers, outputs, inputShape: [samples] });
    const identity = Float64Array.from({ length: samples ** 2 }, (_, i) => (i % (samples + 1) === 0 ? 1 : 0));
    const reduction = kind === "squared" ? "half-sum" : "sum";
    const criterion = createLoss(
      { kind, reduction, ...(kind === "huber" && { delta: 0.7 }) },
      { samples, outputs, isOneHot: isOneHot(targets) },
    );
    await check(given, { network, samples, criterion }, Float64Array.from(logits), identity);
  });

  test.each(stored.networks)("$kind of a network, weight decay, biases $biases", async (given) => {
    const { kind, samples, outputs, biases } = given;
    const network = presetNetwork({
      kind: "dnn",
      ...{ inputDimension: 3, hidden: [5], outputDimension: outputs, bias: true },
      activation: { kind: "tanh" },
    });
    const criterion = createLoss(
      {
        kind,
        ...(kind === "huber" && { delta: 0.7 }),
        // PyTorch's half of a mean over samples is our half-mean-sample.
        reduction: kind === "squared" ? "half-mean-sample" : "mean",
        regularisation: { weightDecay: 0.03, biases },
      },
      { samples, outputs },
    );
    const theta = Float64Array.from(given.theta);
    await check(given, { network, samples, criterion }, theta, Float64Array.from(given.x));
  });
});

test("label smoothing is torch.nn.functional.cross_entropy's, and its minimum the entropy of the targets", () => {
  const spec = { kind: "cross-entropy", reduction: "sum", labelSmoothing: 0.3 };
  const value = (logits: readonly number[]) => {
    const b = new GraphBuilder();
    const f = b.input("f", [logits.length]);
    const loss = createLoss(spec, { samples: logits.length / 3, outputs: 3 });
    const rows = b.reshape(f, [logits.length / 3, 3]);
    const data = loss.data(b, rows, b.input("y", rows.shape), null);
    const graph = createGraph("smoothed", { data, gradient: gradient(b, data, [f])[0]! });
    const y = [0, 0, 1, 1, 0, 0].slice(0, logits.length);
    const run = compileReference(graph).runSync({ f: Float64Array.from(logits), y: Float64Array.from(y) });
    return { data: run["data"]!, gradient: run["gradient"]!, least: loss.least(Float64Array.from(y))! };
  };
  // torch 1.13, float64: F.cross_entropy(f, torch.tensor([2, 0]), label_smoothing=0.3, reduction="sum")
  const found = value([1.5, -0.3, 0.2, 1e3, -1e3, 0]);
  expectDigits(found.data, [301.5831355063687]);
  const expected = [0.5954921834932195, 0.01496408469823285, -0.6104562681914523, 0.2, -0.1, -0.1];
  // Differences of probabilities near 1.
  expectDigits(found.gradient, expected, 1e-15);
  // Logits whose softmax is (0.1, 0.1, 0.8), the smoothed target.
  const there = value([0, 0, Math.log(8)]);
  expect(there.data[0]!).toBeCloseTo(there.least, 14);
  expectDigits(there.gradient, [0, 0, 0], 1e-15);
});

/** Value, gradient and ∇²·1 of a loss at logits [1, M], and of its logarithm. */
function alone(kind: string, logits: readonly number[], targets: readonly number[], log: boolean) {
  const b = new GraphBuilder();
  const outputs = logits.length;
  const f = b.input("f", [outputs]);
  const y = b.input("y", [1, outputs]);
  const loss = createLoss({ kind, reduction: "sum" }, { samples: 1, outputs });
  const rows = b.reshape(f, [1, outputs]);
  const value = log ? loss.logarithm(b, rows, y, null) : loss.data(b, rows, y, null);
  const ones = b.input("v", [outputs]);
  const graph = createGraph("alone", {
    value,
    gradient: gradient(b, value, [f])[0]!,
    product: hessianProduct(b, value, f, ones),
  });
  return compileReference(graph).runSync({
    f: Float64Array.from(logits),
    y: Float64Array.from(targets),
    v: new Float64Array(outputs).fill(1),
  });
}

/** Entry by entry: of itself. A value of 745 in an exponent has an error of 745 roundings; ln of one near 1 that of the value. */
function expectDigits(found: ArrayLike<number>, expected: readonly number[], absolute = 0): void {
  expected.forEach((value, i) => {
    expect(Math.abs((found[i] as number) - value)).toBeLessThanOrEqual(1e-12 * Math.abs(value) + absolute);
  });
}

describe("tails to 60 digits", () => {
  test.each(stored.tails)("logistic and its logarithm at −yf = $u", (tail) => {
    for (const sign of [1, -1]) {
      const plain = alone("logistic", [-sign * tail.u], [sign], false);
      // Below 1e-300 float64 has fewer digits, and below 5e-324 none.
      expectDigits(plain["value"]!, [tail.loss], 1e-320);
      expectDigits(plain["gradient"]!, [-sign * tail.slope], 1e-320);
      expectDigits(plain["product"]!, [tail.curvature], 1e-320);
      const log = alone("logistic", [-sign * tail.u], [sign], true);
      expectDigits(log["value"]!, [tail.logLoss], 1e-16);
      expectDigits(log["gradient"]!, [-sign * tail.logSlope]);
      // The logarithm is straight in the tail: its curvature there is the difference of two squares of 1.
      expectDigits(log["product"]!, [tail.logCurvature], 1e-15);
    }
  });

  test.each(stored.softmaxes)("cross-entropy and its logarithm at $logits", (given) => {
    const plain = alone("cross-entropy", given.logits, [1, 0, 0], false);
    expectDigits(plain["value"]!, [given.loss], 1e-320);
    expectDigits(plain["gradient"]!, given.gradient, 1e-320);
    const log = alone("cross-entropy", given.logits, [1, 0, 0], true);
    expectDigits(log["value"]!, [given.logLoss], 1e-16);
    expectDigits(log["gradient"]!, given.logGradient, 1e-320);
    // Logits count up to a common shift.
    expect(Math.abs(log["product"]![0]!)).toBeLessThanOrEqual(1e-15);
  });

  test("the exponential loss and its logarithm, beyond what a float64 holds", () => {
    const log = alone("exponential", [2000, 1999], [1, 1], true);
    expectDigits(log["value"]!, [-1999 + Math.log1p(Math.exp(-1))]);
    const share = 1 / (1 + Math.E);
    expectDigits(log["gradient"]!, [-share, -(1 - share)]);
    expect(alone("exponential", [2000], [1], false)["value"]![0]).toBe(0);
  });
});
