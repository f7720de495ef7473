/** The entry of the library against what `gradflow run` does, and against the integrations it chooses among. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { EigenvalueDecomposition, Matrix } from "ml-matrix";
import { describe, expect, it } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { createEngine } from "../../src/engine/index.js";
import { ConfigError } from "../../src/errors.js";
import { prepare } from "../../src/experiment/prepare.js";
import {
  chooseKinkTreatment,
  createProblem,
  integrateExactly,
  integrateSmooth,
  measureSharpness,
} from "../../src/flow/index.js";
import { integrateFlow } from "../../src/flow/integrate-flow.js";
import { createFamily, presetNetwork } from "../../src/model/index.js";
import { setUpRuns, study } from "../experiment/runs.js";
import { makeCase } from "../support/networks.js";
import { distance, linearCase, problemOf } from "./runs.js";

const run = setUpRuns();
const relu = makeCase({ activation: { kind: "relu" }, hidden: [5, 5], samples: 10, seed: 2 });
/** Loose, for a slide makes a method that does not know of it take tiny steps. */
const solver = { method: "dopri5", rtol: 1e-4, atol: 1e-6, tEnd: 1 } as const;

describe("a network with kinks", () => {
  it("is followed through them as integrateExactly does, not as if it had none", async () => {
    const options = { problem: await problemOf(relu), theta0: relu.theta, ...solver };
    const seen: string[] = [];
    let end = 0;
    const found = await integrateFlow({
      ...options,
      onEvent: ({ kind }) => seen.push(kind),
      onSegment: async ({ t1 }) => {
        end = t1;
        return undefined;
      },
    });
    expect(found).toMatchObject({ status: "reachedEnd", treatment: "exact", notes: [] });
    expect(end).toBe(solver.tEnd);
    const follow = { onSegment: async () => undefined, onEvent: () => undefined };
    const exact = await integrateExactly({ ...options, ...follow });
    expect(found.theta).toEqual(exact.theta);
    expect(found.events).toEqual(exact.events);
    expect(seen.filter((kind) => kind === "crossing")).toHaveLength(exact.events.crossings);
    expect(exact.events.crossings).toBeGreaterThan(0);
    const blind = await integrateSmooth({ ...options, ...follow });
    expect(blind.theta).not.toEqual(exact.theta);
    const unwatched = await integrateFlow({ ...options, boundaries: "off" });
    expect(unwatched.theta).toEqual(blind.theta);
    expect(unwatched.notes.join()).toContain("were not watched");
  });

  it.each(["auto", "exact", "detect", "off"] as const)(
    "ends where gradflow run does: %s",
    async (boundaries) => {
      const yaml = study
        .replace("kind: tanh", "kind: relu")
        .replace(
          /flow: .*/,
          `flow: { method: dopri5, rtol: 1e-4, atol: 1e-6, tEnd: 1, boundaries: ${boundaries} }`,
        );
      const { result, directory } = await run([], {}, yaml);
      const loaded = await loadConfig(join(directory, "config.yaml"));
      const engine = await createEngine({ kind: "reference" });
      const { problem, theta0 } = await prepare(loaded, engine);
      const found = await integrateFlow({ problem, theta0, ...solver, boundaries });
      expect(found.treatment).toBe(result.boundaries);
      // theta.npy: 64-bit numbers after a header.
      const bytes = await readFile(join(directory, "theta.npy"));
      const written = bytes.buffer.slice(bytes.byteOffset + bytes.length - 8 * found.theta.length);
      expect(found.theta).toEqual(new Float64Array(written.slice(0, 8 * found.theta.length)));
      expect(found.events).toEqual(result.events);
      for (const note of found.notes) expect(result.notes).toContain(note);
    },
  );

  it("is watched, or refused, where exact cannot be had, and the notes say so", async () => {
    const engine = await createEngine({ kind: "onnx", dtype: "float32", threads: 1 });
    const problem = await createProblem(engine, relu.family, relu.bound);
    const options = {
      problem,
      theta0: relu.theta,
      method: "dopri5",
      rtol: 1e-4,
      atol: 1e-6,
      tEnd: 1,
    } as const;
    const found = await integrateFlow(options);
    expect(found).toMatchObject({ treatment: "detect", events: { chattering: expect.any(Number) } });
    expect(found.notes.join()).toContain("exact needs float64, the engine computes in float32");
    await expect(integrateFlow({ ...options, boundaries: "exact" })).rejects.toThrow(ConfigError);
    await engine.dispose();
    const wide = (samples: number) => createFamily({ network: relu.family.network, samples, factor: 1 });
    // 10 hidden units: 5 000 entries, and 10 more.
    const choose = (samples: number, asked: "auto" | "exact", method = "auto") =>
      chooseKinkTreatment(wide(samples), "float64", asked, method);
    expect(choose(500, "auto")).toEqual({ treatment: "exact", notes: [] });
    const beyond = choose(501, "auto");
    expect(beyond.treatment).toBe("stepping");
    expect(beyond.notes.join()).toContain("5,010 pre-activation entries are more than the 5,000");
    const named = choose(501, "auto", "dopri5");
    expect(named.treatment).toBe("detect");
    expect(named.notes.join()).toContain("not those of dopri5");
    expect(choose(2000, "exact", "dopri5").treatment).toBe("exact");
    // By the estimate, an event an entry, of 5 gradients (1e-4 s and 6e-10 s for each sample and parameter) and 2e-7 s for each entry
    // that it looks at: an hour at 12 600 samples.
    expect(choose(12_500, "exact", "dopri5").treatment).toBe("exact");
    expect(() => choose(13_000, "exact")).toThrow(
      "130,000 pre-activation entries (samples × hidden units) may take exact some 2 hours",
    );
    // 100 samples of 40 units are 4 000 entries, but with 1.2 million parameters a gradient takes a second's tenth.
    const costly = createFamily({
      network: presetNetwork({
        kind: "dnn",
        inputDimension: 30_000,
        hidden: [40],
        outputDimension: 1,
        bias: true,
        activation: { kind: "relu" },
      }),
      samples: 100,
      factor: 1,
    });
    const dear = chooseKinkTreatment(costly, "float64", "auto", "auto");
    expect(dear.treatment).toBe("stepping");
    expect(dear.notes.join()).toContain("may take exact some 25 minutes");
  });
});

it("a smooth network has nothing to watch", async () => {
  const tanh = makeCase({ activation: { kind: "tanh" }, hidden: [5], samples: 10 });
  const options = { problem: await problemOf(tanh), theta0: tanh.theta, ...solver };
  const found = await integrateFlow(options);
  expect(found).toMatchObject({ treatment: "off", events: null, notes: [] });
  expect(found.theta).toEqual(
    (await integrateSmooth({ ...options, onSegment: async () => undefined })).theta,
  );
  const asked = await integrateFlow({ ...options, boundaries: "exact" });
  expect(asked.notes.join()).toContain("has no kinks");
});

it("the sharpness of linear regression is the largest eigenvalue of its normal matrix", async () => {
  // L = c‖XW − Y‖²: ∇²L = 2c XᵀX ⊗ 1.
  const x = Float64Array.from({ length: 24 }, (_, i) => Math.sin(1 + 7 * i));
  const linear = linearCase([4, 1], { x, y: new Float64Array(6) }, 0.5);
  const X = Matrix.from1DArray(6, 4, x);
  const { realEigenvalues } = new EigenvalueDecomposition(X.transpose().mmul(X));
  const problem = await problemOf(linear);
  const { value, residual } = await measureSharpness(problem, Float64Array.of(1, -2, 3, 0.5));
  const largest = Math.max(...realEigenvalues);
  // A Ritz value lies below, by no more than its residual; rounding of a 4 × 4 problem is far below 1e-12.
  expect(value).toBeLessThan(largest * (1 + 1e-12));
  expect(value).toBeGreaterThan(largest - residual - 1e-12);
  expect(distance([value], [largest])).toBeLessThan(0.05 * largest);
});
