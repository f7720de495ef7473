/** What the program leaves behind and whom it talks to, seen from the system's side: nothing outside its record, nobody. */
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { REPOSITORY, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();
const study = await writeStudy(folder, "tiny.yaml", { "threads: 2": "threads: 1" });
const canTrace = spawnSync("strace", ["-o", "/dev/null", "true"]).status === 0;
const CALLS =
  "network,open,openat,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat";

/** A clean environment: ONNX Runtime keeps its telemetry to itself where it finds itself in a build of some CI. */
function environment(): { home: string; env: NodeJS.ProcessEnv } {
  const home = join(folder, "home");
  mkdirSync(home, { recursive: true });
  return { home, env: { PATH: process.env["PATH"], HOME: home, TMPDIR: home } };
}

/** Calls of a traced command that write or make something, and those that open a socket. */
function trace(words: readonly string[]) {
  const { home, env } = environment();
  const log = join(folder, "strace.log");
  const program = [process.execPath, join(REPOSITORY, "bin/gradflow.js"), ...words];
  const ended = spawnSync("strace", ["-f", "-qq", "-o", log, "-e", `trace=${CALLS}`, ...program], {
    cwd: folder,
    env,
    encoding: "utf8",
  });
  const calls = readFileSync(log, "utf8").split("\n");
  return {
    code: ended.status,
    stderr: ended.stderr,
    left: readdirSync(home),
    // A resumed call repeats no path; its first half is there as well.
    writes: calls.filter(
      (call) =>
        /O_WRONLY|O_RDWR|O_CREAT|\b(?:creat|mkdir|rename|link|symlink)\w*\(/.test(call) &&
        !/ENOENT|EEXIST/.test(call),
    ),
    // A socketpair, between a process and its children, leads nowhere else.
    sockets: calls.filter((call) => /\b(?:socket|connect|sendto)\(/.test(call)),
  };
}

describe.skipIf(!canTrace)(`traced${canTrace ? "" : " (skipped: strace is not there)"}`, () => {
  it.each([
    ["a run", "run", study, "--out", "record", "--quiet"],
    [
      "a sweep in worker processes",
      "run",
      study,
      "-m",
      "seed=0..1",
      "--jobs",
      "2",
      "--out",
      "record-sweep",
      "--quiet",
    ],
    ["every engine", "doctor"],
  ])("%s writes its record alone and opens no socket", (_, ...words) => {
    const { code, stderr, left, writes, sockets } = trace(words);
    expect(code, stderr).toBe(0);
    expect(left).toEqual([]);
    expect(sockets).toEqual([]);
    const record = writes.filter((call) => /"[^"]*\brecord\b/.test(call));
    // What tracing cannot see would pass unseen.
    if (words[0] === "run") expect(record.length).toBeGreaterThan(5);
    const other = writes.filter((call) => !record.includes(call) && !call.includes('"/dev/null"'));
    expect(other).toEqual([]);
  });
});

describe("in a library's process", () => {
  const script = join(folder, "thread.mjs");
  writeFileSync(
    script,
    `import { Worker, isMainThread } from "node:worker_threads";
const load = () => import(${JSON.stringify(join(REPOSITORY, "dist/index.js"))});
if (isMainThread) {
  if (process.argv[2] === "imported") await load();
  new Worker(new URL(import.meta.url)).on("error", (error) => console.log(error.message));
} else {
  const { createEngine, createGraph, GraphBuilder } = await load();
  const engine = await createEngine({ kind: "onnx", dtype: "float64", threads: 1 });
  const b = new GraphBuilder();
  const theta = b.input("theta", [2]);
  const program = await engine.compile(createGraph("square", { loss: b.total(b.mul(theta, theta)) }));
  console.log((await program.run({ theta: Float64Array.of(1, 2) })).loss[0]);
}
`,
  );
  const start = (word: string, switches = {}) => {
    const { home, env } = environment();
    const { stdout } = spawnSync(process.execPath, [script, word], {
      cwd: folder,
      env: { ...env, ...switches },
      encoding: "utf8",
    });
    return { stdout: stdout.trim(), left: readdirSync(home) };
  };

  it("a worker thread cannot switch the telemetry off, and computes where that is done", () => {
    expect(start("alone").stdout).toContain("start node with ORT_DISABLE_TELEMETRY=1");
    expect(start("imported")).toEqual({ stdout: "5", left: [] });
    expect(start("alone", { ORT_DISABLE_TELEMETRY: "1" })).toEqual({ stdout: "5", left: [] });
  });
});
