// The numbers that README and docs quote of their own commands: where they stand on a page, and what the command gives now. quotes.js is
// the list. A `#` in a quoted text stands for a number of the page; one agrees to half a unit of its last digit, or, where it counts what
// rounding may move (`near`), to two per cent.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** What rounding may move of a number of gradients: it differs between processors and moves a step now and then. */
const COUNTING = 0.02;
const NUMBER =
  "([-−]?\\d{1,3}(?: \\d{3})+(?!\\d|\\.\\d)|[-−]?\\d+(?:\\.\\d+)?(?:e[-+]?\\d+|(?: ?·) ?10[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+)?)";
const SUPERSCRIPTS = "⁰¹²³⁴⁵⁶⁷⁸⁹";

/**
 * @typedef {object} Entry
 * @property {string} page
 * @property {string} command as it stands on the page
 * @property {string} [label] tells entries of one command apart
 * @property {boolean} [quick] the suite runs it
 * @property {boolean} [long] only --hours runs it
 * @property {string[]} [also] the command once more with other options, for the reader's next arguments
 * @property {(page: string, folder: string) => string} [write] makes the study that the page writes
 * @property {[text: string, read: (...outs: any[]) => any][]} [says]
 * @property {Table[]} [tables]
 *
 * Rows of the page whose cells `key` are those of a row that the command prints; `counts` are columns of gradients.
 * @typedef {object} Table
 * @property {string} header of the page's table
 * @property {string} [theirs] of the command's, where it is another
 * @property {number[]} key
 * @property {number[]} columns to be compared
 * @property {number[]} [counts]
 * @property {RegExp} [others] first cells of rows that are not ours to hold: they want programs that may be absent
 *
 * @typedef {{ value: number, within?: number }} Value
 */

/** A value that counts gradients. */
export const near = (value) => ({ value, within: COUNTING });

const flat = (text) => text.replace(/\s+/g, " ").trim();
const escaped = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

/** The value of a quoted number, and the unit of its last digit; the zeros that end a large round number are no digits. */
export function readNumber(text) {
  const plain = text
    .replace("−", "-")
    .replace(
      /(?: ?·) ?10(.*)$/,
      (_, power) => `e${[...power].map((c) => (c === "⁻" ? "-" : SUPERSCRIPTS.indexOf(c))).join("")}`,
    )
    .replaceAll(" ", "");
  const [mantissa, exponent = "0"] = plain.split("e");
  const decimals = mantissa.split(".")[1]?.length ?? 0;
  const zeros = decimals === 0 && mantissa.length > 3 ? /0*$/.exec(mantissa)[0].length : 0;
  return { value: Number(plain), unit: 10 ** (Number(exponent) - decimals + zeros) };
}

/** The numbers that stand for `#` in a text of the page. */
export function findQuoted(page, text) {
  const pattern = new RegExp(flat(text).split("#").map(escaped).join(NUMBER), "gu");
  const found = [...flat(page).matchAll(pattern)];
  if (found.length !== 1) throw new Error(`"${text}" stands ${found.length} times on the page, not once`);
  return found[0].slice(1);
}

const ownRows = (text, { header, others }) => tableRows(text, header).filter((row) => !others?.test(row[0]));

/** Rows of the Markdown tables of a text whose header begins with `header`, as cells. */
export function tableRows(text, header) {
  const lines = text.split("\n");
  return lines.flatMap((line, i) => {
    if (!flat(line).startsWith(flat(header))) return [];
    const end = lines.findIndex((other, k) => k > i && !other.startsWith("|"));
    return lines.slice(i + 2, end < 0 ? undefined : end).map((row) =>
      row
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
  });
}

/**
 * What a page says of an entry. @throws where a text of the entry is not there
 * @param {Entry} entry
 * @returns {{ text: string, numbers: string[] }[]}
 */
export function readPage({ page, command, says = [], tables = [] }) {
  const text = readFileSync(join(ROOT, page), "utf8");
  if (!flat(text.replaceAll("\\\n", "")).includes(flat(command)))
    throw new Error(`${page} has no command ${command}`);
  return [
    ...says.map(([quoted]) => ({ text: quoted, numbers: findQuoted(text, quoted) })),
    ...tables.flatMap((table) =>
      ownRows(text, table).map((row) => ({
        text: row.join(" | "),
        numbers: table.columns.flatMap((column) => row[column].match(new RegExp(NUMBER, "gu")) ?? []),
      })),
    ),
  ];
}

/**
 * What the command gives for each number of the page, in the same order.
 * @param {Entry} entry
 * @returns {Value[]}
 */
export function measure(entry, folder) {
  const page = readFileSync(join(ROOT, entry.page), "utf8");
  const study = entry.write?.(page, folder);
  const outs = ["", ...(entry.also ?? [])].map((more, i) =>
    execute(`${entry.command} ${more}`, join(folder, `out-${i}`), study),
  );
  const values = entry.says?.flatMap(([, read]) => [read(...outs)].flat()) ?? [];
  for (const table of entry.tables ?? []) {
    const { header, key, columns, counts = [], theirs = header } = table;
    const rows = tableRows(outs[0].text, theirs);
    const taken = new Set();
    for (const row of ownRows(page, table)) {
      const same = rows.findIndex((other, i) => !taken.has(i) && key.every((k) => other[k] === row[k]));
      taken.add(same);
      for (const column of columns) {
        const quoted = row[column].match(new RegExp(NUMBER, "gu")) ?? [];
        const given = rows[same]?.[column].match(new RegExp(NUMBER, "gu")) ?? [];
        quoted.forEach((_, i) => {
          const value = given[i] === undefined ? Number.NaN : readNumber(given[i]).value;
          values.push(counts.includes(column) ? near(value) : value);
        });
      }
    }
  }
  return values.map((value) => (typeof value === "object" && value !== null ? value : { value }));
}

/**
 * Sentences about the numbers that do not agree.
 * @param {{ text: string, numbers: string[] }[]} quotes
 * @param {Value[]} values
 * @returns {string[]}
 */
export function disagreements(quotes, values) {
  const numbers = quotes.flatMap(({ text, numbers: found }) => found.map((number) => ({ text, number })));
  if (numbers.length !== values.length)
    return [`the page quotes ${numbers.length} numbers, and ${values.length} were measured: measure again`];
  return numbers.flatMap(({ text, number }, i) => {
    const { value: quoted, unit } = readNumber(number);
    const { value, within = 0 } = values[i];
    const allowed = Math.max(0.5 * unit * (1 + 1e-9), within * Math.abs(quoted));
    return Math.abs(value - quoted) <= allowed ? [] : [`"${text}" quotes ${number}, it is ${value}`];
  });
}

export const nameOf = ({ page, command, label = "" }) =>
  `${page}: ${command}${label === "" ? "" : ` (${label})`}`;

/**
 * @param {string} line
 * @returns {string[]} words of a command line as a shell reads them: quotes taken off, comment left out
 */
export function wordsOf(line) {
  const words = line.replace(/\s#.*$/, "").match(/(?:'[^']*'|"[^"]*"|[^\s'"])+/g) ?? [];
  return words.map((word) => word.replace(/'([^']*)'|"([^"]*)"/g, (_, a, b) => a ?? b));
}

/** Runs it; of a run its result and tables, of a sweep those of its runs, of a script its text. */
function execute(line, out, study) {
  const words = wordsOf(
    line
      .replace(/^npm run build && /, "")
      .replace(/&&.*$/, "")
      .replace(/^npm start/, "npx gradflow run configs/quickstart.yaml"),
  );
  const [program, first, ...rest] = words.filter((word) => word !== "gradflow");
  if (program === "node") return { text: scriptOutput([first, ...rest]) };
  const kept = [];
  for (let i = 0; i < rest.length; i++) {
    if (rest[i] === "--out") i++;
    else if (rest[i] !== "--json") kept.push(rest[i]);
  }
  if (study !== undefined) kept[0] = study;
  // No number is read off a figure.
  if (["run", "sweep"].includes(first)) kept.push("--set", "figure.draw=false");
  // stability writes nothing.
  const place = first === "stability" ? [] : ["--out", out];
  const text = spawn([join(ROOT, "bin/gradflow.js"), first, ...kept, ...place, "--json", "--quiet"], ROOT);
  return first === "sweep" ? readSweep(out) : readRun(out, JSON.parse(text));
}

const outputs = new Map();

/** Several pages may quote one script. */
function scriptOutput(words) {
  const line = words.join(" ");
  if (!outputs.has(line)) outputs.set(line, spawn(words));
  return outputs.get(line);
}

function spawn(words) {
  const { status, stdout, stderr } = spawnSync(process.execPath, words, {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 1e8,
  });
  // 1 is an end by numbers, which a page may be about.
  if (status !== 0 && status !== 1)
    throw new Error(`node ${words.join(" ")} ended with ${status}: ${stderr}`);
  return stdout;
}

function readRun(folder, result) {
  return {
    ...result,
    /** Rows of one of its tables, numbers where they are such. */
    table: (name) => {
      const [head, ...rows] = readFileSync(join(folder, `${name}.csv`), "utf8")
        .trim()
        .split("\n");
      const names = head.split(",");
      const read = (cell) => (cell === "" || Number.isNaN(Number(cell)) ? cell : Number(cell));
      return rows.map((row) => Object.fromEntries(row.split(",").map((cell, i) => [names[i], read(cell)])));
    },
    get config() {
      return JSON.parse(readFileSync(join(folder, "config.resolved.json"), "utf8"));
    },
    /** θ of its k-th snapshot (measure.parameters). */
    snapshot: (k) => readTheta(join(folder, `parameters-flow-${k}.npy`), result.parameters),
    get theta() {
      return readTheta(join(folder, "theta.npy"), result.parameters);
    },
    perTarget: result.parameters / (result.samples * result.outputs),
  };
}

export function readTheta(file, parameters) {
  const bytes = readFileSync(file);
  return new Float64Array(
    bytes.buffer.slice(bytes.byteOffset + bytes.length - 8 * parameters, bytes.byteOffset + bytes.length),
  );
}

/** The runs of a sweep by the names of their folders, and those whose names contain all of some words, by P/nM. */
function readSweep(folder) {
  const runs = {};
  for (const name of readdirSync(folder)) {
    const file = join(folder, name, "result.json");
    if (existsSync(file)) runs[name] = readRun(join(folder, name), JSON.parse(readFileSync(file, "utf8")));
  }
  return {
    runs,
    where: (...words) =>
      Object.entries(runs)
        .filter(([name]) => words.every((word) => `_${name}_`.includes(`_${word}_`)))
        .map(([, run]) => run)
        .sort((p, q) => p.perTarget - q.perTarget),
  };
}

/** Makes the files of the page's block that writes `name`, the arrays without Python, and returns the study's path. */
export function writeBlock(page, name, folder) {
  const block = page
    .split("```sh\n")
    .find((part) => part.includes(`cat > ${name} <<END`))
    .split("```")[0];
  for (const line of block.split("\n").filter((each) => each.startsWith("printf")))
    spawnSync("sh", ["-c", line], { cwd: folder });
  for (const [, file, values] of block.matchAll(/numpy\.save\('(.*?)', (\[.*?\])\)/g))
    writeVector(join(folder, file), JSON.parse(values));
  writeFileSync(join(folder, name), /<<END\n(.*?)END\n/s.exec(block)[1]);
  return join(folder, name);
}

function writeVector(file, values) {
  const head = `{'descr': '<f8', 'fortran_order': False, 'shape': (${values.length},), }`;
  const padded = `${head.padEnd(64 * Math.ceil((head.length + 11) / 64) - 11)}\n`;
  const size = Buffer.from([padded.length & 255, padded.length >> 8]);
  const magic = Buffer.from("\x93NUMPY\x01\x00", "latin1");
  writeFileSync(
    file,
    Buffer.concat([
      magic,
      size,
      Buffer.from(padded, "latin1"),
      Buffer.from(Float64Array.from(values).buffer),
    ]),
  );
}
