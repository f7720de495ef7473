/** python/gradflow.py, the reader for Python: the same numbers, also while a run goes on; and the notebook that shows it. */
import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { readRecord } from "../../src/record/reader.js";
import { REPOSITORY } from "../cli/gradflow.js";
import { syntheticRecord, syntheticResult } from "../record/synthetic.js";
import { syntheticSweep } from "../record/synthetic-sweep.js";
import { lacksPython, PYTHON, runPython } from "../support/python.js";

const missing = lacksPython("numpy");
const script = (name: string) => fileURLToPath(new URL(`./data/${name}`, import.meta.url));
const folder = await mkdtemp(join(tmpdir(), "gradflow-python-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A program and what it says, line by line. */
function start(words: readonly string[], cwd = folder) {
  const child = spawn(PYTHON, words, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  let [rest, errors] = ["", ""];
  let onLine: () => void = () => undefined;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    lines.push(...parts);
    onLine();
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors += text;
  });
  const ended = new Promise<number | null>((done) => child.on("close", done));
  const line = async (start: string): Promise<string> => {
    for (;;) {
      const found = lines.find((one) => one.startsWith(start));
      if (found !== undefined) return found.slice(start.length);
      const closed = await Promise.race([
        ended,
        new Promise<"line">((done) => (onLine = () => done("line"))),
      ]);
      if (closed !== "line" && !lines.some((one) => one.startsWith(start))) throw new Error(errors);
    }
  };
  return { lines, line, ended, errors: () => errors };
}

describe.skipIf(missing !== null)(`python/gradflow.py (${missing ?? "numpy"})`, () => {
  test("follows a run to its end and has every bit of its series", async () => {
    const directory = join(folder, "live");
    const writer = await syntheticRecord({ directory, learningRates: [0.5] });
    const follower = start([script("follow_record.py"), directory]);
    expect(Number(await follower.line("before "))).toBe(201);
    writer.series.append({ t: 81, loss: 1 / 3 });
    await follower.line("new ");
    writer.series.append({ t: 82, loss: 0.1 });
    await writer.finish(syntheticResult(directory));
    const after = JSON.parse(await follower.line("after "));
    expect(await follower.ended).toBe(0);
    expect(after.status).toBe("reachedEnd");
    const { series } = await readRecord(directory);
    // Python writes hexadecimal digits of every bit; here the number that has them.
    const values = after.loss.map((text: string) => {
      const [, whole, digits = "", exponent] = /^0x(\d)\.?([0-9a-f]*)p([+-]\d+)$/.exec(text)!;
      const mantissa = Number(whole) + Number.parseInt(digits || "0", 16) / 16 ** digits.length;
      return mantissa * 2 ** Number(exponent);
    });
    expect(values).toEqual([...series.loss]);
  });

  test("takes no torn line, reads quotes and words, and begins anew where a table was replaced", async () => {
    const directory = join(folder, "tables");
    const writer = await syntheticRecord({ directory, learningRates: [0.5] });
    await writer.finish(syntheticResult(directory));
    expect(runPython(script("read_tables.py"), directory)).toMatchObject({
      torn: { rows: 0, columns: { t: [0, 1], note: [null, 2] } },
      grown: { rows: 2, columns: { t: [0, 1, 2, 3], note: [null, 2, 3.5, 7] } },
      words: { columns: { t: [0, 1, 2, 3, 4], note: ["", "2", "3.5", "7", 'a "b", c'] } },
      replaced: { rows: 1, columns: { t: [9], note: ["9"] } },
      gone: { rows: 0, columns: {} },
      unknown: expect.stringContaining("no row has the learning rate 0.7; there are 0.5."),
      none: expect.stringContaining("is not a record (it has no manifest.json)"),
    });
  });

  test("the notebook of the documentation runs, on a sweep too", async () => {
    const home = join(folder, "notebook");
    await mkdir(join(home, "runs"), { recursive: true });
    const directory = join(home, "runs/quickstart");
    const writer = await syntheticRecord({ directory });
    await writer.array("theta0", new Float64Array([1, 2]));
    await writer.array("theta", new Float64Array([4, 6]));
    await writer.finish(syntheticResult(directory));
    await syntheticSweep(join(home, "runs/seeds"), [{}, { loss: 0.5 }]);
    await writeFile(join(home, "runs/seeds/results.csv"), "job,loss\nseed-0,0.1\nseed-1,0.5\n");
    const notebook = start([script("run_notebook.py"), join(REPOSITORY, "docs/python.ipynb")], home);
    expect(await notebook.ended, notebook.errors()).toBe(0);
    expect(notebook.lines.join("\n")).toContain("moved by 5.0");
    expect(notebook.lines.join("\n")).toContain("seed-1 0.5");
  });
});
