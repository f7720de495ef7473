// What docs/cookbook.md and the tutorials quote, in the form of quotes.js.
import { spawnSync } from "node:child_process";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { near, ROOT } from "./quoting.js";

const run = (name, ...says) => ({
  page: "docs/cookbook.md",
  command: `npx gradflow run configs/cookbook/${name}.yaml`,
  says,
});
/** The first recorded time at which a column has passed half of its last value. */
const passesHalf = (result) => (column) => {
  const rows = result.table("series");
  return rows.find((row) => row[column] > rows.at(-1)[column] / 2).t;
};

/** @type {import("./quoting.js").Entry[]} */
export const COOKBOOK_QUOTES = [
  run("learning-rate", [
    "up to η = #, and falls linearly in the end up to #. 2/λ_max at the start promises #,",
    ({ stability: { monotone, linear, limit } }) => [monotone.learningRate, linear.learningRate, limit],
  ]),
  run(
    "gap",
    [
      "the gap is #, #, # and # for η = 0.2",
      ({ descent }) => descent.map(({ parameterGap }) => parameterGap),
    ],
    ["predicts the last one to # %", ({ gaps }) => 100 * (gaps.at(-1).error / gaps.at(-1).gap)],
  ),
  run("sliding", [
    "# times an entry crosses its kink, and # times one begins to slide. From t = # on some entry slides nearly all the time, at most # at once",
    ({ events }) => [events.crossings, events.slidingEntries, events.firstSliding, events.maxSliding],
  ]),
  run(
    "lambda-min",
    [
      "at each of the # times: λ_min is # at the start, # at the end, and # at its least.",
      ({ ntk: { times, initial, final, lambdaZero } }) => [
        times,
        initial.lambdaMin.value,
        final.lambdaMin.value,
        lambdaZero,
      ],
    ],
    [
      "a factor of e^#, the flow falls by a factor of #",
      ({ ntk, initialLoss, loss }) => [ntk.exponent, initialLoss / loss],
    ],
  ),
  run("edge", [
    "at t = 40 they are # and # from descent, the gradient flow #. The sharpness of descent ends at #,",
    ({ flows, descent: [only] }) => [
      ...["central", "rod"].map((kind) => flows.find((flow) => flow.kind === kind).distance),
      only.parameterGap,
      only.measured["sharpness.1"].last,
    ],
  ]),
  run(
    "margin",
    [
      "never falls, from # at t = 1 to # at t = 1e20",
      ({ measured: { smoothedMargin } }) => [smoothedMargin.minimum, smoothedMargin.last],
    ],
    ["gets there in some # gradients", ({ gradientEvaluations }) => near(gradientEvaluations)],
  ),
  run("modes", [
    "at t = #, # and #. While",
    (result) => [1, 2, 3].map((k) => passesHalf(result)(`singular.layers.0.weight.${k}`)),
  ]),
  run("balancedness", [
    "drifts by at most # of its size, which is rounding. Descent lets it drift in proportion to η: by #, # and # at t = 10",
    ({ measured, descent }) => [
      // Roundings differ between processors: a few of them more or less are no other number.
      { value: measured["balanceDrift.layers.0"].maximum, within: 10 },
      ...descent.map((one) => one.measured["balanceDrift.layers.0"].last),
    ],
  ]),
  run("exponential", [
    "here tμ is # at t ≈ 10³ and # at t = 10⁶.",
    (result) =>
      [1.1e3, 1e6].map((time) => {
        const row = result.table("series").findLast(({ t }) => t <= time);
        return row.t * row.polyakLojasiewicz;
      }),
  ]),
  run("lazy", [
    "θ moves by # of its norm and the tangent kernel changes by # of its own. With",
    ({ measured, ntk }) => [measured.relativeDistance.last, ntk.drift],
  ]),
  run("test-loss", [
    "descent with η = 0.02 is #, that of the flow #. With η = 0.2, past the edge of stability, it does: after a spike its test loss ends at #,",
    ({ measured, descent: [large, small] }) =>
      [small.measured, measured, large.measured].map(({ testLoss }) => testLoss.last),
  ]),
  run("pytorch", [
    "its loss is #, as `pytorch.py` prints. The flow from the same state_dict ends at #, and ‖θ − θₖ‖ is #.",
    ({ loss, descent: [only] }) => [only.loss, loss, only.parameterGap],
  ]),
  {
    page: "docs/tutorial-terminal.md",
    command: "npx gradflow run study.yaml",
    write: (_, folder) => {
      spawnSync(process.execPath, [join(ROOT, "bin/gradflow.js"), "init"], { cwd: folder });
      return join(folder, "study.yaml");
    },
    says: [
      ["loss L # → #, fallen", ({ initialLoss, loss }) => [initialLoss, loss]],
      [
        "exp(-# t) for t in [#, #], R² = #; 4cλ_eff there #",
        ({ decay }) => [decay.rate, ...decay.window, decay.rSquared, decay.meanRateFromLambdaEff],
      ],
      // 200 steps to t = 100, which would read as one number.
      ...["0.5 200 100", "0.05 2000 100"].map((row, k) => [
        `${row} # # # #`,
        ({ descent }) => {
          const { loss, parameterGap, functionGap, lossGap } = descent[k];
          return [loss, parameterGap, functionGap, lossGap];
        },
      ]),
    ],
  },
  run("onnx", [
    "# times an entry of this residual network crosses its kink, and # times one begins to slide, first at t = #, at most # at once. Descent with η = 0.05 zigzags about those kinks and still ends # from the flow.",
    ({ events, descent: [only] }) => [
      ...[events.crossings, events.slidingEntries, events.firstSliding, events.maxSliding],
      only.parameterGap,
    ],
  ]),
  {
    page: "docs/tutorial-pytorch.md",
    command: "npx gradflow run study.yaml",
    // With the files that the page's program makes.
    write: (page, folder) => {
      cpSync(join(ROOT, "configs/cookbook/onnx"), folder, { recursive: true });
      const study = join(folder, "study.yaml");
      writeFileSync(study, /```yaml\n(.*?)```/s.exec(page)[1]);
      return study;
    },
    says: [
      [
        "loss L # → #, fallen by a factor of #",
        ({ initialLoss, loss }) => [initialLoss, loss, initialLoss / loss],
      ],
      [
        "boundaries # crossings, # entries into and # exits from sliding, up to # at once, first at t = #",
        ({ events: { crossings, slidingEntries, slidingExits, maxSliding, firstSliding } }) => [
          ...[crossings, slidingEntries, slidingExits, maxSliding, firstSliding],
        ],
      ],
      // Steps and time, which would read as one number with what follows, stand in the text.
      ...["0.2 100 20", "0.05 400 20"].map((row, k) => [
        `${row} # # # #`,
        ({ descent }) => {
          const { loss, parameterGap, functionGap, lossGap } = descent[k];
          return [loss, parameterGap, functionGap, lossGap];
        },
      ]),
      ["400 steps of SGD # the flow at t = 20 #", ({ loss, descent }) => [descent[1].loss, loss]],
    ],
  },
];
