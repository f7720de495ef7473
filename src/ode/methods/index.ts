/** Every method by its name: the one list that names them. A new method is a file beside this one, and a line here. */
import { describeMethod, type MethodDescription } from "../method.js";
import { stabilityInterval } from "../stability.js";
import { auto } from "./auto.js";
import { bs32 } from "./bs32.js";
import { dop853 } from "./dop853.js";
import { dopri5 } from "./dopri5.js";
import { euler } from "./euler.js";
import { heun } from "./heun.js";
import { odex } from "./odex.js";
import { rk4 } from "./rk4.js";
import { rkc2 } from "./rkc2.js";
import { rodas4 } from "./rodas4.js";
import { tsit5 } from "./tsit5.js";
import { tsrkc3 } from "./tsrkc3.js";

/** With a given step and no error control. */
const fixedStep = { euler, heun, rk4 };
/** Those that choose their step from the tolerances, by what makes their steps. */
const pairs = { bs32, dopri5, tsit5, dop853 };
const others = { rkc2, tsrkc3, rodas4, odex };

/** The Runge–Kutta methods. */
export const tableaux = { ...fixedStep, ...pairs };

/** All methods, the default first. */
export const methods = { auto, ...tableaux, ...others };

export type MethodName = keyof typeof methods;
export type TableauName = keyof typeof tableaux;
export type FixedMethodName = keyof typeof fixedStep;
export type AdaptiveMethodName = Exclude<MethodName, FixedMethodName>;

const namesOf = <T extends object>(list: T) => Object.keys(list) as (keyof T)[];

export const methodNames: readonly MethodName[] = namesOf(methods);
export const fixedMethodNames: readonly FixedMethodName[] = namesOf(fixedStep);
export const adaptiveMethodNames: readonly AdaptiveMethodName[] = namesOf({ auto, ...pairs, ...others });

/** All methods as `gradflow methods` lists them. */
export function describeMethods(): MethodDescription[] {
  return Object.values(methods).map(describeMethod);
}

/** Largest h·λ_max of a stable step, for the methods of fixed step, which do not see to it themselves; null for the others. */
export function fixedStepLimit(name: MethodName): number | null {
  const method = methods[name];
  return method.kind === "fixed step" ? stabilityInterval(method) : null;
}
