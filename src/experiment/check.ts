/** The report before a run: what the kernel of a study can be at all, what measuring it costs, and which steps are stable. */
import type { LoadedConfig } from "../config/load.js";
import { ntkDefaults } from "../config/schema-measure.js";
import type { Problem } from "../flow/index.js";
import { lanczos } from "../linalg/krylov.js";
import { singularValues } from "../linalg/svd.js";
import { describeNetwork, piecesOf } from "../model/index.js";
import { createTangentKernel, type RankCap, rankCaps } from "../ntk/index.js";
import { methods, stabilityInterval, tableaux } from "../ode/index.js";
import { createRandom } from "../random.js";
import { announceEffort, announceStiffness } from "./effort.js";
import { estimateMemory, type MemoryEstimate } from "./memory.js";
import { chooseMethod } from "./ntk-method.js";
import { engineOf, type Prepared, prepare } from "./prepare.js";
import { refuseImpossible } from "./refusals.js";

export interface CheckReport {
  readonly name: string;
  readonly network: string;
  /** P, nM and P/nM */
  readonly parameters: number;
  readonly scalars: number;
  readonly ratio: number;
  /** Rank caps below nM at θ₀, the lowest first: any of them forces λ_min = 0. */
  readonly caps: readonly RankCap[];
  readonly exactZero: boolean;
  /** gcn: σ_min(Â), and the bound λ_min ≤ `bound` that its singular vector gives. */
  readonly adjacency: { readonly sigmaMin: number; readonly bound: number } | null;
  readonly boundaries: string;
  readonly kernel: {
    readonly asked: boolean;
    readonly method: string;
    readonly bytes: number;
    readonly times: number;
    /** Estimate for all times, from a few products timed here; the work of one dense spectrum goes like (nM)³. */
    readonly seconds: number;
  };
  readonly gradientSeconds: number;
  readonly productSeconds: number;
  /** λ_max(G) at θ₀. */
  readonly lambdaMax: number;
  /** λ_max(∇²L) at θ₀: what limits the step; of L = c‖r‖² 2cλ_max(G) is its Gauss–Newton part, of other losses null. */
  readonly sharpness: number;
  /** λ_max(∇² ln L) at θ₀, which limits the flow's steps in flow.clock: log; null without that clock. */
  readonly logSharpness: number | null;
  readonly gaussNewton: number | null;
  readonly steps: readonly {
    readonly method: string;
    /** Stable up to h = limit/λ_max. In flow.clock: log h of all but gd is a step in τ, and λ_max that of ∇² ln L. */
    readonly limit: number;
    /** Null where λ_max is not positive: then nothing limits the step. */
    readonly stepSize: number | null;
    /** Gradients to tEnd at that step; null where steps are in τ, of which tEnd does not say how far it goes. */
    readonly gradients: number | null;
  }[];
  readonly tEnd: number;
  /** What a run takes at its peak, and what this machine has. */
  readonly memory: MemoryEstimate;
  readonly notes: readonly string[];
}

/** Relative residual of λ_max here: three digits. */
const TOLERANCE = 1e-3;
/** Stages of the stabilised methods in the table. */
const STAGES = 20;
/** Flops per second of the bidiagonalisation in plain JavaScript, on the slow side. */
const DENSE_RATE = 8e8;

/**
 * @param onMessage is told what is being done, before each part that may take long
 * @throws ConfigError where the study cannot be run as it stands
 */
export async function checkStudy(
  loaded: LoadedConfig,
  onMessage?: (line: string) => void,
): Promise<CheckReport> {
  const { config } = loaded;
  onMessage?.("loading the data, compiling the network");
  const engine = await engineOf(loaded);
  try {
    const prepared = await prepare(loaded, engine);
    const { problem, data, theta0 } = prepared;
    const { family } = problem;
    const { network, samples, factor } = family;
    const { choice: treatment } = await refuseImpossible(loaded, prepared);
    const ntk = config.measure.ntk ?? ntkDefaults();
    const choice = chooseMethod(loaded, ntk, family);
    const random = createRandom(config.seed).split("check");
    const kernel = createTangentKernel({
      family,
      compile: (graph, bound = {}) => problem.compile(graph, bound),
      data,
    });
    const n = kernel.size;
    const caps = rankCaps(family, data, { theta: theta0, pieces: await piecesAt(prepared), held: [] });
    const exactZero = caps.length > 0;
    const operator = await kernel.operator({ theta: theta0, pieces: null, held: [] });
    const gradient = new Float64Array(theta0.length);
    const out = new Float64Array(n);
    const start = Float64Array.from({ length: n }, () => random.normal());
    const gradientSeconds = await secondsOf(() => problem.lossGradient(theta0, gradient));
    const productSeconds = await secondsOf(() => operator.apply(start, out));
    onMessage?.(`λ_max of the tangent kernel, a product takes ${productSeconds.toPrecision(2)} s`);
    const search = { largest: 1, smallest: 0, tolerance: TOLERANCE, basis: 40, maxProducts: 300 };
    const top = await lanczos({ ...search, operator, start });
    onMessage?.("λ_max of the Hessian");
    // The end of a Hessian's spectrum that is largest in size may be negative; only the positive one limits a step.
    const curvatureOf = async (of: Problem) => {
      const hessian = await of.compile(of.family.hessianProduct("free"));
      return lanczos({
        ...search,
        operator: {
          size: theta0.length,
          async apply(velocity, product) {
            await hessian.run({ theta: theta0, velocity }, { product });
            return velocity.reduce((sum, value, i) => sum + value * (product[i] as number), 0);
          },
        },
        start: Float64Array.from({ length: theta0.length }, () => random.normal()),
      });
    };
    const curvature = await curvatureOf(problem);
    const logCurvature = config.flow.clock === "log" ? await curvatureOf(await problem.logarithm()) : null;
    const lambdaMax = top.largest[0]!.value;
    const sharpness = curvature.largest[0]!.value;
    const logSharpness = logCurvature === null ? null : logCurvature.largest[0]!.value;
    const { tEnd } = config.flow;
    const steps = [
      { method: "gd (learning rate)", limit: 2, stages: 1 },
      ...Object.values(tableaux).map((method) => ({
        method: method.name,
        limit: stabilityInterval(method),
        stages: method.stages,
      })),
      // Stabilised methods take as many stages as a step needs; what they can do at a given number.
      ...[methods.rkc2, methods.tsrkc3].map(({ name, stabilityPerSquare }) => ({
        method: `${name}, s = ${STAGES}`,
        limit: stabilityPerSquare * (STAGES ** 2 - 1),
        stages: STAGES,
      })),
    ].map(({ method, limit, stages }, k) => {
      const isTime = k === 0 || logSharpness === null;
      const lambda = isTime ? sharpness : logSharpness;
      return {
        ...{ method, limit, stepSize: lambda > 0 ? limit / lambda : null },
        gradients: isTime ? Math.max(0, Math.ceil((tEnd * lambda) / limit)) * stages : null,
      };
    });
    const effort = await announceEffort(config, async () => gradientSeconds);
    const seconds =
      choice.method === "lanczos"
        ? productSeconds * ((exactZero ? 0 : ntk.products) + 60)
        : (8 / 3) * (n ** 3 / DENSE_RATE) +
          (choice.method === "svd" ? (6 * n * n * theta0.length) / 2e10 : 0);
    return {
      name: config.name,
      network: `${describeNetwork(network)}, n = ${samples}`,
      parameters: theta0.length,
      scalars: n,
      ratio: theta0.length / n,
      caps,
      exactZero,
      adjacency: network.preset?.kind === "gcn" ? await adjacencyBound(prepared, operator.apply) : null,
      boundaries: treatment.treatment,
      kernel: {
        asked: config.measure.ntk !== undefined,
        method: choice.method,
        bytes: choice.bytes,
        times: ntk.points + 1,
        seconds: seconds * (ntk.points + 1),
      },
      gradientSeconds,
      productSeconds,
      lambdaMax,
      sharpness,
      logSharpness,
      gaussNewton: factor === null ? null : 2 * factor * lambdaMax,
      steps,
      tEnd,
      memory: estimateMemory(loaded, prepared.dataset),
      notes: [
        ...engine.notes,
        ...prepared.notes,
        ...effort,
        ...announceStiffness(config, sharpness),
        ...treatment.notes,
        ...(top.converged
          ? []
          : [
              `λ_max(G) has a relative residual of ${(top.largest[0]!.residual / lambdaMax).toExponential(1)}.`,
            ]),
        ...[curvature, logCurvature].flatMap((found, k) =>
          found === null || found.converged
            ? []
            : [
                `λ_max(∇²${k === 0 ? "" : " ln "}L) did not converge to three digits; it is at least what is shown.`,
              ],
        ),
      ],
    };
  } finally {
    await engine.dispose();
  }
}

async function piecesAt({ problem, theta0 }: Prepared): Promise<Float64Array | null> {
  const { family } = problem;
  if (family.entries === 0) return null;
  const { z } = await (await problem.compile(family.preactivations("free"))).run({ theta: theta0 });
  return piecesOf(family, z as Float64Array);
}

/**
 * F = Â(HW) + 1bᵀ. For uᵀÂ = σvᵀ the kernel's quadratic form at u ⊗ e_a is O(σ²) but for the bias, which u ⟂ 1 takes out: the two
 * smallest singular vectors contain such a u. Any quadratic form is an upper bound of λ_min.
 */
async function adjacencyBound(
  { problem, data }: Prepared,
  quadratic: (v: Float64Array, out: Float64Array) => Promise<number>,
): Promise<{ sigmaMin: number; bound: number }> {
  const { samples: n, network } = problem.family;
  const M = network.outputs;
  const { values, vectors } = singularValues((data["adjacency"] as Float64Array).slice(), n, {
    vectors: true,
  });
  const row = (k: number): Float64Array => (vectors as Float64Array).subarray(k * n, (k + 1) * n);
  const [last, second] = [row(n - 1), row(Math.max(0, n - 2))];
  const sum = (v: Float64Array): number => v.reduce((p, q) => p + q, 0);
  const [s, t] = [sum(last), sum(second)];
  const length = Math.hypot(s, t) || 1;
  const balanced = Float64Array.from(last, (value, i) => (t * value - s * (second[i] as number)) / length);
  let bound = Number.POSITIVE_INFINITY;
  const v = new Float64Array(n * M);
  const out = new Float64Array(n * M);
  for (const u of [last, balanced]) {
    const norm = u.reduce((p, q) => p + q * q, 0);
    for (let a = 0; a < M; a++) {
      v.fill(0);
      for (let i = 0; i < n; i++) v[i * M + a] = u[i] as number;
      bound = Math.min(bound, (await quadratic(v, out)) / norm);
    }
  }
  return { sigmaMin: values[n - 1] as number, bound };
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  await work();
  const start = performance.now();
  let calls = 0;
  while (calls < 3 || (performance.now() - start < 50 && calls < 100)) {
    await work();
    calls++;
  }
  return (performance.now() - start) / 1000 / calls;
}
