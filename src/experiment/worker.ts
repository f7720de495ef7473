/** Runs of a sweep, one after another, in a process of their own: a study in by message, progress and result out. Started by local.ts alone. */
import { loadConfig } from "../config/load.js";
import { ConfigError, EngineError, InterruptedError, tellError } from "../errors.js";
import type { DrawnSweep } from "../figure/draw-sweep.js";
import type { RunResult } from "../record/result.js";
import { loadRun } from "./define-sweep.js";
import type { LaunchedJob } from "./launcher.js";
import { createPause } from "./pause.js";
import { runExperiment } from "./run.js";
import type { Progress } from "./study-record.js";

/** What a worker is told. */
export type Order =
  | ({ readonly kind: "run" } & Pick<
      LaunchedJob,
      "file" | "set" | "module" | "values" | "directory" | "command"
    >)
  | { readonly kind: "draw"; readonly directory: string; readonly force: boolean }
  | { readonly kind: "abort" };

/** What a worker tells. */
export type Report =
  | { readonly kind: "progress"; readonly progress: Progress }
  | { readonly kind: "result"; readonly result: RunResult }
  | { readonly kind: "drawn"; readonly drawn: DrawnSweep }
  | { readonly kind: "error"; readonly message: string };

const PROGRESS_MILLISECONDS = 250;

const controller = new AbortController();
const ignore = () => undefined;
const report = (message: Report) => process.send?.(message);

process.on("message", (order: Order) => {
  if (order.kind === "abort") controller.abort();
  else if (order.kind === "draw") void tell(() => draw(order.directory, order.force));
  else void tell(() => run(order));
});
// The sweep has gone: end in order.
process.on("disconnect", () => controller.abort());

/** Reports how work ends, whether well or not. */
async function tell(work: () => Promise<Report>): Promise<void> {
  try {
    report(await work());
  } catch (error) {
    const expected =
      error instanceof ConfigError || error instanceof EngineError || error instanceof InterruptedError;
    const text =
      error instanceof Error ? (expected ? tellError(error) : (error.stack ?? error.message)) : String(error);
    report({ kind: "error", message: text });
  }
}

async function draw(directory: string, force: boolean): Promise<Report> {
  const { drawSweepFigures } = await import("../figure/draw-sweep.js");
  // An interrupt that ended runs has been heard.
  const signal = controller.signal.aborted ? undefined : controller.signal;
  const pause = createPause({ signal }, "drawing the figures");
  return { kind: "drawn", drawn: await drawSweepFigures(directory, { force, pause }) };
}

async function run(order: Extract<Order, { kind: "run" }>): Promise<Report> {
  const { file, set, module, values } = order;
  const loaded = module === null ? await loadConfig(file, { set }) : await loadRun(module, values);
  // Ctrl-C reaches every process of the terminal; the sweep passes it on in order. The reference interpreter hears no messages.
  const hears = loaded.config.engine.kind !== "reference";
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    process.off(signal, ignore);
    if (hears) process.on(signal, ignore);
  }
  let told = 0;
  const result = await runExperiment(loaded, {
    directory: order.directory,
    force: true,
    resume: true,
    signal: controller.signal,
    command: order.command,
    onProgress: (progress) => {
      if (performance.now() - told < PROGRESS_MILLISECONDS) return;
      told = performance.now();
      report({ kind: "progress", progress });
    },
  });
  return { kind: "result", result };
}
