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
 * @returns {Promise<{ serial: Time, parallel: Time, ratio: number }>} seconds; ratio of the wall times
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
    return { serial, parallel, ratio: parallel.wall / serial.wall };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
