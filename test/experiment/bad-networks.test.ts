/** Networks that do not fit their data: refused as bad input, with the layer's path, the shape it got and what it needs. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { loadSweep } from "../../src/config/load-sweep.js";
import { writeNpy } from "../../src/data/npy.js";
import { createReferenceEngine } from "../../src/engine/index.js";
import { ConfigError } from "../../src/errors.js";
import { prepare } from "../../src/experiment/prepare.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-networks-"));
afterAll(() => rm(folder, { recursive: true }));
await writeNpy(join(folder, "theta.npy"), new Float64Array(17), [17]);

const data = (shape: string, outputs = 2, more = "") =>
  `{ kind: gaussian, samples: 4, ${shape}, outputDimension: ${outputs}${more} }`;
const vectors = data("inputDimension: 3");
const image = data("inputShape: [1, 5, 5]");
const channels = data("inputShape: [4, 5, 5]");
const tokens = data("inputShape: [3, 4]");
const graph = data("inputDimension: 3", 2, ", graph: { kind: nearest-neighbours, neighbours: 2 }");
const layers = (...list: string[]) =>
  `{ kind: layers, layers: [${list.map((layer) => `{ ${layer} }`).join(", ")}] }`;
const END = ["kind: flatten", "kind: dense"];
const DEEP = 10_000;

test.each<[string, string, string, RegExp]>([
  [
    "a kernel larger than its input",
    image,
    layers("kind: conv2d, channels: 2, kernel: 7", ...END),
    /:3: model\.layers\.0: a window of 7 × 7 does not fit into 5 × 5/,
  ],
  [
    "such a one within a block",
    image,
    layers("kind: residual, layers: [{ kind: conv2d, channels: 1, kernel: [2, 9] }]", ...END),
    /model\.layers\.0\.layers\.0: a window of 2 × 9 does not fit into 5 × 5/,
  ],
  [
    "such a one of a preset",
    image,
    "{ kind: cnn, channels: [2, 2, 2] }",
    /layers\.8 of the cnn: a window of 2 × 2 does not fit into 1 × 1/,
  ],
  [
    "a pool larger than its input",
    image,
    layers("kind: max-pool, size: 6", ...END),
    /model\.layers\.0: a window of 6 × 6 does not fit into 5 × 5/,
  ],
  [
    "groups that do not divide",
    channels,
    layers("kind: conv2d, channels: 6, kernel: 3, groups: 4", ...END),
    /model\.layers\.0: groups 4 must divide the 4 channels that come in and the 6 that go out/,
  ],
  [
    "heads that do not divide",
    tokens,
    layers("kind: attention, heads: 3", ...END),
    /model\.layers\.0: heads 3 must divide the width 4 of samples \[3, 4\]/,
  ],
  [
    "heads of a preset",
    tokens,
    "{ kind: transformer, width: 8, heads: 3 }",
    /layers\.2\.rounds\.0\.layers\.0\.layers\.1 of the transformer: heads 3 must divide the width 8/,
  ],
  [
    "branches of other shapes",
    vectors,
    layers("kind: parallel, branches: [[], [{ kind: dense, width: 2 }]]", "kind: dense"),
    /model\.layers\.0: branches of shapes \[3\], \[2\] cannot be joined by sum/,
  ],
  [
    "three branches to a difference",
    vectors,
    layers("kind: parallel, join: difference, branches: [[], [], []]", "kind: dense"),
    /model\.layers\.0: difference takes two branches, got 3/,
  ],
  [
    "an axis that branches lack",
    vectors,
    layers("kind: parallel, join: concat, axis: 1, branches: [[], []]", "kind: dense"),
    /model\.layers\.0: branches of shapes \[3\], \[3\] have no axis 1/,
  ],
  [
    "a width that contradicts the data",
    vectors,
    layers("kind: dense, width: 5"),
    /model\.layers\.0: the network makes \[5\] of a sample, 5 numbers; the targets have 2\. Leave the width/,
  ],
  [
    "a graph layer without a graph",
    vectors,
    layers("kind: dense, width: 4", "kind: gcn-conv"),
    /:2: dataset: model\.layers\.1 works on a graph between the samples, and there is none; add dataset\.graph/,
  ],
  [
    "a graph preset without a graph",
    vectors,
    "{ kind: cheb-net, hidden: [4] }",
    /dataset: layers\.0 of the cheb-net works on a graph/,
  ],
  [
    "a graph layer on images",
    image,
    layers("kind: gcn-conv"),
    /model\.layers\.0: takes samples of shape \[d\], got \[1, 5, 5\]/,
  ],
  [
    "tokens out of range",
    data("inputShape: [3]"),
    layers("kind: embedding, tokens: 4, width: 2", ...END),
    /model\.layers\.0\.tokens: the data must hold whole numbers from 0 to 3, got /,
  ],
  [
    "a shortcut of another shape",
    vectors,
    layers("kind: residual, layers: [{ kind: dense, width: 4 }]", "kind: dense"),
    /model\.layers\.0: the shortcut gives \[3\], the layers \[4\]; give the shortcut layers/,
  ],
  [
    "θ of another length",
    vectors,
    "{ kind: dnn, hidden: [4], init: { kind: file, path: theta.npy } }",
    /model\.init\.path: .*theta\.npy holds 17 numbers, but .* has 26 parameters: layers\.0\.weight \[3,4\] from 0, layers\.0\.bias \[4\] from 12, layers\.2\.weight \[4,2\] from 16/,
  ],
  [
    "halves that are not two",
    tokens,
    "{ kind: siamese, hidden: [4] }",
    /layers\.0 of the siamese: takes samples of shape \[2, \.\.\.\], got \[3,4\]/,
  ],
  [
    "images that cannot be halved",
    image,
    "{ kind: u-net, depth: 1 }",
    /model: a u-net of depth 1 .* 2\^depth = 2 must divide them, the data have \[1, 5, 5\]/,
  ],
  [
    "rounds that share what grows",
    vectors,
    layers("kind: repeat, times: 2, shared: true, layers: [{ kind: dense, width: 4 }]", "kind: dense"),
    /model\.layers\.0\.rounds\.1\.layers\.0: shares its weight, which is \[3,4\] where it stands first, and needs \[4,4\] here/,
  ],
  [
    "norms of single numbers",
    vectors,
    layers("kind: mean", "kind: layer-norm"),
    /model\.layers\.1: needs an axis to work on; the samples here are single numbers/,
  ],
  [
    "channels of single numbers",
    vectors,
    layers("kind: mean", "kind: batch-norm"),
    /model\.layers\.1: needs an axis of channels/,
  ],
  [
    "nothing to train",
    data("inputDimension: 3", 3),
    layers("kind: tanh"),
    /model: has no parameters, so there is nothing to train/,
  ],
  [
    "a parameter beyond reason",
    vectors,
    layers("kind: dense, width: 100000000000000", "kind: dense"),
    /model\.layers\.0: its weight \[3,100000000000000\] has 300000000000000 numbers/,
  ],
  [
    "a mask beyond reason",
    data("inputShape: [200000, 1]"),
    layers("kind: attention, heads: 1, causal: true", "kind: mean", "kind: dense"),
    /model\.layers\.0: a mask of 200000 × 200000 tokens/,
  ],
  [
    "a kernel of three sides",
    image,
    layers("kind: conv2d, channels: 1, kernel: [3, 3, 3]", ...END),
    /model\.layers\.0\.kernel: must be an integer or a list of 2 integers, got \[3,3,3\]/,
  ],
  [
    "padding by another name",
    image,
    layers("kind: conv2d, channels: 1, kernel: 3, padding: valid", ...END),
    /model\.layers\.0\.padding: must be an integer or same, got "valid"/,
  ],
  [
    "ten thousand lists",
    vectors,
    `{ kind: layers, layers: ${"[".repeat(DEEP)}${"]".repeat(DEEP)} }`,
    /:3: YAML: lists or sections nest too deeply/,
  ],
  [
    "ten thousand blocks",
    vectors,
    `{ kind: layers, layers: ${"[{ kind: residual, layers: ".repeat(DEEP)}[]${" }]".repeat(DEEP)} }`,
    /:3: YAML: lists or sections nest too deeply/,
  ],
])("%s", async (name, dataset, model, message) => {
  const file = join(folder, `${name.replaceAll(" ", "-")}.yaml`);
  await writeFile(
    file,
    `name: bad\ndataset: ${dataset}\nmodel: ${model}\nflow: { method: dopri5, tEnd: 1 }\nengine: { kind: reference }\n`,
  );
  const error = await loadConfig(file)
    .then((loaded) => prepare(loaded, createReferenceEngine()))
    .then(
      () => null,
      (fault: unknown) => fault,
    );
  expect(error, String(error)).toBeInstanceOf(ConfigError);
  expect((error as Error).message).toMatch(message);
});

test.each([
  [
    "more than there are samples",
    "{ kind: dnn, hidden: [3] }",
    13,
    /descent\.batch: must be at most the number of samples that are trained on, \d+, got 13/,
  ],
  [
    "of samples that couple",
    layers("kind: gcn-conv"),
    2,
    /study\.yaml:5: descent\.batch: needs a network whose outputs/,
  ],
])("batches %s are refused", async (_, model, batch, message) => {
  const file = join(folder, "study.yaml");
  await writeFile(
    file,
    `name: bad\ndataset: ${graph}\nmodel: ${model}\nflow: { method: dopri5, tEnd: 1 }\ndescent: { learningRates: [0.1], batch: ${batch} }\n`,
  );
  await expect(loadConfig(file).then((loaded) => prepare(loaded, createReferenceEngine()))).rejects.toThrow(
    message,
  );
});

test("a graph that is there is taken, and one that is not asked for does no harm", async () => {
  const file = join(folder, "graph.yaml");
  for (const model of [layers("kind: gcn-conv"), layers("kind: dense")]) {
    await writeFile(
      file,
      `name: good\ndataset: ${graph}\nmodel: ${model}\nflow: { method: dopri5, tEnd: 1 }\n`,
    );
    const { theta0 } = await prepare(await loadConfig(file), createReferenceEngine());
    expect(theta0.length).toBe(8);
  }
});

test("a sweep over kinds says that their fields differ, and how to vary them too", async () => {
  const file = join(folder, "kinds.yaml");
  await writeFile(
    file,
    `name: kinds\ndataset: ${image}\nmodel: { kind: cnn, channels: [2] }\nflow: { method: dopri5, tEnd: 1 }\n`,
  );
  const byKind = loadSweep(file, { multiply: ["model.kind=cnn,conv-resnet"] });
  await expect(byKind).rejects.toThrow(
    /model\.channels: must be an integer, got \[2\]\. model\.kind varies and is conv-resnet here/,
  );
  const whole = await loadSweep(file, {
    multiply: ["model={kind: cnn, channels: [2]},{kind: conv-resnet, channels: 2}"],
  });
  expect(whole.jobs.map(({ loaded }) => loaded.config.model.kind)).toEqual(["cnn", "conv-resnet"]);
});
