import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { readCsv } from "../../src/data/csv.js";
import { readNpy, writeNpy } from "../../src/data/npy.js";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gradflow-data-"));
});

/** An .npy as numpy.save lays it out: version 1, header padded to 64 bytes. */
function npyBytes(dict: string, payload: ArrayBufferView): Buffer {
  const text = `${dict.padEnd(118 - 1)}\n`;
  const head = Buffer.alloc(10);
  head.write("\x93NUMPY\x01\x00", "latin1");
  head.writeUInt16LE(text.length, 8);
  return Buffer.concat([head, Buffer.from(text, "latin1"), Buffer.from(payload.buffer)]);
}

const dict = (descr: string, order: string, shape: string) =>
  `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': ${shape}, }`;

async function saved(name: string, content: string | Buffer): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

describe("npy", () => {
  it("reads float64 in C order", async () => {
    const path = await saved(
      "c.npy",
      npyBytes(dict("<f8", "False", "(2, 3)"), Float64Array.of(1, 2, 3, 4, 5, 6)),
    );
    expect(await readNpy(path)).toEqual({ shape: [2, 3], data: Float64Array.of(1, 2, 3, 4, 5, 6) });
  });

  it("brings Fortran order to C order", async () => {
    const path = await saved(
      "f.npy",
      npyBytes(dict("<f8", "True", "(2, 3)"), Float64Array.of(1, 4, 2, 5, 3, 6)),
    );
    expect((await readNpy(path)).data).toEqual(Float64Array.of(1, 2, 3, 4, 5, 6));
  });

  it.each([
    ["<f4", Float32Array.of(0.5, -2)],
    ["<i8", BigInt64Array.of(3n, -4n)],
    ["|u1", Uint8Array.of(0, 255)],
    ["<i4", Int32Array.of(-7, 7)],
    ["=f8", Float64Array.of(0.1, -2)],
    ["f8", Float64Array.of(0.1, -2)],
    ["|i1", Int8Array.of(-128, 127)],
    ["<u2", Uint16Array.of(0, 65_535)],
    ["<i8", BigInt64Array.of(2n ** 60n, -(2n ** 53n))], // powers of two are exact
  ])("widens %s", async (descr, values) => {
    const path = await saved("w.npy", npyBytes(dict(descr, "False", "(2,)"), values));
    expect((await readNpy(path)).data).toEqual(Float64Array.from(values as ArrayLike<number>, Number));
  });

  // Bytes as NumPy writes them: numpy.array([0.1, -2]).astype(">f8").tobytes().hex(" ") and so on.
  it.each<[string, number[], number[]]>([
    [">f8", [0x3f, 0xb9, 0x99, 0x99, 0x99, 0x99, 0x99, 0x9a, 0xc0, 0, 0, 0, 0, 0, 0, 0], [0.1, -2]],
    [">f4", [0x3f, 0, 0, 0, 0xc0, 0, 0, 0], [0.5, -2]],
    [">i2", [0x01, 0x00, 0xff, 0xff], [256, -1]],
    [">u8", [0, 0, 0, 0, 0, 0, 0, 7], [7]],
    ["|b1", [1, 0, 1], [1, 0, 1]],
    // Half precision: 1, −2, 2⁻²⁴ (the smallest), 65 504 (the largest), 1/3 rounded.
    ["<f2", [0, 0x3c, 0, 0xc0, 1, 0, 0xff, 0x7b, 0x55, 0x35], [1, -2, 2 ** -24, 65_504, 0.333251953125]],
    [">f2", [0x3c, 0, 0xfc, 0], [1, Number.NEGATIVE_INFINITY]],
  ])("reads the bytes of %s", async (descr, bytes, values) => {
    const shape = `(${values.length},)`;
    const path = await saved("b.npy", npyBytes(dict(descr, "False", shape), Uint8Array.from(bytes)));
    expect([...(await readNpy(path)).data]).toEqual(values);
  });

  it("reads headers of versions 2 and 3, of Python 2, of writers in C, and data at odd places", async () => {
    const payload = Buffer.from(Float64Array.of(1, 2).buffer);
    for (const version of [2, 3])
      for (const text of [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (2L,), }\n",
        '{"shape":(2,),"fortran_order":False,"descr":"<f8"}',
      ]) {
        const head = Buffer.alloc(12);
        head.write(`\x93NUMPY${String.fromCharCode(version)}\x00`, "latin1");
        head.writeUInt32LE(text.length, 8);
        const path = await saved("v.npy", Buffer.concat([head, Buffer.from(text), payload]));
        expect(await readNpy(path)).toEqual({ shape: [2], data: Float64Array.of(1, 2) });
      }
  });

  it("writes what it reads, aligned", async () => {
    const path = join(folder, "round.npy");
    const data = Float64Array.from({ length: 12 }, (_, i) => Math.sin(i));
    await writeNpy(path, data, [3, 4]);
    expect(await readNpy(path)).toEqual({ shape: [3, 4], data });
    const bytes = await readFile(path);
    expect((10 + bytes.readUInt16LE(8)) % 8).toBe(0);
    await writeNpy(path, data, [12]);
    expect((await readNpy(path)).shape).toEqual([12]);
    await expect(writeNpy(path, data, [5])).rejects.toThrow("holds 5 numbers, got 12");
  });

  it.each<[string, string | Buffer, string]>([
    ["text", "1,2\n3,4\n", "not an .npy file"],
    [
      "cut in the header",
      npyBytes(dict("<f8", "False", "(2,)"), new Float64Array(2)).subarray(0, 60),
      "header is truncated",
    ],
    [
      "cut in the data",
      npyBytes(dict("<f8", "False", "(2, 2)"), new Float64Array(3)),
      "truncated: shape (2, 2) of <f8 needs 32 bytes, found 24",
    ],
    ["too long", npyBytes(dict("<f8", "False", "(2,)"), new Float64Array(3)), "followed by extra bytes"],
    [
      "text dtype",
      npyBytes(dict("<U3", "False", "(2,)"), new Float64Array(3)),
      'dtype <U3 is text. Real numbers are read (f8, f4, f2, i8, i4, i2, i1, u8, u4, u2, u1, b1); save float64: numpy.save(path, a.astype("<f8")).',
    ],
    [
      "complex",
      npyBytes(dict("<c16", "False", "(1,)"), new Float64Array(2)),
      "dtype <c16 is complex numbers; save their real and imaginary parts",
    ],
    ["objects", npyBytes(dict("|O", "False", "(1,)"), new Float64Array(1)), "dtype |O is Python objects"],
    [
      "dates",
      npyBytes(dict("<M8[ns]", "False", "(1,)"), new Float64Array(1)),
      "is dates; save them as numbers",
    ],
    [
      "long double",
      npyBytes(dict("<f16", "False", "(1,)"), new Float64Array(2)),
      "<f16 is not a number type",
    ],
    ["bytes", npyBytes(dict("|V8", "False", "(1,)"), new Float64Array(1)), "dtype |V8 is raw bytes"],
    [
      "a hostile type",
      npyBytes(dict("constructor", "False", "(1,)"), new Float64Array(1)),
      "not a number type",
    ],
    ["an archive", "PK\x03\x04....", "is an .npz archive"],
    [
      "a shape beyond all memory",
      npyBytes(dict("<f8", "False", "(9007199254740991, 9007199254740991)"), new Float64Array(1)),
      "truncated",
    ],
    [
      "an extent beyond all integers",
      npyBytes(dict("<f8", "False", "(99999999999999999999,)"), new Float64Array(1)),
      "not a tuple of integers",
    ],
    [
      "no shape",
      npyBytes("{'descr': '<f8', 'fortran_order': False}", new Float64Array(1)),
      "malformed header",
    ],
    ["bad shape", npyBytes(dict("<f8", "False", "(2, -1)"), new Float64Array(1)), "not a tuple of integers"],
    [
      "structured",
      npyBytes("{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (1,)}", new Float64Array(1)),
      "structured dtype",
    ],
    ["huge integer", npyBytes(dict("<i8", "False", "(1,)"), BigInt64Array.of(2n ** 53n + 1n)), "beyond 2^53"],
  ])("refuses: %s", async (_, content, message) => {
    const path = await saved("bad.npy", content);
    await expect(readNpy(path)).rejects.toMatchObject({ name: "ConfigError", problems: [{ file: path }] });
    await expect(readNpy(path)).rejects.toThrow(message);
  });
});

describe("csv", () => {
  it.each([
    ["plain", "1,2\n3,4\n"],
    ["header", "x,y\n1,2\n3,4\n"],
    ["comments, blanks, CRLF, BOM", "\uFEFF# made by savetxt\r\n1, 2\r\n\r\n3.0e0,+4\r\n"],
  ])("reads: %s", async (_, text) => {
    const table = await readCsv(await saved("good.csv", text));
    expect([...table.data]).toEqual([1, 2, 3, 4]);
    expect(table.shape).toEqual([2, 2]);
  });

  it.each([
    ["ragged row", "x,y\n1,2\n3\n", 3, "ragged row: expected 2 cells as in the first row, got 1"],
    ["word", "1,2\n3,four\n", 2, 'column 2: expected a number, got "four"'],
    ["empty cell", "1,2\n\n3,\n", 3, 'column 2: expected a number, got ""'],
    ["hexadecimal", "1,2\n3,0x10\n", 2, "expected a number"],
    ["half a header", "1,y\n3,4\n", 1, 'column 2: expected a number, got "y"'],
    ["semicolons", "x;y\n1;2\n", 2, "Separate the cells by commas"],
    ["quoted cells between semicolons", '"x";"y"\n1;2\n', 1, "Separate the cells by commas"],
    ["blanks between", "1.0 2.0\n3.0 4.0\n", 2, "Separate the cells by commas"],
    ["decimal commas", "1,5;2,5\n3,5;4,5\n", 1, "Separate the cells by commas, and write a decimal point"],
    ["a typographic minus", "1,2\n3,−4\n", 2, "Write the minus sign of the keyboard"],
    ["missing values in the first row", "NA,\n1,2\n", 1, 'expected a number, got "NA"'],
    ["a missing value at the start", ",2\n1,2\n", 1, 'column 1: expected a number, got ""'],
    ["a first column without a name that is no index", ",a\n0.5,1\n0.7,2\n", 2, "set dataset.index"],
    ["open quote", '1,2\n3,"4\n', 2, "malformed CSV"],
  ])("refuses with the line: %s", async (_, text, line, message) => {
    const path = await saved("bad.csv", text);
    await expect(readCsv(path)).rejects.toMatchObject({ problems: [{ file: path, line }] });
    await expect(readCsv(path)).rejects.toThrow(message);
  });
});
