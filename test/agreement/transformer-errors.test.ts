/**
 * What rounding makes of a transformer's Jacobian: double-double against 120 digits (data/mpmath_transformer.py), float64 against
 * double-double, and the bounds of both.
 */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { createEngine, DOUBLE_DOUBLE_ROUNDOFF, evaluateInDoubleDouble } from "../../src/engine/index.js";
import { buildNetwork, createFamily, type Family, initialise } from "../../src/model/index.js";
import { createTangentKernel } from "../../src/ntk/index.js";
import { fillInputs, outputScalars } from "../../src/ntk/scalars.js";
import { createRandom } from "../../src/random.js";
import { randomVector } from "../support/networks.js";
import { flows, setUp } from "./flows.js";

type Pair = readonly [high: number, low: number];

const truth = JSON.parse(readFileSync(new URL("data/mpmath-transformer.json", import.meta.url), "utf8")) as {
  readonly weights: readonly number[];
  readonly outputs: readonly Pair[];
  readonly sums: readonly Pair[];
};

const flow = flows.find(({ model }) => model.kind === "transformer")!;

function rowsInDoubleDouble(family: Family, data: Record<string, Float64Array>, theta: Float64Array) {
  const scalars = outputScalars(family);
  const graph = family.scalarRowErrors(scalars.length, DOUBLE_DOUBLE_ROUNDOFF);
  const found = evaluateInDoubleDouble(graph, {
    ...fillInputs(family, data, scalars, scalars.length, {}),
    theta,
  });
  return { rows: found["rows"]!, errors: found["errors"]!.high };
}

test("rows in double-double are those of 120 digits, within their bound", () => {
  const { family, data, theta0 } = setUp(flow);
  const P = theta0.length;
  const { rows, errors } = rowsInDoubleDouble(family, data, theta0);
  const length = Math.hypot(...truth.weights);
  truth.sums.forEach(([high, low], r) => {
    // Σ_k w_k J_rk, in pairs: sums of float64 products would lose what is looked at.
    let [sum, rest] = [-high, -low];
    for (let k = 0; k < P; k++) {
      for (const part of [rows.high[r * P + k]!, rows.low[r * P + k]!]) {
        const [product, error] = exactProduct(truth.weights[k]!, part);
        const next = sum + product;
        const v = next - sum;
        rest += sum - (next - v) + (product - v) + error;
        sum = next;
      }
    }
    const off = Math.abs(sum + rest);
    // Of P products of order one, summed in double-double.
    const summing = P * 2 ** -100 * length;
    expect(off, `row ${r}`).toBeLessThanOrEqual(errors[r]! * length + summing);
    expect(off, `row ${r}`).toBeLessThan(1e-26);
    expect(errors[r]!).toBeLessThan(1e-15);
  });
});

test.each([
  ["the small one of the flows", null, 10],
  ["the default one", { width: 16, heads: 2, blocks: 2, causal: false }, 1e5],
] as const)("the bound of float64 rows is one, and a near one: %s", async (_, fields, most) => {
  const made = fields === null ? setUp(flow) : setUpDefault(fields);
  const { family, data, theta0 } = made;
  const engine = await createEngine({ kind: "onnx", dtype: "float64", threads: 1 });
  try {
    const kernel = createTangentKernel({
      ...{ family, data },
      compile: (graph, bound = {}) => engine.compile(graph, bound),
    });
    const state = { theta: theta0, pieces: null, held: [] };
    const { rows: bound } = await kernel.entryErrors(state);
    const { rows: computed } = await kernel.rows(state);
    const { rows } = rowsInDoubleDouble(family, data, theta0);
    let squares = 0;
    computed.forEach((value, i) => {
      squares += (value - rows.high[i]! - rows.low[i]!) ** 2;
    });
    const error = Math.sqrt(squares);
    expect(error).toBeGreaterThan(0);
    expect(error).toBeLessThanOrEqual(bound);
    // The running bound of float64 alone is 10¹⁵ times the error and more.
    expect(bound / error).toBeLessThan(most);
    // Of a direction: what Lanczos' bound on λ_min stands on.
    const v = randomVector(9, kernel.size);
    const norm = Math.hypot(...v);
    v.forEach((value, k) => {
      v[k] = value / norm;
    });
    const energy = await (await kernel.operator(state)).apply(v, new Float64Array(kernel.size));
    const length = Math.sqrt(energy);
    const lengthError = await kernel.lengthError(state, v, length);
    const P = theta0.length;
    const direction = Float64Array.from({ length: P }, (_unused, k) =>
      v.reduce((sum, value, r) => sum + value * (rows.high[r * P + k]! + rows.low[r * P + k]!), 0),
    );
    // The sums above round as well.
    const summing = kernel.size * Number.EPSILON * Math.hypot(...rows.high);
    expect(Math.abs(Math.hypot(...direction) - length)).toBeLessThanOrEqual(lengthError + summing);
    expect(lengthError / length).toBeLessThan(1e-9);
  } finally {
    await engine.dispose();
  }
});

function setUpDefault(fields: object) {
  const model = { kind: "transformer", activation: { kind: "gelu" }, ...fields } as const;
  const [samples, outputs, T, d] = [6, 2, 5, 4];
  const network = buildNetwork(model, { inputShape: [T, d], outputs });
  const init = { kind: "xavier-uniform", gain: 1, bias: "zeros" } as const;
  return {
    family: createFamily({ network, samples, factor: 0.5 }),
    data: { x: randomVector(1, samples * T * d), y: randomVector(2, samples * outputs) },
    theta0: initialise(network.layout, init, createRandom(1)),
  };
}

/** The float64 product and its error (Dekker 1971). */
function exactProduct(a: number, b: number): [number, number] {
  const split = (x: number): [number, number] => {
    const c = (2 ** 27 + 1) * x;
    const high = c - (c - x);
    return [high, x - high];
  };
  const [[a1, a2], [b1, b2]] = [split(a), split(b)];
  const p = a * b;
  return [p, a1 * b1 - p + a1 * b2 + a2 * b1 + a2 * b2];
}
