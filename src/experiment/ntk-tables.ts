/** The tables of the tangent kernel: `ntk` has a row a time, the others one for every mode chosen. */
import type { BoundAt, KernelSpectrum } from "../ntk/index.js";
import {
  NTK_COLUMNS,
  NTK_DENSITY_COLUMNS,
  NTK_MODE_COLUMNS,
  NTK_SPECTRUM_COLUMNS,
} from "../record/columns.js";
import type { RecordWriter } from "../record/writer.js";

/** What is known at one time. */
export interface KernelAt {
  readonly t: number;
  readonly loss: number;
  readonly residualSquared: number;
  /** What ‖r‖ may be off by. */
  readonly residualFloor: number;
  readonly spectrum: KernelSpectrum;
  readonly bound: BoundAt;
  /** ‖dθ/dt‖²/(4cL) */
  readonly lambdaEff: number;
  readonly rateIntegral: number;
  readonly rateDefect: number;
  readonly lazyDefect: number | null;
  /** Entries held on their kink. */
  readonly held: number;
}

export interface NtkTables {
  append(at: KernelAt): void;
  /** Energies in a mode of the kernel at t = 0; `rank` from 0. */
  appendMode(t: number, rank: number, lambda0: number, energy: number, frozenEnergy: number): void;
  /** Null where no density is wanted. */
  readonly appendDensity: ((t: number, nodes: Float64Array, weight: (k: number) => number) => void) | null;
}

export interface NtkTablesOptions {
  /** The constant c of the loss c·‖f − y‖². */
  readonly factor: number;
  /** Modes of `ntk-spectrum`. */
  readonly spectrum: number;
  readonly density: boolean;
}

export async function openNtkTables(
  record: RecordWriter,
  { factor, spectrum: wanted, density }: NtkTablesOptions,
): Promise<NtkTables> {
  const kernels = await record.table("ntk", NTK_COLUMNS);
  const spectra = await record.table("ntk-spectrum", NTK_SPECTRUM_COLUMNS);
  const modes = await record.table("ntk-modes", NTK_MODE_COLUMNS);
  const densities = density ? await record.table("ntk-density", NTK_DENSITY_COLUMNS) : null;
  return {
    append({ t, residualSquared, residualFloor, spectrum, bound, ...rest }) {
      const { eigenvalues, coefficients, lambdaMin, lambdaMax } = spectrum;
      for (const rank of ranksOf(eigenvalues.length, wanted)) {
        const energy = (k: number): number => (coefficients[k] as number) ** 2 / residualSquared;
        let cumulative = 0;
        for (let k = 0; k <= rank; k++) cumulative += energy(k);
        spectra.append({
          t,
          rank: rank + 1,
          eigenvalue: eigenvalues[rank] as number,
          alignment: energy(rank),
          cumulative,
        });
      }
      kernels.append({
        t,
        ...rest,
        canonicalTime: 2 * factor * t,
        residualSquared,
        residualSquaredFloor: residualFloor ** 2,
        lambdaMin: lambdaMin.value,
        lambdaMinKind: lambdaMin.kind,
        lambdaMinMethod: lambdaMin.method,
        lambdaMinResidual: lambdaMin.residual,
        lambdaMinUpper: lambdaMin.upper,
        lambdaMinResolvable: lambdaMin.resolvable,
        lambdaMax: lambdaMax.value,
        lambdaMaxResidual: lambdaMax.residual,
        trace: spectrum.trace,
        conditionNumber: spectrum.conditionNumber,
        effectiveRank: spectrum.effectiveRank,
        drift: spectrum.drift,
        lambdaEffKernel: spectrum.lambdaEff,
        exponent: bound.exponent,
        exponentWorst: bound.exponentWorst,
        bound: bound.bound,
        boundWorst: bound.boundWorst,
        margin: bound.margin,
        marginUncertainty: bound.uncertainty,
        verdict: bound.verdict,
        verdictReason: bound.reason,
        estimated: spectrum.estimated.join(" "),
      });
    },
    appendMode(t, rank, lambda0, energy, frozenEnergy) {
      modes.append({ t, rank: rank + 1, lambda0, energy, frozenEnergy });
    },
    appendDensity:
      densities === null
        ? null
        : (t, nodes, weight) => {
            nodes.forEach((node, k) => {
              densities.append({ t, node, weight: weight(k) });
            });
          },
  };
}

/** Functions on the data, one a chosen mode: an array of shape (modes, …shape). */
export async function writeEigenfunctions(
  record: RecordWriter,
  vectors: Float64Array,
  ranks: readonly number[],
  shape: readonly [number, number],
): Promise<void> {
  const size = shape[0] * shape[1];
  const out = new Float64Array(ranks.length * size);
  ranks.forEach((rank, k) => {
    out.set(vectors.subarray(rank * size, (rank + 1) * size), k * size);
  });
  await record.array("ntk-eigenfunctions", out, [ranks.length, ...shape]);
}

/** `wanted` of `available` ranks, from 0, spread geometrically from both ends. */
export function ranksOf(available: number, wanted: number): number[] {
  if (available <= wanted) return Array.from({ length: available }, (_, k) => k);
  const half = Math.ceil(wanted / 2);
  const steps = Array.from(
    { length: half },
    (_, k) => Math.round((available / 2) ** (half === 1 ? 0 : k / (half - 1))) - 1,
  );
  const ranks = new Set([...steps, ...steps.slice(0, wanted - half).map((k) => available - 1 - k)]);
  return [...ranks].sort((p, q) => p - q);
}
