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
        test: null,
        inputDimension: 2,
        inputShape: [2],
        outputDimension: 1,
        edges: null,
        notes: targets === "y.csv" ? ["y.csv: row 1 (label) is taken for a header."] : [],
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

  it("names row and column of a NaN in an .npy, keeps further axes, and refuses no rows", async () => {
    await writeFile(join(baseDir, "one.csv"), "1\n");
    await writeNpy(join(baseDir, "bad.npy"), Float64Array.of(1, 2, 3, Number.NaN), [2, 2]);
    await expect(load(spec("bad.npy", "one.csv"))).rejects.toThrow(
      "bad.npy: dataset.inputs: row 2, column 2 is NaN",
    );
    await writeNpy(join(baseDir, "cube.npy"), Float64Array.of(1, 2, 3, 4, 5, 6), [1, 2, 3]);
    expect(await load(spec("cube.npy", "one.csv"))).toMatchObject({
      inputShape: [2, 3],
      inputDimension: 6,
      samples: 1,
    });
    await writeNpy(join(baseDir, "bad.npy"), new Float64Array(0), [0, 4]);
    await expect(load(spec("bad.npy", "one.csv"))).rejects.toThrow("no data: the shape is (0, 4)");
  });

  it("reports both files at once", async () => {
    await expect(load(spec("absent.npy", "absent.csv"))).rejects.toMatchObject({
      problems: [{ path: "dataset.inputs" }, { path: "dataset.targets" }],
    });
  });
});

describe("what the first row and the first column are", () => {
  const FLOATS = "0.5,-1.0,0.25\n1.5,2.0,0.75\n-0.5,0.125,1e-05\n";
  async function read(x: string, y: string, options: { header?: boolean; index?: boolean } = {}) {
    await writeFile(join(baseDir, "hx.csv"), x);
    await writeFile(join(baseDir, "hy.csv"), y);
    return load({ kind: "file", inputs: "hx.csv", targets: "hy.csv", ...options });
  }

  // Each as pandas 2 and 3 print them: to_csv(index=False) of frames without column names, to_csv() with the index.
  it.each<[string, string, string]>([
    ["column numbers in both files", `0,1,2\n${FLOATS}`, "0\n1.5\n-2.0\n0.25\n"],
    ["column numbers beside integer labels", `0,1,2\n${FLOATS}`, "0\n1\n-2\n0\n"],
    ["column numbers beside targets without", `0,1,2\n${FLOATS}`, "1\n-2\n0\n"],
    ["column numbers of the targets alone", FLOATS, "0\n1\n-2\n0\n"],
    ["names beside column numbers", `a,b,c\n${FLOATS}`, "0\n1\n-2\n0\n"],
    [
      "CRLF, BOM, comments, quotes",
      `\uFEFF# made\r\n"0","1","2"\r\n\r\n${FLOATS.replaceAll("\n", "\r\n")}`,
      "0\r\n1\r\n-2\r\n0\r\n",
    ],
    [
      "an index and names",
      ",a,b,c\n0,0.5,-1.0,0.25\n1,1.5,2.0,0.75\n2,-0.5,0.125,1e-05\n",
      ",y\n0,1\n1,-2\n2,0\n",
    ],
    [
      "an index and numbers",
      ",0,1,2\n0,0.5,-1.0,0.25\n1,1.5,2.0,0.75\n2,-0.5,0.125,1e-05\n",
      ",0\n0,1\n1,-2\n2,0\n",
    ],
    [
      "an index shuffled by a split",
      ",a,b,c\n7,0.5,-1.0,0.25\n2,1.5,2.0,0.75\n5,-0.5,0.125,1e-05\n",
      "y\n1\n-2\n0\n",
    ],
    ["an index of words", ",a,b,c\nu,0.5,-1.0,0.25\nv,1.5,2.0,0.75\nw,-0.5,0.125,1e-05\n", "y\n1\n-2\n0\n"],
    [
      "an index saved twice",
      "Unnamed: 0,a,b,c\n0,0.5,-1.0,0.25\n1,1.5,2.0,0.75\n2,-0.5,0.125,1e-05\n",
      "y\n1\n-2\n0\n",
    ],
  ])("finds %s", async (_, x, y) => {
    const { samples, inputs, notes } = await read(x, y);
    expect(samples).toBe(3);
    expect([...inputs]).toEqual([0.5, -1, 0.25, 1.5, 2, 0.75, -0.5, 0.125, 1e-5]);
    expect(notes.length).toBeGreaterThan(0);
    for (const note of notes) expect(note).toMatch(/^h[xy]\.csv: .* taken for/);
  });

  it.each<[string, string, string]>([
    ["a point (0, 0) first", "0\n0.5\n1\n", "0\n1\n1\n1\n".slice(2)],
    ["one-hot targets", FLOATS, "0,1\n1,0\n0,1\n"],
    ["labels that begin with 0", FLOATS, "0\n1\n1\n"],
    ["savetxt", "0.000e+00,1.000e+00\n2.000e+00,3.000e+00\n4.0,5.0\n", "0.000e+00\n1.0\n2.0\n"],
    ["a header that does not begin at 0", "1,2,3\n4,5,6\n7,8,9\n", "0\n1\n2\n"],
  ])("keeps %s", async (_, x, y) => {
    expect((await read(x, y)).samples).toBe(3);
  });

  it.each<[string, string, string]>([
    ["integers in few columns", "0,1\n1,0\n1,1\n", "0\n1\n1\n"],
    ["points typed by hand", "0\n1\n2\n", "0\n1\n4\n"],
    ["numpy.arange", "0,1,2\n3,4,5\n6,7,8\n", "0\n1\n2\n"],
  ])("asks: %s", async (_, x, y) => {
    await expect(read(x, y)).rejects.toThrow("dataset.header: is needed: the first row of hx.csv (0");
    expect((await read(x, y, { header: false })).samples).toBe(3);
    expect((await read(x, y, { header: true })).samples).toBe(2);
  });

  it("does as header and index say", async () => {
    expect((await read(`0,1,2\n${FLOATS}`, "0\n1\n-2\n0\n", { header: false })).samples).toBe(4);
    const named = ",a\n0,0.5\n1,1.5\n";
    expect((await read(named, "1\n2\n", { index: false })).inputDimension).toBe(2);
    expect((await read(named, "1\n2\n")).inputDimension).toBe(1);
    const bare = "0,0.5\n1,1.5\n2,2.5\n";
    const kept = await read(bare, "1\n2\n3\n");
    expect(kept.inputDimension).toBe(2);
    expect(kept.notes[0]).toContain("reads 0, 1, …, 2 and is used like the others");
    expect((await read(bare, "9,1\n9,2\n9,3\n", { index: true })).inputDimension).toBe(1);
    await expect(read("a\n1\n", "b\n2\n", { header: false })).rejects.toThrow('expected a number, got "a"');
  });
});
