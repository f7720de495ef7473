/** The tangent kernel along a run: taken at its own times, judged, and written to the record's tables. */
import type { LoadedConfig } from "../config/load.js";
import type { NtkConfig } from "../config/schema.js";
import type { Program, Tensors } from "../engine/index.js";
import { InterruptedError, NumericalError } from "../errors.js";
import { type BoundaryEvent, energyDefect, type FlowCounts, type Segment } from "../flow/index.js";
import type { Graph } from "../graph/index.js";
import { Memory } from "../memory.js";
import { piecesOf } from "../model/index.js";
import {
  type BoundAt,
  type BoundSample,
  COLD,
  createTangentKernel,
  judgeBound,
  type KernelSpectrum,
  type KernelState,
  measureSpectrum,
  rankCaps,
  type SpectrumOptions,
  spectralDensity,
  type Warmth,
} from "../ntk/index.js";
import { createRandom } from "../random.js";
import { type Extents, type MeasureResult, MOST_ENERGY_DEFECT, type NtkResult } from "../record/result.js";
import type { RecordWriter } from "../record/writer.js";
import { formatBytes } from "./bytes.js";
import { type ExtentsState, extend } from "./extents.js";
import { chooseMethod } from "./ntk-method.js";
import { followPattern } from "./ntk-pattern.js";
import { openNtkTables, ranksOf, writeEigenfunctions } from "./ntk-tables.js";
import { residualFloor, summariseVerdicts, type Tolerance } from "./ntk-verdict.js";
import { createPause } from "./pause.js";
import type { Prepared } from "./prepare.js";
import { createRateIntegral } from "./rate-integral.js";
import { charge, type Meter, metered, type Spent } from "./spending.js";
import { recordTimes } from "./times.js";

export interface NtkObserver {
  /** Takes the kernel at t = 0; `pieces` of the exact flow's start, null where it evaluates freely. */
  start(pieces: Float64Array | null): Promise<void>;
  onEvent(event: BoundaryEvent): void;
  /** Integrates λ_eff over the segment and takes the kernel at the times that fall into it, and at its end where the flow ends there before its time. */
  follow(segment: Segment, counts: FlowCounts, isEnd: boolean): Promise<void>;
  /** Whether an interruption came before the end of a kernel: it may be another than it would have been. */
  readonly isCut: boolean;
  /** Null where not even the kernel at t = 0 could be had; `notes` says why. */
  finish(): Promise<NtkResult | null>;
  /** What it took so far, and the least and largest values of what its table has for `measured` of the result. */
  taken(): { readonly cost: MeasureResult; readonly extents: Extents };
  /** What a reader must not miss. */
  notes(): readonly string[];
}

export interface NtkOptions {
  readonly ntk: NtkConfig;
  /** End of the flow; null takes the kernel at t = 0 alone. */
  readonly tEnd: number | null;
  /** Of the flow: what the bound's margin is worth. */
  readonly tolerance: Tolerance;
  /** Why the curve is not the flow up to that tolerance, so that it may leave the bound; null where it is. */
  readonly notFlow: string | null;
  readonly signal?: AbortSignal;
  readonly onMessage?: (line: string) => void;
  readonly memory?: Memory;
  /** What is being worked on, for the progress bar. */
  readonly onActivity?: (activity: string, fraction: number) => void;
}

/** The kernel at t = 0 in its modes, one row of `vectors` each; `complete` where it has all of them. */
interface FrozenKernel {
  readonly values: Float64Array;
  readonly coefficients: Float64Array;
  readonly vectors: Float64Array;
  readonly complete: boolean;
}

/** A frozen kernel's residual off by more than this part of the true one: the lazy regime is over. */
const LAZY = 0.1;

/** @throws ConfigError where the method asked for cannot be had */
export async function createNtkObserver(
  loaded: LoadedConfig,
  { problem, data, dataset, theta0 }: Prepared,
  record: RecordWriter,
  options: NtkOptions,
): Promise<NtkObserver> {
  const { ntk, tEnd, tolerance, notFlow, signal, onActivity } = options;
  const { family } = problem;
  const { factor } = family;
  if (factor === null) throw new Error(`tangent kernel: ${family.criterion.notSquared}.`);
  const choice = chooseMethod(loaded, ntk, family);
  options.onMessage?.(
    `tangent kernel by ${choice.method}: nM = ${family.samples * family.network.outputs}, P = ${theta0.length}, takes about ${formatBytes(choice.bytes)}`,
  );
  const meter: Meter = { gradients: 0 };
  const compile = async (graph: Graph, bound?: Tensors): Promise<Program> =>
    metered(await problem.compile(graph, bound), problem.priceOf(graph, bound), meter);
  const kernel = createTangentKernel({ family, compile: (graph, bound = {}) => compile(graph, bound), data });
  const random = createRandom(loaded.config.seed).split("ntk");
  const times = tEnd === null ? [] : (recordTimes({ at: ntk.at, points: ntk.points }, tEnd) as number[]);
  const tables = await openNtkTables(record, {
    factor,
    spectrum: ntk.spectrum,
    density: ntk.density !== undefined || choice.method !== "lanczos",
  });
  const memory = options.memory ?? new Memory();
  const pattern = followPattern(family, memory);
  const n = kernel.size;
  const residual = new Float64Array(n);
  const theta = theta0.slice();
  const rate = createRateIntegral(memory, () => {
    meter.gradients++;
  });
  const progress = memory.keep("kernel", {
    samples: [] as BoundSample[],
    bounds: [] as BoundAt[],
    first: null as ReturnType<typeof summarise> | null,
    last: null as ReturnType<typeof summarise> | null,
    drift: 0,
    /** Eigenvalues at the last time. */
    eigenvalues: new Float64Array(0) as Float64Array,
    // A copy: a resumed memory is filled in place.
    warm: { ...COLD } as Warmth,
    /** Of the stream of probes and start vectors. */
    random: random.position(),
    /** Times taken after the start. */
    next: 0,
    exact: false,
    worstDefect: 0,
    lazy: true,
    lazyUntil: 0 as number | null,
    /** The kernel at t = 0 in its modes. */
    frozen: null as FrozenKernel | null,
    lastState: null as KernelState | null,
    initialLoss: 0,
    /** ∫‖θ'‖² to the end of the last segment. */
    energy: 0,
    failure: null as string | null,
    spent: { gradients: 0, seconds: 0 } as Spent,
    extents: {} as ExtentsState,
  });
  if (memory.isResumed) random.setPosition(progress.random);
  const { samples } = progress;

  let isCut = false;
  /** Interrupted in the middle of a dense kernel, which then is none. */
  let isStopped = false;
  let predictionError: Program | null = null;

  const attempt = async (t: number, settings: SpectrumOptions): Promise<KernelSpectrum | null> => {
    try {
      return await measureSpectrum(settings);
    } catch (error) {
      if (error instanceof InterruptedError) {
        isCut = true;
        isStopped = true;
        return null;
      }
      if (!(error instanceof NumericalError)) throw error;
      progress.failure = `The tangent kernel at t = ${t} could not be computed, nor was it later: ${error.message}`;
      return null;
    }
  };

  const take = async (
    t: number,
    state: KernelState,
    measure: Segment["measure"],
    passed: { readonly energy: number; readonly unsettled: number } = { energy: 0, unsettled: 0 },
  ): Promise<void> => {
    if (progress.failure !== null || isStopped) return;
    const { loss, speed } = await measure(state.theta);
    meter.gradients++;
    await problem.predict(state.theta, residual);
    for (let i = 0; i < n; i++) residual[i] = (residual[i] as number) - (dataset.targets[i] as number);
    const squared = residual.reduce((sum, value) => sum + value * value, 0);
    // Of F, and of the subtraction.
    predictionError ??= await compile(family.predictionError());
    const { error } = await predictionError.run({ theta: state.theta });
    const rounding = (error?.[0] as number) + Number.EPSILON * Math.sqrt(squared);
    if (t === 0) progress.initialLoss = loss;
    const place = `kernel ${samples.length}/${times.length}`;
    onActivity?.(`${place} by ${choice.method}`, 0);
    const spectrum = await attempt(t, {
      kernel,
      state,
      residual,
      method: choice.method,
      caps: rankCaps(family, data, {
        ...state,
        pieces: await piecesAt(state),
        held: await kernel.independent(state),
      }),
      modes: ntk.spectrum,
      vectors: t === 0,
      tolerance: ntk.tolerance,
      products: ntk.products,
      random,
      warm: progress.warm,
      onProduct: (products, budget) =>
        onActivity?.(`${place}: ${products} of at most ${budget} products`, products / budget),
      ...(signal && { signal }),
      pause: createPause({ signal, say: options.onMessage }, `taking the tangent kernel (${place})`),
    });
    progress.random = random.position();
    if (spectrum === null) return;
    progress.warm = spectrum.warm;
    progress.last = summarise(spectrum);
    progress.first ??= progress.last;
    progress.drift = spectrum.drift;
    progress.eigenvalues = spectrum.eigenvalues;
    const integral = rate.value();
    const rateDefect = defectOf(integral, progress.initialLoss, loss);
    progress.worstDefect = Math.max(progress.worstDefect, rateDefect);
    const floor = residualFloor(spectrum, state.theta, tolerance, rounding);
    const defect = energyDefect(problem, progress.initialLoss, loss, passed.energy) ?? 0;
    const isOff = defect > MOST_ENERGY_DEFECT ? "energy-defect" : null;
    samples.push({
      ...{ t, residualSquared: squared, residualFloor: floor, rateDefect },
      notFlow: passed.unsettled > 0 ? "unsettled-decision" : isOff,
      lambdaMin: spectrum.lambdaMin,
    });
    const bounds = judgeBound(samples, {
      factor,
      vacuousBelow: ntk.vacuousBelow,
      slack: 10 * (tolerance?.rtol ?? 0),
      isFlow: notFlow === null,
    });
    progress.bounds = bounds;
    const bound = bounds[bounds.length - 1] as BoundAt;
    const { eigenvalues, coefficients } = spectrum;
    if (t === 0) {
      const complete = eigenvalues.length === n;
      const vectors = spectrum.vectors as Float64Array;
      progress.frozen = { values: eigenvalues, coefficients, vectors, complete };
      if (ntk.eigenfunctions)
        await writeEigenfunctions(record, vectors, ranksOf(eigenvalues.length, ntk.spectrum), [
          dataset.samples,
          dataset.outputDimension,
        ]);
    }
    const lazyDefect = writeModes(t);
    if (lazyDefect === null) progress.lazyUntil = null;
    else if (lazyDefect > LAZY) progress.lazy = false;
    else if (progress.lazy) progress.lazyUntil = t;
    tables.append({
      t,
      loss,
      residualSquared: squared,
      residualFloor: floor,
      spectrum,
      bound,
      lambdaEff: speed ** 2 / (4 * factor * loss),
      rateIntegral: integral,
      rateDefect,
      lazyDefect,
      held: state.held.length,
    });
    const { lambdaMin, lambdaMax, trace, effectiveRank, conditionNumber, drift } = spectrum;
    const row = {
      ...{
        lambdaMin: lambdaMin.value,
        lambdaMax: lambdaMax.value,
        trace,
        effectiveRank,
        conditionNumber,
        drift,
      },
      margin: bound.margin,
    };
    extend(
      progress.extents,
      t,
      Object.fromEntries(Object.entries(row).map(([column, value]) => [`ntk.${column}`, value])),
    );
    progress.lastState = { ...state, theta: state.theta.slice(), pieces: state.pieces?.slice() ?? null };
  };

  /** Pieces that the caps are counted on. */
  const piecesAt = async ({ theta: at, pieces }: KernelState): Promise<Float64Array | null> => {
    if (family.entries === 0 || pieces !== null) return pieces;
    const { z } = await (await freeEntries()).run({ theta: at });
    return piecesOf(family, z as Float64Array);
  };
  let entries: Promise<Program> | null = null;
  const freeEntries = () => {
    entries ??= compile(family.preactivations("free"));
    return entries;
  };

  /** Energies in the modes of the kernel at t = 0; returns how far the frozen kernel's residual is from the true one. */
  const writeModes = (t: number): number | null => {
    if (progress.frozen === null) return null;
    const { values, coefficients, vectors, complete } = progress.frozen;
    let off = 0;
    let all = 0;
    const chosen = new Set(ranksOf(values.length, ntk.spectrum));
    values.forEach((lambda0, k) => {
      if (!complete && !chosen.has(k)) return;
      let now = 0;
      for (let i = 0, at = k * n; i < n; i++, at++) now += (vectors[at] as number) * (residual[i] as number);
      const then = (coefficients[k] as number) * Math.exp(-2 * factor * lambda0 * t);
      off += (now - then) ** 2;
      all += now * now;
      if (chosen.has(k)) tables.appendMode(t, k, lambda0, now * now, then * then);
    });
    return complete ? Math.sqrt(off / all) : null;
  };

  const writeDensity = async (t: number, state: KernelState): Promise<void> => {
    const { appendDensity } = tables;
    if (appendDensity === null) return;
    if (ntk.density === undefined) return appendDensity(t, progress.eigenvalues, () => 1 / n);
    const operator = await kernel.operator(state);
    const { nodes, weights } = await spectralDensity(operator, random, ntk.density, (done, count) =>
      onActivity?.(`spectral density: ${done} of ${count} products`, done / count),
    );
    appendDensity(t, nodes, (k) => weights[k] as number);
  };

  const stateNow = (): KernelState => {
    const known = progress.exact ? pattern.current() : null;
    return { theta, pieces: known?.pieces ?? null, held: known?.held ?? [] };
  };

  return {
    start: (pieces) => charge(meter, progress.spent, () => start(pieces)),
    onEvent: (event) => pattern.follow(event),
    follow: (...segment) => charge(meter, progress.spent, () => follow(...segment)),
    get isCut() {
      return isCut;
    },
    notes: () => (progress.failure === null ? [] : [progress.failure]),
    finish: () => charge(meter, progress.spent, finish),
    taken: () => ({
      cost: {
        ...{ name: "ntk", columns: [], times: samples.length },
        ...{ gradientEquivalents: progress.spent.gradients, seconds: progress.spent.seconds },
      },
      extents: progress.extents,
    }),
  };

  async function start(pieces: Float64Array | null): Promise<void> {
    if (pieces !== null) {
      progress.exact = true;
      pattern.start(pieces);
    }
    theta.set(theta0);
    const gradient = new Float64Array(theta0.length);
    const state = stateNow();
    await take(0, state, async (at) => {
      const loss = await problem.lossGradient(at, gradient);
      return { loss, speed: Math.sqrt(gradient.reduce((sum, value) => sum + value * value, 0)) };
    });
    if (progress.first !== null && !isStopped) await writeDensity(0, state);
    progress.random = random.position();
  }

  async function follow(segment: Segment, { unsettled = 0 }: FlowCounts, isEnd: boolean): Promise<void> {
    let from = segment.t0;
    for (; progress.next < times.length && (times[progress.next] as number) <= segment.t1; progress.next++) {
      const t = times[progress.next] as number;
      await rate.advance(segment, from, t);
      from = t;
      await segment.interpolate(t, theta);
      const energy = progress.energy + segment.energy(t);
      await take(t, stateNow(), segment.measure, { energy, unsettled });
      isCut ||= signal?.aborted === true;
    }
    await rate.advance(segment, from, segment.t1);
    progress.energy += segment.energy(segment.t1);
    if (!isEnd || !(segment.t1 > lastTime(samples))) return;
    await segment.interpolate(segment.t1, theta);
    await take(segment.t1, stateNow(), segment.measure, { energy: progress.energy, unsettled });
  }

  async function finish(): Promise<NtkResult | null> {
    const { bounds, first, last: final, lastState } = progress;
    if (first === null || final === null) return null;
    const last = lastTime(samples);
    if (last > 0 && lastState !== null) await writeDensity(last, lastState);
    const bound = bounds[bounds.length - 1] as BoundAt;
    return {
      method: choice.method,
      scalars: n,
      parameters: theta0.length,
      times: samples.length,
      memoryBytes: choice.bytes,
      ...summariseVerdicts(samples, bounds, notFlow),
      time: last,
      exponent: bound.exponent,
      exponentWorst: bound.exponentWorst,
      margin: bound.margin,
      marginUncertainty: bound.uncertainty,
      vacuousBelow: ntk.vacuousBelow,
      initial: first,
      final,
      drift: progress.drift,
      rateDefect: progress.worstDefect,
      lazyUntil: progress.lazyUntil,
      mostHeld: pattern.most(),
    };
  }
}

function summarise({
  lambdaMin,
  lambdaMax,
  trace,
  effectiveRank,
  conditionNumber,
  lambdaEff,
}: KernelSpectrum) {
  return { lambdaMin, lambdaMax, trace, effectiveRank, conditionNumber, lambdaEff };
}

function lastTime(samples: readonly BoundSample[]): number {
  return samples[samples.length - 1]?.t ?? 0;
}

/** |∫4cλ_eff − ln(L(0)/L(t))|; Infinity where a loss is zero and the logarithm says nothing. */
function defectOf(integral: number, initialLoss: number, loss: number): number {
  const defect = Math.abs(integral - Math.log(initialLoss / loss));
  return Number.isNaN(defect) ? Number.POSITIVE_INFINITY : defect;
}
