/**
 * Parameters by name. data/torch_state_dicts.py saved networks of PyTorch's and what they give; a study of the same architecture must load the
 * file as it is and give the same. What does not fit, or is no such file, is refused with exit 2's error before anything is drawn.
 */
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { readNamedArrays } from "../../src/data/named-arrays.js";
import { formatNpy, writeNpy } from "../../src/data/npy.js";
import { createReferenceEngine } from "../../src/engine/index.js";
import { exportParameters, exportRecord } from "../../src/experiment/export.js";
import { prepare } from "../../src/experiment/prepare.js";
import { loadUnfinished } from "../../src/experiment/resume.js";
import { runExperiment } from "../../src/experiment/run.js";
import { formatNpz, formatSafetensors } from "../../src/record/export-npz.js";
import { readManifest } from "../../src/record/manifest.js";

interface Stored {
  readonly file: string;
  readonly inputShape: readonly number[];
  readonly samples: number;
  readonly x: readonly number[];
  readonly output: readonly number[];
  readonly parameters: number;
}

const data = (file: string): string => fileURLToPath(new URL(`data/${file}`, import.meta.url));
const stored = JSON.parse(readFileSync(data("state-dicts.json"), "utf8")) as Record<string, Stored>;
/** Of the largest output: the same sums of at most a few hundred terms in another order. */
const TOLERANCE = 1e-12;

const models: Readonly<Record<string, string>> = {
  dense:
    "{ kind: layers, layers: [{ kind: dense, width: 5 }, { kind: tanh }, { kind: dense, width: 5 }, { kind: dense }], INIT }",
  deep: "{ kind: dnn, hidden: [3, 3, 3, 3, 3, 3], activation: { kind: tanh }, INIT }",
  cnn: `
  kind: layers
  layers:
    - { kind: conv2d, channels: 4, kernel: 3, padding: 1 }
    - { kind: batch-norm }
    - { kind: leaky-relu, slope: 0.1 }
    - { kind: max-pool, size: 2 }
    - { kind: conv2d, channels: 4, kernel: 3, padding: 1, groups: 2 }
    - { kind: prelu, slope: 0.25 }
    - { kind: transposed-conv2d, channels: 3, kernel: 2 }
    - { kind: flatten }
    - { kind: dense }
  INIT`,
  encoder: "{ kind: transformer, width: 8, heads: 2, blocks: 2, mlp: 16, INIT }",
  tokens: `
  kind: layers
  layers:
    - { kind: embedding, tokens: 7, width: 4 }
    - { kind: residual, layers: [{ kind: layer-norm }, { kind: attention, heads: 2, causal: true }] }
    - { kind: dense, width: 4 }
    - { kind: tanh }
  INIT`,
};

const folder = mkdtempSync(join(tmpdir(), "gradflow-state-"));
afterAll(() => rmSync(folder, { recursive: true }));
let count = 0;

/** A study on a case's inputs whose parameters are those of `file`. */
async function study(name: string, init: string, model = models[name]!): Promise<string> {
  const { inputShape, samples, x, output } = stored[name]!;
  await writeNpy(join(folder, `${name}-x.npy`), Float64Array.from(x), [samples, ...inputShape]);
  const outputs = output.length / samples;
  await writeNpy(join(folder, `${name}-y.npy`), new Float64Array(output.length).fill(0.5), [
    samples,
    outputs,
  ]);
  const file = join(folder, `study-${count++}.yaml`);
  const own = model.includes("\n")
    ? model.replace("INIT", `init: ${init}`)
    : model.replace("INIT", `init: ${init}`);
  writeFileSync(
    file,
    `name: state\ndataset: { kind: file, inputs: ${name}-x.npy, targets: ${name}-y.npy }\nmodel: ${own}\n` +
      "flow: { method: dopri5, tEnd: 0.01, boundaries: off }\nengine: { kind: reference }\n",
  );
  return file;
}

const engine = createReferenceEngine();

async function outputsOf(file: string, name: string) {
  const prepared = await prepare(await loadConfig(file), engine);
  const output = new Float64Array(stored[name]!.output.length);
  await prepared.problem.predict(prepared.theta0, output);
  return { ...prepared, output };
}

function expectClose(found: Float64Array, expected: readonly number[]): void {
  const scale = Math.max(...expected.map(Math.abs));
  expect(Math.max(...expected.map((value, i) => Math.abs(value - found[i]!)))).toBeLessThan(
    TOLERANCE * scale,
  );
}

const initOf = (name: string, layout = "torch"): string => {
  const { file } = stored[name]!;
  copyFileSync(data(file), join(folder, file));
  return `{ kind: ${file.split(".")[1]}, path: ${file}, layout: ${layout} }`;
};

describe("a state_dict loads as it is", () => {
  test.each(Object.keys(models))("%s", async (name) => {
    const { output, theta0, notes, initialArrays } = await outputsOf(await study(name, initOf(name)), name);
    expect(theta0.length).toBe(stored[name]!.parameters);
    expectClose(output, stored[name]!.output);
    if (name === "cnn")
      expect(notes.join()).toMatch(
        /3 arrays are no parameters .* 1\.running_mean, 1\.running_var, 1\.num_batches/,
      );
    // Blocks are numbered; that the last norm comes after them is alphabet and luck, and the note says so.
    else if (name === "encoder")
      expect(notes).toEqual([
        expect.stringMatching(/order encoder\.layers\.0\.norm1, .*, encoder\.norm, which their names/),
      ]);
    else expect(notes).toEqual([]);
    if (name === "encoder") {
      const block = "encoder.layers.1.self_attn";
      expect(initialArrays).toMatchObject({
        "layers.2.rounds.1.layers.0.layers.1.value.weight": {
          name: `${block}.in_proj_weight`,
          shape: [24, 8],
        },
        "layers.2.rounds.1.layers.0.layers.1.output.bias": { name: `${block}.out_proj.bias`, shape: [8] },
      });
    }
  });

  test.each(["cnn", "encoder", "tokens"])(
    "%s: a run says where its parameters came from, and gives them back",
    async (name) => {
      const file = await study(name, initOf(name));
      const directory = join(folder, `record-${name}`);
      await runExperiment(await loadConfig(file), { directory, command: ["test"] });
      const { initial } = (await readManifest(directory))!;
      expect(initial).toMatchObject({
        path: stored[name]!.file,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      });
      // Back in PyTorch's layout under PyTorch's names: at the end of so short a flow all are near their start.
      const path = join(directory, await exportParameters(directory, "npz"));
      const back = await readNamedArrays(path, "npz");
      const there = await readNamedArrays(
        join(folder, stored[name]!.file),
        stored[name]!.file.endsWith("npz") ? "npz" : "safetensors",
      );
      const byName = new Map(there.arrays.map((array) => [array.name, array]));
      expect(back.arrays.length).toBe(
        there.arrays.filter(({ name: own }) => !own.includes("running") && !own.includes("num_b")).length,
      );
      for (const array of back.arrays) {
        const other = byName.get(array.name)!;
        // [1, T, d] is [T, d] here.
        expect(array.shape.filter((n) => n > 1)).toEqual(other.shape.filter((n) => n > 1));
        const [own, start] = [array.read(), other.read()];
        expect(Math.max(...own.map((value, i) => Math.abs(value - start[i]!)))).toBeLessThan(0.5);
      }
      // And read again, by either format and layout, they are the same bits.
      const theta = (
        await readNamedArrays(join(directory, await exportRecord(directory, "safetensors")), "safetensors")
      ).arrays
        .find((array) => array.name === "theta")!
        .read();
      for (const [kind, layout, source] of [
        ["npz", "torch", path],
        ["safetensors", "torch", join(directory, await exportParameters(directory, "safetensors"))],
        ["safetensors", "gradflow", join(directory, "export/record.safetensors")],
      ]) {
        const again = await study(name, `{ kind: ${kind}, path: ${source}, layout: ${layout} }`);
        expect(Buffer.from((await prepare(await loadConfig(again), engine)).theta0.buffer)).toEqual(
          Buffer.from(theta.buffer),
        );
      }
    },
  );

  test("a file that changed is refused when its run is resumed", async () => {
    const file = await study("dense", initOf("dense"));
    const directory = join(folder, "record-changed");
    const controller = new AbortController();
    const { status } = await runExperiment(await loadConfig(file), {
      ...{ directory, command: ["test"], signal: controller.signal, onProgress: () => controller.abort() },
    });
    expect(status).toBe("interrupted");
    await expect(loadUnfinished(directory)).resolves.toBeDefined();
    copyFileSync(data(stored["deep"]!.file), join(folder, stored["dense"]!.file));
    await expect(loadUnfinished(directory)).rejects.toThrow("a data file has changed");
  });
});

test("layers of equal shapes that stand in the file otherwise than by name are told", async () => {
  const array = (name: string, ...shape: number[]) => {
    return { name, shape, data: new Float64Array(shape.reduce((p, q) => p * q, 1)) };
  };
  const layer = (name: string, out: number, into: number) => [
    array(`${name}.weight`, out, into),
    array(`${name}.bias`, out),
  ];
  const notesOf = async (kind: "npz" | "safetensors", names: readonly string[]) => {
    const arrays = [...layer(names[0]!, 3, 3), ...layer(names[1]!, 3, 3), ...layer("head", 2, 3)];
    const content = Buffer.concat([...(kind === "npz" ? formatNpz(arrays) : formatSafetensors(arrays, {}))]);
    writeFileSync(join(folder, `order.${kind}`), content);
    const model = "{ kind: dnn, hidden: [3, 3], activation: { kind: tanh }, INIT }";
    return (
      await outputsOf(
        await study("dense", `{ kind: ${kind}, path: order.${kind}, layout: torch }`, model),
        "dense",
      )
    ).notes;
  };
  expect(await notesOf("npz", ["fc1", "fc2"])).toEqual([]);
  expect((await notesOf("npz", ["fc2", "fc1"])).join()).toContain("in the order fc2, fc1, which their names");
  expect((await notesOf("safetensors", ["encoder", "decoder"])).join()).toContain(
    "in the order decoder, encoder,",
  );
});

describe("what does not fit is refused by name", () => {
  const refusal = async (name: string, init: string, model?: string): Promise<string> => {
    const file = await study(name, init, model);
    const error = await outputsOf(file, name).then(
      () => null,
      (reason: Error) => reason,
    );
    expect(error?.constructor.name).toBe("ConfigError");
    expect(error!.message).toContain("model.init.path");
    return error!.message;
  };

  test.each([
    [
      "another width",
      "{ kind: dnn, hidden: [4, 5], activation: { kind: tanh }, INIT }",
      "layers.0.weight [4, 3] and layers.0.bias [4] here, 0.",
    ],
    ["a layer too few", "{ kind: dnn, hidden: [5], activation: { kind: tanh }, INIT }", "none here, 3."],
    [
      "a layer too many",
      "{ kind: dnn, hidden: [5, 5, 2], activation: { kind: tanh }, INIT }",
      "layers.6.weight [2, 2] and layers.6.bias [2] here, none in the file",
    ],
    [
      "no biases",
      "{ kind: dnn, hidden: [5, 5], bias: false, activation: { kind: tanh }, INIT }",
      "layers.0.weight [5, 3] here, 0.",
    ],
  ])("%s", async (_, model, message) => {
    expect(await refusal("dense", initOf("dense"), model)).toContain(message);
  });

  test("counted layers in another order are another network", async () => {
    const x = (...shape: number[]) => ({ shape, data: new Float64Array(shape.reduce((p, q) => p * q, 1)) });
    const arrays = [
      { name: "0.weight", ...x(2, 5) },
      { name: "0.bias", ...x(2) },
      { name: "2.weight", ...x(5, 3) },
      { name: "2.bias", ...x(5) },
    ];
    writeFileSync(join(folder, "swapped.npz"), Buffer.concat([...formatNpz(arrays)]));
    const init = "{ kind: npz, path: swapped.npz, layout: torch }";
    const model = "{ kind: dnn, hidden: [5], activation: { kind: tanh }, INIT }";
    expect(await refusal("dense", init, model)).toContain(
      "layers.0.weight [5, 3] and layers.0.bias [5] here, 0.weight [2, 5]",
    );
  });

  test("names of PyTorch's under gradflow's layout, and the layout that a file says it has", async () => {
    expect(await refusal("dense", initOf("dense", "gradflow"))).toMatch(
      /layers\.0\.weight \[3, 5\] is not there.*needs init\.layout: torch/,
    );
    const arrays = [{ name: "layers.0.weight", shape: [3, 2], data: new Float64Array(6) }];
    writeFileSync(
      join(folder, "ours.safetensors"),
      Buffer.concat([...formatSafetensors(arrays, { layout: "gradflow" })]),
    );
    const init = "{ kind: safetensors, path: ours.safetensors, layout: torch }";
    expect(await refusal("dense", init)).toContain("set init.layout: gradflow");
  });

  const bytes = readFileSync(data(stored["dense"]!.file));
  const headLength = Number(bytes.readBigUInt64LE(0));
  const head = bytes.toString("utf8", 8, 8 + headLength);
  const withHead = (text: string): Buffer => {
    const own = Buffer.from(text);
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(own.length));
    return Buffer.concat([length, own, bytes.subarray(8 + headLength)]);
  };
  const changed = (at: number, ...values: number[]): Buffer => {
    const copy = Buffer.from(bytes);
    copy.set(values, at);
    return copy;
  };
  const dense = (from: string, to: string): Buffer => {
    expect(head).toContain(from);
    return withHead(head.replace(from, to));
  };
  test.each<[string, Buffer, string]>([
    ["empty", Buffer.alloc(0), "not a .safetensors file"],
    ["truncated in its header", bytes.subarray(0, 100), "truncated"],
    ["truncated in its data", bytes.subarray(0, bytes.length - 4), "truncated: 248 expected, 244 found"],
    ["longer than it says", Buffer.concat([bytes, Buffer.alloc(4)]), "extra bytes"],
    [
      "a header length beyond reason",
      changed(0, 255, 255, 255, 255, 255, 255, 255, 255),
      "header is said to have",
    ],
    ["a header that is no JSON", withHead("x".repeat(20)), "no JSON object"],
    ["a header that is a list", withHead("[]"), "no JSON object"],
    ["an entry that is null", withHead('{"0.weight":null}'), "lacks dtype, shape or data_offsets"],
    ["a shape that its bytes do not hold", dense('"shape":[5,3]', '"shape":[9,3]'), "needs 108 bytes"],
    ["a negative extent", dense('"shape":[5,3]', '"shape":[-5,-3]'), "lacks dtype, shape"],
    ["an unknown dtype", dense('"dtype":"F32"', '"dtype":"constructor"'), 'dtype "constructor" is unknown'],
    [
      "integers",
      dense('"0.bias":{"dtype":"F32"', '"0.bias":{"dtype":"I32"'),
      "0.bias is of dtype I32; parameters are floating-point",
    ],
    ["NaN", changed(bytes.length - 2, 0xc0, 0x7f), "holds NaN at index"],
    ["infinity", changed(bytes.length - 4, 0, 0, 0x80, 0xff), "holds -Infinity at index"],
    ["an .npz by another name", readFileSync(data(stored["cnn"]!.file)), "not a .safetensors file"],
  ])("a .safetensors that is %s", async (_, content, message) => {
    writeFileSync(join(folder, "hostile.safetensors"), content);
    const init = "{ kind: safetensors, path: hostile.safetensors, layout: torch }";
    expect(await refusal("dense", init)).toContain(message);
  });

  test("two arrays of one place", async () => {
    const [from] = /"data_offsets":\[0,(\d+)\]/.exec(head)!;
    const other = /"data_offsets":\[[1-9]\d*,\d+\]/.exec(head)![0];
    writeFileSync(join(folder, "hostile.safetensors"), withHead(head.replace(other, from)));
    const init = "{ kind: safetensors, path: hostile.safetensors, layout: torch }";
    expect(await refusal("dense", init)).toMatch(/header is wrong|needs \d+ bytes/);
  });

  const archive = readFileSync(data(stored["cnn"]!.file));
  const flipped = (at: number): Buffer => {
    const copy = Buffer.from(archive);
    copy[at]! ^= 0x55;
    return copy;
  };
  test.each<[string, Buffer | Uint8Array, string]>([
    ["empty", Buffer.alloc(0), "not an .npz archive"],
    ["an .npy", Buffer.from(formatNpy(new Float64Array(3), [3])), "not an .npz archive"],
    ["truncated", archive.subarray(0, archive.length / 2), "not an .npz archive"],
    ["changed in its data", flipped(400), "is damaged: its length or its checksum"],
    ["cut at its front", archive.subarray(100), "directory is damaged"],
    [
      "of words",
      Buffer.concat([...formatNpz([{ name: "0.weight", shape: [1], data: ["a"] }])]),
      "here, 0.weight [1] in the file",
    ],
    ["empty of arrays", Buffer.concat([...formatNpz([])]), "none in the file"],
  ])("an .npz that is %s", async (_, content, message) => {
    writeFileSync(join(folder, "hostile.npz"), content);
    expect(await refusal("cnn", "{ kind: npz, path: hostile.npz, layout: torch }")).toContain(message);
  });

  test("no file", async () => {
    const file = await study("dense", "{ kind: npz, path: none.npz, layout: torch }");
    await expect(loadConfig(file)).rejects.toThrow("no such file: none.npz");
  });
});
