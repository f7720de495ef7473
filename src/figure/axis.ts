/** Axes whose ticks are chosen here: powers of ten in superscripts, 1-2-5 steps on short log ranges, even steps on shorter ones. */

/** A range and its labelled ticks, in the terms of Vega-Lite. */
export interface AxisPlan {
  readonly scale: { type: "log" | "linear"; domain: [number, number]; nice: false; zero?: false };
  readonly axis: { values: number[]; labelExpr: string };
}

const MOST_TICKS = 9;

/** Plans a log axis over positive values; falls back on a linear one where they span less than a factor of 1.5. Empty input gives [0.1, 1]. */
export function planLogAxis(values: readonly number[], margin = 0.04): AxisPlan {
  const positive = values.filter((value) => value > 0 && Number.isFinite(value));
  let [low, high] = range(positive.length > 0 ? positive : [0.1, 1]);
  if (high / low < 1.5) return planLinearAxis([low, high]);
  const pad = 10 ** (margin * (Math.log10(high) - Math.log10(low)));
  low = Math.max(low / pad, Number.MIN_VALUE);
  high = Math.min(high * pad, Number.MAX_VALUE);
  return plan("log", low, high, logTicks(low, high));
}

/** Plans a linear axis that includes 0 where `fromZero`. */
export function planLinearAxis(values: readonly number[], fromZero = false): AxisPlan {
  let [low, high] = range(values.length > 0 ? values : [0, 1]);
  if (fromZero) low = Math.min(0, low);
  if (high === low) {
    const pad = Math.abs(high) * 0.05 || 1;
    low -= fromZero ? 0 : pad;
    high += pad;
  } else if (!fromZero) {
    const pad = (high - low) * 0.05;
    low -= pad;
    high += pad;
  }
  return plan("linear", low, high, linearTicks(low, high));
}

function plan(type: "log" | "linear", low: number, high: number, ticks: number[]): AxisPlan {
  const labels = Object.fromEntries(ticks.map((value) => [String(value), tickLabel(value, type, ticks)]));
  return {
    scale: { type, domain: [low, high], nice: false, ...(type === "linear" ? { zero: false as const } : {}) },
    axis: { values: ticks, labelExpr: `(${JSON.stringify(labels)})[toString(datum.value)]` },
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
