/**
 * Kinks of other architectures than chains: ties of max-pool, |a − b| of siamese networks, two activations in one network. `exact` ends where
 * plain descent goes as its step vanishes, and what slides is what chatters. `scripts/bench/survey.js` does more kinds, for longer.
 */
import { expect, test } from "vitest";
import { createOnnxEngine } from "../../src/engine/onnx/engine.js";
import { integrateExactly } from "../../src/flow/boundaries/exact.js";
import { createProblem, type Problem } from "../../src/flow/index.js";
import { buildNetwork, createFamily, entryAt, initialise, piecesOf } from "../../src/model/index.js";
import { createRandom } from "../../src/random.js";
import { randomVector } from "../support/networks.js";
import { distance } from "./runs.js";

const leaky = { kind: "leaky-relu", slope: 0.1 } as const;
const T_END = 2;
const STEP = 4e-4;
/** Of the time, at its end. */
const WINDOW = 0.25;

test.each([
  [
    "cnn with max-pool",
    { kind: "cnn", channels: [2], kernel: 3, pool: "max", bias: true, activation: leaky },
    [1, 4, 4],
  ],
  [
    "siamese with |a − b|",
    { kind: "siamese", hidden: [5, 3], join: "absolute-difference", bias: true, activation: leaky },
    [2, 3],
  ],
  [
    "leaky ReLU, then hard-tanh",
    {
      kind: "layers",
      activation: leaky,
      layers: [
        { kind: "dense", width: 5, bias: true },
        leaky,
        { kind: "dense", width: 5, bias: true },
        { kind: "hard-tanh" },
        { kind: "dense", bias: true },
      ],
    },
    [3],
  ],
] as const)("%s", async (_, model, inputShape) => {
  const [samples, outputs] = [8, 2];
  const network = buildNetwork(model, { inputShape, outputs });
  const family = createFamily({ network, samples, factor: 0.5 });
  const init = { kind: "kaiming-normal", a: 0.1, bias: "uniform" } as const;
  const theta0 = initialise(network.layout, init, createRandom(4));
  const data = {
    x: randomVector(11, samples * inputShape.reduce<number>((p, q) => p * q, 1)),
    y: randomVector(12, samples * outputs),
  };
  const engine = createOnnxEngine({ dtype: "float64", threads: 1 });
  try {
    const problem = await createProblem(engine, family, data);
    // Time in the window that each entry slides.
    const slid = new Float64Array(family.entries);
    const since = new Map<number, number>();
    const leaves = (entry: number, t: number): void => {
      slid[entry]! += Math.max(0, t - Math.max(since.get(entry)!, (1 - WINDOW) * T_END));
      since.delete(entry);
    };
    const { theta, status, events } = await integrateExactly({
      ...{ problem, theta0, method: "dopri5", tEnd: T_END, rtol: 1e-8, atol: 1e-11 },
      onSegment: async () => undefined,
      onEvent({ t, kind, layer, sample, unit }) {
        const entry = entryAt(family, { site: layer - 1, sample, unit });
        if (kind === "entersSliding") since.set(entry, t);
        if (kind === "leavesSliding") leaves(entry, t);
      },
    });
    for (const entry of [...since.keys()]) leaves(entry, T_END);
    expect(status).toBe("reachedEnd");
    expect(events.unsettled).toBe(0);
    const coarse = await descend(problem, theta0, STEP);
    const fine = await descend(problem, theta0, STEP / 2);
    const moved = distance(theta, theta0);
    const [far, near] = [coarse, fine].map((run) => distance(run.theta, theta) / moved) as [number, number];
    // Descent is first order: half the step, half the distance, give or take its chatter.
    expect(near).toBeLessThan(0.75 * far);
    expect(near).toBeLessThan(5e-3);
    const steps = (2 * T_END * WINDOW) / STEP;
    const entries = [...slid.keys()];
    // Who slides flips in a share of all steps, small where it comes to a slide or is about to leave it; a crossing amid the chatter of
    // others takes some tens of flips.
    const slides = entries.filter((entry) => slid[entry]! > 0.5 * WINDOW * T_END);
    const chatters = entries.filter((entry) => fine.flips[entry]! > 0.04 * steps);
    expect(slides.length).toBeGreaterThan(0);
    expect(chatters.length).toBeGreaterThan(0);
    expect(slides.filter((entry) => fine.flips[entry]! < 0.002 * steps)).toEqual([]);
    expect(chatters.filter((entry) => slid[entry] === 0)).toEqual([]);
  } finally {
    await engine.dispose();
  }
});

/** Plain descent to the end of the time; how often each entry changes its piece in the window. */
async function descend(problem: Problem, theta0: Float64Array, step: number) {
  const { family } = problem;
  const steps = Math.round(T_END / step);
  const theta = theta0.slice();
  const gradient = new Float64Array(theta.length);
  const program = await problem.compile(family.preactivations("free"));
  const flips = new Uint32Array(family.entries);
  let before: Float64Array | null = null;
  for (let k = 0; k < steps; k++) {
    if (k >= (1 - WINDOW) * steps) {
      const { z } = await program.run({ theta });
      const pieces = piecesOf(family, z!);
      pieces.forEach((piece, entry) => {
        if (before !== null && before[entry] !== piece) flips[entry]!++;
      });
      before = pieces;
    }
    await problem.lossGradient(theta, gradient);
    for (let i = 0; i < theta.length; i++) theta[i]! -= step * gradient[i]!;
  }
  return { theta, flips };
}
