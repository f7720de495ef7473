/**
 * The numbers that README and docs quote of their own commands (scripts/bench/quotes.js): quick commands are run again, pages of the
 * others are held to what `node scripts/bench/quotes.js --write` measured last. And every command on the pages can be typed as it stands.
 */
import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { QUOTES, STORE, UNQUOTED } from "../../scripts/bench/quotes.js";
import {
  disagreements,
  measure,
  nameOf,
  ROOT,
  readNumber,
  readPage,
  wordsOf,
} from "../../scripts/bench/quoting.js";
import { parseCommandLine } from "../../src/cli/program.js";
import { loadConfig } from "../../src/config/load.js";
import { loadSweep } from "../../src/config/load-sweep.js";

type Value = ReturnType<typeof measure>[number];

const stored = JSON.parse(readFileSync(STORE, "utf8")) as Record<string, (number | Value)[] | undefined>;

describe("numbers are read with the digits that they are written with", () => {
  it.each([
    ["1 702", 1702, 1],
    ["37 900", 37900, 100],
    ["0.0020", 0.002, 1e-4],
    ["2.8e-6", 2.8e-6, 1e-7],
    ["1.2·10⁻³", 1.2e-3, 1e-4],
    ["−0.5", -0.5, 0.1],
  ])("%s", (text, value, unit) => {
    const read = readNumber(text);
    expect(read.value).toBeCloseTo(value, 12);
    expect(read.unit / unit).toBeCloseTo(1, 9);
  });

  it("and another last digit is another number", () => {
    const quotes = [{ text: "falls to #", numbers: ["0.0020"] }];
    expect(disagreements(quotes, [{ value: 0.00204 }])).toEqual([]);
    expect(disagreements(quotes, [{ value: 0.0021 }])).toEqual(['"falls to #" quotes 0.0020, it is 0.0021']);
  });
});

describe("quoted numbers are those of their commands", () => {
  for (const entry of QUOTES.filter(({ quick }) => quick === true)) {
    it(nameOf(entry), async () => {
      const folder = await mkdtemp(join(tmpdir(), "gradflow-quotes-"));
      try {
        expect(disagreements(readPage(entry), measure(entry, folder))).toEqual([]);
      } finally {
        await rm(folder, { recursive: true });
      }
    });
  }

  for (const entry of QUOTES.filter(({ quick }) => quick !== true)) {
    it(`${nameOf(entry)}, as last measured`, () => {
      const quotes = readPage(entry);
      const values = stored[nameOf(entry)];
      expect(quotes.length).toBeGreaterThan(0);
      // Of what takes hours the values were measured before this file was there: the texts alone are held.
      if (values !== undefined)
        expect(
          disagreements(
            quotes,
            values.map((value) => (typeof value === "number" ? { value } : value)),
          ),
        ).toEqual([]);
    });
  }
});

/** Commands of a page: lines of its shell blocks, and what stands in backquotes. */
function commandsOf(text: string): string[] {
  const joined = text.replaceAll("\\\n", " ");
  const blocks = [...joined.matchAll(/```sh\n(.*?)```/gs)].flatMap(([, block]) => block!.split("\n"));
  const inline = [...joined.replace(/```.*?```/gs, "").matchAll(/`([^`\n]+)`/g)].map(([, code]) => code!);
  return [...blocks, ...inline]
    .flatMap((line) => line.split(/&&|\||;/))
    .map((line) => line.replace(/\s#.*$/, "").trim())
    .filter((line) => /^(npx )?gradflow [a-z]|^(PYTHON=\S+ )?node scripts|^npm run/.test(line));
}

const pages = [
  "README.md",
  ...(await readdir("docs")).filter((name) => name.endsWith(".md")).map((name) => `docs/${name}`),
];

/** A script, or a study of the repository: what others can run again. */
const computes = (command: string) =>
  !command.includes("bench/quotes.js") &&
  wordsOf(command).some((word) => /^(scripts|configs|test)\//.test(word) && existsSync(join(ROOT, word)));

it.each(pages)("every command that %s can have numbers of is held to them, or says why not", async (page) => {
  const commands = commandsOf(await readFile(page, "utf8")).filter(computes);
  const held = QUOTES.filter((entry) => entry.page === page).map(({ command }) => command);
  const excused = UNQUOTED.filter((entry) => entry.page === page).map(({ command }) => command);
  const flat = (line: string) => line.replace(/\s+/g, " ");
  const isHeld = (line: string) => held.some((command) => flat(command).includes(flat(line)));
  const isExcused = (line: string) => excused.some((command) => line.startsWith(command));
  expect(commands.filter((line) => !isHeld(line) && !isExcused(line))).toEqual([]);
  // No excuse outlives its command.
  expect(excused.filter((command) => !commands.some((line) => line.startsWith(command)))).toEqual([]);
});

describe("every command on the pages can be typed", async () => {
  const { scripts } = JSON.parse(await readFile("package.json", "utf8")) as {
    scripts: Record<string, string>;
  };
  it.each(pages)("%s", async (page) => {
    const commands = commandsOf(await readFile(page, "utf8"));
    if (page === "README.md") expect(commands.length).toBeGreaterThan(10);
    for (const command of commands) {
      const words = wordsOf(command.replace(/ > .*$/, "")).filter((word) => word !== "npx");
      if (words[0]!.startsWith("PYTHON=")) words.shift();
      if (words[0] === "node") expect(existsSync(join(ROOT, words[1]!)), command).toBe(true);
      else if (words[0] === "npm") expect(scripts, command).toHaveProperty([words[2]!]);
      else await typed(words.slice(1), command);
    }
  });
});

/** The words are a command with its options, and a study of the repository that they name takes their values. */
async function typed(words: readonly string[], command: string): Promise<void> {
  // `gradflow ntk` names a command; `gradflow run …` begins one.
  const asked =
    words.length === 1 ? [...words, "--help"] : words.map((word) => (word === "…" ? "study.yaml" : word));
  const options: string[] = [];
  const set: string[] = [];
  const multiply: string[] = [];
  for (let i = 1; i < asked.length; i++) {
    if (asked[i] === "--set") set.push(asked[++i]!);
    else if (asked[i] === "-m") multiply.push(asked[++i]!);
    else options.push(asked[i]!);
  }
  if (words.length === 1) {
    const { getHelp } = await parseCommandLine([words[0]!]).then(
      () => ({ getHelp: true }),
      (error: Error) => ({ getHelp: /is missing/.test(error.message) }),
    );
    expect(getHelp, command).toBe(true);
    return;
  }
  await expect(parseCommandLine(asked), command).resolves.toBeTypeOf("function");
  const study = options.find((word) => word.endsWith(".yaml"));
  if (study === undefined || !existsSync(join(ROOT, study))) return;
  if (words[0] === "sweep") await loadSweep(join(ROOT, study), { set, multiply });
  else await loadConfig(join(ROOT, study), { set });
}
