/** Initialisers against PyTorch's: the range and the spread of a large layer, stored with the script that drew them. */
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type InitSpec, initialise, presetNetwork } from "../../src/model/index.js";
import { createRandom } from "../../src/random.js";

interface Row {
  readonly kind: "kaiming-uniform" | "kaiming-normal" | "xavier-uniform" | "xavier-normal" | "linear";
  readonly argument: number | null;
  readonly fanIn: number;
  readonly fanOut: number;
  readonly largest: number;
  readonly std: number;
  readonly biasLargest?: number;
}

const { rows } = JSON.parse(
  readFileSync(new URL("data/torch-initialisers.json", import.meta.url), "utf8"),
) as { readonly rows: readonly Row[] };

function initOf({ kind, argument }: Row): InitSpec {
  if (kind === "linear") return { kind: "kaiming-uniform", a: Math.sqrt(5), bias: "uniform" };
  if (kind === "kaiming-uniform" || kind === "kaiming-normal") return { kind, a: argument!, bias: "zeros" };
  return { kind, gain: argument!, bias: "zeros" };
}

const largestOf = (v: Float64Array) => v.reduce((most, x) => Math.max(most, Math.abs(x)), 0);

test.each(rows)("$kind($argument) of a $fanIn → $fanOut layer", (row) => {
  const { fanIn, fanOut, largest, std } = row;
  const { layout } = presetNetwork({
    kind: "dnn",
    inputDimension: fanIn,
    hidden: [],
    outputDimension: fanOut,
    bias: true,
    activation: { kind: "identity" },
  });
  const theta = initialise(layout, initOf(row), createRandom(1));
  const weights = theta.subarray(0, fanIn * fanOut);
  const biases = theta.subarray(fanIn * fanOut);
  // 10⁶ draws on each side: a sample's standard deviation has a relative error of 7e-4 (normal) or less, so their ratio of 1e-3.
  const spread = Math.sqrt(weights.reduce((sum, w) => sum + w * w, 0) / weights.length);
  expect(Math.abs(spread / std - 1)).toBeLessThan(5e-3);
  // The largest of 10⁶ uniform draws falls short of the bound by 1e-6 of it; of normal ones it says nothing sharp.
  if (!row.kind.endsWith("normal")) expect(Math.abs(largestOf(weights) / largest - 1)).toBeLessThan(3e-5);
  else expect(largestOf(weights)).toBeGreaterThan(4 * std);
  // The largest of 500 or more biases falls short by 1/500, and may by ten times that.
  if (row.biasLargest !== undefined)
    expect(Math.abs(largestOf(biases) / row.biasLargest - 1)).toBeLessThan(0.02);
  else expect(largestOf(biases)).toBe(0);
});

test("normal draws with the standard deviation given", () => {
  const spec = {
    kind: "dnn",
    inputDimension: 400,
    hidden: [],
    outputDimension: 500,
    bias: false,
    activation: { kind: "identity" },
  } as const;
  const theta = initialise(
    presetNetwork(spec).layout,
    { kind: "normal", std: 0.3, bias: "zeros" },
    createRandom(2),
  );
  const spread = Math.sqrt(theta.reduce((sum, w) => sum + w * w, 0) / theta.length);
  // Relative error of the standard deviation of 2·10⁵ normal draws: 1.6e-3; three of them.
  expect(Math.abs(spread / 0.3 - 1)).toBeLessThan(5e-3);
});
