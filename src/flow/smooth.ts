/** Gradient flow with nothing watched: θ' = −∇L(θ) handed to a solver as it stands. */
import type { ResidentVector } from "../engine/index.js";
import { squaredNorm } from "../linalg/vectors.js";
import type { Memory } from "../memory.js";
import {
  createStepper,
  fixedStepLimit,
  type IntegrationLimits,
  integrate,
  type MethodName,
  methods,
  type Outcome,
  type Phase,
  type Stepper,
} from "../ode/index.js";
import { createHessian, type HessianCost } from "./hessian.js";
import type { Problem } from "./problem.js";
import { createSharpness, type Sharpness } from "./sharpness.js";
import { arrayState, type FlowState, residentState } from "./state.js";

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
  readonly method: MethodName;
  readonly rtol?: number;
  readonly atol?: number;
  readonly stepSize?: number;
  readonly firstStep?: number;
  readonly maxStep?: number;
  /** Returning `stop` ends the run with status `stopped`. */
  readonly onSegment: (segment: Segment, counts: FlowCounts) => Promise<"stop" | undefined>;
}

export interface FlowOutcome extends Omit<Outcome, "status"> {
  /** `tooManyContacts`: more entries on their boundaries at once than the exact flow can decide on. */
  readonly status: Outcome["status"] | "tooManyContacts";
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
export async function integrateSmooth(options: FlowOptions): Promise<FlowOutcome> {
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
  const { needs } = methods[options.method];
  const sharpness = needs.includes("sharpness")
    ? createSharpness({
        problem,
        gradients: () => stepper.evaluations,
        fromStart: fixedStepLimit(options.method) !== null,
        ...(memory && { memory }),
      })
    : null;
  const hessian = needs.includes("jacobian") ? createHessian(problem, memory) : null;
  const stepper: Stepper<V> = createStepper({
    ...solver,
    space,
    t0: 0,
    y0: state.load(theta0),
    field: (_, theta, out) => state.field(theta, out),
    isAutonomous: true,
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

export function distance(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += ((a[i] as number) - (b[i] as number)) ** 2;
  return Math.sqrt(sum);
}
