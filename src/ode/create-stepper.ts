/** Checks what the caller asked for and makes the stepper; the only place where options become a solver. */

import { ConfigError } from "../errors.js";
import { requireFinite, requirePositive } from "./arguments.js";
import { AutoStepper } from "./auto.js";
import { resolveMethod } from "./methods.js";
import { RosenbrockStepper } from "./rosenbrock.js";
import { RungeKuttaStepper } from "./runge-kutta.js";
import { StabilisedStepper } from "./stabilised.js";
import type { Stepper, StepperOptions } from "./stepper.js";

/** The stepper of a method. Throws `ConfigError` on arguments that make no sense. */
export function createStepper<V>(options: StepperOptions<V>): Stepper<V> {
  const { method: asked } = options;
  const method =
    asked === "auto" || asked === "rodas4" || asked === "rkc2" || asked === "tsrkc3"
      ? null
      : resolveMethod(asked);
  const name = method?.name ?? (asked as string);
  const { rtol = 1e-6, atol = 1e-9, stepSize, firstStep, maxStep = Infinity, tEnd, t0 } = options;
  requireFinite(name, "t0", t0);
  if (tEnd !== undefined && !(tEnd > t0)) {
    throw new ConfigError(`${name}: tEnd must lie after t0 = ${t0}, got ${tEnd}.`);
  }
  requirePositive(name, "rtol", rtol);
  requirePositive(name, "atol", atol);
  if (!(maxStep > 0)) throw new ConfigError(`${name}: maxStep must be a positive number, got ${maxStep}.`);
  if (method !== null && method.error === null) {
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
  const tolerances = { rtol, atol, maxStep };
  if (asked === "auto") return new AutoStepper(options, tolerances);
  if (asked === "rkc2" || asked === "tsrkc3") return new StabilisedStepper(options, asked, tolerances);
  if (asked === "rodas4") {
    if (!(options.y0 instanceof Float64Array))
      throw new ConfigError("rodas4: the state must be a Float64Array.");
    const plain = options as unknown as StepperOptions<Float64Array>;
    return new RosenbrockStepper(plain, tolerances) as unknown as Stepper<V>;
  }
  return new RungeKuttaStepper(options, method!, tolerances);
}
