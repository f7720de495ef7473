/** Work that would take days, said before it begins: steps that the config alone decides about, times what a gradient takes. */
import type { Config } from "../config/schema.js";
import { isDrawn } from "../config/schema-dataset.js";
import { stepsUntil, stepTime } from "../flow/index.js";
import { methods, mostStages, stabilityInterval, tableaux } from "../ode/index.js";
import { descentLaw } from "./descent-law.js";

/** Steps that one field makes necessary up to the end time. */
export interface Steps {
  readonly field: string;
  readonly value: number;
  readonly count: number;
  /** Fewest gradients of each. */
  readonly gradients: number;
}

/** From here on the steps of one run are announced. */
export const MANY_STEPS = 1e9;
/** From here on the rows of one table are. */
const MANY_ROWS = 1e7;
/** Bytes of one row of series.csv, about. */
const ROW_BYTES = 180;
/** Gradients a step of the methods with a fixed step; auto is stepping over kinks then. */
const STAGES: Readonly<Record<string, number>> = { euler: 1, heun: 2, rk4: 4, auto: 3 };

/** The fewest steps of flow and descents, where the config says how long one is: in flow.clock: log the flow's are in a time of their own. */
export function leastSteps(config: Config): Steps[] {
  const { flow, descent, dataset } = config;
  const part = isDrawn(dataset) ? (descent.batch ?? dataset.samples) / dataset.samples : 1;
  const { tEnd } = flow;
  const fixed = (field: string, value: number, gradients: number): Steps => {
    return { field, value, count: Math.ceil(tEnd / value), gradients };
  };
  const isTime = flow.clock !== "log";
  return [
    ...(isTime && "stepSize" in flow && flow.stepSize !== undefined
      ? [fixed("flow.stepSize", flow.stepSize, STAGES[flow.method]!)]
      : []),
    ...(isTime && "maxStep" in flow && flow.maxStep !== undefined
      ? [fixed("flow.maxStep", flow.maxStep, 1)]
      : []),
    ...descent.learningRates.map((value, i): Steps => {
      return {
        field: `descent.learningRates.${i}`,
        value,
        count: stepsUntil(tEnd, stepTime(descentLaw(config), value)),
        gradients: part,
      };
    }),
  ];
}

/** Sentences about work beyond all patience. @param gradientSeconds is called only where one is needed */
export async function announceEffort(
  config: Config,
  gradientSeconds: () => Promise<number>,
): Promise<string[]> {
  const { flow, record } = config;
  const notes: string[] = [];
  for (const { field, value, count, gradients } of leastSteps(config)) {
    const steps = `${field}: ${value} takes ${field === "flow.maxStep" ? "at least " : ""}${showCount(count)} steps to t = ${flow.tEnd}`;
    if (field.startsWith("flow.") && count > flow.maxSteps) {
      const reached = Number((flow.maxSteps * value).toPrecision(3));
      notes.push(
        `${steps}, and flow.maxSteps allows ${showCount(flow.maxSteps)}: the run ends near t = ${reached} with the status maxSteps.`,
      );
    } else if (count >= MANY_STEPS) {
      const seconds = count * gradients * (await gradientSeconds());
      notes.push(
        `${steps}, at least ${showSeconds(seconds)} at the present speed of a gradient; raise it or lower flow.tEnd.`,
      );
    }
  }
  const most = leastSteps(config).find(({ field }) => field.startsWith("flow."))?.count ?? 0;
  const rows = record.at === "steps" ? Math.min(most, flow.maxSteps) : record.points;
  if (rows >= MANY_ROWS)
    notes.push(
      `record: ${showCount(rows)} rows, each with a gradient of its own, take about ${showBytes(rows * ROW_BYTES)} on the disk.`,
    );
  return notes;
}

/**
 * A sentence where stability alone makes a flow hopeless, if its sharpness stays what it is at the start: explicit methods take
 * stages·λ_max/limit gradients per unit of time, stabilised ones s gradients for a step of about β s²/λ_max with as many stages as rounding allows.
 */
export function announceStiffness({ flow }: Config, sharpness: number): string[] {
  // In the clock of ln L a tail takes t on like an exponential of the gradients: ∇²L(θ₀) says nothing of tEnd.
  if ("stepSize" in flow || flow.clock === "log" || flow.maxGradientEvaluations !== undefined) return [];
  const { tEnd, rtol } = flow;
  const tableau = Object.values(tableaux).find(({ name }) => name === flow.method);
  const stabilised = flow.method === "auto" || flow.method === "rkc2" || flow.method === "tsrkc3";
  const perTime = tableau
    ? (tableau.stages * sharpness) / stabilityInterval(tableau)
    : stabilised
      ? sharpness / (methods.tsrkc3.stabilityPerSquare * mostStages(rtol, Number.EPSILON))
      : 0;
  const gradients = perTime * tEnd;
  if (!(gradients >= MANY_STEPS)) return [];
  return [
    `With the sharpness of the start ${flow.method} takes at least ${showCount(gradients)} gradients to t = ${tEnd.toPrecision(3)}; lower flow.tEnd${stabilised ? "" : ", take flow.method: auto"}, or let it end where little happens any more: flow.stopWhen: { gradientFactor: 1e6 }.`,
  ];
}

export function showCount(count: number): string {
  return count < 1e7 ? count.toLocaleString("en") : count.toExponential(1).replace("e+", "e");
}

function showBytes(bytes: number): string {
  return bytes < 1e12 ? `${(bytes / 1e9).toPrecision(2)} GB` : `${Math.round(bytes / 1e12)} TB`;
}

export function showSeconds(seconds: number): string {
  const units = [
    ["years", 365.25 * 86_400],
    ["days", 86_400],
    ["hours", 3600],
  ] as const;
  const [name, length] = units.find(([, unit]) => seconds >= 2 * unit) ?? (["minutes", 60] as const);
  const number = seconds / length;
  return `${number < 1000 ? Number(number.toPrecision(2)) : showCount(Math.round(number))} ${name}`;
}
