/** How far a run is, on stderr: a bar on a terminal, sparse lines in a log, nothing when asked. Never touches stdout. */
import { createRequire } from "node:module";
import type CliProgress from "cli-progress";
import type { Progress } from "../experiment/study-record.js";
import { formatDuration, formatNumber, printable } from "./format.js";

export interface ProgressReport {
  update(progress: Progress): void;
  /** A line among the progress: a note, a warning. */
  say(line: string): void;
  /** Takes the bar away. */
  stop(): void;
}

/** A line is due after this time, or after this much progress, but not within the shorter time of the one before. */
const LINE_SECONDS = 5;
const LINE_FRACTION = 0.1;
const SHORTEST_LINE_SECONDS = 1;
/** The ETA looks back this far, so that it follows a step size that grows or shrinks. */
const ETA_WINDOW_SECONDS = 10;

/** The report that fits `stream`. */
export function reportProgress(stream: NodeJS.WriteStream, quiet: boolean): ProgressReport {
  if (quiet) return { update() {}, say() {}, stop() {} };
  return isLive(stream) ? bar(stream) : lines(stream);
}

/** Whether lines on the stream can be drawn again: a terminal that knows the escapes for it. */
export function isLive(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && process.env["TERM"] !== "dumb";
}

/** Loaded where there is a bar to draw. */
const require = createRequire(import.meta.url);

function bar(stream: NodeJS.WriteStream): ProgressReport {
  const { SingleBar } = require("cli-progress") as typeof CliProgress;
  const estimate = createEstimate();
  const single = new SingleBar({
    stream,
    format: "{bar} {percentage}%  t = {time}  loss {loss}  {evaluations} gradients  {eta_text}{activity}",
    barsize: 24,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    clearOnComplete: true,
    // Cut to the width here: the terminal's own wrapping, switched off, would stay off after a kill.
    linewrap: true,
    gracefulExit: false, // signals are interrupt.ts's
    fps: 8,
  });
  let started = false;
  const stop = () => {
    if (started) single.stop();
    started = false;
  };
  return {
    update(progress) {
      const value = Math.floor(1000 * progress.fraction);
      const payload = {
        time: formatNumber(progress.t),
        loss: formatNumber(progress.loss),
        evaluations: progress.gradientEvaluations,
        eta_text: describeEta(estimate(progress.fraction)),
        activity: describeActivity(progress),
      };
      if (started) single.update(value, payload);
      else single.start(1000, value, payload);
      started = true;
    },
    say(line) {
      stop();
      stream.write(`${printable(line)}\n`);
    },
    stop,
  };
}

function lines(stream: NodeJS.WriteStream): ProgressReport {
  const estimate = createEstimate();
  let last = { seconds: now(), fraction: 0 };
  return {
    update(progress) {
      const eta = estimate(progress.fraction);
      const seconds = now();
      const waited = seconds - last.seconds;
      const due = waited >= LINE_SECONDS || progress.fraction - last.fraction >= LINE_FRACTION;
      if (!due || waited < SHORTEST_LINE_SECONDS) return;
      last = { seconds, fraction: progress.fraction };
      const place = `${Math.floor(100 * progress.fraction)}%  t = ${formatNumber(progress.t)} of ${formatNumber(progress.tEnd)}`;
      stream.write(
        `${place}  loss ${formatNumber(progress.loss)}  ${progress.gradientEvaluations} gradients  ${describeEta(eta)}${describeActivity(progress)}\n`,
      );
    },
    say(line) {
      stream.write(`${printable(line)}\n`);
    },
    stop() {},
  };
}

/** Seconds to the end from the speed of the last seconds; null while nothing has moved. */
function createEstimate(): (fraction: number) => number | null {
  const seen = [{ seconds: now(), fraction: 0 }];
  return (fraction) => {
    const seconds = now();
    // Ten entries a second are enough, and bound the list.
    if (seconds - seen.at(-1)!.seconds >= 0.1) seen.push({ seconds, fraction });
    while (seen.length > 1 && seconds - seen[1]!.seconds >= ETA_WINDOW_SECONDS) seen.shift();
    const from = seen[0]!;
    const gained = fraction - from.fraction;
    return gained > 0 ? ((1 - fraction) * (seconds - from.seconds)) / gained : null;
  };
}

function describeEta(seconds: number | null): string {
  return seconds === null ? "ETA unknown" : `ETA ${formatDuration(seconds)}`;
}

function describeActivity({ activity }: Progress): string {
  return activity === undefined ? "" : `  [${activity}]`;
}

function now(): number {
  return performance.now() / 1000;
}
