// (a) The gradient's flop rate against a bare MatMul's, (c) the cost of a small gradient.
import { createOnnxEngine } from "../../dist/engine/index.js";
import { createGraph, GraphBuilder } from "../../dist/graph/index.js";
import { gradientFlops, interleave, large, makeProblem, median, normals, small } from "./study.js";

const ROUNDS = 50;
/** Calls of the small gradient that are timed together. */
const SMALL_CALLS = 100;
/** Sizes [m, k, n] of the bare product; the fastest of them is the yardstick. */
const PRODUCTS = [
  [1000, 1000, 1000],
  [1000, 500, 250],
];

export async function benchGradients(threads) {
  const engine = createOnnxEngine({ dtype: "float64", threads });
  const runs = [];
  for (const study of [large, small]) {
    const { problem, theta0 } = await makeProblem(engine, study);
    const gradient = new Float64Array(theta0.length);
    runs.push({
      run: () => problem.lossGradient(theta0, gradient),
      calls: study === small ? SMALL_CALLS : 1,
    });
  }
  for (const [m, k, n] of PRODUCTS) {
    const b = new GraphBuilder();
    const graph = createGraph("product", { c: b.matmul(b.input("a", [m, k]), b.input("b", [k, n])) });
    const program = await engine.compile(graph);
    const inputs = { a: normals("a", m * k), b: normals("b", k * n) };
    const into = { c: new Float64Array(m * n) };
    runs.push({ run: () => program.run(inputs, into), calls: 1 });
  }
  await interleave(runs, 3);
  const [largeTimes, smallTimes, ...productTimes] = await interleave(runs, ROUNDS);
  await engine.dispose();
  // Minima: what the machine can do when nothing else runs on it.
  const rates = productTimes.map((times, i) => (2 * PRODUCTS[i].reduce((p, q) => p * q)) / times[0]);
  const gradientRate = gradientFlops(large) / largeTimes[0];
  const best = Math.max(...rates);
  return {
    ratio: gradientRate / best,
    gradientRate,
    productRate: best,
    product: PRODUCTS[rates.indexOf(best)].join(" × "),
    largeSeconds: largeTimes[0],
    smallSeconds: smallTimes[0],
    smallMedian: median(smallTimes),
  };
}
