/** Runs killed at random instants go on as if they had never been stopped; what damage, a full disk and a second writer do. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createRandom } from "../../src/random.js";
import { thisProcess } from "../../src/record/lock.js";
import { readRecord } from "../../src/record/reader.js";
import { gradflow, REPOSITORY, start, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();

/** Kills in all, spread over the studies. GRADFLOW_KILLS=50 takes minutes. */
const KILLS = Number(process.env["GRADFLOW_KILLS"] ?? 8);
/** Saved whenever the solver rests, or nearly: most kills then fall into the writing of a checkpoint or just after one. */
const OFTEN = ["--set", "record.checkpoint=0.01"];

const UNDRAWN = ["--set", "figure.draw=false"];
/** Some kills then fall into the drawing. */
const DRAWN = ["--set", "figure.draw=true"];

const gcn = {
  "kind: dnn": "kind: gcn\n  neighbours: 3",
  "activation: { kind: tanh }": "activation: { kind: leaky-relu, slope: 0.1 }",
  "samples: 8": "samples: 16",
  "method: dopri5, rtol: 1e-8, atol: 1e-10, tEnd: 2": "method: auto, rtol: 1e-7, atol: 1e-9, tEnd: 60",
  "[0.1, 0.01]": "[0.1, 0.01], countFlips: true",
};
const stiff = {
  "method: dopri5, rtol: 1e-8, atol: 1e-10, tEnd: 2": "method: auto, rtol: 1e-5, atol: 1e-7, tEnd: 1000",
  "[0.1, 0.01]": "[0.1]",
  "at: linear, points: 20": "at: steps",
};
/** θ stays with the engine, whose vectors a checkpoint brings back. */
const resident = {
  "method: dopri5, rtol: 1e-8, atol: 1e-10, tEnd: 2": "method: dopri5, rtol: 1e-5, atol: 1e-7, tEnd: 30",
  "engine: { kind: onnx, dtype: float64, threads: 2 }": "engine: { kind: tfjs, backend: cpu }",
};
const sliding = join(REPOSITORY, "configs/study/sliding.yaml");
const studies = {
  "through slides, with the tangent kernel": [
    ...[sliding, "--set", "flow.tEnd=1", "--set", "measure.ntk.points=5"],
    ...["--set", "measure.ntk.method=lanczos", ...UNDRAWN],
  ],
  "stiff, with a change of method and descent": [await writeStudy(folder, "stiff.yaml", stiff), ...DRAWN],
  "a gcn that slides, flips counted": [await writeStudy(folder, "gcn.yaml", gcn)],
  "resident in the engine": [await writeStudy(folder, "resident.yaml", resident)],
  "kinks only watched": [
    ...[sliding, "--set", "flow.boundaries=detect", "--set", "flow.tEnd=2", "--set", "flow.rtol=1e-5"],
    ...UNDRAWN,
  ],
};

/** All that a record holds, save what tells of the machine and the hour. */
async function contents(directory: string): Promise<Record<string, string>> {
  const names = (await readdir(directory)).filter((name) => /\.(csv|npy)$/.test(name)).sort();
  const files = await Promise.all(
    names.map(async (name) => [name, (await readFile(join(directory, name))).toString("latin1")] as const),
  );
  const { wallSeconds, gradientSeconds, record, figures, ...result } = JSON.parse(
    await readFile(join(directory, "result.json"), "utf8"),
  ) as Record<string, unknown>;
  expect([wallSeconds, gradientSeconds, record, figures]).not.toContain(undefined);
  const timeless = (key: string, value: unknown) => (key === "seconds" ? undefined : value);
  return { ...Object.fromEntries(files), "result.json": JSON.stringify(result, timeless) };
}

/** Resolves soon after the process wrote a checkpoint, or ended. */
async function checkpointBy({ child }: ReturnType<typeof start>, directory: string): Promise<void> {
  const written = async () => (await stat(join(directory, "checkpoint.bin")).catch(() => undefined))?.mtimeMs;
  const before = await written();
  while (child.exitCode === null && (await written()) === before) await wait(2);
}

describe(`after ${KILLS} kills at random instants`, () => {
  const random = createRandom(Date.now());
  it.each(Object.entries(studies))(
    "%s: the same files to the last byte",
    async (name, study) => {
      const [whole, killed] = [`${name} whole`, `${name} killed`];
      const begun = performance.now();
      const plain = await gradflow(folder, "run", ...study, "--out", whole, "--quiet");
      expect(plain.code, plain.stderr).toBe(0);
      const span = performance.now() - begun;
      const share = Math.ceil(KILLS / Object.keys(studies).length);
      const expected = await contents(join(folder, whole));
      let wentOn = 0;
      for (let kills = 0; ; ) {
        const status = existsSync(join(folder, killed, "manifest.json"))
          ? (await readRecord(join(folder, killed))).manifest.status
          : "none";
        if (status === "reachedEnd") {
          // Done, perhaps killed while its figures were drawn.
          expect(await contents(join(folder, killed))).toEqual(expected);
          wentOn += (await readRecord(join(folder, killed))).manifest.resumed.length;
          if (kills >= share && wentOn > 0) break;
          // None of the kills came after a checkpoint: one more.
          kills = Math.min(kills, share - 1);
          await rm(join(folder, killed), { recursive: true });
        }
        const words = ["run", ...study, ...OFTEN, "--out", killed, "--force", "--resume", "--quiet"];
        const run = start(folder, status === "running" && kills % 2 === 0 ? ["resume", killed] : words);
        if (kills < share) {
          // Anywhere from the start of the process to the drawing of the figures, or, as starting up
          // takes most of that, once a checkpoint stands.
          const anywhere = random.uniform() < 0.5;
          if (anywhere) await Promise.race([run.ended, wait(random.uniform() * span)]);
          else await checkpointBy(run, join(folder, killed));
          run.child.kill("SIGKILL");
        }
        const { killedBy, code, stderr } = await run.ended;
        if (killedBy === "SIGKILL") kills++;
        // A kill before the config was written leaves nothing to go on with.
        else expect(code, stderr).toBe(stderr.includes("was killed before its config") ? 2 : 0);
        if (code === 2) await rm(join(folder, killed), { recursive: true });
      }
      expect(wentOn).toBeGreaterThan(0);
    },
    180_000,
  );
});

/** A run killed once two checkpoints stood, and the same run never stopped; made once. */
async function killedRun(): Promise<{ killed: string; whole: string }> {
  const [killed, whole] = ["killed", "whole"];
  if (existsSync(join(folder, whole))) return { killed, whole };
  const study = await writeStudy(folder, "stiff.yaml", stiff);
  const done = await gradflow(folder, "run", study, "--out", whole, "--quiet");
  expect(done.code, done.stderr).toBe(0);
  // A kill between the two writes leaves one, and on a busy machine a run may end before the second: then once more.
  const both = () =>
    ["checkpoint.bin", "checkpoint.previous.bin"].every((file) => existsSync(join(folder, killed, file)));
  for (let tries = 0; !both(); tries++) {
    expect(tries, "runs killed in vain").toBeLessThan(100);
    await rm(join(folder, killed), { recursive: true, force: true });
    const run = start(folder, ["run", study, ...OFTEN, "--out", killed, "--quiet"]);
    while (!both() && run.child.exitCode === null) await wait(5);
    run.child.kill("SIGKILL");
    await run.ended;
  }
  return { killed, whole };
}

/** Damages a copy of the killed run, resumes it and compares. */
async function resumeDamaged(name: string, damage: (directory: string) => Promise<void>) {
  const { killed, whole } = await killedRun();
  await cp(join(folder, killed), join(folder, name), { recursive: true });
  await damage(join(folder, name));
  const { code, stderr } = await gradflow(folder, "resume", name);
  expect(code, stderr).toBe(0);
  expect(await contents(join(folder, name))).toEqual(await contents(join(folder, whole)));
  return stderr;
}

const change = (file: string, how: (content: Buffer) => Buffer) => async (directory: string) =>
  writeFile(join(directory, file), how(await readFile(join(directory, file))));
const flipped = (content: Buffer) => {
  content[content.length >> 1]! ^= 1;
  return content;
};

describe("a damaged checkpoint", () => {
  it.each([
    ["one flipped bit", change("checkpoint.bin", flipped)],
    ["cut off", change("checkpoint.bin", (content) => content.subarray(0, content.length - 1))],
    ["empty", change("checkpoint.bin", () => Buffer.alloc(0))],
  ])("%s: the one before is used, and the end is the same", async (name, damage) => {
    const told = await resumeDamaged(name, damage);
    expect(told).toContain("checkpoint.bin is damaged");
    expect(told).toContain("going on from t = ");
  });

  it("both: the run starts again, and the end is the same", async () => {
    const told = await resumeDamaged("both", async (directory) => {
      await change("checkpoint.bin", flipped)(directory);
      await change("checkpoint.previous.bin", flipped)(directory);
    });
    expect(told).toContain("starting at t = 0");
  });

  it("a table shorter than it says is an error, and nothing is changed", async () => {
    const { killed } = await killedRun();
    await cp(join(folder, killed), join(folder, "short"), { recursive: true });
    await writeFile(join(folder, "short/series.csv"), "t\n");
    const { code, stderr } = await gradflow(folder, "resume", "short", "--quiet");
    expect(code).toBe(2);
    expect(stderr).toContain("is shorter than its checkpoint says");
    expect(await readFile(join(folder, "short/series.csv"), "utf8")).toBe("t\n");
  });
});

describe("gradflow resume", () => {
  it("goes on after Ctrl-C, and the end is the same", async () => {
    const { whole } = await killedRun();
    // No checkpoint but the one of the interruption.
    let { code, stdout }: { code: number | null; stdout: string } = { code: 0, stdout: "" };
    // On a busy machine this process may look too late, when the run has ended: then once more.
    for (let tries = 0; code === 0 && tries < 100; tries++) {
      await rm(join(folder, "stopped"), { recursive: true, force: true });
      const run = start(folder, ["run", "stiff.yaml", "--out", "stopped", "--quiet"]);
      while (!existsSync(join(folder, "stopped/series.csv")) && run.child.exitCode === null) await wait(5);
      if (tries === 0) await wait(100);
      run.child.kill("SIGINT");
      ({ code, stdout } = await run.ended);
    }
    expect(code, stdout).toBe(130);
    const resumed = await gradflow(folder, "resume", "stopped");
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(await contents(join(folder, "stopped"))).toEqual(await contents(join(folder, whole)));
  });

  it.each([
    ["whole", "this run has ended (reachedEnd)"],
    ["nowhere", "is not a record"],
  ])("of %s is refused", async (name, told) => {
    await killedRun();
    const { code, stderr } = await gradflow(folder, "resume", name);
    expect(code).toBe(2);
    expect(stderr).toContain(told);
  });

  /** As if this process wrote there. */
  const lock = async (directory: string) => {
    await mkdir(join(folder, directory, ".lock"));
    await writeFile(join(folder, directory, ".lock/0000"), JSON.stringify(thisProcess()));
  };

  it("refuses a record that a process writes, and one whose study was changed", async () => {
    const { killed } = await killedRun();
    await cp(join(folder, killed), join(folder, "alive"), { recursive: true });
    await rm(join(folder, "alive/.lock"), { recursive: true, force: true });
    await lock("alive");
    const stiffStudy = await writeStudy(folder, "stiff.yaml", stiff);
    await cp(join(folder, "alive"), join(folder, "changed"), { recursive: true });
    await change("config.resolved.json", (text) =>
      Buffer.from(text.toString().replace('"seed": 3', '"seed": 4')),
    )(join(folder, "changed"));
    const isWriting = `process ${process.pid} is writing it`;
    // Side by side, for each waits a while for the writer.
    await Promise.all(
      [
        [["resume", "alive"], isWriting] as const,
        [["resume", "alive", "--force"], isWriting] as const,
        [["run", stiffStudy, "--out", "alive", "--force"], isWriting] as const,
        [["resume", "changed", "--force"], "has changed since it was begun"] as const,
      ].map(async ([words, told]) => {
        const refused = await gradflow(folder, ...words);
        expect(refused.code).toBe(2);
        expect(refused.stderr).toContain(told);
      }),
    );
  });

  it("refuses a sweep that a process runs", async () => {
    const study = await writeStudy(folder, "twice.yaml");
    const sweep = ["sweep", study, "-m", "seed=0,1", "--out", "twice", "--quiet"];
    expect((await gradflow(folder, ...sweep)).code).toBe(0);
    const before = await readFile(join(folder, "twice/sweep.json"), "utf8");
    await lock("twice");
    for (const refused of await Promise.all([
      gradflow(folder, ...sweep),
      gradflow(folder, "resume", "twice"),
    ])) {
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain(`process ${process.pid} is writing it`);
    }
    expect(await readFile(join(folder, "twice/sweep.json"), "utf8")).toBe(before);
    await rm(join(folder, "twice/.lock"), { recursive: true });
    const taken = await gradflow(folder, "resume", "twice", "--quiet");
    expect(taken.code, taken.stderr).toBe(0);
    expect(taken.stdout).toContain("2 runs, 2 stood already");
  });

  it.each(["resume", "run --force"])("ten at once by %s: the record is that of one", async (how) => {
    const { killed, whole } = await killedRun();
    const name = `ten ${how}`;
    await cp(join(folder, how === "resume" ? killed : whole), join(folder, name), { recursive: true });
    const words =
      how === "resume" ? ["resume", name] : ["run", "stiff.yaml", ...DRAWN, "--out", name, "--force"];
    const ended = await Promise.all(Array.from({ length: 10 }, () => gradflow(folder, ...words, "--quiet")));
    expect(ended.some(({ code }) => code === 0)).toBe(true);
    for (const { code, stderr } of ended)
      if (code !== 0)
        expect([code, stderr]).toEqual([2, expect.stringMatching(/is writing it|has ended|already holds/)]);
    expect(await contents(join(folder, name))).toEqual(await contents(join(folder, whole)));
  });

  it("draws a run that was killed before its figures stood", async () => {
    const { whole } = await killedRun();
    await cp(join(folder, whole), join(folder, "undrawn"), { recursive: true });
    await change("config.resolved.json", (text) =>
      Buffer.from(text.toString().replace('"draw": false', '"draw": true')),
    )(join(folder, "undrawn"));
    await change("manifest.json", (text) =>
      Buffer.from(text.toString().replace('"drawn": true', '"drawn": false')),
    )(join(folder, "undrawn"));
    const { code, stdout, stderr } = await gradflow(folder, "resume", "undrawn");
    expect(code, stderr).toBe(0);
    expect(stderr).toContain("drawing its figures");
    expect(stdout).toContain("loss.png");
    expect(existsSync(join(folder, "undrawn/figures/loss.png"))).toBe(true);
    expect(await contents(join(folder, "undrawn"))).toEqual(await contents(join(folder, whole)));
    expect((await readRecord(join(folder, "undrawn"))).result?.record).toBe(join(folder, whole));
    expect((await gradflow(folder, "resume", "undrawn")).stderr).toContain("this run has ended");
  });

  it("does the unfinished runs of a sweep", async () => {
    const study = await writeStudy(folder, "swept.yaml");
    const sweep = ["sweep", study, "-m", "seed=0..3", "--jobs", "1", "--out", "swept", "--quiet"];
    const run = start(folder, sweep);
    while (!existsSync(join(folder, "swept/seed-0/result.json"))) await wait(5);
    run.child.kill("SIGKILL");
    await run.ended;
    await rm(join(folder, "swept/seed-2"), { recursive: true, force: true });
    const { code, stdout, stderr } = await gradflow(folder, "resume", "swept", "--quiet");
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("done: 4 runs");
  });
});

describe("a full disk", () => {
  // A file system of that many kB in a mount namespace of its own.
  const inSmallDisk = (script: string, size = 400) =>
    spawnSync("unshare", ["-rm", "sh", "-c", `mount -t tmpfs -o size=${size}k none disk && ${script}`], {
      cwd: folder,
      encoding: "utf8",
    });
  const canMount =
    spawnSync("mkdir", ["-p", join(folder, "disk")]).status === 0 && inSmallDisk("true").status === 0;
  const program = `${process.execPath} ${join(REPOSITORY, "bin/gradflow.js")}`;

  it.skipIf(!canMount)("ends the run with its status, exit 1, and a record that reads", async () => {
    const study = await writeStudy(folder, "long.yaml", { ...stiff, "hidden: [4]": "hidden: [20]" });
    const { stdout, stderr } = inSmallDisk(
      `${program} run ${study} --set flow.rtol=1e-9 --set flow.atol=1e-12 --out disk/run --quiet; echo "exit $?"; cp -r disk/run full`,
      250,
    );
    expect(stdout, stderr).toContain("exit 1");
    expect(stderr).toContain("no space left on the device");
    expect(stderr).toContain("gradflow resume");
    const { manifest, series } = await readRecord(join(folder, "full"));
    expect(manifest.status).toBe("diskFull");
    expect(manifest.failure).toContain("no space left");
    expect(series.t.length).toBeGreaterThan(100);
    // With room again it goes on to its end.
    const { code, stderr: told } = await gradflow(folder, "resume", "full", "--quiet");
    expect(code, told).toBe(0);
  });

  it.skipIf(!canMount)("at the start leaves nothing, and does not speak of resuming", async () => {
    const study = await writeStudy(folder, "short.yaml");
    const { stdout, stderr } = inSmallDisk(
      `${program} run ${study} --out disk/run --quiet; echo "exit $?"; ls -A disk`,
      40,
    );
    expect(stdout, stderr).toBe("exit 1\n");
    expect(stderr).toMatch(/cannot be written \(no space left on the device\); make room there\.$/m);
    expect(stderr).not.toContain("resume");
  });

  it.skipIf(!canMount)("while the figures are drawn says that the numbers stand", async () => {
    const study = await writeStudy(folder, "drawn.yaml", { "draw: false": "draw: true" });
    const { stdout, stderr } = inSmallDisk(
      `${program} run ${study} --out disk/run --quiet; echo "exit $?"; cp -r disk/run undrawnFull`,
      200,
    );
    expect(stdout, stderr).toContain("exit 1");
    expect(stderr).toContain("The run has ended and its numbers stand; gradflow resume");
    expect((await readRecord(join(folder, "undrawnFull"))).manifest).toMatchObject({
      status: "reachedEnd",
      drawn: false,
    });
    const { code, stderr: told } = await gradflow(folder, "resume", "undrawnFull");
    expect([code, told]).toEqual([0, expect.stringContaining("drawing its figures")]);
  });
});
