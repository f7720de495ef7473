import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { loadConfig, problemAt } from "../../src/config/load.js";
import { validate } from "../../src/config/validate.js";
import { ConfigError } from "../../src/errors.js";

const BASE = `name: base
dataset: { kind: gaussian, samples: 5, inputDimension: 3, outputDimension: 2 }
model:
  kind: dnn
  hidden: [4]
flow:
  tEnd: 1
  rtol: 1e-6
`;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gradflow-config-"));
});

async function load(text: string, ...set: string[]) {
  const file = join(folder, "study.yaml");
  await writeFile(file, text);
  return loadConfig(file, { set });
}

/** The message, with the file's folder taken off. */
async function faults(text: string, ...set: string[]): Promise<string> {
  const error = await load(text, ...set).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof ConfigError)) throw new Error(`expected a ConfigError, got ${error}`);
  return error.message.replaceAll(`${folder}/`, "");
}

/** BASE with a line replaced. */
const edit = (from: string, to: string) => {
  if (!BASE.includes(from)) throw new Error(`no ${from} in BASE`);
  return BASE.replace(from, to);
};

describe("loadConfig", () => {
  it("fills in the defaults", async () => {
    const { config, baseDir } = await load(BASE);
    expect(baseDir).toBe(folder);
    expect(config).toMatchInlineSnapshot(`
      {
        "dataset": {
          "inputDimension": 3,
          "inputScale": 1,
          "kind": "gaussian",
          "labelScale": 1,
          "outputDimension": 2,
          "samples": 5,
        },
        "decay": {},
        "descent": {
          "countFlips": false,
          "learningRates": [],
        },
        "engine": {
          "device": "cpu",
          "dtype": "float64",
          "kind": "onnx",
          "threads": 2,
        },
        "flow": {
          "atol": 1e-9,
          "boundaries": "auto",
          "compareSmoothing": [],
          "errorCheck": false,
          "maxSteps": 1000000,
          "method": "auto",
          "rtol": 0.000001,
          "tEnd": 1,
        },
        "loss": {
          "kind": "squared",
          "reduction": "half-mean-sample",
        },
        "measure": {},
        "model": {
          "activation": {
            "kind": "leaky-relu",
            "slope": 0.01,
          },
          "bias": true,
          "hidden": [
            4,
          ],
          "init": {
            "a": 2.23606797749979,
            "bias": "uniform",
            "kind": "kaiming-uniform",
          },
          "kind": "dnn",
        },
        "name": "base",
        "record": {
          "at": "log",
          "checkpoint": 30,
          "layer": 1,
          "points": 200,
        },
        "seed": 0,
      }
    `);
  });

  it("loads what it resolved to the same config", async () => {
    const { config } = await load(BASE, "flow={method: rk4, stepSize: 0.1, tEnd: 1}", "record.at=steps");
    expect(config.flow).not.toHaveProperty("rtol");
    expect((await load(JSON.stringify(config))).config).toEqual(config);
  });

  it("takes a key without a value as left out", async () => {
    expect((await load(`${BASE}descent:\n`)).config.descent.learningRates).toEqual([]);
  });

  it("lists every problem at once, in the order of lines", async () => {
    const message = await faults(
      `${edit("hidden: [4]", "hidden: [0]").replace("tEnd: 1", "tEnd: -1")}seed: x\n`,
    );
    expect(message.split("\n")).toEqual([
      "study.yaml:5: model.hidden.0: must be at least 1, got 0.",
      "study.yaml:7: flow.tEnd: must be greater than 0, got -1.",
      'study.yaml:9: seed: must be an integer, got "x".',
    ]);
  });
});

describe("bad values", () => {
  it.each<[string, string, string]>([
    [
      "unknown key",
      edit("rtol: 1e-6", "rtoll: 1e-6"),
      "study.yaml:8: flow.rtoll: unknown key; did you mean rtol?",
    ],
    [
      "unknown key, other case",
      edit("tEnd: 1", "t_end: 1\n  tEnd: 1"),
      "study.yaml:7: flow.t_end: unknown key; did you mean tEnd?",
    ],
    ["unknown section", `${BASE}engin: {}\n`, "study.yaml:9: engin: unknown key; did you mean engine?"],
    [
      "key in the wrong section",
      `${BASE}rtol: 1e-3\n`,
      "study.yaml:9: rtol: unknown key; did you mean flow.rtol?",
    ],
    ["nothing near", `${BASE}wombat: 1\n`, "wombat: unknown key; known here: name, seed, dataset"],
    ["__proto__ as a key", `${BASE}__proto__: { a: 1 }\n`, "study.yaml:9: __proto__: unknown key"],
    [
      "wrong type",
      edit("rtol: 1e-6", 'rtol: "1e-6"'),
      'study.yaml:8: flow.rtol: must be a finite number, got "1e-6".',
    ],
    [
      "wrong type of a section",
      edit("hidden: [4]", "hidden: 4"),
      "study.yaml:5: model.hidden: must be a list, got 4. Write [4].",
    ],
    [
      "section without a prototype for a list",
      edit("hidden: [4]", "hidden: { __proto__: null }"),
      "study.yaml:5: model.hidden: must be a list",
    ],
    [
      "section for a value",
      edit("tEnd: 1", "tEnd: { a: 1 }"),
      "study.yaml:7: flow.tEnd: must be a finite number",
    ],
    [
      "infinite",
      edit("tEnd: 1", "tEnd: .inf"),
      "study.yaml:7: flow.tEnd: must be a finite number, got Infinity.",
    ],
    [
      "negative tolerance",
      edit("rtol: 1e-6", "rtol: -1e-6"),
      "study.yaml:8: flow.rtol: must be greater than 0, got -1e-6.",
    ],
    [
      "fractional count",
      edit("samples: 5", "samples: 5.5"),
      "study.yaml:2: dataset.samples: must be an integer, got 5.5.",
    ],
    [
      "unknown kind",
      edit("kind: dnn", "kind: dn"),
      'study.yaml:4: model.kind: must be one of dnn, resnet, gcn, cnn, conv-resnet, cheb-net, graph-conv-net, u-net, mobilenet, siamese, transformer, layers, onnx, code, got "dn". Did you mean dnn?',
    ],
    [
      "unknown method",
      edit("tEnd: 1", "tEnd: 1\n  method: dopri6"),
      "study.yaml:8: flow.method: must be one of auto, bs32, dopri5",
    ],
    [
      "missing kind",
      edit("  kind: dnn\n", ""),
      "study.yaml:3: model.kind: is required: one of dnn, resnet, gcn, cnn, conv-resnet, cheb-net, graph-conv-net, u-net, mobilenet, siamese, transformer, layers, onnx, code.",
    ],
    ["missing field", edit("  tEnd: 1\n", ""), "study.yaml:6: flow.tEnd: is required: End time"],
    ["missing section", BASE.slice(0, BASE.indexOf("flow")), "study.yaml: flow: is required: Gradient flow"],
    [
      "name that leaves the folder",
      edit("name: base", "name: ../x"),
      "study.yaml:1: name: must consist of letters, digits, '.', '_' and '-', and not begin with '.', got \"../x\".",
    ],
    ["hidden name", edit("name: base", "name: .x"), "study.yaml:1: name: must consist of"],
    [
      "slope out of range",
      edit("hidden: [4]", "hidden: [4]\n  activation: { kind: leaky-relu, slope: 1.5 }"),
      "study.yaml:6: model.activation.slope: must be less than 1, got 1.5.",
    ],
    [
      "field of another activation",
      edit("hidden: [4]", "hidden: [4]\n  activation: { kind: relu, slope: 0.1 }"),
      "study.yaml:6: model.activation.slope: is only for kind: leaky-relu",
    ],
    [
      "neighbours without a graph",
      edit("hidden: [4]", "hidden: [4]\n  neighbours: 3"),
      'study.yaml:6: model.neighbours: is only for kind: gcn, not for "dnn"; leave it out.',
    ],
    [
      "step size with an adaptive method",
      edit("rtol: 1e-6", "stepSize: 0.1"),
      "study.yaml:8: flow.stepSize: is only for method: euler, heun, rk4",
    ],
    [
      "fixed method without step size",
      edit("rtol: 1e-6", "method: rk4"),
      "study.yaml:6: flow.stepSize: is required",
    ],
    [
      "tolerance with a fixed method",
      edit("tEnd: 1", "tEnd: 1\n  method: rk4\n  stepSize: 0.1"),
      "study.yaml:10: flow.rtol: is only for method: auto",
    ],
    [
      "negative learning rate",
      `${BASE}descent:\n  learningRates:\n    - 0.1\n    - -0.1\n`,
      "study.yaml:12: descent.learningRates.1: must be greater than 0, got -0.1.",
    ],
  ])("%s", async (_, text, message) => {
    expect(await faults(text)).toContain(message);
  });
});

/** BASE in braces, with this in the section of the flow. */
const braces = (flow: string) => `${BASE.slice(0, BASE.indexOf("flow"))}flow: { ${flow} }\n`;

describe("what YAML reads otherwise than it looks", () => {
  it.each<[string, string, string]>([
    ["a decimal comma", braces("tEnd: 1,5"), "study.yaml:6: flow.5: unknown key: the comma before it"],
    ["one with an exponent", braces("tEnd: 1,5e3"), "flow.5000: unknown key: the comma before it"],
    [
      "a thousands separator",
      braces("tEnd: 1,000"),
      "flow.0: unknown key: the comma before it ends the value",
    ],
    [
      "no space after a colon",
      braces("tEnd: 1, rtol:1e-10"),
      "study.yaml:6: flow.rtol:1e-10: unknown key; put a space after the colon: rtol: 1e-10.",
    ],
    [
      "no space after a colon, of another section",
      `${BASE}engine: { kind: onnx, dtype:float32 }\n`,
      "study.yaml:9: engine.dtype:float32: unknown key; put a space after the colon: dtype: float32.",
    ],
    [
      "in a variant of a union",
      edit("hidden: [4]", "hidden: [4]\n  activation: { kind: leaky-relu, slope:0.1 }"),
      "study.yaml:6: model.activation.slope:0.1: unknown key; put a space after the colon: slope: 0.1.",
    ],
    [
      "no space in block style, before others",
      edit("rtol: 1e-6", "rtol:1e-6\n  atol: 1e-9"),
      "study.yaml:8: YAML: put a space after the colon of rtol: in",
    ],
    [
      "no space in block style, at the end",
      edit("rtol: 1e-6", "rtol:1e-6"),
      "study.yaml:8: YAML: put a space after the colon of rtol: in",
    ],
    [
      "no space in a section of one key",
      `${BASE}loss:\n  reduction:half-sum\n`,
      'loss: must be a section (keys and values), got "reduction:half-sum"; put a space after the colon: reduction: half-sum.',
    ],
    [
      "a kind in place of the section that has it",
      `${BASE}loss: huberr\n`,
      'loss: must be a section (keys and values), got "huberr". Write { kind: huber }.',
    ],
    [
      "a value in place of the section that it alone belongs in",
      edit("dataset: {", "dataset: { split: 0.2,"),
      "dataset.split: must be a section (keys and values), got 0.2. Write { test: 0.2 }.",
    ],
    [
      "a name that people use for a kind",
      edit("kind: gaussian", "kind: MNIST"),
      'got "MNIST". Did you mean idx?',
    ],
    [
      "no space in a section that has variants",
      `${BASE}engine:\n  kind:onnx\n`,
      'engine: must be a section (keys and values), got "kind:onnx"; put a space after the colon: kind: onnx.',
    ],
    [
      "an equals sign in a section of one key",
      `${BASE}descent:\n  learningRates = [0.1]\n`,
      'got "learningRates = [0.1]"; write a colon and a space: learningRates: [0.1].',
    ],
    ["no key, braces", braces("tEnd: 1, ~: 3"), "study.yaml:6: YAML: a key is missing before the colon."],
    ["no key, null", braces("tEnd: 1, null: 3"), "study.yaml:6: YAML: a key is missing before the colon."],
    ["no key, nothing", braces("tEnd: 1, : 3"), "study.yaml:6: YAML: a key is missing before the colon."],
    ["no key, block", edit("rtol: 1e-6", ": 1e-6"), "study.yaml:8: YAML: a key is missing before the colon."],
    [
      "an equals sign",
      braces("tEnd: 1, method=dopri5"),
      "flow.method=dopri5: unknown key; write a colon and a space: method: dopri5.",
    ],
    ["an unknown key without a value", braces("tEnd: 1, verbose"), "flow.verbose: unknown key; known here:"],
    [
      "a misspelt key without a value",
      braces("tEnd: 1, rtoll"),
      "flow.rtoll: unknown key; did you mean rtol?",
    ],
    [
      "the same in block style",
      `${BASE}descnet:\n`,
      "study.yaml:9: descnet: unknown key; did you mean descent?",
    ],
    [
      "a key of another variant without a value",
      braces("method: rk4, stepSize: 0.1, tEnd: 1, rtol"),
      "flow.rtol: is only for method: auto",
    ],
    [
      "a key in a list of sections",
      `${BASE}sweep: { axes: [{ seed: [0] }], figures: [{ kind: curves, name: a, log }] }\n`,
      "study.yaml:9: sweep.figures.0.log: unknown key",
    ],
    [
      "a decimal comma in a list",
      `${BASE}descent: { learningRates: [0,1] }\n`,
      "descent.learningRates.0: must be greater than 0, got 0. Write decimals with a point: 0.1, not 0,1.",
    ],
    ["a required key without a value", braces("tEnd, rtol: 1"), "study.yaml:6: flow.tEnd: is required: End"],
    ["a number in quotes", edit("tEnd: 1", "tEnd: '1'"), 'got "1". Leave out the quotes.'],
    ["a typographic minus", edit("1e-6", "1e−6"), 'got "1e−6". Write the minus sign of the keyboard, -.'],
    ["separators", edit("samples: 5", "samples: 1_000"), 'got "1_000". Write it without separators: 1000.'],
    ["separators, commas", edit("tEnd: 1", "tEnd: 1,000"), "Write it without separators: 1000."],
    ["a decimal comma alone", edit("tEnd: 1", "tEnd: 1,5"), 'got "1,5". Write a decimal point: 1.5.'],
    ["half an exponent", edit("tEnd: 1", "tEnd: 1.5e"), 'got "1.5e". The exponent is missing.'],
    ["a power of ten", edit("1e-6", "10^-6"), "must be a finite number"],
    ["a factor and a power", edit("1e-6", "1*10^-6"), "Write powers of ten as 1e-6."],
    ["Fortran's exponent", edit("1e-6", "1d-6"), "Write powers of ten as 1e-6."],
    ["yes", edit("hidden: [4]", "hidden: [4]\n  bias: yes"), 'must be true or false, got "yes". Write true'],
    ["NaN", edit("tEnd: 1", "tEnd: .nan"), "must be a finite number, got NaN."],
    ["beyond all numbers", edit("tEnd: 1", "tEnd: 1e400"), "must be a finite number, got Infinity."],
    [
      "a leading zero",
      edit("samples: 5", "samples: 010"),
      "study.yaml:2: YAML: 010 begins with a zero, which some read as octal; write 10, or 0o10 if octal is meant.",
    ],
    [
      "stepping with a method",
      braces("method: dopri5, tEnd: 1, boundaries: stepping"),
      "flow.method: must be auto with boundaries: stepping, which has steps of its own, got dopri5.",
    ],
    [
      "stepping with a width of smoothing",
      braces("tEnd: 1, boundaries: stepping, smoothing: 0.1"),
      "flow.smoothing: is only for boundaries: smooth",
    ],
    [
      "fixed steps over kinks with a check by tolerances",
      braces("tEnd: 1, boundaries: stepping, stepSize: 0.1, errorCheck: true"),
      "flow.errorCheck: needs controlled steps",
    ],
    [
      "a fixed step beyond the end",
      braces("tEnd: 1, boundaries: stepping, stepSize: 2"),
      "flow.stepSize: must be at most flow.tEnd = 1, got 2.",
    ],
    [
      "stepping in float32",
      `${braces("tEnd: 1, boundaries: stepping, rtol: 1e-2")}engine: { dtype: float32 }\n`,
      "flow.boundaries: stepping needs engine.dtype: float64",
    ],
    ["an alias as a key", `a: &k tEnd\n${edit("tEnd: 1", "*k : 1")}`, "a key must be a plain word"],
    ["a list as a key", edit("tEnd: 1", "[tEnd]: 1"), "a key must be a plain word"],
    ["duplicates in braces", braces("tEnd: 1, tEnd: 2"), "this key stands in its section already"],
    [
      "an anchor inside itself",
      edit("hidden: [4]", "hidden: &a [*a]"),
      "study.yaml:5: YAML: *a stands inside what it stands for.",
    ],
    [
      "a section inside itself",
      edit("flow:", "flow: &f\n  again: *f"),
      "*f stands inside what it stands for",
    ],
  ])("%s", async (_, text, message) => {
    expect(await faults(text)).toContain(message);
  });

  it.each<[string, string]>([
    ["flow={tEnd: 1,5}", "flow.5: unknown key: the comma before it"],
    ["flow={tEnd: 1, rtol:1e-3}", "flow.rtol:1e-3: unknown key; put a space after the colon"],
    ["flow.tEnd=1,5", "Write a decimal point: 1.5."],
    ["flow={tEnd: 1, tEnd: 2}", "this key stands in its section already"],
    ["dataset.samples=010", "begins with a zero"],
    ["model.hidden=&a [*a]", "*a stands inside what it stands for."],
    ["engine.wombat=", "engine.wombat: unknown key"],
    ["engine.wombat=null", "engine.wombat: unknown key"],
  ])("--set %s", async (set, message) => {
    expect(await faults(BASE, set)).toContain(message);
  });

  it.each(["0x10", "1e1", "0o20", "16.0", "+16"])("takes %s as YAML does", async (samples) => {
    const { config } = await load(edit("samples: 5", `samples: ${samples}`));
    expect(config.dataset).toMatchObject({ samples: samples === "1e1" ? 10 : 16 });
  });

  it("notes what is taken in place of a value that is not there", async () => {
    const { notes, config } = await load(
      `${braces("tEnd: 1, rtol, maxStep:, boundaries: null")}descent:\n  # learningRates: [0.1]\nengine: { kind: }\n`,
      "flow.atol=",
      "record.points=null",
      "decay={from: }",
    );
    expect(notes.map((note) => note.replaceAll(`${folder}/`, "")).sort()).toEqual([
      "--set decay={from: }: decay.from has no value; it counts as left out.",
      "--set flow.atol=: flow.atol has no value; its default 1e-9 is taken.",
      "study.yaml:6: flow.maxStep has no value; it counts as left out.",
      "study.yaml:6: flow.rtol has no value; its default 1e-6 is taken.",
      "study.yaml:7: descent has no value; its defaults are taken.",
      'study.yaml:9: engine.kind has no value; its default "onnx" is taken.',
    ]);
    expect(config.engine.kind).toBe("onnx");
    expect((await load(BASE)).notes).toEqual([]);
  });
});

describe("names that every JavaScript object has", () => {
  const swept = (figure: string) => `${BASE}sweep: { axes: [{ seed: [0] }], figures: [{ ${figure} }] }\n`;
  it.each<[string, string]>([
    ...["constructor", "toString", "__proto__", "hasOwnProperty"].map((name): [string, string] => [
      edit("name: base", `name: ${name}`),
      `study.yaml:1: name: must not be a name that every JavaScript object has`,
    ]),
    [swept("kind: curves, name: constructor"), "sweep.figures.0.name: must not be"],
    [swept("kind: curves, name: a, y: constructor"), "sweep.figures.0.y: must not be"],
    [swept("kind: curves, name: a, tables: [valueOf]"), "sweep.figures.0.tables.0: must not be"],
    [swept("kind: points, name: a, x: toString, y: loss"), "sweep.figures.0.x: must not be"],
    [
      swept("kind: points, name: a, x: seed, y: loss, group: [__proto__]"),
      "sweep.figures.0.group.0: must not be",
    ],
    [
      swept("kind: points, name: a, x: seed, y: loss, merge: [toString]"),
      "sweep.figures.0.merge.0: must not be",
    ],
  ])("%s", async (text, message) => {
    expect(await faults(text)).toContain(message);
  });

  it.each(["../../x", "/etc/passwd", "figures/loss", "series.csv", "", "a b"])(
    "a table %j is none",
    async (table) => {
      expect(await faults(swept(`kind: curves, name: a, tables: ["${table}"]`))).toContain(
        "sweep.figures.0.tables.0: must be the name of a table in the record",
      );
    },
  );
});

it("what is wrong with a line of YAML is told once", async () => {
  const text = await faults(edit("hidden: [4]", `hidden: ${"[".repeat(50)}`));
  const lines = text.split("\n").filter((line) => line.includes("YAML: "));
  expect(lines.length).toBeGreaterThan(0);
  expect(new Set(lines).size).toBe(lines.length);
});

describe("values that do not go together", () => {
  it.each<[string, string[], string]>([
    [
      "float32 and a tight tolerance",
      ["engine.dtype=float32"],
      "study.yaml:8: flow.rtol: float32 cannot honour rtol below about 1e-5, got 1e-6; raise flow.rtol or set engine.dtype: float64.",
    ],
    [
      "float32 on the reference",
      ["engine={kind: reference, dtype: float32}", "flow.rtol=1e-3"],
      'engine.dtype: must be float64, got "float32".',
    ],
    [
      "unequal resnet",
      ["model.kind=resnet", "model.hidden=[4, 5]"],
      "model.hidden: must have equal widths in a resnet",
    ],
    [
      "too many neighbours",
      ["model.kind=gcn"],
      "model.neighbours: must be less than dataset.samples = 5, got 10.",
    ],
    ["step beyond the end", ["flow.firstStep=2"], "flow.firstStep: must be at most flow.tEnd = 1, got 2."],
    [
      "first beyond the largest step",
      ["flow.firstStep=0.5", "flow.maxStep=0.1"],
      "flow.firstStep: must be at most flow.maxStep = 0.1",
    ],
    [
      "learning rate beyond the end",
      ["descent.learningRates=[3]"],
      "descent.learningRates.0: must be at most flow.tEnd = 1, got 3.",
    ],
    [
      "sampling without batches",
      ["descent.sampling=epochs"],
      "descent.sampling: is about minibatches; set descent.batch",
    ],
    [
      "leading gap of batches",
      ["compare={leadingGap: true}", "descent={learningRates: [0.1], batch: 2}"],
      "compare.leadingGap: is of descents on all samples, and descent.batch is set",
    ],
    ["batches of none", ["descent.batch=0"], "descent.batch: must be at least 1, got 0."],
    ["learning rate twice", ["descent.learningRates=[0.1, 0.1]"], "0.1 stands in the list already"],
    ["record from the end", ["record.from=1"], "record.from: must be less than flow.tEnd = 1, got 1."],
    [
      "empty window",
      ["decay={from: 0.5, to: 0.5}"],
      "decay.from: must be less than decay.to = 0.5, got 0.5.",
    ],
    [
      "smoothing without smooth",
      ["flow.smoothing=0.1"],
      "flow.smoothing: is only for boundaries: smooth, not for auto",
    ],
    [
      "gap at a breakpoint",
      ["model.activation={kind: piecewise-polynomial, breakpoints: [1], coefficients: [[0, 1], [0.5, 1]]}"],
      "must be continuous, got a gap of 0.5 at the breakpoint 1 (1 from the left, 1.5 from the right).",
    ],
    [
      "pieces and breakpoints",
      ["model.activation={kind: piecewise-polynomial, breakpoints: [1, 0], coefficients: [[0], [0]]}"],
      "must have one list more than there are breakpoints (3), got 2.",
    ],
    [
      "descending breakpoints",
      ["model.activation={kind: piecewise-polynomial, breakpoints: [1, 0], coefficients: [[0], [0], [0]]}"],
      "must ascend, got 0 after 1.",
    ],
  ])("%s", async (_, set, message) => {
    expect(await faults(BASE, ...set)).toContain(message);
  });

  it("are reported beside faults in other sections", async () => {
    const message = await faults(BASE, "engine.dtype=float32", "seed=-1");
    expect(message).toContain("float32 cannot honour");
    expect(message).toContain("seed: must be at least 0, got -1.");
  });
});

describe("YAML", () => {
  it.each<[string, string, string]>([
    ["syntax error", edit("hidden: [4]", "hidden: [4"), "study.yaml:6: YAML: Flow sequence"],
    ["bad indentation", edit("  tEnd: 1", "    tEnd: 1"), "study.yaml:8: YAML: "],
    ["duplicate key", `${BASE}name: again\n`, "study.yaml:9: YAML: this key stands in its section already"],
    ["unknown tag", edit("tEnd: 1", "tEnd: !js 1"), "study.yaml:7: YAML: Unresolved tag: !js"],
    ["two documents", `${BASE}---\n${BASE}`, "YAML: Source contains multiple documents"],
    ["unknown alias", edit("tEnd: 1", "tEnd: *end"), "YAML: Unresolved alias"],
    ["a list", "- 1\n", "study.yaml: must be keys and values, got [1]."],
    ["nothing", "# only a comment\n", "study.yaml: flow: is required"],
    ["binary", "\x93NUMPY\0\0", "is not a YAML config"],
    ["depth", "[".repeat(100_000), "YAML: "],
  ])("%s", async (_, text, message) => {
    expect(await faults(text)).toContain(message);
  });

  it("limits what aliases may unfold to", async () => {
    const bomb = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"];
    for (let i = 1; i < 9; i++)
      bomb.push(
        `a${i}: &a${i} [${Array(9)
          .fill(`*a${i - 1}`)
          .join(", ")}]`,
      );
    expect(await faults(bomb.join("\n"))).toContain("YAML: Excessive alias count");
  });

  it("names a file that does not exist", async () => {
    await expect(loadConfig(join(folder, "absent.yaml"))).rejects.toThrow("absent.yaml: no such file.");
    await writeFile(join(folder, "quickstart.yaml"), "");
    await expect(loadConfig(join(folder, "quickstrat.yaml"))).rejects.toThrow(
      `no such file. Did you mean ${join(folder, "quickstart.yaml")}?`,
    );
    await expect(loadConfig(folder)).rejects.toThrow("is a folder; name a study's YAML file.");
  });
});

describe("--set", () => {
  it("reads values as YAML and creates sections", async () => {
    const { config } = await load(
      BASE,
      "flow.rtol=1e-8",
      "descent.learningRates=[0.1, 0.2]",
      "descent.learningRates.1=0.3",
      "name=other",
    );
    expect(config).toMatchObject({
      name: "other",
      flow: { rtol: 1e-8 },
      descent: { learningRates: [0.1, 0.3] },
    });
    expect((await load(BASE, "flow.rtol=1e-8", "flow.rtol=null")).config.flow).toMatchObject({ rtol: 1e-6 });
  });

  it.each<[string, string]>([
    ["flow.rtol=-1", "--set flow.rtol=-1: flow.rtol: must be greater than 0, got -1."],
    ["flow.rtool=1", "--set flow.rtool=1: flow.rtool: unknown key; did you mean rtol?"],
    ["flwo.rtol=1", "--set flwo.rtol=1: flwo: unknown key; did you mean flow?"],
    ["__proto__.polluted=1", "--set __proto__.polluted=1: __proto__ is not a key of the config."],
    ["flow.constructor.prototype.x=1", "constructor is not a key of the config."],
    ["toString.x=1", "--set toString.x=1: toString: unknown key"],
    ["flow.rtol", "--set flow.rtol: must have the form key.key=value, e.g. flow.rtol=1e-8."],
    ["=1", "must have the form key.key=value"],
    ["flow..rtol=1", "has an empty key between the dots"],
    ["name.x=1", '--set name.x=1: name.x: name is not a section, it holds "base".'],
    ["model.hidden.7=1", 'model.hidden is a list of 1; "7" is not a place in it.'],
    ["model.hidden=[4", "--set model.hidden=[4: the value is not valid YAML"],
    ["flow.tEnd=", "flow.tEnd: is required: End time"],
    ["record.layer=9", "record.layer: must be at most the number of hidden layers"],
  ])("refuses %s", async (set, message) => {
    expect(await faults(BASE, set)).toContain(message);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });
});

describe("files", () => {
  it("must exist, relative to the config", async () => {
    const data = "dataset: { kind: file, inputs: x.npy, targets: . }\n";
    const text =
      data +
      edit(BASE.split("\n")[1]!, "").replace(
        "hidden: [4]",
        "hidden: [4]\n  init: { kind: file, path: theta0.npy }",
      );
    const message = await faults(text);
    expect(message).toContain("study.yaml:1: dataset.inputs: no such file: x.npy");
    expect(message).toContain("study.yaml:1: dataset.targets: not a file: .");
    expect(message).toContain("study.yaml:7: model.init.path: no such file: theta0.npy");
  });
});

describe("problemAt", () => {
  it("cites line, nearest section or --set", async () => {
    const loaded = await load(BASE, "flow.rtol=1e-3");
    expect(problemAt(loaded, "model.hidden.0", "too wide.").message).toBe(
      `${loaded.file}:5: model.hidden.0: too wide.`,
    );
    expect(problemAt(loaded, "model.init.path", "has 3 numbers.").message).toBe(
      `${loaded.file}:3: model.init.path: has 3 numbers.`,
    );
    expect(problemAt(loaded, "flow.rtol", "x.").message).toBe("--set flow.rtol=1e-3: flow.rtol: x.");
  });

  it("follows aliases to where the value is written", async () => {
    const text = `${edit("[4]", "&widths [4]")}descent: { learningRates: *widths }\n`;
    expect(await faults(text)).toBe(
      "study.yaml:5: descent.learningRates.0: must be at most flow.tEnd = 1, got 4.",
    );
  });
});

it("a graph from a file leaves the neighbours of a gcn out of account", () => {
  const study = (graph?: object) => ({
    name: "few",
    dataset: { kind: "gaussian", samples: 6, inputDimension: 3, outputDimension: 1, ...(graph && { graph }) },
    model: { kind: "gcn", hidden: [4] },
    flow: { tEnd: 1 },
  });
  expect(validate(study({ kind: "file", edges: "ring.csv" })).findings).toEqual([]);
  expect(validate(study()).findings.map(({ path }) => path.join("."))).toEqual(["model.neighbours"]);
});
