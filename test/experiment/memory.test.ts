import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import type { DatasetShape } from "../../src/data/dataset.js";
import { estimateMemory, requireMemory } from "../../src/experiment/memory.js";
import { createGraph, GraphBuilder, spaceOf } from "../../src/graph/index.js";
import {
  createStepper,
  float64Space,
  integrate,
  type MethodName,
  methodNames,
  methods,
} from "../../src/ode/index.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-memory-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
const BASE = `name: s
seed: 1
dataset: { kind: gaussian, samples: 4, inputDimension: 2, outputDimension: 1 }
model: { kind: dnn, hidden: [3], activation: { kind: tanh } }
flow: { method: dopri5, rtol: 1e-6, atol: 1e-9, tEnd: 0.3 }
descent: { learningRates: [0.1] }
record: { at: linear, points: 3, checkpoint: 0 }
engine: { kind: onnx, threads: 1 }
`;
const study = join(folder, "base.yaml");
await writeFile(study, BASE);
const load = (...set: string[]) => loadConfig(study, { set });
const shapeOf = ({ config: { dataset } }: Awaited<ReturnType<typeof load>>) => dataset as DatasetShape;
const program = fileURLToPath(new URL("../../bin/gradflow.js", import.meta.url));

/** odex keeps its own books; rodas4 holds Jacobians beside its few vectors, counted apart. */
const counted = methodNames.filter(
  (name): name is Exclude<MethodName, "odex" | "rodas4"> => name !== "odex" && name !== "rodas4",
);
it.each(counted)("%s holds no more vectors than are counted", async (method) => {
  // Stiff enough for `auto` to change its method, so that both are held.
  const rates = [1, 50, 500];
  const space = float64Space(3);
  let held = 0;
  const create = () => {
    held++;
    return space.create();
  };
  const stepper = createStepper({
    space: { ...space, create },
    t0: 0,
    y0: Float64Array.of(1, 2, 3),
    field: async (_, y, out) => out.set(y.map((value, i) => -rates[i]! * value)),
    method,
    ...(["euler", "heun", "rk4"].includes(method) ? { stepSize: 1e-3 } : { rtol: 1e-4, atol: 1e-7 }),
    spectralRadius: async () => 500,
  });
  const out = space.create();
  await integrate({
    stepper,
    tEnd: 1,
    onStep: async (step) => {
      const middle = (step.t0 + step.t1) / 2;
      await step.interpolate(middle, out);
      step.quadrature((k) => space.dot(k, k), middle);
    },
  });
  expect(held).toBeLessThanOrEqual(methods[method].vectors);
  // No more than half of the count is reserve: dop853 and rkc2 may both be held by auto, here dopri5 and rkc2 are.
  expect(2 * held).toBeGreaterThanOrEqual(methods[method].vectors);
});

it("counts what is alive at once in a graph", () => {
  const b = new GraphBuilder();
  const x = b.input("x", [10]);
  const [p, q] = [b.mul(x, x), b.add(x, x)];
  const graph = createGraph("g", { y: b.total(b.mul(b.reshape(b.mul(p, q), [2, 5]), b.reshape(p, [2, 5]))) });
  // p, q and p·q at once; q then ends, the second product takes its place; the reshaped ones are the same numbers.
  expect(spaceOf(graph)).toEqual({ peak: 30, sum: 40 });
});

describe("the estimate", () => {
  // The program alone is 180 MB on the machine where it was measured. Above it, what a study adds is to be within a factor
  // of 1.5 of what the process took; the sizes are such that it is most of the whole, and that a run takes seconds.
  it.each([
    ["parameters", ["model.hidden=[400000]", "flow.tEnd=1e-6", "descent.learningRates=[1e-7]"]],
    [
      "samples",
      [
        "dataset.samples=100000",
        "dataset.inputDimension=10",
        "model.hidden=[20]",
        "flow.tEnd=0.01",
        "descent.learningRates=[0.01]",
      ],
    ],
    [
      "layers",
      ["dataset.samples=20000", "model.hidden=[100,100,100]", "flow.tEnd=1e-3", "descent.learningRates=[]"],
    ],
    [
      // Of all that an evaluation makes a quarter is alive at once.
      "convolutions",
      [
        "dataset={kind: gaussian, samples: 200, inputShape: [3, 16, 16], outputDimension: 4}",
        "model={kind: cnn, channels: [16, 16], activation: {kind: tanh}}",
        "flow={method: euler, stepSize: 1e-3, tEnd: 1e-3}",
        "descent.learningRates=[]",
      ],
    ],
    [
      // Twenty directions of Lanczos, and a network of a test set as large as what is trained on.
      "measures",
      [
        "model.hidden=[200000]",
        "flow.tEnd=1e-6",
        "descent.learningRates=[]",
        "dataset.split={test: 0.5}",
        "measure={sharpness: {points: 1, products: 20}, testLoss: {}}",
      ],
    ],
  ])("of %s agrees with a run", async (what, set) => {
    const loaded = await load(...set);
    const { bytes } = estimateMemory(loaded, shapeOf(loaded));
    const words = [
      "run",
      study,
      "--quiet",
      "--force",
      "--out",
      join(folder, "r"),
      ...set.flatMap((s) => ["--set", s]),
    ];
    const tell = "process.on('exit', () => process._rawDebug('maxRSS', process.resourceUsage().maxRSS))";
    const { stderr } = await promisify(execFile)(process.execPath, [
      "--import",
      `data:text/javascript,${encodeURIComponent(tell)}`,
      program,
      ...words,
    ]);
    const used = 1024 * Number(/maxRSS (\d+)/.exec(stderr)![1]);
    expect(used / bytes).toBeLessThan(1.5);
    // The basis of Lanczos is counted in full; of so few samples the Hessian has few eigenvalues, and it ends before.
    expect(used / bytes).toBeGreaterThan(what === "measures" ? 1 / 2 : 1 / 1.5);
  });

  it.each<[string[], string]>([
    [["model.hidden=[1e9]"], "--set model.hidden=[1e9]: model.hidden.0: the run would take about"],
    [["model.hidden=[4, 3e7]"], "model.hidden.1: the run would take about"],
    [
      ["model.hidden=[1e15]"],
      "layers.0 of the dnn: its weight [2,1000000000000000] has 2000000000000000 numbers",
    ],
    [["dataset.samples=1e9"], "dataset.samples: the run would take about"],
    [["dataset.samples=9e15"], "array holds at most"],
    [["dataset.inputDimension=1e9"], "dataset.inputDimension: the run would take about"],
    [["dataset.outputDimension=1e9"], "dataset.outputDimension: the run would take about"],
    [["record.points=1e12"], "record.points: the run would take about"],
    [
      ["model.kind=gcn", "dataset.samples=1e6"],
      "dataset.samples: makes a graph of neighbours of 1.00e+12 numbers",
    ],
    [["model.kind=gcn", "dataset.samples=60000"], "for graph of neighbours"],
    [
      [
        "dataset={kind: gaussian, samples: 2e6, inputShape: [1, 28, 28], outputDimension: 1}",
        "model={kind: cnn, channels: [64]}",
      ],
      "dataset.samples: makes a layer of units of 1.00e+11 numbers",
    ],
    [
      [
        "dataset={kind: teacher, samples: 4, inputDimension: 2, outputDimension: 1, network: {hidden: [1e9]}}",
      ],
      "dataset.network.hidden.0: the run would take about",
    ],
    [
      ["model.hidden=[100000, 100000]"],
      "layers.2 of the dnn: its weight [100000,100000] has 10000000000 numbers",
    ],
  ])("refuses %j", async (set, message) => {
    const loaded = await load(...set);
    expect(() => requireMemory(loaded, shapeOf(loaded), 25e9)).toThrow(message);
  });
});
