/** What memory this machine has for a run, and whether the files and the source of its data fit before they are read. */
import { readFileSync } from "node:fs";
import { stat } from "node:fs/promises";
import { totalmem } from "node:os";
import { resolve } from "node:path";
import { fileReferences } from "../config/files.js";
import { type LoadedConfig, problemAt } from "../config/load.js";
import { BYTES_PER_NUMBER } from "../data/room.js";
import { sources } from "../data/sources/index.js";
import { formatBytes } from "./bytes.js";

/** What runs may have: nine tenths of the machine's memory, or of its container's; the rest is for what else runs there. */
export function availableMemory(): number {
  const constrained = process.constrainedMemory?.() ?? 0;
  const most = constrained > 0 ? Math.min(totalmem(), constrained) : totalmem();
  return 0.9 * Math.min(most, addressRoom());
}

/** What `ulimit -v` leaves of addresses, beside those that Node has reserved. Who runs into it is aborted without a word. */
function addressRoom(): number {
  const read = (file: string, line: RegExp): number => {
    try {
      return Number(line.exec(readFileSync(`/proc/self/${file}`, "utf8"))?.[1] ?? Number.POSITIVE_INFINITY);
    } catch {
      return Number.POSITIVE_INFINITY;
    }
  };
  const limit = read("limits", /^Max address space\s+(\d+)/m);
  return limit === Number.POSITIVE_INFINITY ? limit : limit - 1024 * read("status", /^VmSize:\s+(\d+)/m);
}

/** A number in a .csv file takes two characters at least, and eight bytes twice while the file is read. */
const BYTES_PER_CHARACTER = 8;

/** @throws ConfigError where the files alone may need more than the machine has */
export async function requireRoomForFiles(
  loaded: LoadedConfig,
  dataset: { readonly inputs: string; readonly targets: string },
): Promise<void> {
  for (const field of ["inputs", "targets"] as const) {
    const { size } = await stat(resolve(loaded.baseDir, dataset[field]));
    const bytes = size * (dataset[field].toLowerCase().endsWith(".csv") ? BYTES_PER_CHARACTER : 1);
    if (bytes > availableMemory())
      throw problemAt(
        loaded,
        `dataset.${field}`,
        `${dataset[field]} has ${formatBytes(size)}, reading it may take ${formatBytes(bytes)} of memory, and this machine has ${formatBytes(availableMemory())}; take fewer samples, or save it as .npy.`,
      );
  }
}

/** @throws ConfigError where a source of data/sources draws, or reads from plain files, more than the machine holds */
export async function requireRoomForSource(loaded: LoadedConfig): Promise<void> {
  const { dataset } = loaded.config;
  const source = sources.find(({ kind }) => kind === dataset.kind);
  if (source === undefined) return;
  const named = fileReferences(loaded.config).filter(({ path: [section] }) => section === "dataset");
  const sizes = await Promise.all(
    named.map(async ({ file }) => (await stat(resolve(loaded.baseDir, file))).size),
  );
  // A byte of a pixel becomes a number.
  const numbers = source.numbers(dataset as never) + sizes.reduce((sum, size) => sum + size, 0);
  const bytes = BYTES_PER_NUMBER * numbers;
  if (bytes > availableMemory())
    throw problemAt(
      loaded,
      "dataset",
      `${dataset.kind} makes ${numbers.toExponential(2)} numbers, which takes ${formatBytes(bytes)} of memory, and this machine has ${formatBytes(availableMemory())}; lower its sizes, or take fewer files.`,
    );
}
