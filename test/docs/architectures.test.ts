/** docs/architectures.md: its table belongs to the studies of configs/architectures, and rows of it are made again. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadSweep } from "../../src/config/load-sweep.js";
import { networkOf } from "../../src/experiment/network.js";
import { runExperiment } from "../../src/experiment/run.js";
import { presets } from "../../src/model/index.js";

const folder = mkdtempSync(join(tmpdir(), "gradflow-architectures-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** Of each activation: λ_min, rate, R², part of the loss that is left. */
type Quoted = readonly [lambdaMin: string, rate: string, rSquared: string, left: string];
interface Row {
  readonly kind: string;
  readonly ratio: number;
  readonly smooth: Quoted;
  readonly leaky: Quoted;
}
const rows = [
  ...readFileSync("docs/architectures.md", "utf8").matchAll(/^\| ([a-z-]+) \| ([\d.]+) \|(.*)\|$/gm),
].map(([, kind, ratio, rest]): Row => {
  const cells = rest!.split("|").map((cell) => cell.trim());
  return {
    kind: kind!,
    ratio: Number(ratio),
    smooth: cells.slice(0, 4) as never,
    leaky: cells.slice(4) as never,
  };
});

const jobsOf = async (kind: string) => {
  const { jobs } = await loadSweep(`configs/architectures/${kind}.yaml`, {});
  return jobs.map(({ loaded }) => {
    const { dataset, model } = loaded.config;
    const { samples, outputDimension, inputShape, inputDimension } = dataset as unknown as {
      readonly samples: number;
      readonly outputDimension: number;
      readonly inputShape?: number[];
      readonly inputDimension: number;
    };
    const { layout } = networkOf(loaded, { inputShape: inputShape ?? [inputDimension], outputDimension });
    const activation = model.activation?.kind === "leaky-relu" ? ("leaky" as const) : ("smooth" as const);
    return { loaded, activation, ratio: layout.size / (samples * outputDimension) };
  });
};

test("every preset has a study, and every run of it a row", async () => {
  const kinds = presets.map(({ kind }) => kind).sort();
  expect(readdirSync("configs/architectures").sort()).toEqual(kinds.map((kind) => `${kind}.yaml`));
  for (const kind of kinds)
    for (const activation of ["smooth", "leaky"]) {
      const ratios = (await jobsOf(kind))
        .filter((job) => job.activation === activation)
        .map(({ ratio }) => ratio.toFixed(2));
      const quoted = rows.filter((row) => row.kind === kind).map(({ ratio }) => ratio.toFixed(2));
      expect(quoted, kind).toEqual(ratios);
    }
});

test("λ_min is zero exactly wherever there are fewer parameters than targets", () => {
  const narrow = rows.filter(({ ratio }) => ratio < 1);
  expect(narrow.length).toBeGreaterThanOrEqual(presets.length);
  for (const { smooth, leaky } of narrow) expect([smooth[0], leaky[0]]).toEqual(["0, exactly", "0, exactly"]);
});

/** Digits that a cell has: its last one may be off by one, for rounding differs between processors. */
function expectQuoted(value: number, cell: string): void {
  const [, digits, exponent = "0"] = /^(\d+(?:\.\d+)?)(?:e([+-]\d+))?$/.exec(cell)!;
  const unit = 10 ** (Number(exponent) - (digits!.split(".")[1]?.length ?? 0));
  expect(Math.abs(value - Number(cell)), `${value}, quoted ${cell}`).toBeLessThanOrEqual(1.5 * unit);
}

test.each([
  ["dnn", "smooth"],
  ["siamese", "smooth"],
  ["cheb-net", "smooth"],
  ["gcn", "leaky"],
  ["cnn", "smooth"],
] as const)("the first row of %s, %s, is what the study gives", async (kind, activation) => {
  const job = (await jobsOf(kind)).find((own) => own.activation === activation)!;
  const options = { directory: join(folder, `${kind}-${activation}`), command: ["test"] };
  const undrawn = { ...job.loaded, config: { ...job.loaded.config, figure: { draw: false } } };
  const { decay, loss, initialLoss, status } = await runExperiment(undrawn, options);
  expect(status).toBe("reachedEnd");
  const [, rate, rSquared, left] = rows.find((row) => row.kind === kind)![activation];
  expectQuoted(decay!.rate, rate);
  expectQuoted(decay!.rSquared!, rSquared);
  expectQuoted(loss! / initialLoss!, left);
});
