import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { describeError } from "../../src/cli/exit.js";
import { readNpy } from "../../src/data/npy.js";
import { ConfigError } from "../../src/errors.js";
import { attachFiles } from "../../src/record/attachments.js";
import { readRecord } from "../../src/record/reader.js";
import { createTable, formatTable, readCells, readTable } from "../../src/record/table.js";
import { openRecord } from "../../src/record/writer.js";
import { FACTS, syntheticRecord, syntheticResult } from "./synthetic.js";

let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "gradflow-record-"));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

const minimal = { config: { name: "a" }, configText: "name: a", manifest: FACTS };

async function refusal(action: Promise<unknown>): Promise<string> {
  const error = await action.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return (error as ConfigError).message;
}

describe("a record's life", () => {
  it("holds all that was written", async () => {
    const directory = join(home, "runs", "one");
    const writer = await syntheticRecord({ directory });
    expect((await readRecord(directory)).manifest).toMatchObject({
      status: "running",
      finished: null,
      seed: 0,
    });
    const theta = Float64Array.of(1 / 3, -0, 5e-324);
    await writer.array("theta0", theta);
    await writer.array("theta", theta);
    await writer.array("theta", Float64Array.of(1, 2));
    const result = syntheticResult(directory);
    await writer.finish(result);

    const record = await readRecord(directory);
    expect(record.manifest.status).toBe("reachedEnd");
    expect(Date.parse(record.manifest.finished ?? "")).toBeGreaterThanOrEqual(
      Date.parse(record.manifest.started),
    );
    expect(record.result).toEqual(result);
    expect(record.config["name"]).toBe("two-widths");
    expect(record.series.t.length).toBe(201);
    expect(record.series.energyDefect[0]).toBeNaN();
    expect(record.series.acceptedSteps[200]).toBe(200);
    expect(new Set(record.descent.learningRate)).toEqual(new Set([0.05, 0.5, 2.4]));
    expect(Array.from((await readNpy(join(directory, "theta.npy"))).data)).toEqual([1, 2]);
    expect(readFileSync(join(directory, "config.yaml"), "utf8")).toBe(
      "name: two-widths # as typed\nflow: { rtol: 1e-6 }\n# Overrides of this run:\n#   --set flow.rtol=1e-6\n",
    );
    expect(readdirSync(directory).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  it("holds the pieces at the start and the boundary events, where they were watched", async () => {
    const writer = await syntheticRecord({ directory: home });
    expect(await readRecord(home)).toMatchObject({ events: null, pieces0: null });
    await writer.array("pieces0", Float64Array.of(0, 1, 0.25));
    const columns = ["t", "kind", "layer", "sample", "unit", "breakpoint", "side", "sliding"] as const;
    const table = await writer.table("events", columns);
    expect((await readRecord(home)).events).toEqual([]);
    const event = {
      t: 0.1,
      kind: "entersSliding",
      layer: 1,
      sample: 0,
      unit: 2,
      breakpoint: 0,
      side: "below",
    };
    table.append({ ...event, sliding: 3 });
    const { events, pieces0 } = await readRecord(home);
    expect(events).toEqual([{ ...event, sliding: 3 }]);
    expect(Array.from(pieces0 ?? [])).toEqual([0, 1, 0.25]);
    table.append({ ...event, kind: "jumps", sliding: 3 });
    expect(await refusal(readRecord(home))).toBe(
      `${join(home, "events.csv")}: kind in row 2 must be crossing or entersSliding or leavesSliding, got "jumps"; restore it or run again.`,
    );
  });

  it("gives equal bytes for equal runs", async () => {
    const [one, two] = [join(home, "1"), join(home, "2")];
    for (const directory of [one, two]) (await syntheticRecord({ directory })).series.close();
    expect(readFileSync(join(one, "series.csv"))).toEqual(readFileSync(join(two, "series.csv")));
  });

  it("notes why a run failed", async () => {
    const writer = await openRecord({ directory: home, ...minimal });
    await writer.fail("the engine went away");
    expect((await readRecord(home)).manifest).toMatchObject({
      status: "failed",
      failure: "the engine went away",
    });
  });

  it("keeps an override from leaving its comment", async () => {
    const writer = await openRecord({ directory: home, ...minimal, overrides: ["name=a\nflow: 1"] });
    await writer.fail("");
    const lines = readFileSync(join(home, "config.yaml"), "utf8").trimEnd().split("\n");
    expect(lines.filter((line) => !line.startsWith("#"))).toEqual(["name: a"]);
  });
});

describe("a killed run", () => {
  it("is read up to its last whole row", async () => {
    await syntheticRecord({ directory: home });
    const path = join(home, "series.csv");
    truncateSync(path, readFileSync(path).length - 3); // cuts a number short; it would still parse
    const record = await readRecord(home);
    expect(record.series.t.length).toBe(200);
    expect(record.result).toBeNull();
  });

  it("is read when only the header began", async () => {
    await syntheticRecord({ directory: home });
    writeFileSync(join(home, "series.csv"), "t,canon");
    rmSync(join(home, "descent.csv"));
    const record = await readRecord(home);
    expect(record.series.loss.length).toBe(0);
    expect(record.descent.step.length).toBe(0);
  });

  it("leaves every appended row after SIGKILL", async () => {
    const code = `import { appendFileSync, openSync } from "node:fs";
      const file = openSync(process.argv[1], "ax");
      appendFileSync(file, "t\\n"); for (let k = 0; ; k++) { appendFileSync(file, k + "\\n"); if (k === 99) process.kill(process.pid, "SIGKILL"); }`;
    const path = join(home, "t.csv");
    expect(spawnSync(process.execPath, ["--input-type=module", "-e", code, path]).signal).toBe("SIGKILL");
    expect((await readTable(path)).length).toBe(100); // the very calls that createTable makes
  });

  it("can be replaced, with what its temporary files left", async () => {
    await (await syntheticRecord({ directory: home })).fail("");
    const { pid } = spawnSync(process.execPath, ["--version"]);
    const left = join(home, `.result.json.${pid}-0123456789ab.tmp`);
    writeFileSync(left, "{");
    await (await openRecord({ directory: home, force: true, ...minimal })).fail("");
    expect(existsSync(left)).toBe(false);
  });
});

describe("an occupied folder", () => {
  it("is refused, and untouched, without force", async () => {
    const writer = await syntheticRecord({ directory: home });
    await writer.finish(syntheticResult(home));
    const before = readdirSync(home).map((name) => [name, readFileSync(join(home, name), "utf8")]);
    const error = await openRecord({ directory: home, ...minimal }).catch((reason) => reason);
    // Who called a function reads the function's options, who typed a command the command's.
    expect(error.message).toBe(
      `${home}: already holds a record; use force: true to replace it, or choose another directory.`,
    );
    expect(describeError(error).text).toBe(
      `gradflow: ${home}: already holds a record; use --force to replace it, or choose another folder with --out.`,
    );
    expect(readdirSync(home).map((name) => [name, readFileSync(join(home, name), "utf8")])).toEqual(before);
  });

  it("loses with force the record's files and no others", async () => {
    const writer = await syntheticRecord({ directory: home });
    (await writer.table("events", ["t", "kind"])).append({ t: 1, kind: "crossing" });
    await writer.array("checkpoint", Float64Array.of(1));
    await writer.finish(syntheticResult(home));
    await attachFiles(home, { "figures/loss.svg": "<svg/>", "figures/gap.svg": "<svg/>" });
    writeFileSync(join(home, "notes.txt"), "mine");
    writeFileSync(join(home, "figures", "mine.png"), "mine");
    const again = await openRecord({ directory: home, force: true, ...minimal });
    await again.fail("");
    expect(readdirSync(home).sort()).toEqual(
      [
        "config.resolved.json",
        "config.yaml",
        "descent.csv",
        "figures",
        "manifest.json",
        "notes.txt",
        "series.csv",
      ].sort(),
    );
    expect(readdirSync(join(home, "figures"))).toEqual(["mine.png"]);
    expect((await readRecord(home)).result).toBeNull();
  });

  it("never loses a file outside through a doctored manifest", async () => {
    const directory = join(home, "run");
    await (await openRecord({ directory, ...minimal })).fail("");
    const victim = join(home, "victim");
    writeFileSync(victim, "mine");
    const path = join(directory, "manifest.json");
    const manifest = JSON.parse(readFileSync(path, "utf8"));
    writeFileSync(
      path,
      JSON.stringify({ ...manifest, files: ["../victim", victim, "a/../../victim", "manifest.json"] }),
    );
    expect(await refusal(openRecord({ directory, force: true, ...minimal }))).toContain(
      'files.0 must be a path inside the folder, got "../victim"',
    );
    expect(readFileSync(victim, "utf8")).toBe("mine");
  });

  it("is refused even with force where its files are not gradflow's", async () => {
    writeFileSync(join(home, "config.yaml"), "mine");
    expect(await refusal(openRecord({ directory: home, force: true, ...minimal }))).toContain(
      "holds config.yaml but",
    );
    writeFileSync(join(home, "manifest.json"), `{"name":"a web app"}`);
    expect(await refusal(openRecord({ directory: home, force: true, ...minimal }))).toContain(
      "not written by gradflow",
    );
    expect(readdirSync(home).sort()).toEqual(["config.yaml", "manifest.json"]);
  });

  it("admits one of two runs that start at once", async () => {
    const outcomes = await Promise.allSettled([1, 2].map(() => openRecord({ directory: home, ...minimal })));
    expect(outcomes.map((outcome) => outcome.status).sort()).toEqual(["fulfilled", "rejected"]);
    expect((await readRecord(home)).config["name"]).toBe("a");
  });
});

describe("a folder that cannot be written", () => {
  it("is named, with the cause and a remedy", async () => {
    writeFileSync(join(home, "file"), "");
    const below = join(home, "file", "run");
    expect(await refusal(openRecord({ directory: below, ...minimal }))).toBe(
      `${below}: cannot be written (part of its path is a file, not a folder); choose an output folder that can be written.`,
    );
    expect(await refusal(openRecord({ directory: join(home, "file"), ...minimal }))).toContain("is a file");
  });

  it.skipIf(process.getuid?.() === 0 || process.platform === "win32")(
    "is refused for want of permission",
    async () => {
      chmodSync(home, 0o500);
      expect(await refusal(openRecord({ directory: join(home, "run"), ...minimal }))).toContain(
        "permission denied",
      );
      chmodSync(home, 0o700);
    },
  );

  it("leaves nothing behind when opening fails half-way", async () => {
    const circular: Record<string, unknown> = {};
    circular["self"] = circular;
    const directory = join(home, "a", "b");
    await refusal(openRecord({ directory, ...minimal, config: circular }));
    expect(readdirSync(home)).toEqual([]);
  });
});

describe("reading", () => {
  it("refuses a folder that is no record", async () => {
    expect(await refusal(readRecord(home))).toBe(
      `${home}: is not a record (it has no manifest.json); name the folder of a run.`,
    );
    expect(await refusal(readRecord(join(home, "none")))).toContain("is not a record");
  });

  it("takes a result from before measures and momentum for one that has neither", async () => {
    const writer = await syntheticRecord({ directory: home });
    await writer.finish(syntheticResult(home));
    const path = join(home, "result.json");
    const { measured: _, measures: __, notSquared: ___, ...older } = JSON.parse(readFileSync(path, "utf8"));
    const bare = older.descent.map((run: Record<string, unknown>) => {
      const { law, momentum, largestGap, measured, ...left } = run;
      return left;
    });
    writeFileSync(path, JSON.stringify({ ...older, descent: bare }));
    const { result } = await readRecord(home);
    expect(result).toMatchObject({ measured: {}, measures: [], loss: older.loss });
    expect(bare.length).toBeGreaterThan(0);
    expect(result!.descent).toEqual(
      bare.map((run: object) => ({ ...run, law: "gradient", momentum: 0, largestGap: null, measured: {} })),
    );
  });

  it("names a damaged file", async () => {
    await syntheticRecord({ directory: home });
    writeFileSync(join(home, "result.json"), "{ half");
    expect(await refusal(readRecord(home))).toContain("result.json: is not valid JSON");
    rmSync(join(home, "result.json"));
    appendFileSync(join(home, "series.csv"), "1,2\n");
    expect(await refusal(readRecord(home))).toContain("series.csv: is not a readable table");
  });
});

describe("a table", () => {
  it("returns every float64 as it was", async () => {
    const numbers = [
      0.1 + 0.2,
      5e-324,
      1.7976931348623157e308,
      -0,
      1 / 3,
      -1e21,
      Number.POSITIVE_INFINITY,
      123456789012345680,
    ];
    const table = createTable(join(home, "t.csv"), ["x"]);
    for (const x of numbers) table.append({ x });
    table.close();
    table.close();
    expect(Array.from((await readTable(table.path)).values["x"]!)).toEqual(numbers);
    expect(() => table.append({ x: 1 })).toThrow("after the table was closed");
  });

  it("writes a missing value as an empty cell and quotes text", async () => {
    const text = formatTable(["a", "b", "c"], [{ a: null, b: 'say "a, b"', c: true }, { b: "two\nlines" }]);
    expect(text).toBe('a,b,c\n,"say ""a, b""",true\n,two lines,\n');
    mkdirSync(join(home, "x"));
    writeFileSync(join(home, "x", "t.csv"), text);
    expect((await readCells(join(home, "x", "t.csv")))?.rows[0]).toEqual(["", 'say "a, b"', "true"]);
  });

  it("has no cell that a spreadsheet takes for a formula, and leaves numbers as they are", () => {
    const cells = ["=1+2", "+x", "-x", "@x", "\tx", "-1", "-Infinity", -1, -0, "a=b"];
    expect(
      formatTable(
        ["a"],
        cells.map((a) => ({ a })),
      ),
    ).toBe(`a\n"'=1+2"\n"'+x"\n"'-x"\n"'@x"\n"'\tx"\n-1\n-Infinity\n-1\n-0\na=b\n`);
  });

  it("knows its columns and its file", () => {
    const table = createTable(join(home, "t.csv"), ["a"]);
    expect(() => table.append({ b: 1 } as never)).toThrow(TypeError);
    table.close();
    expect(() => createTable(join(home, "t.csv"), ["a"])).toThrow(ConfigError);
    expect(() => createTable(join(home, "none", "t.csv"), ["a"])).toThrow(ConfigError);
  });
});
