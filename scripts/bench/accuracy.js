// Work and achieved error of every adaptive method against the tolerance asked for, on a smooth network.
// `node scripts/bench/accuracy.js` after a build: two seconds.
import { pathToFileURL } from "node:url";
import { createOnnxEngine } from "../../dist/engine/index.js";
import { createObserver, integrateSmooth, measureGradient } from "../../dist/flow/index.js";
import { makeProblem, nameOf, small } from "./study.js";
import { table } from "./table.js";

const METHODS = ["bs32", "dopri5", "tsit5", "dop853"];
const TOLERANCES = [1e-3, 1e-5, 1e-7, 1e-9];
const T_END = 20;
/** bs32 needs more than 10⁵ gradients there. */
const skipped = (method, rtol) => method === "bs32" && rtol < 1e-7;

const accuracyProblem = { ...small, activation: { kind: "tanh" } };

/** [{ method, rtol, gradients, error, energyDefect }]: ‖θ − θ*‖/‖θ* − θ0‖ at the end, θ* by dop853 at rtol 1e-13. */
async function benchAccuracy() {
  const engine = createOnnxEngine({ dtype: "float64", threads: 1 });
  const { problem, theta0 } = await makeProblem(engine, accuracyProblem);
  const solve = async (method, rtol) => {
    const observer = createObserver({
      problem,
      theta0,
      times: [T_END],
      measure: measureGradient(problem),
      onObservation: () => undefined,
    });
    await observer.start();
    const onSegment = (segment, counts) => observer.follow(segment, counts);
    const atol = rtol / 1000;
    const outcome = await integrateSmooth({ problem, theta0, method, rtol, atol, tEnd: T_END, onSegment });
    const { energyDefect } = await observer.finish();
    return { theta: outcome.theta, gradients: outcome.evaluations, energyDefect };
  };
  const { theta: reference } = await solve("dop853", 1e-13);
  const moved = Math.hypot(...reference.map((value, i) => value - theta0[i]));
  const rows = [];
  for (const method of METHODS) {
    for (const rtol of TOLERANCES) {
      if (skipped(method, rtol)) continue;
      const { theta, gradients, energyDefect } = await solve(method, rtol);
      const error = Math.hypot(...theta.map((value, i) => value - reference[i])) / moved;
      rows.push({ method, rtol, gradients, error, energyDefect });
    }
  }
  await engine.dispose();
  return rows;
}

/** Measures and prints the table. */
export async function run() {
  const rows = await benchAccuracy();
  console.log(`Achieved error: ${nameOf(accuracyProblem)}, t = ${T_END}, atol = rtol/1000\n`);
  console.log(
    table(
      ["method", "rtol", "gradients", "relative error of θ", "÷ rtol", "energy defect"],
      rows.map(({ method, rtol, gradients, error, energyDefect }) => [
        method,
        rtol.toExponential(0),
        String(gradients),
        error.toExponential(1),
        (error / rtol).toPrecision(1),
        energyDefect.toExponential(1),
      ]),
    ),
  );
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await run();
