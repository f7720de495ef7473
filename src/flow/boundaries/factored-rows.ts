/**
 * Normals ∇z_e that are never formed where a network has layer products. The inputs of affine maps are the forward pass's own, the map next
 * to an entry has a signal of a single 1, and of the maps behind it the signals of the chosen entries alone are computed, site by site.
 */
import type { Program, Tensors } from "../../engine/index.js";
import type { EntrySignals } from "../../model/index.js";
import type { Problem } from "../problem.js";
import type { Kinks, Place } from "./kinks.js";
import { createLayerRows, DENSE, type Layer, NONE } from "./layer-rows.js";
import { capacityFor, type RowsAt } from "./rows.js";

/** Samples up to which products of inputs that are data stand in tables. */
const TABLED_SAMPLES = 2048;

/**
 * @param inputsAt what a forward pass at θ finds as inputs of affine maps
 * @param work is told of floating-point operations outside the engine
 */
export function createFactoredRows(
  problem: Problem,
  kinks: Kinks,
  inputsAt: (theta: Float64Array) => Promise<Tensors>,
  work: (operations: number) => void,
): RowsAt {
  const { family, data } = problem;
  const { samples, sites } = family;
  const factors = family.normalFactors();
  const compiled = new Map<string, Promise<EntrySignals & { readonly program: Program | null }>>();
  let fixed: Promise<Tensors> | null = null;

  const signalsOf = (site: number, capacity: number) => {
    const key = `${site} ${capacity}`;
    const make = async () => {
      const signals = family.entrySignals(site, capacity);
      return { ...signals, program: signals.graph && (await problem.compile(signals.graph, {})) };
    };
    const found = compiled.get(key) ?? make();
    compiled.set(key, found);
    return found;
  };
  const fixedInputs = async (): Promise<Tensors> => {
    const found: Record<string, Float64Array> = {};
    for (const of of ["data", ...(samples <= TABLED_SAMPLES ? (["tables"] as const) : [])] as const) {
      const graph = family.affineInputs(of);
      if (graph !== null) Object.assign(found, await (await problem.compile(graph)).run({}));
    }
    return found;
  };

  return async (theta, contacts, pieces) => {
    fixed ??= fixedInputs();
    const given: Tensors = { ...data, ...(await fixed), ...(await inputsAt(theta)), theta };
    const places = contacts.map(({ entry }) => kinks.place(entry));
    const { own, rowOf } = distinct(places);
    const layers = new Map<number, Layer>();
    const layerAt = (f: number): Layer => {
      const factor = factors[f]!;
      const layer = layers.get(f) ?? {
        factor,
        inputs: gather(given[`input ${f}`], factor.fanIn, own),
        products: gatherSquare(given[`products ${f}`], samples, own),
        kinds: new Int32Array(contacts.length).fill(NONE),
        signals: new Float64Array(contacts.length * factor.fanOut),
      };
      layers.set(f, layer);
      return layer;
    };
    /** ∂z/∂a of sites before. */
    const passed = contacts.map(() => new Map<number, Float64Array>());
    for (const [site, members] of bySite(places)) {
      const { own: units, computed, program } = await signalsOf(site, capacityFor(members.length));
      for (const f of units) for (const s of members) layerAt(f).kinds[s] = places[s]!.unit;
      if (program === null) continue;
      const found = await program.run(
        rowInputs(
          program,
          given,
          pieces,
          members.map((s) => places[s]!),
        ),
      );
      for (const f of computed) {
        const { kinds, signals, factor } = layerAt(f);
        members.forEach((s, k) => {
          kinds[s] = DENSE;
          signals.set(row(found[`signal ${f}`]!, k, factor.fanOut), s * factor.fanOut);
        });
      }
      for (let before = 0; before < site; before++) {
        const all = found[`activation ${before}`];
        if (all !== undefined)
          members.forEach((s, k) => {
            passed[s]!.set(before, row(all, k, sites[before]!.units).slice());
          });
      }
    }
    const rows = createLayerRows([...layers.values()], rowOf, work);
    return {
      gram: rows.gram,
      along: async (v) => rows.along(v),
      terms: async (v) => rows.terms(v),
      add: async (out, u) => rows.add(out, u),
      transfers: async () => transfersOf(places, passed),
    };
  };

  /** Inputs of a program over rows of samples: those beyond the given ones have no seed. */
  function rowInputs(
    { graph }: Program,
    given: Tensors,
    pieces: Float64Array,
    places: readonly Place[],
  ): Record<string, Float64Array> {
    const all: Record<string, Float64Array> = { theta: given["theta"]! };
    for (const { attributes, shape } of graph.inputs) {
      const { name } = attributes;
      if (name === "theta") continue;
      const width = shape.slice(1).reduce((p, q) => p * q, 1);
      const buffer = new Float64Array((shape[0] as number) * width);
      const site = sites.find(({ offset }) => name === `pieces ${offset}`);
      const from = site === undefined ? given[name] : pieces.subarray(samples * site.offset);
      places.forEach(({ sample, unit }, k) => {
        if (name === "seeds") buffer[k * width + unit] = 1;
        else buffer.set(row(from!, sample, width), k * width);
      });
      all[name] = buffer;
    }
    return all;
  }
}

const row = (all: Float64Array, at: number, width: number): Float64Array =>
  all.subarray(at * width, (at + 1) * width);

/** The samples of contacts, each once, and which of them each contact has. */
function distinct(places: readonly Place[]): { own: readonly number[]; rowOf: Int32Array } {
  const rows = new Map<number, number>();
  const rowOf = Int32Array.from(places, ({ sample }) => {
    if (!rows.has(sample)) rows.set(sample, rows.size);
    return rows.get(sample)!;
  });
  return { own: [...rows.keys()], rowOf };
}

function bySite(places: readonly Place[]): ReadonlyMap<number, readonly number[]> {
  const sites = new Map<number, number[]>();
  places.forEach(({ layer }, s) => {
    const members = sites.get(layer - 1) ?? [];
    members.push(s);
    sites.set(layer - 1, members);
  });
  return sites;
}

/** Rows of a table; none of a factor without inputs. */
function gather(all: Float64Array | undefined, width: number, rows: readonly number[]): Float64Array {
  const out = new Float64Array(rows.length * width);
  if (width > 0)
    rows.forEach((at, r) => {
      out.set(row(all!, at, width), r * width);
    });
  return out;
}

/** Rows and columns of a square table; NaN where there is none. */
function gatherSquare(all: Float64Array | undefined, n: number, rows: readonly number[]): Float64Array {
  const m = rows.length;
  const out = new Float64Array(m * m).fill(Number.NaN);
  if (all === undefined) return out;
  for (let a = 0; a < m; a++) for (let b = 0; b < m; b++) out[a * m + b] = all[rows[a]! * n + rows[b]!]!;
  return out;
}

/** ∂z_i/∂a_j of contacts of one sample, j in a layer before. */
function transfersOf(
  places: readonly Place[],
  passed: readonly ReadonlyMap<number, Float64Array>[],
): Float64Array {
  const n = places.length;
  const transfers = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++)
      if (places[i]!.sample === places[j]!.sample)
        transfers[i * n + j] = passed[i]!.get(places[j]!.layer - 1)?.[places[j]!.unit] ?? 0;
  return transfers;
}
