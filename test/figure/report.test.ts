import { spawnSync } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { runExperiment } from "../../src/experiment/run.js";
import { assess } from "../../src/figure/assess.js";
import { writeReport } from "../../src/figure/report.js";
import { describeChecks } from "../../src/figure/report-checks.js";
import { readRecord } from "../../src/record/reader.js";
import type { RunResult } from "../../src/record/result.js";
import { openSweep } from "../../src/record/sweep.js";
import { REPOSITORY } from "../cli/gradflow.js";
import { syntheticRecord, syntheticResult } from "../record/synthetic.js";
import { findChromium, openPage } from "../support/chromium.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-report-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
const HOSTILE =
  "<img src=x onerror=\"document.title='owned'\"></script><script>document.title='owned'</script>";

async function hostileRun(directory: string): Promise<void> {
  const writer = await syntheticRecord({ directory, name: HOSTILE });
  await writer.finish({ ...syntheticResult(directory), notes: [`note ${HOSTILE}`] });
}

async function hostileSweep(): Promise<string> {
  const directory = join(folder, "sweep");
  const job = { name: "seed-0", values: { seed: HOSTILE }, set: [`seed=${HOSTILE}`], hash: "0" };
  const figures = [
    {
      kind: "curves",
      name: "loss",
      y: "loss",
      tables: ["series", "descent"],
      xScale: "log",
      yScale: "log",
      merge: [],
    },
  ] as const;
  await openSweep(
    directory,
    {
      name: HOSTILE,
      study: "study.yaml",
      folder: "/studies",
      set: [],
      multiply: [],
      command: ["gradflow", "sweep"],
      gradflow: "0",
      fields: ["seed"],
      figures,
      jobs: [job],
    },
    `name: x # ${HOSTILE}\n`,
  );
  await hostileRun(join(directory, "seed-0"));
  return writeReport(directory);
}

test("a report is one file that names nothing outside", async () => {
  await hostileRun(join(folder, "plain"));
  const html = await readFile(await writeReport(join(folder, "plain")), "utf8");
  for (const word of [
    "energy balance",
    "4cλ_eff",
    "two-widths # as typed",
    "onnx",
    "npx gradflow run study.yaml",
  ])
    expect(html).toContain(word);
  expect(html).not.toMatch(/<(script|link|img|iframe)[^>]*\b(src|href)=/);
  expect(html).not.toContain("<img src=x");
  await expect(writeReport(folder)).rejects.toThrow("is not a record");
});

test("the checks of a run say what the bound's verdict rests on", () => {
  const lambdaMin = {
    value: 2e-3,
    method: "svd",
    residual: 0,
    kind: "certified",
    upper: 0.003,
    resolvable: 1e-20,
    reason: null,
  };
  const kernel = {
    lambdaMin,
    lambdaMax: { value: 3, residual: 0 },
    trace: 5,
    effectiveRank: 2,
    conditionNumber: 1500,
    lambdaEff: 1,
  };
  const capped = { ...lambdaMin, value: 0, kind: "exact-zero", reason: "P = 3 < nM = 4" };
  const html = describeChecks({
    ...syntheticResult(folder),
    ntk: {
      method: "svd",
      scalars: 4,
      parameters: 3,
      times: 9,
      memoryBytes: 1,
      verdict: "vacuous",
      verdictReason: "the exponent is small",
      verdicts: { pass: 1, violated: 0, vacuous: 7, unresolved: 0 },
      time: 2,
      exponent: 0.01,
      exponentWorst: 0.005,
      margin: 0.25,
      marginUncertainty: 0.125,
      vacuousBelow: 0.1,
      initial: { ...kernel, lambdaMin: capped },
      final: kernel,
      lambdaZero: 0,
      lambdaZeroTime: 0.5,
      lambdaZeroKind: "exact-zero",
      exactZeros: 3,
      drift: 0.1,
      rateDefect: 1e-7,
      lazyUntil: null,
      mostHeld: 0,
    },
    errorCheck: {
      rtol: 1e-6,
      tighterRtol: 1e-7,
      gradientEvaluations: 1,
      status: "reachedEnd",
      error: 0.0625,
      relativeToParameters: 0.01,
      relativeToDistance: 0.03,
      gaps: [],
    },
    events: { crossings: 17, maxSliding: 4, firstSliding: null },
  });
  for (const said of [
    "vacuous; of 8 times: pass 1, violated 0, vacuous 7, unresolved 0",
    "margin 0.25 ± 0.125",
    "; the exponent is small",
    "0 (exact-zero) at t = 0.5; zero exactly at 3 of 9 times",
    "0 (exact-zero, svd, P = 3 &lt; nM = 4) at t = 0, 0.002 (certified, svd) at t = 2",
    "‖θ − θ*‖ = 0.0625",
    "<td>17</td>",
    "2/η",
  ])
    expect(html).toContain(said);
});

describe("the checks say good, doubtful or bad, and why", () => {
  const ERROR_CHECK = {
    ...{ rtol: 1e-3, tighterRtol: 1e-4, gradientEvaluations: 9, status: "reachedEnd", error: 1e-3 },
    ...{ relativeToParameters: 1e-4, relativeToDistance: 1e-4, gaps: [] },
  };
  /** Over [5, 10] ‖r‖² falls by e^12.5: 2.5 a unit of time, which the fit, of 2.6, need not be. */
  const DECAY = {
    ...{ window: [5, 10] as const, rate: 2.6, rSquared: 0.9999, meanRateFromLambdaEff: 2.5, logFall: 12.5 },
    rates: [3, 2.7, 2],
  };
  const verdictOf = (change: Partial<RunResult>, name: string) =>
    assess({ ...syntheticResult(folder), ...change }).find((check) => check.name === name);

  test.each<[string, Partial<RunResult>, string | undefined, RegExp]>([
    ["the run reached its end", { status: "reachedEnd" }, "good", /./],
    ["the run reached its end", { status: "interrupted", message: "stopped" }, "doubtful", /stopped/],
    ["the run reached its end", { status: "nonFinite", message: "not finite" }, "bad", /not finite/],
    ["energy falls as along a gradient flow", { energyDefect: 1e-9, lossRise: null }, "good", /10⁻⁹/],
    [
      "energy falls as along a gradient flow",
      { energyDefect: 0.05, lossRise: null },
      "doubtful",
      /flow\.rtol/,
    ],
    ["energy falls as along a gradient flow", { energyDefect: 0.3, lossRise: null }, "bad", /0\.3/],
    [
      "energy falls as along a gradient flow",
      { energyDefect: 1e-9, lossRise: { from: 1, fromTime: 0, to: 2, time: 3 } },
      "bad",
      /from 1 to 2 by t = 3/,
    ],
    ["kinks are followed", { events: null }, undefined, /./],
    ["kinks are followed", { events: { crossings: 7, unsettled: 0, ambiguous: 0 } }, "good", /7 crossings/],
    ["kinks are followed", { events: { crossings: 7, unsettled: 2 } }, "bad", /2 of its decisions/],
    ["kinks are followed", { boundaries: "detect", events: { crossings: 7 } }, "doubtful", /counted/],
    [
      "kinks are followed",
      { events: { crossings: 7, forcedSteps: 2, eulerSteps: 1 } },
      "doubtful",
      /3 steps/,
    ],
    ["kinks are followed", { events: { crossings: 7, unsettledWeights: 4 } }, "doubtful", /4 times weights/],
    ["the solver's error is small", { errorCheck: ERROR_CHECK }, "good", /1·10⁻⁴|0.0001|1e-4|10⁻⁴/],
    [
      "the solver's error is small",
      { errorCheck: { ...ERROR_CHECK, forcedSteps: 2 } },
      "doubtful",
      /^not known: .* missed its own tolerance/,
    ],
    ["the decay is exponential", { decay: { ...DECAY, law: "exponential" } }, "good", /^exponential: rate/],
    [
      "the decay is exponential",
      { decay: { ...DECAY, law: "varying" } },
      "bad",
      /^no exponential: rate 3, 2.7, 2/,
    ],
    ["the decay is exponential", { decay: { ...DECAY, law: "untold" } }, "doubtful", /^too few rows, or/],
    ["the decay is exponential", {}, "doubtful", /^R² alone does not tell/],
    ["‖r‖² falls as λ_eff says", { decay: DECAY }, "good", /is 1 of the mean rate .* whatever the law/],
    ["‖r‖² falls as λ_eff says", { decay: { ...DECAY, logFall: 1 } }, "bad", /mean rate/],
    ["descent with η = 0.05 is stable", { sharpness: null }, "doubtful", /not known/],
  ])("%s: %o is %s", (name, change, verdict, reason) => {
    const found = verdictOf(change, name);
    expect(found?.verdict).toBe(verdict);
    if (found !== undefined) expect(found.reason).toMatch(reason);
  });

  test("the worst come first, before any counter", () => {
    const html = describeChecks({ ...syntheticResult(folder), energyDefect: 0.3 });
    expect(html.indexOf("✗ bad")).toBeGreaterThan(0);
    expect(html.indexOf("✗ bad")).toBeLessThan(html.indexOf("✓ good"));
    expect(html.indexOf("✓ good")).toBeLessThan(html.indexOf("the numbers behind"));
  });
});

test.skipIf(process.platform === "win32")(
  "the commands of a report reproduce the run in a clean folder",
  async () => {
    const [home, clean, bin] = ["home", "clean", "bin"].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    for (const made of [home, clean, bin]) await mkdir(made);
    const study = join(home, "small study.yaml");
    await writeFile(
      study,
      `# it's a study: $HOME \`x\`
name: small
dataset: { kind: gaussian, samples: 4, inputDimension: 2, outputDimension: 1 }
model: { kind: dnn, hidden: [3], activation: { kind: tanh } }
flow: { tEnd: 1 }
engine: { kind: reference }
`,
    );
    const record = join(home, "record");
    const words = ["run", study, "--set", "seed=3"];
    await runExperiment(await loadConfig(study, { set: ["seed=3"] }), {
      directory: record,
      command: ["gradflow", ...words],
    });
    const html = await readFile(await writeReport(record), "utf8");
    const [, listing] = /<h2>To reproduce<\/h2>\s*<pre>(.*?)<\/pre>/s.exec(html)!;
    const plain = listing!
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&quot;", '"')
      .replaceAll("&amp;", "&");
    expect(plain).toMatch(/npm (ci|install)/);
    // What comes before installs gradflow; here it is this checkout.
    await writeFile(
      join(bin, "npx"),
      `#!/bin/sh\nshift\nexec "${process.execPath}" "${REPOSITORY}/bin/gradflow.js" "$@"\n`,
      { mode: 0o755 },
    );
    const script = plain.slice(plain.indexOf("# the study and its run"));
    const { status, stderr } = spawnSync("sh", ["-e", "-c", script], {
      ...{ cwd: clean, encoding: "utf8" },
      env: { ...process.env, PATH: `${bin}:${process.env["PATH"]}` },
    });
    expect(status, stderr).toBe(0);
    const { hash } = (await readRecord(record)).manifest;
    const again = await readRecord(join(clean, `runs/small-${hash}`));
    expect(again.result!.loss).toBe((await readRecord(record)).result!.loss);
  },
);

const chromium = findChromium();
describe.skipIf(chromium === null)(`in ${chromium ?? "Chromium (skipped: none found)"}`, () => {
  test.each([
    ["a run", () => hostileRun(join(folder, "run")).then(() => writeReport(join(folder, "run")))],
    ["a sweep", hostileSweep],
  ])(
    "%s opens from disk without a complaint, draws its figures, answers the pointer, shows markup as text",
    async (_, make) => {
      const file = await make();
      const page = await openPage(chromium!, pathToFileURL(file).href);
      try {
        const drawn =
          "[...document.querySelectorAll('figure')].map((f) => f.dataset.drawn + ' ' + f.querySelectorAll('svg path').length)";
        await expect
          .poll(() => page.evaluate(drawn), { timeout: 20_000 })
          .toSatisfy((all: string[]) => all.length > 0 && all.every((one) => /^true [1-9]/.test(one)));
        // Names are text: nothing of theirs has run or become an element.
        expect(await page.evaluate("document.title")).toBe(HOSTILE);
        expect(await page.evaluate("document.querySelector('h1').textContent")).toBe(HOSTILE);
        expect(await page.evaluate("document.images.length")).toBe(0);
        // The pointer on a point of a curve gets its numbers.
        const place = `(() => { const marks = [...document.querySelectorAll("figure .mark-symbol path")].filter((m) => m.getBoundingClientRect().width > 0 && m.__data__ && m.__data__.datum.t > 0);
        const mark = marks[Math.floor(marks.length / 3)]; mark.scrollIntoView({ block: "center" }); const box = mark.getBoundingClientRect();
        return [box.x + box.width / 2, box.y + box.height / 2]; })()`;
        const [x, y] = (await page.evaluate(place)) as [number, number];
        expect(await page.evaluate("document.getElementById('tooltip').hidden")).toBe(true);
        await page.point(x - 1, y);
        await page.point(x, y);
        await expect
          .poll(() => page.evaluate("document.getElementById('tooltip').textContent"), { timeout: 120_000 })
          .toMatch(/t: [\d.e-]+\nvalue: [\d.e-]+/);
        expect(await page.evaluate("document.getElementById('tooltip').hidden")).toBe(false);
        // A curve that is unticked goes, and comes back.
        const count = "document.querySelectorAll('#figure-0 svg path').length";
        const before = (await page.evaluate(count)) as number;
        const tick = `(() => { const box = document.querySelector(".curves input"); box.click(); })()`;
        if (await page.evaluate("document.querySelector('.curves') !== null")) {
          await page.evaluate(tick);
          await expect.poll(() => page.evaluate(count), { timeout: 120_000 }).toBeLessThan(before);
          await page.evaluate(tick);
          await expect.poll(() => page.evaluate(count), { timeout: 120_000 }).toBe(before);
        }
        // Runs of a sweep stand side by side, as text.
        if (await page.evaluate("document.querySelector('input.run') !== null")) {
          await page.evaluate("document.querySelector('input.run').click()");
          expect(await page.evaluate("document.querySelector('#beside th:nth-child(2)').textContent")).toBe(
            "seed-0",
          );
        }
        // Nothing is beyond the edge of a narrow window.
        await page.resize(500, 900);
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(500);
        expect(page.complaints).toEqual([]);
        expect(page.requests).toEqual([pathToFileURL(file).href]);
      } finally {
        await page.close();
      }
    },
  );

  test("the browser's complaints would be seen", async () => {
    const file = join(folder, "faulty.html");
    await writeFile(file, "<script>console.error('heard')</script><img src='absent.png'>");
    const page = await openPage(chromium!, pathToFileURL(file).href);
    await expect.poll(() => page.complaints.length, { timeout: 120_000 }).toBeGreaterThanOrEqual(2);
    expect(page.requests.length).toBe(2);
    await page.close();
  });
});
