/** Every solver by name, with what a user needs to choose one. Holds no numerics of its own. */

import { type MethodName, methods } from "./methods.js";
import { stabilityInterval } from "./stability.js";

/** What `createStepper` takes by name. */
export type SolverName = MethodName | "rkc2" | "tsrkc3" | "rodas4" | "auto";

/** One line of `gradflow methods`. */
export interface SolverDescription {
  readonly name: string;
  /** Null where it depends. */
  readonly order: number | null;
  readonly kind: "fixed step" | "explicit" | "stabilised" | "implicit" | "automatic" | "extrapolation";
  /** Gradients of one step. */
  readonly gradients: string;
  /** Largest h·λ_max of a stable step. */
  readonly stability: string;
  readonly use: string;
}

const uses: Readonly<Record<MethodName, string>> = {
  euler: "gradient descent as a method; teaching",
  heun: "comparisons with a given step",
  rk4: "comparisons with a given step",
  bs32: "loose tolerances, short times",
  dopri5: "rtol 1e-3 to 1e-7 while accuracy limits the step",
  tsit5: "as dopri5, a little cheaper",
  dop853: "tight tolerances, rtol below 1e-7",
};

/** Largest h·λ_max of a stable step, for the methods of fixed step, which do not see to it themselves; null for the others. */
export function fixedStepLimit(name: string): number | null {
  const method = Object.values(methods).find((known) => known.name === name);
  return method === undefined || method.error !== null ? null : stabilityInterval(method);
}

/** All methods, the default first. */
export function describeSolvers(): SolverDescription[] {
  const tableaux = Object.values(methods).map(
    (method): SolverDescription => ({
      name: method.name,
      order: method.order,
      kind: method.error === null ? "fixed step" : "explicit",
      gradients: String(method.stages),
      stability: stabilityInterval(method).toFixed(2),
      use: uses[method.name as MethodName],
    }),
  );
  return [
    {
      name: "auto",
      order: null,
      kind: "automatic",
      gradients: "its method's",
      stability: "unbounded",
      use: "the default: dopri5 or dop853, and rkc2 or tsrkc3 once stability limits the step",
    },
    ...tableaux,
    {
      name: "rkc2",
      order: 2,
      kind: "stabilised",
      gradients: "s ≥ 2, chosen",
      stability: "0.65 s²",
      use: "long stiff times at rtol 1e-3 and looser",
    },
    {
      name: "tsrkc3",
      order: 3,
      kind: "stabilised",
      gradients: "s ≥ 3, chosen",
      stability: "0.5 s²",
      use: "long stiff times at rtol below 1e-3",
    },
    {
      name: "rodas4",
      order: 4,
      kind: "implicit",
      gradients: "6 + ∇²L",
      stability: "unbounded",
      use: "reference for very long times, at most 2 000 parameters",
    },
    {
      name: "odex",
      order: null,
      kind: "extrapolation",
      gradients: "varies",
      stability: "varies",
      use: "a cross-check by other hands; engine.kind: reference only",
    },
  ];
}
