/** Checks of numerical arguments, worded for the caller. */

import { ConfigError } from "../errors.js";

/** Throws unless `value` is positive and finite. */
export function requirePositive(subject: string, what: string, value: number): void {
  if (!(value > 0 && value < Infinity)) {
    throw new ConfigError(`${subject}: ${what} must be a positive number, got ${value}.`);
  }
}

/** Throws unless `value` is finite. */
export function requireFinite(subject: string, what: string, value: number): void {
  if (!Number.isFinite(value))
    throw new ConfigError(`${subject}: ${what} must be a finite number, got ${value}.`);
}
