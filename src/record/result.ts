/** What `result.json` holds: the outcome of one run as a reader, a script or `--json` sees it. */
import type { ImportCheckResult } from "./import-check.js";

/** Energy defects above this mean that the gradient along the curve is not the flow's: its energy is off in the first digit. */
export const MOST_ENERGY_DEFECT = 0.1;

/** What the energy identity of a run compares: in the clock of ln L, whose runs have a `logLoss`, it is that of ln L. */
export function energyTerms({ logLoss }: { readonly logLoss?: number | null }) {
  return logLoss === undefined
    ? { loss: "L", drop: "L(0) − L(t)", integral: "∫‖∇L‖² ds" }
    : { loss: "ln L", drop: "ln L(0) − ln L(t)", integral: "∫‖∇ln L‖² dτ" };
}

/** The fitted law ‖r(t)‖² ∝ exp(−rate·t). */
export interface DecayFit {
  /** First and last flow time of the fit. */
  readonly window: readonly [from: number, to: number];
  readonly rate: number;
  readonly rSquared: number;
  /** Mean of 4cλ_eff over the window: what the gradient itself says the rate is. */
  readonly meanRateFromLambdaEff: number;
  /** Mean rates of the window's thirds, the fall of ln‖r‖² over all of it, and whether one rate holds. Absent in records of older versions. */
  readonly rates?: readonly number[];
  readonly logFall?: number;
  readonly law?: string;
}

const SMALL_FALL = "too few rows, or too small a fall, to tell an exponential from a power of t";

/** What a fit says of the law of the decay. @param format numbers */
export function describeLaw({ law, rates = [] }: DecayFit, format: (value: number) => string): string {
  const thirds =
    rates.length < 2 ? "" : `rate ${rates.map((rate) => format(rate)).join(", ")} over its thirds`;
  if (law === undefined) return "R² alone does not tell an exponential from a power of t";
  if (law === "untold") return [SMALL_FALL, thirds].filter((words) => words !== "").join("; ");
  const name = { exponential: "exponential", nearly: "nearly exponential" }[law] ?? "no exponential";
  return thirds === "" ? name : `${name}: ${thirds}`;
}

/** The largest rise of the loss above the least before it, which no gradient flow has. */
export interface LossRise {
  readonly from: number;
  readonly fromTime: number;
  readonly to: number;
  readonly time: number;
}

/** Least and largest value of a column, the first times at which, and the value in its last row that has one. */
export interface Extent {
  readonly minimum: number;
  readonly minimumTime: number;
  readonly maximum: number;
  readonly maximumTime: number;
  readonly last: number;
  readonly lastTime: number;
}

/** By column of series.csv or descent.csv; columns without a value are absent. */
export type Extents = Readonly<Record<string, Extent>>;

/** What a measure took, of flow and descents together. */
export interface MeasureResult {
  readonly name: string;
  /** Its columns, whose values are in `measured`. */
  readonly columns: readonly { readonly name: string; readonly label: string }[];
  /** Rows at which it was taken. */
  readonly times: number;
  /** Its evaluations by their arithmetic, beside the run's own gradients. */
  readonly gradientEquivalents: number;
  readonly seconds: number;
}

/** The largest ‖θ(t) − θₖ‖ of a descent over the compared steps, and the largest part that it is of ‖θ(t) − θ₀‖. */
export interface LargestGap {
  readonly absolute: number;
  readonly absoluteTime: number;
  readonly relative: number | null;
  readonly relativeTime: number | null;
}

/** One gradient-descent trajectory beside the flow at the last step that was compared; one that diverged went on to `divergedAtStep`. */
export interface DescentResult {
  readonly learningRate: number;
  /** gradient, momentum or nesterov, and β, 0 of the first. */
  readonly law: string;
  readonly momentum: number;
  /** Samples of a batch and how they are drawn; null where every step takes all samples. */
  readonly batch: number | null;
  readonly sampling: string | null;
  /** The step to which the numbers below belong; 0 where none was compared. */
  readonly steps: number;
  /** steps · learningRate, over 1 − β where there is momentum, on the clock of the flow, and not beyond tEnd for rounding. */
  readonly time: number;
  readonly loss: number | null;
  readonly parameterGap: number | null;
  readonly functionGap: number | null;
  readonly lossGap: number | null;
  readonly diverged: boolean;
  readonly divergedAtStep: number | null;
  /** Changes of activation pieces between successive steps; null unless descent.countFlips asked for them. */
  readonly flips: number | null;
  /** Where the sharpness lies above it descent is unstable: 2/η, 2(1 + β)/η of momentum, 2(1 + β)/((1 + 2β)η) of nesterov. */
  readonly sharpnessLimit: number;
  /** Null where no step was compared. */
  readonly largestGap: LargestGap | null;
  readonly measured: Extents;
}

/** A flow beside one descent at the last step that it was compared at. */
export interface FlowResult {
  /** As in `compare.flows`, or `gradient` of gradient flow; and in words. */
  readonly kind: string;
  readonly label: string;
  readonly learningRate: number;
  /** The step to which the numbers below belong, and its time; 0 where none was compared. */
  readonly steps: number;
  readonly time: number;
  /** Where the way to its θ began: with the run, or with the step, of a flow that is begun anew at each θ_{k−1}. */
  readonly begun: "run" | "step";
  /** ‖θ − θ_k‖; null where none was compared. */
  readonly distance: number | null;
  /** The same from descent's running average; null where none is taken. */
  readonly meanDistance: number | null;
  /** L at its θ. */
  readonly loss: number | null;
  /**
   * The last compared time up to which it was always within 5 % of the way that descent has gone, from θ₀ to θ_k or, where running averages are taken,
   * from descent's there, whichever is nearer; from θ_{k−1} to θ_k where it is begun with the step. Null where it was not even at the first.
   */
  readonly heldUntil: number | null;
  /** As of the run; descentDiverged; or why it ended before: notDefined, noSolution, nonFinite, stepTooSmall, maxSteps, which `message` says. */
  readonly status: string;
  readonly message: string | null;
  /** Its evaluations in gradients, by the arithmetic of the graphs; the run's gradientEvaluations leave them out. Null of gradient flow, whose they are. */
  readonly gradientEquivalents: number | null;
  /** Extents of what it says of descent and of what is measured on it, by column of flows.csv. */
  readonly measured: Extents;
  /** Means over the compared time of the same columns, each row standing for the time since the one before. */
  readonly means: Readonly<Record<string, number>>;
}

/** The leading gap e beside one descent, at the last compared step at which it is known. */
export interface GapResult {
  readonly learningRate: number;
  readonly steps: number;
  readonly time: number;
  /** ‖θ − θ_k‖, ‖e‖ and ‖θ − θ_k − e‖; null where none is known. */
  readonly gap: number | null;
  readonly leadingGap: number | null;
  readonly error: number | null;
  /** Of ‖e‖, by what drives them; null without compare.bound. */
  readonly bounds: { readonly suprema: number; readonly pointwise: number; readonly force: number } | null;
  /** The first compared time at which the gap was above the sharpest of them, which are bounds to first order in η alone; null where it never was. */
  readonly exceeded: number | null;
  /** The learning rate at which the theorem promises the largest gap that was measured; null without compare.bound. */
  readonly theoremLearningRate: number | null;
  /** When the leading gap ended before the flow, and why; null where it did not. */
  readonly ended: number | null;
  readonly reason: string | null;
}

/** λ_max(∇²L) along the flow, by Lanczos on exact Hessian products. */
export interface SharpnessResult {
  /** The last measurement: time, value (never above λ_max), and residual ‖Hv − value·v‖. */
  readonly time: number;
  readonly value: number;
  readonly residual: number;
  /** The largest of all measurements. */
  readonly largest: number;
  readonly measurements: number;
  /** Hessian products, and the same in gradients by their arithmetic, as a part of the run's gradients. */
  readonly hessianProducts: number;
  readonly gradientEquivalents: number;
  readonly share: number;
}

/** From when on which method ran under flow.method: auto. */
export interface PhaseResult {
  readonly t: number;
  readonly method: string;
  readonly gradientEvaluations: number;
  readonly costBefore: number | null;
  readonly costPredicted: number | null;
}

/** The error that a second run at a tighter tolerance finds in the first (flow.errorCheck). */
export interface ErrorCheckResult {
  readonly rtol: number;
  readonly tighterRtol: number;
  readonly gradientEvaluations: number;
  readonly status: string;
  /** ‖θ − θ_tight‖ at the end; null where the second run did not get there, or took the very steps of the first. */
  readonly error: number | null;
  /** The same relative to ‖θ‖ and to ‖θ − θ0‖. */
  readonly relativeToParameters: number | null;
  readonly relativeToDistance: number | null;
  /** The gap to each descent split in two; none where descent diverged or the second run did not get there. */
  readonly gaps: readonly GapSplit[];
  /** Steps of the second run that erred by more than its tolerances; absent where there were none. */
  readonly forcedSteps?: number;
  /** The second run moved and came to the very same θ: limits of the step other than the tolerance decided both. Else absent. */
  readonly sameSteps?: true;
}

/** Why a check found no error, or none that measures the first run; null where it did. */
export function whyNoError(check: ErrorCheckResult): string | null {
  const { error, sameSteps, forcedSteps, status, tighterRtol } = check;
  const second = `the run at rtol ${Number(tighterRtol.toPrecision(3))}`;
  if (sameSteps) return `${second} took the very same steps, which says nothing of them`;
  if (error === null) return `${second} ended with ${status}`;
  return forcedSteps === undefined ? null : `${second} missed its own tolerance`;
}

/** θ_k − θ(t_k) = (θ_k − θ_tight(t_k)) + (θ_tight(t_k) − θ(t_k)), by norms: what was measured, the gap itself, the solver's error in it. */
export interface GapSplit {
  readonly learningRate: number;
  readonly time: number;
  readonly measuredGap: number;
  readonly gap: number;
  readonly solverError: number;
}

/** The flow of the network with its kinks smoothed to half-width ε, at the end of the run. */
export interface SmoothingResult {
  readonly halfWidth: number;
  /** ‖θ_ε − θ‖ at that time; null where the smoothed flow did not get there. */
  readonly parameterDistance: number | null;
  readonly loss: number | null;
  readonly gradientEvaluations: number;
  readonly status: string;
}

/** An entry that came to a repelling boundary and may have gone the other way. */
export interface BranchResult {
  /** Start of the step. */
  readonly t: number;
  readonly layer: number;
  readonly sample: number;
  readonly unit: number;
  readonly breakpoint: number;
  /** By how much its pre-activation missed the other way, and the error of pre-activations so far, root mean square. */
  readonly margin: number;
  readonly error: number;
  /** ‖difference of θ‖ where the flow ended, had it gone the other way and stayed there. */
  readonly reach: number;
}

/** What happened at the piece boundaries; fields that the treatment used cannot know are absent. */
export interface EventsResult {
  readonly crossings: number;
  readonly slidingEntries?: number;
  readonly slidingExits?: number;
  /** Slides that ended while their sample slid in another layer too: descent may end them elsewhere. */
  readonly coupledExits?: number;
  readonly maxSliding?: number;
  /** Instants after t = 0 at which an entry came to a boundary while others slid, and at which several came that nothing ties together. */
  readonly corners?: number;
  readonly coincidences?: number;
  /** Time during which at least one entry slides, and its sum over entries. */
  readonly timeSliding?: number;
  readonly entryTimeSliding?: number;
  readonly firstSliding?: number | null;
  /** Entries that start exactly on a breakpoint; for `exact` only those that can move off it. */
  readonly startOnBreakpoint?: number;
  /** Those of them that nothing decides about, and those that share their sample with one in another layer. */
  readonly startAmbiguous?: number;
  readonly startCoupled?: number;
  /**
   * Instants, t = 0 among them, on a repelling boundary: from there the solution is not unique. `stepping`: times that an entry came to one
   * within the error, and the ten of them that may displace θ most.
   */
  readonly ambiguous?: number;
  readonly branches?: readonly BranchResult[];
  /** Decisions at an event that did not settle, or whose box problem was not solved. */
  readonly unsettled?: number;
  /** Looks at sliding weights that were still changing when they were taken. */
  readonly unsettledWeights?: number;
  /** `exact`: all arithmetic of the flow, that for its kinks included, in gradients. */
  readonly gradientEquivalents?: number;
  /** `stepping`: difference of a step's two passes along the surface of what slides, relative to ‖θ‖: the largest, and the sum of all. */
  readonly largestPassDifference?: number;
  readonly summedPassDifference?: number;
  /** `stepping`: steps of the smallest size that erred by more than the tolerance; Euler steps where none could be judged. */
  readonly forcedSteps?: number;
  readonly eulerSteps?: number;
  /** `stepping`: the most entries that a step simulated. */
  readonly maxCandidates?: number;
  /** `detect`: entries that chattered, the most at once, and since when. */
  readonly chattering?: number;
  readonly maxChattering?: number;
  readonly firstChatter?: number | null;
}

/** The kernel at one time. */
interface NtkSummary {
  readonly lambdaMin: {
    readonly value: number;
    /** svd, eig, layer-product, lanczos, inverse, or structure where a rank cap makes it zero. */
    readonly method: string;
    readonly residual: number;
    /** exact-zero, certified or upper-bound. */
    readonly kind: string;
    /** λ_min does not exceed this, rounding and errors of J's entries included. */
    readonly upper: number;
    /** The floor of the method. */
    readonly resolvable: number;
    /** Why it is zero exactly; null otherwise. */
    readonly reason: string | null;
  };
  readonly lambdaMax: { readonly value: number; readonly residual: number };
  readonly trace: number;
  readonly effectiveRank: number;
  readonly conditionNumber: number | null;
  readonly lambdaEff: number;
}

/** The tangent kernel along the run and the verdict on ‖r(t)‖² ≤ ‖r(0)‖² e^{−4c∫λ_min}. */
export interface NtkResult {
  readonly method: string;
  /** nM */
  readonly scalars: number;
  /** P */
  readonly parameters: number;
  /** Times at which the kernel was taken, t = 0 among them. */
  readonly times: number;
  /** Announced before it was taken. */
  readonly memoryBytes: number;
  /** pass, violated, vacuous or unresolved. */
  readonly verdict: string;
  /** Why it is none of `pass`, with the time at which that first occurred. */
  readonly verdictReason: string | null;
  /** How often each occurred after t = 0. */
  readonly verdicts: Readonly<Record<"pass" | "violated" | "vacuous" | "unresolved", number>>;
  /** The last of the times, to which the following numbers belong. */
  readonly time: number;
  /** 4c∫λ_min and 4cλ₀t. */
  readonly exponent: number;
  readonly exponentWorst: number;
  /** ln(bound/‖r‖²), and what sampling λ_min in time and its errors may change of it. */
  readonly margin: number;
  readonly marginUncertainty: number;
  readonly vacuousBelow: number;
  readonly initial: NtkSummary;
  readonly final: NtkSummary;
  /** λ₀, the least λ_min seen, the first time at which, and what it is worth there: exact-zero, certified or upper-bound. */
  readonly lambdaZero: number;
  readonly lambdaZeroTime: number;
  readonly lambdaZeroKind: string;
  /** At how many of the times λ_min was zero exactly. */
  readonly exactZeros: number;
  readonly drift: number;
  /** Largest |∫4cλ_eff − ln(‖r(0)‖²/‖r(t)‖²)|. */
  readonly rateDefect: number;
  /** Last time up to which the frozen kernel's residual stayed within 10 % of the true one; null where only some modes are known. */
  readonly lazyUntil: number | null;
  /** Most entries that slid at once. */
  readonly mostHeld: number;
}

/** Loss and gradient in float32 at some θ: their relative distance from those in float64. */
export interface RoundingAt {
  readonly loss: number;
  readonly gradient: number;
}

/** The largest learning rate found that passes, null where none did, and the next rate tried above it, which fails, null where all passed. */
export interface StableRateResult {
  readonly learningRate: number | null;
  readonly failsAt: number | null;
  /** A rate below that was tried and fails all the same. */
  readonly failsBelow: number | null;
  /** The limit of the curvature (2/λ_max of plain descent) along the descent at `learningRate`: where the sharpness was largest and smallest. */
  readonly limits: {
    readonly least: number;
    readonly greatest: number | null;
    readonly points: number;
  } | null;
  readonly trials: number;
}

/** Stepwise stability of descent from θ₀, said of `steps` steps. */
export interface StabilityResult {
  readonly steps: number;
  readonly tolerance: number;
  /** λ_max(∇²L) at θ₀, and the learning rate at which that curvature alone is left; null where it is not positive. */
  readonly sharpness: number;
  readonly limit: number | null;
  readonly monotone: StableRateResult;
  /** Null where L* is not known. */
  readonly linear: (StableRateResult & { readonly leastLoss: number }) | null;
  /** Not among the run's gradientEvaluations. */
  readonly gradients: number;
  readonly hessianProducts: number;
}

export interface RoundingResult {
  readonly initial: RoundingAt;
  readonly final: RoundingAt;
}

/** Absent numbers are `null`: JSON has neither NaN nor ∞, and both are written as `null`. */
export interface RunResult {
  /**
   * How the run ended: `reachedEnd`, `lossReached`, `stationary`, `maxEvaluations`, `interrupted`, or a failure: `maxSteps`,
   * `stepTooSmall`, `nonFinite`.
   */
  readonly status: string;
  readonly message: string;
  readonly time: number;
  /** ln t and ln L at the end; absent unless flow.clock is log. */
  readonly logTime?: number | null;
  readonly logLoss?: number | null;
  /** Null unless L = c‖r‖². */
  readonly canonicalTime: number | null;
  /** Why there is no canonical time, ‖r‖, λ_eff and decay of ‖r‖²; null where the loss is c‖r‖². Absent in records of older versions. */
  readonly notSquared?: string | null;
  /** Null where it is not finite; then nothing was integrated. */
  readonly initialLoss: number | null;
  /** At θ of `theta.npy`, with what weight decay adds. */
  readonly loss: number | null;
  /** Without it; absent where there is no weight decay. */
  readonly dataLoss?: number | null;
  /** Null unless the loss rose by more than rounding and flow.rtol. */
  readonly lossRise: LossRise | null;
  readonly gradientEvaluations: number;
  readonly steps: { readonly accepted: number; readonly rejected: number };
  /**
   * |L(0) − L(t) − ∫‖∇L‖² ds| over what the loss fell by, or, where it did not fall, over the larger of its rise and the integral, and so at
   * least 1; null where all are rounding.
   */
  readonly energyDefect: number | null;
  readonly decay: DecayFit | null;
  readonly descent: readonly DescentResult[];
  /** One entry per flow of `compare.flows` and learning rate. */
  readonly flows: readonly FlowResult[];
  /** One entry per learning rate; empty where neither compare.leadingGap nor compare.bound asked for it. */
  readonly gaps: readonly GapResult[];
  /** Null unless the section stability asked for it. Absent in records of older versions. */
  readonly stability?: StabilityResult | null;
  /** P, the number of parameters. */
  readonly parameters: number;
  readonly samples: number;
  readonly outputs: number;
  readonly engine: string;
  /** Where the engine computed: cpu, cuda, or the backend of TensorFlow.js. */
  readonly device: string;
  /** Precision of the graphs. */
  readonly dtype: string;
  /** float64: θ and the error control in float64 arrays; resident: in tensors of the engine, of its dtype. */
  readonly state: string;
  readonly threads: number;
  readonly method: string;
  /** Empty unless the method is auto. */
  readonly phases: readonly PhaseResult[];
  /** Null where nothing is beside an adaptive method that does without it. */
  readonly sharpness: SharpnessResult | null;
  /** Null unless flow.errorCheck asked for it. */
  readonly errorCheck: ErrorCheckResult | null;
  /** What float32 cost, measured against float64; null where the run is float64. */
  readonly rounding: RoundingResult | null;
  /** How the run treats the kinks of its activations. */
  readonly boundaries: string;
  /** Null where nothing was watched. */
  readonly events: EventsResult | null;
  /** One entry per flow.compareSmoothing. */
  readonly smoothing: readonly SmoothingResult[];
  /** Of the flow. */
  readonly measured: Extents;
  /** One entry per measure asked for, `ntk` left out. */
  readonly measures: readonly MeasureResult[];
  /** Null unless measure.ntk asked for it. */
  readonly ntk: NtkResult | null;
  /** Null unless the network came from an ONNX file, and with model.check: false. Absent in records of older versions. */
  readonly importCheck?: ImportCheckResult | null;
  /** Everything done less, or otherwise, than asked. */
  readonly notes: readonly string[];
  readonly wallSeconds: number;
  readonly gradientSeconds: number;
  /** The record's folder. */
  readonly record: string;
  /** Figures, relative to that folder. */
  readonly figures: readonly string[];
}
