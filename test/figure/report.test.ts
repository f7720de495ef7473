import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { writeReport } from "../../src/figure/report.js";
import { describeChecks } from "../../src/figure/report-checks.js";
import { openSweep } from "../../src/record/sweep.js";
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
