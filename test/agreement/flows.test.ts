/**
 * One flow per preset, integrated by JAX and diffrax: θ at the end and losses on the way. data/preset_flows.py made the numbers; it writes
 * out what each preset stands for by itself, so that the expansion is tested too.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createOnnxEngine } from "../../src/engine/onnx/engine.js";
import { createProblem, integrateSmooth } from "../../src/flow/index.js";
import {
  buildNetwork,
  createFamily,
  type ModelFields,
  presets,
  relationMatrix,
} from "../../src/model/index.js";
import { relativeDistance } from "./stored.js";

interface Flow {
  readonly model: ModelFields;
  readonly inputShape: readonly number[];
  readonly outputs: number;
  readonly samples: number;
  readonly edges?: readonly number[];
  readonly x: readonly number[];
  readonly y: readonly number[];
  readonly theta0: readonly number[];
  readonly times: readonly number[];
  readonly losses: readonly number[];
  readonly theta: readonly number[];
  /** Distance of two methods of diffrax, relative to the distance moved. */
  readonly uncertainty: number;
}

const flows = JSON.parse(
  readFileSync(new URL("data/preset-flows.json", import.meta.url), "utf8"),
) as readonly Flow[];

/** Of the distance moved. Errors of a step are held to 1e-11, and gradient flows of this length amplify their sum by less than 100. */
const TOLERANCE = 1e-8;

test("every preset is there", () => {
  expect(flows.map(({ model }) => model.kind)).toEqual(presets.map(({ kind }) => kind));
});

test.each(flows.map((flow) => [flow.model.kind, flow] as const))("%s", async (_, flow) => {
  const { inputShape, outputs, samples, times } = flow;
  expect(flow.uncertainty).toBeLessThan(TOLERANCE / 100);
  const network = buildNetwork(flow.model, { inputShape, outputs });
  const theta0: Float64Array = Float64Array.from(flow.theta0);
  expect(network.layout.size).toBe(theta0.length);
  const data: Record<string, Float64Array> = { x: Float64Array.from(flow.x), y: Float64Array.from(flow.y) };
  for (const relation of network.relations)
    data[relation] = relationMatrix(relation, Float64Array.from(flow.edges!), samples);
  const engine = createOnnxEngine({ dtype: "float64", threads: 1 });
  try {
    const problem = await createProblem(engine, createFamily({ network, samples, factor: 0.5 }), data);
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
