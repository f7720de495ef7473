/** The page of gradflow view in a real browser: what it shows, how it follows, and whom it lets in. */
import { appendFile, mkdtemp, readFile, rm, truncate } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { serveRecords, type ViewServer } from "../../src/view/server.js";
import { syntheticRecord, syntheticResult } from "../record/synthetic.js";
import { syntheticSweep } from "../record/synthetic-sweep.js";
import { findChromium, openPage, type Page } from "../support/chromium.js";

const chromium = findChromium();
const HOSTILE = "<img src=x onerror=alert(1)>";

describe.skipIf(chromium === null)(`in ${chromium ?? "Chromium (skipped: none found)"}`, () => {
  let folder: string;
  let root: string;
  let server: ViewServer;
  let page: Page;
  let live: Awaited<ReturnType<typeof syntheticRecord>>;

  /** Waits in the page until an expression holds. */
  const when = (expression: string) =>
    page.evaluate(
      `new Promise((done) => { const look = () => { if (${expression}) done(true); else setTimeout(look, 30); }; look(); })`,
    );
  const text = (selector: string) =>
    page.evaluate(`document.querySelector(${JSON.stringify(selector)}).textContent`);
  const box = async (selector: string): Promise<Record<"x" | "y" | "width", number>> =>
    JSON.parse(
      (await page.evaluate(
        `JSON.stringify(document.querySelector(${JSON.stringify(selector)}).getBoundingClientRect())`,
      )) as string,
    );
  const toggle = (name: string) =>
    page.evaluate(`document.querySelector('input[aria-label=${JSON.stringify(`draw ${name}`)}]').click()`);
  const curves = (count: number) => when(`document.querySelector(".stage")?.dataset.curves === "${count}"`);

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gradflow-view-page-"));
    root = join(folder, "runs");
    for (const name of ["alpha", HOSTILE.replaceAll("/", "")]) {
      const directory = join(root, name);
      const writer = await syntheticRecord({ directory, learningRates: [0.5] });
      await writer.finish({ ...syntheticResult(directory), notes: [HOSTILE] });
    }
    live = await syntheticRecord({ directory: join(root, "live"), learningRates: [0.5], logTime: false });
    server = await serveRecords(root);
    page = await openPage(chromium!, server.address);
    await when(`document.body.dataset.runs === "3"`);
  });
  afterAll(async () => {
    await page.close();
    await server.close();
    await live.fail(new Error("the test ends"));
    await rm(folder, { recursive: true, force: true });
  });

  it("lists the runs, draws the newest, and asks nobody else", async () => {
    expect(await text("#count")).toBe("3 of 3 runs");
    expect(await text("#frame")).toContain("running");
    // Flow and one descent of each.
    await curves(6);
    expect(page.requests.every((url) => url.startsWith(server.address))).toBe(true);
    expect(page.complaints).toEqual([]);
  });

  it("shows names and notes as text, whatever is in them", async () => {
    expect(await page.evaluate("document.querySelectorAll('#frame img').length")).toBe(0);
    expect(await text("#frame")).toContain(HOSTILE);
    await page.evaluate(
      `[...document.querySelectorAll("button.name")].find((key) => key.textContent.startsWith("<img")).click()`,
    );
    await when(`document.querySelector("#run h2") !== null`);
    expect(await text("#run h2")).toBe(HOSTILE);
    expect(await text("#run")).toContain("name: two-widths # as typed");
    expect(await text("#run")).toContain("energy balance");
    expect(await page.evaluate("document.querySelectorAll('#run img[src=x]').length")).toBe(0);
    await page.evaluate(`document.getElementById("tab-curves").click()`);
    expect(page.complaints).toEqual([]);
  });

  it("filters by the words of gradflow list", async () => {
    const filter = (words: string) =>
      page.evaluate(
        `{ const field = document.getElementById("where"); field.value = ${JSON.stringify(words)}; field.dispatchEvent(new Event("input")); }`,
      );
    await filter("status=running");
    await when(`document.getElementById("count").textContent === "1 of 3 runs"`);
    await filter("loss<small");
    await when(`document.getElementById("where-fault").textContent.includes("compares numbers")`);
    expect(await page.evaluate(`document.getElementById("where").getAttribute("aria-invalid")`)).toBe("true");
    // The browser tells of every answer that is a refusal.
    expect((page.complaints as string[]).splice(0)).toHaveLength(1);
    await filter("");
    await when(`document.getElementById("count").textContent === "3 of 3 runs"`);
  });

  it("takes curves off and lays them over one another again", async () => {
    await toggle("alpha");
    await curves(4);
    await toggle("alpha");
    await curves(6);
  });

  const shown = () => page.evaluate(`document.querySelector(".stage").dataset.window ?? ""`);

  it("zooms by dragging, by keys, and back", async () => {
    const { x, y, width } = await box(".stage .u-over");
    await page.drag([x + 0.25 * width, y + 60], [x + 0.5 * width, y + 60]);
    await when(`(document.querySelector(".stage").dataset.window ?? "") !== ""`);
    const [from, to] = String(await shown())
      .split(",")
      .map(Number) as [number, number];
    const decades = (await page.evaluate(`document.querySelectorAll(".panel input")[1].checked`)) === true;
    // A quarter of the axis, to two pixels; the axis is t to 80, or its logarithm from 0.01 on.
    const whole = decades ? Math.log10(80 / 0.01) : 80;
    expect(Math.abs(to - from - whole / 4)).toBeLessThan((2 * whole) / width);
    await page.evaluate(`document.querySelector(".stage").focus()`);
    await page.press("+");
    const [nearFrom, nearTo] = String(await shown())
      .split(",")
      .map(Number) as [number, number];
    expect((nearTo - nearFrom) / (to - from)).toBeCloseTo(0.5, 6);
    await page.press("0");
    expect(await page.evaluate(`document.querySelector(".panel .bar button").disabled`)).toBe(true);
  });

  it("follows a run that goes on", async () => {
    const row = {
      canonicalTime: 2,
      loss: 0.0001234,
      gradientNorm: 1,
      acceptedSteps: 900,
      gradientEvaluations: 6300,
    };
    live.series.append({ t: 100, ...row });
    // The legend tells the last value of each curve while the pointer is elsewhere.
    await page.point(5, 5);
    await when(
      `[...document.querySelectorAll(".panel output")].some((cell) => cell.textContent === "1.234e-4 at 100")`,
    );
    live.series.append({ t: 101, ...row, loss: 0.0004321 });
    await when(
      `[...document.querySelectorAll(".panel output")].some((cell) => cell.textContent === "4.321e-4 at 101")`,
    );
  });

  it("survives a table that is cut, a result that is damaged and a record that goes", async () => {
    const path = join(root, "live/series.csv");
    await truncate(path, 2000);
    await when(
      `![...document.querySelectorAll(".panel output")].some((cell) => cell.textContent.endsWith(" at 101"))`,
    );
    await appendFile(path, "half a li");
    await rm(join(root, "alpha"), { recursive: true });
    await when(`document.getElementById("count").textContent === "2 of 2 runs"`);
    await curves(4);
    await truncate(join(root, HOSTILE, "result.json"), 10);
    await when(`!document.getElementById("faults").hidden`);
    expect(await text("#faults")).toContain("result.json: is not valid JSON");
    await curves(2);
    await toggle("live");
    await curves(0);
    await toggle("live");
    await curves(2);
  });

  it("fits 500 pixels and darkness, and is worked by keys alone", async () => {
    await page.send("Emulation.setDeviceMetricsOverride", {
      width: 500,
      height: 900,
      deviceScaleFactor: 1,
      mobile: false,
    });
    await page.send("Emulation.setEmulatedMedia", {
      features: [{ name: "prefers-color-scheme", value: "dark" }],
    });
    await when(`innerWidth === 500 && document.querySelector(".stage canvas").clientWidth <= 500`);
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(500);
    expect(await page.evaluate(`getComputedStyle(document.body).backgroundColor`)).toBe("rgb(22, 24, 27)");
    await page.evaluate(`document.getElementById("where").focus()`);
    const visited = new Set<string>();
    for (let k = 0; k < 30; k++) {
      await page.press("Tab");
      visited.add(
        (await page.evaluate(
          `(({ id, className, type, tagName }) => id || className || type || tagName)(document.activeElement)`,
        )) as string,
      );
    }
    for (const wanted of ["columns", "checkbox", "name", "tab-curves", "stage", "select-one", "add-panel"])
      expect([...visited]).toContain(wanted);
    await page.evaluate(`document.querySelector("#frame input").focus()`);
    await page.press(" ");
    await curves(0);
    await page.press("Enter");
    await when(`!document.getElementById("run").hidden`);
    await page.press("ArrowLeft");
    expect(await page.evaluate(`document.getElementById("curves").hidden`)).toBe(false);
  });

  it("has a row for a sweep: it opens, unfolds, and draws its runs; zeros have a lane", async () => {
    await syntheticSweep(join(root, "seeds"), [{}, {}]);
    // Its runs have ended; nobody has closed the sweep.
    await when(`document.querySelector("tr.sweep")?.textContent.includes("2 runs, running")`);
    const named = `[...document.querySelectorAll("button.name")].some((key) => key.textContent === "seed-1")`;
    expect(await page.evaluate(named)).toBe(false);
    await page.evaluate(`document.querySelector("button.fold").focus()`);
    await page.press("Enter");
    await when(named);
    await page.evaluate(`document.querySelector("tr.sweep button.name").click()`);
    await when(`document.querySelector("#run h2")?.textContent === "seeds"`);
    expect(await text("#run .status")).toContain("2 reachedEnd");
    await page.evaluate(`document.getElementById("draw-none").click()`);
    await page.evaluate(`document.querySelector("#run button").click()`);
    // Flow and three descents of each.
    await curves(8);
    // The browser tells of every table that the newest run did not have yet when it was asked for.
    (page.complaints as string[]).splice(0);
    await page.evaluate(`document.querySelector("tr.sweep input").click()`);
    await curves(0);
    await page.evaluate(`document.querySelector("tr.sweep input").click()`);
    // θ starts at θ₀: the distance moved is 0 there.
    await page.evaluate(
      `{ const choice = document.querySelector(".panel select"); choice.value = "parameterDistance"; choice.dispatchEvent(new Event("change")); }`,
    );
    await when(`document.querySelector(".stage").dataset.lanes === "2"`);
    expect(await text(".note")).toContain("2 values are 0 or less: they stand in the lane below the axis.");
    expect(page.complaints).toEqual([]);
  });

  it("has a lane for what is not finite, also of rows that come while it looks", async () => {
    const directory = join(folder, "diverging", "runs", "one");
    const writer = await syntheticRecord({ directory, learningRates: [], logTime: false });
    await writer.fail(new Error("the test ends"));
    const series = join(directory, "series.csv");
    const columns = (await readFile(series, "utf8")).split("\n")[0]!.split(",");
    const row = (cells: Record<string, string>) => `${columns.map((name) => cells[name] ?? "").join(",")}\n`;
    await appendFile(series, row({ t: "50", loss: "Infinity" }) + row({ t: "60", loss: "NaN" }));
    const own = await serveRecords(join(folder, "diverging"));
    const other = await openPage(chromium!, own.address);
    try {
      const shows = (count: number) =>
        other.evaluate(
          `new Promise((done) => { const look = () => { if (document.querySelector(".stage")?.dataset.lanesAbove === "1" && document.querySelector(".note").textContent.startsWith("${count} values are infinite or not a number: they stand in the lane above")) done(true); else setTimeout(look, 30); }; look(); })`,
        );
      await shows(2);
      await appendFile(series, row({ t: "70", loss: "-Infinity" }));
      await shows(3);
      expect(other.complaints).toEqual([]);
    } finally {
      await other.close();
      await own.close();
    }
  });

  it("is read by no page of another origin, even one that knows the address", async () => {
    const other = createServer((_, response) => {
      response.writeHead(200, { "Content-Type": "text/html" }).end("<!DOCTYPE html><title>other</title>");
    }).listen(0, "127.0.0.1");
    await new Promise((done) => other.once("listening", done));
    const foreign = await openPage(chromium!, `http://127.0.0.1:${(other.address() as AddressInfo).port}/`);
    const attempt = (expression: string) =>
      foreign.evaluate(`Promise.resolve(${expression}).then(() => "read", () => "refused")`);
    const address = JSON.stringify(server.address);
    expect(await attempt(`fetch(${address} + "runs").then((answer) => answer.text())`)).toBe("refused");
    expect(
      await attempt(
        `fetch(${address} + "runs", { mode: "no-cors" }).then((answer) => answer.type === "opaque" ? Promise.reject() : 0)`,
      ),
    ).toBe("refused");
    const element = (tag: string, name: string) =>
      `new Promise((done, fail) => { const it = document.createElement("${tag}"); it.onload = done; it.onerror = fail; it.src = ${address} + "${name}"; document.body.append(it); })`;
    expect(await attempt(element("script", "axis.js"))).toBe("refused");
    expect(await attempt(element("img", "icon.svg"))).toBe("refused");
    await foreign.close();
    other.close();
  });
});
