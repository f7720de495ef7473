/**
 * Parametrisations and scaled outputs, for every kind of layer and without a line in any of them: the function at the start, gradients, kernels and
 * flows against what the scales say, computed here from fan-ins alone.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { parseConfig } from "../../src/config/validate.js";
import { createReferenceEngine } from "../../src/engine/index.js";
import { compileReference } from "../../src/engine/reference.js";
import { prepare } from "../../src/experiment/prepare.js";
import { createProblem, integrateSmooth } from "../../src/flow/index.js";
import {
  createFamily,
  type LayerConfig,
  layeredNetwork,
  layerListSchema,
  type Parameter,
  type Parametrisation,
  relationMatrix,
} from "../../src/model/index.js";
import { createTangentKernel } from "../../src/ntk/index.js";

interface Case {
  readonly name: string;
  readonly inputShape: readonly number[];
  readonly layers: readonly LayerConfig[];
}
interface Given {
  readonly samples: number;
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly v: readonly number[];
  readonly edges?: readonly number[];
}
const read = <T>(file: string) =>
  JSON.parse(readFileSync(new URL(`../agreement/data/${file}`, import.meta.url), "utf8")) as T;
const cases = read<Case[]>("layer-cases.json");
const givens = read<Given[]>("layer-torch.json");
const schema = layerListSchema({});

const NTK: Parametrisation = { kind: "ntk", gain: 1.3, biasFactor: 0.4 };
/** What a parameter is multiplied by, from its law alone. */
function scaleOf(
  { name, law }: Parameter,
  { kind, gain = 1, biasFactor = 1 }: Parametrisation,
  last: string,
): number {
  if (law.kind === "bias") return biasFactor;
  if (law.kind !== "weight") return 1;
  return gain / (kind === "mean-field" && name === last ? law.fanIn : law.fanIn ** 0.5);
}

function build(
  { inputShape, layers }: Case,
  given: Given,
  parametrisation?: Parametrisation,
  outputScale = 1,
) {
  const network = layeredNetwork({
    ...{ inputShape, layers: schema.parse(layers), outputs: null, outputScale },
    ...(parametrisation && { parametrisation }),
  });
  const data: Record<string, Float64Array> = { x: Float64Array.from(given.x), y: Float64Array.from(given.y) };
  for (const relation of network.relations)
    data[relation] = relationMatrix(relation, Float64Array.from(given.edges!), given.samples);
  return { family: createFamily({ network, samples: given.samples, factor: 0.5 }), data };
}

/** θ of the standard network that is the same function as ω of the other. */
function standardOf(parameters: readonly Parameter[], omega: Float64Array, how: Parametrisation) {
  const scales = new Float64Array(omega.length);
  const last = parameters.findLast(({ law }) => law.kind === "weight")?.name ?? "";
  for (const parameter of parameters)
    scales.fill(scaleOf(parameter, how, last), parameter.offset, parameter.offset + parameter.size);
  return { scales, theta: omega.map((value, i) => value * scales[i]!) };
}

const engine = createReferenceEngine();
const worst = (a: Float64Array, b: Float64Array): number =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) /
  b.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-300);

describe.each<[string, Parametrisation]>([
  ["ntk", NTK],
  ["mean-field", { ...NTK, kind: "mean-field", biasFactor: 1 }],
])("%s", (_, how) => {
  test.each(cases.map((item, i) => [item.name, item, givens[i]!] as const))(
    "%s: function, gradient and kernel are the standard one's, scaled",
    async (_name, item, given) => {
      const alpha = 2.5;
      const own = build(item, given, how, alpha);
      const standard = build(item, given, undefined, alpha);
      const omega = Float64Array.from({ length: own.family.layout.size }, (_unused, i) =>
        Math.sin(3 * i + 1),
      );
      const { theta, scales } = standardOf(own.family.layout.parameters, omega, how);
      const at = (of: typeof own, parameters: Float64Array) => ({
        output: compileReference(of.family.predict(), of.data).runSync({ theta: parameters }).output!,
        gradient: compileReference(of.family.lossGradient("free"), of.data).runSync({ theta: parameters })
          .gradient!,
      });
      const [found, expected] = [at(own, omega), at(standard, theta)];
      // The same sums, scaled before instead of after.
      expect(worst(found.output, expected.output)).toBeLessThan(1e-12);
      const chained = expected.gradient.map((value, i) => value * scales[i]!);
      expect(worst(found.gradient, chained)).toBeLessThan(1e-12);
      const kernel = createTangentKernel({
        ...own,
        compile: (graph, bound = {}) => engine.compile(graph, bound),
      });
      const state = { theta: omega, pieces: null, held: [] };
      const gram = await kernel.gram(state, "rows");
      const product = new Float64Array(kernel.size);
      const probe = Float64Array.from({ length: kernel.size }, (_unused, k) => Math.cos(k));
      await (await kernel.operator(state)).apply(probe, product);
      const byRows = probe.map((_unused, r) =>
        probe.reduce((sum, v, k) => sum + v * gram[r * probe.length + k]!, 0),
      );
      expect(worst(product, byRows)).toBeLessThan(1e-11);
      // Products of layers know a scale on the weights; a scale on the biases they do not, and are not claimed.
      if (own.family.network.hasLayerProducts) {
        expect(worst(await kernel.gram(state, "layer-product"), gram)).toBeLessThan(1e-11);
        expect(
          how.biasFactor === 1 || own.family.layout.parameters.every(({ law }) => law.kind !== "bias"),
        ).toBe(true);
      } else if (how.biasFactor === 1) expect(standard.family.network.hasLayerProducts).toBe(false);
    },
  );

  test("its flow is the standard one's with a rate of its own for each parameter, the squared scale", async () => {
    const item: Case = {
      name: "dense",
      inputShape: [3],
      layers: [{ kind: "dense", width: 5 }, { kind: "tanh" }, { kind: "dense", width: 2 }],
    };
    const values = (n: number, f: (i: number) => number) => Array.from({ length: n }, (_unused, i) => f(i));
    const given = {
      samples: 6,
      x: values(18, (i) => Math.sin(5 * i)),
      y: values(12, (i) => Math.cos(2 * i)),
      v: [],
    };
    const own = build(item, given, how);
    const standard = build(item, given);
    const omega = Float64Array.from({ length: own.family.layout.size }, (_unused, i) => Math.sin(3 * i + 1));
    const { theta, scales } = standardOf(own.family.layout.parameters, omega, how);
    const tEnd = 2;
    const flow = await integrateSmooth({
      problem: await createProblem(engine, own.family, own.data),
      theta0: omega,
      ...{ method: "dop853", rtol: 1e-11, atol: 1e-13, tEnd },
      onSegment: async () => undefined,
    });
    expect(flow.status).toBe("reachedEnd");
    // θ' = −s²∇L by the classical method, apart from all steppers: 400 steps of 0.005, error about h⁴ = 6e-10 times small derivatives.
    const gradient = compileReference(standard.family.lossGradient("free"), standard.data);
    const slope = (at: Float64Array) =>
      gradient.runSync({ theta: at }).gradient!.map((value, i) => -value * scales[i]! ** 2);
    const h = tEnd / 400;
    let y: Float64Array = theta;
    for (let k = 0; k < 400; k++) {
      const move = (by: Float64Array, step: number): Float64Array =>
        y.map((value, i) => value + step * by[i]!);
      const k1 = slope(y);
      const k2 = slope(move(k1, h / 2));
      const k3 = slope(move(k2, h / 2));
      const k4 = slope(move(k3, h));
      y = y.map((value, i) => value + (h / 6) * (k1[i]! + 2 * k2[i]! + 2 * k3[i]! + k4[i]!));
    }
    expect(
      worst(
        flow.theta.map((value, i) => value * scales[i]!),
        y,
      ),
    ).toBeLessThan(1e-9);
  });
});

const folder = mkdtempSync(join(tmpdir(), "gradflow-parametrisation-"));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;
const study = async (model: string, more = "") => {
  const file = join(folder, `study-${count++}.yaml`);
  const dataset = "dataset: { kind: gaussian, samples: 8, inputDimension: 3, outputDimension: 2 }";
  writeFileSync(
    file,
    `name: p\n${dataset}\nmodel: ${model}\nflow: { tEnd: 1 }\nengine: { kind: reference }\n${more}`,
  );
  return prepare(await loadConfig(file), engine);
};

describe("in a study", () => {
  test("ntk draws from N(0, 1) where init says nothing, and notes an init that shrinks with the width", async () => {
    const { theta0, problem, notes } = await study(
      "{ kind: dnn, hidden: [200, 200], activation: { kind: relu }, parametrisation: ntk, gain: 1.4142135623730951 }",
    );
    const { parameters } = problem.family.layout;
    const weights = parameters.filter(({ law }) => law.kind === "weight");
    const drawn = weights.flatMap(({ offset, size }) => [...theta0.subarray(offset, offset + size)]);
    const variance = drawn.reduce((sum, value) => sum + value ** 2, 0) / drawn.length;
    // Five standard errors √(2/N) of the variance of N = 41 000 normal numbers.
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / drawn.length));
    expect(notes).toEqual([]);
    const output = new Float64Array(16);
    await problem.predict(theta0, output);
    const size = Math.sqrt(output.reduce((sum, value) => sum + value ** 2, 0) / 16);
    // ReLU with gain √2 keeps the second moment: outputs are as large as inputs times √2, not by √width larger or smaller.
    expect(size).toBeGreaterThan(0.3);
    expect(size).toBeLessThan(6);
    const shrinking =
      "{ kind: dnn, hidden: [9], activation: { kind: tanh }, parametrisation: ntk, init: { kind: kaiming-normal } }";
    expect((await study(shrinking)).notes.join()).toContain("divides by its width once more");
  });

  test("a centred output is 0 at the start, and the loss is that of the targets alone", async () => {
    const model =
      "{ kind: dnn, hidden: [9], activation: { kind: tanh }, output: { scale: 10, centred: true } }";
    const { problem, theta0, data } = await study(model);
    const output = new Float64Array(16).fill(1);
    await problem.predict(theta0, output);
    expect([...output].every((value) => value === 0)).toBe(true);
    const targets = data["y"]!.reduce((sum, value) => sum + value ** 2, 0);
    expect(await problem.loss(theta0)).toBeCloseTo(targets / 16, 14);
    // Elsewhere it is α times the difference, by the uncentred network.
    const plain = await study(model.replace(", output: { scale: 10, centred: true }", ""));
    const moved = theta0.map((value, i) => value + 0.1 * Math.sin(i));
    const [start, end] = [new Float64Array(16), new Float64Array(16)];
    await plain.problem.predict(theta0, start);
    await plain.problem.predict(moved, end);
    await problem.predict(moved, output);
    expect(
      worst(
        output,
        end.map((value, i) => 10 * (value - start[i]!)),
      ),
    ).toBeLessThan(1e-12);
    // And the gradient is that of this loss: central differences, error h² and rounding 1e-16/h.
    const gradient = new Float64Array(theta0.length);
    await problem.lossGradient(moved, gradient);
    const h = 1e-5;
    for (const i of [0, 7, 30, theta0.length - 1]) {
      const shifted = async (by: number) =>
        problem.loss(moved.map((value, k) => (k === i ? value + by : value)));
      const difference = ((await shifted(h)) - (await shifted(-h))) / (2 * h);
      expect(Math.abs(difference - gradient[i]!)).toBeLessThan(1e-7 * (1 + Math.abs(gradient[i]!)));
    }
  });

  test("a study that says nothing of it has no field of it: hash and θ stay as they were", () => {
    const plain = {
      name: "p",
      dataset: { kind: "gaussian", samples: 8, inputDimension: 3, outputDimension: 2 },
      flow: { tEnd: 1 },
    };
    const { model } = parseConfig({ ...plain, model: { kind: "dnn", hidden: [4] } });
    expect(Object.keys(model).sort()).toEqual(["activation", "bias", "hidden", "init", "kind"]);
    expect(model.init).toMatchObject({ kind: "kaiming-uniform" });
  });

  test.each([
    ["{ kind: dnn, hidden: [4], gain: 2 }", "model.gain: belongs to the parametrisations"],
    ["{ kind: dnn, hidden: [4], parametrisation: standard, biasFactor: 0 }", "model.biasFactor: belongs"],
    ["{ kind: dnn, hidden: [4], parametrisation: mup }", "model.parametrisation"],
    ["{ kind: dnn, hidden: [4], output: { scale: 0 } }", "model.output.scale"],
    ["{ kind: dnn, hidden: [4], parametrisation: ntk, gain: -1 }", "model.gain"],
  ])("%s is refused", async (model, message) => {
    await expect(study(model)).rejects.toThrow(message);
  });
});
