/** Error against gradient evaluations of chosen methods and tolerances on one study: what each method charges for a digit. */
import { join } from "node:path";
import { type LoadedConfig, problemAt } from "../config/load.js";
import { ConfigError } from "../errors.js";
import { renderPng, renderSvg } from "../figure/render.js";
import { workPrecisionSpec } from "../figure/work-precision.js";
import { distance, type FlowOptions, type FlowOutcome } from "../flow/index.js";
import { adaptiveMethodNames, type MethodName } from "../ode/index.js";
import { makeFolder, writeWhole } from "../record/files.js";
import { formatTable } from "../record/table.js";
import { chooseTreatment } from "./boundaries.js";
import { integratorsOf } from "./integrate-by.js";
import { engineOf, prepare } from "./prepare.js";

/** One run. Errors are ‖θ(T) − θ*‖, relative to ‖θ*‖ and to the distance moved; null where the run did not reach the end. */
export interface WorkPrecisionRow {
  readonly method: string;
  readonly rtol: number;
  readonly gradientEvaluations: number;
  /** Hessian products of stabilised and implicit methods in gradients, not in `gradientEvaluations`. */
  readonly hessianEquivalents: number;
  readonly steps: number;
  readonly rejected: number;
  readonly error: number | null;
  readonly errorOfDistance: number | null;
  readonly seconds: number;
  readonly status: string;
}

export interface WorkPrecision {
  readonly rows: readonly WorkPrecisionRow[];
  readonly tEnd: number;
  readonly boundaries: string;
  /** By which method and tolerance θ* was found, and how far a second reference lies from it, relative to ‖θ*‖. */
  readonly reference: { readonly method: string; readonly rtol: number; readonly uncertainty: number };
  /** λ_max·tEnd/1 where it was measured: the steps that descent needs at η = 1/λ_max, and its error there. */
  readonly descent: { readonly learningRate: number; readonly steps: number; readonly error: number } | null;
  readonly files: readonly string[];
}

export interface WorkPrecisionOptions {
  /** Those with tolerances. */
  readonly methods: readonly string[];
  readonly tolerances: readonly number[];
  readonly directory: string;
  readonly signal?: AbortSignal;
  readonly onRow?: (row: WorkPrecisionRow, done: number, all: number) => void;
}

/** The reference is this much tighter than the tightest tolerance asked for, but not below what float64 carries. */
const REFERENCE_SHARE = 1e-2;
const TIGHTEST = 1e-12;
/** Gradients after which a run is given up, so that one explicit method does not hold up the rest. */
const MAX_EVALUATIONS = 300_000;

/** Runs every method at every tolerance. @throws ConfigError on unknown methods or tolerances that are not positive. */
export async function measureWorkPrecision(
  loaded: LoadedConfig,
  options: WorkPrecisionOptions,
): Promise<WorkPrecision> {
  const { methods, tolerances, directory, signal, onRow } = options;
  for (const method of methods)
    if (!adaptiveMethodNames.includes(method as never))
      throw new ConfigError(
        `workprecision: methods must be among ${adaptiveMethodNames.join(", ")}, got ${method}.`,
      );
  for (const rtol of tolerances)
    if (!(rtol > 0 && rtol < 1))
      throw new ConfigError(`workprecision: tolerances must lie between 0 and 1, got ${rtol}.`);
  const { flow, engine: wanted } = loaded.config;
  if (wanted.dtype === "float32")
    throw problemAt(loaded, "engine.dtype", "must be float64 for a work-precision diagram.");
  const ratio = "rtol" in flow ? flow.atol / flow.rtol : 1e-3;
  const engine = await engineOf(loaded);
  try {
    const { problem, theta0 } = await prepare(loaded, engine);
    const { treatment: chosen } = chooseTreatment(loaded, problem.family);
    // What auto takes for a method by name, which is what the diagram compares.
    const treatment = flow.boundaries === "auto" && chosen === "stepping" ? "detect" : chosen;
    if (treatment === "stepping")
      throw problemAt(
        loaded,
        "flow.boundaries",
        "stepping has steps of its own, and a work-precision diagram compares methods; set exact, detect or off.",
      );
    await makeFolder(directory);
    const integrators = integratorsOf(flow);
    const run = async (method: string, rtol: number) => {
      const start = performance.now();
      const flowOptions: FlowOptions = {
        problem,
        theta0,
        method: method as MethodName,
        rtol,
        atol: ratio * rtol,
        tEnd: flow.tEnd,
        maxSteps: flow.maxSteps,
        maxEvaluations: MAX_EVALUATIONS,
        ...(signal && { signal }),
        onSegment: async () => undefined,
      };
      const outcome: FlowOutcome =
        treatment === "exact"
          ? await integrators.exact({ ...flowOptions, onEvent: () => undefined })
          : await integrators.smooth(flowOptions);
      return { ...outcome, seconds: (performance.now() - start) / 1000 };
    };
    const rtol = Math.max(TIGHTEST, REFERENCE_SHARE * Math.min(...tolerances));
    const reference = await run("auto", rtol);
    if (reference.status !== "reachedEnd")
      throw problemAt(loaded, "flow.tEnd", `the reference run did not get there: ${reference.message}`);
    const theta = reference.theta;
    const size = distance(theta, new Float64Array(theta.length));
    const second = await run("auto", 10 * rtol);
    const rows: WorkPrecisionRow[] = [];
    for (const method of methods) {
      for (const tolerance of tolerances) {
        if (signal?.aborted) break;
        const outcome = await run(method, tolerance);
        const arrived = outcome.status === "reachedEnd";
        const away = distance(outcome.theta, theta);
        rows.push({
          method,
          rtol: tolerance,
          gradientEvaluations: outcome.evaluations,
          hessianEquivalents: (outcome.sharpness?.cost ?? outcome.hessian)?.gradientEquivalents ?? 0,
          steps: outcome.accepted,
          rejected: outcome.rejected,
          error: arrived ? away / size : null,
          errorOfDistance: arrived ? away / distance(theta, theta0) : null,
          seconds: outcome.seconds,
          status: outcome.status,
        });
        onRow?.(rows[rows.length - 1]!, rows.length, methods.length * tolerances.length);
      }
    }
    const sharpness = reference.sharpness?.measurements ?? [];
    const largest = Math.max(0, ...sharpness.map(({ value }) => value));
    const descent = largest > 0 ? await descend(problem, theta0, 1 / largest, flow.tEnd, theta, size) : null;
    const uncertainty = distance(second.theta, theta) / size;
    const result = { rows, tEnd: flow.tEnd, boundaries: treatment, descent };
    const files = await write(directory, loaded.config.name, rows, descent);
    return { ...result, reference: { method: "auto", rtol, uncertainty }, files };
  } finally {
    await engine.dispose();
  }
}

/** Gradient descent over the same time: one gradient a step. */
async function descend(
  problem: FlowOptions["problem"],
  theta0: Float64Array,
  learningRate: number,
  tEnd: number,
  reference: Float64Array,
  size: number,
): Promise<WorkPrecision["descent"]> {
  const steps = Math.ceil(tEnd / learningRate);
  if (steps > MAX_EVALUATIONS) return null;
  const eta = tEnd / steps;
  const theta = theta0.slice();
  const gradient = new Float64Array(theta.length);
  for (let k = 0; k < steps; k++) {
    await problem.lossGradient(theta, gradient);
    for (let i = 0; i < theta.length; i++) theta[i]! -= eta * gradient[i]!;
  }
  return { learningRate: eta, steps, error: distance(theta, reference) / size };
}

async function write(
  directory: string,
  name: string,
  rows: readonly WorkPrecisionRow[],
  descent: WorkPrecision["descent"],
): Promise<string[]> {
  const put = async (file: string, content: string | Uint8Array) => {
    const path = join(directory, file);
    await writeWhole(path, content);
    return path;
  };
  const columns = Object.keys(rows[0] ?? {});
  const table = await put("workprecision.csv", formatTable(columns, rows as never));
  const spec = workPrecisionSpec(name, rows, descent);
  if (spec === null) return [table];
  const svg = await renderSvg(spec);
  return [
    table,
    await put("workprecision.json", `${JSON.stringify(spec)}\n`),
    await put("workprecision.svg", svg),
    await put("workprecision.png", renderPng(svg)),
  ];
}
