/** Gradient flow with nothing watched: θ' = −∇L(θ) handed to a solver as it stands. */

import { length } from "../linalg/norm.js";
import type { Memory } from "../memory.js";
import {
  createStepper,
  EvaluationsSpent,
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
import type { FlowCounts, FlowEnd, FlowStatus, ResidentSegment, Segment } from "./segment.js";
import { AT_EDGE, createSharpness, type Sharpness } from "./sharpness.js";
import { arrayState, type FlowState, residentState } from "./state.js";

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
  /** An end that is returned, at a time inside the segment, is the end of the run. */
  readonly onSegment: (segment: Segment, counts: FlowCounts) => Promise<FlowEnd | null | undefined>;
  /** Measure the sharpness although the method does without it, for descents beside the flow. */
  readonly watchSharpness?: boolean;
}

export interface FlowOutcome extends Omit<Outcome, "status"> {
  readonly status: FlowStatus;
  readonly theta: Float64Array;
  /** Which method ran from when on, where the solver chooses. */
  readonly phases?: readonly Phase[];
  /** λ_max(∇²L) along the flow, where the solver measured it. */
  readonly sharpness?: Pick<Sharpness, "measurements" | "firstAbove" | "cost">;
  /** Hessian products that formed the Jacobian of an implicit method. */
  readonly hessian?: HessianCost;
}

/** ‖θ'‖ = ‖∇L‖ where the flow is smooth. */
export function measureGradient(problem: Problem): Segment["measure"] {
  const gradient = new Float64Array(problem.family.layout.size);
  return async (theta) => ({
    loss: await problem.lossGradient(theta, gradient),
    speed: length(gradient),
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
  const { problem, theta0, onSegment, onRest, signal, maxSteps, watchSharpness, ...rest } = options;
  const { maxEvaluations = Number.POSITIVE_INFINITY, ...solver } = rest;
  const { memory, onResume } = options;
  /** Looking at a step may cost evaluations too, and is not cut short. */
  let isStepping = true;
  /** The stepper counts an evaluation that it was refused. */
  let refused = 0;
  const { space } = state;
  const scratch = resident === null ? null : space.create();
  const measure = measureGradient(problem);
  const sharpness = sharpnessOf(options, () => stepper.evaluations);
  const hessian = methods[options.method].needs.includes("jacobian") ? createHessian(problem, memory) : null;
  const stepper: Stepper<V> = createStepper({
    ...solver,
    space,
    t0: 0,
    y0: state.load(theta0),
    field: (_, theta, out) => {
      if (isStepping && stepper.evaluations > maxEvaluations) {
        refused = 1;
        throw new EvaluationsSpent();
      }
      return state.field(theta, out);
    },
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
  let end: (FlowEnd & { readonly theta: Float64Array }) | null = null;
  const outcome = await integrate({
    stepper,
    tEnd: solver.tEnd,
    ...(signal && { signal }),
    ...(maxSteps && { maxSteps }),
    maxEvaluations,
    spent: () => stepper.evaluations - refused,
    ...(memory && { memory }),
    ...(onRest && { onRest }),
    onStep: async (step) => {
      isStepping = false;
      let fetched: Float64Array | null = null;
      const theta1 = (): Float64Array => {
        fetched ??= state.read(step.y1);
        return fetched;
      };
      const interpolate = (t: number, out: V) =>
        t === step.t1 ? space.copy(step.y1, out) : step.interpolate(t, out);
      await sharpness?.follow(step.t1, theta1);
      const loss = state.lossAt(step.y1);
      const segment: Segment = {
        t0: step.t0,
        t1: step.t1,
        h: step.h,
        known:
          loss === null ? null : { loss, speed: Math.sqrt(space.dot(step.derivative1, step.derivative1)) },
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
      const found = await onSegment(segment, {
        gradients: stepper.evaluations,
        accepted: stepper.accepted,
        rejected: stepper.rejected,
        sharpness: sharpness?.last ?? null,
      });
      isStepping = true;
      if (!found) return undefined;
      const theta = new Float64Array(theta0.length);
      await segment.interpolate(found.t, theta);
      end = { ...found, message: `${stepper.name}: ${found.message}`, theta };
      return "stop";
    },
  });
  return {
    ...outcome,
    theta: state.read(stepper.y).slice(),
    ...(end as FlowEnd | null),
    ...(stepper.phases && { phases: stepper.phases }),
    ...(sharpness && { sharpness }),
    ...(hessian && { hessian: hessian.cost }),
  };
}

/**
 * What measures the sharpness: for methods that need it for their stages, and for fixed steps, those of descents beside the flow too,
 * whose stability nothing else watches. Null where nobody asks.
 */
export function sharpnessOf(
  { problem, method, stepSize, watchSharpness = false, memory }: FlowOptions,
  gradients: () => number,
  pieces?: () => Float64Array,
): Sharpness | null {
  const stable = fixedStepLimit(method);
  const isNeeded = methods[method].needs.includes("sharpness");
  if (!(isNeeded || watchSharpness)) return null;
  return createSharpness({
    problem,
    gradients,
    // What a stabilised method measures for itself must not depend on who runs beside it.
    fromStart: stable !== null || !isNeeded,
    ...(stable !== null && { limit: (AT_EDGE * stable) / stepSize! }),
    ...(pieces && { pieces }),
    ...(memory && { memory }),
  });
}
