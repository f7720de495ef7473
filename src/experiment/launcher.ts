/** What starts the runs of a sweep, and what it tells meanwhile. */
import type { DrawnSweep } from "../figure/draw-sweep.js";
import type { Progress } from "./study-record.js";

/** What workers need to make a study that a function of a module makes. */
export interface SweepModule {
  readonly href: string;
  /** What file names in it are relative to. */
  readonly folder: string;
  /** Of the study as it was planned. */
  readonly hash: string;
  readonly threads: number;
}

/** A run to be started: `gradflow run <file> --set … --out <directory>`, or of a module. */
export interface LaunchedJob {
  readonly name: string;
  readonly file: string;
  readonly set: readonly string[];
  /** In place of file and set. */
  readonly module: SweepModule | null;
  readonly values: Readonly<Record<string, unknown>>;
  readonly directory: string;
  readonly command: readonly string[];
  readonly threads: number;
  /** Whether its engine keeps the process from hearing messages. */
  readonly deaf: boolean;
}

export type JobEvent =
  /** Stands already, done by an earlier start. */
  | { readonly kind: "skipped"; readonly name: string; readonly status: string }
  | { readonly kind: "started"; readonly name: string }
  | { readonly kind: "progress"; readonly name: string; readonly progress: Progress }
  | {
      readonly kind: "finished";
      readonly name: string;
      readonly status: string;
      readonly message: string;
      readonly loss: number | null;
      readonly seconds: number;
    };

export interface LaunchOptions {
  /** Runs at a time. */
  readonly parallel: number;
  readonly signal?: AbortSignal | undefined;
  tell(event: JobEvent): void;
  /** Whether no further run shall start. */
  isOver(): boolean;
}

/** What a launcher leaves behind: a process that has drawn runs and draws the sweep without loading Vega again. */
export interface Drawer {
  draw(directory: string, force: boolean): Promise<DrawnSweep>;
  close(): void;
}

/** Starts the jobs and resolves when all have ended; a run that fails is an event, not an error. */
export type Launch = (jobs: readonly LaunchedJob[], options: LaunchOptions) => Promise<Drawer | null>;
