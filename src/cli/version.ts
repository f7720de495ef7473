/** The version in gradflow's own package.json. */
import { createRequire } from "node:module";

export const gradflowVersion = (createRequire(import.meta.url)("../../package.json") as { version: string })
  .version;
