// What docs/papers.md quotes of its sweeps, for quotes.js.
import { fitPower, meanInterval } from "../../dist/figure/power-fit.js";
import { distance } from "../../dist/linalg/norm.js";
import { near } from "./quoting.js";

const median = (values) => {
  const sorted = [...values].sort((p, q) => p - q);
  const half = (sorted.length - 1) / 2;
  return (sorted[Math.floor(half)] + sorted[Math.ceil(half)]) / 2;
};
const range = (values) => [Math.min(...values), Math.max(...values)];
const sum = (values) => values.reduce((total, value) => total + value, 0);
/** A mean and the ends of its interval. */
const withInterval = (values) => {
  const { mean, interval } = meanInterval(values);
  return [mean, ...interval];
};
/** The row of a run's series.csv nearest to a time. */
const rowAt = (run, t) =>
  run.table("series").reduce((best, row) => (Math.abs(row.t - t) < Math.abs(best.t - t) ? row : best));

/** Some tens of near arrivals, of which another processor may have one or two more. */
const roughly = (value) => ({ value, within: 0.1 });

const SLOPES = [0.1, 0.01, 0.001, 0.0001];
/** Runs of one slope of the activation, by seed. */
const ofSlope = ({ runs }, slope) =>
  Array.from({ length: 10 }, (_, seed) => runs[`slope-${slope}_seed-${seed}`]);
/** Times at which entries came to their boundaries. */
const arrivals = (run) => [
  ...new Set(
    run
      .table("events")
      .filter(({ t, kind }) => t > 0 && kind !== "leavesSliding")
      .map(({ t }) => t),
  ),
];
/** ‖θ − θ′‖ at a time, θ′ of the ReLU network. */
const fromLimit = (sweep, slope, t) => {
  const limits = ofSlope(sweep, 0);
  return ofSlope(sweep, slope).map((run, seed) => {
    const { snapshot } = rowAt(run, t);
    return distance(run.snapshot(snapshot), limits[seed].snapshot(snapshot));
  });
};

const LEMMAS = {
  page: "docs/papers.md",
  command: "npx gradflow sweep configs/papers/lemmas.yaml",
  says: [
    ...[0, ...SLOPES].map((slope) => [
      `| slope ${slope} | # | # | # % | # % |`,
      (sweep) => {
        const runs = ofSlope(sweep, slope);
        const count = sum(runs.map((run) => arrivals(run).length));
        return [
          near(count),
          sum(runs.map(({ events }) => events.coincidences)),
          (100 * sum(runs.map(({ events }) => events.corners))) / count,
          (100 * sum(runs.map(({ events, time }) => events.timeSliding / time))) / runs.length,
        ];
      },
    ]),
    [
      "no coincidence in # arrivals",
      ({ runs }) => near(sum(Object.values(runs).map((run) => arrivals(run).length))),
    ],
    [
      "along up to # boundaries at once",
      ({ runs }) => Math.max(...Object.values(runs).map(({ events }) => events.maxSliding)),
    ],
    [
      "of # arrivals that follow another, # come within a hundredth of the time passed, # within a thousandth, # within a ten-thousandth",
      ({ runs }) => {
        const gaps = Object.values(runs).flatMap((run) =>
          arrivals(run).flatMap((t, k, all) => (k === 0 ? [] : [(t - all[k - 1]) / t])),
        );
        return [
          near(gaps.length),
          ...[1e-2, 1e-3, 1e-4].map((most) => roughly(gaps.filter((gap) => gap < most).length)),
        ];
      },
    ],
    ...[0.03125, 1, 32].map((t) => [
      `| t = ${t} | # | # to # |`,
      ({ runs }) => {
        const used = Object.values(runs).map((run) => rowAt(run, t).growthRatio);
        return [median(used), ...range(used)];
      },
    ]),
    ...[1, 8, 32].map((t) => [
      `| ${t} | # | # | # | # | # (# to #) |`,
      (sweep) => {
        const found = SLOPES.map((slope) => fromLimit(sweep, slope, t));
        const powers = found[0].map(
          (_, seed) => fitPower(SLOPES.map((slope, k) => [slope, found[k][seed]])).slope,
        );
        return [...found.map(median), ...withInterval(powers)];
      },
    ]),
    [
      "from # at t = 1 to # and more at t = 32",
      (sweep) => [1, 32].map((t) => median(fromLimit(sweep, 0.0001, t)) / 0.0001),
    ],
  ],
};

/** Runs of one kind of network, at one gain of the initialisation where asked. */
const ofKind = ({ runs }, kind, gain) =>
  Object.values(runs).filter(
    ({ config: { model } }) => model.kind === kind && (gain === undefined || model.init.gain === gain),
  );
/** Rows at which λ_max was taken. */
const curved = (run) => run.table("series").filter((row) => typeof row["sharpness.1"] === "number");
/** Power of λ_max along one run by another column. */
const powerAlong = (run, column) =>
  fitPower(curved(run).map((row) => [row[column], row["sharpness.1"]])).slope;
/** ⟨θ, ∇L⟩ over L(0), its first and its least value along a run. */
const dissipation = (run) => {
  const { dissipation: first } = run.table("series")[0];
  return [first, run.measured.dissipation.minimum].map((value) => value / run.initialLoss);
};
const GAINS = [1, 2, 4];

const SMOOTHNESS = {
  page: "docs/papers.md",
  command: "npx gradflow sweep configs/papers/smoothness.yaml",
  says: [
    ...["dnn", "resnet", "transformer"].map((kind) => [
      `| ${kind} | # (# to #) | # (# to #) | # (# to #) | # to # | # to # |`,
      (sweep) => {
        const runs = ofKind(sweep, kind);
        // A start is one seed at three gains.
        const starts = [...new Set(runs.map(({ config }) => config.seed))].map((seed) =>
          runs.filter(({ config }) => config.seed === seed),
        );
        const over = (read) => starts.map((own) => fitPower(own.map(read)).slope);
        const first = (run) => curved(run)[0];
        const ratio = ({ maximum, minimum }) => maximum / minimum;
        return [
          ...withInterval(over((run) => [first(run).parameterNorm, first(run)["sharpness.1"]])),
          ...withInterval(
            over(({ measured }) => [measured.parameterNorm.maximum, measured["sharpness.1"].maximum]),
          ),
          ...withInterval(runs.map((run) => powerAlong(run, "gradientNorm"))),
          ...range(runs.map(({ measured }) => ratio(measured.parameterNorm))),
          ...range(runs.map(({ measured }) => ratio(measured["sharpness.1"]))),
        ];
      },
    ]),
    ...["dnn", "resnet", "transformer"].map((kind) => [
      `| ${kind} | # to # | # to # | # to # | # to # | # to # | # to # |`,
      (sweep) =>
        [0, 1].flatMap((k) =>
          GAINS.flatMap((gain) => range(ofKind(sweep, kind, gain).map((run) => dissipation(run)[k]))),
        ),
    ]),
  ],
};

const NONDEGENERACY = {
  page: "docs/papers.md",
  command: "npx gradflow sweep configs/papers/nondegeneracy.yaml",
  says: [
    [
      "in # of # runs at θ₀",
      ({ runs }) => {
        const all = Object.values(runs);
        return [all.filter(({ ntk }) => ntk.initial.lambdaMin.kind === "certified").length, all.length];
      },
    ],
    ...["identity", "scale-0"].flatMap((shortcut) => {
      const depths = [1, 2, 4, 8, 16];
      const name = shortcut === "identity" ? "residual" : "plain";
      const reads = [
        ["at θ₀", ({ ntk }) => ntk.initial.lambdaMin.value],
        ["least", ({ ntk }) => ntk.lambdaZero],
      ];
      const at = (sweep, depth) => sweep.where(`shortcut-${shortcut}`, `times-${depth}`);
      return reads.map(([when, read]) => [
        `| ${name}, ${when} | # | # | # | # | # | # (# to #) |`,
        (sweep) => {
          const { slope, interval } = fitPower(
            depths.flatMap((depth) => at(sweep, depth).map((run) => [depth, Math.sqrt(read(run))])),
          );
          return [
            ...depths.map((depth) => Math.sqrt(median(at(sweep, depth).map(read)))),
            slope,
            ...interval,
          ];
        },
      ]);
    }),
  ],
};

/** The least μ along a flow were L* a value, over that with L* = 0. */
const leastRatio = (run, value) => {
  const rows = run.table("series");
  const least = (bottom) =>
    Math.min(
      ...rows
        .filter(({ loss }) => loss > bottom)
        .map(({ gradientNorm, loss }) => gradientNorm ** 2 / (loss - bottom)),
    );
  return least(value) / least(0);
};
/** What L* might be taken to be, and its value for a run. */
const BOTTOMS = [
  ["half the last loss", (run) => run.loss / 2],
  ["nine tenths of it", (run) => 0.9 * run.loss],
  ["−L(0)/10 000", (run) => -1e-4 * run.initialLoss],
  ["−L(0)/100", (run) => -1e-2 * run.initialLoss],
];

const STATIONARY = ["sequences", "digits"].map((name) => ({
  page: "docs/papers.md",
  command: `npx gradflow sweep configs/papers/stationary-${name}.yaml`,
  says: [
    [
      `| ${name} | # to # | # to # | # to # | # to # | # to # |`,
      ({ runs }) => {
        const all = Object.values(runs);
        // L* = 0: ‖∇L‖² = μL, which descent's table has too.
        const fallen = (table) => {
          const norms = table.map(({ polyakLojasiewicz: mu, loss }) => Math.sqrt(mu * loss));
          return norms.at(-1) / norms[0];
        };
        const least = ({ measured }) => measured.polyakLojasiewicz.minimum;
        const bound = ({ ntk, samples }) => (2 / samples) * ntk.lambdaZero;
        return [
          ...[
            ...range(all.map((run) => fallen(run.table("series")))),
            ...range(all.map((run) => fallen(run.table("descent")))),
          ],
          ...[...range(all.map(least)), ...range(all.map(bound))],
          ...range(all.map((run) => least(run) / bound(run))),
        ];
      },
    ],
    ...BOTTOMS.map(([what, value]) => [
      `| ${name}, L* = ${what} | # | # to # |`,
      ({ runs }) => {
        const ratios = Object.values(runs).map((run) => leastRatio(run, value(run)));
        return [median(ratios), ...range(ratios)];
      },
    ]),
  ],
}));

export const PAPERS_QUOTES = [LEMMAS, SMOOTHNESS, NONDEGENERACY, ...STATIONARY];
