/** Minibatches: which samples they hold, that their mean is the full gradient, and that descent on them is NumPy's. */
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { createEngine, createReferenceEngine, type Engine } from "../../src/engine/index.js";
import { withOrigin } from "../../src/experiment/origin.js";
import { type BatchLaw, createBatchGradient, createSampler } from "../../src/flow/batches.js";
import { createDescent, createProblem, type DescentLaw, type Problem } from "../../src/flow/index.js";
import { Memory } from "../../src/memory.js";
import { createFamily, createLoss, type LossSpec, presetNetwork } from "../../src/model/index.js";
import { makeCase, randomVector } from "../support/networks.js";

const draw = (law: BatchLaw, samples: number, steps: number): number[][] => {
  const sampler = createSampler(law, samples);
  return Array.from({ length: steps }, (_, k) => Array.from(sampler(k)));
};

describe("samples of a batch", () => {
  test.each([
    ["that divides n", 12, 3],
    ["that does not", 10, 4],
    ["of one", 7, 1],
    ["of all", 5, 5],
    ["of more than half", 7, 5],
  ])("epochs visit each sample once, with a batch %s", (_, samples, size) => {
    // Of as many steps as n samples make whole epochs: a batch is sorted, and where it holds two ends its halves cannot be told.
    const epochs = 3 * size;
    const steps = draw({ size, sampling: "epochs", seed: 4 }, samples, (epochs * samples) / size);
    const counts = new Array(samples).fill(0);
    steps.forEach((batch, k) => {
      expect(batch).toHaveLength(size);
      for (const i of batch) counts[i]++;
      // After k + 1 steps whole epochs are behind, and of the one begun each sample has come at most once.
      const whole = Math.floor(((k + 1) * size) / samples);
      for (const count of counts) expect([whole, whole + 1]).toContain(count);
    });
    expect(counts).toEqual(new Array(samples).fill(epochs));
    if (size < samples) expect(new Set(steps.map(String)).size).toBeGreaterThan(1);
  });

  test("independent batches hold different samples, each sample and each pair as often as any other", () => {
    const [samples, size, steps] = [7, 3, 7000];
    const singles = new Array(samples).fill(0);
    const pairs = new Map<string, number>();
    for (const batch of draw({ size, sampling: "independent", seed: 0 }, samples, steps)) {
      expect(new Set(batch).size).toBe(size);
      for (const i of batch) singles[i]++;
      for (const i of batch)
        for (const j of batch) if (i < j) pairs.set(`${i},${j}`, (pairs.get(`${i},${j}`) ?? 0) + 1);
    }
    // Means 3000 and 1000, standard deviations 41 and 29: four of them, with the numbers that the seed gives.
    for (const count of singles) expect(Math.abs(count - (steps * size) / samples)).toBeLessThan(4 * 41);
    expect(pairs.size).toBe(21);
    for (const count of pairs.values()) expect(Math.abs(count - (steps * 1) / 7)).toBeLessThan(4 * 29);
  });

  test.each(["epochs", "independent"] as const)("%s depend on the step and the seed alone", (sampling) => {
    const law = { size: 3, sampling, seed: 1 };
    const forwards = draw(law, 10, 20);
    const sampler = createSampler(law, 10);
    for (let k = 19; k >= 0; k--) expect(Array.from(sampler(k))).toEqual(forwards[k]);
    expect(draw({ ...law, seed: 2 }, 10, 20)).not.toEqual(forwards);
  });
});

const plain = { reduction: "mean", regularisation: { weightDecay: 0.3, biases: true } };
const losses: readonly (readonly [string, LossSpec, boolean])[] = [
  ["squared, mean", { kind: "squared", reduction: "mean" }, false],
  ["squared, half-sum, centred", { kind: "squared", reduction: "half-sum" }, true],
  ["cross-entropy with weight decay", { kind: "cross-entropy", ...plain }, false],
  ["logistic, sum", { kind: "logistic", reduction: "sum" }, false],
  ["hinge, whose kink is a site, centred", { kind: "hinge", ...plain }, true],
];

async function problemOf(
  spec: LossSpec,
  isCentred: boolean,
  engine: Engine,
): Promise<{ problem: Problem; theta: Float64Array }> {
  const samples = 6;
  const network = presetNetwork({
    ...{ kind: "dnn", inputDimension: 3, hidden: [4], outputDimension: 2, bias: true },
    activation: { kind: "leaky-relu", slope: 0.2 },
  });
  const y = randomVector(5, 2 * samples).map((value, i) =>
    spec.kind === "cross-entropy" ? ((i >> 1) + i) % 2 : spec.kind === "squared" ? value : Math.sign(value),
  );
  const criterion = createLoss(spec, { samples, outputs: 2 });
  const family = createFamily({ network, samples, criterion, centred: isCentred });
  const theta0 = randomVector(6, network.layout.size);
  const data = await withOrigin(engine, family, { x: randomVector(4, 3 * samples), y }, theta0);
  return { problem: await createProblem(engine, family, data), theta: theta0.map((value) => 0.7 * value) };
}

describe.each(losses)("%s", (_, spec, isCentred) => {
  test("the mean of the gradients on all batches is the gradient, and so is that of losses", async () => {
    const { problem, theta } = await problemOf(spec, isCentred, createReferenceEngine());
    const law = { size: 2, sampling: "independent", seed: 3 } as const;
    const batches = createBatchGradient(problem, law);
    const seen = new Map<string, { loss: number; gradient: Float64Array }>();
    // All 15 pairs of six samples have come by then, as the seed has it.
    for (const [step, batch] of draw(law, 6, 120).entries()) {
      const gradient = new Float64Array(theta.length);
      const loss = await batches.inArrays(step, theta, gradient);
      const before = seen.get(String(batch));
      if (before !== undefined) expect({ loss, gradient }).toEqual(before);
      seen.set(String(batch), { loss, gradient });
    }
    expect(seen.size).toBe(15);
    const full = new Float64Array(theta.length);
    const loss = await problem.lossGradient(theta, full);
    const all = [...seen.values()];
    // Sums in another order.
    expect(all.reduce((sum, one) => sum + one.loss / 15, 0)).toBeCloseTo(loss, 13);
    full.forEach((value, i) => {
      expect(all.reduce((sum, one) => sum + one.gradient[i]! / 15, 0)).toBeCloseTo(value, 13);
    });
  });
});

/** A flow that stands still: what descent does does not depend on it. */
const standstill = (theta: Float64Array, t0: number, t1: number) => ({
  ...{ t0, t1, h: t1 - t0, theta1: theta, known: null },
  interpolate: (_: number, out: Float64Array) => out.set(theta),
  energy: () => 0,
  measure: async () => ({ loss: 0, speed: 0 }),
});

interface Start {
  readonly problem: Problem;
  readonly theta0: Float64Array;
}

/** θ and the row at each step; goes on from the snapshot of its memory as often as asked. */
async function descend(
  { problem, theta0 }: Start,
  law: DescentLaw,
  learningRate: number,
  steps: number,
  cuts = 1,
) {
  const duration = learningRate / (1 - law.momentum);
  const tEnd = steps * duration;
  const times = Array.from({ length: steps }, (_, k) => (k + 1) * duration);
  const rows: { theta: number[]; loss: number }[] = [];
  let memory = new Memory();
  for (let part = 0; part < cuts; part++) {
    const descent = createDescent({
      problem,
      theta0,
      learningRate,
      law,
      times,
      tEnd,
      countFlips: true,
      memory,
    });
    await descent.follow(
      standstill(theta0, (part * tEnd) / cuts, ((part + 1) * tEnd) / cuts),
      (row, { theta }) => rows.push({ ...row, theta: Array.from(theta) }),
    );
    memory = new Memory(structuredClone(memory.snapshot()));
  }
  return rows;
}

describe("descent", () => {
  const start = async (): Promise<Start> => {
    const { family, bound, theta } = makeCase({ samples: 10 });
    return { problem: await createProblem(createReferenceEngine(), family, bound), theta0: theta };
  };

  test.each(["epochs", "independent"] as const)(
    "on batches of all samples is that of full batches to the bit: %s",
    async (sampling) => {
      const given = await start();
      const law = { kind: "gradient", momentum: 0 } as const;
      const batch = { size: 10, sampling, seed: 0 };
      expect(await descend(given, { ...law, batch }, 0.1, 12)).toEqual(await descend(given, law, 0.1, 12));
    },
  );

  test.each(["gradient", "momentum", "nesterov"] as const)(
    "by %s goes on from a memory to the bit",
    async (kind) => {
      const given = await start();
      const law = {
        kind,
        momentum: kind === "gradient" ? 0 : 0.8,
        batch: { size: 4, sampling: "epochs", seed: 2 },
      } as const;
      const whole = await descend(given, law, 0.05, 24);
      expect(whole).toHaveLength(24);
      expect(await descend(given, law, 0.05, 24, 6)).toEqual(whole);
      // The loss of a row is that of all samples at its θ.
      const { theta, loss } = whole[12]!;
      expect(await given.problem.loss(Float64Array.from(theta))).toBe(loss);
    },
  );

  test("does not count as diverged for a first batch that fits", async () => {
    const network = presetNetwork({
      ...{ kind: "dnn", inputDimension: 1, hidden: [], outputDimension: 1, bias: false },
      activation: { kind: "tanh" },
    });
    const family = createFamily({ network, samples: 2, factor: 1 / 2 });
    // w = 1 fits the first sample; the second one wants 3.
    const data = { x: Float64Array.of(1, 1), y: Float64Array.of(1, 3) };
    const problem = await createProblem(createReferenceEngine(), family, data);
    for (const seed of [0, 1, 2, 3]) {
      const law = { kind: "gradient", momentum: 0, batch: { size: 1, sampling: "epochs", seed } } as const;
      expect(await descend({ problem, theta0: Float64Array.of(1) }, law, 0.1, 6)).toHaveLength(6);
    }
  });
});

interface StoredCase extends Omit<BatchLaw, "size"> {
  readonly kind: DescentLaw["kind"];
  readonly momentum: number;
  readonly learningRate: number;
  readonly size: number;
  readonly loss: "half-sum" | "cross-entropy";
  readonly weightDecay: number;
  readonly sizes: readonly [number, number, number];
  readonly x: readonly (readonly number[])[];
  readonly y: readonly (readonly number[])[];
  readonly theta: readonly number[];
  readonly batches: readonly (readonly number[])[];
  readonly expected: { readonly theta: readonly number[]; readonly loss: number };
}

const stored = JSON.parse(
  readFileSync(new URL("../agreement/data/minibatches.json", import.meta.url), "utf8"),
) as readonly StoredCase[];

describe.each(stored)("$loss, $kind, $sampling, batches of $size: NumPy's numbers", (given) => {
  const { sizes, size, sampling, seed, kind, momentum, learningRate, weightDecay, batches, expected } = given;
  const samples = given.x.length;

  test.each(["reference", "onnx", "tfjs"] as const)("with %s", async (engineKind) => {
    const engine =
      engineKind === "reference"
        ? createReferenceEngine()
        : await createEngine(
            engineKind === "onnx"
              ? { kind: "onnx", dtype: "float64", threads: 1 }
              : { kind: "tfjs", backend: "cpu", state: "resident", threads: 1 },
          );
    const network = presetNetwork({
      ...{ kind: "dnn", inputDimension: sizes[0], hidden: [sizes[1]], outputDimension: sizes[2], bias: true },
      activation: { kind: "tanh" },
    });
    const reduction = given.loss === "half-sum" ? "half-sum" : "mean";
    const criterion = createLoss(
      {
        ...{ kind: given.loss === "half-sum" ? "squared" : "cross-entropy", reduction },
        ...(weightDecay > 0 && { regularisation: { weightDecay, biases: true } }),
      },
      { samples, outputs: sizes[2] },
    );
    const family = createFamily({ network, samples, criterion });
    const data = { x: Float64Array.from(given.x.flat()), y: Float64Array.from(given.y.flat()) };
    const problem = await createProblem(engine, family, data);
    const law = { kind, momentum, batch: { size, sampling, seed } };
    expect(draw(law.batch, samples, batches.length)).toEqual(batches);
    const theta0 = Float64Array.from(given.theta);
    const last = (await descend({ problem, theta0 }, law, learningRate, batches.length)).at(-1)!;
    // Some dozen steps of another order of summation in float64; float32 where TensorFlow.js keeps θ.
    const tolerance = engineKind === "tfjs" ? 1e-4 : 1e-12;
    expect(Math.abs(last.loss - expected.loss)).toBeLessThan(tolerance * expected.loss);
    last.theta.forEach((value, i) => {
      expect(Math.abs(value - expected.theta[i]!)).toBeLessThan(tolerance);
    });
    await engine.dispose();
  });
});
