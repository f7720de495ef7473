/** One small network per preset with what JAX and diffrax found of it; data/preset_flows.py wrote the numbers. */
import { readFileSync } from "node:fs";
import {
  buildNetwork,
  createFamily,
  type Family,
  type ModelFields,
  relationMatrix,
} from "../../src/model/index.js";

export interface Flow {
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
  /** Of J at the start, descending. */
  readonly singularValues: readonly number[];
}

export const flows = JSON.parse(
  readFileSync(new URL("data/preset-flows.json", import.meta.url), "utf8"),
) as readonly Flow[];

export function setUp(flow: Flow): {
  readonly family: Family;
  readonly data: Record<string, Float64Array>;
  readonly theta0: Float64Array;
} {
  const { model, inputShape, outputs, samples } = flow;
  const network = buildNetwork(model, { inputShape, outputs });
  const data: Record<string, Float64Array> = { x: Float64Array.from(flow.x), y: Float64Array.from(flow.y) };
  for (const relation of network.relations)
    data[relation] = relationMatrix(relation, Float64Array.from(flow.edges!), samples);
  return {
    family: createFamily({ network, samples, factor: 0.5 }),
    data,
    theta0: Float64Array.from(flow.theta0),
  };
}
