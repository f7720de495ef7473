// Writes docs/config.md from the schema. Run by `npm run docs:config`, after the build.
import { writeFile } from "node:fs/promises";
import { renderConfigReference } from "../dist/config/reference.js";

await writeFile(new URL("../docs/config.md", import.meta.url), renderConfigReference());
