/**
 * Looking at many runs and at long ones: what list, report and the page of gradflow view cost with thousands of records, and how a series of
 * a million rows zooms in Chromium. The records are copies of one. Linux.
 * usage: node scripts/bench/view.js [records=2000] [rows=1000000]    (after npm run build; GRADFLOW_CHROMIUM names the browser)
 */
import { spawn } from "node:child_process";
import {
  closeSync,
  cpSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import ts from "typescript";

const RECORDS = Number(process.argv[2] ?? 2000);
const ROWS = Number(process.argv[3] ?? 1_000_000);
const FRAMES = 150;
const PROGRAM = fileURLToPath(new URL("../../bin/gradflow.js", import.meta.url));
const home = mkdtempSync(join(tmpdir(), "gradflow-view-bench-"));

/** The browser of the tests. */
const source = readFileSync(new URL("../../test/support/chromium.ts", import.meta.url), "utf8");
const { outputText } = ts.transpileModule(source, {
  compilerOptions: { module: "esnext", target: "es2023" },
});
const { findChromium, openPage } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`);

function start(words) {
  const child = spawn(process.execPath, [PROGRAM, ...words], {
    cwd: home,
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.setEncoding("utf8").on("data", (part) => {
    text += part;
  });
  const ended = new Promise((done) => child.on("close", (code) => done({ code, text })));
  return { child, ended, said: () => text };
}

async function time(...words) {
  const begun = performance.now();
  const { code, text } = await start(words).ended;
  return { seconds: (performance.now() - begun) / 1000, code, text };
}

const peakMegabytes = (id) =>
  Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${id}/status`, "utf8"))[1]) / 1000;

function makeRecords() {
  const path = join(home, "many/sweep.json");
  const sweep = JSON.parse(readFileSync(path, "utf8"));
  const [one] = sweep.jobs;
  for (let seed = 1; seed < RECORDS; seed++) {
    const name = `seed-${seed}`;
    cpSync(join(home, "many", one.name), join(home, "many", name), {
      recursive: true,
      filter: (file) => !file.includes("figures"),
    });
    sweep.jobs.push({ ...one, name, values: { seed }, set: [`seed=${seed}`] });
    sweep.ended[name] = one.hash;
  }
  writeFileSync(path, JSON.stringify(sweep));
}

/** A series with noise in every row, so that nothing can be left out unseen. */
function makeLongSeries() {
  cpSync(join(home, "many/seed-0"), join(home, "long/run"), { recursive: true });
  const path = join(home, "long/run/series.csv");
  const [head, , row] = readFileSync(path, "utf8").split("\n");
  const columns = head.split(",");
  const [t, loss] = [columns.indexOf("t"), columns.indexOf("loss")];
  const cells = row.split(",");
  const file = openSync(path, "w");
  writeSync(file, `${head}\n`);
  let lines = [];
  for (let k = 0; k < ROWS; k++) {
    cells[t] = String(k * 0.001);
    cells[loss] = String(Math.exp((-5 * k) / ROWS) * (1 + 0.3 * Math.sin(k * 12.9898) * Math.cos(k * 0.37)));
    lines.push(cells.join(","));
    if (lines.length === 10_000 || k === ROWS - 1) {
      writeSync(file, `${lines.join("\n")}\n`);
      lines = [];
    }
  }
  closeSync(file);
}

async function view(folder, action) {
  const { child, ended, said } = start(["view", folder]);
  while (!said().includes("\n")) await new Promise((done) => setTimeout(done, 10));
  try {
    return await action(said().trim().replace("view: ", ""), child.pid);
  } finally {
    child.kill("SIGINT");
    await ended;
  }
}

const waitFor = (page, expression) =>
  page.evaluate(
    `new Promise((done) => { const look = () => (${expression}) ? done(performance.now()) : setTimeout(look, 5); look(); })`,
  );

/** Zooms in and out by the wheel, once a frame; the frames' times are those that the browser gives them. */
const ZOOM = `new Promise((done) => {
  const area = document.querySelector(".u-over").getBoundingClientRect();
  const times = [];
  let drawn = 0;
  let last = "";
  const frame = (now) => {
    times.push(now);
    const stage = document.querySelector(".stage");
    if (stage.dataset.window !== last) drawn++;
    last = stage.dataset.window;
    if (times.length > ${FRAMES}) return done(JSON.stringify({ times, drawn }));
    const deltaY = times.length % 60 < 30 ? -100 : 100;
    stage.dispatchEvent(new WheelEvent("wheel", { deltaY, clientX: area.left + 0.6 * area.width, clientY: area.top + 50, cancelable: true }));
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
})`;

try {
  writeFileSync(
    join(home, "many.yaml"),
    `name: many
dataset: { kind: gaussian, samples: 20, inputDimension: 5, outputDimension: 2 }
model: { kind: dnn, hidden: [20, 20], activation: { kind: tanh } }
flow: { method: dopri5, rtol: 1e-6, atol: 1e-9, tEnd: 4 }
descent: { learningRates: [0.1, 0.02] }
record: { at: linear, points: 200 }
engine: { kind: onnx, threads: 1 }
`,
  );
  await time("sweep", "many.yaml", "-m", "seed=0", "--out", "many", "--quiet");
  makeRecords();
  const list = await time("list", "many");
  console.log(`list: ${list.seconds.toFixed(2)} s (${list.text.trim().split("\n").at(-1)})`);
  const report = await time("report", "many");
  console.log(
    `report of the sweep: ${report.seconds.toFixed(2)} s (exit ${report.code}, ${(readFileSync(join(home, "many/report.html")).length / 1e6).toFixed(1)} MB)`,
  );
  const chromium = findChromium();
  if (chromium !== null) {
    await view("many", async (address, id) => {
      const page = await openPage(chromium, address);
      const table = await waitFor(page, `document.querySelector("#frame tbody .name") !== null`);
      const curves = await waitFor(page, `Number(document.querySelector(".stage")?.dataset.curves) > 0`);
      const all = await waitFor(
        page,
        `document.body.dataset.runs === "${RECORDS}" && !document.getElementById("count").textContent.includes("read")`,
      );
      const paint = await page.evaluate(
        `performance.getEntriesByName("first-contentful-paint")[0].startTime`,
      );
      console.log(
        `view of ${RECORDS} records: first paint ${paint.toFixed(0)} ms, rows of the table ${table.toFixed(0)} ms, curves ${curves.toFixed(0)} ms, all records ${all.toFixed(0)} ms after the address is opened`,
      );
      await page.evaluate(`document.getElementById("draw-shown").click()`);
      await waitFor(page, `Number(document.querySelector(".stage").dataset.curves) >= 10`);
      console.log(`  peak memory of the server with ten runs drawn: ${peakMegabytes(id).toFixed(0)} MB`);
      await page.close();
    });
    makeLongSeries();
    await view("long", async (address, id) => {
      const page = await openPage(chromium, address);
      const curves = await waitFor(
        page,
        `Number(document.querySelector(".stage")?.dataset.curves) > 0 && document.querySelectorAll(".legend output")[0].textContent !== ""`,
      );
      await new Promise((done) => setTimeout(done, 2000));
      const { times, drawn } = JSON.parse(await page.evaluate(ZOOM));
      const gaps = times
        .slice(1)
        .map((now, k) => now - times[k])
        .sort((a, b) => a - b);
      const rate = (1000 * gaps.length) / (times.at(-1) - times[0]);
      console.log(
        `a series of ${ROWS} rows (${(readFileSync(join(home, "long/run/series.csv")).length / 1e6).toFixed(0)} MB): curve after ${curves.toFixed(0)} ms; zooming ${rate.toFixed(0)} frames/s, ${drawn} of ${times.length} with another window, 95 % within ${gaps[Math.floor(0.95 * gaps.length)].toFixed(0)} ms, slowest ${gaps.at(-1).toFixed(0)} ms`,
      );
      const windows = await page.evaluate(`(async () => {
        const times = [];
        for (let k = 0; k < 20; k++) {
          const width = ${ROWS * 0.001} / 2 ** k;
          const begun = performance.now();
          await (await fetch("curves?run=1&x=t&y=loss&pixels=1200&from=" + 0.3 * width + "&to=" + 1.3 * width)).json();
          times.push(performance.now() - begun);
        }
        return Math.max(...times);
      })()`);
      console.log(
        `  a window of it from the server, all widths: at most ${windows.toFixed(0)} ms; peak memory of the server ${peakMegabytes(id).toFixed(0)} MB`,
      );
      await page.close();
    });
  }
} finally {
  rmSync(home, { recursive: true, force: true });
}
