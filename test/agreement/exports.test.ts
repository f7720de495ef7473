import { appendFile, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { readNpy } from "../../src/data/npy.js";
import { type ExportFormat, exportRecord, followRecord } from "../../src/experiment/export.js";
import { readTable } from "../../src/record/table.js";
import { setUpRuns } from "../experiment/runs.js";
import { lacksPython, runPython } from "../support/python.js";

const run = setUpRuns();
const READER = fileURLToPath(new URL("./data/read_exports.py", import.meta.url));
const SET = [
  "descent.learningRates=[0.5, 0.05]",
  "model.activation={kind: prelu, slope: 0.25}",
  "flow.boundaries=exact",
];

async function exported(format: ExportFormat) {
  const { directory, record, result } = await run(SET);
  return { directory, record, result, file: join(directory, await exportRecord(directory, format)) };
}

interface Bits {
  readonly shape: number[];
  readonly dtype: string;
  readonly hex: string;
}

const hex = (data: Float64Array) =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex");

/** Every array of the record, read by our own reader, beside what Python found: equal bits or the test fails. */
async function expectEqualBits(directory: string, found: Readonly<Record<string, Bits>>): Promise<void> {
  for (const table of ["series", "descent"]) {
    const { columns, values } = await readTable(join(directory, `${table}.csv`));
    for (const column of columns) {
      const own = values[column]!;
      if (own.every(Number.isNaN)) continue;
      const theirs = found[`${table}.${column}`]!;
      expect(theirs, column).toMatchObject({ shape: [own.length], dtype: "float64", hex: hex(own) });
    }
  }
  for (const name of ["theta0", "theta"]) {
    const { data } = await readNpy(join(directory, `${name}.npy`));
    expect(found[name]).toMatchObject({ shape: [data.length], dtype: "float64", hex: hex(data) });
  }
  // 4-8-4-2 with biases and one slope per activated layer: the layers are θ, cut in its order.
  const shapes = {
    weight: [
      [4, 8],
      [8, 4],
      [4, 2],
    ],
    bias: [[8], [4], [2]],
    slope: [[1], [1]],
  };
  let layers = "";
  for (let l = 0; l < 3; l++)
    for (const part of ["weight", "bias", "slope"] as const) {
      const shape = shapes[part][l];
      if (shape === undefined) continue;
      expect(found[`layers.${l}.${part}`]!.shape).toEqual(shape);
      layers += found[`layers.${l}.${part}`]!.hex;
    }
  expect(layers).toBe(found["theta"]!.hex);
}

describe("exports read by others", () => {
  const numpy = lacksPython("numpy");
  test.skipIf(numpy !== null)(`npz: numpy.load gives every bit (${numpy ?? "numpy"})`, async () => {
    const { directory, file } = await exported("npz");
    await expectEqualBits(directory, runPython(READER, "npz", file) as Record<string, Bits>);
  });

  test.skipIf(numpy !== null)(
    `scripts/read_record.py reads the record itself (${numpy ?? "numpy"})`,
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
          { timeout: 5000 },
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

test("csv holds flow and descents in one table", async () => {
  const { file, record } = await exported("csv");
  const { values, length } = await readTable(file);
  const { series, descent } = record;
  expect(length).toBe(series.t.length + descent.t.length);
  expect(Array.from(values["loss"]!)).toEqual([...series.loss, ...descent.loss]);
  expect((await readFile(file, "utf8")).split("\n")[1]).toMatch(/^flow,,,0,/);
});
