import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test, vi } from "vitest";
import { stringify } from "yaml";
import { runCommandLine } from "../../src/cli/program.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-malformed-"));
await mkdir(join(folder, "deep/work"), { recursive: true });
const work = join(folder, "deep/work");
afterAll(() => rm(folder, { recursive: true, force: true }));

/** A study that uses every kind of field, sound by itself. */
const SOUND = {
  name: "sound",
  seed: 3,
  dataset: { kind: "gaussian", samples: 8, inputDimension: 3, outputDimension: 2, inputScale: 1 },
  model: {
    kind: "dnn",
    hidden: [4, 4],
    bias: true,
    activation: { kind: "leaky-relu", slope: 0.1 },
    init: { kind: "kaiming-uniform", a: 1, bias: "zeros" },
  },
  loss: { kind: "squared", reduction: "mean" },
  flow: { method: "dopri5", rtol: 1e-6, atol: 1e-9, tEnd: 1, maxSteps: 100, boundaries: "detect" },
  descent: { learningRates: [0.1], countFlips: false },
  record: { at: "log", points: 5 },
  engine: { kind: "reference", dtype: "float64", threads: 1 },
};

type Plain = Record<string, unknown>;
interface Case {
  readonly title: string;
  readonly text: string;
  /** What the message must name; null where the fault has no one place. */
  readonly names: string | null;
}

/** Paths of all fields, sections first. */
function pathsOf(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [path];
  const inner = Object.entries(value).flatMap(([key, entry]) => pathsOf(entry, [...path, key]));
  return path.length === 0 ? inner : [path, ...inner];
}

function changed(path: string[], change: (section: Plain, key: string) => void): string {
  const copy = structuredClone(SOUND) as Plain;
  const section = path.slice(0, -1).reduce((here, key) => here[key] as Plain, copy);
  change(section, path.at(-1)!);
  return stringify(copy);
}

const paths = pathsOf(SOUND);
const at = (path: string[]) => path.reduce((here: unknown, key) => (here as Plain)[key], SOUND);
const leaves = paths.filter((path) => typeof at(path) !== "object" || Array.isArray(at(path)));
const set = (path: string[], value: unknown): Case => ({
  title: `${path.join(".")} = ${JSON.stringify(value) ?? String(value)} (${typeof value})`,
  text: changed(path, (section, key) => {
    section[key] = value;
  }),
  names: path.at(-1)!,
});

const REQUIRED = [
  ["name"],
  ["dataset"],
  ["model"],
  ["flow"],
  ["dataset", "samples"],
  ["dataset", "outputDimension"],
  ["model", "hidden"],
  ["flow", "tEnd"],
];
const HOSTILE_NAMES = [
  "../x",
  "../../escape",
  "<script>",
  "a/b",
  "a\\b",
  "",
  ".",
  "..",
  ".hidden",
  "/etc/passwd",
  "x\u0000y",
  "x\ny",
  "%2e%2e",
  "con:1",
  "~",
  "$(touch x)",
  "`id`",
  "é".repeat(3),
  "n".repeat(101),
];
const WRONG: Readonly<Record<string, readonly unknown[]>> = {
  number: ["wide", [1], { a: 1 }, Number.NaN, Number.POSITIVE_INFINITY, -1e308],
  string: [7, ["x"], { a: 1 }, "no-such-word <b>"],
  boolean: ["maybe", 3, []],
  object: ["wide", 3, [-1], ["x"], [[1]]],
};

const cases: Case[] = [
  ...REQUIRED.map(
    (path): Case => ({
      title: `without ${path.join(".")}`,
      text: changed(path, (section, key) => delete section[key]),
      names: path.at(-1)!,
    }),
  ),
  // A key twice in its section.
  ...paths.map((path): Case => {
    const lines = stringify(SOUND).split("\n");
    let from = 0;
    path.forEach((key, depth) => {
      from = lines.findIndex((line, k) => k >= from && line.startsWith(`${"  ".repeat(depth)}${key}:`));
    });
    let end = from + 1;
    const indent = 2 * path.length;
    while (lines[end] !== undefined && lines[end]!.startsWith(" ".repeat(indent)) && lines[end] !== "") end++;
    const twice = [...lines.slice(0, end), ...lines.slice(from, end), ...lines.slice(end)];
    return {
      title: `${path.join(".")} twice`,
      text: twice.join("\n"),
      names: "stands in its section already",
    };
  }),
  // A slip in the key.
  ...paths.map((path): Case => {
    const slip = `${path.at(-1)!}x`;
    const text = changed(path, (section, key) => {
      section[slip] = section[key];
      delete section[key];
    });
    return { title: `${path.join(".")} misspelt`, text, names: slip };
  }),
  // Values of another type or far outside; -1e308 is a sound slope of an activation or of the gain.
  ...leaves.flatMap((path) =>
    WRONG[typeof at(path)]!.filter(
      (value) => !(value === -1e308 && ["slope", "a"].includes(path.at(-1)!)),
    ).map((value) => set(path, value)),
  ),
  ...HOSTILE_NAMES.map((name) => set(["name"], name)),
  ...["__proto__", "constructor", "toString", "<img src=x>", "../x", "a.b"].map(
    (key): Case => ({
      title: `key ${key}`,
      text: `${stringify(SOUND)}${JSON.stringify(key)}: { x: 1 }\n`,
      names: null,
    }),
  ),
  {
    title: "a bomb of aliases",
    text: `a: &a [x, x]\n${Array.from({ length: 9 }, (_, k) => `${"bcdefghij"[k]}: &${"bcdefghij"[k]} [${Array(9).fill(`*${"abcdefghi"[k]}`).join(", ")}]`).join("\n")}\n`,
    names: null,
  },
  { title: "an alias of itself", text: `${stringify(SOUND)}sweep: &s { axes: [*s] }\n`, names: null },
  { title: "a tag", text: `${stringify(SOUND)}x: !!js/function "process.exit()"\n`, names: null },
  { title: "tabs", text: "name: x\nmodel:\n\tkind: dnn\n", names: "YAML" },
  { title: "an open bracket", text: "name: [x\n", names: "YAML" },
  { title: "a list", text: "- 1\n- 2\n", names: null },
  { title: "a word", text: "hello\n", names: null },
  { title: "nothing", text: "", names: null },
  { title: "bytes", text: "\u0000\u0001name: x", names: "not a YAML config" },
  {
    title: "a missing file",
    text: changed(["dataset"], (section, key) => {
      section[key] = { kind: "file", inputs: "../../../nowhere.npy", targets: "<script>.csv" };
    }),
    names: "no such file",
  },
];

/** A sound study with this sweep section. */
const swept = (title: string, sweep: unknown, names: string): Case => ({
  title: `sweep: ${title}`,
  text: stringify({ ...SOUND, sweep }),
  names,
});
const FIGURE = { kind: "curves", name: "loss" };
cases.push(
  swept("no axes", { axes: [] }, "axes"),
  swept("an axis of a word", { axes: ["seed"] }, "axes"),
  swept("a misspelt key", { axis: [{ seed: [0] }] }, "axis"),
  ...["../x", "<script>", "a/b", "", "..", "/etc/passwd"].map((name) =>
    swept(`figure ${name}`, { axes: [{ seed: [0] }], figures: [{ ...FIGURE, name }] }, "name"),
  ),
  swept("an unknown figure", { axes: [{ seed: [0] }], figures: [{ ...FIGURE, kind: "pie" }] }, "kind"),
);

test("there are 200 of them at least", () => {
  expect(cases.length).toBeGreaterThanOrEqual(200);
  expect(new Set(cases.map(({ text }) => text)).size).toBe(cases.length);
});

async function tree(): Promise<string[]> {
  return (await readdir(folder, { recursive: true })).sort();
}

test.each(cases)("$title", async ({ text, names }) => {
  await writeFile(join(work, "study.yaml"), text);
  const before = await tree();
  const said = { out: "", err: "" };
  const hear = (stream: "out" | "err") => (part: string | Uint8Array) => {
    said[stream] += String(part);
    return true;
  };
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation(hear("out"));
  const stderr = vi.spyOn(process.stderr, "write").mockImplementation(hear("err"));
  const cwd = process.cwd();
  process.chdir(work);
  let code: number;
  try {
    code = await runCommandLine(["run", "study.yaml", "--quiet"]);
  } finally {
    process.chdir(cwd);
    stdout.mockRestore();
    stderr.mockRestore();
  }
  expect(code, said.err).toBe(2);
  expect(said.out).toBe("");
  expect(said.err).toMatch(/^gradflow: /);
  expect(said.err).not.toMatch(/ {4}at |unexpected error|\[object|undefined|fault of gradflow/);
  if (names !== null) expect(said.err).toContain(names);
  expect(await tree()).toEqual(before);
});

test("the study that they are made of is sound", async () => {
  await writeFile(join(work, "study.yaml"), stringify(SOUND));
  const stdout = vi.spyOn(process.stdout, "write").mockImplementation(() => true);
  const code = await runCommandLine([
    "run",
    join(work, "study.yaml"),
    "--out",
    join(work, "record"),
    "--quiet",
  ]);
  stdout.mockRestore();
  expect(code).toBe(0);
});
