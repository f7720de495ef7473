/**
 * Puts bin/gradflow.js among the commands of this checkout, so that `npx gradflow` runs it at once instead of linking the
 * package into npx's cache. Run by `npm ci`. Where links are not to be had (Windows), npx finds the program its own, slower way.
 */
import { existsSync, mkdirSync, rmSync, symlinkSync } from "node:fs";

const folder = new URL("../node_modules/.bin/", import.meta.url);
if (existsSync(new URL("../node_modules/", import.meta.url))) {
  const link = new URL("gradflow", folder);
  try {
    mkdirSync(folder, { recursive: true });
    rmSync(link, { force: true });
    symlinkSync("../../bin/gradflow.js", link);
  } catch (error) {
    console.warn(`npx gradflow will be slower to start: ${error.message}`);
  }
}
