/** The size of the next step over kinks, as its error decides: no collapse below the smallest step. */
import { expect, test } from "vitest";
import { judgeStep, newControl, planStep } from "../../src/flow/stepping/step-control.js";

/** A control that has rejected a step for an error that falls, and so tries steps below the smallest. */
const belowSmallest = (rho: number) => ({
  ...newControl(1e-3 / rho),
  ...{ rho, leastRho: rho, isFiner: true },
});

// ρ has the scale of time, and errors are relative to the tolerance: nothing here has a scale of its own.
test.each([1e-9, 1, 1e9])(
  "below the smallest step, 0.1/ρ, steps grow though their error does not fall with them, ρ = %d",
  (rho) => {
    const control = belowSmallest(rho);
    const sizes: number[] = [];
    for (let k = 0; k < 40; k++) {
      const planned = planStep(control, 1e6 / rho, Number.POSITIVE_INFINITY);
      sizes.push(planned.h * rho);
      // Just within what is accepted (2), and normal to what slides: such an error held steps down for thousands of them.
      const verdict = judgeStep(control, planned, { tangential: 0, difference: 19 }, 1);
      expect(verdict).toBe("accepted");
      if (planned.h >= planned.smallest) break;
    }
    // From 1e-3 to 0.1 in steps of 1.6: ten of them.
    expect(sizes.length).toBeLessThanOrEqual(12);
    expect(sizes.at(-1)).toBeGreaterThanOrEqual(0.1);
    expect(sizes).toEqual([...sizes].sort((p, q) => p - q));
  },
);
