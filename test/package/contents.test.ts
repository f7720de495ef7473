/** What is packed is what a user needs: no pictures of the docs, no caches; and the gallery shows what there is. */
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { REPOSITORY } from "../cli/gradflow.js";

it("packs program, studies and docs, and nothing that only this repository needs", () => {
  const { stdout, status, stderr } = spawnSync("npm", ["pack", "--dry-run", "--json", "--ignore-scripts"], {
    ...{ cwd: REPOSITORY, encoding: "utf8", shell: process.platform === "win32" },
    maxBuffer: 1 << 26,
  });
  expect(status, stderr).toBe(0);
  const [{ files, size }] = JSON.parse(stdout) as [{ files: { path: string }[]; size: number }];
  const paths = files.map(({ path }) => path);
  for (const needed of [
    "bin/gradflow.js",
    "dist/index.js",
    "configs/quickstart.yaml",
    "docs/guide.md",
    "README.md",
    "LICENSE",
  ])
    expect(paths).toContain(needed);
  expect(
    paths.filter((path) =>
      /tsbuildinfo|^docs\/figures|^test|^node_modules|^runs|^dist\/(scripts|site)/.test(path),
    ),
  ).toEqual([]);
  // 0.8 MB as this is written; pictures and caches were four times that.
  expect(size).toBeLessThan(1.5e6);
});

it("shows in the gallery pictures and studies that are there", () => {
  const page = readFileSync(join(REPOSITORY, "docs/gallery.md"), "utf8");
  const studies = [...page.matchAll(/npx gradflow (?:run|sweep) (\S+)/g)].map(([, study]) => study!);
  expect(studies.length).toBeGreaterThan(25);
  for (const study of studies) expect(existsSync(join(REPOSITORY, study)), study).toBe(true);
  for (const [, picture] of page.matchAll(/\]\((figures\/[^)]+)\)/g))
    expect(existsSync(join(REPOSITORY, "docs", picture!)), picture).toBe(true);
});
