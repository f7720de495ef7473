/** What checkpoints cost: the shipped study of slides with one as often as the schedule allows, over the same without. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { loadConfig } from "../../dist/config/load.js";
import { scheduleCheckpoints } from "../../dist/experiment/checkpoints.js";
import { engineOf, prepare } from "../../dist/experiment/prepare.js";
import { integrateExactly } from "../../dist/flow/index.js";
import { Memory } from "../../dist/memory.js";
import { openRecord } from "../../dist/record/writer.js";

const STUDY = fileURLToPath(new URL("../../configs/study/sliding.yaml", import.meta.url));
const REPETITIONS = 5;

/** @returns {Promise<{ share: number, checkpoints: number, bytes: number, seconds: number, wallRatio: number }>} `share` of the time is spent in saving */
export async function benchCheckpoint() {
  const loaded = await loadConfig(STUDY, { set: ["flow.tEnd=8"] });
  const engine = await engineOf(loaded);
  const folder = await mkdtemp(join(tmpdir(), "gradflow-bench-"));
  try {
    const { problem, theta0 } = await prepare(loaded, engine);
    const one = async (interval, name) => {
      const facts = {
        command: [],
        gradflow: "bench",
        engine: "onnx",
        engineVersion: "",
        dtype: "float64",
        threads: 1,
        seed: 0,
        program: null,
        study: null,
        hash: "",
        folder,
      };
      const record = await openRecord({
        directory: join(folder, name),
        config: {},
        configText: null,
        manifest: facts,
      });
      const memory = new Memory();
      const spent = { seconds: 0, checkpoints: 0, bytes: 0 };
      const schedule = scheduleCheckpoints(
        interval,
        async (t) => {
          const start = performance.now();
          spent.bytes = await record.checkpoint({ gradflow: "bench", t, memory: memory.snapshot() });
          spent.seconds += (performance.now() - start) / 1000;
          spent.checkpoints++;
        },
        memory,
        undefined,
        () => true,
      );
      const start = performance.now();
      await integrateExactly({
        ...{ problem, theta0, method: "auto", rtol: 1e-6, atol: 1e-8, tEnd: 8, maxSteps: 1e6 },
        memory: memory.within("flow"),
        onRest: schedule.rest,
        onEvent: () => undefined,
        onSegment: async (segment) => {
          schedule.passed(segment.t1);
          return undefined;
        },
      });
      const wall = (performance.now() - start) / 1000;
      await record.fail("bench");
      return { wall, ...spent };
    };
    await one(0, "warm");
    const [plain, saved] = [[], []];
    for (let k = 0; k < REPETITIONS; k++) {
      plain.push(await one(0, `plain-${k}`));
      saved.push(await one(0.001, `saved-${k}`));
    }
    const sum = (runs, key) => runs.reduce((total, run) => total + run[key], 0);
    return {
      share: sum(saved, "seconds") / sum(saved, "wall"),
      checkpoints: sum(saved, "checkpoints") / REPETITIONS,
      bytes: saved[0].bytes,
      seconds: sum(saved, "seconds") / sum(saved, "checkpoints"),
      wallRatio: sum(saved, "wall") / sum(plain, "wall"),
    };
  } finally {
    await engine.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { share, checkpoints, bytes, seconds, wallRatio } = await benchCheckpoint();
  console.log(
    `${(100 * share).toFixed(2)} % of the time in ${checkpoints.toFixed(1)} checkpoints of ${(bytes / 1000).toFixed(0)} kB, ${(1000 * seconds).toFixed(1)} ms each; wall time / without ${wallRatio.toFixed(3)}`,
  );
}
