/** One flow of one kind beside one descent: brought from compared step to compared step, whatever it is, with what it has cost. */
import type { Program } from "../../engine/index.js";
import type { Graph } from "../../graph/index.js";
import type { Memory } from "../../memory.js";
import { createStepper, explicitMethod, float64Space } from "../../ode/index.js";
import type { Problem } from "../problem.js";
import type { FlowOptions } from "../smooth.js";
import type { Course, Equation, FieldFailure, FieldKind, FieldSubject, Predictions, Walk } from "./field.js";

/** The solver of a study, for flows that are equations. */
export interface FieldSolver
  extends Pick<FlowOptions, "method" | "rtol" | "atol" | "stepSize" | "firstStep" | "maxStep"> {
  /** Accepted steps. */
  readonly maxSteps: number;
}

export interface Beside {
  /** θ at the step that it was brought to last. */
  readonly theta: Float64Array;
  /** Where the way began that ends there: θ₀, or the step before of one that is begun anew at each. */
  readonly from: Float64Array;
  /** Why it goes no further; null where it does. */
  readonly failure: FieldFailure | null;
  /** Its evaluations in gradients, by the arithmetic of the graphs. */
  readonly gradientEquivalents: number;
  /**
   * Brings it to step k of descent and the time t of that step, not before those of earlier calls. False where it fails on the way, or
   * is interrupted: the same call then goes on.
   */
  reach(step: number, t: number, signal?: AbortSignal): Promise<boolean>;
  predict(): Promise<Predictions>;
  /** As of Walk; none where it predicts no variance by direction. */
  directions(): readonly Float64Array[];
}

/** Compiles graphs once for all flows of a study. */
export type SharedPrograms = Map<string, Promise<Program>>;

export interface BesideOptions extends Omit<FieldSubject, "compile"> {
  readonly solver: FieldSolver;
  /** Times of the steps that it is to be brought to, ascending; one that is not among them may end them early. */
  readonly times: readonly number[];
  readonly programs: SharedPrograms;
}

export async function createBeside(
  kind: FieldKind,
  settings: unknown,
  { solver, times, programs, ...given }: BesideOptions,
): Promise<Beside> {
  const { problem, memory } = given;
  const state = memory.keep("beside", { gradientEquivalents: 0, failure: null as FieldFailure | null });
  const subject: FieldSubject = {
    ...given,
    compile: (graph) => compileFor(problem, graph, programs, state),
  };
  const course: Course = await kind.create(subject, settings as never);
  const follower =
    "step" in course
      ? followWalk(course, memory)
      : followEquation(course, given.theta0, solverFor(kind, solver), times, memory.within("solver"));
  return {
    get theta() {
      return follower.theta();
    },
    from: ("from" in course ? course.from : undefined) ?? given.theta0,
    get failure() {
      return state.failure;
    },
    get gradientEquivalents() {
      return state.gradientEquivalents;
    },
    async reach(step, t, signal) {
      if (state.failure !== null) return false;
      const found = await follower.reach(step, t, signal);
      if (found !== true && found !== false) state.failure = found;
      return found === true;
    },
    predict: follower.predict,
    directions: () => ("step" in course ? (course.directions?.() ?? []) : []),
  };
}

/** Where auto would go over to a stabilised method, which is not for an equation that oscillates, its explicit one stays. */
function solverFor({ spectrum }: FieldKind, solver: FieldSolver): FieldSolver {
  if (solver.method !== "auto" || spectrum === "real") return solver;
  return { ...solver, method: explicitMethod(solver.rtol) };
}

/** What costs are counted by is the arithmetic of a graph beside that of a gradient. */
async function compileFor(
  problem: Problem,
  graph: Graph,
  programs: SharedPrograms,
  meter: { gradientEquivalents: number },
): Promise<Program> {
  const known = programs.get(graph.name) ?? problem.compile(graph);
  programs.set(graph.name, known);
  const price = problem.priceOf(graph);
  const program = await known;
  return {
    graph: program.graph,
    run(inputs, into) {
      meter.gradientEquivalents += price;
      return program.run(inputs, into);
    },
  };
}

interface Follower {
  theta(): Float64Array;
  /** True once it is there, false where it is interrupted before. */
  reach(step: number, t: number, signal?: AbortSignal): Promise<boolean | FieldFailure>;
  predict(): Promise<Predictions>;
}

function followWalk(walk: Walk, memory: Memory): Follower {
  const state = memory.keep("walk", { step: 0, arrived: 0 });
  return {
    theta: () => walk.theta,
    async reach(step, _, signal) {
      while (state.step < step) {
        if (signal?.aborted) return false;
        const failure = await walk.step();
        if (failure !== null) return failure;
        state.step++;
      }
      if (state.arrived === step) return true;
      const failure = (await walk.arrive?.()) ?? null;
      state.arrived = step;
      return failure ?? true;
    },
    predict: async () => (await walk.predict?.()) ?? {},
  };
}

/** Steps are as long as the solver likes: what its dense output says at compared times inside one is kept until that is asked for. */
function followEquation(
  equation: Equation,
  theta0: Float64Array,
  { maxSteps, ...solver }: FieldSolver,
  times: readonly number[],
  memory: Memory,
): Follower {
  const { initial } = equation;
  const tEnd = Math.max(...times);
  const stepper = createStepper({
    ...solver,
    space: float64Space(initial.length),
    field: equation.field,
    isAutonomous: equation.isAutonomous,
    ...{ t0: 0, y0: initial, tEnd, memory },
  });
  const state = memory.keep("passed", {
    /** Start of the last step: descent may end inside it, at a time that was not planned. */
    start: { t: 0, y: initial.slice() },
    /** States at planned times that were passed and not yet asked for. */
    ahead: [] as { t: number; y: Float64Array }[],
    /** The state that was asked for last. */
    here: { t: 0, y: initial.slice() },
  });
  const { start, ahead, here } = state;
  const theta = theta0.slice();
  /** One step, with what it passes. */
  const advance = async (limit: number): Promise<FieldFailure | null> => {
    if (stepper.accepted >= maxSteps)
      return {
        status: "maxSteps",
        message: `flow.maxSteps = ${maxSteps} steps were not enough to pass t = ${stepper.t}.`,
      };
    const step = await stepper.advance(limit);
    if (step.status !== "accepted")
      return equation.explain?.() ?? { status: step.status, message: step.message };
    start.t = step.t0;
    start.y.set(step.y0);
    for (const t of times) {
      if (!(t > step.t0 && t <= step.t1)) continue;
      const y = new Float64Array(initial.length);
      await step.interpolate(t, y);
      ahead.push({ t, y });
    }
    return null;
  };
  return {
    theta() {
      equation.theta(here.y, theta);
      return theta;
    },
    async reach(_, t, signal) {
      while (stepper.t < t) {
        if (signal?.aborted) return false;
        const failure = await advance(tEnd);
        if (failure !== null) return failure;
      }
      while (ahead.length > 0 && ahead[0]!.t < t) ahead.shift();
      here.t = t;
      if (ahead[0]?.t === t) {
        here.y.set(ahead[0].y);
        return true;
      }
      // The last step went beyond an end that came early: it is made again, to there.
      if (stepper.t > t) stepper.restart({ ...start, keepStepSize: true });
      while (stepper.t < t) {
        const failure = await advance(t);
        if (failure !== null) return failure;
      }
      here.y.set(stepper.y);
      return true;
    },
    predict: async () => (await equation.predict?.(here.t, here.y)) ?? {},
  };
}
