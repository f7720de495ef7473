import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { type Axis, crossAxes, parseAxes, readAxes } from "../../src/config/axes.js";
import { loadConfig } from "../../src/config/load.js";
import { loadSweep } from "../../src/config/load-sweep.js";
import type { Finding } from "../../src/config/messages.js";
import type { Problem } from "../../src/errors.js";

function fromYaml(...axes: Record<string, unknown>[]): { axes: Axis[]; findings: Finding[] } {
  const findings: Finding[] = [];
  return { axes: readAxes(axes, findings), findings };
}

function valuesOf(text: string): unknown[][] {
  const problems: Problem[] = [];
  const [axis] = parseAxes([text], problems);
  expect(problems).toEqual([]);
  return axis!.map(({ values }) => [...values]);
}

describe("values of an axis", () => {
  it("are lists and ranges in YAML", () => {
    const { axes, findings } = fromYaml(
      { seed: { from: 0, to: 3 } },
      { "flow.rtol": { from: 1e-8, to: 1e-4, points: 3, spacing: "log" } },
      { "model.activation.slope": { from: 0, to: 0.3, step: 0.1 } },
      { "model.hidden": [[50, 50], [100]] },
    );
    expect(findings).toEqual([]);
    expect(axes.map((axis) => axis[0]!.values)).toEqual([
      [0, 1, 2, 3],
      [1e-8, 1e-6, 1e-4],
      [0, 0.1, 0.2, 0.3],
      [[50, 50], [100]],
    ]);
  });

  it("are lists, ranges and fields in step on the command line", () => {
    expect(valuesOf("model.hidden=[50,50],[100,100]")).toEqual([
      [
        [50, 50],
        [100, 100],
      ],
    ]);
    expect(valuesOf("seed=0..2,7")).toEqual([[0, 1, 2, 7]]);
    expect(valuesOf("flow.rtol={from: 1e-6, to: 1e-2, points: 3, spacing: log}")).toEqual([
      [1e-6, 1e-4, 1e-2],
    ]);
    expect(valuesOf("model.activation={kind: relu},{kind: tanh}")).toEqual([
      [{ kind: "relu" }, { kind: "tanh" }],
    ]);
    expect(valuesOf("flow.tEnd=1,2;record.points=10,20")).toEqual([
      [1, 2],
      [10, 20],
    ]);
  });

  it.each([
    [{ seed: 3 }, "must be a list of values or a range { from, to }, got 3."],
    [{ seed: [] }, "must have at least one value"],
    [{ seed: [1, 1] }, "1 stands in the list twice."],
    [{ seed: { from: 2, to: 1 } }, "numbers from ≤ to"],
    [{ seed: { from: 0, to: 1, step: 0 } }, "step must be greater than 0, got 0."],
    [{ seed: { from: 0, to: 1e9 } }, "more than 10000"],
    [{ seed: { from: 0, to: 1, points: 3, spacing: "log" } }, "must begin above 0"],
    [{ seed: { from: 0, to: 1, by: 1 } }, "by is not a part of a range"],
    [{ seed: { from: 0, "to:4": null } }, "put a space after the colon: to: 4."],
    [{ seed: { from: 0, to: 1, 5: null } }, "the comma before it ends the value"],
    [{ seed: [0], 5: null }, "the comma before it ends the value"],
    [{ "flow.rtol:1e-6": null }, "put a space after the colon: flow.rtol: 1e-6."],
    [{ seed: null }, "must be a list of values or a range { from, to }, got null."],
    [{ "flow.tEnd": [1, 2], seed: [1] }, "fields in step need equally many"],
    [{ sweep: [1] }, "cannot vary in a sweep"],
    [{ "../x": [1] }, "cannot vary in a sweep"],
    [{ __proto__x: [1] }, "cannot vary in a sweep"],
  ])("%j is refused", (axis, message) => {
    expect(
      fromYaml(axis)
        .findings.map((finding) => finding.message)
        .join(),
    ).toContain(message);
  });
});

describe("jobs", () => {
  const jobsOf = (...axes: Record<string, unknown>[]) => {
    const findings: Finding[] = [];
    const points = crossAxes(readAxes(axes, findings), findings);
    expect(findings).toEqual([]);
    return points;
  };

  it("are all combinations, the last axis fastest, fields of one axis in step", () => {
    const points = jobsOf({ seed: [0, 1] }, { "flow.tEnd": [1, 2], "record.points": [10, 20] });
    expect(points.map(({ values }) => Object.values(values))).toEqual([
      [0, 1, 10],
      [0, 2, 20],
      [1, 1, 10],
      [1, 2, 20],
    ]);
  });

  it("have names that any file system takes, each its own", () => {
    const hostile = jobsOf(
      { name2: ["../x", "<script>", "a/b", "a b"] },
      { "model.hidden": [[50, 50], [7]] },
    );
    const names = hostile.map(({ name }) => name);
    expect(names).toContain("name2--script-_hidden-50-50");
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9.+_-]*$/);
    expect(new Set(names).size).toBe(8); // a/b and a b would both be a-b
    const long = jobsOf({ "model.hidden": [Array(200).fill(50), Array(201).fill(50)] });
    expect(new Set(long.map(({ name }) => name)).size).toBe(2);
    expect(long[0]!.name.length).toBeLessThan(100);
  });

  it("keep their names when an axis grows", () => {
    const few = jobsOf({ seed: [0, 1] }).map(({ name }) => name);
    const many = jobsOf({ seed: [0, 1, 2, 3] }).map(({ name }) => name);
    expect(many.slice(0, 2)).toEqual(few);
    expect(few).toEqual(["seed-0", "seed-1"]);
  });
});

describe("loadSweep", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "gradflow-axes-"));
    await writeFile(join(folder, "study.yaml"), STUDY);
  });
  const STUDY = `name: swept
dataset: { kind: gaussian, samples: 10, inputDimension: 4, outputDimension: 2 }
model: { kind: dnn, hidden: [4], activation: { kind: tanh } }
flow: { tEnd: 1 }
sweep:
  axes:
    - model.hidden: [[4], [8]]
    - seed: [0, 1]
`;
  const problemsOf = (promise: Promise<unknown>) =>
    promise.then(
      () => "",
      (error: Error) => error.message,
    );

  it("gives every run its config and the arguments that repeat it", async () => {
    const sweep = await loadSweep(join(folder, "study.yaml"), { set: ["flow.tEnd=3"] });
    expect(sweep.jobs.map(({ name }) => name)).toEqual([
      "hidden-4_seed-0",
      "hidden-4_seed-1",
      "hidden-8_seed-0",
      "hidden-8_seed-1",
    ]);
    const job = sweep.jobs[3]!;
    expect(job.loaded.config).toMatchObject({ seed: 1, model: { hidden: [8] }, flow: { tEnd: 3 } });
    const again = await loadConfig(join(folder, "study.yaml"), { set: job.set });
    expect(again.config).toEqual(job.loaded.config);
    expect(again.sweep).toBe(null);
  });

  it("lets -m replace an axis and add one", async () => {
    const sweep = await loadSweep(join(folder, "study.yaml"), { multiply: ["seed=7", "flow.tEnd=1,2"] });
    expect(sweep.fields).toEqual(["model.hidden", "seed", "flow.tEnd"]);
    expect(sweep.jobs.length).toBe(4);
    expect(sweep.jobs[1]!.loaded.config).toMatchObject({ seed: 7, flow: { tEnd: 2 } });
  });

  it("refuses a bad run before any starts, with its line or its --set", async () => {
    const text = await problemsOf(
      loadSweep(join(folder, "study.yaml"), { multiply: ["model.hidden=[4],[0],wide"] }),
    );
    expect(text).toContain("--set model.hidden=[0]: model.hidden.0: must be at least 1, got 0.");
    expect(text).toContain('must be a list, got "wide"');
    expect(text.split("\n").length).toBe(2);
  });

  it("refuses a fixed value for what varies, and a study without axes", async () => {
    expect(await problemsOf(loadSweep(join(folder, "study.yaml"), { set: ["seed=3"] }))).toContain(
      "--set seed=3: seed: varies in the sweep",
    );
    await writeFile(join(folder, "plain.yaml"), STUDY.slice(0, STUDY.indexOf("sweep:")));
    expect(await problemsOf(loadSweep(join(folder, "plain.yaml")))).toContain(
      "sweep: is required: name what varies",
    );
    expect(
      await problemsOf(loadSweep(join(folder, "study.yaml"), { multiply: ["seed=0..1", "seed=2"] })),
    ).toContain("seed is on two axes");
  });

  it("cites the line of a faulty axis", async () => {
    await writeFile(
      join(folder, "bad.yaml"),
      STUDY.replace("seed: [0, 1]", "seed: 5").replace("axes:", "axis: 1\n  axes:"),
    );
    const text = await problemsOf(loadSweep(join(folder, "bad.yaml")));
    expect(text).toMatch(/bad\.yaml:6: sweep\.axis: unknown key; did you mean axes\?/);
    await writeFile(join(folder, "bad.yaml"), STUDY.replace("seed: [0, 1]", "seed: 5"));
    expect(await problemsOf(loadSweep(join(folder, "bad.yaml")))).toMatch(
      /bad\.yaml:8: sweep\.axes\.1\.seed: must be a list/,
    );
  });
});

describe("scale", () => {
  it("multiplies sizes, not times, and leaves P/nM about as it is", async () => {
    const folder = await mkdtemp(join(tmpdir(), "gradflow-scale-"));
    const file = join(folder, "s.yaml");
    await writeFile(
      file,
      `name: s
dataset: { kind: uniform-ball, samples: 1000, inputDimension: 500, outputDimension: 50 }
model: { kind: gcn, hidden: [50, 200], neighbours: 7 }
flow: { tEnd: 20 }
descent: { learningRates: [0.1] }
`,
    );
    const { config } = await loadConfig(file, { set: ["scale=0.2"] });
    expect(config).toMatchObject({
      dataset: { samples: 200, inputDimension: 100, outputDimension: 10 },
      model: { hidden: [10, 40], neighbours: 7 },
      flow: { tEnd: 20 },
      descent: { learningRates: [0.1] },
    });
    expect(config).not.toHaveProperty("scale");
    await expect(loadConfig(file, { set: ["scale=0.005"] })).rejects.toThrow(
      "model.neighbours: must be less than dataset.samples = 5",
    );
    await expect(loadConfig(file, { set: ["scale=-1"] })).rejects.toThrow(
      "--set scale=-1: scale: must be greater than 0, got -1.",
    );
    await expect(
      loadConfig(file, { set: ["scale=2", "model.init={kind: file, path: s.yaml}"] }),
    ).rejects.toThrow("scale: cannot change how many parameters a file has; leave scale out.");
  });

  it.each([
    ["digits, samples: 200, classes: [3, 8]", { samples: 40 }],
    ["digits, samples: 200, split: { test: 0.25 }", { samples: 40, split: { test: 0.25 } }],
    ["digits, samples: 200, split: { test: 50 }", { samples: 40, split: { test: 10 } }],
    ["idx, images: a, labels: b, samples: 200", { samples: 40 }],
    ["npz, path: a.npz, samples: 200", { samples: 40 }],
    ["file, inputs: a.npy, targets: b.npy, samples: 200", { samples: 40 }],
    ["cifar10, files: [a], samples: 200", { samples: 40 }],
    ["modular-addition, modulus: 20, samples: 200", { samples: 40, modulus: 20 }],
    ["gaussian-mixture, samples: 200, inputDimension: 20", { samples: 40, inputDimension: 4, clusters: 2 }],
    ["moons, samples: 200", { samples: 40 }],
    ["xor, samples: 200", { samples: 40 }],
    [
      "sphere, samples: 200, inputDimension: 20, outputDimension: 10",
      { inputDimension: 4, outputDimension: 2 },
    ],
    ["sparse-parity, samples: 200, inputDimension: 20, bits: 3", { inputDimension: 4, bits: 3 }],
    [
      "in-context-regression, samples: 200, inputDimension: 20, context: 7",
      { inputDimension: 4, context: 7 },
    ],
    ["bars-and-blobs, samples: 200, size: 8", { samples: 40, size: 8 }],
    [
      "gaussian, samples: 200, inputDimension: 20, outputDimension: 1, split: { test: 50 }",
      { split: { test: 10 } },
    ],
  ])("of dataset %s", async (dataset, sizes) => {
    const folder = await mkdtemp(join(tmpdir(), "gradflow-scale-"));
    const file = join(folder, "s.yaml");
    const study = (data: string) => `name: s
scale: 0.2
dataset: { kind: ${data} }
model: { kind: dnn, hidden: [50] }
descent: { learningRates: [0.1], batch: 20 }
flow: { tEnd: 20 }
`;
    // Files are only looked for.
    for (const name of ["a", "b", "a.npy", "b.npy", "a.npz"]) await writeFile(join(folder, name), "");
    await writeFile(file, study(dataset));
    const { config } = await loadConfig(file);
    expect(config).toMatchObject({ dataset: sizes, model: { hidden: [10] }, descent: { batch: 4 } });
    // Without a number to multiply there is nothing to scale.
    if (!dataset.includes("samples: 200, ") && !/^(moons|xor)/.test(dataset)) {
      await writeFile(file, study(dataset.replace(", samples: 200", "")));
      await expect(loadConfig(file)).rejects.toThrow(
        /s\.yaml:2: scale: multiplies the number of samples, and dataset\.kind: [\w-]+ takes all that there are; name how many in dataset\.samples/,
      );
    }
  });
});
