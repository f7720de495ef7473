// What docs/studies.md quotes of the paper's figures (configs/paper), for quotes.js: a table of each, and what its text says of rates and
// of where descent leaves the flow.
import { near } from "./quoting.js";

/** Losses of the flow and of descent at descent's times: [t, descent over flow − 1]. Between recorded times the flow is a straight line. */
const besideFlow = (run) => {
  const flow = run.table("series");
  return run.table("descent").map(({ t, loss }) => {
    const k = Math.max(
      1,
      flow.findIndex((row) => row.t >= t - 1e-9 * run.time),
    );
    const [a, b] = [flow[k - 1], flow[k]];
    const own = a.loss + ((b.loss - a.loss) * (t - a.t)) / (b.t - a.t);
    return [t, loss / own - 1];
  });
};
/** By how much descent is above the flow over the last tenth of the time, on average, in per cent. */
const above = (run) => {
  const late = besideFlow(run).filter(([t]) => t > 0.9 * run.time);
  return (100 * late.reduce((sum, [, part]) => sum + part, 0)) / late.length;
};
/** The first recorded time at which their losses are apart by more than a part; Infinity where they never are. */
const apartFrom = (part) => (run) =>
  besideFlow(run).find(([, off]) => Math.abs(off) > part)?.[0] ?? Number.POSITIVE_INFINITY;
/** −d ln L/dt of the flow over eighths of the time, from the `from`-th on. */
const rates = (run, from = 0) => {
  const rows = run.table("series");
  const at = (share) =>
    rows.reduce((best, row) =>
      Math.abs(row.t - share * run.time) < Math.abs(best.t - share * run.time) ? row : best,
    );
  return Array.from({ length: 8 - from }, (_, k) => {
    const [a, b] = [at((k + from) / 8), at((k + from + 1) / 8)];
    return -Math.log(b.loss / a.loss) / (b.t - a.t);
  });
};
/** By how much the second run of errorCheck is off in the loss, at most, in per cent. */
const shade = (run) => {
  const losses = new Map(run.table("series").map(({ t, loss }) => [t, loss]));
  return (
    100 *
    Math.max(
      ...run.table("error-check").map(({ t, tighterLoss }) => Math.abs(tighterLoss / losses.get(t) - 1)),
    )
  );
};
/** How far θ of the second run ends from the first, in per cent of the distance moved. */
const apart = ({ errorCheck }) => 100 * errorCheck.relativeToDistance;
/** The first time at which the recorded sharpness is above a value. */
const passes = (value) => (run) =>
  run.table("series").find(({ sharpness }) => sharpness !== "" && sharpness > value)?.sharpnessTime;

/** Columns of the tables: what stands above them, in them, and where a run has it. */
const flowAt = (end) => [`flow's loss at t = ${end}`, "#", ({ loss }) => loss];
const sharpnessAt = (end) => [`at t = ${end}`, "#", ({ sharpness }) => sharpness.value];
const passesAt = (limit) => [`sharpness passes ${limit}`, "t = #", passes(limit)];
const START = ["loss at t = 0", "#", ({ initialLoss }) => initialLoss];
const SHADE = ["shade, at most", "# %", shade];
const DESCENT = ["descent's loss", "#", ({ descent }) => descent[0].loss];
const ABOVE = ["above the flow, late", "# %", above];
const MOST = ["sharpness: most", "#", ({ sharpness }) => sharpness.largest];
const STRAIGHT = ["R²", "#", ({ decay }) => decay.rSquared];
const GRADIENTS = ["gradients", "#", ({ gradientEvaluations }) => near(gradientEvaluations)];
const TWICE = [
  "gradients: flow, second run",
  "#, #",
  (run) => [run, run.errorCheck].map(({ gradientEvaluations }) => near(gradientEvaluations)),
];
const SLIDE = ["slide at once", "#", ({ events }) => near(events.maxSliding)];

/**
 * A whole table of the page, a row a run by P/nM, `keys` in the first column: one text, so that tables of two sizes may have like rows.
 */
const tableOf = (first, keys, columns) => {
  const row = (cells) => `| ${cells.join(" | ")} |`;
  const rows = [
    row([first, ...columns.map(([title]) => title)]),
    `|${"---|".repeat(columns.length + 1)}`,
    ...keys.map((key) => row([key, ...columns.map(([, pattern]) => pattern)])),
  ];
  return [
    rows.join(" "),
    ({ where }) => where().flatMap((run) => columns.flatMap(([, , read]) => read(run))),
  ];
};

const dnnTable = (keys) =>
  tableOf("P/nM", keys, [
    ...[flowAt(200), SHADE, DESCENT, ABOVE, passesAt(100), sharpnessAt(200), STRAIGHT, TWICE, SLIDE],
  ]);
/** With a second run, and of full sizes without one, where the loss has changed too little for R² to say anything. */
const gcnColumns = (isChecked) => [
  ...[flowAt(600), ...(isChecked ? [SHADE] : []), DESCENT, ABOVE, passesAt(20), sharpnessAt(600)],
  ...(isChecked ? [STRAIGHT, TWICE] : [GRADIENTS]),
  SLIDE,
];
const resnetColumns = (end, isChecked) => [
  ...[START, flowAt(end), ...(isChecked ? [SHADE] : []), DESCENT, ABOVE, MOST, sharpnessAt(end)],
  ...(isChecked ? [STRAIGHT, TWICE] : [GRADIENTS]),
  SLIDE,
];
const widest = ({ where }) => where().at(-1);
const narrowest = ({ where }) => where()[0];
const least = (values) => Math.min(...values);
const most = (values) => Math.max(...values);
const ends = (values) => [values[0], values.at(-1)];

/** @type {import("./quoting.js").Entry[]} */
export const PAPER_FIGURES_QUOTES = [
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/paper/dnn-width.yaml",
    label: "full size",
    long: true,
    says: [
      dnnTable(["0.60", "1.3", "2.1", "3.0", "4.0"]),
      [
        "The sharpness passes what descent bears, 2/η = 100, at t = # (widest) to # (narrowest), and from t = # to # on the losses are 5 % apart.",
        (sweep) =>
          [passes(100), apartFrom(0.05)].flatMap((read) => [read(widest(sweep)), read(narrowest(sweep))]),
      ],
      [
        "The widest network's rate over eighths of the time is #, #, #, #, #, #, # and #: it",
        (sweep) => rates(widest(sweep)),
      ],
      [
        "the narrowest keeps its rate between # and # over the last five eighths",
        (sweep) => [least, most].map((of) => of(rates(narrowest(sweep), 3))),
      ],
      ["ends # % of the distance away at P/nM = 4.0", (sweep) => apart(widest(sweep))],
      [
        "# entries cross in the widest network, and # times",
        (sweep) => [near(widest(sweep).events.crossings), near(widest(sweep).events.ambiguous)],
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/paper/dnn-width.yaml --set scale=0.2",
    long: true,
    says: [
      dnnTable(["0.6", "1.3", "2.1", "3.0", "4.1"]),
      ["The widest network's rate is #, #, #, #, #, #, # and #: a plateau", (sweep) => rates(widest(sweep))],
      [
        "second run ends # % of the distance away, # % off in the loss",
        ({ where }) => [apart(where()[3]), shade(where()[3])],
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/paper/resnet-depth.yaml",
    label: "full size",
    long: true,
    says: [
      tableOf(
        "layers, P/nM",
        ["8, 0.91", "10, 1.1", "12, 1.3", "14, 1.5", "16, 1.7"],
        resnetColumns(1, false),
      ),
      [
        "falls over eighths of the time, from the second on from # to # with 8 layers and from # to # with 16.",
        (sweep) => [narrowest(sweep), widest(sweep)].flatMap((run) => ends(rates(run, 1))),
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command:
      "npx gradflow sweep configs/paper/resnet-depth.yaml --set scale=0.2 --set flow.tEnd=3 --set flow.errorCheck=true",
    long: true,
    says: [
      tableOf(
        "layers, P/nM",
        ["8, 0.95", "10, 1.2", "12, 1.4", "14, 1.6", "16, 1.8"],
        resnetColumns(3, true),
      ),
      [
        "falls with 8 layers, from the second eighth on, from # to #.",
        (sweep) => ends(rates(narrowest(sweep), 1)),
      ],
      [
        "With 16 it falls from # to # and then rises to #.",
        (sweep) => {
          const [first, ...others] = rates(widest(sweep), 1);
          return [first, least(others), others.at(-1)];
        },
      ],
      [
        "With 14 layers it stays within # to # over the last five eighths",
        ({ where }) => [least, most].map((of) => of(rates(where("hidden-14x100")[0], 3))),
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/paper/gcn-width.yaml",
    label: "full size",
    long: true,
    says: [
      tableOf("P/nM", ["0.29", "0.60", "1.3", "2.1", "3.0"], gcnColumns(false)),
      [
        "is #, #, #, # and # in the last eighth of the time, from the narrowest to the widest, # to # at its lowest.",
        ({ where }) => {
          const all = where().map((run) => rates(run));
          return [...all.map((own) => own.at(-1)), ...[least, most].map((of) => of(all.map(least)))];
        },
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/paper/gcn-width.yaml --set scale=0.2 --set flow.errorCheck=true",
    long: true,
    says: [
      tableOf("P/nM", ["0.3", "0.6", "1.3", "2.1", "3.0"], gcnColumns(true)),
      [
        "The widest network's rate is # at its lowest and # to # over the last five eighths.",
        (sweep) => {
          const late = rates(widest(sweep), 3);
          return [least(rates(widest(sweep))), least(late), most(late)];
        },
      ],
    ],
  },
];
