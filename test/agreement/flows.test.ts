/**
 * One flow per preset, integrated by JAX and diffrax: θ at the end and losses on the way. data/preset_flows.py made the numbers; it writes
 * out what each preset stands for by itself, so that the expansion is tested too.
 */
import { expect, test } from "vitest";
import { createOnnxEngine } from "../../src/engine/onnx/engine.js";
import { createProblem, integrateSmooth } from "../../src/flow/index.js";
import { presets } from "../../src/model/index.js";
import { flows, setUp } from "./flows.js";
import { relativeDistance } from "./stored.js";

/** Of the distance moved. Errors of a step are held to 1e-11, and gradient flows of this length amplify their sum by less than 100. */
const TOLERANCE = 1e-8;

test("every preset is there", () => {
  expect(flows.map(({ model }) => model.kind)).toEqual(presets.map(({ kind }) => kind));
});

test.each(flows.map((flow) => [flow.model.kind, flow] as const))("%s", async (_, flow) => {
  const { times } = flow;
  expect(flow.uncertainty).toBeLessThan(TOLERANCE / 100);
  const { family, data, theta0 } = setUp(flow);
  expect(family.layout.size).toBe(theta0.length);
  const engine = createOnnxEngine({ dtype: "float64", threads: 1 });
  try {
    const problem = await createProblem(engine, family, data);
    let theta: Float64Array = theta0;
    for (const [k, time] of times.entries()) {
      if (k > 0) {
        const outcome = await integrateSmooth({
          ...{
            problem,
            theta0: theta,
            method: "dop853",
            tEnd: time - times[k - 1]!,
            rtol: 1e-11,
            atol: 1e-13,
          },
          onSegment: async () => undefined,
        });
        expect(outcome.status).toBe("reachedEnd");
        theta = outcome.theta;
      }
      const loss = await problem.loss(theta);
      expect(Math.abs(loss / flow.losses[k]! - 1), `loss at t = ${time}`).toBeLessThan(TOLERANCE);
    }
    const moved = Math.hypot(...flow.theta.map((value, i) => value - theta0[i]!));
    const size = Math.hypot(...flow.theta);
    // A flow that stands still would agree with anything.
    expect(moved / size).toBeGreaterThan(0.05);
    expect((relativeDistance(theta, flow.theta) * size) / moved).toBeLessThan(TOLERANCE);
  } finally {
    await engine.dispose();
  }
});
