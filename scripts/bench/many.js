/**
 * Many tiny runs: what planning, stopping, listing, showing and taking up a large sweep cost. The records are copies of one.
 * usage: node scripts/bench/many.js [runs=10000] [listed=5000]    (after npm run build; Linux)
 */
import { spawn } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const RUNS = Number(process.argv[2] ?? 10_000);
const LISTED = Number(process.argv[3] ?? 5000);
const PROGRAM = fileURLToPath(new URL("../../bin/gradflow.js", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "gradflow-many-"));
writeFileSync(
  join(home, "many.yaml"),
  `name: many
dataset: { kind: gaussian, samples: 8, inputDimension: 3, outputDimension: 2 }
model: { kind: dnn, hidden: [4], activation: { kind: tanh } }
flow: { method: dopri5, rtol: 1e-6, atol: 1e-9, tEnd: 1 }
descent: { learningRates: [0.1] }
record: { at: linear, points: 10 }
engine: { kind: onnx, threads: 1 }
`,
);

/** A command to its end: seconds, exit code, bytes it was given by the system to write, what it said. */
function time(words, { onText = () => undefined } = {}) {
  const begun = performance.now();
  const child = spawn(process.execPath, [PROGRAM, ...words], {
    cwd: home,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let text = "";
  let written = 0;
  let cpu = 0;
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (part) => {
      text += part;
      onText(text, child);
    });
  const look = setInterval(() => {
    try {
      written = Number(/^wchar: (\d+)/m.exec(readFileSync(`/proc/${child.pid}/io`, "utf8"))?.[1] ?? written);
      const stat = readFileSync(`/proc/${child.pid}/stat`, "utf8").split(") ")[1].split(" ");
      // In hundredths of a second, of its own threads.
      cpu = (Number(stat[11]) + Number(stat[12])) / 100;
    } catch {}
  }, 20);
  return new Promise((done) =>
    child.on("close", (code) => {
      clearInterval(look);
      done({ seconds: (performance.now() - begun) / 1000, code, text, written, cpu });
    }),
  );
}
const show = (what, { seconds, code, written, cpu, text }, wanted = 0) => {
  if (code !== wanted) throw new Error(`${what}: exit ${code}: ${text.slice(-2000)} (in ${home})`);
  console.log(
    `${what}: ${seconds.toFixed(1)} s (${cpu.toFixed(1)} of processor), ${(written / 1e6).toFixed(1)} MB written`,
  );
};

const words = ["sweep", "many.yaml", "-m", `seed=0..${RUNS - 1}`, "--out", "sweep", "--jobs", "1"];
let planned = 0;
let stopped = 0;
const begun = performance.now();
const first = await time(words, {
  onText(text, child) {
    if (planned === 0 && /: started/.test(text)) planned = performance.now();
    if (stopped === 0 && /seed-0: reachedEnd/.test(text)) {
      stopped = performance.now();
      child.kill("SIGINT");
    }
  },
});
const size = (name) => statSync(join(home, "sweep", name), { throwIfNoEntry: false })?.size ?? 0;
console.log(
  `planning ${RUNS} runs: ${((planned - begun) / 1000).toFixed(1)} s; stopping: ${((performance.now() - stopped) / 1000).toFixed(1)} s, exit ${first.code}; ` +
    `${first.cpu.toFixed(1)} s of processor in all but the run; sweep.json ${(size("sweep.json") / 1e6).toFixed(1)} MB, results.csv ${(size("results.csv") / 1e6).toFixed(2)} MB, ${(first.written / 1e6).toFixed(1)} MB written in all`,
);

const { jobs } = JSON.parse(readFileSync(join(home, "sweep/sweep.json"), "utf8"));
const model = join(home, "sweep", jobs[0].name);
const files = readdirSync(model).filter((name) => /\.(json|csv|yaml)$/.test(name));
for (const { name, hash } of jobs) {
  if (!existsSync(join(home, "sweep", name, "result.json"))) {
    mkdirSync(join(home, "sweep", name), { recursive: true });
    for (const file of files) cpSync(join(model, file), join(home, "sweep", name, file));
  }
  appendFileSync(join(home, "sweep/sweep.ended"), `${hash} ${name}\n`);
}
mkdirSync(join(home, "listed"));
for (const { name } of jobs.slice(0, LISTED))
  cpSync(join(home, "sweep", name), join(home, "listed", name), { recursive: true });

show(`list of ${LISTED}`, await time(["list", "listed", "--sort", "loss"]));
show(`list --json of ${LISTED}`, await time(["list", "listed", "--json"]));
show(`report of ${LISTED}, refused`, await time(["report", "listed"]), 2);
show(`export of ${LISTED} to csv`, await time(["export", "listed", "--to", "csv"]));
show(`show of the sweep of ${RUNS}`, await time(["show", "sweep"]));
show(`report of the sweep of ${RUNS}`, await time(["report", "sweep"]));
show(`figure of the sweep of ${RUNS}`, await time(["figure", "sweep"]));
show(`the sweep again, all ${RUNS} standing`, await time(words));
console.log(`report.html ${(size("report.html") / 1e6).toFixed(1)} MB`);
rmSync(home, { recursive: true });
