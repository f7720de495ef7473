/** Eight runs of the quickstart as a sweep: wall time with two at a time over that with one, each with one engine thread. */
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** @returns {Promise<{ serial: number, parallel: number, ratio: number }>} seconds, process start and figures included */
export async function benchSweep() {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-bench-"));
  const time = async (jobs) => {
    const words = [
      "-m",
      "seed=0..7",
      "--set",
      "engine.threads=1",
      "--jobs",
      jobs,
      "--quiet",
      "--out",
      join(folder, jobs),
    ];
    const started = performance.now();
    await promisify(execFile)(process.execPath, [
      join(ROOT, "bin/gradflow.js"),
      "sweep",
      join(ROOT, "configs/quickstart.yaml"),
      ...words,
    ]);
    return (performance.now() - started) / 1000;
  };
  try {
    const serial = await time("1");
    const parallel = await time("2");
    return { serial, parallel, ratio: parallel / serial };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
