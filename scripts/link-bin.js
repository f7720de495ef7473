/**
 * Puts bin/gradflow.js among the commands of this checkout, so that `npx gradflow` runs it at once. Run by `npm ci`.
 * package.json names no bin outside a published package (see prepack): a bin of the package itself makes npx link and build it
 * in a cache of its own first, which is slow and can be left broken.
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
    console.warn(`npx gradflow will not be found, use node bin/gradflow.js: ${error.message}`);
  }
}
