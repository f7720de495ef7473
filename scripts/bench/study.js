// The problems that the benchmarks time, and how they time them.
import { createProblem } from "../../dist/flow/index.js";
import { createFamily, initialise, presetNetwork } from "../../dist/model/index.js";
import { createRandom } from "../../dist/random.js";

const random = createRandom(1);

export function normals(name, length) {
  const stream = random.split(name);
  return Float64Array.from({ length }, () => stream.normal());
}

/** 500-250-250-50 on 1 000 samples, leaky ReLU: the size whose speed counts. P = 200 550. */
export const large = {
  widths: [500, 250, 250, 50],
  samples: 1000,
  activation: { kind: "leaky-relu", slope: 0.01 },
};
/** 10-20-20-2 on 50 samples: the size where overhead counts. P = 682. */
export const small = {
  widths: [10, 20, 20, 2],
  samples: 50,
  activation: { kind: "leaky-relu", slope: 0.01 },
};

export const nameOf = ({ widths, samples, activation }) =>
  `${widths.join("-")} ${activation.kind}, ${samples} samples`;

/** Normal data, PyTorch's default initial parameters, the loss of reduction half-mean-sample. */
export async function makeProblem(engine, { widths, samples, activation }) {
  const spec = {
    kind: "dnn",
    inputDimension: widths[0],
    hidden: widths.slice(1, -1),
    outputDimension: widths.at(-1),
    bias: true,
    activation,
  };
  const family = createFamily({ network: presetNetwork(spec), samples, factor: 1 / (2 * samples) });
  const data = {
    x: normals("x", samples * spec.inputDimension),
    y: normals("y", samples * spec.outputDimension),
  };
  const init = { kind: "kaiming-uniform", a: Math.sqrt(5), bias: "uniform" };
  const theta0 = initialise(presetNetwork(spec).layout, init, random.split("init"));
  return { problem: await createProblem(engine, family, data), theta0 };
}

/** Additions and multiplications in the matrix products of one gradient; that of the first layer's input is not needed. */
export function gradientFlops({ widths, samples }) {
  const products = widths.slice(1).map((out, l) => widths[l] * out);
  const all = products.reduce((sum, product) => sum + product, 0);
  return 2 * samples * (3 * all - products[0]);
}

/** Seconds of one call, over `calls` of them. */
export async function secondsOf(run, calls = 1) {
  const start = performance.now();
  for (let i = 0; i < calls; i++) await run();
  return (performance.now() - start) / 1000 / calls;
}

/**
 * Times several things in turn, `rounds` times, so that what else the machine does falls on all of them alike; each after a
 * call of its own that is not timed, for the worker threads of the engine's other programs spin on for a while. Gives all times
 * of each, ascending.
 */
export async function interleave(runs, rounds) {
  const seconds = runs.map(() => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, { run, calls }] of runs.entries()) {
      await run();
      seconds[i].push(await secondsOf(run, calls));
    }
  }
  return seconds.map((times) => times.sort((a, b) => a - b));
}

export const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

/** Plain gradient descent from θ0 over the time tEnd in so many steps; its last θ. */
export async function descend(problem, theta0, tEnd, steps) {
  const theta = theta0.slice();
  const gradient = new Float64Array(theta.length);
  for (let k = 0; k < steps; k++) {
    await problem.lossGradient(theta, gradient);
    for (let i = 0; i < theta.length; i++) theta[i] -= (tEnd / steps) * gradient[i];
  }
  return theta;
}
