/** Runs of a sweep in worker processes on this machine. */
import { type ChildProcess, fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { DrawnSweep } from "../figure/draw-sweep.js";
import type { Launch, LaunchedJob, LaunchOptions } from "./launcher.js";
import type { Order, Report } from "./worker.js";

const WORKER = fileURLToPath(new URL("./worker.js", import.meta.url));

/** As many at a time as `parallel` says, in order. */
export const launchLocally: Launch = async (jobs, options) => {
  const waiting = [...jobs];
  const lanes = Math.min(options.parallel, jobs.length);
  const lane = async () => {
    // One process for many runs saves its start; after a crash the next run gets a new one.
    let worker = startWorker(lanes > 1);
    for (let job = waiting.shift(); job !== undefined; job = waiting.shift()) {
      if (options.signal?.aborted === true || options.isOver()) break;
      if (!worker.child.connected) worker = startWorker(lanes > 1);
      await runJob(worker, job, options);
    }
    return worker;
  };
  const workers = await Promise.all(Array.from({ length: lanes }, lane));
  const [first, ...others] = workers.filter(({ child }) => child.connected);
  for (const { child } of others) child.disconnect();
  return first === undefined
    ? null
    : {
        draw: (directory, force) => draw(first, directory, force, options.signal),
        close: () => first.child.disconnect(),
      };
};

function draw(
  { child, lastWords }: Worker,
  directory: string,
  force: boolean,
  signal: AbortSignal | undefined,
): Promise<DrawnSweep> {
  return new Promise((done, fail) => {
    const abort = () => void (child.connected && child.send({ kind: "abort" } satisfies Order));
    signal?.addEventListener("abort", abort, { once: true });
    const hear = (report: Report) => {
      signal?.removeEventListener("abort", abort);
      child.off("close", crash);
      if (report.kind === "drawn") done(report.drawn);
      else if (report.kind === "error") fail(new Error(report.message));
    };
    const crash = () => fail(new Error(`the worker that drew the sweep ended. ${lastWords()}`.trim()));
    child.once("message", hear);
    child.once("close", crash);
    child.send({ kind: "draw", directory, force } satisfies Order);
  });
}

interface Worker {
  readonly child: ChildProcess;
  /** The last words on its stderr. */
  lastWords(): string;
}

/** @param isOneOfMany then it collects its garbage by itself: helper threads would take the cores that other workers compute on */
function startWorker(isOneOfMany: boolean): Worker {
  const flags = isOneOfMany ? ["--single-threaded-gc"] : [];
  const child = fork(WORKER, {
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    execArgv: [...process.execArgv, ...flags],
  });
  let stderr = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr = (stderr + text).slice(-2000);
  });
  return { child, lastWords: () => stderr };
}

function runJob(
  { child, lastWords }: Worker,
  job: LaunchedJob,
  { signal, tell }: LaunchOptions,
): Promise<void> {
  return new Promise((done) => {
    const { name, file, set, module, values, directory, command } = job;
    const started = performance.now();
    const abort = () => {
      if (job.deaf) child.kill();
      else if (child.connected) child.send({ kind: "abort" } satisfies Order);
    };
    const end = (status: string, message: string, loss: number | null) => {
      signal?.removeEventListener("abort", abort);
      child.off("message", hear);
      child.off("close", crash);
      child.off("error", fail);
      tell({ kind: "finished", name, status, message, loss, seconds: (performance.now() - started) / 1000 });
      done();
    };
    const failure = () => (signal?.aborted === true ? "interrupted" : "failed");
    const hear = (report: Report) => {
      if (report.kind === "progress") tell({ kind: "progress", name, progress: report.progress });
      else if (report.kind === "error") end(failure(), report.message, null);
      else if (report.kind === "result") end(report.result.status, report.result.message, report.result.loss);
    };
    const crash = (code: number | null, killedBy: NodeJS.Signals | null) => {
      const how = killedBy === null ? `with exit code ${code}` : `by ${killedBy}`;
      end(failure(), `the worker process ended ${how}. ${lastWords()}`.trim(), null);
    };
    const fail = (error: Error) => end("failed", `the worker process cannot be used: ${error.message}`, null);
    signal?.addEventListener("abort", abort, { once: true });
    child.on("message", hear);
    child.on("close", crash);
    child.on("error", fail);
    tell({ kind: "started", name });
    child.send({ kind: "run", file, set, module, values, directory, command } satisfies Order);
  });
}
