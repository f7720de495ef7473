/** Eight runs of the quickstart as a sweep, one and two at a time, each with one engine thread: wall time and processor time. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const ROUNDS = 3;

/**
 * Process start and all figures included; the fastest of a few rounds in turn.
 * @returns {Promise<{ serial: Time, parallel: Time, ratio: number, cores: number }>} seconds; ratio of the wall times
 * @typedef {{ wall: number, cpu: number }} Time
 */
export async function benchSweep() {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-bench-"));
  const time = async (jobs) => {
    const program = [process.execPath, join(ROOT, "bin/gradflow.js")];
    const words = ["sweep", join(ROOT, "configs/quickstart.yaml"), "--set", "engine.threads=1", "--quiet"];
    const own = ["-m", "seed=0..7", "--jobs", jobs, "--force", "--out", join(folder, jobs)];
    const started = performance.now();
    // The shell's `times` prints what its children and theirs have used: user and system, on the second line.
    const shell = ["-c", '"$@" >/dev/null && times', "sh", ...program, ...words, ...own];
    const { stdout } = await promisify(execFile)("sh", shell);
    const wall = (performance.now() - started) / 1000;
    const parts = [
      ...stdout
        .trim()
        .split("\n")[1]
        .matchAll(/(\d+)m([\d.]+)s/g),
    ];
    const cpu = parts.reduce((sum, [, minutes, seconds]) => sum + 60 * minutes + Number(seconds), 0);
    return { wall, cpu };
  };
  try {
    const times = { serial: [], parallel: [] };
    for (let round = 0; round < ROUNDS; round++) {
      times.serial.push(await time("1"));
      times.parallel.push(await time("2"));
    }
    const [serial, parallel] = [times.serial, times.parallel].map((all) => ({
      wall: Math.min(...all.map(({ wall }) => wall)),
      cpu: Math.min(...all.map(({ cpu }) => cpu)),
    }));
    return { serial, parallel, ratio: parallel.wall / serial.wall, cores: await coresAreWorth() };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** How much two cores of this machine do beside each other, in one core's work: 2 where they share nothing. */
async function coresAreWorth() {
  const spin = [
    "-e",
    "const a = new Float64Array(4000).fill(1); let s = 0; for (let k = 0; k < 3e5; k++) for (let i = 0; i < 4000; i++) s += a[i] * 1.5",
  ];
  const time = async (count) => {
    const started = performance.now();
    await Promise.all(Array.from({ length: count }, () => promisify(execFile)(process.execPath, spin)));
    return performance.now() - started;
  };
  const [one, two] = [[], []];
  for (let round = 0; round < ROUNDS; round++) {
    one.push(await time(1));
    two.push(await time(2));
  }
  return (2 * Math.min(...one)) / Math.min(...two);
}
