/** Where the terminal, or what stands for it, goes away or fills up: the run goes on, and exit code and record tell how it went. */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { expect, it } from "vitest";
import { readRecord } from "../../src/record/reader.js";
import { REPOSITORY, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();
const study = await writeStudy(folder, "study.yaml");
const PROGRAM = join(REPOSITORY, "bin/gradflow.js");
const hasFull = existsSync("/dev/full");

it.each([
  ["stderr is full", "2>/dev/full >/dev/null", 0, ""],
  ["nobody reads on", "2>&1 | head -1 >/dev/null", 0, ""],
  ["stdout is full", "--json >/dev/full", 1, "gradflow: the output could not be written (ENOSPC"],
])("a run ends well although %s", async (name, redirection, code, told) => {
  if (!hasFull && redirection.includes("/dev/full")) return;
  const script = `"${process.execPath}" "${PROGRAM}" run ${study} --out "${name}" ${redirection}; echo "exit \${PIPESTATUS[0]}"`;
  const { stdout, stderr } = spawnSync("bash", ["-c", script], { cwd: folder, encoding: "utf8" });
  expect(stdout, stderr).toBe(`exit ${code}\n`);
  if (told !== "") expect(stderr).toContain(told);
  expect(stderr).not.toContain("    at ");
  const { manifest, result } = await readRecord(join(folder, name));
  expect([manifest.status, result?.status, manifest.drawn]).toEqual(["reachedEnd", "reachedEnd", true]);
});

/** The shell and the kernel both send it: once more while the run ends, and once when nothing is left but to leave. */
const SENT_AGAIN = `
process.once("SIGHUP", () => {
  const again = () => process.kill(process.pid, "SIGHUP");
  setTimeout(again, 600);
  process.once("beforeExit", again);
});`;

it("a terminal that closes interrupts in order", async () => {
  const long = await writeStudy(folder, "long.yaml", {
    "rtol: 1e-8, atol: 1e-10, tEnd: 2": "rtol: 1e-12, atol: 1e-14, maxStep: 1e-3, tEnd: 1e6",
    "at: linear, points: 20": "at: steps",
  });
  const before = `data:text/javascript,${encodeURIComponent(SENT_AGAIN)}`;
  const child = spawn(process.execPath, ["--import", before, PROGRAM, "run", long, "--out", "closed"], {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((done) => child.on("close", done));
  const rows = () => readFile(join(folder, "closed/series.csv"), "utf8").catch(() => "");
  while ((await rows()).split("\n").length < 10) await wait(20);
  child.stderr.destroy();
  child.stdout.destroy();
  child.kill("SIGHUP");
  expect(await ended).toBe(130);
  expect((await readRecord(join(folder, "closed"))).manifest).toMatchObject({
    status: "interrupted",
    drawn: true,
  });
});
