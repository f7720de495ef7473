import { describe, expect, it } from "vitest";
import { createOnnxEngine } from "../../src/engine/onnx/engine.js";
import { compileReference } from "../../src/engine/reference.js";
import type { Graph } from "../../src/graph/index.js";
import { piecesOf } from "../../src/model/index.js";
import { allCases, breakpointsOf, randomVector } from "../support/networks.js";

const norm = (v: Float64Array): number => Math.hypot(...v);
const dot = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, x, i) => sum + x * (b[i] as number), 0);
/** ‖a − b‖; of nothing at all there is no difference to be small. */
const difference = (a: Float64Array, b: Float64Array): number => {
  expect(a.length).toBe(b.length);
  expect(norm(b)).toBeGreaterThan(SOMETHING);
  return norm(a.map((x, i) => x - (b[i] as number)));
};
/** Every derivative here is of order one or a hundredth: one below this would be a zero that no test sees through. */
const SOMETHING = 1e-4;
const moved = (theta: Float64Array, v: Float64Array, by: number): Float64Array =>
  theta.map((x, i) => x + by * (v[i] as number));

it("stands for every model with every activation, with and without biases", () => {
  expect(allCases).toHaveLength(3 * 12 * 2);
  expect(new Set(allCases.map(({ label }) => label)).size).toBe(allCases.length);
});

describe.each(allCases.map((c) => [c.label, c] as const))("%s", (_, { family, theta, bound }) => {
  const size = family.layout.size;
  const v = randomVector(7, size);
  const run = (graph: Graph, inputs: Record<string, Float64Array>) => {
    const outputs = compileReference(graph, bound).runSync(inputs);
    return Object.fromEntries(Object.entries(outputs).map(([name, data]) => [name, data.slice()]));
  };

  it("has the gradient of central differences", () => {
    const g = run(family.lossGradient("free"), { theta }).gradient!;
    const graph = family.loss();
    // Truncation h²‖L'''‖ ≈ 1e-10 and rounding 1e-16/h ≈ 1e-11 for h = 1e-5; 1e-7 is the issue's own bound.
    const h = 1e-5;
    const numerical = Float64Array.from({ length: size }, (_, i) => {
      const e = new Float64Array(size);
      e[i] = 1;
      const [up, down] = [h, -h].map(
        (step) => run(graph, { theta: moved(theta, e, step) }).loss![0] as number,
      );
      return ((up as number) - (down as number)) / (2 * h);
    });
    expect(difference(g, numerical)).toBeLessThan(1e-7 * norm(g));
  });

  it("passes the dot-product test ⟨w, Jv⟩ = ⟨Jᵀw, v⟩", () => {
    const output = run(family.jacobianProduct("free"), { theta, velocity: v }).output!;
    const w = randomVector(8, output.length);
    const product = run(family.jacobianTransposeProduct("free"), { theta, cotangent: w }).product!;
    expect(Math.min(norm(output), norm(product))).toBeGreaterThan(SOMETHING);
    // Rounding of sums of a few hundred terms.
    expect(Math.abs(dot(w, output) - dot(product, v))).toBeLessThan(1e-13 * norm(w) * norm(output));
    // J itself, by central differences of the prediction: truncation h² and rounding 1e-16/h.
    const [up, down] = [1e-6, -1e-6].map((h) => run(family.predict(), { theta: moved(theta, v, h) }).output!);
    const numerical = up!.map((x, i) => (x - (down![i] as number)) / 2e-6);
    expect(difference(output, numerical)).toBeLessThan(1e-7 * norm(output));
  });

  it("has a symmetric Hessian that differentiates the gradient", () => {
    const u = randomVector(9, size);
    const hv = run(family.hessianProduct("free"), { theta, velocity: v }).product!;
    const hu = run(family.hessianProduct("free"), { theta, velocity: u }).product!;
    expect(Math.min(norm(hv), norm(hu))).toBeGreaterThan(SOMETHING);
    expect(Math.abs(dot(u, hv) - dot(v, hu))).toBeLessThan(1e-12 * norm(u) * norm(hv));
    // Side by side they are the same sums in another order.
    const velocities = Float64Array.from([...v, ...u]);
    const both = run(family.hessianProducts(2), { theta, velocities }).products!;
    expect(difference(both.slice(0, size), hv)).toBeLessThan(1e-12 * norm(hv));
    expect(difference(both.slice(size), hu)).toBeLessThan(1e-12 * norm(hu));
    // Central difference of the gradient: truncation h²‖∇⁴L‖‖v‖³ with h = 1e-6 stays below 1e-6 relative.
    const [up, down] = [1e-6, -1e-6].map(
      (h) => run(family.lossGradient("free"), { theta: moved(theta, v, h) }).gradient!,
    );
    const numerical = up!.map((x, i) => (x - (down![i] as number)) / 2e-6);
    expect(difference(hv, numerical)).toBeLessThan(1e-6 * norm(hv));
  });

  const itHasPieces = it.runIf(family.entries > 0);
  const ownPieces = () => piecesOf(family, run(family.preactivations("free"), { theta }).z!);

  itHasPieces("is the same function with its own pieces locked", () => {
    const z = run(family.preactivations("free"), { theta }).z!;
    const pieces = ownPieces();
    const free = run(family.lossGradient("free"), { theta });
    const locked = run(family.lockedField(), { theta, pieces });
    expect(locked.gradient).toEqual(free.gradient);
    expect(locked.z).toEqual(z);
    expect(norm(locked.gradient!)).toBeGreaterThan(SOMETHING);
    expect(z).toHaveLength(family.entries);
    const hv = run(family.hessianProduct("free"), { theta, velocity: v }).product!;
    expect(run(family.hessianProduct("locked"), { theta, pieces, velocity: v }).product).toEqual(hv);
    const many = run(family.hessianProducts(2, "locked"), {
      theta,
      pieces,
      velocities: Float64Array.from([...v, ...v]),
    }).products!;
    // The same sums in another order.
    expect(difference(many.slice(size), hv)).toBeLessThan(1e-12 * norm(hv));
  });

  itHasPieces("has normal velocities, and their adjoint and curvature, of central differences", () => {
    const pieces = ownPieces();
    const zDot = run(family.normalVelocity(), { theta, pieces, velocity: v }).zDot!;
    expect(zDot).toHaveLength(family.entries);
    const [up, down] = [1e-6, -1e-6].map(
      (h) => run(family.preactivations("locked"), { theta: moved(theta, v, h), pieces }).z!,
    );
    // With the pieces locked z is smooth: truncation h² and rounding 1e-16/h.
    const numerical = up!.map((x, i) => (x - (down![i] as number)) / 2e-6);
    expect(difference(zDot, numerical)).toBeLessThan(1e-7 * norm(zDot));
    // Beside the kinks, which are farther than h, that is the rate of the free pre-activations too.
    const [above, below] = [1e-7, -1e-7].map(
      (h) => run(family.preactivations("free"), { theta: moved(theta, v, h) }).z!,
    );
    const free = above!.map((x, i) => (x - (below![i] as number)) / 2e-7);
    expect(difference(zDot, free)).toBeLessThan(1e-6 * norm(zDot));
    const seeds = randomVector(5, family.entries);
    const pulled = run(family.entryPullback(), { theta, pieces, seeds }).product!;
    expect(norm(pulled)).toBeGreaterThan(SOMETHING);
    // Rounding of sums of a few hundred terms.
    expect(Math.abs(dot(seeds, zDot) - dot(pulled, v))).toBeLessThan(1e-13 * norm(seeds) * norm(zDot));
    const curved = run(family.entryCurvature(), { theta, pieces, seeds, velocity: v }).product!;
    const [more, less] = [1e-6, -1e-6].map(
      (h) => run(family.entryPullback(), { theta: moved(theta, v, h), pieces, seeds }).product!,
    );
    const differences = more!.map((x, i) => (x - (less![i] as number)) / 2e-6);
    expect(difference(curved, differences)).toBeLessThan(1e-6 * norm(curved));
  });

  it("agrees between engines", async () => {
    const reference = run(family.lossGradient("free"), { theta });
    // The bounds: float64 differs by the order of summation only, float32 by its unit roundoff 6e-8 grown by depth.
    for (const [dtype, tolerance] of [
      ["float64", 1e-12],
      ["float32", 1e-5],
    ] as const) {
      const engine = createOnnxEngine({ dtype, threads: 1 });
      const free = await (await engine.compile(family.lossGradient("free"), bound)).run({ theta });
      expect(difference(free.gradient!, reference.gradient!)).toBeLessThan(
        tolerance * norm(reference.gradient!),
      );
      if (family.entries > 0) {
        // Fractional pieces everywhere: the locked path of both engines, mixtures included.
        const pieces = randomVector(3, family.entries).map((x) =>
          Math.min(Math.abs(x), breakpointsOf(family).length),
        );
        const expected = run(family.lockedField(), { theta, pieces });
        const got = await (await engine.compile(family.lockedField(), bound)).run({ theta, pieces });
        expect(difference(got.gradient!, expected.gradient!)).toBeLessThan(
          tolerance * norm(expected.gradient!),
        );
        expect(difference(got.signal!, expected.signal!)).toBeLessThan(tolerance * norm(expected.signal!));
      }
      await engine.dispose();
    }
  });
});
