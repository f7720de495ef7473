/** A window of a table of any length shows what all rows would; growing, cut and replaced files are noticed. */
import { appendFile, mkdir, mkdtemp, rename, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { BLOCK_ROWS, type BlockIndex, createBlockIndex } from "../../src/view/block-index.js";
import { createTables } from "../../src/view/curves.js";
import { readWindow } from "../../src/view/window.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-window-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

const ROWS = 30_000;
const timeAt = (k: number) => (k === 0 ? 0 : 1e-3 * 1e6 ** ((k - 1) / (ROWS - 2)));
/** Noise with single spikes, so that a lost extreme shows. */
const valueAt = (k: number) => (k % 9973 === 500 ? 50 : 2 + Math.sin(k * 12.9898) * Math.cos(k * 0.37));

async function write(name: string, rows: readonly string[]): Promise<BlockIndex> {
  const path = join(folder, name);
  await writeFile(path, `t,note,loss\n${rows.map((row) => `${row}\n`).join("")}`);
  return createBlockIndex(folder, path);
}

const rowsOf = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, k) => `${timeAt(from + k)},,${valueAt(from + k)}`);

/** First, least, greatest and last value of each pixel column, from all rows. */
function envelope(points: readonly (readonly [number, number])[], pixelOf: (x: number) => number) {
  const columns = new Map<number, number[]>();
  for (const [x, y] of points) {
    const at = Math.min(Math.floor(pixelOf(x)), 799);
    columns.set(at, [...(columns.get(at) ?? []), y]);
  }
  return columns;
}

describe("a window", () => {
  const cases: [string, number | null, number | null, boolean][] = [
    ["all of it, linear", null, null, false],
    ["all of it, logarithmic", null, null, true],
    ["a part, linear", 3, 200, false],
    ["a part, logarithmic", 0.01, 2, true],
    ["a few rows", 1, 1.005, false],
  ];
  it.each(cases)("shows the extremes of all rows to a pixel: %s", async (_, from, to, log) => {
    const index = await write("long.csv", rowsOf(0, ROWS));
    await index.update(["t", "loss"]);
    expect(index.rows).toBe(ROWS);
    const pixels = 800;
    const got = (await readWindow(index, { lane: "", x: "t", y: "loss", from, to, pixels, log }))!;
    const [a, b] = [from ?? (log ? timeAt(1) : 0), to ?? timeAt(ROWS - 1)];
    const scale = log ? Math.log : (x: number) => x;
    const pixelOf = (x: number) => (pixels * (scale(x) - scale(a))) / (scale(b) - scale(a));
    const all = Array.from({ length: ROWS }, (_, k) => [timeAt(k), valueAt(k)] as const).filter(
      ([x]) => x >= a && x <= b,
    );
    const shown = got.x.map((x, i) => [x, got.y[i]!] as const).filter(([x]) => x >= a && x <= b);
    expect(shown.length).toBeLessThanOrEqual(Math.min(all.length, 4 * (pixels + 1)));
    const [wanted, found] = [envelope(all, pixelOf), envelope(shown, pixelOf)];
    // A block of the index is at most a pixel wide, so a value may stand one pixel beside its own: neighbours count together.
    const near = (columns: Map<number, number[]>, at: number) =>
      [at - 1, at, at + 1].flatMap((pixel) => columns.get(pixel) ?? []);
    for (const [at, values] of wanted) {
      expect(Math.max(...near(found, at))).toBeGreaterThanOrEqual(Math.max(...values));
      expect(Math.min(...near(found, at))).toBeLessThanOrEqual(Math.min(...values));
    }
    for (const [at, values] of found) {
      expect(Math.max(...near(wanted, at))).toBeGreaterThanOrEqual(Math.max(...values));
      expect(Math.min(...near(wanted, at))).toBeLessThanOrEqual(Math.min(...values));
    }
    for (let i = 1; i < got.x.length; i++) expect(got.x[i]).toBeGreaterThanOrEqual(got.x[i - 1]!);
    // The line reaches both edges.
    if (from !== null) expect(got.x[0]).toBeLessThan(from);
    if (to !== null) expect(got.x.at(-1)).toBeGreaterThan(to);
  });

  it("reads of a long file only the blocks that are wider than a pixel", async () => {
    const index = await write("read.csv", rowsOf(0, ROWS));
    await index.update(["t", "loss"]);
    let visited = 0;
    const counting: BlockIndex = Object.create(index, {
      visit: {
        value: (
          from: number,
          to: number,
          columns: readonly string[],
          each: Parameters<BlockIndex["visit"]>[3],
        ) =>
          index.visit(from, to, columns, (...row) => {
            visited++;
            each(...row);
          }),
      },
    });
    const narrow = { lane: "", x: "t", y: "loss", from: 10, to: 10.1, pixels: 800, log: false };
    const points = (await readWindow(counting, narrow))!;
    const inside = Array.from({ length: ROWS }, (_, k) => timeAt(k)).filter(
      (t) => t >= 10 && t <= 10.1,
    ).length;
    expect(points.x.filter((t) => t >= 10 && t <= 10.1)).toHaveLength(inside);
    // The blocks at the edges and the next ones, not thirty thousand rows.
    expect(visited).toBeLessThanOrEqual(inside + 4 * BLOCK_ROWS);
  });
});

describe("values that are not finite", () => {
  const isLost = (k: number) => k % 7919 === 100 || k >= 25_000;
  it.each([
    ["all of it", null, null, false],
    ["all of it, logarithmic", null, null, true],
    ["a part, with no finite value in many blocks", 50, 900, false],
    ["a few rows", 1, 1.2, false],
  ] as const)("keep their places to a pixel: %s", async (_, from, to, log) => {
    const rows = rowsOf(0, ROWS).map((row, k) =>
      isLost(k) ? `${timeAt(k)},,${["NaN", "Infinity", "-Infinity"][k % 3]}` : row,
    );
    const index = await write("lost.csv", rows);
    await index.update(["t", "loss"]);
    const pixels = 800;
    const { x, lost } = (await readWindow(index, { lane: "", x: "t", y: "loss", from, to, pixels, log }))!;
    const [a, b] = [from ?? (log ? timeAt(1) : 0), to ?? timeAt(ROWS - 1)];
    const scale = log ? Math.log : (at: number) => at;
    const pixelOf = (at: number) => (pixels * (scale(at) - scale(a))) / (scale(b) - scale(a));
    const wanted = Array.from({ length: ROWS }, (_, k) => k)
      .filter((k) => isLost(k) && timeAt(k) >= a && timeAt(k) <= b)
      .map((k) => pixelOf(timeAt(k)));
    const found = lost.map(pixelOf);
    // A block that the index stands for is at most a pixel wide.
    for (const at of wanted) expect(found.some((other) => Math.abs(other - at) <= 1)).toBe(true);
    for (const at of found) expect(wanted.some((other) => Math.abs(other - at) <= 1)).toBe(true);
    expect(lost.length).toBeLessThanOrEqual(pixels + 1);
    expect(x.length).toBeGreaterThan(0);
  });
});

describe("an index", () => {
  it("goes on where the file has grown, and takes no torn line", async () => {
    const index = await write("growing.csv", rowsOf(0, 100));
    const path = join(folder, "growing.csv");
    await index.update(["t", "loss"]);
    const { bytes, generation } = index;
    await appendFile(path, `${rowsOf(100, 200).join("\n")}\n${timeAt(200)},,0.1`);
    await index.update(["t", "loss"]);
    expect(index.rows).toBe(200);
    expect(index.generation).toBe(generation);
    const fresh: number[] = [];
    await index.visit(bytes, index.bytes, ["t"], (_, [t]) => fresh.push(t!));
    expect(fresh).toEqual(Array.from({ length: 100 }, (_, k) => timeAt(100 + k)));
    await appendFile(path, "23\n");
    await index.update(["t", "loss"]);
    expect(index.rows).toBe(201);
    expect(index.column("", "loss")!.last.get(Math.floor(200 / BLOCK_ROWS))).toBe(0.123);
  });

  it("begins anew where the file was cut, also when it has grown past its old end since, or is another", async () => {
    const index = await write("cut.csv", rowsOf(0, 200));
    const path = join(folder, "cut.csv");
    await index.update(["t", "loss"]);
    await truncate(path, 700);
    await index.update(["t", "loss"]);
    expect(index.generation).toBe(1);
    expect(index.rows).toBeLessThan(100);
    await truncate(path, "t,note,loss\n".length);
    await appendFile(path, `${rowsOf(1000, 1300).join("\n")}\n`);
    await index.update(["t", "loss"]);
    expect(index.generation).toBe(2);
    expect(index.column("", "t")!.least).toBe(timeAt(1000));
    expect(index.rows).toBe(300);
    await write("other.csv", rowsOf(0, 400));
    await rename(join(folder, "other.csv"), path);
    await index.update(["t", "loss"]);
    expect(index.generation).toBe(3);
    expect(index.rows).toBe(400);
    await rm(path);
    expect(await index.update(["t", "loss"])).toBe(false);
    expect(index.rows).toBe(0);
  });

  it("reads quoted cells, blanks, infinities and words", async () => {
    const index = await write("odd.csv", [
      '0,"a,b",1',
      "1,,",
      "2,,Infinity",
      "3,,NaN",
      '4,"x""y",-2',
      "5,,word",
      "6,,0",
    ]);
    await index.update(["t", "loss"]);
    expect(index.column("", "loss")).toMatchObject({
      notFinite: 2,
      notPositive: 2,
      least: -2,
      greatest: 1,
      leastPositive: 1,
    });
    const points = await readWindow(index, {
      lane: "",
      x: "t",
      y: "loss",
      from: null,
      to: null,
      pixels: 100,
      log: false,
    });
    expect(points).toEqual({ x: [0, 4, 6], y: [1, -2, 0], lost: [2, 3] });
  });
});

describe("the tables of a record", () => {
  it("give a column from one of them for the flow, and from gaps.csv where no other has it", async () => {
    const directory = join(folder, "record");
    await mkdir(directory);
    const tables: Record<string, string> = {
      series: "t,canonicalTime,loss\n0,0,1\n2,1,0.5\n",
      ntk: "t,canonicalTime,lambdaMin\n0,0,3\n",
      descent: "learningRate,step,t,loss\n0.5,2,1,0.7\n",
      gaps: "learningRate,step,t,leadingGap,lambdaMin\n0.5,2,1,0.25,-9\n",
    };
    for (const [name, text] of Object.entries(tables)) await writeFile(join(directory, `${name}.csv`), text);
    const read = async (x: string, y: string) => {
      const request = { x, y, from: null, to: null, pixels: 100, log: false };
      const { curves } = await createTables(folder).curves(directory, request);
      return curves.map((curve) => [curve.table, curve.x, curve.y]);
    };
    expect(await read("t", "loss")).toEqual([
      ["series", [0, 2], [1, 0.5]],
      ["descent", [1], [0.7]],
    ]);
    expect(await read("t", "lambdaMin")).toEqual([["ntk", [0], [3]]]);
    expect(await read("k", "leadingGap")).toEqual([["gaps", [2], [0.25]]]);
    // τ = t/2, as the series has it.
    expect(await read("tau", "leadingGap")).toEqual([["gaps", [0.5], [0.25]]]);
    expect(await read("k", "lambdaMin")).toEqual([]);
  });
});

describe("news of a table", () => {
  it("are the rows behind what was read; too many, or another file, are not sent", async () => {
    const path = join(folder, "series.csv");
    await write("series.csv", rowsOf(0, 50));
    const tables = createTables(folder);
    const { reading } = await tables.curves(folder, {
      x: "t",
      y: "loss",
      from: null,
      to: null,
      pixels: 100,
      log: false,
    });
    await appendFile(path, `${rowsOf(50, 53).join("\n")}\n${timeAt(53)},,-Infinity\n`);
    const what = { x: "t", y: "loss" };
    const news = await tables.newRows(folder, "series", what, reading.series!, 10);
    expect(news!.rows).toEqual([
      {
        ...{ table: "series", kind: "", learningRate: "" },
        ...{ x: [50, 51, 52].map(timeAt), y: [50, 51, 52].map(valueAt), lost: [timeAt(53)] },
      },
    ]);
    await appendFile(path, `${rowsOf(53, 80).join("\n")}\n`);
    expect(await tables.newRows(folder, "series", what, reading.series!, 10)).toBeNull();
    await truncate(path, 400);
    expect(await tables.newRows(folder, "series", what, reading.series!, 1000)).toBeNull();
  });
});
