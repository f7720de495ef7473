/** Runs of the flow for tests: a problem on the reference engine, integrated and observed. */
import { createReferenceEngine } from "../../src/engine/index.js";
import {
  createObserver,
  createProblem,
  type FlowOptions,
  type FlowOutcome,
  integrateSmooth,
  measureGradient,
  type Observation,
  type Problem,
  type Segment,
} from "../../src/flow/index.js";
import { createFamily, type NetworkSpec, presetNetwork } from "../../src/model/index.js";
import type { Case } from "../support/networks.js";

export const problemOf = ({ family, bound }: Pick<Case, "family" | "bound">): Promise<Problem> =>
  createProblem(createReferenceEngine(), family, bound);

/** F(x) = x·W_1⋯W_L without biases on given data, row-major. */
export function linearCase(
  widths: readonly number[],
  data: { x: Float64Array; y: Float64Array },
  factor: number,
): Pick<Case, "family" | "bound"> {
  const inputDimension = widths[0]!;
  const spec: NetworkSpec = {
    kind: "dnn",
    inputDimension,
    hidden: widths.slice(1, -1),
    outputDimension: widths[widths.length - 1]!,
    bias: false,
    activation: { kind: "identity" },
  };
  return {
    family: createFamily({ network: presetNetwork(spec), samples: data.x.length / inputDimension, factor }),
    bound: data,
  };
}

/** L = ½(ab − 1)² as a network 1-1-1 on one sample. */
export const scalarCase = () =>
  linearCase([1, 1, 1], { x: Float64Array.of(1), y: Float64Array.of(1) }, 1 / 2);

export interface Observed {
  readonly outcome: FlowOutcome;
  readonly observations: readonly Observation[];
}

/** Integrates and observes at `times`, or after every step. */
export async function observeFlow(
  options: Omit<FlowOptions, "onSegment"> & {
    readonly times?: readonly number[];
    readonly onSegment?: (segment: Segment) => Promise<void>;
  },
): Promise<Observed> {
  const { times = null, onSegment, ...flow } = options;
  const { problem, theta0 } = flow;
  const observations: Observation[] = [];
  const observer = createObserver({
    problem,
    theta0,
    times,
    measure: measureGradient(problem),
    onObservation: (observation) => observations.push(observation),
  });
  await observer.start();
  const outcome = await integrateSmooth({
    ...flow,
    onSegment: async (segment, counts) => {
      await observer.follow(segment, counts);
      await onSegment?.(segment);
      return undefined;
    },
  });
  await observer.finish();
  return { outcome, observations };
}

export const norm = (v: ArrayLike<number>): number => Math.hypot(...Array.from(v));
export const distance = (a: ArrayLike<number>, b: ArrayLike<number>): number =>
  Math.hypot(...Array.from(a, (value, i) => value - b[i]!));

/** Logarithmically spaced times, the last one exactly `to`. */
export function logTimes(from: number, to: number, points: number): number[] {
  return Array.from({ length: points }, (_, i) =>
    i === points - 1 ? to : from * (to / from) ** (i / (points - 1)),
  );
}
