/**
 * Axes whose ticks are chosen here: powers of ten in superscripts, 1-2-5 steps on short log ranges, even steps on shorter ones. What a
 * scale has no place for (zero on a logarithmic one, an infinity on any) gets a lane of its own beside it.
 */

/** A range and its labelled ticks, in the terms of Vega-Lite; the domain holds the lanes too. */
export interface AxisPlan {
  readonly scale: { type: "log" | "linear"; domain: [number, number]; nice: false; zero?: false };
  readonly axis: { values: number[]; labelExpr: string };
  readonly ticks: readonly Tick[];
  /** The part of the domain that is the scale itself. */
  readonly reach: readonly [low: number, high: number];
  readonly lanes: readonly Lane[];
}

type Tick = readonly [value: number, label: string];

/** A strip beside the scale, from its inner edge to its outer, for values of one kind; they are drawn in its middle. */
export interface Lane {
  readonly kind: LaneKind;
  readonly inner: number;
  readonly middle: number;
  readonly outer: number;
}

export type LaneKind = "zero" | "negative" | "infinite";

/** Where a value is drawn, and why not at itself: it is in a lane, or beyond an end of the scale. */
export interface Place {
  readonly at: number;
  readonly off: LaneKind | "below" | "above" | null;
}

const MOST_TICKS = 9;

/** Values that span less than this part of themselves are one value, off by what rounding makes of sums of many: 2⁻⁴⁶, as in docs/math.md. */
const ROUNDING = 2 ** -46;

/** Of a lane, in lengths of the scale. */
const LANE_WIDTH = 0.06;
/** From its edge to the next label of the scale, in the same unit. */
const LANE_DISTANCE = 0.03;
const LANE_LABELS = { zero: "0", negative: "< 0", infinite: "∞" } as const;
/** Log scales stay within this and its inverse, so that lanes beside them are still numbers; what lies beyond leaves the axis. */
const FARTHEST = 1e240;

/**
 * Plans a log axis over the positive values; falls back on a linear one where they span less than a factor of 1.5. Without any it is
 * [0.1, 1]. Zeros, negative values and those that are not finite get lanes.
 */
export function planLogAxis(values: readonly number[], margin = 0.04): AxisPlan {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value));
  const lanes = kindsOf(values);
  let [low, high] = range(positive.length > 0 ? positive : [0.1, 1]);
  if (high / low < 1.5) return withLanes(planLinearAxis([low, high]), lanes);
  const pad = 10 ** (margin * (Math.log10(high) - Math.log10(low)));
  low = Math.max(low / pad, 1 / FARTHEST);
  high = Math.min(high * pad, FARTHEST);
  return withLanes(plan("log", low, high, logTicks(low, high)), lanes);
}

/** Plans a linear axis that includes 0 where `fromZero`, and reaches no further than the values where `exact`. A span that is rounding shows a constant. Values that are not finite get a lane. */
export function planLinearAxis(given: readonly number[], fromZero = false, exact = false): AxisPlan {
  const values = given.filter(Number.isFinite);
  const lanes = kindsOf(given).filter((kind) => kind === "infinite");
  let [low, high] = range(values.length > 0 ? values : [0, 1]);
  if (fromZero) low = Math.min(0, low);
  if (high - low <= (exact ? 0 : ROUNDING * Math.max(Math.abs(low), Math.abs(high)))) {
    const pad = Math.abs(high) * 0.05 || 1;
    low -= fromZero ? 0 : pad;
    high += pad;
  } else if (!fromZero && !exact) {
    const pad = (high - low) * 0.05;
    low -= pad;
    high += pad;
  }
  return withLanes(plan("linear", low, high, linearTicks(low, high)), lanes);
}

/** Where a value is drawn on a planned axis. */
export function placeOn({ reach: [low, high], lanes }: AxisPlan, value: number): Place {
  const lane = lanes.find(({ kind }) => kind === kindOf(value));
  if (lane !== undefined) return { at: lane.middle, off: lane.kind };
  if (value < low) return { at: low, off: "below" };
  if (value > high || Number.isNaN(value)) return { at: high, off: "above" };
  return { at: value, off: null };
}

/** The share of the way from `a` to `b` as the axis has it, and back; both within its scale. */
export function between({ scale: { type } }: AxisPlan, a: number, b: number) {
  const to = (value: number) => (type === "log" ? Math.log(Math.max(value, Number.MIN_VALUE)) : value);
  const from = (value: number) => (type === "log" ? Math.exp(value) : value);
  return {
    share: (value: number) => (to(value) - to(a)) / (to(b) - to(a)),
    at: (share: number) => from(to(a) + share * (to(b) - to(a))),
  };
}

function kindOf(value: number): LaneKind | null {
  if (!Number.isFinite(value)) return "infinite";
  return value > 0 ? null : value === 0 ? "zero" : "negative";
}

function kindsOf(values: readonly number[]): LaneKind[] {
  const found = new Set(values.map(kindOf));
  return (["zero", "negative", "infinite"] as const).filter((kind) => found.has(kind));
}

/** Lanes from the scale outwards: zero and the negative below it, the infinite above. */
function withLanes(planned: AxisPlan, kinds: readonly LaneKind[]): AxisPlan {
  if (kinds.length === 0) return planned;
  const { scale, reach } = planned;
  const { at } = between(planned, ...reach);
  const lanes = kinds.map((kind): Lane => {
    const below = kind !== "infinite";
    const rank = below ? kinds.indexOf(kind) : 0;
    const place = (outwards: number) =>
      at(below ? -LANE_WIDTH * (rank + outwards) : 1 + LANE_WIDTH * (rank + outwards));
    return { kind, inner: place(0), middle: place(0.5), outer: place(1) };
  });
  const ends = [...reach, ...lanes.map(({ outer }) => outer)];
  // A label of the scale does not run into that of the lane beside it.
  const { share } = between(planned, ...reach);
  const clear = planned.ticks.filter(([value]) =>
    kinds.every((kind) =>
      kind === "infinite" ? share(value) <= 1 - LANE_DISTANCE : share(value) >= LANE_DISTANCE,
    ),
  );
  const ticks = [...clear, ...lanes.map(({ kind, middle }): Tick => [middle, LANE_LABELS[kind]])];
  return { scale: { ...scale, domain: range(ends) }, axis: labelled(ticks), ticks, reach, lanes };
}

function plan(type: "log" | "linear", low: number, high: number, values: number[]): AxisPlan {
  const ticks = values.map((value): Tick => [value, tickLabel(value, type, values)]);
  return {
    scale: { type, domain: [low, high], nice: false, ...(type === "linear" ? { zero: false as const } : {}) },
    axis: labelled(ticks),
    ticks,
    reach: [low, high],
    lanes: [],
  };
}

function labelled(ticks: readonly Tick[]): AxisPlan["axis"] {
  const labels = Object.fromEntries(ticks.map(([value, label]) => [String(value), label]));
  return {
    values: ticks.map(([value]) => value),
    labelExpr: `(${JSON.stringify(labels)})[toString(datum.value)]`,
  };
}

function logTicks(low: number, high: number): number[] {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  if (last - first >= 2) {
    const stride = Math.ceil((last - first + 1) / MOST_TICKS);
    const exponents = integers(first, last).filter((exponent) => exponent % stride === 0);
    return exponents.map((exponent) => Number(`1e${exponent}`));
  }
  const steps = integers(first - 1, last + 1).flatMap((exponent) =>
    [1, 2, 5].map((digit) => Number(`${digit}e${exponent}`)),
  );
  const inside = steps.filter((value) => value >= low && value <= high);
  return inside.length >= 2 ? inside : linearTicks(low, high);
}

function linearTicks(low: number, high: number): number[] {
  const rough = (high - low) / 6;
  const exponent = Math.floor(Math.log10(rough));
  const digit = [1, 2, 5, 10].find((candidate) => candidate * 10 ** exponent >= rough) ?? 10;
  const first = Math.ceil(low / (digit * 10 ** exponent) - 1e-9);
  const last = Math.floor(high / (digit * 10 ** exponent) + 1e-9);
  return integers(first, last).map((k) => Number(`${k * digit}e${exponent}`));
}

function tickLabel(value: number, type: "log" | "linear", ticks: readonly number[]): string {
  const largest = Math.max(...ticks.map(Math.abs));
  const smallest = Math.min(...ticks.filter((tick) => tick !== 0).map(Math.abs));
  const decades = type === "log" && ticks.every((tick) => Number.isInteger(Math.log10(tick)));
  if (decades && (smallest < 1e-2 || largest > 1e2)) return power(Math.log10(value));
  if (value === 0) return "0";
  const plain = type === "linear" ? largest < 1e6 && largest >= 1e-3 : smallest >= 1e-3 && largest <= 1e4;
  return plain ? minus(String(value)) : formatNumber(value, 6);
}

const SUPERSCRIPTS: Readonly<Record<string, string>> = {
  "-": "⁻",
  "0": "⁰",
  "1": "¹",
  "2": "²",
  "3": "³",
  "4": "⁴",
  "5": "⁵",
  "6": "⁶",
  "7": "⁷",
  "8": "⁸",
  "9": "⁹",
};

function power(exponent: number): string {
  return `10${[...String(exponent)].map((digit) => SUPERSCRIPTS[digit]).join("")}`;
}

/** A number for people: `digits` significant digits, 1.2×10⁻⁷ outside [10⁻³, 10⁵), a true minus sign. */
export function formatNumber(value: number, digits = 3): string {
  const rounded = Number(value.toPrecision(digits));
  const size = Math.abs(rounded);
  if (rounded === 0 || (size >= 1e-3 && size < 1e5) || !Number.isFinite(rounded))
    return minus(String(rounded));
  const [mantissa = "", exponent = "0"] = rounded.toExponential().split("e");
  const factor = mantissa === "1" ? "" : `${minus(mantissa)}×`;
  return `${factor}${power(Number(exponent))}`;
}

function minus(text: string): string {
  return text.replace("-", "−");
}

function range(values: readonly number[]): [number, number] {
  let low = Number.POSITIVE_INFINITY;
  let high = Number.NEGATIVE_INFINITY;
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}

function integers(first: number, last: number): number[] {
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, k) => first + k);
}
