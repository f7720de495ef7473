/** Gradient flow with nothing watched: θ' = −∇L(θ) handed to a solver as it stands. */
import type { ResidentVector } from "../engine/index.js";
import type { Memory } from "../memory.js";
import {
  createStepper,
  fixedStepLimit,
  type IntegrationLimits,
  integrate,
  type Outcome,
  type Phase,
  type SolverName,
  type Stepper,
  solveOdex,
} from "../ode/index.js";
import { createHessian, type HessianCost } from "./hessian.js";
import type { Problem } from "./problem.js";
import { createSharpness, type Sharpness, squaredNorm } from "./sharpness.js";
import { arrayState, type FlowState, residentState } from "./state.js";

export { squaredNorm };

/** A stretch of the flow, handed to observers in order; valid during the call. */
export interface Segment {
  readonly t0: number;
  readonly t1: number;
  /** The solver's step. */
  readonly h: number;
  /** θ(t1); of a resident flow it is fetched when it is looked at. */
  readonly theta1: Float64Array;
  /** θ(t) for t in [t0, t1] */
  interpolate(t: number, out: Float64Array): Promise<void> | void;
  /** ∫ ‖θ'‖² from t0 to `until`, by the solver's own quadrature; call `interpolate` at `until` first. */
  energy(until: number): number;
  /** Loss and ‖θ'‖ at a state inside the segment. */
  measure(theta: Float64Array): Promise<{ loss: number; speed: number }>;
  /** The same states where they are, of a flow that is integrated in vectors of the engine. */
  readonly resident?: ResidentSegment;
}

export interface ResidentSegment {
  readonly theta1: ResidentVector;
  interpolate(t: number, out: ResidentVector): Promise<void> | void;
}

/** Running totals of the solver. */
export interface FlowCounts {
  readonly gradients: number;
  readonly accepted: number;
  readonly rejected: number;
  /** λ_max(∇²L) as last measured; null or absent where it is not. */
  readonly sharpness?: number | null;
}

/** What makes a flow resumable: a memory for its state, and a call whenever all of that is at rest. */
export interface Continuation {
  readonly memory?: Memory;
  /** Called once where the memory is resumed, with what measures the flow there. */
  readonly onResume?: (measure: Segment["measure"]) => void;
  /** Called between steps. Whoever saves must be done with the memory when it returns. */
  readonly onRest?: () => Promise<void> | void;
}

export interface FlowOptions extends IntegrationLimits, Continuation {
  readonly problem: Problem;
  readonly theta0: Float64Array;
  readonly method: SolverName;
  readonly rtol?: number;
  readonly atol?: number;
  readonly stepSize?: number;
  readonly firstStep?: number;
  readonly maxStep?: number;
  /** Returning `stop` ends the run with status `stopped`. */
  readonly onSegment: (segment: Segment, counts: FlowCounts) => Promise<"stop" | undefined>;
}

export interface FlowOutcome extends Outcome {
  readonly theta: Float64Array;
  /** Which method ran from when on, where the solver chooses. */
  readonly phases?: readonly Phase[];
  /** λ_max(∇²L) along the flow, where the solver measured it. */
  readonly sharpness?: Pick<Sharpness, "measurements" | "cost">;
  /** Hessian products that formed the Jacobian of an implicit method. */
  readonly hessian?: HessianCost;
}

/** ‖θ'‖ = ‖∇L‖ where the flow is smooth. */
export function measureGradient(problem: Problem): Segment["measure"] {
  const gradient = new Float64Array(problem.family.layout.size);
  return async (theta) => ({
    loss: await problem.lossGradient(theta, gradient),
    speed: Math.sqrt(squaredNorm(gradient)),
  });
}

/** Integrates from θ0 at t = 0 to `tEnd`: over arrays, or over vectors of the engine where it has such. */
export async function integrateFlow(options: FlowOptions): Promise<FlowOutcome> {
  const { problem } = options;
  const { resident } = problem.engine;
  if (resident === null) return integrateOver(arrayState(problem), options, null);
  const state = await residentState(problem, resident);
  return integrateOver(state, options, (theta1, interpolate) => ({ theta1, interpolate }));
}

async function integrateOver<V>(
  state: FlowState<V>,
  options: FlowOptions,
  resident: ((theta1: V, interpolate: (t: number, out: V) => Promise<void> | void) => ResidentSegment) | null,
): Promise<FlowOutcome> {
  const { problem, theta0, onSegment, onRest, signal, maxSteps, maxEvaluations, ...solver } = options;
  const { memory, onResume } = options;
  const { space } = state;
  const scratch = resident === null ? null : space.create();
  const measure = measureGradient(problem);
  const sharpness = watchesSharpness(options.method)
    ? createSharpness({
        problem,
        gradients: () => stepper.evaluations,
        fromStart: fixedStepLimit(options.method) !== null,
        ...(memory && { memory }),
      })
    : null;
  const hessian = options.method === "rodas4" ? createHessian(problem, memory) : null;
  const stepper: Stepper<V> = createStepper({
    ...solver,
    space,
    t0: 0,
    y0: state.load(theta0),
    field: (_, theta, out) => state.field(theta, out),
    ...(hessian && { jacobian: hessian.jacobian }),
    ...(sharpness && {
      spectralRadius: (t: number, theta: V, derivative: V, rejected: V | null) =>
        sharpness.spectralRadius(
          t,
          state.read(theta),
          state.read(derivative),
          rejected === null ? null : state.read(rejected),
        ),
    }),
  });
  if (memory?.isResumed) onResume?.(measure);
  const outcome = await integrate({
    stepper,
    tEnd: solver.tEnd,
    ...(signal && { signal }),
    ...(maxSteps && { maxSteps }),
    ...(maxEvaluations && { maxEvaluations }),
    ...(memory && { memory }),
    ...(onRest && { onRest }),
    onStep: async (step) => {
      let fetched: Float64Array | null = null;
      const theta1 = (): Float64Array => {
        fetched ??= state.read(step.y1);
        return fetched;
      };
      const interpolate = (t: number, out: V) =>
        t === step.t1 ? space.copy(step.y1, out) : step.interpolate(t, out);
      await sharpness?.follow(step.t1, theta1);
      const segment: Segment = {
        t0: step.t0,
        t1: step.t1,
        h: step.h,
        get theta1() {
          return theta1();
        },
        async interpolate(t, out) {
          if (t === step.t1) return out.set(theta1());
          if (scratch === null) return step.interpolate(t, out as V);
          await step.interpolate(t, scratch);
          out.set(state.read(scratch));
        },
        ...(resident && { resident: resident(step.y1, interpolate) }),
        energy: (until) => step.quadrature((k) => space.dot(k, k), until === step.t1 ? undefined : until),
        measure,
      };
      return onSegment(segment, {
        gradients: stepper.evaluations,
        accepted: stepper.accepted,
        rejected: stepper.rejected,
        sharpness: sharpness?.last?.value ?? null,
      });
    },
  });
  return {
    ...outcome,
    theta: state.read(stepper.y).slice(),
    ...(stepper.phases && { phases: stepper.phases }),
    ...(sharpness && { sharpness }),
    ...(hessian && { hessian: hessian.cost }),
  };
}

/** Whether the sharpness is measured: by methods that need it for their stages, and for fixed steps, whose stability nothing else watches. */
export function watchesSharpness(method: SolverName): boolean {
  return method === "auto" || method === "rkc2" || method === "tsrkc3" || fixedStepLimit(method) !== null;
}

/** A gradient that answers at once, as odex needs it. */
export type SyncGradient = (theta: Float64Array, gradient: Float64Array) => void;

/**
 * The same flow by odex, which wants all times in advance: the state is reported at `times` only, and each stretch
 * between two of them is a segment. The energy integral is one more component of the state.
 */
export async function integrateFlowByOdex(
  options: FlowOptions & { readonly gradient: SyncGradient; readonly times: readonly number[] },
): Promise<FlowOutcome> {
  const {
    problem,
    theta0,
    gradient,
    tEnd,
    times,
    onSegment,
    signal,
    rtol = 1e-6,
    atol = 1e-9,
    maxSteps,
  } = options;
  const { maxEvaluations = Number.POSITIVE_INFINITY } = options;
  const size = theta0.length;
  const y0 = new Float64Array(size + 1);
  y0.set(theta0);
  const at = [...new Set([...times.filter((t) => t > 0 && t < tEnd), tEnd])].sort((p, q) => p - q);
  let spent = 0;
  const solution = solveOdex({
    field: (_, y, out) => {
      spent++;
      const velocity = out.subarray(0, size);
      gradient(y.subarray(0, size), velocity);
      out[size] = squaredNorm(velocity);
      for (let i = 0; i < size; i++) out[i] = -(out[i] as number);
    },
    t0: 0,
    y0,
    tEnd,
    rtol,
    atol,
    at,
    onSolution: () => (spent >= maxEvaluations ? "stop" : undefined),
    ...(maxSteps && { maxSteps }),
  });
  const measure = measureGradient(problem);
  const counts = {
    gradients: solution.evaluations,
    accepted: solution.accepted,
    rejected: solution.rejected,
  };
  const ends = solution.times.map((t, i) => ({ t, state: solution.states[i] as Float64Array }));
  if (solution.t > (ends[ends.length - 1]?.t ?? 0)) ends.push({ t: solution.t, state: solution.y });
  let t0 = 0;
  let energy0 = 0;
  for (const { t: t1, state } of ends) {
    const theta1 = state.subarray(0, size);
    const energy = (state[size] as number) - energy0;
    const interpolate = (_: number, out: Float64Array): void => out.set(theta1);
    const segment = { t0, t1, h: t1 - t0, theta1, interpolate, energy: () => energy, measure };
    const ended =
      (await onSegment(segment, counts)) === "stop" ? "stopped" : signal?.aborted ? "interrupted" : null;
    if (ended !== null) {
      return {
        ...solution,
        status: ended,
        message: `odex: ${ended} at t = ${t1}.`,
        t: t1,
        theta: theta1.slice(),
      };
    }
    t0 = t1;
    energy0 = state[size] as number;
  }
  const outcome: FlowOutcome = { ...solution, theta: solution.y.slice(0, size) };
  if (solution.status !== "stopped") return outcome;
  return {
    ...outcome,
    status: "maxEvaluations",
    message: `odex: ${spent} evaluations were spent at t = ${solution.t}.`,
  };
}

export function distance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return Math.sqrt(sum);
}
