/** Verdicts on bounds made by hand: each of the four, in each direction that λ_min may be known. */
import { describe, expect, test } from "vitest";
import {
  type BoundOptions,
  type BoundSample,
  judgeBound,
  overallVerdict as overall,
} from "../../src/ntk/index.js";

const options: BoundOptions = { factor: 0.5, vacuousBelow: 0.01, slack: 1e-8, isFlow: true };
const overallVerdict = (...given: Parameters<typeof overall>) => overall(...given).verdict;

/** ‖r‖² = e^{−2·rate·t} at c = ½, λ_min as given, at t = 0 … 4. */
const samples = (
  rate: number,
  lambda: (t: number) => number,
  kind: BoundSample["lambdaMin"]["kind"] = "certified",
  upper: number | null = null,
  errors: Partial<Pick<BoundSample, "residualFloor" | "rateDefect" | "notFlow">> = {},
): BoundSample[] =>
  [0, 1, 2, 3, 4].map((t) => ({
    t,
    residualSquared: Math.exp(-2 * rate * t),
    residualFloor: 0,
    rateDefect: 0,
    ...errors,
    lambdaMin: { value: lambda(t), kind, upper: upper ?? lambda(t) },
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

  test("unresolved, and why, where the evidence does not carry an alarm", () => {
    const above = (errors: Parameters<typeof samples>[4], given = options) => {
      const { verdict, reason } = overall(
        judgeBound(
          samples(1, () => 1.5, "certified", null, errors),
          given,
        ),
      );
      return [verdict, reason];
    };
    expect(above({})).toEqual(["violated", "above-bound"]);
    // ‖r(4)‖ = e^{−4}: a floor of a tenth of that changes nothing, one above every residual after t = 0 does.
    expect(above({ residualFloor: 0.1 * Math.exp(-4) })).toEqual(["violated", "above-bound"]);
    expect(above({ residualFloor: 0.5 })).toEqual(["unresolved", "residual-floor"]);
    // The margin at t is −t.
    expect(above({ rateDefect: 0.9 })).toEqual(["violated", "above-bound"]);
    expect(above({ rateDefect: 4.1 })).toEqual(["unresolved", "rate-defect"]);
    expect(above({}, { ...options, isFlow: false })).toEqual(["unresolved", "not-the-flow"]);
    expect(above({ residualFloor: Number.NaN })).not.toContain("violated");
  });

  test("neither pass nor violated of a curve that is shown not to be the flow, and vacuous all the same", () => {
    for (const notFlow of ["energy-defect", "unsettled-decision"] as const) {
      for (const lambda of [0.25, 1.5]) {
        const bounds = judgeBound(
          samples(1, () => lambda, "certified", null, { notFlow }),
          options,
        );
        expect(bounds.map(({ verdict, reason }) => [verdict, reason]).slice(1)).toEqual(
          Array(4).fill(["unresolved", notFlow]),
        );
      }
      const small = judgeBound(
        samples(1, () => 1e-9, "certified", null, { notFlow }),
        options,
      );
      expect(overallVerdict(small)).toBe("vacuous");
    }
  });

  test("not violated by what a certified λ_min may be too large by", () => {
    const sure = samples(1, () => 1.01, "certified", 1.011);
    const doubtful = samples(1, () => 1.01, "certified", 1.04);
    expect(overallVerdict(judgeBound(sure, options))).toBe("violated");
    expect(overallVerdict(judgeBound(doubtful, options))).toBe("unresolved");
  });

  test("pass where a residual below the floor would be below the bound even at the floor, and not where it would not", () => {
    // The bound at t = 4 is e^{−2}.
    const at = (floor: number) =>
      judgeBound(
        samples(4, () => 0.25, "certified", null, { residualFloor: floor, rateDefect: 40 }),
        options,
      );
    expect(overallVerdict(at(0.3))).toBe("pass");
    expect(overall(at(0.4))).toMatchObject({ t: 4, verdict: "unresolved", reason: "residual-floor" });
  });

  test("the same at any scale of data and time", () => {
    for (const scale of [1e-9, 1e9]) {
      const scaled = (series: readonly BoundSample[]): BoundSample[] =>
        series.map(({ t, residualSquared, residualFloor, lambdaMin, ...rest }) => ({
          ...rest,
          t: t / scale ** 2,
          residualSquared: residualSquared * scale ** 2,
          residualFloor: residualFloor * scale,
          lambdaMin: {
            ...lambdaMin,
            value: lambdaMin.value * scale ** 2,
            upper: lambdaMin.upper * scale ** 2,
          },
        }));
      for (const [rate, floor] of [
        [1, 0],
        [1, 0.3],
        [0.2, 0.01],
        [0.2, 0.5],
      ] as const) {
        const series = samples(rate, () => 0.25, "certified", null, { residualFloor: floor });
        const verdicts = (given: readonly BoundSample[]) =>
          judgeBound(given, options).map(({ verdict, reason }) => [verdict, reason]);
        expect(verdicts(scaled(series))).toEqual(verdicts(series));
      }
    }
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
