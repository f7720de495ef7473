import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { writeReport } from "../../src/figure/report.js";
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
          .poll(() => page.evaluate("document.getElementById('tooltip').textContent"), { timeout: 5000 })
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
    await expect.poll(() => page.complaints.length, { timeout: 5000 }).toBeGreaterThanOrEqual(2);
    expect(page.requests.length).toBe(2);
    await page.close();
  });
});
