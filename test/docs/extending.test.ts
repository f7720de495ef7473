/**
 * docs/extending.md as a reader would follow it: its layer, loss and measure go into a copy of the sources as one file and one line of a
 * registry each, the copy is compiled, and its study and its program run there.
 */
import { execFile } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { promisify } from "node:util";
import ts from "typescript";
import { afterAll, beforeAll, expect, test } from "vitest";

const page = readFileSync("docs/extending.md", "utf8");
const block = (language: string): string => new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, "s").exec(page)![1]!;

const copy = mkdtempSync(join(tmpdir(), "gradflow-extending-"));
afterAll(() => rmSync(copy, { recursive: true }));

async function node(...words: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, words, { cwd: copy });
  return stdout;
}

beforeAll(() => {
  // `npm test` has compiled the sources; a whole compilation takes a quarter of a minute, two files take none.
  for (const name of ["dist", "bin", "package.json"]) cpSync(name, join(copy, name), { recursive: true });
  symlinkSync(resolve("node_modules"), join(copy, "node_modules"));
  const compile = (file: string, text: string): void => {
    const options = { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2023 };
    const { outputText, diagnostics } = ts.transpileModule(text, {
      reportDiagnostics: true,
      compilerOptions: options,
    });
    expect(diagnostics).toEqual([]);
    writeFileSync(join(copy, file.replace(/^src/, "dist").replace(/ts$/, "js")), outputText);
  };
  const sources = [...page.matchAll(/```ts\n\/\/ (\S+)\n(.*?)```/gs)];
  expect(sources).toHaveLength(3);
  for (const [, file, source] of sources) {
    compile(file!, source!);
    const [, name] = /export const (\w+) =/.exec(source!)!;
    const registry = join(dirname(file!), "registry.ts");
    const text = readFileSync(registry, "utf8");
    const listed = text.replace(
      /(export const (?:layerModules|lossModules|measures)\b.*?= \[)/s,
      `$1${name}, `,
    );
    expect(listed).not.toBe(text);
    compile(registry, `import { ${name} } from "./${basename(file!, ".ts")}.js";\n${listed}`);
  }
  writeFileSync(join(copy, "study.yaml"), block("yaml"));
});

test("the layer is what its text says", async () => {
  const program = `
    import { createFamily, createReferenceEngine, defineNetwork } from "gradflow";
    const network = defineNetwork({ inputShape: [2], activation: { kind: "leaky-relu", slope: 0.1 }, layers: [{ kind: "gated", width: 2 }] });
    const names = network.layout.parameters.map(({ name }) => name);
    const theta = Float64Array.from({ length: 12 }, (_, k) => Math.sin(k + 1));
    const { output } = await (await createReferenceEngine().compile(createFamily({ network, samples: 1, factor: 1 }).predict())).run({ theta, x: Float64Array.of(0.5, -1) });
    console.log(JSON.stringify({ names, output: [...output] }));`;
  writeFileSync(join(copy, "layer.mjs"), program);
  const { names, output } = JSON.parse(await node("layer.mjs")) as { names: string[]; output: number[] };
  expect(names).toEqual(
    ["value.weight", "value.bias", "gate.weight", "gate.bias"].map((name) => `layers.0.${name}`),
  );
  const affine = (from: number, k: number): number =>
    0.5 * Math.sin(from + k) - Math.sin(from + 2 + k) + Math.sin(from + 4 + k);
  for (const k of [0, 1]) {
    const z = affine(1, k);
    const gate = 1 / (1 + Math.exp(-affine(7, k)));
    // Four sums and a product in float64.
    expect(output[k]).toBeCloseTo((z > 0 ? z : 0.1 * z) * gate, 14);
  }
});

test("its study runs: flow with exact kinks, descent, kernel, figures", async () => {
  expect(await node("bin/gradflow.js", "model", "study.yaml")).toMatch(/0\s+gated\s+\[10\]\s+100\s+10/);
  const result = JSON.parse(await node("bin/gradflow.js", "run", "study.yaml", "--json", "--out", "record"));
  expect(result).toMatchObject({ status: "reachedEnd", boundaries: "exact", parameters: 100 + 220 + 22 });
  // Loss and its drop agree with the gradients along the way, whose derivative rules the layer never wrote.
  expect(Math.abs(result.energyDefect)).toBeLessThan(1e-5);
  expect(result.events.crossings).toBeGreaterThan(0);
  expect(result.descent).toHaveLength(1);
  // 24 targets, 342 parameters: λ₀ is no zero by counting.
  expect(result.ntk.lambdaZero).toBeGreaterThan(0);
  expect(result.figures.length).toBeGreaterThan(2);
});

test("its loss and its measure are what their texts say", async () => {
  const set = ["dataset.samples=1", "dataset.outputDimension=1", "loss={kind: pseudo-huber, reduction: sum}"];
  const words = [...set, "measure={residual: {}}"].flatMap((assignment) => ["--set", assignment]);
  const result = JSON.parse(
    await node("bin/gradflow.js", "run", "study.yaml", "--json", "--out", "loss", ...words),
  );
  expect(result).toMatchObject({ status: "reachedEnd", notSquared: expect.stringContaining("pseudo-huber") });
  expect(Math.abs(result.energyDefect)).toBeLessThan(1e-5);
  const [header, ...rows] = readFileSync(join(copy, "loss/series.csv"), "utf8").trim().split("\n");
  const column = (name: string) =>
    rows.map((row) => Number(row.split(",")[header!.split(",").indexOf(name)]));
  const residuals = column("largestResidual");
  // One sample, one output. The formula here cancels, the loss's does not: some roundings of 1 + ℓ.
  for (const [k, loss] of column("loss").entries())
    expect(Math.abs(Math.hypot(1, residuals[k]!) - 1 - loss)).toBeLessThan(8 * Number.EPSILON * (1 + loss));
});

test("the program that brings a layer along runs", async () => {
  writeFileSync(join(copy, "program.mjs"), block("js"));
  const [, promised] = /console\.log\(.*\); \/\/ (.*)/.exec(block("js"))!;
  expect((await node("program.mjs")).trim()).toBe(promised);
});
