import type { ChildProcess } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterEach, expect, it } from "vitest";
import { readNpy } from "../../src/data/npy.js";
import { readRecord } from "../../src/record/reader.js";
import type { RunResult } from "../../src/record/result.js";
import { start, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();
/** Long enough that no machine reaches its end before the signal. */
const study = await writeStudy(folder, "long.yaml", {
  "rtol: 1e-8, atol: 1e-10, tEnd: 2": "rtol: 1e-12, atol: 1e-14, maxStep: 1e-3, tEnd: 1e6",
  "at: linear, points: 20": "at: steps",
});

const running: ChildProcess[] = [];
afterEach(() => {
  for (const child of running.splice(0)) child.kill("SIGKILL");
});

/** Starts a run and returns once it has recorded something. `before`: a module that runs in its process first. */
async function begin(out: string, words: readonly string[], before?: string) {
  const run = start(folder, ["run", study, "--out", out, ...words], before);
  running.push(run.child);
  for (;;) {
    const rows = await readFile(join(folder, out, "series.csv"), "utf8").catch(() => "");
    if (rows.split("\n").length > 3) return run;
    if (run.child.exitCode !== null) throw new Error((await run.ended).stderr);
    await wait(50);
  }
}

/** npm passes on what the terminal has sent already: the second signal comes in the turn after the first, however late this process is. */
const TWICE = ["SIGINT", "SIGTERM"]
  .map(
    (signal) =>
      `process.once("${signal}", () => setImmediate(() => process.kill(process.pid, "${signal}")));`,
  )
  .join("\n");

it.each(["SIGINT", "SIGTERM"] as const)(
  "%s ends a run with exit 130 and a record that reads",
  async (signal) => {
    const { child, ended } = await begin(signal, ["--json"], TWICE);
    child.kill(signal);
    const { code, stdout, stderr } = await ended;
    expect(code, stderr).toBe(130);
    expect(stderr).toContain("Interrupted");
    const result = JSON.parse(stdout) as RunResult;
    expect(result.status).toBe("interrupted");
    const record = await readRecord(join(folder, signal));
    expect(record.manifest.status).toBe("interrupted");
    expect(record.result).toEqual(result);
    expect(record.series.t.at(-1)).toBe(result.time);
    expect((await readNpy(join(folder, signal, "theta.npy"))).shape).toEqual([26]);
  },
);

it("SIGINT kills a run on the reference engine, which cannot listen, and the record reads as unfinished", async () => {
  const { child, ended } = await begin("reference", ["--set", "engine.kind=reference"]);
  child.kill("SIGINT");
  expect((await ended).killedBy).toBe("SIGINT");
  const record = await readRecord(join(folder, "reference"));
  expect(record.manifest.status).toBe("running");
  expect(record.result).toBeNull();
  expect(record.series.t.length).toBeGreaterThan(1);
});

/** The signal comes while the first of the graphs is compiled, however late another process would hear of that. */
const AT_COMPILATION = `
const write = process.stderr.write.bind(process.stderr);
process.stderr.write = (text, ...rest) => {
  if (String(text).includes("compiling a graph of")) process.kill(process.pid, "SIGINT");
  return write(text, ...rest);
};`;

it("SIGINT between two compilations ends a run before it has a record", async () => {
  const hidden = Array(150).fill(2).join(",");
  const model = `model={kind: dnn, hidden: [${hidden}], activation: {kind: tanh}}`;
  const run = start(folder, ["run", study, "--out", "deep", "--set", model], AT_COMPILATION);
  running.push(run.child);
  const { code, stderr } = await run.ended;
  expect(code, stderr).toBe(130);
  expect(stderr).toContain("interrupted while compiling the network; nothing was written.");
  expect(existsSync(join(folder, "deep"))).toBe(false);
});
