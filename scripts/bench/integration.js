// (b) How much of a dopri5 run is spent inside gradients. From the first step to the last: solver, dense output, observer and
// energy integral count as the rest; start-up (data, compilation) and figures are outside.
import { createOnnxEngine } from "../../dist/engine/index.js";
import { createObserver, integrateSmooth, measureGradient } from "../../dist/flow/index.js";
import { large, makeProblem, median } from "./study.js";

const STEPS = 20;
const ROUNDS = 5;

export async function benchIntegration(threads) {
  const engine = createOnnxEngine({ dtype: "float64", threads });
  const { problem, theta0 } = await makeProblem(engine, large);
  const shares = [];
  for (let round = 0; round < ROUNDS; round++) {
    const observer = createObserver({
      problem,
      theta0,
      times: null,
      measure: measureGradient(problem),
      onObservation: () => undefined,
    });
    await observer.start();
    const before = problem.cost.seconds;
    const start = performance.now();
    await integrateSmooth({
      problem,
      theta0,
      method: "dopri5",
      rtol: 1e-3,
      atol: 1e-6,
      tEnd: 1e6,
      maxSteps: STEPS,
      onSegment: (segment, counts) => observer.follow(segment, counts),
    });
    shares.push((problem.cost.seconds - before) / ((performance.now() - start) / 1000));
  }
  await engine.dispose();
  return { share: median(shares), steps: STEPS };
}
