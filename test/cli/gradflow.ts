/** The program as a user starts it: a process of its own, in a folder of its own. `npm test` has built it. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll } from "vitest";

export const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));
const PROGRAM = join(REPOSITORY, "bin/gradflow.js");

export interface Ended {
  /** Null where a signal killed it. */
  readonly code: number | null;
  readonly killedBy: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Starts the program; `ended` resolves with all it said. `before`: a module that runs in the process first, as text. */
export function start(
  cwd: string,
  words: readonly string[],
  before?: string,
): { child: ChildProcess; ended: Promise<Ended> } {
  const first =
    before === undefined ? [] : ["--import", `data:text/javascript,${encodeURIComponent(before)}`];
  const child = spawn(process.execPath, [...first, PROGRAM, ...words], {
    cwd,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    stdout += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((done, fail) => {
    child.on("error", fail);
    child.on("close", (code, killedBy) => done({ code, killedBy, stdout, stderr }));
  });
  return { child, ended };
}

export function gradflow(cwd: string, ...words: readonly string[]): Promise<Ended> {
  return start(cwd, words).ended;
}

/** A folder that is gone after the file's tests. */
export async function temporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-cli-"));
  afterAll(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** A study that runs in milliseconds. Its figures, most of the work, are drawn where asked for. */
export const TINY = `name: tiny
seed: 3
dataset: { kind: gaussian, samples: 8, inputDimension: 3, outputDimension: 2 }
model:
  kind: dnn
  hidden: [4]
  activation: { kind: tanh }
flow: { method: dopri5, rtol: 1e-8, atol: 1e-10, tEnd: 2 }
descent: { learningRates: [0.1, 0.01] }
record: { at: linear, points: 20 }
engine: { kind: onnx, dtype: float64, threads: 2 }
figure: { draw: false }
`;

/** Writes `TINY`, with some texts replaced, and returns its name. */
export async function writeStudy(
  folder: string,
  name: string,
  replace: Readonly<Record<string, string>> = {},
): Promise<string> {
  let text = TINY;
  for (const [from, to] of Object.entries(replace)) {
    if (!text.includes(from)) throw new Error(`the tiny study has no ${JSON.stringify(from)}`);
    text = text.replace(from, to);
  }
  await writeFile(join(folder, name), text);
  return name;
}
