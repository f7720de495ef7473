import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { initCommand } from "../../src/cli/init.js";
import { canonicalJson, hashConfig } from "../../src/config/hash.js";
import { loadConfig } from "../../src/config/load.js";
import { loadSweep } from "../../src/config/load-sweep.js";
import { renderConfigReference } from "../../src/config/reference.js";
import type { Config } from "../../src/config/schema.js";
import { studyTemplate } from "../../src/config/template.js";
import { parseConfig } from "../../src/config/validate.js";
import { type DatasetSpec, loadDataset } from "../../src/data/dataset.js";
import { writeNpy } from "../../src/data/npy.js";
import { describeModel } from "../../src/experiment/describe-model.js";
import { presets } from "../../src/model/index.js";
import { createRandom } from "../../src/random.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gradflow-documents-"));
});

it("the reference gives a field one lower limit, the narrowest", () => {
  const reference = renderConfigReference();
  expect(reference).toContain("| `clusters` | integer ≥ 2 |");
  expect(reference).not.toMatch(/[≥>] [\d.]+, (≤ [\d.]+, )?[≥>]/);
});

describe("configs in the repository", () => {
  it.each(presets.map(({ kind }) => kind))(
    "the study of `gradflow init --model %s` loads without other files, and its network fits its data",
    async (kind) => {
      const file = join(folder, `${kind}.yaml`);
      await writeFile(file, studyTemplate(kind));
      const loaded = await loadConfig(file);
      expect(loaded.config).toMatchObject({ name: "study", model: { kind } });
      const report = await describeModel(loaded);
      expect(report.scalars).toBe(report.samples * report.outputs);
      expect(report.ratio).toBeGreaterThan(1);
    },
  );

  it("`gradflow init` offers every preset, and no other kind has a study", () => {
    expect(initCommand.options?.["model"]).toMatchObject({ choices: presets.map(({ kind }) => kind) });
    for (const kind of ["layers", "constructor"]) expect(() => studyTemplate(kind)).toThrow(RangeError);
  });

  it.each(["configs/quickstart.yaml", "configs/paper/dnn-width.yaml"])("%s loads", async (name) => {
    await loadConfig(join(root, name));
  });

  it.each([
    ["paper/dnn-width", 5],
    ["paper/resnet-depth", 5],
    ["paper/gcn-width", 5],
    ["study/gap", 10],
    ["study/leaky-to-relu", 25],
    ["study/parametrisation", 40],
    ["study/sigmoid", 25],
  ])("%s is a sweep of %i runs", async (name, runs) => {
    const { jobs } = await loadSweep(join(root, `configs/${name}.yaml`));
    expect(jobs.length).toBe(runs);
    // 10 000 descent steps span the flow of the paper's figure of dense networks, and what the configs say those of the others.
    const steps = { "paper/dnn-width": 10_000, "paper/resnet-depth": 500, "paper/gcn-width": 6_000 }[name];
    for (const { loaded } of steps === undefined ? [] : jobs) {
      const { flow, descent } = loaded.config;
      expect(flow.tEnd / descent.learningRates[0]!).toBeCloseTo(steps!, 6);
    }
    if (!name.startsWith("paper/")) return;
    const fifth = await loadSweep(join(root, `configs/${name}.yaml`), { set: ["scale=0.2"] });
    expect(fifth.jobs[0]!.loaded.config.dataset).toMatchObject({ samples: 200 });
  });

  it("the paper's config is at the paper's size", async () => {
    const { config, baseDir } = await loadConfig(join(root, "configs/paper/dnn-width.yaml"));
    expect(config).toMatchObject({
      dataset: { samples: 1000, inputDimension: 500, outputDimension: 50 },
      model: { hidden: [50, 50], activation: { kind: "leaky-relu", slope: 0.01 } },
      loss: { reduction: "half-mean-sample" },
    });
    // The config's type is what the loader takes.
    const spec: DatasetSpec<unknown> = config.dataset;
    const { inputs } = await loadDataset(spec, { baseDir, random: createRandom(config.seed).split("data") });
    expect(inputs.length).toBe(500_000);
  });
});

it("docs/config.md is up to date (npm run docs:config)", async () => {
  expect(await readFile(join(root, "docs/config.md"), "utf8")).toBe(renderConfigReference());
});

describe("hashConfig", () => {
  const plain = {
    name: "h",
    dataset: { kind: "file", inputs: "x.npy", targets: "y.npy" },
    model: { kind: "dnn", hidden: [] },
    flow: { tEnd: 1 },
  };

  it("depends on values and file contents, not on the order of keys or where files stand", async () => {
    for (const name of ["x.npy", "y.npy", "z.npy"])
      await writeNpy(join(folder, name), Float64Array.of(1, 2), [2]);
    await writeNpy(join(folder, "y.npy"), Float64Array.of(3, 4), [2]);
    const hash = async (config: Config) => (await hashConfig(config, folder)).hash;
    const config = parseConfig(plain);
    const first = await hash(config);
    expect(first).toMatch(/^[0-9a-f]{12}$/);
    expect(await hash(Object.fromEntries(Object.entries(config).reverse()) as Config)).toBe(first);
    expect(await hash(parseConfig({ ...plain, dataset: { ...plain.dataset, inputs: "z.npy" } }))).toBe(first);
    expect(await hash({ ...config, seed: 1 })).not.toBe(first);
    // How often it is saved does not make it another study.
    expect(await hash({ ...config, record: { ...config.record, checkpoint: 1 } })).toBe(first);
    expect(Object.keys((await hashConfig(config, folder)).files)).toEqual([
      "dataset.inputs",
      "dataset.targets",
    ]);
    await writeNpy(join(folder, "y.npy"), Float64Array.of(3, 5), [2]);
    expect(await hash(config)).not.toBe(first);
  });

  it("sorts keys at every depth", () => {
    expect(canonicalJson({ b: [{ d: 1, c: 2 }], a: null })).toBe('{"a":null,"b":[{"c":2,"d":1}]}');
  });
});

it("parseConfig lists every problem without a file", () => {
  expect(() => parseConfig({ name: "x", seed: 0.5 })).toThrow(
    "seed: must be an integer, got 0.5.\ndataset: is required",
  );
});
