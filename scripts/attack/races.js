/**
 * Starts ten processes at once on one folder: `resume` of a killed run, `run --force` over a record, `run` into a fresh folder, and
 * all of these with figure, report and export among them. Whoever loses says who writes; the record is that of one run.
 * usage: node scripts/attack/races.js [rounds=50]    (after npm run build)
 */
import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readRecord } from "../../dist/record/reader.js";

const ROUNDS = Number(process.argv[2] ?? 50);
const PROCESSES = 10;
const PROGRAM = fileURLToPath(new URL("../../bin/gradflow.js", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "gradflow-races-"));
writeFileSync(
  join(home, "tiny.yaml"),
  `name: tiny
seed: 1
dataset: { kind: gaussian, samples: 8, inputDimension: 3, outputDimension: 2 }
model: { kind: dnn, hidden: [4], activation: { kind: tanh } }
flow: { method: euler, stepSize: 0.001, tEnd: 2 }
descent: { learningRates: [0.1] }
record: { at: steps, checkpoint: 0.02 }
engine: { kind: onnx, threads: 1 }
`,
);
const start = (words) =>
  new Promise((done) => {
    const child = spawn(process.execPath, [PROGRAM, ...words], {
      cwd: home,
      stdio: ["ignore", "ignore", "pipe"],
    });
    let stderr = "";
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
    });
    child.on("close", (code) => done({ words, code, stderr }));
  });
const bytes = (directory) => {
  const files = readdirSync(directory).filter((name) => /\.(csv|npy)$/.test(name));
  return files.map((name) => `${name} ${readFileSync(join(directory, name)).toString("latin1")}`).join("\n");
};
const RUN = ["run", "tiny.yaml", "--quiet", "--out"];
spawnSync(process.execPath, [PROGRAM, ...RUN, "whole"], { cwd: home });
const wanted = bytes(join(home, "whole"));
while (!existsSync(join(home, "killed/checkpoint.bin"))) {
  rmSync(join(home, "killed"), { recursive: true, force: true });
  const child = spawn(process.execPath, [PROGRAM, ...RUN, "killed"], { cwd: home, stdio: "ignore" });
  while (!existsSync(join(home, "killed/checkpoint.bin")))
    await new Promise((resume) => setTimeout(resume, 2));
  child.kill("SIGKILL");
  await new Promise((done) => child.on("close", done));
}

const beside = [
  ["figure", "race"],
  ["report", "race"],
  ["export", "race", "--to", "csv"],
];
const contests = [
  { name: "resume", from: "killed", words: ["resume", "race", "--quiet"], beside: [] },
  { name: "run --force", from: "whole", words: [...RUN, "race", "--force"], beside: [] },
  { name: "run", from: null, words: [...RUN, "race"], beside: [] },
  { name: "run --force beside others", from: "whole", words: [...RUN, "race", "--force"], beside },
  { name: "resume beside others", from: "killed", words: ["resume", "race", "--quiet"], beside },
];
const wins = {};
for (let round = 0; round < ROUNDS; round++) {
  const contest = contests[round % contests.length];
  rmSync(join(home, "race"), { recursive: true, force: true });
  if (contest.from !== null) cpSync(join(home, contest.from), join(home, "race"), { recursive: true });
  const all = Array.from({ length: PROCESSES }, (_, k) => contest.beside[k] ?? contest.words);
  const ended = await Promise.all(all.map(start));
  const writers = ended.filter(({ words }) => words === contest.words);
  const won = writers.filter(({ code }) => code === 0).length;
  if (won === 0) throw new Error(`${contest.name}: nobody won: ${writers[0].stderr}`);
  for (const { words, code, stderr } of ended)
    if (
      code !== 0 &&
      !/is writing it|has ended|already holds|replaced meanwhile|is not a record|no recorded rows/.test(
        stderr,
      )
    )
      throw new Error(`${words.join(" ")}: exit ${code}: ${stderr}`);
  const { manifest, result } = await readRecord(join(home, "race"));
  const names = readdirSync(join(home, "race"));
  if (manifest.status !== "reachedEnd" || manifest.drawn !== true || result === null)
    throw new Error(`${contest.name}: ended as ${manifest.status}`);
  if (bytes(join(home, "race")) !== wanted)
    throw new Error(`${contest.name}: other bytes than those of one run`);
  if (names.some((name) => name.startsWith(".")))
    throw new Error(`${contest.name}: left ${names.join(", ")}`);
  wins[contest.name] = (wins[contest.name] ?? 0) + won;
}
rmSync(home, { recursive: true });
console.log(`${ROUNDS} races of ${PROCESSES} processes, all survived; winners ${JSON.stringify(wins)}`);
