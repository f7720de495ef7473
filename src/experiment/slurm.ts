/** Runs of a sweep as a job array of Slurm: a script, one submission, the records watched, what vanished submitted again. */
import { execFile } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ConfigError, EngineError } from "../errors.js";
import { isDone, readManifest } from "../record/manifest.js";
import { attachSweepFiles } from "../record/sweep.js";
import { readRunFacts } from "../record/sweep-states.js";
import type { Launch, LaunchedJob, LaunchOptions } from "./launcher.js";

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL("../../bin/gradflow.js", import.meta.url));
const POLL_SECONDS = 2;
/** Times that a run which left the queue without an end is submitted again: a node may fail, a run that fails twice has a reason. */
const RESUBMISSIONS = 1;

export interface SlurmOptions {
  /** The sweep's folder, which every node must see under this name. */
  readonly directory: string;
  /** Further arguments of sbatch, e.g. `--partition=long`. */
  readonly sbatch: readonly string[];
}

/**
 * A launcher that hands the runs to Slurm; it throws EngineError where sbatch is not there or refuses.
 * @throws ConfigError where Slurm cannot name the folder
 */
export function launchOnSlurm({ directory, sbatch }: SlurmOptions): Launch {
  const logs = join(directory, "slurm");
  if (/[\s%]/.test(logs))
    throw new ConfigError(
      `${JSON.stringify(logs)}: Slurm takes no spaces and no % in its file names; choose another folder with --out.`,
    );
  return async (jobs, options) => {
    if (jobs.length === 0) return null;
    const before = new Map<string, string | null>();
    for (const job of jobs) before.set(job.name, (await readManifest(job.directory))?.started ?? null);
    let left: LaunchedJob[] = [...jobs];
    for (let attempt = 0; left.length > 0 && attempt <= RESUBMISSIONS; attempt++) {
      if (options.signal?.aborted === true || options.isOver()) return null;
      const script = `slurm/array-${attempt}.sh`;
      await attachSweepFiles(directory, {
        [script]: arrayScript(left, logs, attempt, options.parallel),
      });
      const id = await submit(join(directory, script), sbatch);
      left = await watch(id, left, before, options, attempt === RESUBMISSIONS);
    }
    return null;
  };
}

/** One task per run; Slurm may start `parallel` at a time. */
function arrayScript(jobs: readonly LaunchedJob[], logs: string, attempt: number, parallel: number): string {
  const lines = jobs.map(({ command }, k) => {
    const words = [process.execPath, PROGRAM, ...command.slice(1), "--force", "--resume", "--quiet"];
    return `${k}) exec ${words.map(quote).join(" ")} ;;`;
  });
  return `#!/bin/bash
#SBATCH --job-name=gradflow
#SBATCH --array=0-${jobs.length - 1}%${parallel}
#SBATCH --cpus-per-task=${Math.max(...jobs.map(({ threads }) => threads))}
#SBATCH --output=${logs}/%a-${attempt}.log
case "$SLURM_ARRAY_TASK_ID" in
${lines.join("\n")}
esac
`;
}

function quote(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}

async function submit(script: string, more: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run("sbatch", [
      "--parsable",
      // An argument, not a line of the script, where a name of more than one word or line would be read as more than a name.
      `--chdir=${process.cwd()}`,
      ...more,
      script,
    ]);
    return stdout.trim().split(";")[0]!;
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string };
    const reason =
      code === "ENOENT" ? "there is no sbatch on this machine" : (stderr ?? String(error)).trim();
    throw new EngineError(
      `slurm: the runs could not be submitted (${reason}); use --launcher local, or mend that.`,
    );
  }
}

/** Follows the array until it has left the queue; returns the runs that have no end in their record. */
async function watch(
  id: string,
  jobs: readonly LaunchedJob[],
  before: ReadonlyMap<string, string | null>,
  { signal, tell, isOver }: LaunchOptions,
  last: boolean,
): Promise<LaunchedJob[]> {
  const since = performance.now();
  const begun = new Map<string, number>();
  const open = new Map(jobs.map((job) => [job.name, job]));
  let cancelled = false;
  for (;;) {
    // The queue first: a run that ends between the two looks has its end in the record.
    const queued = await isQueued(id);
    for (const job of open.values()) {
      const found = await readRunFacts(job.directory);
      const fresh = found !== null && found.manifest.started !== before.get(job.name);
      if (!fresh) continue;
      const { status, failure } = found.manifest;
      if (!begun.has(job.name)) {
        begun.set(job.name, performance.now());
        tell({ kind: "started", name: job.name });
      }
      if (status === "running") continue;
      const loss = found.facts.get("loss");
      const seconds = (performance.now() - begun.get(job.name)!) / 1000;
      // A run that failed otherwise than by its numbers may find better luck on another node.
      if (!isDone(status) && status === "failed" && !last) continue;
      open.delete(job.name);
      tell({
        kind: "finished",
        name: job.name,
        status,
        message: failure ?? "",
        loss: typeof loss === "number" ? loss : null,
        seconds,
      });
    }
    if (!cancelled && (signal?.aborted === true || isOver())) {
      cancelled = true;
      // Running ones get SIGTERM and end in order; waiting ones are taken off the queue.
      await run("scancel", ["--state=PENDING", id]).catch(() => undefined);
      if (signal?.aborted === true)
        await run("scancel", ["--batch", "--signal=TERM", id]).catch(() => undefined);
    }
    if (!queued) break;
    await new Promise((resume) => setTimeout(resume, 1000 * POLL_SECONDS));
  }
  const left = [...open.values()];
  if (last || cancelled)
    for (const { name } of left) {
      const message = cancelled
        ? "taken off the queue"
        : `left the queue without an end; its words are in slurm/ of the sweep (job ${id})`;
      tell({
        kind: "finished",
        name,
        status: cancelled ? "interrupted" : "failed",
        message,
        loss: null,
        seconds: (performance.now() - since) / 1000,
      });
    }
  return cancelled ? [] : left;
}

async function isQueued(id: string): Promise<boolean> {
  try {
    return (await run("squeue", ["--noheader", "--jobs", id, "--format=%i"])).stdout.trim() !== "";
  } catch (error) {
    // Slurm forgets a job some minutes after its end and then calls its number invalid; anything else is a lull of the controller.
    return !/invalid job id/i.test(String((error as { stderr?: string }).stderr));
  }
}
