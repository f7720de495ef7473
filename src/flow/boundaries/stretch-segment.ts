/** A step of the exact flow, which may count as ended before or after its own end, as a segment for those who look at the flow. */
import { length } from "../../linalg/norm.js";
import { squaredNorm } from "../../linalg/vectors.js";
import type { Segment } from "../segment.js";
import type { Stretch } from "./approach.js";
import type { LockedField } from "./locked-field.js";

/** How the flow is looked at: not counted, and remembered by nobody. */
export function measureBy(field: LockedField): Segment["measure"] {
  return async (theta) => {
    const { loss, velocity } = await field.observe(theta);
    return { loss, speed: length(velocity), gradient: velocity.map((value) => -value) };
  };
}

export function segmentOf(
  { step, t1, theta1 }: Stretch,
  field: LockedField,
  measure: Segment["measure"],
): Segment {
  const atEnd = theta1.slice();
  const { derivative1 } = step;
  const loss = theta1 === step.y1 ? field.lossAt(atEnd) : null;
  const isInside = "lead" in step && theta1 !== step.y1;
  return {
    t0: step.t0,
    t1,
    h: t1 - step.t0,
    theta1: atEnd,
    interpolate(t, out) {
      if (t !== t1) return step.interpolate(t, out);
      out.set(atEnd);
    },
    energy: (until) =>
      until === t1 && !isInside
        ? step.quadrature((k) => squaredNorm(k)) + (t1 - step.t1) * squaredNorm(derivative1)
        : step.quadrature((k) => squaredNorm(k), until),
    measure,
    known: loss === null ? null : { loss, speed: length(derivative1) },
  };
}
