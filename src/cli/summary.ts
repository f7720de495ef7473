/** The outcome of a run as text for a person. */
import { join } from "node:path";
import { describeImportCheck } from "../record/import-check.js";
import {
  type DecayFit,
  type DescentResult,
  describeLaw,
  type ErrorCheckResult,
  type EventsResult,
  energyTerms,
  type RunResult,
  type SharpnessResult,
  type SmoothingResult,
  type StabilityResult,
  type StableRateResult,
  whyNoError,
} from "../record/result.js";
import { describeFlows } from "./flows-summary.js";
import { formatColumns, formatDuration, formatNumber, formatPath, roundTimes } from "./format.js";
import { describeKernel } from "./kernel-summary.js";

/** Lines of a run's outcome; the last names the figure to open, or the record where none was drawn. */
export function summarise(result: RunResult): string {
  return [
    `${result.status}: ${roundTimes(result.message)}`,
    ...(result.method === "none" ? [] : ["", ...describeFlow(result)]),
    ...describeKernel(result.ntk),
    ...describeMeasured(result),
    ...describeDescents(result.descent),
    ...describeFlows(result),
    ...describeStability(result.stability ?? null),
    ...describeSmoothing(result.smoothing),
    ...(result.notes.length === 0 ? [] : ["", ...result.notes.map((note) => `note: ${note}`)]),
    "",
    ...describePlaces(result),
    "",
  ].join("\n");
}

function describePlaces({ figures, record }: RunResult): string[] {
  const figure = figures.find((file) => file.endsWith(".png")) ?? figures[0];
  return [
    `record: ${formatPath(record)}`,
    ...(figure === undefined ? [] : [`figure: ${formatPath(join(record, figure))}`]),
  ];
}

/** The facts of an integration, one a line. */
function describeFlow(result: RunResult): string[] {
  const { accepted, rejected } = result.steps;
  const { time, canonicalTime, notSquared = null, dataLoss, logTime, logLoss } = result;
  const isLogClock = logTime !== undefined;
  const { drop, integral } = energyTerms(result);
  const hasMomentum = result.descent.some(({ law }) => law !== "gradient");
  const clock = hasMomentum ? "steps k = t(1 − β)/η" : "GD steps k = t/η";
  const facts: [string, string][] = [
    ["loss L", `${formatNumber(result.initialLoss)} → ${formatNumber(result.loss)}${describeFall(result)}`],
    ...(dataLoss === undefined
      ? []
      : [["of the data", `${formatNumber(dataLoss)} at the end, without weight decay`] as [string, string]]),
    [
      "flow time",
      `t = ${formatNumber(time)}, ${notSquared === null ? `canonical time τ = 2ct = ${formatNumber(canonicalTime)}, ` : ""}${clock}`,
    ],
    ...(isLogClock
      ? [
          [
            "logarithms",
            `ln L = ${formatNumber(logLoss ?? null, 8)} at ln t = ${formatNumber(logTime, 8)}`,
          ] as [string, string],
        ]
      : []),
    [
      "energy defect",
      `${formatNumber(result.energyDefect)} (relative; ${drop} against ${integral}${isLogClock ? ", dτ = L dt" : ""})`,
    ],
    notSquared === null
      ? ["decay of ‖r‖²", describeDecay(result.decay)]
      : ["not defined", `canonical time, ‖r‖, λ_eff, decay of ‖r‖²: ${notSquared}`],
    ...describePhases(result),
    ...(result.sharpness === null
      ? []
      : [["sharpness", describeSharpness(result.sharpness)] as [string, string]]),
    ...(result.errorCheck === null
      ? []
      : [
          ["solver's error", describeErrorCheck(result.errorCheck)] as [string, string],
          ...describeGaps(result.errorCheck),
        ]),
    ...(result.events === null ? [] : [["boundaries", describeEvents(result.events)] as [string, string]]),
    [
      "cost",
      `${result.gradientEvaluations} gradients${atKinks(result)} in ${formatDuration(result.gradientSeconds)}, ${accepted} steps and ${rejected} rejected, ${formatDuration(result.wallSeconds)} in all`,
    ],
    [
      "network",
      `P = ${result.parameters} parameters, nM = ${result.samples} × ${result.outputs} = ${result.samples * result.outputs} targets`,
    ],
    ...(result.importCheck == null
      ? []
      : [["ONNX file", describeImportCheck(result.importCheck)] as [string, string]]),
    [
      "computed by",
      `${result.method}, boundaries ${result.boundaries}; ${describeEngine(result)}, ${count(result.threads, "thread")}`,
    ],
  ];
  return facts.map(([name, text]) => `  ${name.padEnd(15)}${text}`);
}

function describeFall({ initialLoss, loss }: RunResult): string {
  if (initialLoss === null || loss === null) return "";
  const factor = initialLoss / loss;
  if (factor > 1) return Number.isFinite(factor) ? `, fallen by a factor of ${formatNumber(factor, 3)}` : "";
  return loss > initialLoss ? `, RISEN by a factor of ${formatNumber(1 / factor, 3)}` : "";
}

function describeDecay(fit: DecayFit | null): string {
  if (fit === null) return "not fitted (too few rows in the window)";
  const [from, to] = fit.window;
  const name = fit.law === "exponential" || fit.law === "nearly" ? "∝" : "fitted";
  return `${name} exp(${formatNumber(-fit.rate)} t) for t in [${formatNumber(from)}, ${formatNumber(to)}], R² = ${formatNumber(fit.rSquared, 5)}; 4cλ_eff there ${formatNumber(fit.meanRateFromLambdaEff)}; ${describeLaw(fit, (rate) => formatNumber(rate, 3))}`;
}

function describePhases({ phases }: RunResult): [string, string][] {
  if (phases.length === 0) return [];
  const parts = phases.map(({ t, method }) => (t === 0 ? method : `${method} from t = ${formatNumber(t)}`));
  const shown = parts.length > 6 ? [...parts.slice(0, 6), `${parts.length - 6} more changes`] : parts;
  return [["methods", shown.join(", ")]];
}

function describeSharpness(sharpness: SharpnessResult): string {
  const { value, time, largest, hessianProducts, share } = sharpness;
  return `λ_max(∇²L) = ${formatNumber(value)} at t = ${formatNumber(time)}, at most ${formatNumber(largest)}; ${hessianProducts} Hessian products, ${formatNumber(100 * share, 2)} % of the gradients`;
}

function describeErrorCheck(check: ErrorCheckResult): string {
  const { error, relativeToParameters, relativeToDistance, tighterRtol } = check;
  const why = whyNoError(check);
  if (why !== null) return `not known: ${why}`;
  return `${formatNumber(error)} at the end, ${formatNumber(relativeToParameters)} of ‖θ‖ and ${formatNumber(relativeToDistance)} of the distance moved; by a run at rtol ${formatNumber(tighterRtol)}`;
}

/** The gap from descent to the second run, whose θ is θ* here, and what of the first run's gap is the solver's error; see `GapSplit`. */
function describeGaps(check: ErrorCheckResult): [string, string][] {
  const { gaps, tighterRtol } = check;
  const worth = whyNoError(check) === null ? ", the solver's error" : " is no measure of the solver's error";
  return gaps.map(({ learningRate, time, gap, solverError }) => [
    `gap, η = ${formatNumber(learningRate)}`,
    `‖θ* − θₖ‖ = ${formatNumber(gap)} at t = ${formatNumber(time)}, θ* of the run at rtol ${formatNumber(tighterRtol)}; ‖θ − θ*‖ = ${formatNumber(solverError)}${worth}`,
  ]);
}

/** What an exact run has spent beside its gradients, which is most of it where much slides. */
function atKinks({ events }: RunResult): string {
  const work = events?.gradientEquivalents;
  return work === undefined ? "" : `, the work of ${formatNumber(work, 3)} with all that kinks take,`;
}

function describeEvents(events: EventsResult): string {
  const {
    crossings,
    slidingEntries = 0,
    slidingExits = 0,
    maxSliding = 0,
    firstSliding,
    chattering,
  } = events;
  const slides =
    events.slidingEntries === undefined
      ? `${chattering ?? 0} entries chattered`
      : firstSliding === null || firstSliding === undefined
        ? "no sliding"
        : `${slidingEntries} entries into and ${slidingExits} exits from sliding, up to ${maxSliding} at once, first at t = ${formatNumber(firstSliding)}`;
  return `${crossings} crossings, ${slides}`;
}

function describeStability(stability: StabilityResult | null): string[] {
  if (stability === null) return [];
  const { steps, limit, sharpness, monotone, linear } = stability;
  const upTo = ({ learningRate, failsAt }: StableRateResult): string =>
    learningRate === null
      ? "at no rate tried"
      : failsAt === null
        ? `at all rates tried, up to η = ${formatNumber(learningRate, 5)}`
        : `up to η = ${formatNumber(learningRate, 5)}`;
  const curvature =
    limit === null
      ? `λ_max(θ₀) = ${formatNumber(sharpness)} is not positive`
      : `what λ_max(θ₀) = ${formatNumber(sharpness)} allows is ${formatNumber(limit, 5)}`;
  return [
    "",
    `  descent from θ₀ over ${steps} steps: falls at each ${upTo(monotone)}${linear === null ? "" : `, linearly ${upTo(linear)}`}; ${curvature}`,
  ];
}

function describeSmoothing(results: readonly SmoothingResult[]): string[] {
  if (results.length === 0) return [];
  const rows = results.map(({ halfWidth, parameterDistance, gradientEvaluations, status }) => [
    formatNumber(halfWidth),
    formatNumber(parameterDistance),
    String(gradientEvaluations),
    status,
  ]);
  return [
    "",
    "  flow of the smoothed network, an approximation, at the end of the run",
    ...formatColumns([["ε", "‖θ_ε − θ‖", "gradients", "status"], ...rows]),
  ];
}

/** Columns of one measure that the summary has room for. */
const MOST_COLUMNS = 4;

/** What the measures found, a row for each column of each curve, and what each of them cost. */
function describeMeasured({ measures, measured, descent, flows, ...run }: RunResult): string[] {
  if (measures.length === 0) return [];
  const curves = [
    { name: "flow", extents: measured },
    ...descent.map(({ learningRate, measured: extents }) => ({
      name: `${descent[0]?.batch == null ? "GD" : "SGD"} η = ${formatNumber(learningRate, 6)}`,
      extents,
    })),
    ...flows.map(({ label, learningRate, measured: extents }) => ({
      name: `${label}, η = ${formatNumber(learningRate, 6)}`,
      extents,
    })),
  ];
  const shown = measures.map(({ columns: own }) => own.slice(0, MOST_COLUMNS));
  const left = measures.reduce((sum, { columns: own }) => sum + own.length, 0) - shown.flat().length;
  const rows = shown.flatMap((own) =>
    own.flatMap(({ name, label }) =>
      curves.flatMap(({ name: curve, extents }) => {
        const extent = extents[name];
        if (extent === undefined) return [];
        const { last, minimum, minimumTime, maximum, maximumTime } = extent;
        return [
          [label, curve, ...[last, minimum, minimumTime, maximum, maximumTime].map((x) => formatNumber(x))],
        ];
      }),
    ),
  );
  const costs = measures.map(({ name, times, gradientEquivalents, seconds }) => {
    const share = `${formatNumber((100 * seconds) / run.wallSeconds, 2)} %`;
    return `  ${name}: taken ${count(times, "time")}, the work of ${formatNumber(gradientEquivalents, 3)} gradients (the flow took ${run.gradientEvaluations}), ${formatDuration(seconds)}, ${share} of the run`;
  });
  const head = ["measured", "on", "at the end", "least", "at t", "most", "at t"];
  return [
    "",
    ...(rows.length === 0 ? [] : formatColumns([head, ...rows])),
    ...(left === 0 ? [] : [`  and ${count(left, "more column")} in result.json`]),
    ...costs,
  ];
}

/** One row per learning rate: the third clock, and how far descent is from the flow at t = kη. */
function describeDescents(descents: readonly DescentResult[]): string[] {
  if (descents.length === 0) return [];
  const flips = descents.some((run) => run.flips !== null);
  const [{ law, momentum, batch, sampling }] = descents as readonly [DescentResult];
  const hasMomentum = law !== "gradient";
  const head = [
    "η",
    "steps k",
    hasMomentum ? "t = kη/(1−β)" : "t = kη",
    "loss",
    "‖θ − θₖ‖",
    "‖F − Fₖ‖",
    "|L − Lₖ|",
    ...(flips ? ["flips"] : []),
    "",
  ];
  const rows = descents.map((run) => [
    formatNumber(run.learningRate, 6),
    String(run.steps),
    ...[run.time, run.loss, run.parameterGap, run.functionGap, run.lossGap].map((value) =>
      formatNumber(value),
    ),
    ...(flips ? [formatNumber(run.flips)] : []),
    run.diverged ? `diverged${run.divergedAtStep === null ? "" : ` at step ${run.divergedAtStep}`}` : "",
  ]);
  return [
    "",
    `  ${batch === null ? "" : "stochastic "}gradient descent${batch === null ? "" : `, batches of ${batch} (${sampling})`}${hasMomentum ? `, ${law} β = ${formatNumber(momentum, 4)}` : ""}, compared with the flow at its last step${descents.some((run) => run.diverged) ? " (where it diverged: at the last one compared before)" : ""}`,
    ...formatColumns([head, ...rows]),
  ];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** `onnx, float64`; the device where it is no matter of course, the state where it is not float64. */
function describeEngine({ engine, device, dtype, state }: RunResult): string {
  const where = engine === "tfjs" || device !== "cpu" ? `${engine}:${device}` : engine;
  return `${where}, ${dtype}${state === "resident" ? `, state resident in ${dtype}` : ""}`;
}
