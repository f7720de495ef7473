/** The numbers of the measures beside norms, singular values, eigenvalues and conservation laws found in another way. */
import { join } from "node:path";
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { readNpy } from "../../src/data/npy.js";
import { createReferenceEngine } from "../../src/engine/index.js";
import { prepare } from "../../src/experiment/prepare.js";
import type { RunRecord } from "../../src/record/reader.js";
import { setUpRuns } from "./runs.js";

const run = setUpRuns();

const study = (scale = 1, activation = "{ kind: leaky-relu, slope: 0.1 }") => `name: measured
dataset: { kind: gaussian, samples: 8, inputDimension: 2, outputDimension: 2, labelScale: ${scale} }
model: { kind: dnn, hidden: [3, 2], activation: ${activation} }
flow: { method: dopri5, rtol: 1e-10, atol: ${1e-12 * Math.min(1, scale)}, tEnd: ${2 / Math.max(1, scale)} }
descent: { learningRates: [${0.1 / Math.max(1, scale)}, ${0.05 / Math.max(1, scale)}] }
record: { at: linear, points: 4 }
engine: { kind: reference }
`;
const last = (record: RunRecord, column: string): number => record.series[column]!.at(-1)!;
const thetaOf = async (directory: string) => (await readNpy(join(directory, "theta.npy"))).data;

/** Of a 2 × 2 matrix, largest first, by its trace and determinant. */
function singularPair([a, b, c, d]: readonly number[]): [number, number] {
  const trace = a! ** 2 + b! ** 2 + c! ** 2 + d! ** 2;
  const determinant = Math.abs(a! * d! - b! * c!);
  const largest = Math.sqrt((trace + Math.sqrt(trace ** 2 - 4 * determinant ** 2)) / 2);
  return [largest, determinant / largest];
}

describe("norms", () => {
  test("are those of θ and its parts, with the singular values of each weight", async () => {
    const { record, directory } = await run(["measure.norms={ singularValues: 5 }"], {}, study());
    const theta = await thetaOf(directory);
    // W₀ [2, 3], b₀ [3], W₁ [3, 2], b₁ [2], W₂ [2, 2], b₂ [2]
    const parts: [string, number, number][] = [
      ["norm", 0, 23],
      ["norm.layers.0.weight", 0, 6],
      ["norm.layers.0.bias", 6, 9],
      ["norm.layers.4.weight", 17, 21],
    ];
    for (const [column, from, to] of parts)
      expect(last(record, column)).toBeCloseTo(Math.hypot(...theta.subarray(from, to)), 13);
    const [largest, least] = singularPair([...theta.subarray(17, 21)]);
    expect(last(record, "singular.layers.4.weight.1")).toBeCloseTo(largest, 13);
    expect(last(record, "singular.layers.4.weight.2")).toBeCloseTo(least, 13);
    expect(record.series["singular.layers.4.weight.3"]).toBeUndefined();
    // σ₁² + σ₂² = ‖W‖² of a matrix of rank two, tall or wide.
    for (const layer of ["layers.0", "layers.2"]) {
      const sum = [1, 2].reduce((total, k) => total + last(record, `singular.${layer}.weight.${k}`) ** 2, 0);
      expect(Math.sqrt(sum)).toBeCloseTo(last(record, `norm.${layer}.weight`), 13);
    }
  });
});

describe("balancedness", () => {
  test.each([1e-9, 1, 1e4])(
    "is kept by the flow and lost by descent in proportion to η (scale %s)",
    async (scale) => {
      const { result } = await run(["measure.balancedness={}"], {}, study(scale));
      for (const layer of ["layers.0", "layers.2"]) {
        const column = `balanceDrift.${layer}`;
        // Conserved through every kink; what is left is the solver's error at rtol 1e-10.
        expect(result.measured[column]!.maximum).toBeLessThan(1e-8);
        const [coarse, fine] = result.descent.map(({ measured }) => measured[column]!.maximum);
        expect(coarse).toBeGreaterThan(1e-6);
        // First order: half the step, half the drift; curvature of the loss changes that by a few per cent.
        expect(coarse! / fine!).toBeGreaterThan(1.7);
        expect(coarse! / fine!).toBeLessThan(2.4);
      }
    },
  );

  test("falls as e^{−2λt} where weights and biases decay, and is no law where biases do not", async () => {
    const decay = (more: string) => [
      "measure.balancedness={}",
      `loss={ kind: squared, regularisation: { weightDecay: 0.3${more} } }`,
    ];
    const { result } = await run(decay(""), {}, study(1));
    for (const layer of ["layers.0", "layers.2"]) {
      // Not kept: it falls to a part. The law's drift is the solver's error at rtol 1e-10.
      const { last, maximum } = result.measured[`imbalance.${layer}`]!;
      expect(last).toBeLessThan(0.9 * maximum);
      expect(result.measured[`balanceDrift.${layer}`]!.maximum).toBeLessThan(1e-8);
    }
    await expect(run(decay(", biases: false"), {}, study(1))).rejects.toThrow(
      /measure\.balancedness: .*biases decaying where the weights do/,
    );
  });

  test.each([
    ["exponential", "1e9", "{ kind: leaky-relu, slope: 0.1 }"],
    ["logistic", "30", "{ kind: relu }"],
  ])("is known where a loss overflows, or vanishes, near θ₀: %s", async (kind, std, activation) => {
    const wild = study(1, activation).replace(
      /^dataset: .*$/m,
      "dataset: { kind: moons, samples: 6, encoding: sign }",
    );
    const set = [`loss.kind=${kind}`, `model.init={ kind: normal, std: ${std} }`, "flow.tEnd=1e-9"];
    const { result } = await run([...set, "descent.learningRates=[]", "measure.balancedness={}"], {}, wild);
    expect(result.measures[0]!.columns.length).toBe(4);
  });

  test("knows the degree of an activation and refuses networks that keep nothing", async () => {
    const square = "{ kind: piecewise-polynomial, breakpoints: [0], coefficients: [[0, 0, 1], [0, 0, 1]] }";
    const { result, directory } = await run(["measure.balancedness={}"], {}, study(1, square));
    expect(result.measured["balanceDrift.layers.2"]!.maximum).toBeLessThan(1e-8);
    const theta = await thetaOf(directory);
    // p = 2: 2‖w_out‖² − ‖w_in‖² − b² of the two units between W₁ and W₂, W₁ [3, 2] at 9, b₁ at 15, W₂ [2, 2] at 17.
    const units = [0, 1].map(
      (j) =>
        2 * Math.hypot(theta[17 + 2 * j]!, theta[18 + 2 * j]!) ** 2 -
        Math.hypot(theta[9 + j]!, theta[11 + j]!, theta[13 + j]!, theta[15 + j]!) ** 2,
    );
    expect(result.measured["imbalance.layers.2"]!.last).toBeCloseTo(Math.max(...units.map(Math.abs)), 12);
    await expect(run(["measure.balancedness={}"], {}, study(1, "{ kind: tanh }"))).rejects.toThrow(
      /measure\.balancedness: needs two layers/,
    );
  });
});

describe("sharpness, growth and the Polyak–Łojasiewicz ratio", () => {
  test("are those of the Hessian and the gradient by central differences", async () => {
    const yaml = study(1, "{ kind: tanh }");
    const set = [
      "measure={ sharpness: { top: 3, bottom: 2, tolerance: 1e-6 }, growth: {}, polyakLojasiewicz: {} }",
    ];
    const { record, directory } = await run(set, {}, yaml);
    const { problem } = await prepare(
      await loadConfig(join(directory, "config.yaml")),
      createReferenceEngine(),
    );
    const theta = await thetaOf(directory);
    const gradientAt = async (at: Float64Array) => {
      const gradient = new Float64Array(at.length);
      const loss = await problem.lossGradient(at, gradient);
      return { loss, gradient };
    };
    const step = 1e-4;
    const hessian = new Matrix(theta.length, theta.length);
    for (let i = 0; i < theta.length; i++) {
      const moved = (by: number) => gradientAt(theta.map((value, k) => (k === i ? value + by : value)));
      const [up, down] = [await moved(step), await moved(-step)];
      for (let j = 0; j < theta.length; j++)
        hessian.set(i, j, (up.gradient[j]! - down.gradient[j]!) / (2 * step));
    }
    const symmetric = Matrix.add(hessian, hessian.transpose()).mul(0.5);
    const values = new EigenvalueDecomposition(symmetric).realEigenvalues.sort((a, b) => b - a);
    // Differences err by step² times fourth derivatives of order one.
    for (const k of [1, 2, 3]) expect(last(record, `sharpness.${k}`)).toBeCloseTo(values[k - 1]!, 6);
    for (const k of [1, 2]) expect(last(record, `leastCurvature.${k}`)).toBeCloseTo(values.at(-k)!, 6);
    expect(record.series["sharpness.1"]!.every(Number.isFinite)).toBe(true);
    expect(record.descent["sharpness.1"]!.every(Number.isFinite)).toBe(true);
    const { loss, gradient } = await gradientAt(theta);
    const squared = gradient.reduce((sum, value) => sum + value ** 2, 0);
    expect(last(record, "polyakLojasiewicz") / (squared / loss)).toBeCloseTo(1, 12);
    const along = gradient.reduce((sum, value, k) => sum + value * theta[k]!, 0);
    expect(last(record, "dissipation")).toBeCloseTo(along, 13);
    const start = (await readNpy(join(directory, "theta0.npy"))).data;
    const moved = Math.hypot(...theta.map((value, k) => value - start[k]!)) / Math.hypot(...start);
    expect(last(record, "relativeDistance") / moved).toBeCloseTo(1, 12);
    // ‖θ − θ₀‖ ≤ √(t(L(0) − L)) along every gradient flow, by Cauchy and Schwarz.
    const ratios = record.series["growthRatio"]!;
    expect(ratios.every((ratio, k) => (k === 0 ? Number.isNaN(ratio) : ratio > 0 && ratio <= 1))).toBe(true);
  });
});

describe("parameters", () => {
  test("are snapshots of θ of flow and descents, the last of them θ at the end", async () => {
    const { record, directory } = await run(["measure.parameters={ points: 2 }"], {}, study());
    expect([...record.series["snapshot"]!]).toEqual([0, Number.NaN, 1, Number.NaN, 2]);
    const read = async (name: string) => (await readNpy(join(directory, `parameters-${name}.npy`))).data;
    expect(await read("flow-0")).toEqual((await readNpy(join(directory, "theta0.npy"))).data);
    expect(await read("flow-2")).toEqual(await thetaOf(directory));
    for (const index of [0, 1]) {
      const end = await read(`descent-${index}-2`);
      const gap = Math.hypot(...(await thetaOf(directory)).map((value, k) => value - end[k]!));
      const rows = [...record.descent.t.keys()].filter((k) => record.descent.t[k] === 2);
      expect(record.descent.parameterGap[rows[index]!]).toBeCloseTo(gap, 13);
    }
    expect(record.manifest.files).toContain("parameters-descent-1-2.npy");
  });
});

test("snapshots are θ at their rows; their number is no curve and no line of the summary", async () => {
  const { result, record, directory } = await run(
    ["measure={ parameters: { points: 3 }, growth: {} }", "figure.draw=true"],
    {},
    study(1),
  );
  const rows = [...record.series["snapshot"]!.entries()].filter(([, snapshot]) => !Number.isNaN(snapshot));
  expect(rows.map(([, snapshot]) => snapshot)).toEqual([0, 1, 2, 3]);
  for (const [row, snapshot] of rows) {
    const { data } = await readNpy(join(directory, `parameters-flow-${snapshot}.npy`));
    // Both are sums of P = 20 to 30 squares.
    expect(Math.hypot(...data) / record.series["parameterNorm"]![row]!).toBeCloseTo(1, 13);
  }
  expect(result.figures.filter((figure) => figure.includes("growth"))).not.toEqual([]);
  expect(result.figures.filter((figure) => figure.includes("parameters"))).toEqual([]);
  expect(result.measures.find(({ name }) => name === "parameters")!.columns).toEqual([]);
});

test("a least loss that the loss is below at the start is refused", async () => {
  const asked = (least: number) => run([`measure.polyakLojasiewicz.leastLoss=${least}`], {}, study());
  await expect(asked(1e3)).rejects.toThrow(
    /measure\.polyakLojasiewicz: leastLoss is what the loss is at least, and at the start it is [\d.]+, below 1000; lower it/,
  );
  expect((await asked(-1)).result.measured["polyakLojasiewicz"]!.last).toBeGreaterThan(0);
});

test("every column has a name of its own in the summary", async () => {
  const all =
    "measure={ norms: { singularValues: 1 }, growth: {}, balancedness: {}, polyakLojasiewicz: {}, sharpness: { points: 1, top: 2, bottom: 2 } }";
  const { result } = await run([all, "descent.learningRates=[]"], {}, study());
  const labels = result.measures.flatMap(({ columns }) => columns.map(({ label }) => label));
  expect(new Set(labels).size).toBe(labels.length);
  expect(labels).toContain("norm, ‖θ‖");
});
