/**
 * An accepted step with nothing but its ends known: cubic Hermite interpolation (Hairer, Nørsett, Wanner, Solving ODEs I, II.6), and
 * Simpson's rule over the slopes of the interpolant. Both are exact to third order, the midpoint slope even to fourth.
 */

import type { Node, Step } from "./contracts.js";
import type { VectorSpace } from "./vector-space.js";

/** The step of size h from `start` to `end`; `scratch` is written to by `quadrature`. */
export function hermiteStep<V>(
  space: VectorSpace<V>,
  start: Node<V>,
  end: Node<V>,
  h: number,
  scratch: V,
  requireCurrent: () => void,
): Step<V> {
  const [t0, t1] = [start.t, end.t];
  const vectors = [start.f, end.f, end.y, start.y];
  /** y'(t0 + xh) */
  const slope = (x: number, out: V): V => {
    const rise = (6 * x * (1 - x)) / h;
    space.combine(out, [(1 - x) * (1 - 3 * x), x * (3 * x - 2), rise, -rise], vectors);
    return out;
  };
  return {
    status: "accepted",
    t0,
    t1,
    h,
    y0: start.y,
    y1: end.y,
    derivative0: start.f,
    derivative1: end.f,
    interpolate(t, out) {
      requireCurrent();
      if (t === t0) return space.copy(start.y, out);
      if (t === t1) return space.copy(end.y, out);
      const x = (t - t0) / h;
      const up = x * x * (3 - 2 * x);
      space.combine(out, [h * x * (1 - x) ** 2, -h * x * x * (1 - x), up, 1 - up], vectors);
    },
    quadrature(functional, until = t1) {
      requireCurrent();
      const x = until === t1 ? 1 : (until - t0) / h;
      const last = x === 1 ? end.f : null;
      const sum =
        functional(start.f, 0) +
        4 * functional(slope(x / 2, scratch), 1) +
        functional(last ?? slope(x, scratch), 2);
      return ((x * h) / 6) * sum;
    },
  };
}
