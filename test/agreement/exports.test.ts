import { appendFile, lstat, readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { unzipSync } from "fflate";
import { describe, expect, test } from "vitest";
import { readNpy } from "../../src/data/npy.js";
import {
  type ExportFormat,
  exportAll,
  exportRecord,
  followRecord,
  tablesLeftOut,
} from "../../src/experiment/export.js";
import { formatNpz, formatSafetensors } from "../../src/record/export-npz.js";
import { readCells, readTable } from "../../src/record/table.js";
import { setUpRuns } from "../experiment/runs.js";
import { lacksPython, runPython } from "../support/python.js";

const run = setUpRuns();
const READER = fileURLToPath(new URL("./data/read_exports.py", import.meta.url));
const SET = [
  "descent.learningRates=[0.5, 0.05]",
  "model.activation={kind: prelu, slope: 0.25}",
  "flow.boundaries=exact",
  "measure.ntk={points: 6, density: {probes: 2, steps: 5}}",
];

async function exported(format: ExportFormat) {
  const { directory, record, result } = await run(SET);
  return { directory, record, result, file: join(directory, await exportRecord(directory, format)) };
}

interface Bits {
  readonly shape: number[];
  readonly dtype: string;
  readonly hex: string;
  /** Of an array of words. */
  readonly words?: string[];
}

const hex = (data: Float64Array) =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex");

/** Every array of the record, read by our own reader, beside what Python found: equal bits or the test fails. */
async function expectEqualBits(directory: string, found: Readonly<Record<string, Bits>>): Promise<void> {
  const { files } = JSON.parse(await readFile(join(directory, "manifest.json"), "utf8"));
  const tables = (files as string[]).filter((name) => /^[\w-]+\.csv$/.test(name));
  expect(tables).toEqual(expect.arrayContaining(["series.csv", "descent.csv", "events.csv", "ntk.csv"]));
  for (const table of tables) {
    // The cells as they stand in the file: a column of words is one where some cell is no number.
    const { columns, rows } = (await readCells(join(directory, table)))!;
    columns.forEach((column, k) => {
      const cells = rows.map((row) => row[k]!);
      const theirs = found[`${table.slice(0, -4)}.${column}`]!;
      expect(theirs, `${table}: ${column}`).toMatchObject({ shape: [cells.length] });
      if (theirs.words !== undefined) expect(theirs.words).toEqual(cells);
      else {
        const own = Float64Array.from(cells, (cell) => (cell === "" ? Number.NaN : Number(cell)));
        expect(theirs, column).toMatchObject({ dtype: "float64", hex: hex(own) });
        expect(cells.filter((cell) => cell !== "" && Number.isNaN(Number(cell)))).toEqual([]);
      }
    });
  }
  // λ_min never goes without its kind.
  expect(found["ntk.lambdaMinKind"]!.words!.length).toBe(found["ntk.lambdaMin"]!.shape[0]);
  expect(found["events.kind"]!.words).toContain("crossing");
  expect(found["ntk.estimated"]!.words).toContain("");
  expect(found["series.sharpness"]!.shape).toEqual(found["series.t"]!.shape);
  for (const name of ["theta0", "theta"]) {
    const { data } = await readNpy(join(directory, `${name}.npy`));
    expect(found[name]).toMatchObject({ shape: [data.length], dtype: "float64", hex: hex(data) });
  }
  // 4-8-4-2 with biases and one slope per activation: the parameters are θ, cut in its order.
  const shapes = {
    "0.weight": [4, 8],
    "0.bias": [8],
    "1.slope": [1],
    "2.weight": [8, 4],
    "2.bias": [4],
    "3.slope": [1],
    "4.weight": [4, 2],
    "4.bias": [2],
  };
  let layers = "";
  for (const [name, shape] of Object.entries(shapes)) {
    expect(found[`layers.${name}`]!.shape).toEqual(shape);
    layers += found[`layers.${name}`]!.hex;
  }
  expect(layers).toBe(found["theta"]!.hex);
}

/** .npz by the format's documentation (numpy.lib.format), apart from the code that writes it. */
function readNpz(bytes: Uint8Array): Record<string, Bits> {
  const entries = Object.entries(unzipSync(bytes)).map(([file, content]) => {
    const view = Buffer.from(content);
    const start = 10 + view.readUInt16LE(8);
    const head = view.toString("latin1", 10, start);
    expect(start % 64).toBe(0);
    const [, descr] = /['"]descr['"]: ?['"]([^'"]*)['"]/.exec(head)!;
    const shape = /['"]shape['"]: ?\(([^)]*)\)/
      .exec(head)![1]!
      .split(",")
      .filter((part) => part.trim() !== "")
      .map(Number);
    const data = view.subarray(start);
    if (descr === "<f8") return [file.slice(0, -4), { shape, dtype: "float64", hex: data.toString("hex") }];
    const width = Number(/^<U(\d+)$/.exec(descr!)![1]);
    expect(data.length).toBe(4 * width * shape[0]!);
    const words = Array.from({ length: shape[0]! }, (_, row) =>
      Array.from({ length: width }, (_, k) => data.readUInt32LE(4 * (row * width + k)))
        .filter((letter) => letter !== 0)
        .map((letter) => String.fromCodePoint(letter))
        .join(""),
    );
    return [file.slice(0, -4), { shape, dtype: descr, hex: data.toString("hex"), words }];
  });
  return Object.fromEntries(entries);
}

/** .safetensors by the format's documentation. */
function readSafetensors(bytes: Buffer): { metadata: Record<string, string>; arrays: Record<string, Bits> } {
  const end = 8 + Number(bytes.readBigUInt64LE(0));
  const { __metadata__: metadata, ...header } = JSON.parse(bytes.toString("utf8", 8, end));
  const codes = JSON.parse(metadata.codes) as Record<string, string[]>;
  let next = 0;
  const arrays = Object.entries(
    header as Record<string, { dtype: string; shape: number[]; data_offsets: [number, number] }>,
  ).map(
    ([
      name,
      {
        dtype,
        shape,
        data_offsets: [from, to],
      },
    ]) => {
      expect(from).toBe(next); // no holes, which the format forbids
      next = to;
      const data = bytes.subarray(end + from, end + to);
      const words =
        codes[name] &&
        Array.from({ length: shape[0]! }, (_, row) => codes[name]![data.readInt32LE(4 * row)]!);
      expect(dtype).toBe(words === undefined ? "F64" : "I32");
      return [name, { shape, dtype: "float64", hex: data.toString("hex"), ...(words && { words }) }];
    },
  );
  expect(end + next).toBe(bytes.length);
  return { metadata, arrays: Object.fromEntries(arrays) };
}

describe("exports, read here", () => {
  test("npz has every bit and every word", async () => {
    const { directory, file } = await exported("npz");
    await expectEqualBits(directory, readNpz(await readFile(file)));
  });

  test("safetensors has every bit, and words as codes with their meaning", async () => {
    const { directory, file } = await exported("safetensors");
    const { metadata, arrays } = readSafetensors(await readFile(file));
    expect(metadata).toMatchObject({ name: "run-test", status: "reachedEnd" });
    await expectEqualBits(directory, arrays);
  });

  test("what TensorBoard and CSV leave out is said; npz and safetensors leave out nothing", async () => {
    const { directory } = await run(SET);
    const ntk = ["ntk.csv", "ntk-spectrum.csv", "ntk-modes.csv", "ntk-density.csv"];
    for (const format of ["tensorboard", "csv"] as const)
      expect((await tablesLeftOut(directory, format)).sort()).toEqual(["events.csv", ...ntk].sort());
    for (const format of ["npz", "safetensors"] as const)
      expect(await tablesLeftOut(directory, format)).toEqual([]);
  });
});

test("words of any alphabet, and none at all", () => {
  const arrays = [
    { name: "words", shape: [3], data: ["", "λ_min", "a\u{1F600}b"] },
    { name: "none", shape: [0], data: [] },
  ];
  const npz = readNpz(Buffer.concat([...formatNpz(arrays)]));
  expect([npz["words"]!.words, npz["none"]!.words]).toEqual([arrays[0]!.data, []]);
  const { arrays: coded } = readSafetensors(Buffer.concat([...formatSafetensors(arrays, {})]));
  expect([coded["words"]!.words, coded["none"]!.words]).toEqual([arrays[0]!.data, []]);
});

describe("exports read by others", () => {
  const numpy = lacksPython("numpy");
  test.skipIf(numpy !== null)(`npz: numpy.load gives every bit (${numpy ?? "numpy"})`, async () => {
    const { directory, file } = await exported("npz");
    await expectEqualBits(directory, runPython(READER, "npz", file) as Record<string, Bits>);
  });

  test.skipIf(numpy !== null)(
    `python/gradflow.py reads the record itself (${numpy ?? "numpy"})`,
    async () => {
      const { directory, record, result } = await run(SET);
      const found = runPython(READER, "record", directory) as Record<string, unknown>;
      expect(found["loss"]).toMatchObject({ hex: hex(record.series.loss) });
      expect(found).toMatchObject({ rate: result.decay!.rate, hidden: [8, 4] });
    },
  );

  const safetensors = lacksPython("numpy", "safetensors");
  test.skipIf(safetensors !== null)(`safetensors: every bit (${safetensors ?? "safetensors"})`, async () => {
    const { directory, file } = await exported("safetensors");
    const { metadata, ...found } = runPython(READER, "safetensors", file) as Record<string, Bits>;
    expect(metadata).toMatchObject({ name: "run-test", status: "reachedEnd" });
    await expectEqualBits(directory, found);
  });

  const tensorboard = lacksPython("tensorboard");
  test.skipIf(tensorboard !== null)(
    `TensorBoard's loader finds every scalar, as float32 (${tensorboard ?? "tensorboard"})`,
    async () => {
      const { file, record } = await exported("tensorboard");
      const found = runPython(READER, "tensorboard", file) as Record<string, [number, number, number][]>;
      const start = Date.parse(record.manifest.started) / 1000;
      const { t, loss } = record.series;
      expect(found["flow/loss"]).toEqual(
        Array.from(t, (time, k) => [k, start + time, Math.fround(loss[k]!)]),
      );
      const { descent } = record;
      for (const rate of [0.5, 0.05]) {
        const rows = [...descent.t.keys()].filter((row) => descent.learningRate[row] === rate);
        const expected = rows.map((row) => [
          descent.step[row]!,
          start + descent.t[row]!,
          Math.fround(descent.loss[row]!),
        ]);
        expect(found[`descent/eta=${rate}/loss`]).toEqual(expected);
      }
    },
  );

  test.skipIf(tensorboard !== null)(
    `TensorBoard can follow a run (${tensorboard ?? "tensorboard"})`,
    async () => {
      const { directory } = await run(SET);
      // A run that is going, played back: the second half of the rows comes while the export follows.
      const [series, manifest] = await Promise.all(
        ["series.csv", "manifest.json"].map((name) => readFile(join(directory, name), "utf8")),
      );
      const lines = series!.split(/(?<=\n)/);
      await writeFile(join(directory, "series.csv"), lines.slice(0, 4).join(""));
      await writeFile(
        join(directory, "manifest.json"),
        manifest!.replace('"status": "reachedEnd"', '"status": "running"'),
      );
      const following = followRecord(directory, new AbortController().signal);
      const file = join(directory, "export/tensorboard/events.out.tfevents.gradflow");
      const steps = () =>
        (runPython(READER, "tensorboard", file) as Record<string, unknown[]>)["flow/loss"]!.length;
      await expect
        .poll(
          () =>
            readFile(file).then(
              (bytes) => bytes.length,
              () => 0,
            ),
          { timeout: 120_000 },
        )
        .toBeGreaterThan(100);
      expect(steps()).toBe(3);
      await appendFile(join(directory, "series.csv"), lines.slice(4).join(""));
      const now = JSON.parse(await readFile(join(directory, "manifest.json"), "utf8"));
      await writeFile(join(directory, "manifest.json"), JSON.stringify({ ...now, status: "reachedEnd" }));
      await following;
      expect(steps()).toBe(lines.length - 1);
    },
  );
});

test("runs.csv takes the place of nobody's file, be it a link that leads nowhere", async () => {
  const { directory } = await run(SET);
  const path = join(directory, "runs.csv");
  await symlink(join(directory, "nowhere"), path);
  await expect(exportAll(directory, [directory])).rejects.toThrow("stands already");
  expect((await lstat(path)).isSymbolicLink()).toBe(true);
  await exportAll(directory, [directory], true);
  expect((await readFile(path, "utf8")).split("\n")[0]).toMatch(/^run,trajectory,/);
});

test("csv holds flow and descents in one table", async () => {
  const { file, record } = await exported("csv");
  const { values, length } = await readTable(file);
  const { series, descent } = record;
  expect(length).toBe(series.t.length + descent.t.length);
  expect(Array.from(values["loss"]!)).toEqual([...series.loss, ...descent.loss]);
  expect((await readFile(file, "utf8")).split("\n")[1]).toMatch(/^flow,,,0,/);
});
