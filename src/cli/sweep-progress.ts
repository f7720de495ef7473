/** The runs of a sweep on stderr: on a terminal a table that is redrawn, in a log a line per start and end and a summary now and then. */
import type { JobEvent } from "../experiment/launcher.js";
import { formatDuration, formatNumber, printable } from "./format.js";
import { isLive } from "./progress.js";

export interface SweepReport {
  tell(event: JobEvent): void;
  /** A line among the others. */
  say(line: string): void;
  /** Takes the table away. */
  stop(): void;
}

const REDRAW_MILLISECONDS = 125;
const LINE_SECONDS = 10;
/** Runs done, or parts of one, before they say how long the rest takes: searches and compilations come before a run's first step. */
const LEAST_WORK = 0.02;

interface Running {
  readonly since: number;
  fraction: number;
  loss: number | null;
}

/** The report that fits `stream`. */
export function reportSweep(stream: NodeJS.WriteStream, quiet: boolean, total: number): SweepReport {
  if (quiet)
    return {
      // No record says why such a run has none.
      tell(event) {
        if (event.kind === "finished" && event.status === "failed")
          stream.write(`${printable(`${event.name}: ${howItEnded(event)}`)}\n`);
      },
      say() {},
      stop() {},
    };
  const started = performance.now();
  const running = new Map<string, Running>();
  let ended = 0;
  let computed = 0;
  let drawn = 0;
  let last = 0;
  const live = isLive(stream);

  const clear = () => {
    if (drawn > 0) stream.write(`\x1b[${drawn}A\x1b[J`);
    drawn = 0;
  };
  const draw = () => {
    clear();
    const width = (stream.columns ?? 100) - 1;
    const names = [...running.keys()];
    const longest = Math.max(8, ...names.map((name) => name.length));
    const rows = [...running].map(([name, { since, fraction, loss }]) => {
      const filled = Math.floor(16 * fraction);
      const bar = "█".repeat(filled) + "░".repeat(16 - filled);
      const time = formatDuration((performance.now() - since) / 1000);
      return `  ${name.padEnd(longest)}  ${bar} ${String(Math.floor(100 * fraction)).padStart(3)}%  loss ${formatNumber(loss)}  ${time}`;
    });
    const lines = [...rows, summary()].map((line) => line.slice(0, width));
    stream.write(`${lines.join("\n")}\n`);
    drawn = lines.length;
    last = performance.now();
  };
  const summary = () => {
    const parts = [...running.values()].reduce((sum, { fraction }) => sum + fraction, 0);
    const seconds = (performance.now() - started) / 1000;
    const work = computed + parts;
    const left =
      work >= LEAST_WORK
        ? `ETA ${formatDuration(((total - ended - parts) * seconds) / work)}`
        : "ETA unknown";
    return `${ended} of ${total} runs done, ${running.size} running, ${formatDuration(seconds)}, ${left}`;
  };
  const say = (line: string) => {
    clear();
    stream.write(`${printable(line)}\n`);
    if (live && running.size > 0) draw();
  };
  return {
    say,
    stop: clear,
    tell(event) {
      if (event.kind === "progress") {
        const job = running.get(event.name);
        if (job === undefined) return;
        job.fraction = event.progress.fraction;
        job.loss = event.progress.loss;
        const waited = performance.now() - last;
        if (live && waited >= REDRAW_MILLISECONDS) draw();
        else if (!live && waited >= 1000 * LINE_SECONDS) {
          last = performance.now();
          stream.write(`${summary()}\n`);
        }
        return;
      }
      if (event.kind === "started") {
        running.set(event.name, { since: performance.now(), fraction: 0, loss: null });
        if (live) draw();
        else stream.write(`${event.name}: started\n`);
        return;
      }
      running.delete(event.name);
      ended += 1;
      if (event.kind === "skipped") return say(`${event.name}: stands already (${event.status})`);
      computed += 1;
      say(`${event.name}: ${event.status}, ${howItEnded(event)}, ${formatDuration(event.seconds)}`);
    },
  };
}

const howItEnded = ({ loss, message }: Extract<JobEvent, { kind: "finished" }>): string =>
  loss === null ? message.split("\n", 1)[0]! : `loss ${formatNumber(loss)}`;
