// Random fully connected networks, ReLU and leaky, three and four weight layers: do `stepping` and `exact` end where Euler's method with tiny steps does, extrapolated?
// `node scripts/attack/references.js [first] [last] [steps]` after a build: networks first to last, by default 1 to 13, 20 000 and twice as many steps of Euler's
// method each; two minutes. Errors are relative to the distance moved. Exits with 1 where a run ends elsewhere and names no branch, or forced a step.
import { createEngine } from "../../dist/engine/index.js";
import {
  createProblem,
  distance,
  integrateExactly,
  integrateSmooth,
  integrateStepping,
} from "../../dist/flow/index.js";
import { createFamily, initialise, presetNetwork } from "../../dist/model/index.js";
import { createRandom } from "../../dist/random.js";

const RTOL = [1e-2, 1e-3];
/** What the extrapolated reference may be off by, of the distance between its two runs; and a run at rtol, of rtol. */
const UNKNOWN = 2;

function draw(seed) {
  const random = createRandom(seed);
  const choices = random.split("u");
  const pick = (list) => list[Math.floor(choices.uniform() * list.length)];
  const whole = (from, count) => from + Math.floor(choices.uniform() * count);
  const hidden = Array.from({ length: pick([2, 3]) }, () => whole(5, 16));
  const samples = whole(5, 40);
  const [inputDimension, outputDimension] = [whole(2, 9), whole(1, 4)];
  const activation = pick([
    { kind: "relu" },
    { kind: "leaky-relu", slope: 0.01 },
    { kind: "leaky-relu", slope: 0.2 },
  ]);
  const bias = choices.uniform() < 0.6;
  const tEnd = pick([1, 4, 10, 20, 40]);
  const init = pick([
    { kind: "kaiming-normal", a: 0, bias: "uniform" },
    { kind: "kaiming-uniform", a: Math.sqrt(5), bias: "uniform" },
  ]);
  const network = presetNetwork({ kind: "dnn", inputDimension, hidden, outputDimension, bias, activation });
  const normals = (name, length) => {
    const stream = random.split(name);
    return Float64Array.from({ length }, () => stream.normal());
  };
  return {
    name: `${[inputDimension, ...hidden, outputDimension].join("-")}, ${samples} samples, ${activation.kind} ${activation.slope ?? ""}${bias ? "" : ", no biases"}`,
    family: createFamily({ network, samples, factor: 0.5 / samples }),
    bound: { x: normals("x", samples * inputDimension), y: normals("y", samples * outputDimension) },
    theta0: initialise(network.layout, init, random.split("init")),
    tEnd,
  };
}

const [first = 1, last = 13, steps = 20_000] = process.argv.slice(2).map(Number);
const engine = await createEngine({ kind: "onnx", dtype: "float64", threads: 1 });
console.log(
  `| seed, network | t | two runs of Euler | exact | ${RTOL.map((rtol) => `stepping, rtol ${rtol}: error, gradients, ambiguous, forced`).join(" | ")} |`,
);
console.log(`|---|---|---|---|${RTOL.map(() => "---|").join("")}`);
for (let seed = first; seed <= last; seed++) {
  const { name, family, bound, theta0, tEnd } = draw(seed);
  const problem = await createProblem(engine, family, bound);
  const common = { problem, theta0, tEnd, onSegment: async () => undefined };
  const euler = (count) => integrateSmooth({ ...common, method: "euler", stepSize: tEnd / count });
  const [coarse, fine] = [await euler(steps), await euler(2 * steps)];
  const reference = fine.theta.map((value, i) => 2 * value - coarse.theta[i]);
  const moved = distance(reference, theta0);
  const unknown = distance(fine.theta, coarse.theta) / moved;
  const judged = ({ theta, status, events }, rtol) => {
    const error = distance(theta, reference) / moved;
    const isElsewhere = status !== "reachedEnd" || error > UNKNOWN * (unknown + rtol);
    if ((isElsewhere && events.ambiguous === 0) || events.forcedSteps > 0) process.exitCode = 1;
    return `${status === "reachedEnd" ? "" : `${status} `}${error.toExponential(1)}${isElsewhere ? " (elsewhere)" : ""}`;
  };
  const onEvent = () => undefined;
  const exact = await integrateExactly({ ...common, method: "dopri5", rtol: 1e-6, atol: 1e-8, onEvent });
  const cells = [`${judged(exact, 1e-6)}`];
  for (const rtol of RTOL) {
    const run = await integrateStepping({ ...common, rtol, atol: 1e-12, onEvent });
    const { ambiguous, forcedSteps } = run.events;
    cells.push(`${judged(run, rtol)}, ${run.evaluations}, ${ambiguous}, ${forcedSteps}`);
  }
  console.log(`| ${seed}, ${name} | ${tEnd} | ${unknown.toExponential(1)} | ${cells.join(" | ")} |`);
}
await engine.dispose();
