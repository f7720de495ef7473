/**
 * Kills a run at the calls that change files, wherever they fall: while an old record is replaced, while rows and checkpoints are written,
 * while it ends and is drawn. After each the folder holds a record that reads, the old or the new, and `resume` or a new
 * start brings it to the bytes of a run that was never stopped.
 * usage: node scripts/attack/kills.js [count=100] [seed=1]    (after npm run build)
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readRecord } from "../../dist/record/reader.js";

const COUNT = Number(process.argv[2] ?? 100);
const PROGRAM = fileURLToPath(new URL("../../bin/gradflow.js", import.meta.url));
const PRELOAD = fileURLToPath(new URL("./kill-at.js", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "gradflow-kills-"));
const study = (seed) => `name: tiny
seed: ${seed}
dataset: { kind: gaussian, samples: 8, inputDimension: 3, outputDimension: 2 }
model: { kind: dnn, hidden: [4], activation: { kind: tanh } }
flow: { method: dopri5, rtol: 1e-7, atol: 1e-9, tEnd: 2 }
descent: { learningRates: [0.1] }
compare: { flows: [modified, central, rod], leadingGap: true, bound: true, average: 4 }
measure: { sharpness: { of: [flow, descent, central], points: 3 } }
record: { at: linear, points: 30, checkpoint: 1.0e-9 }
engine: { kind: onnx, threads: 1 }
`;
writeFileSync(join(home, "old.yaml"), study(1));
writeFileSync(join(home, "new.yaml"), study(2));

const run = (words, env = {}) =>
  spawnSync(process.execPath, [...(env.KILL_BELOW ? ["--import", PRELOAD] : []), PROGRAM, ...words], {
    cwd: home,
    encoding: "utf8",
    env: { ...process.env, ...env },
  });
const must = (words, env) => {
  const { status, stderr } = run(words, env);
  if (status !== 0) throw new Error(`${words.join(" ")}: exit ${status}: ${stderr}`);
};
const bytes = (directory) => {
  const files = readdirSync(directory).filter((name) => /\.(csv|npy)$/.test(name));
  return files.map((name) => `${name} ${readFileSync(join(directory, name)).toString("latin1")}`).join("\n");
};

must(["run", "old.yaml", "--out", "old", "--quiet"]);
must(["run", "new.yaml", "--out", "new", "--quiet"]);
const wanted = bytes(join(home, "new"));
cpSync(join(home, "old"), join(home, "run"), { recursive: true });
must(["run", "new.yaml", "--out", "run", "--quiet", "--force"], {
  KILL_BELOW: "run",
  KILL_COUNT: join(home, "count"),
});
const calls = Number(readFileSync(join(home, "count"), "utf8"));

const ends = {};
for (let k = 0; k < COUNT; k++) {
  // Spread over all calls; with as many as there are calls, every one.
  const at = 1 + Math.floor((k * calls) / COUNT);
  rmSync(join(home, "run"), { recursive: true });
  cpSync(join(home, "old"), join(home, "run"), { recursive: true });
  const { signal } = run(["run", "new.yaml", "--out", "run", "--quiet", "--force"], {
    KILL_BELOW: "run",
    KILL_AT: String(at),
  });
  if (signal !== "SIGKILL") throw new Error(`call ${at} of ${calls} was not reached`);
  const { manifest, config, result } = await readRecord(join(home, "run"));
  const which =
    config.seed === 1 ? "the old one" : `the new one, ${manifest.status}${manifest.drawn ? "" : ", undrawn"}`;
  if (config.seed === 1 && result === null) throw new Error(`call ${at}: the old record has lost its result`);
  ends[which] = (ends[which] ?? 0) + 1;
  const ended = config.seed === 2 && manifest.status === "reachedEnd" && manifest.drawn;
  if (config.seed === 2 && !ended) must(["resume", "run", "--quiet"]);
  else if (config.seed === 1) must(["run", "new.yaml", "--out", "run", "--quiet", "--force"]);
  if (bytes(join(home, "run")) !== wanted)
    throw new Error(`call ${at}: other bytes than those of the run that was never stopped`);
  const left = readdirSync(join(home, "run")).filter((name) => name.startsWith("."));
  if (left.length > 0 && !ended) throw new Error(`call ${at}: left ${left.join(", ")}`);
  const pictures = readdirSync(join(home, "run/figures"));
  if (!pictures.includes("loss.png") || pictures.some((name) => name.startsWith(".")))
    throw new Error(`call ${at}: figures/ holds ${pictures.join(", ")}`);
}
rmSync(home, { recursive: true });
console.log(`${COUNT} kills at ${calls} calls, all survived; the kill left ${JSON.stringify(ends)}`);
