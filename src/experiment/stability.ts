/**
 * Stepwise stability of a study's descent: the largest learning rate at which the loss falls at every step, and that at which it falls linearly over a
 * window, each by bisection, beside what the curvature says: 2/λ_max at θ₀ and along the descents found.
 */
import { type LoadedConfig, problemAt } from "../config/load.js";
import { ConfigError, InterruptedError } from "../errors.js";
import { type DescentLaw, sharpnessLimit } from "../flow/index.js";
import { type Edge, findLargest, judgeLinearFall, type Trial, tryLearningRate } from "../flow/stepwise.js";
import { lanczos } from "../linalg/krylov.js";
import { addScaled, dot } from "../linalg/vectors.js";
import { createRandom } from "../random.js";
import type { StabilityResult, StableRateResult } from "../record/result.js";
import { descentLaw } from "./descent-law.js";
import { createPause, type Watch } from "./pause.js";
import { engineOf, type Prepared, prepare } from "./prepare.js";
import type { OpenStudy } from "./study-record.js";
import { type TheoremReport, whatTheoremsAllow } from "./theorems.js";

export interface StabilityOptions {
  /** Descent steps of every rate tried: what is claimed is claimed of these. */
  readonly steps: number;
  /** The search ends when the rate that passes and the one above that fails are this near, relatively. */
  readonly tolerance: number;
  /** L*, what the loss is at least; default 0 where it is known to be. */
  readonly leastLoss?: number;
}

/** A rate that was tried: in how many steps it was judged, and what they showed. */
export interface RateTried {
  readonly learningRate: number;
  readonly steps: number;
  readonly risesAt: number | null;
  readonly divergedAt: number | null;
  readonly loss: number | null;
  /** Of the linear search: see flow/stepwise.ts. */
  readonly rate?: number | null;
  readonly steadiness?: number | null;
  readonly passes: boolean;
}

export interface StableRate extends Omit<StableRateResult, "trials"> {
  /** In the order in which they were tried. */
  readonly tried: readonly RateTried[];
}

export interface StabilityFindings extends Omit<StabilityResult, "monotone" | "linear"> {
  readonly monotone: StableRate;
  /** Null where L* is not known. */
  readonly linear: (StableRate & { readonly leastLoss: number }) | null;
  readonly notes: readonly string[];
}

export interface StabilityReport extends StabilityFindings {
  readonly name: string;
  readonly law: DescentLaw;
  readonly parameters: number;
  /** For which rates theorems promise something, by the curvature along the study's flow; or why none does. */
  readonly theorems: TheoremReport;
  readonly seconds: number;
}

const SEARCH = { tolerance: 1e-4, basis: 40, maxProducts: 400, relativeTo: "norm" } as const;
/** Times along a descent at which its sharpness is taken, besides θ₀. */
const POINTS = 10;
/** Parts of the curvature's limit below which nothing is tried. Small rates do not fail for instability: in so few steps they are hardly moved. */
const LOWEST = { monotone: 2 ** -40, linear: 2 ** -6 };

/** @throws ConfigError for options out of range, where θ₀ is stationary, or where the loss went below `leastLoss` */
export async function measureStability(
  loaded: LoadedConfig,
  options: StabilityOptions & Watch,
): Promise<StabilityReport> {
  refuseOptions(options);
  const started = performance.now();
  const { config } = loaded;
  checkStability(loaded);
  const engine = await engineOf(loaded);
  try {
    const prepared = await prepare(loaded, engine, options);
    const found = await searchStability(loaded, prepared, options, options);
    const law = descentLaw(config);
    const theorems: TheoremReport =
      law.kind === "gradient"
        ? await whatTheoremsAllow(
            loaded,
            prepared,
            options.steps * (found.monotone.learningRate ?? 0),
            options,
          )
        : { found: null, why: `they are of gradient descent, and descent.kind is ${law.kind}` };
    if (options.signal?.aborted) throw new InterruptedError("interrupted; nothing was written.");
    return {
      ...{ name: config.name, law, parameters: prepared.theta0.length },
      ...found,
      theorems,
      notes: [...engine.notes, ...prepared.notes, ...found.notes],
      seconds: (performance.now() - started) / 1000,
    };
  } catch (error) {
    if (options.signal?.aborted && !(error instanceof InterruptedError))
      throw new InterruptedError("interrupted; nothing was written.");
    throw error;
  } finally {
    await engine.dispose();
  }
}

/** @throws ConfigError where the descents of a study cannot be searched */
export function checkStability(loaded: LoadedConfig): void {
  if (loaded.config.descent.batch !== undefined)
    throw problemAt(
      loaded,
      "descent.batch",
      "draws what a loss falls by in one step; stability is about descents on all samples. Leave it out.",
    );
}

/** @throws ConfigError where θ₀ is stationary or the loss went below `leastLoss`; InterruptedError */
export async function searchStability(
  loaded: LoadedConfig,
  { problem, dataset, theta0 }: Prepared,
  { steps, tolerance, leastLoss: asked }: StabilityOptions,
  { signal, say }: Watch,
): Promise<StabilityFindings> {
  const { config } = loaded;
  const size = theta0.length;
  const law = descentLaw(config);
  const gradient = new Float64Array(size);
  const gradientsBefore = problem.cost.gradients;
  const initialLoss = await problem.lossGradient(theta0, gradient);
  if (!Number.isFinite(initialLoss))
    throw problemAt(loaded, "model.init", `the loss at θ₀ is ${initialLoss}; draw smaller parameters.`);
  if (gradient.every((value) => value === 0))
    throw problemAt(
      loaded,
      "model.init",
      "the gradient at θ₀ is exactly zero, so descent stays there at every learning rate; draw other parameters.",
    );
  let hessianProducts = 0;
  let unconverged = 0;
  const hessian = await problem.compile(problem.family.hessianProduct("free"));
  const random = createRandom(config.seed).split("stability");
  let direction = Float64Array.from({ length: size }, () => random.normal());
  const notes: string[] = [];
  const curvature = async (theta: Float64Array, smallest: number) => {
    const start = direction.slice();
    for (let i = 0; i < size; i++) start[i]! += (0.1 * random.normal()) / Math.sqrt(size);
    const found = await lanczos({
      ...SEARCH,
      operator: {
        size,
        async apply(velocity, product) {
          hessianProducts++;
          await hessian.run({ theta, velocity }, { product });
          return dot(velocity, product);
        },
      },
      ...{ start, largest: 1, smallest },
    });
    direction = new Float64Array(size);
    addScaled(direction, found.largest[0]!.vector, 1);
    return found;
  };
  say?.("λ_max of the Hessian at θ₀");
  const atStart = await curvature(theta0, 1);
  const sharpness = atStart.largest[0]!.value;
  if (!atStart.converged)
    notes.push("λ_max at θ₀ did not converge to four digits; it is at least what is shown.");
  // Where the loss curves down alone, the size of that curvature still says which rates are large.
  const scaleOf = sharpness > 0 ? sharpness : Math.abs(atStart.smallest[0]!.value);
  if (!(scaleOf > 0))
    throw problemAt(
      loaded,
      "model.init",
      "∇²L is zero at θ₀, so nothing says at which learning rates to begin; draw other parameters.",
    );
  const scale = sharpnessLimit(law, 1) / scaleOf;
  const trialOptions = {
    ...{ problem, theta0, law, steps },
    pause: createPause({ signal, say }, "descending", "nothing was written."),
  };
  const pointsOf = (taken: number) =>
    new Set(Array.from({ length: POINTS }, (_, k) => Math.round(((k + 1) * taken) / POINTS)));
  /** The limits of the curvature along a descent that passed, made once more. */
  const limitsAlong = async (learningRate: number): Promise<StableRate["limits"]> => {
    direction.set(atStart.largest[0]!.vector);
    let [least, most, points] = [sharpness, sharpness, 1];
    const look = async (theta: Float64Array): Promise<void> => {
      const found = await curvature(theta.slice(), 0);
      if (!found.converged) unconverged++;
      const { value } = found.largest[0]!;
      [least, most, points] = [Math.min(least, value), Math.max(most, value), points + 1];
    };
    const at = pointsOf(steps);
    const { theta } = await tryLearningRate(
      { ...trialOptions, onStep: async (k, here) => (at.has(k) && k > 0 ? look(here) : undefined) },
      learningRate,
    );
    await look(theta);
    const limit = sharpnessLimit(law, 1);
    return { least: limit / most, greatest: least > 0 ? limit / least : null, points };
  };
  const describe = (trial: Trial, passes: boolean): RateTried => ({
    learningRate: trial.learningRate,
    steps: trial.losses.length - 1,
    risesAt: trial.risesAt,
    divergedAt: trial.divergedAt,
    loss: trial.divergedAt === null ? trial.losses.at(-1)! : null,
    passes,
  });
  const search = async (
    what: "monotone" | "linear",
    judge: (learningRate: number) => Promise<RateTried>,
  ): Promise<StableRate> => {
    const tried: RateTried[] = [];
    const edge: Edge = await findLargest(
      async (learningRate) => {
        const found = await judge(learningRate);
        tried.push(found);
        say?.(`${what}: η = ${learningRate.toPrecision(5)} ${found.passes ? "passes" : "fails"}`);
        return found.passes;
      },
      { scale, tolerance, lowest: LOWEST[what] },
    );
    return {
      ...{ learningRate: edge.rate, failsAt: edge.above, failsBelow: edge.failedBelow },
      limits: edge.rate === null ? null : await limitsAlong(edge.rate),
      tried,
    };
  };
  const monotone = await search("monotone", async (learningRate) => {
    const trial = await tryLearningRate({ ...trialOptions, untilRise: true }, learningRate);
    return describe(trial, trial.risesAt === null && trial.divergedAt === null);
  });
  const leastLoss = asked ?? problem.family.criterion.least(dataset.targets);
  const linear =
    leastLoss === null
      ? null
      : await search("linear", async (learningRate) => {
          const trial = await tryLearningRate(trialOptions, learningRate);
          const lowest = Math.min(...trial.losses.filter((loss) => !Number.isNaN(loss)));
          if (lowest < leastLoss - problem.lossRounding(lowest))
            throw new ConfigError(
              `stability: leastLoss ${leastLoss} is above the loss ${lowest} that descent reached at η = ${learningRate}; give what the loss is at least.`,
            );
          const fall = judgeLinearFall(trial, leastLoss, problem.lossRounding);
          return {
            ...describe(trial, fall?.holds === true),
            ...{ rate: fall?.rate ?? null, steadiness: fall?.steadiness ?? null },
          };
        });
  if (unconverged > 0)
    notes.push(
      `λ_max did not converge to four digits at ${unconverged} states along the descents; it is at least, and 2/λ_max at most, what is shown.`,
    );
  return {
    ...{ steps, tolerance, sharpness },
    limit: sharpness > 0 ? sharpnessLimit(law, 1) / sharpness : null,
    monotone,
    linear: linear === null ? null : { ...linear, leastLoss: leastLoss as number },
    ...{ gradients: problem.cost.gradients - gradientsBefore, hessianProducts },
    notes,
  };
}

/**
 * The search of a study that asks for it, done once: a resumed run finds it in its memory. Null where it was not asked for, or could not be made, which
 * `notes` say; an interrupt ends it, and the run that follows.
 */
export async function stabilityOf({ loaded, prepared, memory, options }: OpenStudy): Promise<{
  readonly found: StabilityResult | null;
  readonly notes: readonly string[];
}> {
  const { stability } = loaded.config;
  const kept = memory.keep("stability", { found: null as StabilityResult | null, notes: [] as string[] });
  if (stability === undefined || kept.found !== null) return kept;
  try {
    const { notes, monotone, linear, ...rest } = await searchStability(loaded, prepared, stability, {
      signal: options.signal,
      say: options.onMessage,
    });
    kept.found = {
      ...rest,
      monotone: withoutTrials(monotone),
      linear: linear === null ? null : { ...withoutTrials(linear), leastLoss: linear.leastLoss },
    };
    kept.notes = notes.map((note) => `stability: ${note}`);
  } catch (error) {
    if (error instanceof InterruptedError) return { found: null, notes: [] };
    if (!(error instanceof ConfigError)) throw error;
    kept.notes = [`Stability was not searched. ${error.message}`];
  }
  return kept;
}

function withoutTrials({ learningRate, failsAt, failsBelow, limits, tried }: StableRate): StableRateResult {
  return { learningRate, failsAt, failsBelow, limits, trials: tried.length };
}

/** Steps that hold a window with thirds of a size to judge. */
const FEWEST_STEPS = 20;

function refuseOptions({ steps, tolerance, leastLoss }: StabilityOptions): void {
  const problems: string[] = [];
  if (!(Number.isSafeInteger(steps) && steps >= FEWEST_STEPS))
    problems.push(`steps must be a whole number of at least ${FEWEST_STEPS}, got ${steps}.`);
  if (!(tolerance > 0 && tolerance <= 0.5))
    problems.push(`tolerance must be above 0 and at most 0.5, got ${tolerance}.`);
  if (leastLoss !== undefined && !Number.isFinite(leastLoss))
    problems.push(`least-loss must be a number, got ${leastLoss}.`);
  if (problems.length > 0)
    throw new ConfigError(problems.map((message) => ({ path: "", message: `stability: ${message}` })));
}
