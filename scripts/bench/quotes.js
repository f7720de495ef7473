// What README and docs quote of their own commands, a line each: a text of the page with `#` for its numbers, and where the command gives
// them. `node scripts/bench/quotes.js` after a build runs the commands that take up to some minutes and compares (some 25 minutes on idle
// cores, part of npm run bench); with a word, those whose page or command has it; with --hours, the paper's figures at full size too.
// --runs=DIR keeps the records there, and does not compute those of a sweep again that stand.
// --write keeps what was measured in quotes.json, to which test/docs/quotes.test.ts holds the pages between two of these runs. That test
// runs the quick ones itself.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { fitPower } from "../../dist/figure/power-fit.js";
import { COOKBOOK_QUOTES } from "./cookbook-quotes.js";
import { PAPER_FIGURES_QUOTES } from "./paper-figures-quotes.js";
import { PAPERS_QUOTES } from "./papers-quotes.js";
import { disagreements, measure, nameOf, near, ROOT, readPage, readTheta, writeBlock } from "./quoting.js";

/** Values as they were last measured, by `nameOf` of the entry; null before the first time. */
export const STORE = fileURLToPath(new URL("quotes.json", import.meta.url));

const distance = (a, b) => Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0));
const median = (values) => [...values].sort((p, q) => p - q)[(values.length - 1) / 2];
const losses = (runs) => runs.map(({ loss }) => loss);
/** Losses of the runs of one width, in the order of the other axis. */
const atWidth = (where, width) => losses(where(`hidden-${width}-${width}`));
const range = (values) => [Math.min(...values), Math.max(...values)];
/** The mean of five seeds with its 95 % interval by Student's t of four degrees of freedom. */
const meanInterval = (values) => {
  if (values.length !== 5) throw new Error(`five values were expected, got ${values.length}`);
  const mean = values.reduce((sum, value) => sum + value, 0) / 5;
  const half = 2.7764 * Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 20);
  return [mean, mean - half, mean + half];
};
const descentRow = ({ steps, time, loss, parameterGap, functionGap, lossGap }) => [
  steps,
  time,
  loss,
  parameterGap,
  functionGap,
  lossGap,
];
const distances = ({ smoothing }) => smoothing.map(({ parameterDistance }) => parameterDistance);
const readGolden = (name, parameters) => readTheta(join(ROOT, "test/golden/leaky2", name), parameters);
/** What a run took, and how far from the reference at t = 8 it ended. */
const offGolden = ({ gradientEvaluations, theta, parameters }) => [
  near(gradientEvaluations),
  distance(theta, readGolden("theta-t8.npy", parameters)),
];
/** Slopes of log gap over log η between neighbouring learning rates that lie in [from, to], of the medians over runs. */
const slopes = (runs, from, to) => {
  const rates = runs[0].descent.map(({ learningRate }) => learningRate);
  const gaps = rates.map((_, k) => median(runs.map(({ descent }) => descent[k].parameterGap)));
  return rates
    .slice(1)
    .flatMap((rate, k) =>
      rate >= from && rates[k] <= to ? [Math.log(gaps[k + 1] / gaps[k]) / Math.log(rate / rates[k])] : [],
    );
};
/** Distances from descent of gradient flow and of the modified and principal flows. */
const besideOf = ({ descent, flows }, rate) => [
  descent.find(({ learningRate }) => learningRate === rate).parameterGap,
  ...["modified", "third-order", "principal", "principal-third"].map(
    (name) => flows.find(({ kind, learningRate }) => kind === name && learningRate === rate).distance,
  ),
];
const gapRatio = (runs, others) =>
  runs[0].descent.map((_, k) => {
    const of = (all) => median(all.map(({ descent }) => descent[k].parameterGap));
    return of(runs) / of(others);
  });
/** Ends of slides on the far side, and on the side that the entry came from. */
const exits = (events) => {
  const came = new Map();
  const count = [0, 0];
  for (const { kind, layer, sample, unit, side } of events) {
    const entry = `${layer} ${sample} ${unit}`;
    if (kind === "entersSliding") came.set(entry, side);
    if (kind === "leavesSliding") count[side === came.get(entry) ? 1 : 0]++;
  }
  return count;
};
/** The cell of a script's table whose row begins with these cells. */
const cell = ({ text }, key, column) =>
  Number(
    text
      .split("\n")
      .map((line) => line.split("|").map((part) => part.trim()))
      .find((cells) => key.every((word, k) => cells[k + 1] === word))?.[column + 1],
  );

/** @type {import("./quoting.js").Entry[]} */
export const QUOTES = [
  ...COOKBOOK_QUOTES,
  {
    page: "README.md",
    command: "npm start",
    quick: true,
    says: [
      [
        "loss L # → #, fallen by a factor of #",
        ({ initialLoss, loss }) => [initialLoss, loss, initialLoss / loss],
      ],
      ["flow time t = #, canonical time τ = 2ct = #", ({ time, canonicalTime }) => [time, canonicalTime]],
      ["energy defect #", (run) => run.energyDefect],
      [
        "exp(-# t) for t in [#, #], R² = #; 4cλ_eff there #",
        ({ decay }) => [decay.rate, ...decay.window, decay.rSquared, decay.meanRateFromLambdaEff],
      ],
      ["0.5 # # # # # #", ({ descent }) => descentRow(descent[0])],
      ["0.05 # # # # # #", ({ descent }) => descentRow(descent[1])],
    ],
  },
  {
    page: "docs/sliding.md",
    command: "npx gradflow run neuron.yaml --out neuron",
    write: (page, folder) => writeBlock(page, "neuron.yaml", folder),
    also: ["--set flow.rtol=1e-8"],
    quick: true,
    says: [
      ["| reaches the boundary | t = #", (run) => run.table("events")[0].t],
      ["| leaves it | t = #", (run) => run.table("events")[1].t],
      ["| gradients to t = 2 | # (# at", (...runs) => runs.map((run) => near(run.gradientEvaluations))],
    ],
  },
  {
    page: "docs/sliding.md",
    command: "npx gradflow run neuron.yaml",
    label: "without its kink",
    write: (page, folder) => writeBlock(page, "neuron.yaml", folder),
    also: ["--set flow.boundaries=off --set flow.rtol=1e-6 --set flow.maxGradientEvaluations=300000"],
    says: [
      ["| t = # after # gradients |", (_, { time, gradientEvaluations }) => [time, gradientEvaluations]],
    ],
  },
  {
    page: "docs/sliding.md",
    command: "npx gradflow run configs/study/sliding.yaml --out sliding",
    quick: true,
    says: [
      ["| arrivals at a boundary | # |", ({ events }) => events.crossings + events.slidingEntries],
      ["| – that cross | # |", ({ events }) => events.crossings],
      [
        "| – that slide | #, by # different entries (# times in layer 1, # in layer 2) |",
        (run) => {
          const enter = run.table("events").filter(({ kind }) => kind === "entersSliding");
          const inLayer = (l) => enter.filter(({ layer }) => layer === l).length;
          const entries = new Set(enter.map(({ layer, sample, unit }) => `${layer} ${sample} ${unit}`));
          return [run.events.slidingEntries, entries.size, inLayer(1), inLayer(2)];
        },
      ],
      [
        "| slides that end before t = 8 | #: # on the far side, # back",
        (run) => [run.events.slidingExits, ...exits(run.table("events"))],
      ],
      [
        "| first slide | t = #, after # crossings |",
        (run) => {
          const events = run.table("events");
          return [run.events.firstSliding, events.findIndex(({ kind }) => kind === "entersSliding")];
        },
      ],
      ["| sliding at once | up to # |", ({ events }) => events.maxSliding],
      [
        "time with at least one entry sliding | # of 8, # %",
        ({ events }) => [events.timeSliding, 100 * (events.timeSliding / 8)],
      ],
      ["| gradients | #; energy defect # |", (run) => [near(run.gradientEvaluations), run.energyDefect]],
      ["| repelling boundaries reached | # |", ({ events }) => events.ambiguous],
    ],
  },
  {
    page: "docs/sliding.md",
    command: "npx gradflow run configs/study/chatter.yaml --out chatter --json",
    quick: true,
    says: [
      ...["0.04", "0.01", "0.0025"].map((rate, k) => [
        `| descent, η = ${rate} | # | # | # | # |`,
        ({ descent }) => {
          const { steps, flips, learningRate, parameterGap } = descent[k];
          return [steps, flips, flips * learningRate, parameterGap];
        },
      ]),
      [
        "# crossings, # in and out of slides, at most # sliding at once",
        ({ events: { crossings, slidingEntries, slidingExits, maxSliding } }) => [
          crossings,
          slidingEntries + slidingExits,
          maxSliding,
        ],
      ],
      ["add up to # here", ({ events }) => events.entryTimeSliding],
    ],
  },
  {
    page: "docs/sliding.md",
    command: "node scripts/bench/survey.js",
    long: true,
    says: [
      ["leaky ReLU 0.01 | #, # | #, # | #, # |", "leaky 0.01"],
      ["leaky ReLU 0.1 | #, # | #, # | #, # |", "leaky 0.1"],
      ["hidden 20-20-20 | #, # | #, # | #, # |", "leaky 0.01, 20-20-20"],
      ["hidden 6-6-6 | #, # | #, # | #, # |", "leaky 0.01, 6-6-6"],
      ["hidden 60 | #, # | #, # | #, # |", "leaky 0.01, 60"],
      ["| ReLU | #, # | #, # | #, # |", "relu"],
      ["ReLU without biases | #, # | #, # | #, # |", "relu, no bias"],
      ["PReLU 0.1 | #, # | #, # | #, # |", "prelu"],
      ["| hard tanh | #, # | #, # | #, # |", "hard-tanh"],
      ["| abs | #, # | #, # | #, # |", "abs"],
      ["hidden 10-10-10 | #, # | #, # | #, # |", "resnet 10-10-10"],
      ["gcn, 3 neighbours | #, # | #, # | #, # |", "gcn"],
    ].map(([text, kind]) => [
      text,
      (out) => [4, 6, 7].flatMap((k) => ["1", "2"].map((seed) => cell(out, [kind, seed], k))),
    ]),
  },
  {
    page: "docs/sliding.md",
    command: "node scripts/bench/survey.js 6 2e-5 1 gcn",
    says: [["# and # at η = 2e-5 and 1e-5", (out) => [6, 7].map((k) => cell(out, ["gcn", "1"], k))]],
  },
  {
    page: "docs/sliding.md",
    command: "npx gradflow run configs/study/smoothing.yaml --out smoothing --json",
    also: ["--set seed=2", "--set seed=3"],
    says: [
      [
        "| ε | ‖θ_ε − θ‖ | gradients | |---|---|---| | 1e-1 | # | # | | 1e-2 | # | # | | 1e-3 | # | # | | 1e-4 | # | # | | exact | | # |",
        ({ smoothing, gradientEvaluations }) => [
          ...smoothing.flatMap((run) => [run.parameterDistance, near(run.gradientEvaluations)]),
          near(gradientEvaluations),
        ],
      ],
      ["seed=2` the distances at 1e-2, 1e-3, 1e-4 are #, #, #; with", (_, run) => distances(run).slice(1)],
      ["seed=3` #, #, #: ε", (_, __, run) => distances(run).slice(1)],
    ],
  },
  {
    page: "docs/sliding.md",
    command: "npx gradflow run test/golden/leaky2/study.yaml",
    also: ["--set flow.tEnd=2 --set flow.compareSmoothing=[1e-3,1e-4,1e-5]"],
    quick: true,
    says: [
      ["`exact` took # gradients and ended at # from the reference", offGolden],
      ["# at ε = 1e-3, # at 1e-4 and # at 1e-5", (_, run) => distances(run)],
    ],
  },
  {
    page: "docs/sliding.md",
    command: "npx gradflow run test/golden/leaky2/study.yaml",
    label: "without its kinks",
    also: ["--set flow.boundaries=off"],
    long: true,
    says: [["`off` took # and ended at #", (_, run) => offGolden(run)]],
  },
  {
    page: "docs/sliding.md",
    command: "npm run build && node scripts/bench/boundaries.js 8",
    tables: [
      {
        header: "| solver | rtol | gradients | work | seconds | error of θ |",
        key: [0, 1],
        columns: [2, 5],
        counts: [2],
        others: /SciPy/,
      },
    ],
  },
  {
    page: "docs/engines.md",
    command: "node scripts/bench/float32.js",
    tables: [
      { header: "| rtol | float64 | mixed", theirs: "| rtol | float64 |", key: [0], columns: [1, 2, 3] },
    ],
  },
  {
    page: "docs/benchmarks.md",
    command: "node scripts/bench/accuracy.js",
    quick: true,
    tables: [{ header: "| method | rtol | gradients |", key: [0, 1], columns: [2, 3, 5], counts: [2] }],
  },
  {
    page: "docs/benchmarks.md",
    command: "node scripts/bench/stiff.js",
    tables: [
      {
        header: "| solver | rtol | gradients | Hessian",
        key: [0, 1],
        columns: [2, 6],
        counts: [2],
        others: /SciPy|diffrax|torchdiffeq/,
      },
    ],
    says: [
      [
        "`auto` errs by # after # gradients (# with the sharpness), by # after # (#); dopri5 by # after #,",
        (out) => {
          const of = (solver, rtol, column) => cell(out, [solver, rtol], column);
          const auto = (rtol) => [
            of("auto", rtol, 6),
            near(of("auto", rtol, 2)),
            near(of("auto", rtol, 2) + of("auto", rtol, 3)),
          ];
          return [...auto("1e-4"), ...auto("1e-6"), of("dopri5", "1e-6", 6), near(of("dopri5", "1e-6", 2))];
        },
      ],
    ],
  },
  {
    page: "docs/methods.md",
    command: "node scripts/bench/stiff.js",
    says: [
      [
        "it needs # gradients for an error of # where dopri5 needs # for # and descent at η = 1/λ_max #.",
        (out) => [
          ...["auto", "dopri5"].flatMap((solver) => [
            near(cell(out, [solver, "1e-6"], 2)),
            cell(out, [solver, "1e-6"], 6),
          ]),
          near(cell(out, ["GD, η = 1/λ_max"], 2)),
        ],
      ],
    ],
  },
  {
    page: "docs/benchmarks.md",
    command: "node scripts/bench/rock4.js",
    long: true,
    tables: [{ header: "| network | rtol | rock4 |", key: [1], columns: [2, 3, 4] }],
  },
  {
    page: "docs/methods.md",
    command: "npx gradflow stability configs/study/digits.yaml",
    quick: true,
    says: [
      ["2/λ at θ₀: #, λ_max = #", ({ limit, sharpness }) => [limit, sharpness]],
      ...["monotone", "linear"].map((name) => [
        `${name === "monotone" ? "falls at each of 500 steps" : "falls linearly"} # # # to # #`,
        ({ [name]: { learningRate, failsAt, limits, tried } }) => [
          ...[learningRate, failsAt, limits.least, limits.greatest],
          tried.length,
        ],
      ]),
    ],
  },
  {
    page: "docs/methods.md",
    command: "npx gradflow workprecision configs/study/stiff.yaml --set flow.tEnd=150",
    says: [
      [
        "they take some # gradients from rtol 1e-4 on, whatever is asked (at 1e-3 dopri5 gives up), `auto` # to #, and descent at its own limit is further off with #",
        ({ rows, descent }) => {
          const of = (name) =>
            rows.filter(({ method }) => method === name).map((row) => row.gradientEvaluations);
          return [near(of("dopri5")[1]), ...range(of("auto")).map(near), near(descent.steps)];
        },
      ],
    ],
  },
  {
    page: "docs/benchmarks.md",
    command:
      "npx gradflow run configs/paper/dnn-width.yaml --set scale=0.2 --set descent.learningRates=[] --set engine.dtype=float32 --set 'flow={method: euler, stepSize: 0.01, tEnd: 200, boundaries: off}' -m loss.reduction=half-mean-sample,mean",
    says: [
      ["| P/nM = 0.6 | # | # | | |", ({ where }) => atWidth(where, 50)],
      ["| P/nM = 2.1 | # | # | | |", ({ where }) => atWidth(where, 150)],
      ["| P/nM = 4.1 | # | # | | |", ({ where }) => atWidth(where, 250)],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow run configs/study/digits.yaml",
    says: [
      [
        "has the flow's test loss to three digits at t = 1000 (# and #).",
        (run) => [run.descent[2].measured.testLoss.last, run.table("series").at(-1).testLoss],
      ],
      [
        "the flow's sharpness, up to #, is far above",
        (run) => Math.max(...run.table("series").map((row) => row["sharpness.1"])),
      ],
      ["its test loss rises to # on the way", ({ descent }) => descent[0].measured.testLoss.maximum],
      [
        "(# at t = #, where the flow has #)",
        (run) => {
          const { minimum, minimumTime } = run.descent[0].measured.testLoss;
          const flow = run.table("series").findLast(({ t }) => t <= minimumTime);
          return [minimum, minimumTime, flow.testLoss];
        },
      ],
      ["little difference after it (#)", ({ descent }) => descent[1].measured.testLoss.last],
      [
        "All end with # of 100 test images",
        (run) => 100 * Math.min(...run.descent.map(({ measured }) => measured.testAccuracy.last)),
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/study/cross-entropy-decay.yaml",
    says: [
      [
        "μ levels off, at # to # where ‖∇L‖",
        ({ where }) => range(where("loss-squared").map(({ measured }) => measured.polyakLojasiewicz.last)),
      ],
      [
        "is # to # at t ≈ 10³ and # to # at t = 10⁶, where L is still # to #.",
        ({ where }) => {
          const runs = where("loss-cross-entropy");
          const exponents = (time) =>
            range(
              runs.map((run) => {
                const row = run.table("series").findLast(({ t }) => t <= time);
                return row.t * row.polyakLojasiewicz;
              }),
            );
          return [...exponents(1e3), ...exponents(1e6), ...range(losses(runs))];
        },
      ],
      [
        "μ levels off again, at # to #,",
        ({ where }) =>
          range(where("loss-cross-entropy-0.1").map(({ measured }) => measured.polyakLojasiewicz.last)),
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/study/lazy-rich.yaml",
    says: [
      [
        "by a median of # times itself at α = 0.1, by # at 1, # at 10 and # at 100; θ has gone #, #, # and # of ‖θ₀‖.",
        ({ where }) => {
          const at = (scale, read) => median(where("parametrisation-ntk", `scale-${scale}`).map(read));
          return [
            ...[0.1, 1, 10, 100].map((scale) => at(scale, ({ ntk }) => ntk.drift)),
            ...[0.1, 1, 10, 100].map((scale) => at(scale, ({ measured }) => measured.relativeDistance.last)),
          ];
        },
      ],
      [
        "(a median of # and #)",
        ({ where }) =>
          [10, 100].map((scale) =>
            median(where("parametrisation-ntk", `scale-${scale}`).map(({ time }) => time)),
          ),
      ],
      [
        "The loss on 200 test samples is # (median) at α = 0.1 in `ntk`, where the kernel has learnt, and #",
        ({ where }) =>
          [0.1, 10].map((scale) =>
            median(
              where("parametrisation-ntk", `scale-${scale}`).map(({ measured }) => measured.testLoss.last),
            ),
          ),
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/study/gap-theories.yaml",
    says: [
      [
        "the orders are # to #, # to #, # to #, # to # and # to #",
        ({ runs }) => {
          const all = Object.values(runs).map((run) => {
            const coarse = besideOf(run, 0.1);
            return besideOf(run, 0.0125).map((fine, k) => Math.log2(coarse[k] / fine) / 3);
          });
          return all[0].flatMap((_, k) => range(all.map((orders) => orders[k])));
        },
      ],
      [
        "the modified flow is # to # times and the third order # to # times as close as gradient flow",
        ({ runs }) => {
          const all = Object.values(runs).map((run) => besideOf(run, 0.2));
          return [1, 2].flatMap((k) => range(all.map((away) => away[0] / away[k])));
        },
      ],
      [
        "the leading gap misses the gap by # to # %, at η = 0.0125 by # to # %",
        ({ runs }) =>
          [0, -1].flatMap((k) =>
            range(Object.values(runs).map(({ gaps }) => (100 * gaps.at(k).error) / gaps.at(k).gap)),
          ),
      ],
      [
        "bounds are # to #, # to # and # to # times the gap",
        ({ runs }) =>
          ["suprema", "pointwise", "force"].flatMap((name) =>
            range(Object.values(runs).map(({ gaps }) => gaps.at(-1).bounds[name] / gaps.at(-1).gap)),
          ),
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow run configs/study/gap-theories.yaml --set sweep=null",
    says: [
      [
        "at t = 20 are # for gradient flow, # for the modified flow, # with the third order, # for the principal flow and # with its third order",
        (run) => besideOf(run, 0.0125),
      ],
      [
        "they fall with orders #, #, #, # and # in η",
        (run) => {
          const coarse = besideOf(run, 0.1);
          return besideOf(run, 0.0125).map((fine, k) => Math.log2(coarse[k] / fine) / 3);
        },
      ],
      [
        "go on, # and # times as close as gradient flow",
        (run) => {
          const [flow, modified, third] = besideOf(run, 0.2);
          return [flow / modified, flow / third];
        },
      ],
      [
        "misses the gap by # % at η = 0.2 and by # % at η = 0.0125",
        ({ gaps }) => [gaps.at(0), gaps.at(-1)].map(({ gap, error }) => (100 * error) / gap),
      ],
      [
        "they are #, # and # times the gap",
        ({ gaps }) => {
          const { gap, bounds } = gaps.at(-1);
          return [bounds.suprema / gap, bounds.pointwise / gap, bounds.force / gap];
        },
      ],
      [
        "at a learning rate # times smaller",
        ({ gaps }) => gaps.at(-1).learningRate / gaps.at(-1).theoremLearningRate,
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow run configs/study/balancedness.yaml",
    says: [
      [
        "in proportion to η: #, # and # at t = 20",
        ({ descent }) => descent.map(({ measured }) => measured["balanceDrift.layers.2"].last),
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow run configs/study/classifier.yaml --set flow.tEnd=300",
    says: [["drift by # at the default rtol", ({ measured }) => measured["balanceDrift.layers.2"].last]],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/study/parametrisation.yaml --jobs 2",
    says: [
      [
        "the median at t = 500 is # at P/nM = #, # at #, # at #, # at # and # at #. Beyond, more parameters change little (# at #)",
        ({ where }) =>
          [2, 8, 10, 13, 20, 40].flatMap((width) => {
            const runs = where(`hidden-${width}`);
            return [median(losses(runs)), runs[0].perTarget];
          }),
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/study/leaky-to-relu.yaml --jobs 2",
    says: [
      [
        "(seed 0: #, #, #; seed 4: #, #, #)",
        ({ where }) =>
          ["seed-0", "seed-4"].flatMap((seed) =>
            ["0.1", "0.01", "0.001"].map((slope) =>
              distance(
                where(`activation-leaky-relu-${slope}`, seed)[0].theta,
                where("activation-relu", seed)[0].theta,
              ),
            ),
          ),
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/study/sigmoid.yaml --jobs 2",
    says: [
      [
        "between # and #, # and #, # and #, # and # over the seeds.",
        ({ where }) =>
          [1, 2, 3, 5].flatMap((degree) =>
            range(
              [0, 1, 2, 3, 4].map((seed) =>
                distance(
                  where(`activation-piecewise-polynomial-degree-${degree}`, `seed-${seed}`)[0].theta,
                  where("activation-sigmoid", `seed-${seed}`)[0].theta,
                ),
              ),
            ),
          ),
      ],
      [
        "the losses agree to # (relative) at all times",
        ({ where }) =>
          Math.max(
            ...[0, 1, 2, 3, 4].flatMap((seed) => {
              const [rows, others] = ["piecewise-polynomial-degree-5", "sigmoid"].map((kind) =>
                where(`activation-${kind}`, `seed-${seed}`)[0].table("series"),
              );
              return rows.map(({ loss }, i) => Math.abs(loss / others[i].loss - 1));
            }),
          ),
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "node scripts/sigmoid-pieces.js",
    quick: true,
    says: [
      [
        "the largest error is #, #, # and # for degree 1, 2, 3 and 5",
        ({ text }) => [...text.matchAll(/largest error (\S+)/g)].map(([, error]) => Number(error)),
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/study/gap.yaml --jobs 2",
    says: [
      [
        "neighbouring points is # to # below η",
        ({ where }) => range(slopes(where("activation-tanh"), 0, 0.2)),
      ],
      [
        "(slopes # to # below η = 0.1), and more steeply above (# to #); the median gap is # to # times",
        ({ where }) => {
          const leaky = where("activation-leaky-relu-0.01");
          return [
            ...range(slopes(leaky, 0, 0.1)),
            ...range(slopes(leaky, 0.1, 0.5)),
            ...range(gapRatio(leaky, where("activation-tanh"))),
          ];
        },
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: `npx gradflow run configs/paper/gcn-width.yaml --set sweep=null --set scale=0.2 --set 'model.hidden=[200,200]' --set engine.dtype=float64 --set 'descent.learningRates=[0.1]' --set 'flow={method: auto, rtol: 1e-2, tEnd: 1000, boundaries: off}'`,
    long: true,
    also: [
      "--set 'flow={method: euler, stepSize: 0.05, tEnd: 1000, boundaries: off}'",
      "--set 'flow={method: euler, stepSize: 0.025, tEnd: 1000, boundaries: off}'",
      "--set 'flow={method: euler, stepSize: 0.0125, tEnd: 1000, boundaries: off}'",
      "--set 'flow={method: euler, stepSize: 0.2, tEnd: 1000, boundaries: off}'",
    ],
    says: [
      ["| the flow: `auto`, rtol 1e-2 | | 5.5, 181, 615, 1 364, 2 260 | # |", (run) => run.loss],
      ["| **descent, η = 0.1** | 20 | 5.5, 19.6, 20.1, 28.8, 25.9 | # |", (run) => run.descent[0].loss],
      ["| Euler, η/2 | 40 | 5.5, 40, 41, 47, 46 | # |", (_, run) => run.loss],
      ["| Euler, η/4 | 80 | 5.5, 80, 86, 82, 98 | # |", (_, __, run) => run.loss],
      ["| Euler, η/8 | 160 | 5.5, 158, 167, 165, 165 | # |", (_, __, ___, run) => run.loss],
      ["| descent, η = 0.2 | 10 | 5.5, 9.6, 13.5, 18.1, 15.5 | # |", (...runs) => runs[4].loss],
    ],
  },
  ...[
    ["auto", "{method: auto, rtol: 1e-4, tEnd: 200, boundaries: off}", "| `auto`, rtol 1e-4 | # | # |"],
    [
      "auto, looser",
      "{method: auto, rtol: 1e-3, tEnd: 200, boundaries: off}",
      "| `auto`, rtol 1e-3 | # | # |",
    ],
    [
      "auto, loosest",
      "{method: auto, rtol: 1e-2, tEnd: 200, boundaries: off}",
      "| `auto`, rtol 1e-2 | # | # |",
    ],
    ["heun", "{method: heun, stepSize: 0.02, tEnd: 200, boundaries: off}", "| Heun, η | # | # |"],
  ].map(([label, flow, text]) => ({
    page: "docs/benchmarks.md",
    command:
      "npx gradflow run configs/paper/dnn-width.yaml --set scale=0.2 --set sweep=null --set 'model.hidden=[250,250]' --set engine.dtype=float64",
    label,
    also: [`--set 'flow=${flow}'`],
    long: true,
    says: [[text, (_, run) => [near(run.gradientEvaluations), run.loss]]],
  })),
  ...PAPER_FIGURES_QUOTES,
  {
    page: "docs/studies.md",
    command: "npx gradflow run configs/study/central-flow.yaml --out central",
    says: [
      [
        "the distance to descent is # for gradient flow, # for the modified, # for the central and # for the rod flow",
        ({ flows }) => flows.map(({ distance: own }) => own),
      ],
      [
        "predicts a mean loss of # where descent has #",
        ({ descent, table }) => [
          table("flows").findLast(({ kind }) => kind === "central").meanLoss,
          descent[0].loss,
        ],
      ],
      [
        "A step of descent costs it # gradients, with one eigenvalue at the edge, the rod flow #.",
        ({ flows }) =>
          flows
            .filter(({ kind }) => ["central", "rod"].includes(kind))
            .map(({ gradientEquivalents, steps }) => near(gradientEquivalents / steps)),
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "node scripts/edge-sizes.js",
    long: true,
    tables: [
      {
        header: "| loss | P | η | begun |",
        key: [0, 1, 3],
        columns: [4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
        counts: [13],
      },
    ],
  },
  ...[
    [
      "",
      "Squared loss: central # and rod # of gradient flow's distance from descent's mean over the run, # and # where it ends",
    ],
    [
      " --set loss.kind=cross-entropy --set 'descent={learningRates: [0.35]}' --set flow.tEnd=140",
      "Cross-entropy: # and #, # and # where it ends",
    ],
  ].map(([more, text]) => ({
    page: "docs/studies.md",
    command: `npx gradflow run configs/study/edge-cnn.yaml${more}`,
    says: [
      [
        text,
        ({ flows }) => {
          const of = (name) => flows.find(({ kind }) => kind === name);
          const [gradient, ...beside] = ["gradient", "central", "rod"].map(of);
          return [
            ...beside.map(({ means }) => means.meanDistance / gradient.means.meanDistance),
            ...beside.map(({ meanDistance }) => meanDistance / gradient.meanDistance),
          ];
        },
      ],
    ],
  })),
  {
    page: "docs/studies.md",
    command: "npx gradflow run configs/study/settled.yaml --set sweep=null --out settled",
    says: [
      [
        "the mean distance from descent's running average is # for gradient flow, # times that for the modified flow, # for the central and # for the\nrod flow",
        ({ flows }) => {
          const [whole, ...others] = flows.map(({ means }) => means.meanDistance);
          return [whole, ...others.map((own) => own / whole)];
        },
      ],
      [
        "The central flow predicts # of descent's mean loss and # of its variance, the rod flow # and #.",
        ({ flows }) =>
          ["central", "rod"].flatMap((name) => {
            const { means } = flows.find(({ kind }) => kind === name);
            return [means.meanLoss / means.descentMeanLoss, means.variance / means.descentVariance];
          }),
      ],
      [
        "A step of descent costs the central flow # gradients, the rod flow #.",
        ({ flows }) =>
          ["central", "rod"].map((name) => {
            const { gradientEquivalents, steps } = flows.find(({ kind }) => kind === name);
            return near(gradientEquivalents / steps);
          }),
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow run configs/study/edge-of-stability.yaml --out edge",
    says: [
      [
        "At η = 0.6 the distances at t = 120 are # (gradient flow), #, # (central) and # (rod). At η = 1 none describes descent, which bursts: #, #, # and #.",
        ({ flows }) => flows.map(({ distance: own }) => own),
      ],
    ],
  },
  ...PAPERS_QUOTES,
  {
    page: "docs/papers.md",
    command: "npx gradflow sweep configs/papers/cross-entropy.yaml",
    says: [
      ["dnn, tanh", "dnn-20-tanh"],
      ["resnet, tanh", "resnet-20-20-tanh"],
      ["dnn, leaky ReLU", "dnn-20-leaky-relu-0.1"],
    ]
      .map(([name, model]) => [
        `| ${name} | # to # | # to # | # (# to #) | # (# to #) | # to # |`,
        ({ where }) => {
          const tables = where(`model-${model}`).map((run) => run.table("series"));
          const separated = tables.map(
            (rows) => rows.findLastIndex(({ trainAccuracy }) => trainAccuracy < 1) + 1,
          );
          const at = (rows, time) => rows.findLast(({ t }) => t <= time);
          const exponents = (time) =>
            meanInterval(tables.map((rows) => at(rows, time).t * at(rows, time).polyakLojasiewicz));
          return [
            ...range(tables.map((rows, k) => rows[separated[k]].t)),
            ...range(
              tables.map((rows, k) => {
                const start = rows[separated[k]];
                return at(rows, 10 * start.t).polyakLojasiewicz / start.polyakLojasiewicz;
              }),
            ),
            ...exponents(1e3),
            ...exponents(1e6),
            ...range(tables.map((rows) => rows.at(-1).loss)),
          ];
        },
      ])
      .concat([
        [
          "its largest value is # to # times its least",
          ({ runs }) =>
            range(
              Object.values(runs).map((run) => {
                const before = run.table("series").filter(({ trainAccuracy }) => trainAccuracy < 1);
                const [least, largest] = range(before.map(({ polyakLojasiewicz }) => polyakLojasiewicz));
                return largest / least;
              }),
            ),
        ],
      ]),
  },
  {
    page: "docs/decay-table.md",
    command: "node scripts/decay-table.js",
    // Kinks whose branches differ between processors; ten minutes.
    long: true,
    tables: [{ header: "| architecture | activation | P/nM |", key: [0, 1, 2], columns: [3, 4, 5, 6, 7] }],
  },
  {
    page: "docs/papers.md",
    command: "node scripts/decay-table.js",
    long: true,
    tables: [
      { header: "| visible, by activation |", key: [0], columns: [1, 2, 3] },
      { header: "| visible, by architecture |", key: [0], columns: [1, 2, 3] },
      { header: "| P > nM, by λ_min at t = 0 |", key: [0], columns: [1, 2, 3, 4] },
      { header: "| of all runs |", key: [0], columns: [1] },
    ],
  },
  {
    page: "docs/papers.md",
    command: "npx gradflow sweep configs/papers/transformers.yaml",
    says: [
      ["pre-norm transformer", 185],
      ["transformer without norms", 197],
      ["dense", 169],
    ]
      .flatMap(([name, parameters]) =>
        [
          ["in context", "in-context-regression"],
          ["random", "gaussian"],
        ].map(([labels, kind]) => [
          `| ${name} | ${labels} | # (# to #) | # (# to #) | # (# to #) |`,
          ({ runs }) =>
            [400, 200, 100].flatMap((samples) => {
              const ends = Object.values(runs)
                .filter(
                  (run) =>
                    run.samples === samples &&
                    run.parameters === parameters &&
                    run.config.dataset.kind === kind,
                )
                .map(({ loss }) => loss);
              return [median(ends), ...range(ends)];
            }),
        ]),
      )
      .concat(
        [185, 197, 169].map((parameters, k) => [
          `${["with norms t =", "without them", "for the dense network"][k]} # to #, where λ_max has been up to #`,
          ({ runs }) => {
            const own = Object.values(runs).filter((run) => run.parameters === parameters);
            return [
              ...range(own.map(({ time }) => time)),
              Math.max(...own.map(({ sharpness }) => sharpness.largest)),
            ];
          },
        ]),
      ),
  },
  ...["width", "depth"].map((name) => ({
    page: "docs/papers.md",
    command: `npx gradflow sweep configs/papers/threshold-${name}.yaml`,
    says: [
      ...(name === "width" ? [8, 16, 32, 64, 128] : [1, 2, 4, 8]).map((size) => [
        `| ${name} ${name === "width" ? size : size + 1} | # (# to #) | # (# to #) |`,
        ({ where }) => {
          const runs = where(name === "width" ? `model.layers.0.width-${size}` : `times-${size}`);
          return ["monotone", "linear"].flatMap((kind) => {
            const ratios = runs.map(
              ({ stability, measured }) => (stability[kind].learningRate * measured.sharpness.maximum) / 2,
            );
            return [median(ratios), ...range(ratios)];
          });
        },
      ]),
      [
        `${name === "width" ? "over that of λ is" : "over the widths and"} # (# to #) over the ${name}s`,
        ({ runs }) => {
          const { slope, interval } = fitPower(
            Object.values(runs).map(({ stability, measured }) => [
              measured.sharpness.maximum,
              stability.monotone.learningRate,
            ]),
          );
          return [slope, ...interval];
        },
      ],
      [
        name === "width" ? "# to # times that rate over the widths" : "# to # times over the depths",
        ({ runs }) =>
          range(
            Object.values(runs).map(({ stability }) => stability.limit / stability.monotone.learningRate),
          ),
      ],
      [
        name === "width"
          ? "# to # of the largest 2/λ_max on its own way over the widths"
          : "and # to # of it over the depths",
        ({ runs }) =>
          range(
            Object.values(runs).map(
              ({ stability: { linear } }) => linear.learningRate / linear.limits.greatest,
            ),
          ),
      ],
    ],
  })),
  ...["width", "bottleneck", "depth"].map((name) => ({
    page: "docs/papers.md",
    command: `npx gradflow sweep configs/papers/learning-rate-${name}.yaml`,
    says: [
      ...(name === "width"
        ? [
            ["", 0],
            [" for w ≥ 64", 64],
          ]
        : [["", 0]]
      ).map(([where, least]) => [
        `| ${name}${where} | # (# to #) | # (# to #) | # (# to #) | # (# to #) |`,
        ({ runs }) =>
          ["identity", "scale"].flatMap((shortcut) =>
            [({ limit }) => limit, ({ monotone }) => monotone.learningRate].flatMap((read) => {
              const own = Object.entries(runs).filter(([folder]) => folder.includes(`shortcut-${shortcut}`));
              const { slope, interval } = fitPower(
                own.flatMap(([folder, { stability }]) => {
                  const x = Number(/(?:width|times)-(\d+)/.exec(folder)[1]);
                  return x < least ? [] : [[x, read(stability)]];
                }),
              );
              return [slope, ...interval];
            }),
          ),
      ]),
    ],
  })),
];

/** Runs the entries that `choose` takes, says what disagrees, and returns how many numbers do. */
export function benchQuotes(choose = ({ long }) => long !== true, write = false, runs = null) {
  let wrong = 0;
  const store = JSON.parse(readFileSync(STORE, "utf8"));
  for (const entry of QUOTES.filter(choose)) {
    const folder =
      runs === null
        ? mkdtempSync(join(tmpdir(), "gradflow-quotes-"))
        : join(runs, nameOf(entry).replace(/[^\w.-]+/g, "-"));
    try {
      const start = performance.now();
      const values = measure(entry, folder);
      const found = disagreements(readPage(entry), values);
      wrong += found.length;
      if (entry.quick !== true)
        store[nameOf(entry)] = values.map((each) => (each.within === undefined ? each.value : each));
      const seconds = ((performance.now() - start) / 1000).toFixed(0);
      console.log(
        `${nameOf(entry)}: ${values.length} numbers in ${seconds} s, ${found.length} of them not as quoted`,
      );
      for (const sentence of found) console.log(`  ${sentence}`);
      if (write) writeFileSync(STORE, `${JSON.stringify(store, null, 1)}\n`);
    } finally {
      if (runs === null) rmSync(folder, { recursive: true });
    }
  }
  return wrong;
}

/**
 * Commands of the pages, as they begin there, that compute something and have no entry above, and why.
 * @type {{ page: string, command: string, why: string }[]}
 */
export const UNQUOTED = [
  ...["run", "sweep"].map((command) => ({
    page: "docs/gallery.md",
    command: `npx gradflow ${command} configs/`,
    why: "pictures, of which no number is quoted",
  })),
  ...["docs/papers.md", "docs/decay-table.md"].map((page) => ({
    page,
    command: "npx gradflow sweep configs/papers/decay",
    why: "one of two sweeps; the page quotes what the next command makes of both",
  })),
  {
    page: "docs/architectures.md",
    command: "npx gradflow sweep configs/architectures/dnn.yaml",
    why: "one of eleven studies; the page quotes what the next command makes of all",
  },
  {
    page: "docs/architectures.md",
    command: "node scripts/architectures.js",
    why: "half an hour, and kinks whose branches differ between processors",
  },
  {
    page: "docs/benchmarks.md",
    command: "PYTHON=… node scripts/bench/architectures.js",
    why: "seconds of one machine, beside programs that may be absent",
  },
  {
    page: "docs/benchmarks.md",
    command: "node scripts/bench/architectures.js cnn --profile --threads 1",
    why: "seconds of one machine",
  },
  {
    page: "docs/benchmarks.md",
    command: "node scripts/bench/onnx.js",
    why: "seconds and megabytes of one machine",
  },
  {
    page: "docs/benchmarks.md",
    command: "node scripts/bench/view.js",
    why: "seconds and megabytes of one machine",
  },
  { page: "docs/benchmarks.md", command: "node scripts/bench/kernels.js", why: "seconds of one machine" },
  {
    page: "docs/benchmarks.md",
    command: "node scripts/bench/stepping-survey.js",
    why: "says by its exit code whether all is well; no number of it is quoted",
  },
  {
    page: "docs/benchmarks.md",
    command: "node scripts/bench/stepping-exact.js",
    why: "single events fall into this step or that by the last bits of a processor, which moves errors by tens of per cent",
  },
  {
    page: "docs/benchmarks.md",
    command: "node scripts/attack/references.js",
    why: "says by its exit code whether all is well; what it found once is told",
  },
  {
    page: "docs/benchmarks.md",
    command: "node scripts/bench/stepping.js 20 1",
    why: "two branches of the flow lie so close together that the last bits of a processor choose",
  },
  {
    page: "docs/benchmarks.md",
    command: "node scripts/bench/stepping.js 5 1",
    why: "two branches of the flow lie so close together that the last bits of a processor choose",
  },
  {
    page: "docs/benchmarks.md",
    command: "node scripts/bench/stepping-cost.js",
    why: "seconds of one machine",
  },
  { page: "docs/engines.md", command: "node scripts/bench/engines.js", why: "seconds of one machine" },
  {
    page: "docs/engines.md",
    command: "node scripts/bench/engines.js --one onnx:float32 --steps 60000",
    why: "megabytes of one machine",
  },
  {
    page: "docs/methods.md",
    command: "npx gradflow workprecision configs/study/sliding.yaml",
    why: "shown as a picture; no number of it is quoted",
  },
  {
    page: "docs/many-runs.md",
    command: "npx gradflow sweep configs/paper/dnn-width.yaml",
    why: "an example; docs/studies.md quotes it",
  },
  {
    page: "docs/tangent-kernel.md",
    command: "npx gradflow sweep configs/study/overparametrisation.yaml",
    why: "shown as a picture; no number of it is quoted",
  },
  {
    page: "docs/tangent-kernel.md",
    command: "node scripts/overparametrisation.js",
    why: "shown as a picture; no number of it is quoted",
  },
  {
    page: "docs/sliding.md",
    command: "node scripts/bench/survey.js 6 1e-4 3,4,5,6",
    why: "48 networks, an hour, for one range of factors",
  },
  {
    page: "docs/sliding.md",
    command: "node scripts/bench/survey.js 6 5e-4 1,2",
    why: "one of several commands, hours together",
  },
];

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const words = process.argv.slice(2);
  const [word] = words.filter((each) => !each.startsWith("--"));
  const runs = words.find((each) => each.startsWith("--runs="))?.slice("--runs=".length) ?? null;
  const isAsked = (entry) =>
    word === undefined ? entry.long !== true || words.includes("--hours") : nameOf(entry).includes(word);
  if (benchQuotes(isAsked, words.includes("--write"), runs) > 0) process.exitCode = 1;
}
