#!/usr/bin/env node
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

const program = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(program)) await import(program.href);
else {
  const root = fileURLToPath(new URL("..", import.meta.url));
  process.stderr.write(`gradflow is not built yet. Build it in ${root} with: npm run build\n`);
  process.exitCode = 2;
}
