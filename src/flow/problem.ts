/**
 * The gradient-flow problem: one network, one data set, one engine. Evaluates loss, gradient and prediction and keeps
 * count of what that costs. Knows nothing of solvers.
 */
import type { Engine, Program, ResidentProgram, Tensors } from "../engine/index.js";
import { type Graph, splitBound, workOf } from "../graph/index.js";
import { length } from "../linalg/norm.js";
import { createFamily, type Family } from "../model/index.js";

/** What evaluations have cost so far. */
export interface Cost {
  gradients: number;
  predictions: number;
  /** Wall-clock time inside the engine. */
  seconds: number;
}

export interface Problem {
  readonly family: Family;
  readonly engine: Engine;
  /** The tensors bound to its graphs: `x`, `y` and, for a gcn, `adjacency`. */
  readonly data: Tensors;
  readonly cost: Cost;
  /** L(θ); ∇L(θ) goes to `gradient` [P]. */
  lossGradient(theta: Float64Array, gradient: Float64Array): Promise<number>;
  /** L(θ); −∇L(θ) goes to `velocity` [P]. */
  field(theta: Float64Array, velocity: Float64Array): Promise<number>;
  /** L(θ) alone. */
  loss(theta: Float64Array): Promise<number>;
  /** L(θ) without what weight decay adds. */
  dataLoss(theta: Float64Array): Promise<number>;
  /** F(θ), n × M row-major, into `output`. */
  predict(theta: Float64Array, output: Float64Array): Promise<void>;
  /** A further graph of the family, with the data bound and its time counted. */
  compile(graph: Graph, bound?: Tensors): Promise<Program>;
  /** The same over vectors that stay with the engine; only where the engine has such. */
  compileResident(graph: Graph, bound?: Tensors): Promise<ResidentProgram>;
  /** The same with ln L for its loss, of which the costs are counted here too. @throws Error where there is none */
  logarithm(): Promise<Problem>;
  /** By how much an error of this part of the outputs may move a loss of this size; default: their rounding. */
  lossRounding(loss: number, part?: number): number;
  /** Arithmetic of one evaluation of a graph in gradients of this problem, without what the data alone decide: those of the problem, or others. */
  priceOf(graph: Graph, data?: Tensors): number;
  /** Floating-point operations of one. */
  readonly gradientWork: number;
}

/** Part of ‖y‖ + ‖r‖ ≥ ‖F‖, of a centred family plus what is taken off, by which rounding moves the residual: some fifty roundings of an output of a few layers. */
const ROUNDING = { float64: 2 ** -46, float32: 2 ** -17 } as const;

/**
 * @param data the tensors `x`, `y`, the matrices of relations between samples, and `origin` of a centred family
 * @param cost where costs are added to
 * @throws TypeError where a centred family has no origin
 */
export async function createProblem(
  engine: Engine,
  family: Family,
  data: Tensors,
  cost: Cost = { gradients: 0, predictions: 0, seconds: 0 },
): Promise<Problem> {
  if (family.centred === true && data["origin"] === undefined)
    throw new TypeError(
      "createProblem: the family is centred and data has no origin, F(θ₀); withOrigin(engine, family, data, theta0) adds it.",
    );
  const timed = async <T>(work: () => Promise<T>): Promise<T> => {
    const start = performance.now();
    const result = await work();
    cost.seconds += (performance.now() - start) / 1000;
    return result;
  };
  const compile = async (graph: Graph, bound: Tensors = data): Promise<Program> => {
    const program = await engine.compile(graph, bound);
    return { graph: program.graph, run: (inputs, into) => timed(() => program.run(inputs, into)) };
  };
  const gradientProgram = await compile(family.lossGradient("free"));
  const predictProgram = await compile(family.predict());
  const { y, origin } = data;
  const targets = length(y as Float64Array) + (origin === undefined ? 0 : length(origin));
  const gradientWork = arithmetic(family.flowField(), data);
  let lossProgram: Program | null = null;
  let dataLossProgram: Program | null = null;
  let logarithm: Promise<Problem> | null = null;
  let fieldProgram: Program | null = null;
  return {
    family,
    engine,
    data,
    cost,
    compile,
    async compileResident(graph, bound = data) {
      if (engine.resident === null) throw new Error(`${engine.kind}: the engine keeps no vectors.`);
      const program = await engine.resident.compile(graph, bound);
      return { run: (inputs, into) => timed(() => program.run(inputs, into)) };
    },
    logarithm() {
      logarithm ??= createProblem(engine, createFamily({ ...family, logarithmic: true }), data, cost);
      return logarithm;
    },
    lossRounding: (loss, part = ROUNDING[engine.dtype]) => family.criterion.rounding(loss, part, targets),
    priceOf: (graph, own = data) => arithmetic(graph, own) / gradientWork,
    gradientWork,
    async lossGradient(theta, gradient) {
      cost.gradients++;
      const { loss } = await gradientProgram.run({ theta }, { gradient });
      return loss?.[0] as number;
    },
    async field(theta, velocity) {
      cost.gradients++;
      fieldProgram ??= await compile(family.flowField(true));
      const { loss } = await fieldProgram.run({ theta }, { velocity });
      return loss?.[0] as number;
    },
    async loss(theta) {
      cost.predictions++;
      lossProgram ??= await compile(family.loss());
      const { loss } = await lossProgram.run({ theta });
      return loss?.[0] as number;
    },
    async dataLoss(theta) {
      cost.predictions++;
      dataLossProgram ??= await compile(family.dataLoss());
      const { loss } = await dataLossProgram.run({ theta });
      return loss?.[0] as number;
    },
    async predict(theta, output) {
      cost.predictions++;
      await predictProgram.run({ theta }, { output });
    },
  };
}

const arithmetic = (graph: Graph, data: Tensors): number => workOf(splitBound(graph, Object.keys(data)).rest);
