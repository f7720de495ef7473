/**
 * The pages as readers use them: `GRADFLOW_DOCS=1 npx vitest run test/docs/pages.test.ts` after a build (some minutes). The cookbook's studies give the
 * numbers that it quotes, every command and program of the tutorials does what its page says, and the site is built and looked at in Chromium.
 */
import { execFile, spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { COOKBOOK_QUOTES } from "../../scripts/bench/cookbook-quotes.js";
import { disagreements, measure, nameOf, readPage, wordsOf } from "../../scripts/bench/quoting.js";
import { readDiagram } from "../../scripts/diagram.js";
import { REPOSITORY } from "../cli/gradflow.js";
import { findChromium, openPage } from "../support/chromium.js";

const isAsked = process.env["GRADFLOW_DOCS"] === "1";
const chromium = isAsked ? findChromium() : null;
const folder = mkdtempSync(join(tmpdir(), "gradflow-pages-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** An empty folder in which `gradflow` is the repository's. */
function makeProject(name: string): string {
  const project = join(folder, name);
  mkdirSync(join(project, "node_modules"), { recursive: true });
  symlinkSync(REPOSITORY, join(project, "node_modules/gradflow"));
  return project;
}

async function node(cwd: string, ...words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, words, { cwd, maxBuffer: 1 << 26 });
  return stdout;
}
/** GRADFLOW_PYTHON, where it has torch and safetensors. */
function torchPython(): string | null {
  const python = process.env["GRADFLOW_PYTHON"];
  const has = (name: string) => spawnSync(name, ["-c", "import torch, safetensors"]).status === 0;
  return python !== undefined && has(python) ? python : null;
}

const blocks = (page: string, language: string): string[] =>
  [...readFileSync(page, "utf8").matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "gs"))].map(
    ([, block]) => block!,
  );

describe.skipIf(!isAsked)("pages", () => {
  it.each(COOKBOOK_QUOTES.map((entry) => [nameOf(entry), entry] as const))("%s", async (name, entry) => {
    const own = join(folder, name.replace(/\W+/g, "-"));
    mkdirSync(own);
    expect(disagreements(readPage(entry), measure(entry, own))).toEqual([]);
  });

  it("the terminal's tutorial runs from its first command to its last", async () => {
    const project = makeProject("terminal");
    const commands = blocks("docs/tutorial-terminal.md", "sh")
      .flatMap((block) => block.split("\n"))
      .filter((line) => line.startsWith("npx gradflow") && !line.includes("gradflow view"));
    expect(commands.length).toBeGreaterThanOrEqual(6);
    let printed = "";
    for (const command of commands)
      printed += await node(project, join(REPOSITORY, "bin/gradflow.js"), ...wordsOf(command).slice(2));
    // Lines that say seconds, or what rounding may move, are left out.
    for (const line of blocks("docs/tutorial-terminal.md", "text").flatMap((block) => block.split("\n")))
      if (/gap, η|crossings|^ +0\.\d+ +\d+|loss L/.test(line)) expect(printed).toContain(line);
  });

  it("the programs of the library's tutorial print what it says", async () => {
    const project = makeProject("library");
    await node(project, join(REPOSITORY, "bin/gradflow.js"), "init");
    const programs = blocks("docs/tutorial-library.md", "js");
    const outputs = blocks("docs/tutorial-library.md", "text");
    expect(programs).toHaveLength(4);
    for (const [k, program] of programs.entries()) {
      const [, file] = /^\/\/ (\S+\.mjs)\n/.exec(program)!;
      writeFileSync(join(project, file!), program);
      expect(await node(project, file!)).toBe(outputs[k]);
    }
  });

  it("the PyTorch tutorial runs from its study to the way back, with the stored files of its program", async () => {
    const project = makeProject("pytorch");
    const page = "docs/tutorial-pytorch.md";
    cpSync("configs/cookbook/onnx", project, { recursive: true });
    writeFileSync(join(project, "study.yaml"), blocks(page, "yaml")[0]!);
    const commands = blocks(page, "sh")
      .flatMap((block) => block.split("\n"))
      .filter((line) => line.startsWith("npx gradflow"));
    expect(commands.length).toBeGreaterThanOrEqual(7);
    let printed = "";
    let run: string | undefined;
    for (const command of commands) {
      // The first run's; a sweep's folder is called alike.
      run ??= existsSync(join(project, "runs")) ? readdirSync(join(project, "runs"))[0] : undefined;
      const words = wordsOf(command.replace("runs/net-…", `runs/${run}`)).slice(2);
      printed += await node(project, join(REPOSITORY, "bin/gradflow.js"), ...words);
    }
    // Of the network, and of descent: a row of the summary may end with what the page leaves out.
    for (const line of blocks(page, "text")
      .slice(0, 2)
      .flatMap((block) => block.split("\n")))
      if (line !== "" && !line.startsWith("  …")) expect(printed).toContain(line);
    const program = blocks(page, "python")[1]!;
    const python = torchPython();
    if (python === null) return;
    writeFileSync(join(project, "back.py"), program);
    const back = spawnSync(python, ["back.py"], { cwd: project, encoding: "utf8" });
    expect(back.stdout, back.stderr).toBe(blocks(page, "text")[2]);
  });

  describe("as a site", () => {
    beforeAll(() => {
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        ["node_modules/typedoc/bin/typedoc", "--out", join(folder, "site")],
        { encoding: "utf8" },
      );
      expect(status, stdout + stderr).toBe(0);
    });

    it("has an address for every page", () => {
      const pages = readdirSync("docs").filter((name) => name.endsWith(".md") && name !== "index.md");
      for (const page of pages)
        expect(existsSync(join(folder, "site/documents", page.replace(".md", ".html"))), page).toBe(true);
    });

    it("draws the diagrams: one line for every arrow", () => {
      const page = readFileSync(join(folder, "site/documents/architecture.html"), "utf8");
      const [, text] = /^```mermaid\n(.*?)^```$/ms.exec(readFileSync("docs/architecture.md", "utf8"))!;
      expect(page).not.toContain("graph TD");
      expect(page.match(/<g id="edge\d+"/g)).toHaveLength(readDiagram(text!).edges.length);
    });

    it("leads from every picture to the same in full size", () => {
      const page = readFileSync(join(folder, "site/documents/gallery.html"), "utf8");
      const pictures = [...page.matchAll(/<a class="picture" href="([^"]+)"><img src="([^"]+)"/g)];
      expect(pictures.length).toBe(page.match(/<img /g)!.length);
      for (const [, whole, shown] of pictures) expect(whole).toBe(shown);
    });

    it.skipIf(chromium === null).each([
      [1400, "light"],
      [800, "dark"],
      [420, "light"],
    ])("fits into %i pixels, %s, and asks nobody for anything", async (width, theme) => {
      const site = resolve(folder, "site");
      for (const file of ["index.html", "documents/cookbook.html", "documents/methods.html"]) {
        const page = await openPage(chromium!, pathToFileURL(join(site, file)).href);
        await page.send("Emulation.setEmulatedMedia", {
          features: [{ name: "prefers-color-scheme", value: theme }],
        });
        await page.resize(width, 900);
        expect(await page.evaluate("document.documentElement.scrollWidth <= innerWidth")).toBe(true);
        expect(await page.evaluate("[...document.images].every((one) => one.naturalWidth > 0)")).toBe(true);
        expect(page.requests.filter((url) => !/^(file|data|about|blob):/.test(url))).toEqual([]);
        await page.close();
      }
    });
  });
});
