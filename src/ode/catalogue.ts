/** Every solver by name, with what a user needs to choose one. Holds no numerics. */

import { type MethodName, methodNames } from "./methods.js";

export type SolverName = MethodName | "rkc2" | "tsrkc3" | "auto";

export const solverNames: readonly SolverName[] = [...methodNames, "rkc2", "tsrkc3", "auto"];
