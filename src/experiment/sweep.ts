/** A sweep, end to end: which runs are still to be done, their launch, the table and the pictures of all. */
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { join, resolve } from "node:path";
import type { LoadedSweep, SweepJob } from "../config/load-sweep.js";
import type { Config } from "../config/schema.js";
import { isDrawn } from "../config/schema-dataset.js";
import { ConfigError, tellError } from "../errors.js";
import type { DrawnSweep } from "../figure/draw-sweep.js";
import { buildNetwork, LayerError } from "../model/index.js";
import type { Lock } from "../record/lock.js";
import { isDone } from "../record/manifest.js";
import { closeSweep, markEnded, openSweep, type SweepManifest } from "../record/sweep.js";
import { formatResults, type JobState, readJobs } from "../record/sweep-states.js";
import { formatBytes } from "./bytes.js";
import { leastSteps, MANY_STEPS } from "./effort.js";
import { launchHere } from "./here.js";
import type { Drawer, JobEvent, Launch, LaunchedJob } from "./launcher.js";
import { launchLocally } from "./local.js";
import { requireMemory } from "./memory.js";
import { availableMemory } from "./memory-room.js";
import { createPause, type Watch } from "./pause.js";

export interface SweepOptions {
  /** The sweep's folder. Default `runs/<name>-<hash>` in the working directory. */
  readonly directory?: string;
  /** Runs at a time. Default: as many as the machine has cores for, with the threads that the study asks for. */
  readonly parallel?: number;
  /** Start no further run after one that is not done. */
  readonly failFast?: boolean;
  /** Do runs again that are done. */
  readonly force?: boolean;
  /** Take the folder from a process on another machine that may have gone. */
  readonly takeOver?: boolean;
  readonly signal?: AbortSignal;
  /** The command line, for the manifest. */
  readonly command: readonly string[];
  /** What starts the runs. Default: worker processes on this machine. */
  readonly launch?: (directory: string) => Launch;
  readonly onEvent?: (event: JobEvent) => void;
  readonly onMessage?: (line: string) => void;
}

export interface SweepResult {
  /** `done`: every run ended as it should; `failed`: some did not; `interrupted`. */
  readonly status: "done" | "failed" | "interrupted";
  readonly directory: string;
  readonly fields: readonly string[];
  readonly states: readonly JobState[];
  /** Runs that stood already. */
  readonly skipped: number;
  /** Pictures, relative to the folder. */
  readonly figures: readonly string[];
  /** Figures that could not be drawn, and why. */
  readonly notes: readonly string[];
  readonly wallSeconds: number;
}

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };

/** Statuses of a run that are failures of its numbers. */
const NUMERICAL_FAILURES = ["nonFinite", "stepTooSmall", "tooManyContacts", "maxSteps"];

/** Runs a sweep. @throws ConfigError where its folder cannot be had; a run that fails is a state of the result. */
export async function runSweep(sweep: LoadedSweep, options: SweepOptions): Promise<SweepResult> {
  const started = performance.now();
  const { fields, jobs, figures } = sweep;
  if (sweep.code !== undefined && options.launch !== undefined)
    throw new ConfigError(
      "runSweep: launchers start gradflow on a study file, which a sweep from code has not; leave launch out.",
    );
  const directory = resolve(options.directory ?? join("runs", `${sweep.name}-${hashSweep(sweep)}`));
  const facts = {
    name: sweep.name,
    study: sweep.file,
    folder: process.cwd(),
    set: sweep.set,
    multiply: sweep.multiply,
    command: options.command,
    gradflow: version,
    fields,
    figures,
    jobs: jobs.map(({ name, values, set, hash }) => ({ name, values, set, hash })),
  };
  // Elsewhere there is other memory.
  const memory = options.launch === undefined ? memoryOf(jobs) : new Map<SweepJob, number>();
  // What it refuses it refuses before anything is written.
  const launch = options.launch?.(directory) ?? null;
  const { manifest, lock } = await openSweep(
    directory,
    facts,
    sweep.source,
    options.force === true || options.takeOver === true,
  );
  try {
    return await doSweep(sweep, { ...options, launch }, directory, manifest, lock, memory, started);
  } finally {
    await lock.release();
  }
}

async function doSweep(
  sweep: LoadedSweep,
  options: Omit<SweepOptions, "launch"> & { readonly launch: Launch | null },
  directory: string,
  manifest: SweepManifest,
  lock: Lock,
  memory: ReadonlyMap<SweepJob, number>,
  started: number,
): Promise<SweepResult> {
  const { fields, jobs, figures } = sweep;
  const before = await readJobs(directory, manifest);
  const stands = (job: SweepJob, k: number) =>
    options.force !== true && manifest.ended[job.name] === job.hash && isWhole(before[k]!);
  const pending = jobs.filter((job, k) => !stands(job, k));
  const isPending = new Set(pending.map(({ name }) => name));
  jobs.forEach((job, k) => {
    if (stands(job, k))
      options.onEvent?.({ kind: "skipped", name: job.name, status: before[k]!.manifest!.status });
  });
  const isHere = sweep.code?.module === null;
  if (isHere && (options.parallel ?? 1) > 1)
    options.onMessage?.(
      `${options.parallel} runs at a time are not possible: a function runs in this process alone, one run after the other; defineSweep({ study: new URL(…) }) names a module that workers can import.`,
    );
  const { parallel: wanted, threads } = planThreads(pending, isHere ? 1 : options.parallel);
  const needs = pending.map((job) => memory.get(job) ?? 0);
  const parallel = boundByMemory(wanted, needs, options.onMessage);
  announceSteps(pending, options.onMessage);
  const lowered = pending.filter(({ loaded }) => loaded.config.engine.threads > threads);
  if (lowered.length > 0)
    options.onMessage?.(
      `${parallel} runs at a time on ${availableParallelism()} cores: ${lowered.length} runs get ${threads} engine thread${threads === 1 ? "" : "s"} instead of the study's ${Math.max(...lowered.map(({ loaded }) => loaded.config.engine.threads))}; the last digits may differ.`,
    );
  const hashes = new Map(jobs.map(({ name, hash }) => [name, hash]));
  let over = false;
  let noting = Promise.resolve();
  const launch = options.launch ?? (isHere ? launchHere(jobs) : launchLocally);
  const drawer = await launch(
    longestFirst(pending).map((job) => launched(job, sweep, directory, threads, options.command)),
    {
      parallel,
      signal: options.signal,
      isOver: () => over,
      tell: (event) => {
        if (event.kind === "finished") {
          noting = noting.then(() =>
            markEnded(directory, lock, { name: event.name, hash: hashes.get(event.name)! }),
          );
          // Awaited below, where it may throw.
          noting.catch(() => undefined);
        }
        if (options.failFast === true && event.kind === "finished" && !isGood(event.status)) over = true;
        options.onEvent?.(event);
      },
    },
  );
  try {
    await noting;
    const interrupted = options.signal?.aborted === true;
    // A record that was whole before is so still.
    const states = await readJobs(directory, manifest, (job, k) =>
      isPending.has(job.name) ? null : before[k]!,
    );
    const good = states.every((state) => isGood(state.manifest?.status));
    const status = interrupted ? "interrupted" : good ? "done" : "failed";
    await closeSweep(directory, lock, status, (fields) => formatResults(fields, states));
    const drawn =
      figures.length === 0
        ? NOTHING_DRAWN
        : await draw(directory, drawer, { ...options, signal: interrupted ? undefined : options.signal });
    return {
      status,
      directory,
      fields,
      states,
      skipped: jobs.length - pending.length,
      figures: drawn.pictures,
      notes: drawn.notes,
      wallSeconds: (performance.now() - started) / 1000,
    };
  } finally {
    drawer?.close();
  }
}

/** Peak memory of each run here, as far as the config tells; what files hold is known to their own run. @throws ConfigError */
function memoryOf(jobs: readonly SweepJob[]): Map<SweepJob, number> {
  const known = new Map<SweepJob, number>();
  /** Of equal sizes, which is all that a seed leaves. */
  const estimates = new Map<string, number>();
  for (const job of jobs) {
    const { dataset, seed: _, ...sizes } = job.loaded.config;
    if (!isDrawn(dataset)) continue;
    const key = JSON.stringify([dataset, sizes]);
    const bytes = estimates.get(key) ?? requireMemory(job.loaded, dataset).bytes;
    estimates.set(key, bytes);
    known.set(job, bytes);
  }
  return known;
}

/** As many of the most demanding runs at a time as fit into the memory. */
function boundByMemory(
  parallel: number,
  needs: readonly number[],
  say: ((line: string) => void) | undefined,
): number {
  const largest = [...needs].sort((p, q) => q - p);
  const needed = (count: number) => largest.slice(0, count).reduce((sum, bytes) => sum + bytes, 0);
  let fits = parallel;
  while (fits > 1 && needed(fits) > availableMemory()) fits--;
  if (fits < parallel)
    say?.(
      `${fits} at a time: ${parallel} runs may take ${formatBytes(needed(parallel))} of memory together, and this machine has ${formatBytes(availableMemory())}.`,
    );
  return fits;
}

/** Steps that the configs make necessary, where they are beyond all patience. */
function announceSteps(jobs: readonly SweepJob[], say: ((line: string) => void) | undefined): void {
  const steps = jobs.flatMap(({ loaded }) => leastSteps(loaded.config));
  const count = steps.reduce((sum, step) => sum + step.count * step.gradients, 0);
  if (count >= MANY_STEPS)
    say?.(
      `note: the ${jobs.length} runs take ${count.toExponential(1).replace("e+", "e")} gradients at least.`,
    );
}

/** In milliseconds. */
const SECOND = 1000;
const NOTHING_DRAWN = { pictures: [], notes: [] };

/** Where a worker has drawn runs it draws these too: loading Vega takes as long as a small run. If it fails, what is wrong shows here. */
async function draw(
  directory: string,
  drawer: Drawer | null,
  { force = false, signal, onMessage: say }: Pick<SweepOptions, "force" | "onMessage"> & Watch,
): Promise<DrawnSweep> {
  const pause = createPause(
    { signal, say },
    "drawing the figures",
    `the runs have ended; gradflow figure ${directory} draws them.`,
  );
  // The worker reports when it is done; meanwhile somebody waits here.
  const waiting = drawer === null ? null : setInterval(() => void pause()?.catch(() => undefined), SECOND);
  const drawn = await drawer?.draw(directory, force).catch(() => null);
  if (waiting !== null) clearInterval(waiting);
  if (drawn) return drawn;
  const { drawSweepFigures } = await import("../figure/draw-sweep.js");
  return drawSweepFigures(directory, { force, pause }).catch((error: unknown) => {
    if (!(error instanceof ConfigError)) throw error;
    // The runs have ended; what stands in the way of a picture is no reason to say that they have not.
    return {
      pictures: [],
      notes: [`No figures: ${tellError(error)} Then gradflow figure ${directory} draws them.`],
    };
  });
}

function isGood(status: string | undefined): boolean {
  return isDone(status) && !NUMERICAL_FAILURES.includes(status!);
}

/** Ended for good, and drawn. */
function isWhole({ manifest }: JobState): boolean {
  return isDone(manifest?.status) && manifest?.drawn !== false;
}

/** The same study and axes have the same folder, whatever the number of threads in it. */
function hashSweep({ jobs }: LoadedSweep): string {
  const text = jobs.map(({ name, hash }) => `${name} ${hash}\n`).join("");
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

/** So that no long run is left alone at the end. Runs that look alike keep their order. */
export function longestFirst(jobs: readonly SweepJob[]): SweepJob[] {
  const work = new Map(jobs.map((job) => [job, workOf(job)]));
  return [...jobs].sort((p, q) => work.get(q)! - work.get(p)!);
}

/** Parameters times samples times time span: what a run costs beside others of its sweep, as far as the config knows. */
function workOf({ loaded }: SweepJob): number {
  const { dataset, model, flow } = loaded.config;
  const { samples, inputDimension, inputShape, outputDimension } = !isDrawn(dataset)
    ? UNKNOWN_SIZES
    : { ...UNKNOWN_SIZES, ...dataset };
  const shape = inputShape ?? [inputDimension];
  return parametersOf(model, shape, outputDimension) * samples * flow.tEnd;
}

const UNKNOWN_SIZES = { samples: 1, inputDimension: 1, outputDimension: 1, inputShape: undefined };

/** P; 1 where it depends on data that are not read yet. */
function parametersOf(model: Config["model"], inputShape: readonly number[], outputs: number): number {
  try {
    return buildNetwork(model, { inputShape, outputs }).layout.size;
  } catch (error) {
    if (error instanceof LayerError) return 1;
    throw error;
  }
}

/** Runs times threads never exceed the cores, unless more runs are asked for than there are cores. */
function planThreads(
  jobs: readonly SweepJob[],
  asked: number | undefined,
): { parallel: number; threads: number } {
  const cores = availableParallelism();
  const wanted = Math.max(1, ...jobs.map(({ loaded }) => loaded.config.engine.threads));
  const parallel = Math.max(1, Math.min(asked ?? Math.floor(cores / wanted), jobs.length));
  return { parallel, threads: Math.max(1, Math.floor(cores / parallel)) };
}

function launched(
  { name, set: own, values, hash, loaded }: SweepJob,
  { file, code }: LoadedSweep,
  folder: string,
  most: number,
  program: readonly string[],
): LaunchedJob {
  const { engine } = loaded.config;
  const threads = Math.min(engine.threads, most);
  const set = engine.threads > most ? [...own, `engine.threads=${most}`] : own;
  const directory = join(folder, name);
  const command =
    code === undefined
      ? ["gradflow", "run", file, ...set.flatMap((text) => ["--set", text]), "--out", directory]
      : program;
  const module = code?.module == null ? null : { href: code.module, folder: code.folder, hash, threads };
  return { name, file, set, module, values, directory, command, threads, deaf: engine.kind === "reference" };
}
