/** Sources of data: files of real formats made here, the digits that come along, and laws with known answers. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { zipSync } from "fflate";
import { afterAll, describe, expect, test } from "vitest";
import { validate } from "../../src/config/validate.js";
import { type Dataset, type DatasetSpec, loadDataset } from "../../src/data/dataset.js";
import { formatNpy } from "../../src/data/npy.js";
import { createRandom } from "../../src/random.js";

const folder = mkdtempSync(join(tmpdir(), "gradflow-sources-"));
afterAll(() => rmSync(folder, { recursive: true }));
const put = (name: string, bytes: Uint8Array): string => {
  writeFileSync(join(folder, name), bytes);
  return name;
};

/** Through the schema, as a study file's. */
function load(dataset: object, seed = 0, room?: number): Promise<Dataset> {
  const { sections, findings } = validate({
    name: "data",
    dataset,
    model: { kind: "dnn", hidden: [], activation: { kind: "tanh" } },
    flow: { tEnd: 1 },
  });
  if (findings.length > 0)
    throw new Error(findings.map(({ path, message }) => `${path.join(".")}: ${message}`).join("\n"));
  return loadDataset(sections.dataset as DatasetSpec<unknown>, {
    baseDir: folder,
    random: createRandom(seed),
    room,
  });
}

/** MNIST's format: magic 0, 0, type, axes; extents; data, big-endian. */
function idxFile(shape: readonly number[], data: ArrayLike<number>, type = 8, bytes = 1): Buffer {
  const head = Buffer.alloc(4 + 4 * shape.length);
  head.writeUInt8(type, 2);
  head.writeUInt8(shape.length, 3);
  shape.forEach((extent, k) => {
    head.writeUInt32BE(extent, 4 + 4 * k);
  });
  const body = Buffer.alloc(bytes * data.length);
  for (let i = 0; i < data.length; i++)
    if (bytes === 1) body.writeUInt8(data[i]!, i);
    else if (type === 11) body.writeInt16BE(data[i]!, 2 * i);
    else if (type === 13) body.writeFloatBE(data[i]!, 4 * i);
    else body.writeDoubleBE(data[i]!, 8 * i);
  return Buffer.concat([head, body]);
}

const pixels = Array.from({ length: 5 * 2 * 3 }, (_, i) => (7 * i) % 256);
const classes = [2, 0, 1, 2, 0];

describe("idx", () => {
  test.each([false, true])("reads images and labels, gzipped: %s", async (packed) => {
    const pack = (bytes: Buffer) => (packed ? gzipSync(bytes) : bytes);
    const images = put(`images-${packed}`, pack(idxFile([5, 2, 3], pixels)));
    const labels = put(`labels-${packed}`, pack(idxFile([5], classes)));
    const data = await load({ kind: "idx", images, labels, flatten: false });
    expect(data.inputShape).toEqual([1, 2, 3]);
    expect([...data.inputs]).toEqual(pixels.map((value) => value / 255));
    expect([...data.targets]).toEqual([0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0]);
    const some = await load({
      kind: "idx",
      images,
      labels,
      classes: [2, 0],
      encoding: "sign",
      normalise: "none",
    });
    expect(some.inputShape).toEqual([6]);
    expect([...some.targets]).toEqual([-1, 1, -1, 1]);
    expect([...some.inputs.subarray(6, 12)]).toEqual(pixels.slice(6, 12));
    expect([...(await load({ kind: "idx", images, labels, encoding: "index" })).targets]).toEqual(classes);
  });

  test("reads its other types", async () => {
    const labels = put("few-labels", idxFile([2], [0, 1]));
    for (const [type, bytes] of [
      [11, 2],
      [13, 4],
      [14, 8],
    ] as const) {
      const images = put(`images-${type}`, idxFile([2, 2], [-1, 2, 3, 256], type, bytes));
      const data = await load({ kind: "idx", images, labels, normalise: "none" });
      expect([...data.inputs]).toEqual([-1, 2, 3, 256]);
    }
  });

  test("refuses what is none, naming the file", async () => {
    const good = {
      images: put("good", idxFile([5, 2, 3], pixels)),
      labels: put("five", idxFile([5], classes)),
    };
    // A header of few images before a stream that unpacks to 64 MB: read no further than it announces.
    const bomb = gzipSync(Buffer.concat([idxFile([5, 2, 3], pixels), Buffer.alloc(1 << 26)]));
    expect(bomb.length).toBeLessThan(1 << 17);
    const packed = gzipSync(idxFile([5, 2, 3], pixels));
    const refused: [object, RegExp][] = [
      [
        { images: put("short", idxFile([5, 2, 3], pixels.slice(1))) },
        /images.*truncated: shape \(5, 2, 3\) needs 46 bytes, found 45/s,
      ],
      [{ images: put("long", idxFile([5, 2, 3], [...pixels, 1])) }, /followed by extra bytes/],
      [{ images: put("bomb", bomb) }, /followed by extra bytes.*needs 46 bytes/],
      [{ images: put("cut", packed.subarray(0, 30)) }, /cannot be unpacked/],
      [{ images: put("text", Buffer.from("x,y\n1,2\n")) }, /not an idx file: it begins with 0x782c790a/],
      [{ images: put("empty", Buffer.alloc(0)) }, /header is truncated/],
      [{ images: put("stub", idxFile([5, 2, 3], []).subarray(0, 9)) }, /header is truncated/],
      [{ images: put("none", idxFile([0, 2, 3], [])) }, /no data/],
      [{ images: put("huge", idxFile([4e9, 4e9], [])) }, /more than the 2 GiB/],
      [
        { labels: put("four", idxFile([4], [0, 1, 2, 0])) },
        /labels.*must be as many as the images, 5, got 4/s,
      ],
      [{ labels: put("flat", idxFile([5, 1], classes)) }, /must have one axis/],
      [{ images: put("swapped", idxFile([5], classes)) }, /images.*has one axis, as a file of labels has/s],
      [
        { labels: put("far", idxFile([5], [0, 1, 200, 1, 0])) },
        /classes: class 2 is left without a sample.*label 3 is 200\. Name the classes/,
      ],
      [
        { labels: put("negative", idxFile([5], [0, 1, 2, -1, 0], 11, 2)) },
        /label 4 is -1; classes are whole numbers from 0/,
      ],
      [{ classes: [0, 7] }, /classes.*class 7 has no sample; there are 0, 1, 2/s],
      [{ samples: 6 }, /samples.*must be at most 5/s],
      [{ samples: 1 }, /samples: class \d is left without a sample/],
      [{ encoding: "sign" }, /encoding: sign is of two classes/],
      [{ classes: [2, 2], encoding: "sign" }, /classes: names class 2 twice/],
      [{ labels: put("gap", idxFile([5], [0, 2, 0, 2, 0])) }, /classes: class 1 is left without a sample/],
      [{ split: { test: 5 } }, /split\.test: must leave samples/],
    ];
    for (const [change, message] of refused)
      await expect(load({ kind: "idx", ...good, ...change }), String(message)).rejects.toThrow(message);
  });
});

test("files that announce more numbers than there is memory are refused before they are unpacked", async () => {
  const [shape, zeros] = [[100, 40, 50], new Uint8Array(2e5)] as const;
  const images = put("zeros.gz", gzipSync(idxFile(shape, zeros)));
  const labels = put(
    "zero-labels",
    idxFile(
      [100],
      new Uint8Array(100).map((_, i) => i % 2),
    ),
  );
  const head = "{'descr': '|u1', 'fortran_order': False, 'shape': (100, 40, 50), }".padEnd(117);
  const npy = Buffer.concat([
    Buffer.from("\x93NUMPY\x01\x00\x76\x00", "latin1"),
    Buffer.from(`${head}\n`),
    zeros,
  ]);
  const y = formatNpy(new Float64Array(100), [100]);
  put("zeros.npy", npy);
  put("zero-targets.npy", y);
  const path = put("zeros.npz", zipSync({ "x.npy": npy, "y.npy": y }));
  for (const dataset of [
    { kind: "idx", images, labels },
    { kind: "npz", path },
    { kind: "file", inputs: "zeros.npy", targets: "zero-targets.npy" },
  ]) {
    // 24 bytes a number: read, chosen, parted.
    await expect(load(dataset, 0, 4e6)).rejects.toThrow(
      /announces the shape \(100, 40, 50\), whose numbers take 0\.00480 GB of memory, and there are 0\.00400 GB/,
    );
    expect((await load(dataset, 0, 5e6)).samples).toBe(100);
  }
  const bomb = { "x.npy": Buffer.concat([npy, new Uint8Array(1 << 24)]), "y.npy": y };
  await expect(load({ kind: "npz", path: put("bomb.npz", zipSync(bomb)) })).rejects.toThrow(
    /array x: the data are followed by extra bytes: shape \(100, 40, 50\) of \|u1 needs 200128 bytes, found 16977344/,
  );
});

describe("digits", () => {
  test("are UCI's 1 797 images, as scikit-learn has them", async () => {
    const data = await load({ kind: "digits", normalise: "none", encoding: "index" });
    expect([data.samples, data.inputDimension]).toEqual([1797, 64]);
    // sklearn.datasets.load_digits(): the first row, numpy.bincount(target), data.sum().
    expect([...data.inputs.subarray(0, 16)]).toEqual([0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0]);
    const counts = Array.from({ length: 10 }, (_, k) => data.targets.filter((one) => one === k).length);
    expect(counts).toEqual([178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    expect(data.inputs.reduce((sum, value) => sum + value, 0)).toBe(561718);
  });

  test("are chosen, parted and normalised by the training samples", async () => {
    const study = {
      kind: "digits",
      samples: 200,
      classes: [3, 8],
      split: { test: 0.25 },
      normalise: "features",
    };
    const data = await load(study);
    expect([data.samples, data.test!.samples, data.outputDimension]).toEqual([150, 50, 2]);
    expect(data).toEqual(await load(study));
    expect(data.inputs).not.toEqual((await load(study, 1)).inputs);
    for (let k = 0; k < 64; k++) {
      const column = data.inputs.filter((_, i) => i % 64 === k);
      const mean = column.reduce((sum, value) => sum + value / 150, 0);
      const square = column.reduce((sum, value) => sum + value ** 2 / 150, 0);
      expect(mean).toBeCloseTo(0, 12);
      // Pixels that are blank in all of them stay zero.
      if (column.some((value) => value !== 0)) expect(square).toBeCloseTo(1, 12);
    }
  });
});

test("a class that the split keeps from training altogether is told", async () => {
  const study = { kind: "digits", samples: 5, classes: [3, 8], split: { test: 4 } };
  const data = await load(study);
  const trained = data.targets[0] === 1 ? 3 : 8;
  expect(data.notes).toEqual([
    expect.stringMatching(
      new RegExp(`^Class ${11 - trained} has no sample in training: dataset\\.split keeps`),
    ),
  ]);
  expect((await load({ ...study, samples: 200 })).notes).toEqual([]);
});

test("classes of a law are chosen among the samples that it draws", async () => {
  const images = { kind: "bars-and-blobs", samples: 9, size: 5, normalise: "samples" };
  const [all, chosen] = [await load(images), await load({ ...images, classes: [2, 0], encoding: "sign" })];
  expect([chosen.samples, [...chosen.targets]]).toEqual([6, [1, -1, 1, -1, 1, -1]]);
  expect(chosen.inputs.subarray(0, 25)).toEqual(all.inputs.subarray(0, 25));
  expect(chosen.inputs.subarray(25, 50)).toEqual(all.inputs.subarray(50, 75));
});

test.each([1e-170, 1e-9, 1, 1e9, 1e200])(
  "entries that are the same in all samples carry nothing (scale %s)",
  async (scale) => {
    // The mean of ten times 0.1 is not 0.1.
    const [constant, varying] = [0.1 * scale, (i: number) => (i % 2 === 0 ? scale : -scale)];
    const x = Float64Array.from({ length: 20 }, (_, k) => (k % 2 === 0 ? constant : varying((k - 1) / 2)));
    const arrays = { "x.npy": formatNpy(x, [10, 2]), "y.npy": formatNpy(new Float64Array(10), [10]) };
    const { inputs } = await load({
      kind: "npz",
      path: put("constant.npz", zipSync(arrays)),
      normalise: "features",
    });
    for (let i = 0; i < 10; i++) {
      expect(inputs[2 * i]).toBe(0);
      // Ten equal squares: rounding of their sum.
      expect(inputs[2 * i + 1]).toBeCloseTo(i % 2 === 0 ? 1 : -1, 14);
    }
  },
);

test("more samples, and longer ones, than a call has room for", async () => {
  const n = 2e5;
  const [x, y] = [new Float64Array(n).fill(3), Float64Array.from({ length: n }, (_, i) => i % 2)];
  const many = { "x.npy": formatNpy(x, [n]), "y.npy": formatNpy(y, [n]) };
  const long = { "x.npy": formatNpy(x, [1, n]), "y.npy": formatNpy(y.subarray(0, 1), [1]) };
  const path = put("many.npz", zipSync(many));
  expect((await load({ kind: "npz", path, areClasses: true })).outputDimension).toBe(2);
  const { inputs } = await load({ kind: "npz", path: put("long.npz", zipSync(long)), normalise: "samples" });
  // 1/√n, with the rounding of a sum of n equal squares.
  expect(inputs[n - 1]! * Math.sqrt(n)).toBeCloseTo(1, 10);
});

describe("CIFAR-10 and npz", () => {
  test("are read by their layouts, and what does not fit is refused", async () => {
    const record = (label: number) => Buffer.concat([Buffer.of(label), Buffer.alloc(3072, label + 1)]);
    const files = [put("b1", record(0)), put("b2", Buffer.concat([record(1), record(0)]))];
    const data = await load({ kind: "cifar10", files, classes: [1, 0], flatten: false, normalise: "none" });
    expect(data.inputShape).toEqual([3, 32, 32]);
    expect([...data.targets]).toEqual([0, 1, 1, 0, 0, 1]);
    expect(data.inputs[3072]).toBe(2);
    await expect(load({ kind: "cifar10", files: [put("b3", record(0).subarray(1))] })).rejects.toThrow(
      /dataset\.files\.0.*records of 3073 bytes: it has 3072/s,
    );
    await expect(load({ kind: "cifar10", files: [put("b4", record(10))] })).rejects.toThrow(
      /label 1 is 10.*0 to 9/s,
    );

    const arrays = {
      "x.npy": formatNpy(Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8), [2, 2, 2]),
      "y.npy": formatNpy(Float64Array.of(0, 1), [2]),
    };
    const path = put("data.npz", zipSync(arrays));
    const plain = await load({ kind: "npz", path, flatten: false });
    expect([plain.inputShape, [...plain.targets]]).toEqual([
      [2, 2],
      [0, 1],
    ]);
    expect([...(await load({ kind: "npz", path, areClasses: true })).targets]).toEqual([1, 0, 0, 1]);
    await expect(load({ kind: "npz", path, inputs: "z" })).rejects.toThrow(/holds no array z; it has x, y/);
    await expect(load({ kind: "npz", path, encoding: "sign" })).rejects.toThrow(
      /encoding: is of class numbers/,
    );
    await expect(load({ kind: "npz", path: put("bad.npz", Buffer.from("no")) })).rejects.toThrow(
      /not an \.npz/,
    );
  });
});

describe("laws", () => {
  const rows = ({ inputs, samples, inputDimension: d }: Dataset) =>
    Array.from({ length: samples }, (_, i) => [...inputs.subarray(i * d, (i + 1) * d)]);
  const index = { encoding: "index" };

  test("put points where they say", async () => {
    const circles = await load({ kind: "circles", samples: 10, factor: 0.25, ...index });
    rows(circles).forEach((x, i) => {
      expect(Math.hypot(...x)).toBeCloseTo(circles.targets[i] === 0 ? 1 : 0.25, 14);
    });
    const sphere = await load({ kind: "sphere", samples: 5, inputDimension: 4, radius: 3 });
    for (const x of rows(sphere)) expect(Math.hypot(...x)).toBeCloseTo(3, 14);
    const moons = await load({ kind: "moons", samples: 12, ...index });
    rows(moons).forEach(([x, y], i) => {
      const [a, b] = moons.targets[i] === 0 ? [x!, y!] : [x! - 1, y! - 0.5];
      expect(Math.hypot(a, b)).toBeCloseTo(1, 14);
      expect(moons.targets[i] === 0 ? b : -b).toBeGreaterThanOrEqual(0);
    });
    const spirals = await load({ kind: "spirals", samples: 9, arms: 3, turns: 2, ...index });
    rows(spirals).forEach(([x, y], i) => {
      const angle = 2 * Math.PI * (2 * Math.hypot(x!, y!) + spirals.targets[i]! / 3);
      expect(Math.cos(angle - Math.atan2(y!, x!))).toBeCloseTo(1, 12);
    });
    const xor = await load({ kind: "xor", ...index });
    expect(rows(xor).map(([x, y], i) => [x, y, xor.targets[i]])).toEqual([
      [1, 1, 0],
      [1, -1, 1],
      [-1, -1, 0],
      [-1, 1, 1],
    ]);
    const images = await load({ kind: "bars-and-blobs", samples: 3, size: 5, ...index });
    const lit = rows(images).map((image) => image.flatMap((value, k) => (value === 1 ? [k] : [])));
    expect(new Set(lit[0]!.map((k) => Math.floor(k / 5))).size + lit[0]!.length).toBe(6);
    expect(new Set(lit[1]!.map((k) => k % 5)).size + lit[1]!.length).toBe(6);
    expect(lit[2]!.length).toBe(1);
  });

  test("label signs, pairs and sequences by their rules", async () => {
    const parity = await load({
      kind: "sparse-parity",
      samples: 16,
      inputDimension: 5,
      bits: 3,
      encoding: "sign",
    });
    rows(parity).forEach((x, i) => {
      expect(x[0]! * x[1]! * x[2]!).toBe(parity.targets[i]);
    });
    const stairs = await load({ kind: "staircase", samples: 16, inputDimension: 5, bits: 3 });
    rows(stairs).forEach(([a, b, c], i) => {
      expect(a! + a! * b! + a! * b! * c!).toBe(stairs.targets[i]);
    });
    const sums = await load({ kind: "modular-addition", modulus: 5, inputs: "tokens", ...index });
    rows(sums).forEach(([a, b], i) => {
      expect((a! + b!) % 5).toBe(sums.targets[i]);
    });
    const hot = await load({ kind: "modular-addition", modulus: 3, ...index });
    expect(rows(hot)[5]).toEqual([0, 1, 0, 0, 0, 1]);
    const context = await load({
      kind: "in-context-regression",
      samples: 3,
      inputDimension: 2,
      context: 4,
      flatten: false,
    });
    expect(context.inputShape).toEqual([5, 3]);
    rows({ ...context, inputDimension: 15 }).forEach((x, i) => {
      // w from the first two pairs; the others, and the target, follow from it.
      const [a, b, y, c, d, z] = x as [number, number, number, number, number, number];
      const w = [(y * d - b * z) / (a * d - b * c), (a * z - y * c) / (a * d - b * c)] as const;
      for (const k of [2, 3]) expect(x[3 * k]! * w[0] + x[3 * k + 1]! * w[1]).toBeCloseTo(x[3 * k + 2]!, 8);
      expect(x[14]).toBe(0);
      expect(x[12]! * w[0] + x[13]! * w[1]).toBeCloseTo(context.targets[i]!, 8);
    });
  });

  test("have the maps and directions they promise", async () => {
    const n = 6;
    const linear = await load({
      kind: "linear",
      samples: n,
      inputDimension: 4,
      outputDimension: 3,
      spectrum: [2, 0.5],
      white: true,
    });
    const [x, y] = [linear.inputs, linear.targets];
    // White: Σxxᵀ/n = 1. Then A = Σyxᵀ/n, of which ‖A‖² = Σs² and det-like Σ‖A_i × A_j‖² = (s₁s₂)².
    const moment = (a: Float64Array, p: number, b: Float64Array, q: number, k: number, l: number) =>
      Array.from({ length: n }, (_, i) => (a[i * p + k]! * b[i * q + l]!) / n).reduce((sum, v) => sum + v, 0);
    for (let k = 0; k < 4; k++)
      for (let l = 0; l < 4; l++) expect(moment(x, 4, x, 4, k, l)).toBeCloseTo(k === l ? 1 : 0, 13);
    const map = [0, 1, 2].map((j) => [0, 1, 2, 3].map((k) => moment(y, 3, x, 4, j, k)));
    const gram = map.map((a) => map.map((b) => a.reduce((sum, v, k) => sum + v * b[k]!, 0)));
    const trace = gram[0]![0]! + gram[1]![1]! + gram[2]![2]!;
    const square = gram.flat().reduce((sum, v) => sum + v * v, 0);
    expect(trace).toBeCloseTo(4 + 0.25, 12);
    expect(square).toBeCloseTo(16 + 0.0625, 12);
    for (let i = 0; i < n; i++)
      for (let j = 0; j < 3; j++)
        expect(map[j]!.reduce((sum, v, k) => sum + v * x[4 * i + k]!, 0)).toBeCloseTo(y[3 * i + j]!, 12);
    // A relu of one projection onto a unit vector is found again by least squares on its positive side.
    const model = await load({ kind: "index-model", samples: 4000, inputDimension: 3, link: "hermite2" });
    // E[y xxᵀ] = 2wwᵀ for He₂: its trace is 2 up to sampling, 4000 samples give a few per cent.
    const traced = rows(model).reduce(
      (sum, row, i) => sum + (model.targets[i]! * Math.hypot(...row) ** 2) / 4000,
      0,
    );
    expect(Math.abs(traced - 2)).toBeLessThan(0.5);
    const mixture = await load({
      kind: "gaussian-mixture",
      samples: 6,
      inputDimension: 3,
      clusters: 3,
      std: 1e-9,
      separation: 2,
      ...index,
    });
    rows(mixture).forEach((row, i) => {
      expect(Math.hypot(...row)).toBeCloseTo(2, 7);
      expect(mixture.targets[i]).toBe(i % 3);
    });
  });

  test("refuse sizes that contradict one another", async () => {
    const refused: [object, RegExp][] = [
      [{ kind: "sparse-parity", samples: 2, inputDimension: 3, bits: 4 }, /bits: must be at most/],
      [{ kind: "index-model", samples: 2, inputDimension: 3, directions: 4 }, /directions: must be at most/],
      [
        { kind: "linear", samples: 9, inputDimension: 2, outputDimension: 3, spectrum: [1, 1, 1] },
        /at most 2/,
      ],
      [
        { kind: "linear", samples: 3, inputDimension: 4, outputDimension: 1, spectrum: [1], white: true },
        /at least/,
      ],
      [{ kind: "moons", samples: 1 }, /samples: class 1 is left without a sample/],
      [{ kind: "circles", samples: 1e300 }, /samples|more numbers/],
      [{ kind: "sphere", samples: 4e15, inputDimension: 9 }, /more numbers than an array can hold/],
    ];
    for (const [dataset, message] of refused)
      await expect(
        Promise.resolve().then(() => load(dataset)),
        String(message),
      ).rejects.toThrow(message);
  });
});
