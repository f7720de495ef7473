import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type DatasetSpec, loadDataset } from "../../src/data/dataset.js";
import { writeNpy } from "../../src/data/npy.js";
import { createRandom } from "../../src/random.js";

let baseDir: string;
beforeAll(async () => {
  baseDir = await mkdtemp(join(tmpdir(), "gradflow-dataset-"));
});

const load = (spec: DatasetSpec<unknown>, seed = 0) =>
  loadDataset(spec, { baseDir, random: createRandom(seed) });
const shape = { samples: 2000, inputDimension: 5, outputDimension: 2 };

describe("synthetic datasets", () => {
  it("draws uniformly in the ball: P(‖x‖ ≤ s·radius) = s^N", async () => {
    const { inputs, targets } = await load({ kind: "uniform-ball", ...shape, radius: 3, labelScale: 1 });
    const norms = Array.from({ length: 2000 }, (_, i) => Math.hypot(...inputs.subarray(5 * i, 5 * i + 5)));
    expect(Math.max(...norms)).toBeLessThanOrEqual(3);
    expect(norms.filter((norm) => norm <= 0.8 * 3).length / 2000).toBeCloseTo(0.8 ** 5, 1);
    expect(targets.length).toBe(4000);
  });

  it("scales Gaussian inputs and labels, and depends on the seed alone", async () => {
    const spec = { kind: "gaussian", ...shape, inputScale: 2, labelScale: 0.5 } as const;
    const { inputs, targets } = await load(spec);
    const square = (values: Float64Array) =>
      values.reduce((sum, value) => sum + value * value, 0) / values.length;
    expect(square(inputs)).toBeCloseTo(4, 0);
    expect(square(targets)).toBeCloseTo(0.25, 1);
    expect((await load(spec)).inputs).toEqual(inputs);
    expect((await load(spec, 1)).inputs).not.toEqual(inputs);
  });

  it("hands the inputs to the teacher and adds noise to its labels", async () => {
    const spec = {
      kind: "teacher",
      ...shape,
      inputLaw: { kind: "gaussian", scale: 1 },
      network: { name: "any" },
      labelNoise: 0,
    } as const;
    const teacher = async (network: unknown, inputs: Float64Array, { samples }: { samples: number }) => {
      expect(network).toEqual({ name: "any" });
      return Float64Array.from({ length: samples * 2 }, (_, i) => inputs[i]!);
    };
    const context = { baseDir, random: createRandom(0), teacher };
    const { inputs, targets } = await loadDataset(spec, context);
    expect(targets).toEqual(inputs.slice(0, 4000));
    const noisy = await loadDataset({ ...spec, labelNoise: 1 }, context);
    expect(noisy.inputs).toEqual(inputs);
    expect(noisy.targets).not.toEqual(targets);
  });
});

describe("file datasets", () => {
  const spec = (inputs: string, targets: string) => ({ kind: "file", inputs, targets }) as const;

  it("reads .npy beside .csv, one axis as a column", async () => {
    await writeNpy(join(baseDir, "x.npy"), Float64Array.of(1, 2, 3, 4), [2, 2]);
    await writeNpy(join(baseDir, "y.npy"), Float64Array.of(5, 6), [2]);
    await writeFile(join(baseDir, "y.csv"), "label\n5\n6\n");
    for (const targets of ["y.npy", "y.csv"]) {
      expect(await load(spec("x.npy", targets))).toEqual({
        inputs: Float64Array.of(1, 2, 3, 4),
        targets: Float64Array.of(5, 6),
        samples: 2,
        inputDimension: 2,
        outputDimension: 1,
      });
    }
  });

  it("refuses unequal numbers of samples", async () => {
    await writeFile(join(baseDir, "three.csv"), "1\n2\n3\n");
    await writeFile(join(baseDir, "two.csv"), "1\n2\n");
    await expect(load(spec("three.csv", "two.csv"))).rejects.toThrow("got 3 in three.csv and 2 in two.csv");
  });

  it.each([
    ["nan.csv", "x,y\n1,2\n3,nan\n", "nan.csv:3: dataset.inputs: row 2, column 2 is NaN"],
    ["inf.csv", "1,-inf\n", "inf.csv:1: dataset.inputs: row 1, column 2 is -Infinity"],
    ["empty.csv", "", "dataset.inputs: no data"],
    ["header.csv", "x,y\n", "dataset.inputs: no data"],
    ["data.txt", "1,2\n", "must end in .npy or .csv"],
  ])("refuses %s", async (name, text, message) => {
    await writeFile(join(baseDir, name), text);
    await writeFile(join(baseDir, "one.csv"), "1\n");
    await expect(load(spec(name, "one.csv"))).rejects.toThrow(message);
  });

  it("names row and column of a NaN in an .npy, and refuses three axes and no rows", async () => {
    await writeFile(join(baseDir, "one.csv"), "1\n");
    await writeNpy(join(baseDir, "bad.npy"), Float64Array.of(1, 2, 3, Number.NaN), [2, 2]);
    await expect(load(spec("bad.npy", "one.csv"))).rejects.toThrow(
      "bad.npy: dataset.inputs: row 2, column 2 is NaN",
    );
    await writeNpy(join(baseDir, "bad.npy"), new Float64Array(8), [2, 2, 2]);
    await expect(load(spec("bad.npy", "one.csv"))).rejects.toThrow("got 3 axes: shape (2, 2, 2)");
    await writeNpy(join(baseDir, "bad.npy"), new Float64Array(0), [0, 4]);
    await expect(load(spec("bad.npy", "one.csv"))).rejects.toThrow("no data: the shape is (0, 4)");
  });

  it("reports both files at once", async () => {
    await expect(load(spec("absent.npy", "absent.csv"))).rejects.toMatchObject({
      problems: [{ path: "dataset.inputs" }, { path: "dataset.targets" }],
    });
  });
});
