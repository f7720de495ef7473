/** A made-up run with known curves: an exponentially decaying loss at log-spaced times, two descents that follow and one that diverges. */

import type { RunFacts } from "../../src/record/manifest.js";
import type { DescentResult, RunResult } from "../../src/record/result.js";
import { openRecord, type RecordWriter } from "../../src/record/writer.js";

export const FACTS: RunFacts = {
  command: ["gradflow", "run", "study.yaml"],
  gradflow: "0.1.0",
  engine: "onnx",
  engineVersion: "1.30.0",
  dtype: "float64",
  threads: 2,
  hash: "0123456789ab",
  folder: "/studies",
  seed: 0,
  program: null,
  study: null,
  problem: { parameters: 682, samples: 50, inputs: 10, outputs: 2 },
};

const REDUCTION = 0.01; // c of half-mean-sample at n = 50
const END = 80;
const RATE = 0.06;

const CONFIG_TEXT = "name: two-widths # as typed\nflow: { rtol: 1e-6 }";

const CONFIG = {
  name: "two-widths",
  model: { kind: "dnn", hidden: [20, 20], activation: { kind: "leaky-relu", slope: 0.01 } },
  loss: { kind: "squared", reduction: "half-mean-sample" },
  flow: { method: "dopri5", rtol: 1e-6, atol: 1e-9, tEnd: END },
  record: { at: "log", points: 200 },
};

export function syntheticLoss(t: number): number {
  return 0.7 * Math.exp(-RATE * t) + 0.5 * Math.exp(-1.5 * t) + 1e-4;
}

export interface SyntheticOptions {
  readonly directory: string;
  readonly learningRates?: readonly number[];
  readonly logTime?: boolean;
  readonly force?: boolean;
  readonly name?: string;
  readonly measures?: NonNullable<RunFacts["measures"]>;
}

/** Opens a record and fills its tables, as a run does before its end. */
export async function syntheticRecord(options: SyntheticOptions): Promise<RecordWriter> {
  const { logTime = true, name = CONFIG.name } = options;
  const writer = await openRecord({
    directory: options.directory,
    force: options.force ?? false,
    config: { ...CONFIG, name, record: { at: logTime ? "log" : "linear", points: 200 } },
    configText: CONFIG_TEXT,
    overrides: ["flow.rtol=1e-6"],
    manifest: { ...FACTS, ...(options.measures && { measures: options.measures }) },
  });
  const times = Array.from({ length: 201 }, (_, k) =>
    k === 0 ? 0 : logTime ? 0.01 * (END / 0.01) ** ((k - 1) / 199) : (END * k) / 200,
  );
  times.forEach((t, k) => {
    const loss = syntheticLoss(t);
    writer.series.append({
      t,
      canonicalTime: 2 * REDUCTION * t,
      loss,
      residualNorm: Math.sqrt(loss / REDUCTION),
      gradientNorm: Math.sqrt(RATE * loss),
      lambdaEff: RATE / (4 * REDUCTION),
      energyDefect: k === 0 ? null : 1e-9,
      stepSize: k === 0 ? null : t / k,
      gradientEvaluations: 7 * k,
      acceptedSteps: k,
      parameterDistance: 1 - Math.exp(-t),
    });
  });
  for (const learningRate of options.learningRates ?? [0.05, 0.5, 2.4])
    for (const step of comparedSteps(learningRate, logTime)) {
      const t = step * learningRate;
      const diverging = learningRate > 2;
      const growth = diverging ? 1e-3 * Math.exp(0.9 * step) : 0;
      const gap = learningRate * (0.02 * (1 - Math.exp(-t)) + 0.05 * t * Math.exp(-0.1 * t)) + growth;
      const loss = syntheticLoss(t) * (1 + 0.3 * learningRate * Math.exp(-t / 5)) + growth;
      const gone = diverging && step >= 20;
      writer.descent.append({
        learningRate,
        step,
        t,
        loss: gone ? Number.NaN : loss,
        parameterGap: gone ? null : gap,
        functionGap: gone ? null : 3 * gap * Math.exp(-0.02 * t) + growth,
        lossGap: gone ? null : Math.abs(loss - syntheticLoss(t)),
      });
      if (gone) break;
    }
  return writer;
}

function comparedSteps(learningRate: number, logTime: boolean): number[] {
  const last = Math.floor(END / learningRate);
  if (!logTime) return Array.from({ length: last + 1 }, (_, k) => k);
  return [...new Set(Array.from({ length: 150 }, (_, k) => Math.round(last ** (k / 149))))];
}

export function syntheticResult(record: string): RunResult {
  const descent = (learningRate: number, divergedAtStep: number | null): DescentResult => ({
    learningRate,
    law: "gradient",
    momentum: 0,
    batch: null,
    sampling: null,
    steps: divergedAtStep ?? END / learningRate,
    time: END,
    loss: divergedAtStep === null ? 1e-3 : null,
    parameterGap: null,
    functionGap: null,
    lossGap: null,
    diverged: divergedAtStep !== null,
    divergedAtStep,
    flips: null,
    sharpnessLimit: 2 / learningRate,
    largestGap: null,
    measured: {},
  });
  return {
    status: "reachedEnd",
    message: "Reached t = 80.",
    time: END,
    canonicalTime: 2 * REDUCTION * END,
    initialLoss: syntheticLoss(0),
    loss: syntheticLoss(END),
    lossRise: null,
    gradientEvaluations: 1400,
    steps: { accepted: 200, rejected: 3 },
    energyDefect: 1e-9,
    decay: { window: [5, END], rate: RATE, rSquared: 0.99871, meanRateFromLambdaEff: 0.0603 },
    flows: [],
    gaps: [],
    descent: [descent(0.05, null), descent(0.5, null), descent(2.4, 20)],
    parameters: 682,
    samples: 50,
    outputs: 2,
    engine: "onnx",
    device: "cpu",
    dtype: "float64",
    state: "float64",
    threads: 2,
    method: "dopri5",
    phases: [],
    sharpness: null,
    errorCheck: null,
    rounding: null,
    boundaries: "off",
    events: null,
    smoothing: [],
    ntk: null,
    measured: {},
    measures: [],
    notes: [],
    wallSeconds: 1.5,
    gradientSeconds: 1.4,
    record,
    figures: [],
  };
}
