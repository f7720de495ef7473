/**
 * λ_min of one small network per preset, by every method, against the singular values of JAX's Jacobian (data/preset_flows.py); the kernel
 * against its products; and what is claimed of ranks.
 */
import { describe, expect, test } from "vitest";
import { createEngine } from "../../src/engine/index.js";
import { squaredNorm } from "../../src/linalg/vectors.js";
import {
  COLD,
  createTangentKernel,
  denseSpectrum,
  LANCZOS_BASIS,
  type LambdaMin,
  measureSpectrum,
  rankCaps,
} from "../../src/ntk/index.js";
import { createRandom } from "../../src/random.js";
import { flows, setUp } from "./flows.js";

/** Of λ_max: G has sums of P terms on both sides, and eigenvalues good to a few roundings of the largest. */
const TOLERANCE = 1e-10;
/** λ_min of the ring's gcn is zero, for Â has rank 5 of 6: its cap says so, whatever the inputs. */
const SINGULAR = "gcn";

/** What may be said of λ_min: dense methods know it where it is above their floor, products only bound it. */
function expectedKind(kind: string, method: string): LambdaMin["kind"] {
  if (kind === SINGULAR) return "exact-zero";
  if (method === "lanczos") return "upper-bound";
  // λ_min/λ_max = 4e-11 of the u-net is below what eigenvalues of G resolve; singular values of J do.
  return kind === "u-net" && method === "eig" ? "upper-bound" : "certified";
}

describe.each(flows.map((flow) => [flow.model.kind, flow] as const))("%s", (kind, flow) => {
  const squares = flow.singularValues.map((sigma) => sigma ** 2);
  const [largest, truth] = [squares[0]!, squares[squares.length - 1]!];

  test("λ_min and its kind, dense and by products", async () => {
    const engine = await createEngine({ kind: "onnx", dtype: "float64", threads: 1 });
    try {
      const { family, data, theta0 } = setUp(flow);
      const kernel = createTangentKernel({
        ...{ family, data },
        compile: (graph, bound = {}) => engine.compile(graph, bound),
      });
      const n = kernel.size;
      const state = { theta: theta0, pieces: null, held: [] };
      const caps = rankCaps(family, data, state);
      expect(caps.map((cap) => cap.rank)).toEqual(kind === SINGULAR ? [n - flow.outputs] : []);
      const forms = family.network.hasLayerProducts ? (["layer-product"] as const) : [];
      for (const method of ["svd", "eig", ...forms, "lanczos"] as const) {
        const { lambdaMin, lambdaMax } = await measureSpectrum({
          ...{ kernel, state, method, caps, modes: 2, vectors: false, tolerance: 1e-12, warm: COLD },
          products: 4 * n,
          residual: new Float64Array(n).fill(1),
          random: createRandom(1),
        });
        const what = `${method}: ${JSON.stringify(lambdaMin)}, JAX ${truth}`;
        expect(lambdaMin.kind, what).toBe(expectedKind(kind, method));
        expect(Math.abs(lambdaMax.value / largest - 1), what).toBeLessThan(TOLERANCE);
        // JAX's singular values are as good as ours: σ up to ε·σ_max.
        const floor = 16 * Number.EPSILON * Math.sqrt(largest * truth) + Number.EPSILON ** 2 * largest;
        expect(lambdaMin.upper, what).toBeGreaterThanOrEqual(truth - floor);
        if (lambdaMin.kind === "certified")
          expect(Math.abs(lambdaMin.value - truth), what).toBeLessThanOrEqual(lambdaMin.residual + floor);
        // A Krylov space of all dimensions holds the eigenvector; a restarted one need not come to an end.
        if (method !== "lanczos" || n <= LANCZOS_BASIS)
          expect(Math.abs(lambdaMin.value - truth) / largest, what).toBeLessThan(TOLERANCE);
      }
      const gram = await kernel.gram(state, "rows");
      const operator = await kernel.operator(state);
      let apart = 0;
      for (let k = 0; k < n; k++) {
        const [unit, image] = [new Float64Array(n), new Float64Array(n)];
        unit[k] = 1;
        await operator.apply(unit, image);
        apart += squaredNorm(image.map((value, i) => value - gram[k * n + i]!));
      }
      expect(Math.sqrt(apart) / largest).toBeLessThan(TOLERANCE);
    } finally {
      await engine.dispose();
    }
  });

  test("ranks are capped where two samples are one, unless a graph tells them apart", async () => {
    const engine = await createEngine({ kind: "reference", dtype: "float64", threads: 1 });
    const { family, data, theta0 } = setUp(flow);
    const width = data["x"]!.length / flow.samples;
    data["x"]!.copyWithin(width, 0, width);
    const kernel = createTangentKernel({
      ...{ family, data },
      compile: (graph, bound = {}) => engine.compile(graph, bound),
    });
    const state = { theta: theta0, pieces: null, held: [] };
    const caps = rankCaps(family, data, state);
    const cap = (flow.samples - 1) * flow.outputs;
    const wanted =
      kind === SINGULAR
        ? [{ kind: "singular-graph", rank: cap }]
        : family.network.coupled
          ? []
          : [{ kind: "duplicate-inputs", rank: cap }];
    expect(caps).toMatchObject(wanted);
    expect(caps).toHaveLength(wanted.length);
    const { values, resolvable } = await denseSpectrum(kernel, state, new Float64Array(kernel.size), {
      ...{ method: "svd", vectors: false, gram: false },
    });
    const rank = values.filter((value) => value > resolvable).length;
    // A cap that is reached is right and sharp.
    expect(rank).toBe(wanted[0]?.rank ?? kernel.size);
  });
});
