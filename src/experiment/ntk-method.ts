/** Which method computes the kernel of a study, what memory it takes, and whether that is allowed. */
import { type LoadedConfig, problemAt } from "../config/load.js";
import type { NtkConfig } from "../config/schema.js";
import type { Family } from "../model/index.js";
import { LANCZOS_BASIS, PROBES, type SpectrumMethod } from "../ntk/index.js";
import { formatBytes } from "./bytes.js";

/** `auto` goes up to here with the dense methods: about half a minute per recorded time. */
export const AUTO_DENSE = 2_000;
/** Dense methods refuse more scalars than this, whatever the memory: their time grows like the cube. */
export const MAX_DENSE = 6_000;

export interface MethodChoice {
  readonly method: SpectrumMethod;
  /** Bytes that it takes at its peak, about. */
  readonly bytes: number;
}

/** Peak memory of a method, the engine's working space included. */
export function memoryOf(method: SpectrumMethod, family: Family, ntk: NtkConfig): number {
  const { layout, samples, network } = family;
  const n = samples * network.outputs;
  const square = 8 * n * n;
  const rows = 8 * n * layout.size;
  const chunk = 64e6;
  switch (method) {
    case "svd":
      return rows * (layout.size < n ? 2 : 1) + 8 * square + chunk;
    case "eig":
      return rows + 6 * square + chunk;
    case "layer-product":
      return 9 * square;
    case "lanczos": {
      const vectors = Math.max(LANCZOS_BASIS, 3 * ntk.spectrum) + 2 * PROBES + ntk.spectrum + 8;
      return 8 * n * Math.max(vectors, (ntk.density?.steps ?? 0) + 2);
    }
  }
}

/** @throws ConfigError where the method asked for is too small for nM, or takes more memory than allowed */
export function chooseMethod(loaded: LoadedConfig, ntk: NtkConfig, family: Family): MethodChoice {
  const n = family.samples * family.network.outputs;
  const limit = ntk.memory * 1e9;
  const bytes = (method: SpectrumMethod): number => memoryOf(method, family, ntk);
  if (ntk.method === "auto") {
    const dense: SpectrumMethod[] = family.network.hasLayerProducts
      ? ["svd", "layer-product"]
      : ["svd", "eig"];
    const method =
      n <= AUTO_DENSE ? (dense.find((candidate) => bytes(candidate) <= limit) ?? "lanczos") : "lanczos";
    if (bytes(method) <= limit) return { method, bytes: bytes(method) };
    throw problemAt(loaded, "measure.ntk.memory", tooLarge(method, n, bytes(method), ntk.memory));
  }
  const { method } = ntk;
  if (method !== "lanczos" && n > MAX_DENSE) {
    throw problemAt(
      loaded,
      "measure.ntk.method",
      `${method} takes at most nM = ${MAX_DENSE} scalars, this problem has ${n}; use lanczos.`,
    );
  }
  if (bytes(method) > limit)
    throw problemAt(loaded, "measure.ntk.method", tooLarge(method, n, bytes(method), ntk.memory));
  return { method, bytes: bytes(method) };
}

function tooLarge(method: SpectrumMethod, n: number, bytes: number, limit: number): string {
  const remedy =
    method === "lanczos"
      ? "raise it, or lower measure.ntk.spectrum"
      : "use lanczos, or raise measure.ntk.memory";
  return `${method} needs about ${formatBytes(bytes)} for nM = ${n}, more than the ${limit} GB allowed; ${remedy}.`;
}
