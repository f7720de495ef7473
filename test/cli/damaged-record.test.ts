import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { serialize } from "node:v8";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { describeError } from "../../src/cli/exit.js";
import { runCommandLine } from "../../src/cli/program.js";
import { showCommand } from "../../src/cli/show.js";
import { readCheckpoint } from "../../src/record/checkpoint.js";
import { gradflow, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();
const record = join(folder, "record");
const sweep = join(folder, "sweep");
/** Values of every JSON type; null stands for absent numbers and is let pass where there may be one. */
const WRONG: readonly unknown[] = [7, "x", [], { a: {} }, true];

beforeAll(async () => {
  // Every optional part of a result is there: kinks, a kernel, an error check, smoothed flows, a descent.
  const study = await writeStudy(folder, "study.yaml", {
    "kind: tanh": "kind: relu",
    "tEnd: 2 }": "tEnd: 0.3, errorCheck: true, compareSmoothing: [0.01] }",
    "points: 20 }": "points: 5 }\nmeasure: { ntk: { points: 2 } }",
  });
  expect((await gradflow(folder, "run", study, "--out", record)).code).toBe(0);
  expect(
    (
      await gradflow(
        folder,
        "sweep",
        await writeStudy(folder, "sweep.yaml"),
        "-m",
        "seed=0,1",
        "--out",
        sweep,
      )
    ).code,
  ).toBe(0);
});

type Plain = Record<string, unknown>;

function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null) return [path];
  const inner = Object.entries(value).flatMap(([key, entry]) => pathsOf(entry, [...path, key]));
  return path.length === 0 ? inner : [path, ...inner];
}

/** What the words said and how they ended, in this process. */
const say = (...words: string[]) => hear(() => runCommandLine(words));

/** What `gradflow show` says of a folder: the command itself, for to parse its words takes ten times as long. */
const show = (folder: string) =>
  hear(async () => {
    try {
      return await showCommand.execute({ folder }, []);
    } catch (error) {
      const { text, code } = describeError(error);
      process.stderr.write(`${text}\n`);
      return code;
    }
  });

async function hear(work: () => Promise<number>): Promise<{ code: number; text: string }> {
  let text = "";
  const take = (part: string | Uint8Array) => {
    text += String(part);
    return true;
  };
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, "write").mockImplementation(take),
  );
  try {
    return { code: await work(), text };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

async function checkEveryField(from: string, file: string): Promise<{ refused: number; tried: number }> {
  const work = `${from}-${file}`;
  await cp(from, work, { recursive: true });
  const sound = await readFile(join(from, file), "utf8");
  let refused = 0;
  let tried = 0;
  for (const path of pathsOf(JSON.parse(sound)))
    for (const wrong of WRONG) {
      const value = JSON.parse(sound) as Plain;
      const section = path.slice(0, -1).reduce((here, key) => here[key] as Plain, value);
      section[path.at(-1)!] = wrong;
      await writeFile(join(work, file), JSON.stringify(value));
      const { code, text } = await show(work);
      const what = `${path.join(".")} = ${JSON.stringify(wrong)}: ${text}`;
      expect(text, what).not.toMatch(/unexpected error|\[object|\n {4}at .*:\d+:\d+/);
      expect([0, 2], what).toContain(code);
      if (code === 2) {
        expect(text, what).toContain(file);
        refused++;
      }
      tried++;
    }
  return { refused, tried };
}

describe("a record that somebody edited", () => {
  it.each(["result.json", "manifest.json"])("wrong types in %s are bad input", async (file) => {
    const { refused, tried } = await checkEveryField(record, file);
    // One or two of the five types are right for each field.
    expect(refused).toBeGreaterThan(tried / 2);
  });

  it("wrong types in sweep.json are bad input", async () => {
    const { refused, tried } = await checkEveryField(sweep, "sweep.json");
    expect(refused).toBeGreaterThan(tried / 2);
  });

  it("files and figures that lie elsewhere are refused", async () => {
    const outside = `${record}-outside`;
    await cp(record, outside, { recursive: true });
    const manifest = JSON.parse(await readFile(join(outside, "manifest.json"), "utf8")) as Plain;
    for (const file of ["../x", "/etc/passwd", "a/../../x", "C:\\x", ""]) {
      await writeFile(
        join(outside, "manifest.json"),
        JSON.stringify({ ...manifest, files: ["manifest.json", file] }),
      );
      const { code, text } = await say("show", outside);
      expect(text).toContain("manifest.json: files.1 must be a path inside the folder");
      expect(code).toBe(2);
    }
  });

  it("a config that describes no network exports no parameters by name", async () => {
    const damaged = `${record}-network`;
    await cp(record, damaged, { recursive: true });
    const file = join(damaged, "config.resolved.json");
    const sound = JSON.parse(await readFile(file, "utf8")) as Plain;
    for (const model of WRONG.concat(
      { kind: "dnn", hidden: "x" },
      { ...(sound["model"] as Plain), kind: "x" },
    ))
      for (const layout of ["gradflow", "torch"]) {
        await writeFile(file, JSON.stringify({ ...sound, model }));
        const { code, text } = await say("export", damaged, "--to", "npz", "--layout", layout);
        expect(text).toContain("config.resolved.json: model is not a network's");
        expect(code).toBe(2);
        expect(existsSync(join(damaged, "export"))).toBe(false);
      }
  });

  it("a checkpoint with the right checksum and something else in it is damaged", async () => {
    const place = join(folder, "checkpoint");
    await mkdir(place);
    for (const content of [Buffer.from("x"), serialize({ t: "0" }), serialize([1]), serialize(null)]) {
      const digest = createHash("sha256").update(content).digest();
      await writeFile(
        join(place, "checkpoint.bin"),
        Buffer.concat([Buffer.from("GFCHECK1"), digest, content]),
      );
      expect(await readCheckpoint(place)).toEqual({
        checkpoint: null,
        damage: ["checkpoint.bin is damaged (it holds no checkpoint)"],
      });
    }
  });
});
