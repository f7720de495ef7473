/** Runs of the flow stepped over its kinks, for tests: everything it reports, collected. */
import { createReferenceEngine, type Engine } from "../../src/engine/index.js";
import {
  type BoundaryEvent,
  createProblem,
  integrateStepping,
  type SteppingFlowOptions,
  type SteppingOutcome,
} from "../../src/flow/index.js";
import { createFamily, initialise, layeredNetwork } from "../../src/model/index.js";
import { createRandom } from "../../src/random.js";
import { type Case, randomVector } from "../support/networks.js";

export interface Stepped {
  readonly outcome: SteppingOutcome;
  readonly events: readonly BoundaryEvent[];
  /** θ at each of `times`. */
  readonly states: readonly Float64Array[];
  /** ∫ ‖θ'‖² by the dense output. */
  readonly energy: number;
}

export async function stepOver(
  { family, bound, theta }: Pick<Case, "family" | "bound" | "theta">,
  options: Omit<SteppingFlowOptions, "problem" | "theta0" | "onSegment" | "onEvent"> & {
    readonly times?: readonly number[];
    readonly engine?: Engine;
  },
): Promise<Stepped> {
  const { engine = createReferenceEngine(), times = [], ...solver } = options;
  const problem = await createProblem(engine, family, bound);
  const events: BoundaryEvent[] = [];
  const states: Float64Array[] = [];
  let energy = 0;
  const outcome = await integrateStepping({
    problem,
    theta0: theta,
    ...solver,
    onEvent: (event) => events.push(event),
    onSegment: async (segment) => {
      energy += segment.energy(segment.t1);
      for (let t = times[states.length]; t !== undefined && t <= segment.t1; t = times[states.length]) {
        const state = new Float64Array(theta.length);
        await segment.interpolate(t, state);
        states.push(state);
      }
      return undefined;
    },
  });
  return { outcome, events, states, energy };
}

/** A convolution, ReLU and max-pool on 8 images of 6 × 6. */
export function convolution(seed: number, outputs = 2): Case {
  const samples = 8;
  const network = layeredNetwork({
    inputShape: [1, 6, 6],
    outputs,
    layers: [
      { kind: "conv2d", channels: 3, kernel: 3, bias: true, stride: 1, padding: "same", groups: 1 },
      { kind: "relu" },
      { kind: "max-pool", size: 2 },
      { kind: "flatten" },
      { kind: "dense", width: outputs, bias: true },
    ],
  });
  const family = createFamily({ network, samples, factor: 0.5 / samples });
  const theta = initialise(
    network.layout,
    { kind: "kaiming-uniform", a: Math.sqrt(5), bias: "uniform" },
    createRandom(seed).split("init"),
  );
  return {
    label: "cnn",
    family,
    theta,
    bound: { x: randomVector(seed, samples * 36), y: randomVector(seed + 1, samples * outputs) },
  };
}
