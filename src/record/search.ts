/** The records below a folder. */
import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { errorCode } from "./files.js";
import { MANIFEST } from "./manifest.js";

/**
 * The records below a folder, sweeps included, to a depth of three, by path.
 * @param tell why a folder was passed over that could not be read
 */
export async function findRecords(
  root: string,
  tell: (line: string) => void = () => undefined,
): Promise<string[]> {
  const found: string[] = [];
  const look = async (folder: string, depth: number): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true });
    if (entries.some(({ name }) => name === MANIFEST)) {
      found.push(resolve(folder));
      return;
    }
    if (depth === 0) return;
    const folders = entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith("."));
    for (const name of folders.map((entry) => entry.name).sort())
      await look(join(folder, name), depth - 1).catch((error: unknown) => {
        tell(`${join(folder, name)}: cannot be read (${error instanceof Error ? error.message : error}).`);
      });
  };
  await look(root, 3).catch((error: unknown) => {
    if (errorCode(error) !== "ENOENT" && errorCode(error) !== "ENOTDIR")
      tell(`${root}: cannot be read (${error instanceof Error ? error.message : error}).`);
  });
  return found;
}
