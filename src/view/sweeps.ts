/** The sweeps that records below a folder belong to, read once and again where their `sweep.json` changes. */
import { existsSync } from "node:fs";
import { dirname, join, relative, sep } from "node:path";
import { ConfigError } from "../errors.js";
import { quote } from "../record/command.js";
import type { Facts } from "../record/facts.js";
import { readIfPresent } from "../record/files.js";
import { readSweep, SWEEP, type SweepManifest } from "../record/sweep.js";
import { requireInside, stampOf, statInside } from "./inside.js";

export interface SweepEntry {
  /** What addresses name it by: counted, never reused. */
  readonly id: number;
  /** Path relative to the root, `/` between folders. */
  readonly name: string;
  readonly directory: string;
  readonly manifest: SweepManifest;
}

export interface Sweeps {
  get(id: number): SweepEntry | undefined;
  /** That of a record; undefined for a run alone. */
  of(directory: string): SweepEntry | undefined;
  faults(): string[];
  /** Looks again at the folders that hold these records. True where something has changed. */
  refresh(records: readonly string[]): Promise<boolean>;
}

interface Known {
  readonly stamp: string;
  readonly entry: SweepEntry | null;
  readonly fault: string | null;
}

/** @param root without links in it */
export function openSweeps(root: string): Sweeps {
  const known = new Map<string, Known>();
  const ids = new Map<string, number>();
  const byId = new Map<number, SweepEntry>();

  async function look(directory: string): Promise<Known> {
    try {
      const stamp = stampOf(await statInside(root, join(directory, SWEEP)));
      const before = known.get(directory);
      if (before?.stamp === stamp) return before;
      const manifest = await readSweep(directory);
      if (manifest === null) return { stamp, entry: null, fault: null };
      const id = ids.get(directory) ?? ids.size + 1;
      ids.set(directory, id);
      const name = relative(root, directory).split(sep).join("/") || ".";
      return { stamp, fault: null, entry: { id, name, directory, manifest } };
    } catch (error) {
      return { stamp: "", entry: null, fault: error instanceof Error ? error.message : String(error) };
    }
  }

  return {
    get: (id) => byId.get(id),
    of: (directory) => known.get(dirname(directory))?.entry ?? undefined,
    faults: () => [...known.values()].flatMap(({ fault }) => (fault === null ? [] : [fault])),
    async refresh(records) {
      // The folder of the root is nobody's but where the root is the sweep.
      const folders = new Set(records.map((record) => dirname(record)).filter((one) => isBelow(root, one)));
      let changed = false;
      for (const folder of known.keys())
        if (!folders.has(folder)) {
          known.delete(folder);
          changed = true;
        }
      for (const folder of folders) {
        const now = await look(folder);
        changed ||= now !== known.get(folder);
        known.set(folder, now);
      }
      if (changed) {
        byId.clear();
        for (const { entry } of known.values()) if (entry !== null) byId.set(entry.id, entry);
      }
      return changed;
    },
  };
}

const isBelow = (root: string, folder: string): boolean => folder === root || folder.startsWith(root + sep);

/** What the page tells of one sweep: how far it is, what varies, its pictures, its study. */
export async function describeSweep(
  root: string,
  { name, directory, manifest }: SweepEntry,
  runs: readonly Facts[],
) {
  const { status, fields, figures, jobs, command, started, finished } = manifest;
  const statuses = new Map<string, number>();
  for (const facts of runs) {
    const own = String(facts.get("status") ?? "unknown");
    statuses.set(own, (statuses.get(own) ?? 0) + 1);
  }
  if (jobs.length > runs.length) statuses.set("not begun", jobs.length - runs.length);
  const study =
    (await statInside(root, join(directory, STUDY))) === null
      ? null
      : await readIfPresent(join(directory, STUDY));
  return {
    ...{ name, status, fields, started, finished, study, command: quote(command) },
    statuses: [...statuses],
    figures: figures
      .map((one) => `figures/${one.name}.svg`)
      .filter((file) => existsSync(join(directory, file))),
  };
}

/** A figure of a sweep as a path that may be read. @throws ConfigError */
export async function locateSweepFigure(
  root: string,
  { name, directory, manifest }: SweepEntry,
  file: string,
): Promise<string> {
  const path = join(directory, file);
  const drawn = manifest.figures.some((one) => file === `figures/${one.name}.svg`);
  if (!drawn || (await statInside(root, path)) === null)
    throw new ConfigError(`${name} has no figure ${file}.`);
  await requireInside(root, path);
  return path;
}

const STUDY = "sweep.yaml";
