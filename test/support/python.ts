/** Python beside the tests: used where it has the packages, passed over with a message where it has not. */
import { spawnSync } from "node:child_process";

/** `GRADFLOW_PYTHON=/path/to/venv/bin/python npm test` names the interpreter. */
export const PYTHON = process.env["GRADFLOW_PYTHON"] ?? "python3";

/** Null where the interpreter imports all packages; else what to do, for the title of the skipped test. */
export function lacksPython(...packages: string[]): string | null {
  const { status } = spawnSync(PYTHON, ["-c", `import ${packages.join(", ")}`], { timeout: 60_000 });
  if (status === 0) return null;
  const message = `skipped: ${PYTHON} lacks ${packages.join(", ")}; set GRADFLOW_PYTHON to one that has them`;
  console.warn(message);
  return message;
}

/** The JSON that a script prints. */
export function runPython(script: string, ...words: string[]): unknown {
  const { status, stdout, stderr } = spawnSync(PYTHON, [script, ...words], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
    timeout: 600_000,
  });
  if (status !== 0) throw new Error(`${PYTHON} ${script} ended with ${status}: ${stderr}`);
  return JSON.parse(stdout);
}
