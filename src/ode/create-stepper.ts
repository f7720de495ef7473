/** Checks what the caller asked for and makes the stepper; the only place where options become a solver. */

import { ConfigError } from "../errors.js";
import { requireFinite, requirePositive } from "./arguments.js";
import { AutoStepper } from "./auto.js";
import type { Stepper, StepperOptions, Tolerances } from "./contracts.js";
import { DEFAULT_TOLERANCES } from "./defaults.js";
import type { Method } from "./method.js";
import { type MethodName, methodNames, methods } from "./methods/index.js";
import { OdexStepper } from "./odex.js";
import { RosenbrockStepper } from "./rosenbrock.js";
import { RungeKuttaStepper } from "./runge-kutta.js";
import { StabilisedStepper } from "./stabilised.js";
import type { Tableau } from "./tableau.js";

/** The stepper of a method. Throws `ConfigError` on arguments that make no sense. */
export function createStepper<V>(options: StepperOptions<V>): Stepper<V> {
  const method = resolve(options.method);
  const { name } = method;
  const { stepSize, firstStep, maxStep = Infinity, tEnd, t0 } = options;
  const { rtol, atol } = { ...DEFAULT_TOLERANCES, ...options };
  requireFinite(name, "t0", t0);
  if (tEnd !== undefined && !(tEnd > t0)) {
    throw new ConfigError(`${name}: tEnd must lie after t0 = ${t0}, got ${tEnd}.`);
  }
  requirePositive(name, "rtol", rtol);
  requirePositive(name, "atol", atol);
  if (!(maxStep > 0)) throw new ConfigError(`${name}: maxStep must be a positive number, got ${maxStep}.`);
  if ("maxDimension" in method && options.space.dimension > (method.maxDimension ?? Infinity)) {
    const most = method.maxDimension;
    throw new ConfigError(`${name}: takes at most ${most} unknowns, got ${options.space.dimension}.`);
  }
  if ("error" in method && method.error === null) {
    if (stepSize === undefined)
      throw new ConfigError(`${name}: stepSize is required, the method is not adaptive.`);
    requirePositive(name, "stepSize", stepSize);
    if (firstStep !== undefined) throw new ConfigError(`${name}: firstStep has no meaning, use stepSize.`);
  } else {
    if (stepSize !== undefined) {
      throw new ConfigError(
        `${name}: stepSize has no meaning, the method is adaptive; use firstStep or maxStep.`,
      );
    }
    if (firstStep !== undefined) requirePositive(name, "firstStep", firstStep);
  }
  return make(method, options, { rtol, atol, maxStep });
}

function make<V>(method: Method | Tableau, options: StepperOptions<V>, tolerances: Tolerances): Stepper<V> {
  if ("dense" in method) return new RungeKuttaStepper(options, method, tolerances);
  switch (method.kind) {
    case "automatic":
      return new AutoStepper(options, tolerances);
    case "stabilised":
      return new StabilisedStepper(options, method, tolerances);
    case "implicit":
      return new RosenbrockStepper(overArrays(method, options), tolerances) as unknown as Stepper<V>;
    case "extrapolation":
      return new OdexStepper(overArrays(method, options), tolerances) as unknown as Stepper<V>;
  }
}

/** The tableau itself, or the method of that name. */
function resolve(method: Tableau | MethodName): Method | Tableau {
  if (typeof method !== "string") return method;
  if (Object.hasOwn(methods, method)) return methods[method as keyof typeof methods];
  throw new ConfigError(`ode: method must be one of ${methodNames.join(", ")}, got "${method}".`);
}

function overArrays<V>({ name }: Method, options: StepperOptions<V>): StepperOptions<Float64Array> {
  if (!(options.y0 instanceof Float64Array))
    throw new ConfigError(`${name}: the state must be a Float64Array.`);
  return options as unknown as StepperOptions<Float64Array>;
}
