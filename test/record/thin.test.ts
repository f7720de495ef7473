/** Long tables: read in a fixed amount of memory, thinned without losing what a picture of them shows. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError } from "../../src/errors.js";
import { type Point, thin } from "../../src/figure/curves.js";
import { readCells, readTable } from "../../src/record/table.js";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "gradflow-thin-"));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

const write = (lines: readonly string[]): string => {
  const path = join(home, "series.csv");
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
};

describe("rows read one by one", () => {
  it("are those of the file, whatever a chunk cuts through", async () => {
    // Longer than the chunk of a megabyte, with letters of two bytes at every place.
    const rows = Array.from({ length: 40_000 }, (_, k) => [String(k), "ä".repeat(1 + (k % 23))]);
    const found = await readCells(write(["k,word", ...rows.map((row) => row.join(","))]));
    expect(found?.rows).toEqual(rows);
  });

  it("end with the last whole line, and may be quoted or end as on Windows", async () => {
    const path = join(home, "t.csv");
    writeFileSync(path, 'a,b\r\n1,"x, ""y"""\r\n2,z\r\n3,cut');
    expect(await readCells(path)).toEqual({
      columns: ["a", "b"],
      rows: [
        ["1", 'x, "y"'],
        ["2", "z"],
      ],
    });
    writeFileSync(path, "a,b");
    expect(await readCells(path)).toEqual({ columns: [], rows: [] });
    expect(await readCells(join(home, "none.csv"))).toBeNull();
  });

  it.each(["1,2,3", '1,"2', "1"])("refuse %s between two columns", async (line) => {
    await expect(readCells(write(["a,b", "1,2", line]))).rejects.toThrow(ConfigError);
  });
});

describe("a thinned table", () => {
  const N = 200_000;
  const spike = 123_456;
  /** Early rows fill decades, late ones a sliver: both axes of time matter. */
  const time = (k: number) => (k < N / 2 ? 1e-6 * 10 ** ((8 * k) / N) : 1e-2 + (k - N / 2) * 1e-4);
  const value = (k: number) => (k === spike ? 50 : k === spike + 7 ? 1e-9 : 1 / (1 + time(k)));

  it("has few rows, and the same picture on both axes", async () => {
    const lines = Array.from({ length: N }, (_, k) => `${time(k)},${value(k)}`);
    const path = write(["t,loss", ...lines]);
    const whole = await readTable(path);
    const few = await readTable(path, { thinned: true });
    expect(few.length).toBeLessThan(20_000);
    const points = ({ values }: typeof whole) =>
      Array.from(values["t"]!, (t, k) => ({ t, value: values["loss"]![k]! }));
    const shown = points(few);
    const values = shown.map((point) => point.value);
    expect([Math.max(...values), Math.min(...values)]).toEqual([50, 1e-9]);
    // Neighbours are no further apart than the curve falls over a span: 17 e-folds of time in 1500 spans, at most 1/4 an e-fold.
    const calm = values.filter((one) => one > 1e-9 && one <= 1);
    const gaps = calm.slice(1).map((one, k) => Math.abs(one - calm[k]!));
    expect(Math.max(...gaps)).toBeLessThan(17 / 1500 / 4 + 1e-4);
    // What a figure makes of them begins and ends where it did.
    for (const position of [Math.log, (t: number) => t]) {
      const [a, b] = [whole, few].map((table) => thin(points(table), position)) as [Point[], Point[]];
      expect([b[0], b.at(-1)]).toEqual([a[0], a.at(-1)]);
    }
  });

  it("keeps its ends, its order, the first row that is no number, and every learning rate", async () => {
    const rates = ["0.1", "0.2"];
    const lines = Array.from({ length: 30_000 }, (_, k) =>
      rates.map((rate) => `${rate},${k},${k === 20_011 && rate === "0.2" ? "Infinity" : 1 / (k + 1)}`),
    ).flat();
    const { values, length } = await readTable(write(["learningRate,t,loss", ...lines]), { thinned: true });
    const { learningRate, t, loss } = values as Record<string, Float64Array>;
    expect(length).toBeLessThan(20_000);
    for (const rate of [0.1, 0.2]) {
      const own = [...t!].filter((_, k) => learningRate![k] === rate);
      expect([own[0], own.at(-1)]).toEqual([0, 29_999]);
      expect(own).toEqual([...own].sort((a, b) => a - b));
    }
    expect([...t!].filter((_, k) => loss![k] === Number.POSITIVE_INFINITY)).toEqual([20_011]);
  });

  it("is the table where that is short", async () => {
    const path = write(["t,loss", ...Array.from({ length: 20_000 }, (_, k) => `${k},${Math.sin(k)}`)]);
    expect(await readTable(path, { thinned: true })).toEqual(await readTable(path));
  });

  it("keeps no more of the file in memory than its own rows", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const size = 40e6;
    // Cells are views of what was read: a long word on each row would come along.
    const lines = Array.from({ length: size / 200 }, (_, k) => `${k},${"w".repeat(190)}`);
    const path = write(["t,word", ...lines]);
    lines.length = 0;
    collect();
    const before = process.memoryUsage().heapUsed;
    const table = await readTable(path, { thinned: true });
    collect();
    // 3 000 rows of 200 letters, and some for what the reading left.
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(size / 4);
    expect(table.length).toBeGreaterThan(2000);
  });
});
