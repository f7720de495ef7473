/**
 * All that is known of a method, as data: what its stepper computes with, and what `gradflow methods`, the schema, the checks of a
 * study and the flow have to know of it. Imports no solver, so that everybody may read it.
 */
import { stabilityInterval } from "./stability.js";
import type { ControllerConstants, Tableau } from "./tableau.js";

/**
 * `sharpness`: λ_max of the Jacobian is measured on its way, since its stages follow it or nothing else sees whether its step is stable.
 * `jacobian`: the Jacobian itself, dense. `arrays`: states in float64 arrays, not in vectors that stay with an engine.
 */
export type Need = "sharpness" | "jacobian" | "arrays";

interface Facts {
  readonly name: string;
  /** Null where it depends on the step. */
  readonly order: number | null;
  /** Where its formulas are from. */
  readonly source: string;
  /** When to use it. */
  readonly use: string;
  readonly needs: readonly Need[];
  /** Most states that its stepper holds, those of the dense output included. */
  readonly vectors: number;
  /** Most unknowns that it takes. Absent: no limit of its own. */
  readonly maxDimension?: number;
}

/** A method that is a tableau and nothing else. */
export interface RungeKuttaMethod extends Facts, Tableau {
  readonly kind: "fixed step" | "explicit";
  readonly name: string;
  readonly order: number;
  readonly source: string;
}

/** An explicit method with as many stages as its step needs, its stability interval growing like their square. */
export interface StabilisedMethod extends Facts {
  readonly kind: "stabilised";
  readonly order: number;
  readonly leastStages: number;
  /** Steps that it looks back, itself included. */
  readonly steps: 1 | 2;
  /** c in the stability interval c(s² − 1) of s stages, about. */
  readonly stabilityPerSquare: number;
  /** Most growth of the step size in one step. */
  readonly maxFactor: number;
  /** Scale of the defect 2(y_n − y_{n+1}) + h(f_n + f_{n+1}) in the error estimate. */
  readonly defectShare: number;
}

/**
 * Stage i of s solves (I/(hγ) − J)k_i = f(t + c_i h, y + Σ a_ij k_j) + Σ g_ij k_j/h + d_i h ∂f/∂t. The last stage but one begins at the
 * embedded solution less its own k, and each of the last two adds its k to what it began at.
 */
export interface RosenbrockCoefficients {
  readonly gamma: number;
  readonly a: readonly (readonly number[])[];
  readonly g: readonly (readonly number[])[];
  readonly c: readonly number[];
  readonly d: readonly number[];
}

/** A linearly implicit method: its stages are solved with the Jacobian. */
export interface RosenbrockMethod extends Facts {
  readonly kind: "implicit";
  readonly order: number;
  readonly stages: number;
  readonly estimateOrder: number;
  readonly coefficients: RosenbrockCoefficients;
  readonly controller: ControllerConstants;
}

/** One that chooses among the others, or is other people's code. */
export interface OtherMethod extends Facts {
  readonly kind: "automatic" | "extrapolation";
}

export type Method = RungeKuttaMethod | StabilisedMethod | RosenbrockMethod | OtherMethod;

/** One line of `gradflow methods`. */
export interface MethodDescription {
  readonly name: string;
  /** Null where it depends. */
  readonly order: number | null;
  readonly kind: Method["kind"];
  /** Gradients of one step. */
  readonly gradients: string;
  /** Largest h·λ_max of a stable step. */
  readonly stability: string;
  readonly use: string;
}

export function describeMethod(method: Method): MethodDescription {
  const { name, order, kind, maxDimension } = method;
  const limit =
    maxDimension === undefined
      ? ""
      : `, at most ${maxDimension.toLocaleString("en").replace(",", " ")} parameters`;
  return { name, order, kind, ...price(method), use: method.use + limit };
}

function price(method: Method): { gradients: string; stability: string } {
  switch (method.kind) {
    case "stabilised":
      return {
        gradients: `s ≥ ${method.leastStages}, chosen`,
        stability: `${method.stabilityPerSquare.toFixed(2)} s²`,
      };
    case "implicit":
      return { gradients: `${method.stages} + ∇²L`, stability: "unbounded" };
    case "automatic":
      return { gradients: "its method's", stability: "unbounded" };
    case "extrapolation":
      return { gradients: "varies", stability: "varies" };
    default:
      return { gradients: String(method.stages), stability: stabilityInterval(method).toFixed(2) };
  }
}
