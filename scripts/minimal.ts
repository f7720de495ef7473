/**
 * The library in one file: a loss as a graph, its gradient by autodiff, the gradient flow θ' = −∇L(θ) by a controlled solver,
 * gradient descent beside it. Run it with `npm run minimal`.
 */
import {
  createEngine,
  createGraph,
  createRandom,
  createStepper,
  float64Space,
  GraphBuilder,
  gradient,
  integrate,
  type Node,
  printGraph,
} from "gradflow";

// 1. Data: eight points of a sine.
const samples = 8;
const x = Float64Array.from({ length: samples }, (_, i) => -2 + (4 * i) / (samples - 1));
const y = x.map(Math.sin);

// 2. A 1-3-1 tanh network by hand. θ is flat: weights, biases, layer by layer.
const width = 3;
const parameters = 3 * width + 1;
const b = new GraphBuilder();
const theta = b.input("theta", [parameters]);
const take = (start: number, shape: readonly [number, number]): Node =>
  b.reshape(b.slice(theta, 0, start, start + shape[0] * shape[1]), shape);
const hidden = b.tanh(
  b.add(b.matmul(b.input("x", [samples, 1]), take(0, [1, width])), take(width, [1, width])),
);
const output = b.add(b.matmul(hidden, take(2 * width, [width, 1])), take(3 * width, [1, 1]));

// 3. The loss L = ‖F − y‖²/2n is a scalar node, and its gradient another graph made from it.
const residual = b.sub(output, b.input("y", [samples, 1]));
const loss = b.scale(b.total(b.mul(residual, residual)), 0.5 / samples);
const [slope] = gradient(b, loss, [theta]);
const graph = createGraph("tiny", { loss, gradient: slope! });
console.log(printGraph(graph));

// 4. An engine turns the graph into numbers. x and y are bound once, θ is fed to every call.
const engine = await createEngine({ kind: "onnx", dtype: "float64", threads: 1 });
const program = await engine.compile(graph, { x, y });
const at = async (point: Float64Array) => {
  const values = await program.run({ theta: point });
  return { loss: values["loss"]![0]!, gradient: values["gradient"]! };
};

// 5. The flow. The solver sees a field over a vector space and knows nothing of networks.
const random = createRandom(0);
const start = Float64Array.from({ length: parameters }, () => random.normal());
const space = float64Space(parameters);
const stepper = createStepper({
  space,
  field: async (_, point, out) => space.combine(out, [-1], [(await at(point)).gradient]),
  method: "dopri5",
  t0: 0,
  y0: start,
  rtol: 1e-8,
  atol: 1e-10,
});
const tEnd = 20;
const times = [1, 2, 5, 10, tEnd];
const flow: { t: number; theta: Float64Array; loss: number }[] = [];
const outcome = await integrate({
  stepper,
  tEnd,
  async onStep(step) {
    for (const t of times.slice(flow.length)) {
      if (t > step.t1) break;
      const point = space.create();
      await step.interpolate(t, point); // dense output: no step ends early for our sake
      flow.push({ t, theta: point, loss: (await at(point)).loss });
    }
    return undefined;
  },
});
console.log(`\n${outcome.message} ${outcome.accepted} steps, ${outcome.evaluations} gradients.`);

// 6. Gradient descent with step η, compared at t = kη: the gap shrinks in proportion to η.
const descend = async (learningRate: number) => {
  const point = start.slice();
  const gaps: string[] = [];
  let step = 0;
  for (const { t, theta: exact } of flow) {
    for (; step < Math.round(t / learningRate); step++) {
      const { gradient: direction } = await at(point);
      space.combine(point, [1, -learningRate], [point, direction]);
    }
    gaps.push(Math.hypot(...exact.map((value, i) => value - point[i]!)).toExponential(2));
  }
  return gaps;
};

const rates = [0.1, 0.01];
const gaps: string[][] = []; // one after the other: a program answers one call at a time
for (const rate of rates) gaps.push(await descend(rate));
console.log(
  ["t", "flow loss", ...rates.map((rate) => `gap, η = ${rate}`)].map((head) => head.padStart(15)).join(""),
);
flow.forEach((row, i) => {
  const cells = [String(row.t), row.loss.toExponential(3), ...gaps.map((column) => column[i]!)];
  console.log(cells.map((cell) => cell.padStart(15)).join(""));
});
await engine.dispose();
