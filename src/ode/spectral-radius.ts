/**
 * How large the eigenvalues of the Jacobian are: what a stabilised method chooses its stages by. A caller who knows the Jacobian
 * gives its own estimate; here is the one for everybody else, a nonlinear power method on differences of the field.
 */

import { Memory } from "../memory.js";
import type { Field, SpectralRadius } from "./contracts.js";
import type { VectorSpace } from "./vector-space.js";

/** Iterations, relative change that ends them, and safety, of the power method (rkc.f: 50, 1 %, 1.2). */
const MAX_ITERATIONS = 50;
const ENOUGH = 0.01;
const SAFETY = 1.2;
/** The probe's distance from y, relative to ‖y‖: the square root of the rounding unit. */
const PROBE = Math.sqrt(Number.EPSILON);

/**
 * Power method for `field`, each call going on from the direction that the last one found (Sommeijer, Shampine, Verwer 1998). It
 * costs one evaluation an iteration. `evaluate` is the field with the solver's own count.
 */
export function powerMethod<V>(
  space: VectorSpace<V>,
  evaluate: Field<V>,
  memory = new Memory(),
): SpectralRadius<V> {
  const direction = space.create();
  const point = space.create();
  const slope = space.create();
  const norm = (v: V) => Math.sqrt(space.dot(v, v));
  const state = memory.keep("power-method", { known: false, direction });
  return async (t, y, derivative) => {
    const size = norm(y);
    const distance = size > 0 ? PROBE * size : PROBE;
    if (!state.known) space.copy(derivative, direction);
    let length = norm(direction);
    // At a rest point the field has no direction to offer; that of y is as good as any.
    if (!(length > 0)) space.copy(y, direction);
    length = norm(direction);
    if (!(length > 0)) return 0;
    let radius = 0;
    for (let i = 0; i < MAX_ITERATIONS; i++) {
      space.combine(point, [1, distance / length], [y, direction]);
      const pending = evaluate(t, point, slope);
      if (pending) await pending;
      space.combine(direction, [1, -1], [slope, derivative]);
      length = norm(direction);
      if (!(length < Infinity)) break;
      const last = radius;
      radius = length / distance;
      if (length === 0) break;
      if (i > 0 && Math.abs(radius - last) <= ENOUGH * radius) break;
    }
    state.known = length > 0 && length < Infinity;
    return SAFETY * radius;
  };
}
