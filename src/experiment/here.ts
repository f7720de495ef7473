/** Runs of a sweep in this process, one after another: what only it can make. */
import type { SweepJob } from "../config/load-sweep.js";
import { ConfigError, EngineError, tellError } from "../errors.js";
import { withThreads } from "./define-sweep.js";
import type { Launch } from "./launcher.js";
import { runExperiment } from "./run.js";

/** @param planned the studies, by the names of the jobs that are launched */
export function launchHere(planned: readonly SweepJob[]): Launch {
  const studies = new Map(planned.map(({ name, loaded }) => [name, loaded]));
  return async (jobs, { signal, tell, isOver }) => {
    for (const { name, directory, command, threads } of jobs) {
      if (signal?.aborted === true || isOver()) break;
      const started = performance.now();
      const end = (status: string, message: string, loss: number | null): void =>
        tell({
          kind: "finished",
          name,
          status,
          message,
          loss,
          seconds: (performance.now() - started) / 1000,
        });
      tell({ kind: "started", name });
      try {
        const { status, message, loss } = await runExperiment(withThreads(studies.get(name)!, threads), {
          ...{ directory, command, force: true, resume: true },
          ...(signal !== undefined && { signal }),
          onProgress: (progress) => tell({ kind: "progress", name, progress }),
        });
        end(status, message, loss);
      } catch (error) {
        const expected = error instanceof ConfigError || error instanceof EngineError;
        end("failed", expected ? tellError(error) : String((error as Error).stack ?? error), null);
      }
    }
    return null;
  };
}
