#!/usr/bin/env node
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const built = (name) => new URL(`../dist/cli/${name}.js`, import.meta.url);
const complain = (text) => {
  process.stderr.write(`${text}\n`);
  process.exitCode = 2;
};
if (existsSync(built("main"))) {
  const { missingAround } = await import(built("surroundings").href);
  const missing = missingAround();
  if (missing === null) await import(built("main").href);
  else complain(`gradflow: ${missing}`);
} else {
  const root = fileURLToPath(new URL("..", import.meta.url));
  complain(`gradflow is not built yet. Build it in ${root} with: npm run build`);
}
