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
const gradients = ({ gradientEvaluations, errorCheck }) => [
  near(gradientEvaluations),
  near(errorCheck.gradientEvaluations),
];
/** The first time at which the recorded sharpness is above a value. */
const passes = (value) => (run) =>
  run.table("series").find(({ sharpness }) => sharpness !== "" && sharpness > value)?.sharpnessTime;

/**
 * A whole table of the page, the runs of a sweep in rows by P/nM: one text, so that tables of two sizes may have like rows.
 * @param {string} header its first line
 * @param {string[]} keys first cells
 * @param {string} cells the others, `#` for each number
 * @param {(run: any) => any[]} read
 */
const tableOf = (header, keys, cells, read) => [
  `${header} ${header.replace(/[^|]+/g, "---")} ${keys.map((key) => `| ${key} | ${cells} |`).join(" ")}`,
  ({ where }) => where().flatMap(read),
];

const DNN_HEADER =
  "| P/nM | flow's loss at t = 200 | shade, at most | descent's loss | above the flow, late | sharpness passes 100 | at t = 200 | R² | gradients: flow, second run | slide at once |";
const dnnTable = (keys) =>
  tableOf(DNN_HEADER, keys, "# | # % | # | # % | t = # | # | # | #, # | #", (run) => [
    ...[run.loss, shade(run), run.descent[0].loss, above(run), passes(100)(run), run.sharpness.value],
    ...[run.decay.rSquared, ...gradients(run), near(run.events.maxSliding)],
  ]);

/** Both sizes of a figure: the entries differ in their command, the table's keys, and what else the page says of each. */
const DNN = [
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/paper/dnn-width.yaml",
    label: "full size",
    long: true,
    says: [
      dnnTable(["0.60", "1.3", "2.1", "3.0", "4.0"]),
      [
        "The sharpness passes what descent bears, 2/η = 100, at t = # (widest) to # (narrowest), and from t = # to # on the losses are 5 % apart.",
        ({ where }) => {
          const [narrowest, ...others] = where();
          const widest = others.at(-1);
          return [passes(100), apartFrom(0.05)].flatMap((read) => [read(widest), read(narrowest)]);
        },
      ],
      [
        "The widest network's rate over eighths of the time is #, #, #, #, #, #, # and #: it",
        ({ where }) => rates(where().at(-1)),
      ],
      [
        "the narrowest keeps its rate between # and # over the last five eighths",
        ({ where }) => {
          const own = rates(where()[0], 3);
          return [Math.min(...own), Math.max(...own)];
        },
      ],
      ["ends # % of the distance away at P/nM = 4.0", ({ where }) => apart(where().at(-1))],
      [
        "# entries cross in the widest network, and # times",
        ({ where }) => {
          const { crossings, ambiguous } = where().at(-1).events;
          return [near(crossings), near(ambiguous)];
        },
      ],
    ],
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/paper/dnn-width.yaml --set scale=0.2",
    long: true,
    says: [
      dnnTable(["0.6", "1.3", "2.1", "3.0", "4.1"]),
      [
        "The widest network's rate is #, #, #, #, #, #, # and #: a plateau",
        ({ where }) => rates(where().at(-1)),
      ],
      [
        "second run ends # % of the distance away, # % off in the loss",
        ({ where }) => [apart(where()[3]), shade(where()[3])],
      ],
    ],
  },
];

/** @type {import("./quoting.js").Entry[]} */
export const PAPER_FIGURES_QUOTES = [
  ...DNN,
  {
    page: "docs/studies.md",
    command:
      "npx gradflow sweep configs/paper/resnet-depth.yaml --set scale=0.2 --set flow.tEnd=3 --set flow.errorCheck=true",
    long: true,
    says: ["8", "12", "16"].map((layers, k) => [
      `| ${layers} | # | # | # | # % | # | #, # | #, # | # | # % |`,
      ({ where }) => {
        const run = where()[k];
        const { perTarget, initialLoss, loss, descent, sharpness, decay } = run;

        return [
          ...[perTarget, initialLoss, loss, shade(run), descent[0].loss, ...gradients(run)],
          ...[sharpness.largest, sharpness.value, decay.rSquared, apart(run)],
        ];
      },
    ]),
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/paper/gcn-width.yaml --set scale=0.2 --set flow.errorCheck=true",
    long: true,
    says: ["0.3", "1.3", "3.0"].map((perTarget, k) => [
      `| ${perTarget} | # | # % | # | #, # | # | t = # | # | # % |`,
      ({ where }) => {
        const run = where()[k];
        const { loss, descent, sharpness, decay } = run;

        return [
          ...[loss, shade(run), descent[0].loss, ...gradients(run), sharpness.value],
          ...[passes(20)(run), decay.rSquared, apart(run)],
        ];
      },
    ]),
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/paper/resnet-depth.yaml",
    label: "full size",
    long: true,
    says: ["8", "12", "16"].map((layers, k) => [
      `| ${layers} | # | # | # | # | # | #, # | # |`,
      ({ where }) => {
        const { perTarget, initialLoss, loss, descent, gradientEvaluations, sharpness, events } = where()[k];
        return [
          ...[perTarget, initialLoss, loss, descent[0].loss, near(gradientEvaluations)],
          ...[sharpness.largest, sharpness.value, near(events.crossings)],
        ];
      },
    ]),
  },
  {
    page: "docs/studies.md",
    command: "npx gradflow sweep configs/paper/gcn-width.yaml",
    label: "full size",
    long: true,
    says: ["0.29", "1.3", "3.0"].map((perTarget, k) => [
      `| ${perTarget} | # | # | # | # | t = # | # |`,
      ({ where }) => {
        const run = where()[k];
        const { loss, descent, gradientEvaluations, sharpness, events } = run;
        return [
          ...[loss, descent[0].loss, near(gradientEvaluations), sharpness.value, passes(20)(run)],
          near(events.crossings),
        ];
      },
    ]),
  },
];
