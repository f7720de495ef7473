/** The records below a folder with their facts, read once and again where their files change. Knows no tables and no network. */
import { lstat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { ConfigError } from "../errors.js";
import type { Fact, Facts } from "../record/facts.js";
import { inTurn } from "../record/in-turn.js";
import { isDone, MANIFEST, STAGING } from "../record/manifest.js";
import { findRecords } from "../record/search.js";
import { readRunFacts } from "../record/sweep-states.js";
import { stampOf, statInside } from "./inside.js";
import { openSweeps, type Sweeps } from "./sweeps.js";

export interface Entry {
  /** What addresses name it by: counted, never reused, so that no path comes from outside. */
  readonly id: number;
  /** Path relative to the root, `/` between folders. */
  readonly name: string;
  readonly directory: string;
  readonly facts: Facts;
  /** Whether the run may still write: it has not ended for good. */
  readonly open: boolean;
  /** Milliseconds since 1970 at which its series last grew; of an open run alone. */
  readonly grown: number | null;
}

export interface Catalogue {
  readonly root: string;
  entries(): Entry[];
  get(id: number): Entry | undefined;
  readonly sweeps: Sweeps;
  /** The names of all facts, in order. */
  names(): readonly string[];
  /** Records found and read so far; equal once all are read. */
  progress(): { readonly found: number; readonly read: number };
  /** Why records could not be read. */
  faults(): string[];
  /** Counts the changes; the same number means the same answer. */
  version(): number;
  /** Looks again. One at a time: a call during another waits for that one. */
  refresh(): Promise<void>;
}

interface Known {
  readonly stamp: string;
  readonly entry: Entry | null;
  readonly fault: string | null;
}

/** @param root without links in it */
export function openCatalogue(root: string): Catalogue {
  const known = new Map<string, Known>();
  const ids = new Map<string, number>();
  const byId = new Map<number, Entry>();
  const intern = pool();
  const sweeps = openSweeps(root);
  let found = 0;
  let read = 0;
  let version = 0;
  let scanFaults: string[] = [];
  let running: Promise<void> | null = null;
  /** Of ten thousand records they are two million, and asked for with every list. */
  let names: { readonly version: number; readonly all: readonly string[] } = { version: -1, all: [] };

  async function look(directory: string): Promise<void> {
    const before = known.get(directory);
    let stamp = "";
    let grown: number | null = null;
    try {
      const [files, times] = await guard(root, directory);
      stamp = files;
      grown = times;
      if (before?.stamp === stamp) {
        if (before.entry?.open && before.entry.grown !== grown)
          settle({ ...before, entry: { ...before.entry, grown } });
        return;
      }
      const facts = await readRunFacts(directory);
      if (facts === null) return forget(directory);
      const open = !isDone(facts.manifest.status);
      const id = ids.get(directory) ?? ids.size + 1;
      ids.set(directory, id);
      const name = relative(root, directory).split(sep).join("/") || ".";
      settle({
        stamp,
        fault: null,
        entry: { id, name, directory, facts: intern(facts.facts), open, grown: open ? grown : null },
      });
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error);
      if (before?.fault !== fault || before.stamp !== stamp) settle({ stamp, entry: null, fault });
    }

    function settle(next: Known): void {
      known.set(directory, next);
      if (before?.entry && next.entry === null) byId.delete(before.entry.id);
      if (next.entry !== null) byId.set(next.entry.id, next.entry);
      version++;
    }
  }

  function forget(directory: string): void {
    const before = known.get(directory);
    if (before === undefined) return;
    known.delete(directory);
    if (before.entry !== null) byId.delete(before.entry.id);
    version++;
  }

  async function scan(): Promise<void> {
    const faults: string[] = [];
    const paths = await findRecords(root, (line) => faults.push(line));
    if (faults.join() !== scanFaults.join()) version++;
    scanFaults = faults;
    found = paths.length;
    read = 0;
    const present = new Set(paths);
    for (const directory of known.keys()) if (!present.has(directory)) forget(directory);
    if (await sweeps.refresh(paths)) version++;
    await inTurn(paths, async (path) => {
      await look(path);
      read++;
    });
    found = read;
  }

  return {
    root,
    entries: () => [...byId.values()],
    get: (id) => byId.get(id),
    sweeps,
    names() {
      if (names.version !== version) {
        const all = new Set<string>();
        for (const { facts } of byId.values()) for (const name of facts.keys()) all.add(name);
        names = { version, all: [...all].sort() };
      }
      return names.all;
    },
    progress: () => ({ found, read }),
    faults: () => [
      ...scanFaults,
      ...sweeps.faults(),
      ...[...known.values()].flatMap(({ fault }) => (fault === null ? [] : [fault])),
    ],
    version: () => version,
    refresh() {
      running ??= scan().finally(() => {
        running = null;
      });
      return running;
    },
  };
}

/** The state of the files that facts are read from, once none of them leads out of the root; and when the series last grew. */
async function guard(root: string, directory: string): Promise<readonly [string, number | null]> {
  const manifest = await statInside(root, join(directory, MANIFEST));
  const staged = await lstat(join(directory, STAGING)).catch(() => null);
  if (staged?.isSymbolicLink())
    throw new ConfigError(`${join(directory, STAGING)}: is a link; gradflow view reads nothing there.`);
  const folders = staged === null ? [directory] : [directory, join(directory, STAGING)];
  const stamps = [stampOf(manifest)];
  let grown: number | null = null;
  for (const folder of folders) {
    for (const name of ["result.json", "config.resolved.json"])
      stamps.push(stampOf(await statInside(root, join(folder, name))));
    grown = (await statInside(root, join(folder, "series.csv")))?.mtimeMs ?? grown;
  }
  return [stamps.join(" "), grown];
}

/** Runs state the same names and words thousands of times: each is kept once. */
function pool(): (facts: Facts) => Facts {
  const texts = new Map<string, string>();
  const one = (text: string): string => {
    const kept = texts.get(text);
    if (kept !== undefined) return kept;
    texts.set(text, text);
    return text;
  };
  return (facts) =>
    new Map(
      [...facts].map(([name, fact]): [string, Fact] => [
        one(name),
        typeof fact === "string" ? one(fact) : fact,
      ]),
    );
}
