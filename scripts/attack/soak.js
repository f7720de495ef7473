/**
 * A run that records each of very many steps: its memory must stay flat, its checkpoints constant, and an interruption end it soon.
 * V8 lets garbage lie until the heap is some four times what lives in it, so the resident memory of a flat run is a saw of 70 MB. Flat
 * must be what each full collection leaves (`--trace-gc` tells), and the median of the resident memory.
 * usage: node scripts/attack/soak.js [rows=1000000]    (after npm run build; Linux)
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const ROWS = Number(process.argv[2] ?? 1e6);
const PROGRAM = fileURLToPath(new URL("../../bin/gradflow.js", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "gradflow-soak-"));
writeFileSync(
  join(home, "soak.yaml"),
  `name: soak
seed: 1
dataset: { kind: gaussian, samples: 8, inputDimension: 3, outputDimension: 2 }
model: { kind: dnn, hidden: [4], activation: { kind: tanh } }
flow: { method: euler, stepSize: 1.0e-5, tEnd: 1000 }
descent: { learningRates: [0.1] }
record: { at: steps, checkpoint: 1 }
engine: { kind: onnx, threads: 1 }
`,
);
const begun = performance.now();
const child = spawn(
  process.execPath,
  ["--trace-gc", PROGRAM, "run", "soak.yaml", "--out", "run", "--quiet"],
  { cwd: home, stdio: ["ignore", "pipe", "ignore"] },
);
/** Megabytes that lived after each full collection, and the rows by then. */
const lived = [];
child.stdout.setEncoding("utf8").on("data", (text) => {
  for (const [, left] of text.matchAll(/Mark-Compact[^>]*-> ([\d.]+) /g))
    lived.push({ rows: rows(), memory: Number(left) });
});
const ended = new Promise((done) => child.on("close", done));
const megabytes = () =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024;
const peak = () =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))?.[1]) / 1024;
const size = (name) => {
  try {
    return statSync(join(home, "run", name)).size;
  } catch {
    return 0;
  }
};
/** Of a row, once there are some. */
let bytes = 0;
const seen = [];
const spread = (values) => [Math.min(...values), Math.max(...values)];
const rows = () => (bytes === 0 ? 0 : size("series.csv") / bytes);
while (rows() < ROWS) {
  await wait(500);
  if (child.exitCode !== null) throw new Error(`the run ended with ${child.exitCode}`);
  if (size("series.csv") > 1e5 && bytes === 0) {
    const text = readFileSync(join(home, "run/series.csv"), "utf8");
    bytes = text.length / text.split("\n").length;
  }
  const checkpoint = size("checkpoint.bin");
  if (checkpoint > 0) seen.push({ rows: rows(), memory: megabytes(), checkpoint });
}
const top = peak();
const stop = performance.now();
const live = spread(lived.filter((one) => one.rows > ROWS / 10).map((one) => one.memory));
child.kill("SIGINT");
let drawing = top;
while (child.exitCode === null) {
  try {
    drawing = peak() || drawing;
  } catch {}
  await wait(50);
}
const code = await ended;
const seconds = (performance.now() - stop) / 1000;
const settled = seen.filter((one) => one.rows > ROWS / 10);
const memory = spread(settled.map((one) => one.memory));
const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
const third = Math.floor(settled.length / 3);
const before = median(settled.slice(0, third).map((one) => one.memory));
const after = median(settled.slice(-third).map((one) => one.memory));
const checkpoints = spread(settled.map((one) => one.checkpoint));
const last = size("checkpoint.bin");
rmSync(home, { recursive: true });
console.log(
  `${ROWS} rows in ${((stop - begun) / 1000).toFixed(0)} s: live after full collections ${live.join(" to ")} MB, RSS ${memory.map(Math.round).join(" to ")} MB (medians of the first and last third ${Math.round(before)} and ${Math.round(after)}), ` +
    `checkpoints ${checkpoints.join(" to ")} bytes (the last ${last}); SIGINT to the end ${seconds.toFixed(1)} s, with at most ${Math.round(drawing)} MB; exit ${code}`,
);
if (code !== 130) throw new Error(`exit ${code}`);
if (Math.abs(after / before - 1) > 0.1 || live[1] > 1.1 * live[0]) throw new Error("memory grows");
if (checkpoints[1] > 1.05 * checkpoints[0]) throw new Error("checkpoints grow");
