/** Verdicts on bounds made by hand: each of the four, in each direction that λ_min may be known. */
import { describe, expect, test } from "vitest";
import { type BoundSample, judgeBound, overallVerdict } from "../../src/ntk/index.js";

const options = { factor: 0.5, vacuousBelow: 0.01, slack: 1e-8 };

/** ‖r‖² = e^{−2·rate·t} at c = ½, λ_min as given, at t = 0 … 4. */
const samples = (
  rate: number,
  lambda: (t: number) => number,
  kind: BoundSample["lambdaMin"]["kind"] = "certified",
  resolvable = 0,
): BoundSample[] =>
  [0, 1, 2, 3, 4].map((t) => ({
    t,
    residualSquared: Math.exp(-2 * rate * t),
    lambdaMin: { value: lambda(t), kind, resolvable },
  }));

describe("the verdict is", () => {
  test("pass, with the margin that the rates leave", () => {
    const bounds = judgeBound(
      samples(1, () => 0.25),
      options,
    );
    expect(bounds.map(({ verdict }) => verdict)).toEqual(["vacuous", "pass", "pass", "pass", "pass"]);
    const last = bounds[4]!;
    expect(last.exponent).toBeCloseTo(2 * 0.25 * 4, 14);
    expect(last.margin).toBeCloseTo(2 * 0.75 * 4, 14);
    expect(last.bound).toBeCloseTo(Math.exp(-2), 14);
    expect(overallVerdict(bounds)).toBe("pass");
  });

  test("pass where the bound is attained, within the solver's tolerance", () => {
    const bounds = judgeBound(
      samples(1, () => 1 + 1e-10),
      options,
    );
    expect(overallVerdict(bounds)).toBe("pass");
  });

  test("violated where a certified λ_min decays faster than the residual", () => {
    expect(
      overallVerdict(
        judgeBound(
          samples(1, () => 1.5),
          options,
        ),
      ),
    ).toBe("violated");
  });

  test("violated with a wrong c, where the right one passes", () => {
    const flow = samples(1, () => 0.8);
    expect(overallVerdict(judgeBound(flow, options))).toBe("pass");
    expect(overallVerdict(judgeBound(flow, { ...options, factor: 1 }))).toBe("violated");
  });

  test("unresolved where λ_min is only bounded from above and the bound so made is too strong", () => {
    expect(
      overallVerdict(
        judgeBound(
          samples(1, () => 1.5, "upper-bound"),
          options,
        ),
      ),
    ).toBe("unresolved");
    // What passes a bound that is too strong passes the true one.
    expect(
      overallVerdict(
        judgeBound(
          samples(1, () => 0.5, "upper-bound"),
          options,
        ),
      ),
    ).toBe("pass");
  });

  test("vacuous below the threshold, and where λ_min is zero exactly", () => {
    expect(
      overallVerdict(
        judgeBound(
          samples(1, () => 1e-4),
          options,
        ),
      ),
    ).toBe("vacuous");
    expect(
      overallVerdict(
        judgeBound(
          samples(1, () => 0, "exact-zero"),
          options,
        ),
      ),
    ).toBe("vacuous");
    expect(
      overallVerdict(
        judgeBound(
          samples(1, () => 1e-4),
          { ...options, vacuousBelow: 1e-5 },
        ),
      ),
    ).toBe("pass");
  });

  test("unresolved where what the method cannot see would decide, vacuous where it would not", () => {
    expect(
      overallVerdict(
        judgeBound(
          samples(1, () => 1e-9, "upper-bound", 0.1),
          options,
        ),
      ),
    ).toBe("unresolved");
    expect(
      overallVerdict(
        judgeBound(
          samples(1, () => 1e-9, "upper-bound", 1e-6),
          options,
        ),
      ),
    ).toBe("vacuous");
  });

  test("unresolved where λ_min moves so much between two times that the trapezoid may be to blame", () => {
    // Peaks at the sampled times that the residual knows nothing of.
    const bounds = judgeBound(
      samples(0.9, (t) => (t % 2 === 0 ? 2 : 0)),
      options,
    );
    expect(bounds[4]!.margin).toBeLessThan(0);
    expect(overallVerdict(bounds)).toBe("unresolved");
  });
});

test("the two forms of the bound: λ₀ is the least λ_min so far", () => {
  const bounds = judgeBound(
    samples(2, (t) => 1 - 0.2 * t),
    options,
  );
  bounds.forEach(({ t, exponent, exponentWorst }) => {
    expect(exponent).toBeCloseTo(2 * (t - 0.1 * t * t), 13);
    expect(exponentWorst).toBeCloseTo(2 * (1 - 0.2 * t) * t, 13);
    expect(exponentWorst).toBeLessThanOrEqual(exponent + 1e-13);
  });
});
