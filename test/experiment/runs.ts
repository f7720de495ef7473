/** Whole runs for tests: YAML in, record in a folder that is removed afterwards. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { runExperiment } from "../../src/experiment/run.js";
import type { RunOptions } from "../../src/experiment/study-record.js";
import { type RunRecord, readRecord } from "../../src/record/reader.js";
import type { RunResult } from "../../src/record/result.js";

/** A smooth problem of 82 parameters that a run finishes in a moment. */
export const study = `name: run-test
dataset: { kind: gaussian, samples: 20, inputDimension: 4, outputDimension: 2 }
model: { kind: dnn, hidden: [8, 4], activation: { kind: tanh } }
flow: { method: dopri5, rtol: 1e-6, atol: 1e-9, tEnd: 4 }
record: { at: linear, points: 8 }
engine: { kind: reference }
`;

/**
 * Call at the top of a test file; gives `run`, which writes each record into a folder of its own. Figures, half the work of a small run, are
 * drawn where asked for.
 */
export function setUpRuns({
  draw = false,
} = {}): (
  set?: readonly string[],
  options?: Partial<RunOptions>,
  yaml?: string,
) => Promise<{ result: RunResult; record: RunRecord; directory: string }> {
  const folder = mkdtemp(join(tmpdir(), "gradflow-run-"));
  let count = 0;
  afterAll(async () => rm(await folder, { recursive: true }));
  return async (set = [], options = {}, yaml = study) => {
    const file = join(await folder, `study-${count}.yaml`);
    const directory = options.directory ?? join(await folder, `record-${count++}`);
    await writeFile(file, yaml);
    const loaded = await loadConfig(file, { set: draw ? set : ["figure.draw=false", ...set] });
    const result = await runExperiment(loaded, { command: ["test"], ...options, directory });
    return { result, record: await readRecord(directory), directory };
  };
}
