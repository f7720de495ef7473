/** Who may write a folder: the lock, what breaks it, and what a kill at each call that changes a file leaves of a record. */
import { spawn, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ConfigError, RecordLostError } from "../../src/errors.js";
import { attachFiles } from "../../src/record/attachments.js";
import { lockFolder, thisProcess, type Writer } from "../../src/record/lock.js";
import { claimRecord } from "../../src/record/placement.js";
import { readRecord } from "../../src/record/reader.js";
import { attachSweepFiles, openSweep } from "../../src/record/sweep.js";
import { continueRecord, openRecord } from "../../src/record/writer.js";
import { FACTS, syntheticRecord, syntheticResult } from "./synthetic.js";

const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "gradflow-lock-"));
});
afterEach(() => {
  rmSync(home, { recursive: true, force: true });
});

/** A process that has ended: nobody has its number for a good while. */
const dead = (): number => spawnSync(process.execPath, ["--version"]).pid;

function place(writer: Writer): void {
  mkdirSync(join(home, ".lock"));
  writeFileSync(join(home, ".lock/0000"), JSON.stringify(writer));
}

async function refusal(action: Promise<unknown>): Promise<string> {
  const error = await action.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ConfigError);
  return (error as ConfigError).message;
}

/** Code in a process of its own, over the built program. */
function script(code: string, env: Readonly<Record<string, string>> = {}, preload: readonly string[] = []) {
  return [
    process.execPath,
    [...preload.flatMap((path) => ["--import", path]), "--input-type=module", "-e", code],
    { cwd: REPOSITORY, encoding: "utf8" as const, env: { ...process.env, HOME_: home, ...env } },
  ] as const;
}

describe("a lock", () => {
  it("is for one, and leaves nothing when released", async () => {
    const lock = await lockFolder(home);
    expect(await refusal(lockFolder(home, { patience: 0 }))).toBe(
      `${home}: process ${process.pid} is writing it; wait for it or stop it.`,
    );
    expect(await refusal(lockFolder(home, { patience: 0, force: true }))).toContain("is writing it");
    await lock.release();
    await lock.release();
    expect(readdirSync(home)).toEqual([]);
  });

  it.each<[string, () => Writer]>([
    ["that has ended", () => ({ ...thisProcess(), id: dead() })],
    ["whose number another process has by now", () => ({ ...thisProcess(), start: "1" })],
    ["of before the last boot", () => ({ ...thisProcess(), boot: "another" })],
  ])("of a process %s is broken", async (_, writer) => {
    place(writer());
    await (await lockFolder(home, { patience: 0 })).release();
    expect(readdirSync(home)).toEqual([]);
  });

  it.each<[string, string]>([
    ["on another machine", JSON.stringify({ ...thisProcess(), host: "elsewhere" })],
    ["in another space of process numbers", JSON.stringify({ ...thisProcess(), space: "pid:[1]" })],
    ["that a loss of power left empty", ""],
  ])("%s is taken with force alone", async (_, content) => {
    mkdirSync(join(home, ".lock"));
    writeFileSync(join(home, ".lock/0000"), content);
    const told = await refusal(lockFolder(home, { patience: 0 }));
    expect(told).toContain(
      content.includes("pid:[1]") ? "another container" : content === "" ? "unknown" : "elsewhere",
    );
    expect(told).toContain("take the folder with force: true");
    await (await lockFolder(home, { patience: 0, force: true })).release();
    expect(readdirSync(home)).toEqual([]);
  });

  it("stands for the folder that was locked, not for one that takes its place", async () => {
    const folder = join(home, "a");
    mkdirSync(folder);
    const lock = await lockFolder(folder);
    await lock.check();
    renameSync(folder, join(home, "b"));
    mkdirSync(folder);
    await expect(lock.check()).rejects.toThrow(RecordLostError);
    const other = await lockFolder(folder);
    await lock.release();
    await other.check();
    await other.release();
  });

  it("ten processes that find a dead one's take it in turns", async () => {
    // Each counts up a file that none may touch while another does.
    const code = `import { lockFolder, thisProcess } from "./dist/record/lock.js";
      import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
      const home = process.env.HOME_;
      for (let k = 0; k < 10; k++) {
        const lock = await lockFolder(home, { patience: 1e6 });
        const seen = Number(readFileSync(home + "/count", "utf8"));
        await new Promise((resume) => setTimeout(resume, 1));
        writeFileSync(home + "/count", String(seen + 1));
        // Every other one stays, as if its process had been killed: the next must break it.
        if (k % 2 === 0) await lock.release();
        else {
          // Whole at once, as a real owner's file is: one that is read while it is being written names no process.
          writeFileSync(home + "/killed", JSON.stringify({ ...thisProcess(), id: ${dead()} }));
          renameSync(home + "/killed", home + "/.lock/" + readdirSync(home + "/.lock")[0]);
        }
      }`;
    place({ ...thisProcess(), id: dead() });
    writeFileSync(join(home, "count"), "0");
    const [program, words, options] = script(code);
    const ended = Array.from({ length: 10 }, () => {
      const child = spawn(program, words, { ...options, stdio: ["ignore", "ignore", "inherit"] });
      return new Promise<number | null>((done) => child.on("close", done));
    });
    expect(await Promise.all(ended)).toEqual(Array(10).fill(0));
    expect(readFileSync(join(home, "count"), "utf8")).toBe("100");
  });
});

describe("a record whose folder is replaced while it is written", () => {
  it("writes nothing into the other folder", async () => {
    const folder = join(home, "run");
    const writer = await syntheticRecord({ directory: folder });
    renameSync(folder, join(home, "moved"));
    mkdirSync(folder);
    writeFileSync(join(folder, "manifest.json"), "mine");
    writer.series.append({ t: 1e3 });
    const facts = { gradflow: "0.1.0", t: 0, memory: new Map() };
    await expect(writer.checkpoint(facts)).rejects.toThrow(RecordLostError);
    await expect(writer.array("theta", Float64Array.of(1))).rejects.toThrow(RecordLostError);
    await expect(writer.table("events", ["t"])).rejects.toThrow(RecordLostError);
    await expect(writer.finish(syntheticResult(folder))).rejects.toThrow(RecordLostError);
    await writer.fail(new Error("lost"));
    expect(readdirSync(folder)).toEqual(["manifest.json"]);
    // The rows went where the table is.
    expect((await readRecord(join(home, "moved"))).series.t.at(-1)).toBe(1e3);
  });

  it("gets no figures of the one before", async () => {
    await (await syntheticRecord({ directory: home })).fail("");
    const { manifest } = await readRecord(home);
    await (await syntheticRecord({ directory: home, force: true })).fail("");
    const late = attachFiles(
      home,
      { "figures/loss.svg": "<svg/>" },
      { of: { ...manifest, started: "earlier" } },
    );
    expect(await refusal(late)).toContain("was replaced meanwhile");
  });
});

describe("links and files of other origin in a received record", () => {
  beforeEach(async () => {
    await (await syntheticRecord({ directory: join(home, "run") })).fail("");
    mkdirSync(join(home, "victim"));
  });

  it("a folder that is a link is not followed, and with force becomes a folder", async () => {
    symlinkSync(join(home, "victim"), join(home, "run/figures"));
    const files = { "figures/loss.svg": "<svg/>" };
    expect(await refusal(attachFiles(join(home, "run"), files))).toContain("is a symbolic link");
    await attachFiles(join(home, "run"), files, { force: true });
    expect(readdirSync(join(home, "victim"))).toEqual([]);
    expect(readdirSync(join(home, "run/figures"))).toEqual(["loss.svg"]);
  });

  it("nor are its files removed with the record", async () => {
    await attachFiles(join(home, "run"), { "figures/loss.svg": "<svg/>" });
    writeFileSync(join(home, "victim/loss.svg"), "mine");
    rmSync(join(home, "run/figures"), { recursive: true });
    symlinkSync(join(home, "victim"), join(home, "run/figures"));
    await (await syntheticRecord({ directory: join(home, "run"), force: true })).fail("");
    expect(readFileSync(join(home, "victim/loss.svg"), "utf8")).toBe("mine");
  });

  it("a table that is a link is not cut off", async () => {
    writeFileSync(join(home, "victim/file"), "mine, and long enough for the header of a table".repeat(20));
    const before = readFileSync(join(home, "victim/file"), "utf8");
    rmSync(join(home, "run/series.csv"));
    symlinkSync(join(home, "victim/file"), join(home, "run/series.csv"));
    const checkpoint = {
      gradflow: "0.1.0",
      written: "",
      t: 0,
      tables: { series: 5, descent: 5 },
      memory: new Map(),
    };
    const claim = await claimRecord(join(home, "run"));
    expect(await refusal(continueRecord(join(home, "run"), checkpoint, claim))).toContain("symbolic link");
    expect(readFileSync(join(home, "victim/file"), "utf8")).toBe(before);
  });

  it("a file that is not the record's stays, unless forced", async () => {
    writeFileSync(join(home, "run/report.html"), "mine");
    const files = { "report.html": "<html>" };
    expect(await refusal(attachFiles(join(home, "run"), files))).toContain("is not the record's");
    expect(readFileSync(join(home, "run/report.html"), "utf8")).toBe("mine");
    await attachFiles(join(home, "run"), files, { force: true });
    await attachFiles(join(home, "run"), files);
  });
});

describe("files of other origin in a sweep", () => {
  const files = { "figures/loss.svg": "<svg/>" };
  const sweep = () => join(home, "sweep");
  beforeEach(async () => {
    const facts = {
      ...{ name: "s", study: "s.yaml", folder: home, set: [], multiply: [], command: [], gradflow: "0" },
      ...{ fields: [], figures: [], jobs: [{ name: "a", values: {}, set: [], hash: "0" }] },
    };
    await (await openSweep(sweep(), facts, "")).lock.release();
  });

  it("stay, unless forced; the sweep's own are replaced", async () => {
    mkdirSync(join(sweep(), "figures"));
    writeFileSync(join(sweep(), "figures/loss.svg"), "mine");
    expect(await refusal(attachSweepFiles(sweep(), files))).toContain("is not the sweep's");
    expect(readFileSync(join(sweep(), "figures/loss.svg"), "utf8")).toBe("mine");
    await attachSweepFiles(sweep(), files, true);
    await attachSweepFiles(sweep(), { ...files, "report.html": "" });
    await attachSweepFiles(sweep(), files);
    expect(readdirSync(sweep()).sort()).toEqual(
      ["figures", "report.html", "sweep.files", "sweep.json", "sweep.yaml"].sort(),
    );
  });

  it("cannot be told from its own in a sweep of before there was a list", async () => {
    await attachSweepFiles(sweep(), files);
    rmSync(join(sweep(), "sweep.files"));
    await attachSweepFiles(sweep(), files);
    expect(readFileSync(join(sweep(), "sweep.files"), "utf8")).toBe("figures/loss.svg\n");
  });

  it("a folder that is a link is not followed", async () => {
    mkdirSync(join(home, "victim"));
    symlinkSync(join(home, "victim"), join(sweep(), "figures"));
    expect(await refusal(attachSweepFiles(sweep(), files))).toContain("is a symbolic link");
    expect(readdirSync(join(home, "victim"))).toEqual([]);
  });
});

describe("a record that replaces another", () => {
  const PRELOAD = join(REPOSITORY, "scripts/attack/kill-at.js");
  /** Opens a record over the old one, writes into it and ends it. */
  const CODE = `import { openRecord } from "./dist/record/writer.js";
    const directory = process.env.HOME_ + "/run";
    const writer = await openRecord({ directory, force: true, config: { name: "new" }, configText: "name: new", manifest: ${JSON.stringify(FACTS)} });
    writer.series.append({ t: 1 });
    await writer.checkpoint({ gradflow: "0.1.0", t: 1, memory: new Map() });
    await writer.finish(${JSON.stringify(syntheticResult("run"))}, async () => []);`;

  /** Leaves an ended record named `two-widths` in run/. */
  async function placeOld(): Promise<void> {
    if (!existsSync(join(home, "old"))) {
      const writer = await syntheticRecord({ directory: join(home, "old") });
      await attachFiles(join(home, "old"), { "figures/loss.svg": "<svg/>" });
      await writer.finish(syntheticResult(join(home, "old")));
    }
    rmSync(join(home, "run"), { recursive: true, force: true });
    cpSync(join(home, "old"), join(home, "run"), { recursive: true });
  }

  it("killed before any call that changes a file, leaves the old one or the new one", async () => {
    const seen = new Set<string>();
    // scripts/attack/kills.js tries every call.
    for (let at = 1; ; at += 3) {
      await placeOld();
      const { signal, status, stderr } = spawnSync(
        ...script(CODE, { KILL_BELOW: "run", KILL_AT: String(at) }, [PRELOAD]),
      );
      const { config, manifest, series, result } = await readRecord(join(home, "run"));
      if (signal === null) {
        expect(status, stderr).toBe(0);
        break;
      }
      if (config["name"] === "two-widths")
        expect([series.t.length, result?.status]).toEqual([201, "reachedEnd"]);
      else {
        expect([config["name"], series.t.length <= 1]).toEqual(["new", true]);
        // Checkpoints go only where the run has ended.
        const hasCheckpoint = readdirSync(join(home, "run")).some((name) => /^checkpoint/.test(name));
        if (series.t.length === 1 && manifest.status === "running" && result !== null)
          expect(hasCheckpoint).toBe(true);
        if (manifest.status === "reachedEnd") expect(result).not.toBeNull();
      }
      seen.add(`${config["name"]} ${manifest.status}`);
      // Whatever a kill left is put right by who comes next.
      await (
        await openRecord({
          directory: join(home, "run"),
          force: true,
          config: {},
          configText: null,
          manifest: FACTS,
        })
      ).fail("");
      expect(readdirSync(join(home, "run")).filter((name) => name.startsWith("."))).toEqual([]);
    }
    expect([...seen].sort()).toEqual(["new reachedEnd", "new running", "two-widths reachedEnd"]);
  });

  it("leaves the old one where the disk fills up before it has begun", async () => {
    for (let at = 1; ; at++) {
      await placeOld();
      const { stderr, status } = spawnSync(
        ...script(CODE, { KILL_BELOW: "run", KILL_AT: String(at), FAIL_WITH: "ENOSPC" }, [PRELOAD]),
      );
      const { config, series } = await readRecord(join(home, "run"));
      if (config["name"] === "new") {
        // All calls up to the flip were tried.
        expect(at).toBeGreaterThan(5);
        break;
      }
      expect(status).toBe(1);
      expect(stderr).toContain("no space left on the device");
      expect(series.t.length).toBe(201);
      expect(readdirSync(join(home, "run")).filter((name) => name.startsWith("."))).toEqual([]);
    }
  });
});
