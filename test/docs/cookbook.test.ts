/** docs/cookbook.md shows each of its studies as the file has it, with its command and a picture, and every one can be run. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { loadSweep } from "../../src/config/load-sweep.js";
import { checkStudy } from "../../src/experiment/check.js";

const page = readFileSync("docs/cookbook.md", "utf8");
const files = readdirSync("configs/cookbook").filter((name) => name.endsWith(".yaml"));

it("has a question for each of its studies", () => {
  expect(files.length).toBe(13);
  expect([...page.matchAll(/^## .*\?$/gm)]).toHaveLength(files.length);
});

it.each(files)("%s stands there as it is, with command and picture, and passes the check", async (file) => {
  const [name] = file.split(".");
  const path = `configs/cookbook/${file}`;
  const text = readFileSync(path, "utf8");
  expect(page).toContain(`\`\`\`yaml\n${text}\`\`\``);
  const isSweep = /^sweep:/m.test(text);
  expect(page).toContain(`npx gradflow ${isSweep ? "sweep" : "run"} ${path}\n`);
  expect(page).toContain(`(figures/cookbook-${name}.png)`);
  expect(existsSync(`docs/figures/cookbook-${name}.png`)).toBe(true);
  const studies = isSweep
    ? (await loadSweep(path, {})).jobs.map(({ loaded }) => loaded)
    : [await loadConfig(path)];
  // Runs of a sweep differ in values that the loading has checked; one of them shows that network and data fit.
  expect((await checkStudy(studies[0]!)).parameters).toBeGreaterThan(0);
});

it("shows the program that made the PyTorch files", () => {
  expect(page).toContain(`\`\`\`python\n${readFileSync("configs/cookbook/pytorch.py", "utf8")}\`\`\``);
});

it("has a tutorial that shows the program that made the ONNX file", () => {
  const tutorial = readFileSync("docs/tutorial-pytorch.md", "utf8");
  expect(tutorial).toContain(`\`\`\`python\n${readFileSync("configs/cookbook/onnx/make.py", "utf8")}\`\`\``);
});
