/** What the system refuses: folders that cannot be, too few files, files that may not grow. */
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { gradflow, REPOSITORY, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();
const study = await writeStudy(folder, "study.yaml");
const program = `"${process.execPath}" "${join(REPOSITORY, "bin/gradflow.js")}"`;
const bash = (script: string) =>
  spawnSync("bash", ["-c", script.replaceAll("gradflow", program)], { cwd: folder, encoding: "utf8" });

it.skipIf(!existsSync("/proc/self"))("a folder that cannot be made is refused at once", async () => {
  const { code, stderr } = await gradflow(folder, "run", study, "--out", "/proc/x/y");
  expect([code, stderr]).toEqual([2, expect.stringContaining("/proc/x/y: cannot be written")]);
  const words = ["workprecision", study, "--methods", "dopri5", "--tolerances", "1e-3", "--out", "/proc/x/y"];
  const other = await gradflow(folder, ...words);
  expect([other.code, other.stderr]).toEqual([2, expect.stringContaining("/proc/x/y: cannot be written")]);
});

it("a working directory that has gone is told", () => {
  const { status, stderr } = bash(`mkdir gone && cd gone && rmdir ../gone && gradflow list`);
  expect([status, stderr]).toEqual([
    2,
    "gradflow: the working directory has gone; change to one that exists.\n",
  ]);
});

it.skipIf(!existsSync("/proc/self/limits"))(
  "so is a limit of open files that nothing can be done with",
  () => {
    const { status, stderr } = bash(`ulimit -n 60; gradflow run ${study}`);
    expect([status, stderr]).toEqual([
      2,
      "gradflow: only 60 files may be open at a time (ulimit -n), 128 are needed; raise that limit.\n",
    ]);
  },
);

it("many records are listed within the limit of open files, and what cannot be read is told", async () => {
  await gradflow(folder, "run", study, "--out", "runs/r0", "--quiet");
  for (let k = 1; k < 300; k++) {
    mkdirSync(join(folder, `runs/r${k}`));
    for (const name of ["manifest.json", "result.json", "config.resolved.json"])
      cpSync(join(folder, "runs/r0", name), join(folder, `runs/r${k}`, name));
  }
  const { status, stdout, stderr } = bash("ulimit -n 140; gradflow list");
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toContain("300 of 300 records below runs");
  writeFileSync(join(folder, "runs/r7/manifest.json"), "{");
  const told = bash("gradflow list");
  expect([told.status, told.stderr]).toEqual([
    1,
    expect.stringContaining("r7/manifest.json: is not valid JSON"),
  ]);
  expect(told.stdout).toContain("299 of 299 records");
  expect(bash("gradflow report runs").stderr).toMatch(/holds 300 records, .* insist with --force/);
});

it("a limit of file sizes is told, at the start and on the way", () => {
  const start = bash(`ulimit -f 4; gradflow run ${study} --out start --quiet`);
  expect([start.status, start.stderr]).toEqual([
    2,
    expect.stringMatching(/start\/.reserve: cannot be written .*ulimit -f/),
  ]);
  expect(readdirSync(folder)).not.toContain("start");
  writeFileSync(join(folder, "mine.yaml"), "mine");
  const init = bash("ulimit -f 1; gradflow init new.yaml; gradflow init mine.yaml --force");
  expect(init.stderr).toMatch(/new.yaml: cannot be written .*ulimit -f.*\n.*mine.yaml: cannot be written/);
  expect(readdirSync(folder)).not.toContain("new.yaml");
  expect(readFileSync(join(folder, "mine.yaml"), "utf8")).toBe("mine");
  const way = bash(
    `ulimit -f 70; gradflow run ${study} --set 'record={at: steps}' --set flow.rtol=1e-13 --set flow.atol=1e-15 --set flow.tEnd=40 --out way --quiet`,
  );
  expect([way.status, way.stderr]).toEqual([
    1,
    expect.stringMatching(
      /series.csv: cannot be written .*ulimit -f.* What was written stays; mend that, then gradflow resume/,
    ),
  ]);
});

it("Slurm is given the working directory as one argument, whatever its name", () => {
  const odd = "with blanks\n#SBATCH --wrap=touch-me";
  mkdirSync(join(folder, odd, "bin"), { recursive: true });
  const fake = join(folder, odd, "bin/sbatch");
  writeFileSync(fake, `#!/bin/sh\nprintf '%s\\0' "$@" > "$FAKE_ARGUMENTS"\nexit 1\n`);
  chmodSync(fake, 0o755);
  const words = [
    "sweep",
    join(folder, study),
    "-m",
    "seed=0,1",
    "--launcher",
    "slurm",
    "--out",
    join(folder, "slurm"),
  ];
  const { status } = spawnSync(process.execPath, [join(REPOSITORY, "bin/gradflow.js"), ...words], {
    cwd: join(folder, odd),
    encoding: "utf8",
    env: {
      ...process.env,
      PATH: `${join(folder, odd, "bin")}:${process.env["PATH"]}`,
      FAKE_ARGUMENTS: join(folder, "arguments"),
    },
  });
  expect(status).toBe(2);
  const given = readFileSync(join(folder, "arguments"), "utf8").split("\0");
  expect(given).toContain(`--chdir=${join(folder, odd)}`);
  expect(readFileSync(join(folder, "slurm/slurm/array-0.sh"), "utf8")).not.toMatch(/^#SBATCH.*(chdir|wrap)/m);
});

it("many curves of a sweep are drawn within the limit of open files", async () => {
  const words = ["sweep", study, "-m", "seed=0..199", "--out", "many", "--quiet", "--fail-fast"];
  expect((await gradflow(folder, ...words, "--set", "flow.maxSteps=1")).code).toBe(1);
  const { jobs } = JSON.parse(readFileSync(join(folder, "many/sweep.json"), "utf8"));
  expect(jobs.length).toBe(200);
  for (const { name } of jobs)
    for (const file of [
      "manifest.json",
      "result.json",
      "config.resolved.json",
      "series.csv",
      "descent.csv",
    ]) {
      mkdirSync(join(folder, "many", name), { recursive: true });
      cpSync(join(folder, "runs/r0", file), join(folder, "many", name, file));
    }
  const { status, stderr, stdout } = bash("ulimit -n 140; gradflow figure many");
  // On a busy machine the drawing says that it goes on.
  expect([status, stderr.replace(/^drawing the figures … \d+ s\n/gm, "")]).toEqual([0, ""]);
  expect(stdout).toContain("figure: many/figures/loss.png");
});

it.skipIf(!existsSync("/proc/self/limits"))("too few addresses are told before anything aborts", () => {
  const { status, stderr } = bash(`ulimit -v 1500000; gradflow run ${study}`);
  expect([status, stderr]).toEqual([
    2,
    expect.stringMatching(
      /^gradflow: only 1\.5 GB of addresses may be had \(ulimit -v\), .* raise that limit\.\n$/,
    ),
  ]);
});

it.skipIf(!existsSync("/proc/self/limits"))(
  "a study that needs more addresses than are left is refused",
  () => {
    const { status, stderr } = bash(
      `ulimit -v 4000000; gradflow check ${study} --set model.hidden=[30000,4000]`,
    );
    expect([status, stderr]).toEqual([2, expect.stringMatching(/model\.hidden.* memory/)]);
  },
);

/** Of its own, in namespaces where it is root; refused on some machines. */
const canMount = spawnSync("unshare", ["-rm", "true"]).status === 0;

it.skipIf(!canMount)("a read-only file system is told, at the start and in report and export", () => {
  const inside = `mkdir -p ro && mount -t tmpfs tmpfs ro && cp -r runs/r0 ro/r0 && mount -o remount,ro ro`;
  const script = [
    `gradflow run ${study} --out ro/new`,
    "gradflow report ro/r0",
    "gradflow export ro/r0 --to csv",
    "gradflow figure ro/r0",
    `gradflow run ${study} --out ro/r0 --force`,
  ];
  const { stdout, stderr } = spawnSync(
    "unshare",
    [
      "-rm",
      "bash",
      "-c",
      `${inside}; ${script.map((line) => `${line} 2>&1; echo "exit $?"`).join("; ")}`.replaceAll(
        "gradflow",
        program,
      ),
    ],
    { cwd: folder, encoding: "utf8" },
  );
  // On a busy machine the drawing says that it goes on.
  const said = stdout.replace(/^drawing the figures … \d+ s\n/gm, "").split(/exit (\d)\n/);
  expect(
    said.filter((_, k) => k % 2 === 1),
    stdout + stderr,
  ).toEqual(["2", "2", "2", "2", "2"]);
  for (const text of said.filter((part, k) => k % 2 === 0 && part !== ""))
    expect(text).toMatch(
      /^gradflow: .*ro\/.*: cannot be written \(the file system is read-only\); choose an output folder that can be written\.\n$/,
    );
});

it.skipIf(process.getuid?.() === 0)("so is a folder that may not be written", async () => {
  mkdirSync(join(folder, "closed"));
  chmodSync(join(folder, "closed"), 0o555);
  const { code, stderr } = await gradflow(folder, "run", study, "--out", "closed/new");
  expect([code, stderr]).toEqual([
    2,
    expect.stringContaining("closed/new: cannot be written (permission denied)"),
  ]);
});

it("networks that nest without end are refused in words", async () => {
  for (const [name, text] of [
    ["lists", `{ kind: dnn, hidden: ${"[".repeat(10_000)}2${"]".repeat(10_000)} }`],
    [
      "layers",
      `{ kind: layers, layers: [${"{ kind: residual, layers: [".repeat(5000)}${"] }".repeat(5000)}] }`,
    ],
  ] as const) {
    const deep = await writeStudy(folder, `${name}.yaml`, {
      "model:\n  kind: dnn\n  hidden: [4]\n  activation: { kind: tanh }": `model: ${text}`,
    });
    const { code, stderr } = await gradflow(folder, "check", deep);
    expect([code, stderr]).toEqual([
      2,
      `gradflow: ${deep}:4: YAML: lists or sections nest too deeply to be read; flatten them.\n`,
    ]);
  }
});
