/**
 * The package as others get it: packed, installed into an empty project, compiled against by a strict TypeScript, run. Nothing but the
 * package registry is asked; the environment is cleared of what this repository's npm has set.
 */
import { execFile, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, it } from "vitest";
import { REPOSITORY, temporaryFolder } from "../cli/gradflow.js";

const folder = await temporaryFolder();
const project = join(folder, "project");
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(npm_|ONNXRUNTIME_|ORT_)/i.test(name)),
);
/** npm is a script of some shell on Windows. */
const shell = process.platform === "win32";
/** Compiling takes five seconds alone, installing twenty; no limit that a busy machine meets. */
const PATIENCE = { timeout: 900_000 };
const QUIET = ["--prefer-offline", "--no-audit", "--no-fund"];

async function command(cwd: string, program: string, ...words: readonly string[]) {
  try {
    const { stdout, stderr } = await promisify(execFile)(program, words, { cwd, env, shell });
    return { code: 0, stdout, stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, stdout, stderr };
  }
}

const registry = spawnSync("npm", ["view", "yaml", "version"], { cwd: tmpdir(), env, shell }).status === 0;

/** The programs in TypeScript of the pages; the last prints what a flow came to. */
const PROGRAMS = ["measures", "library"].flatMap((page) =>
  [...readFileSync(join(REPOSITORY, `docs/${page}.md`), "utf8").matchAll(/```ts\n(.*?)```/gs)].map(
    (block) => block[1]!,
  ),
);

describe.skipIf(!registry)(
  `the package${registry ? "" : " (skipped: npm reaches no registry)"}`,
  PATIENCE,
  () => {
    beforeAll(async () => {
      mkdirSync(project);
      // npm test has built it; a second build would stand in the way of tests that run beside this one.
      const packed = await command(
        REPOSITORY,
        "npm",
        "pack",
        "--ignore-scripts",
        "--pack-destination",
        folder,
      );
      expect(packed.code, packed.stderr).toBe(0);
      writeFileSync(
        join(project, "package.json"),
        '{ "name": "consumer", "type": "module", "private": true }\n',
      );
      const tarball = join(folder, packed.stdout.trim().split("\n").at(-1)!);
      const installed = await command(project, "npm", "install", ...QUIET, tarball);
      expect(installed.code, installed.stderr).toBe(0);
      expect(installed.stderr).not.toContain("Unknown");
    }, PATIENCE.timeout);

    it("is installed without a download of CUDA, and runs", async () => {
      const libraries = join(project, "node_modules/onnxruntime-node/bin/napi-v6/linux/x64");
      expect(statSync(join(libraries, "libonnxruntime_providers_cuda.so")).size).toBe(0);
      const program = join(project, "node_modules/.bin/gradflow");
      expect(await command(project, program, "init")).toMatchObject({ code: 0 });
      const run = await command(project, program, "run", "study.yaml", "--out", "record", "--quiet");
      expect(run.code, run.stderr).toBe(0);
      expect(existsSync(join(project, "record/figures/loss.png"))).toBe(true);
      const cuda = await command(
        project,
        program,
        "run",
        "study.yaml",
        "--engine",
        "onnx:cuda",
        "--out",
        "cuda",
      );
      expect(cuda).toMatchObject({ code: 2 });
      expect(cuda.stderr).toContain("cuda is not there");
    });

    it.each([
      ["modules of Node, no library of the browser", { module: "nodenext", lib: ["es2023"], types: [] }],
      ["a bundler's modules, TypeScript's own defaults", { module: "esnext", moduleResolution: "bundler" }],
    ])("compiles under a strict TypeScript that looks into every declaration: %s", async (_, options) => {
      const strict = {
        strict: true,
        skipLibCheck: false,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        verbatimModuleSyntax: true,
        target: "es2023",
        outDir: "out",
      };
      const files = PROGRAMS.map((_, k) => `program-${k}.ts`);
      for (const [k, program] of PROGRAMS.entries()) writeFileSync(join(project, files[k]!), program);
      const config = { compilerOptions: { ...strict, ...options }, files };
      writeFileSync(join(project, "tsconfig.json"), JSON.stringify(config));
      const tsc = join(REPOSITORY, "node_modules/typescript/bin/tsc");
      const compiled = await command(project, process.execPath, tsc, "-p", ".");
      expect(compiled.stdout).toBe("");
      expect(compiled.code).toBe(0);
      const run = await command(project, process.execPath, `out/program-${PROGRAMS.length - 1}.js`);
      expect(run.code, run.stderr).toBe(0);
      expect(run.stdout).toMatch(/^reachedEnd exact\n/);
      expect(run.stdout).toMatch(/crossings: \d+/);
    });
  },
);

describe("a checkout", () => {
  it("has no packages with install scripts in its lock, and nothing for npm to warn of", () => {
    // npm runs the scripts of a package only where the lock says that it has some.
    const { packages } = JSON.parse(readFileSync(join(REPOSITORY, "package-lock.json"), "utf8")) as {
      packages: Record<string, { hasInstallScript?: boolean }>;
    };
    const others = Object.entries(packages).filter(
      ([path, { hasInstallScript }]) => path !== "" && hasInstallScript,
    );
    expect(others).toEqual([]);
    expect(existsSync(join(REPOSITORY, ".npmrc"))).toBe(false);
  });

  it("that is not built says how to build it, to npx as well", async () => {
    const bare = join(folder, "bare");
    mkdirSync(bare);
    for (const path of ["package.json", "bin", "scripts/skip-cuda.js"])
      cpSync(join(REPOSITORY, path), join(bare, path), { recursive: true });
    const words = ["--cache", join(folder, "cache"), "--offline", "gradflow", "--version"];
    for (const [program, ...rest] of [
      [process.execPath, "bin/gradflow.js"],
      ["npx", ...words],
    ] as const) {
      const { code, stdout, stderr } = await command(bare, program, ...rest);
      expect(stderr).toMatch(/^gradflow is not built yet\. Build it in .*bare.? with: npm run build\n$/);
      expect(stdout).toBe("");
      expect(code).toBe(2);
    }
  });
});
