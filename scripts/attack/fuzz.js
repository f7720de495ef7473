/**
 * Fuzzed studies, tables, edge files, records and sweeps, from a seed. Each must end with exit 0, or 1 with a status, or 2 with a
 * message (130 where the study was sound and only long); never with an internal error, a stack, a signal or silence. Nothing may be
 * written outside the named folder, no markup may get through. Most cases run in one child process, every twentieth in one of its own.
 * usage: node scripts/attack/fuzz.js [count=1000] [seed=1] [only=case]    (after npm run build)
 */
import { fork, spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { stringify } from "yaml";
import { createDice, MARKUP, mutateBytes, mutatePlain, mutateTable, mutateText } from "./mutations.js";

const PROGRAM = fileURLToPath(new URL("../../bin/gradflow.js", import.meta.url));
/** What takes longer is asked to end by a SIGINT, */
const PATIENCE = 30_000;
/** and must have ended by then. */
const LIMIT = 300_000;
/** A message is read by somebody. */
const LONGEST = 20_000;

const gaussian = { kind: "gaussian", samples: 6, inputDimension: 3, outputDimension: 2 };
const flow = { method: "dopri5", rtol: 1e-5, atol: 1e-8, tEnd: 0.3, maxSteps: 200 };
const common = { flow, record: { at: "log", points: 5 }, engine: { kind: "onnx", threads: 1 } };
/** Sound studies, each with parts that the others lack. */
const STUDIES = {
  smooth: {
    ...{ name: "smooth", seed: 1, dataset: { ...gaussian, inputScale: 1 } },
    model: {
      kind: "dnn",
      hidden: [4, 4],
      bias: true,
      activation: { kind: "tanh" },
      init: { kind: "kaiming-uniform", a: 1, bias: "zeros" },
    },
    loss: { kind: "squared", reduction: "mean" },
    ...common,
    descent: { learningRates: [0.1, 0.05], countFlips: false },
  },
  kinks: {
    ...{
      name: "kinks",
      dataset: gaussian,
      model: { kind: "dnn", hidden: [4], activation: { kind: "relu" } },
      ...common,
    },
    flow: { ...flow, boundaries: "exact", errorCheck: true, compareSmoothing: [0.01] },
    measure: { ntk: { points: 2, method: "svd" } },
  },
  files: {
    name: "files",
    dataset: { kind: "file", inputs: "x.csv", targets: "y.npy" },
    model: { kind: "dnn", hidden: [4] },
    ...common,
  },
  edges: {
    name: "edges",
    dataset: { ...gaussian, graph: { kind: "file", edges: "edges.csv" } },
    model: {
      kind: "layers",
      layers: [{ kind: "graph-conv", width: 3 }, { kind: "activation" }, { kind: "graph-conv" }],
    },
    ...common,
  },
  started: {
    name: "started",
    dataset: gaussian,
    model: { kind: "dnn", hidden: [4], init: { kind: "file", path: "theta0.npy" } },
    ...common,
  },
  teacher: {
    name: "teacher",
    dataset: {
      ...gaussian,
      kind: "teacher",
      network: { hidden: [3], activation: { kind: "tanh" } },
      labelNoise: 0.1,
    },
    model: {
      kind: "resnet",
      hidden: [3, 3],
      activation: {
        kind: "piecewise-polynomial",
        breakpoints: [0],
        coefficients: [
          [0, 0.1],
          [0, 1],
        ],
      },
    },
    ...common,
  },
  images: {
    name: "images",
    dataset: { kind: "gaussian", samples: 4, inputShape: [1, 4, 4], outputDimension: 2 },
    model: {
      kind: "layers",
      layers: [
        { kind: "conv2d", channels: 2, kernel: [3, 3], padding: "same" },
        { kind: "prelu", slope: 0.2 },
        { kind: "max-pool", size: 2 },
        { kind: "residual", layers: [{ kind: "batch-norm" }, { kind: "conv2d", channels: 2, kernel: 1 }] },
        { kind: "flatten" },
        { kind: "repeat", times: 2, layers: [{ kind: "dense", width: 3 }, { kind: "activation" }] },
        { kind: "dense" },
      ],
    },
    ...common,
  },
  attention: {
    name: "attention",
    dataset: { kind: "gaussian", samples: 4, inputShape: [3, 4], outputDimension: 2 },
    model: { kind: "transformer", width: 4, heads: 2, blocks: 1, activation: { kind: "gelu" } },
    ...common,
  },
  sweep: {
    ...{ name: "sweep", dataset: gaussian, model: { kind: "dnn", hidden: [4] }, ...common },
    sweep: {
      axes: [{ "model.hidden": [[2], [3]] }, { seed: { from: 0, to: 1 } }],
      figures: [
        { kind: "curves", name: "loss", y: "loss", tables: ["series", "descent"] },
        { kind: "points", name: "rate", x: "parametersPerTarget", y: "decay.rate", group: ["seed"] },
      ],
    },
  },
};

const numbers = (rows, columns, seed) => {
  const dice = createDice(seed);
  return Array.from({ length: rows }, () =>
    Array.from({ length: columns }, () => (2 * dice.next() - 1).toFixed(6)),
  );
};
const csv = (rows) => `${rows.map((cells) => cells.join(",")).join("\n")}\n`;
function npy(rows) {
  const head =
    `{'descr': '<f8', 'fortran_order': False, 'shape': (${rows.length}, ${rows[0].length}), }`.padEnd(117);
  const numbersOf = Float64Array.from(rows.flat(), Number);
  return Buffer.concat([
    Buffer.from("\x93NUMPY\x01\x00\x76\x00", "latin1"),
    Buffer.from(`${head}\n`),
    Buffer.from(numbersOf.buffer),
  ]);
}
const TABLES = {
  "x.csv": csv(numbers(6, 3, 1)),
  "y.npy": npy(numbers(6, 2, 2)),
  "edges.csv": "0,1\n1,2\n2,3\n3,4\n4,5\n",
  "theta0.npy": npy(numbers(1, 26, 3)),
};

/** Words that end soon on a study, and words that compute. */
const STUDY_WORDS = [
  ["check"],
  ["check"],
  ["model"],
  ["ntk", "--out", "out"],
  ["run", "--out", "out"],
  ["run", "--out", "out", "--quiet"],
];
const RECORD_WORDS = [
  ...[
    ["show", "out"],
    ["show", "out", "--json"],
    ["figure", "out"],
    ["report", "out"],
    ["list", "."],
    ["list", ".", "--json"],
  ],
  ...["npz", "safetensors", "tensorboard", "csv"].map((to) => ["export", "out", "--to", to]),
  ...[
    ["compare", "out", "other"],
    ["resume", "out"],
    ["check", "out"],
    ["run", "study.yaml", "--out", "out"],
    ["run", "study.yaml", "--out", "out", "--force"],
  ],
];
const SWEEP_WORDS = [
  ...[
    ["show", "out"],
    ["figure", "out"],
    ["report", "out"],
    ["list", "out"],
    ["export", "out", "--to", "csv"],
    ["resume", "out"],
  ],
  ...[
    ["sweep", "study.yaml", "--out", "out"],
    ["sweep", "study.yaml", "--out", "out", "--force"],
  ],
];

/** Fills the folder of a case. Returns the command line and, for the report, what was done. */
function makeCase(number, seed, folder, sound) {
  const dice = createDice(seed * 1_000_003 + number);
  const times = dice.one([1, 1, 1, 2, 4]);
  const repeat = (act) => {
    for (let k = 0; k < times; k++) act();
  };
  for (const [name, content] of Object.entries(TABLES)) writeFileSync(join(folder, name), content);
  const pick = dice.next();
  const base = dice.one(Object.keys(STUDIES));
  const words = base === "sweep" && dice.often(0.5) ? ["sweep", "--out", "out"] : dice.one(STUDY_WORDS);
  const command = (study) => [words[0], study, ...words.slice(1)];
  if (pick < 0.35) {
    const study = structuredClone(STUDIES[base]);
    repeat(() => mutatePlain(study, dice));
    let text = dice.often(0.5) ? stringify(study, { aliasDuplicateObjects: false }) : JSON.stringify(study);
    if (Buffer.byteLength(text) > 1 << 20) text = text.slice(0, 1 << 20);
    writeFileSync(join(folder, "study.yaml"), text);
    return { words: command("study.yaml"), about: `values of ${base}` };
  }
  if (pick < 0.5) {
    let text = stringify(STUDIES[base]);
    repeat(() => {
      text = mutateText(text, dice);
    });
    writeFileSync(join(folder, "study.yaml"), text, "latin1");
    return { words: command("study.yaml"), about: `text of ${base}` };
  }
  if (pick < 0.55) {
    const study = structuredClone(STUDIES[base]);
    writeFileSync(join(folder, "study.yaml"), stringify(study));
    const holder = { set: study };
    mutatePlain(holder, dice);
    const [key, value] = dice.one(Object.entries(study));
    const path =
      typeof value === "object" && !Array.isArray(value) ? `${key}.${dice.one(Object.keys(value))}` : key;
    const wrong = JSON.stringify(dice.one(Object.values(holder.set ?? { a: 1 })) ?? null);
    return { words: [...command("study.yaml"), "--set", `${path}=${wrong}`], about: `--set on ${base}` };
  }
  if (pick < 0.75) {
    const [study, file] = dice.one([
      ["files", "x.csv"],
      ["files", "y.npy"],
      ["edges", "edges.csv"],
      ["started", "theta0.npy"],
    ]);
    let content = TABLES[file];
    repeat(() => {
      content = file.endsWith(".csv")
        ? mutateTable(String(content), dice)
        : mutateBytes(Buffer.from(content), dice);
    });
    if (dice.often(0.1)) content = Buffer.concat([Buffer.from("PK\x03\x04", "latin1"), Buffer.from(content)]); // an .npz
    writeFileSync(join(folder, file), content, typeof content === "string" ? "utf8" : undefined);
    writeFileSync(join(folder, "study.yaml"), stringify(STUDIES[study]));
    return { words: ["run", "study.yaml", "--out", "out"], about: file };
  }
  const kind = pick < 0.95 ? dice.one(["smooth", "kinks", "stopped"]) : "sweep";
  cpSync(join(sound, kind), join(folder, "out"), { recursive: true });
  cpSync(join(sound, "smooth"), join(folder, "other"), { recursive: true });
  writeFileSync(join(folder, "study.yaml"), stringify(STUDIES[kind === "stopped" ? "smooth" : kind]));
  const files = readdirSync(join(folder, "out"), { recursive: true }).filter(
    (name) => /\.(json|csv|npy|bin|ended|yaml)$/.test(name) && !/^figures|\/figures/.test(name),
  );
  const file = dice.one(
    files
      .concat(kind === "sweep" ? ["sweep.json", "sweep.json"] : ["manifest.json", "result.json"])
      .filter((name) => existsSync(join(folder, "out", name))),
  );
  const path = join(folder, "out", file);
  let content = readFileSync(path);
  repeat(() => {
    if (file.endsWith(".json") && dice.often(0.8)) {
      let plain;
      try {
        plain = JSON.parse(String(content));
      } catch {
        content = mutateBytes(content, dice);
        return;
      }
      if (typeof plain === "object" && plain !== null && Object.keys(plain).length > 0)
        mutatePlain(plain, dice);
      content = Buffer.from(JSON.stringify(plain));
    } else if (file.endsWith(".csv") && dice.often(0.8))
      content = Buffer.from(mutateTable(String(content), dice));
    else content = mutateBytes(content, dice);
  });
  writeFileSync(path, content);
  return { words: dice.one(kind === "sweep" ? SWEEP_WORDS : RECORD_WORDS), about: `${file} of ${kind}` };
}

/** Everything below a folder with size and time of change, but what lies in the folders let be. */
function snapshot(folder, letBe) {
  const found = {};
  const look = (place) => {
    for (const entry of readdirSync(place, { withFileTypes: true })) {
      const path = join(place, entry.name);
      if (letBe.includes(path)) continue;
      if (entry.isDirectory()) look(path);
      const { size, mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? {};
      found[relative(folder, path)] = entry.isDirectory() ? "folder" : `${size} ${mtimeMs}`;
    }
  };
  look(folder);
  return JSON.stringify(found);
}

const clean = (text) => JSON.stringify(text.slice(-1500)).replaceAll("\\n", "\n");

/** What is wrong with how a case ended; null where nothing is. */
function faultOf({ words, code, signal, text, late }, folder) {
  if (signal) return `ended by ${signal}`;
  if (![0, 1, 2, 130].includes(code)) return `exit ${code}`;
  if (code === 130 && !late) return "exit 130 though nobody interrupted it";
  if (
    /unexpected error|fault of gradflow|\[object |Maximum call stack|\n {4}at .*\d+:\d+|UnhandledPromise/.test(
      text,
    )
  )
    return "an internal error";
  if (/Cannot (read|set|destructure)|is not a function|is not iterable|\bundefined\b/.test(text))
    return "a message of JavaScript's";
  if (code !== 0 && text.trim() === "") return `exit ${code} without a word`;
  if (code === 2 && !/^gradflow: ./m.test(text)) return "exit 2 without a message";
  if (text.length > LONGEST && words[0] !== "list" && !words.includes("--json"))
    return `${text.length} characters of text`;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  if (/[\u0000-\u0008\u000b-\u001f\u007f\u202e]/.test(text)) return "control characters in the text";
  for (const name of existsSync(join(folder, "out"))
    ? readdirSync(join(folder, "out"), { recursive: true })
    : [])
    if (/\.(html|svg)$/.test(name) && readFileSync(join(folder, "out", name), "utf8").includes(MARKUP))
      return `markup got into ${name}`;
  return null;
}

if (process.argv[2] === "child") await serve();
else await attack();

/** The child: one command line after the other, in one process. */
async function serve() {
  const { runCommandLine } = await import("../../dist/cli/program.js");
  const { keepPlain } = await import("../../dist/cli/streams.js");
  let text = "";
  for (const stream of [process.stdout, process.stderr])
    stream.write = (part) => {
      text += String(part);
      return true;
    };
  keepPlain(process.stdout);
  process.on("message", async ({ words, cwd }) => {
    text = "";
    process.chdir(cwd);
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      if (process.listenerCount("SIGINT") > 0) process.emit("SIGINT");
    }, PATIENCE);
    const code = await runCommandLine(words);
    clearTimeout(timer);
    // What was thrown where nobody waits for it would come now.
    await new Promise((resume) => setImmediate(resume));
    process.send({
      words,
      code: code || process.exitCode || 0,
      signal: null,
      text,
      late,
      memory: process.memoryUsage().rss,
    });
  });
  process.send("ready");
}

async function attack() {
  const [count = 1000, seed = 1, only = null] = process.argv.slice(2).map(Number);
  const place = mkdtempSync(join(tmpdir(), "gradflow-fuzz-"));
  const home = join(place, "home");
  mkdirSync(home);
  const env = { ...process.env, HOME: home, XDG_CACHE_HOME: "", XDG_CONFIG_HOME: "", NO_COLOR: "1" };
  let child = null;
  const start = () =>
    new Promise((done, fail) => {
      child = fork(fileURLToPath(import.meta.url), ["child"], {
        env,
        cwd: place,
        stdio: ["ignore", "ignore", "inherit", "ipc"],
      });
      child.once("error", fail);
      child.once("message", done);
    });
  const ask = async (words, cwd) => {
    if (child === null) await start();
    return new Promise((done) => {
      const end = (found) => {
        clearTimeout(timer);
        child?.removeAllListeners();
        done({ words, text: "", ...found });
      };
      const dead = (code, signal) => {
        end({ code, signal: signal ?? `its end with ${code}` });
        child = null;
      };
      const timer = setTimeout(() => {
        child.removeListener("exit", dead);
        child.kill("SIGKILL");
        end({ code: null, signal: `the fuzzer, ${LIMIT / 1000} s after its start` });
        child = null;
      }, LIMIT);
      child.once("exit", dead);
      child.once("message", end);
      child.send({ words, cwd });
    });
  };
  /** In a process of its own. */
  const run = (words, cwd) =>
    new Promise((done) => {
      const own = spawn(process.execPath, [PROGRAM, ...words], {
        cwd,
        env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let text = "";
      let late = false;
      for (const stream of [own.stdout, own.stderr])
        stream.setEncoding("utf8").on("data", (part) => {
          text += part;
        });
      const timers = [
        setTimeout(() => {
          late = own.kill("SIGINT");
        }, PATIENCE),
        setTimeout(() => own.kill("SIGKILL"), LIMIT),
      ];
      own.on("close", (code, signal) => {
        timers.forEach(clearTimeout);
        // A command that never heard it: as any program.
        done({
          words,
          code: signal === "SIGINT" ? 130 : code,
          signal: signal === "SIGINT" ? null : signal,
          text,
          late,
        });
      });
    });

  const sound = join(place, "sound");
  mkdirSync(sound);
  for (const [name, content] of Object.entries(TABLES)) writeFileSync(join(sound, name), content);
  for (const [name, study] of Object.entries(STUDIES)) {
    writeFileSync(join(sound, `${name}.yaml`), stringify({ ...study, sweep: undefined }));
    const { code, text } = await ask(["check", `${name}.yaml`], sound);
    if (code !== 0) throw new Error(`the study ${name} is not sound: ${text}`);
  }
  for (const name of ["smooth", "kinks", "sweep", "stopped"]) {
    const study = STUDIES[name] ?? {
      ...STUDIES.smooth,
      flow: { ...flow, tEnd: 1e6, maxSteps: 1e9 },
      record: { at: "log", points: 5, checkpoint: 0.01 },
    };
    writeFileSync(join(sound, `${name}.yaml`), stringify(study));
    const words = [name === "sweep" ? "sweep" : "run", `${name}.yaml`, "--out", name, "--quiet"];
    if (name !== "stopped") {
      const { code, text } = await run(words, sound);
      if (code !== 0) throw new Error(`${name}: exit ${code}: ${text}`);
      continue;
    }
    // Interrupted in its midst: it holds checkpoints.
    const own = spawn(process.execPath, [PROGRAM, ...words], { cwd: sound, env, stdio: "ignore" });
    while (!existsSync(join(sound, "stopped/checkpoint.bin")))
      await new Promise((resume) => setTimeout(resume, 20));
    own.kill("SIGINT");
    await new Promise((resume) => own.on("close", resume));
  }

  const ends = {};
  const failures = [];
  let memory = 0;
  const begun = performance.now();
  const numbers = only === null ? Array.from({ length: count }, (_, k) => k) : [only];
  for (const number of numbers) {
    const cwd = join(place, "cases", String(number), "work");
    mkdirSync(cwd, { recursive: true });
    const { words, about } = makeCase(number, seed, cwd, sound);
    const letBe = [join(cwd, "out")];
    const before = snapshot(place, letBe);
    const ended = await (number % 20 === 19 ? run : ask)(words, cwd);
    memory = Math.max(memory, ended.memory ?? 0);
    const fault =
      faultOf(ended, cwd) ?? (snapshot(place, letBe) === before ? null : "something was written outside");
    ends[`exit ${ended.code}`] = (ends[`exit ${ended.code}`] ?? 0) + 1;
    // Whether it is sound, and says that it is long, no rule can tell: to be looked at.
    if (ended.code === 130)
      console.log(`case ${number} (${about}) was long: ${words.join(" ")}\n${clean(ended.text.slice(-300))}`);
    if (only !== null) console.log(`${words.join(" ")} (${about}): exit ${ended.code}\n${clean(ended.text)}`);
    if (fault !== null) {
      failures.push(number);
      console.log(
        `case ${number} (${about}): ${fault}: ${words.join(" ")} in ${cwd}\n${clean(ended.text)}\n`,
      );
    } else rmSync(join(place, "cases", String(number)), { recursive: true });
  }
  child?.disconnect();
  if (failures.length === 0) rmSync(place, { recursive: true });
  const seconds = ((performance.now() - begun) / 1000).toFixed(0);
  console.log(
    `${numbers.length} fuzzed studies, tables and records of seed ${seed} in ${seconds} s, at most ${Math.round(memory / 2 ** 20)} MB: ${JSON.stringify(ends)}; ` +
      (failures.length === 0 ? "all survived" : `${failures.length} failed: ${failures.join(", ")}`),
  );
  process.exitCode = failures.length === 0 ? 0 : 1;
}
