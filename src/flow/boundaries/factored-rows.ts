/**
 * Normals ∇z_e that are never formed where a network has layer products. The inputs of affine maps are the forward pass's own, the map next
 * to an entry has a signal of a single 1, and of the maps behind it the signals of the chosen entries alone are computed, site by site.
 */
import type { Program, Tensors } from "../../engine/index.js";
import { sizeOf } from "../../graph/index.js";
import type { EntrySignals } from "../../model/index.js";
import type { Problem } from "../problem.js";
import type { Kinks, Place } from "./kinks.js";
import { createLayerRows, DENSE, type Layer, NONE } from "./layer-rows.js";
import { capacityFor, type RowsAt } from "./rows.js";

/** Samples up to which products of inputs that are data stand in tables. */
const TABLED_SAMPLES = 2048;

/** Signals of so many entries of a site. */
interface Compiled extends EntrySignals {
  readonly program: Program | null;
  /** Inputs beside θ, with a row for each entry. */
  readonly inputs: Readonly<Record<string, Float64Array>>;
}

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
  const compiled = new Map<string, Promise<Compiled>>();
  let fixed: Promise<Tensors> | null = null;

  const signalsOf = (site: number, capacity: number) => {
    const key = `${site} ${capacity}`;
    const make = async () => {
      const signals = family.entrySignals(site, capacity);
      const { graph } = signals;
      const given = graph?.inputs.filter(({ attributes }) => attributes.name !== "theta") ?? [];
      const inputs = given.map(({ attributes: { name }, shape }) => [name, new Float64Array(sizeOf(shape))]);
      const program = graph && (await problem.compile(graph, {}));
      return { ...signals, program, inputs: Object.fromEntries(inputs) };
    };
    const found = compiled.get(key) ?? make();
    compiled.set(key, found);
    return found;
  };
  const fixedInputs = async (): Promise<Tensors> => {
    const found: Record<string, Float64Array> = {};
    for (const of of ["data", ...(samples <= TABLED_SAMPLES ? (["tables"] as const) : [])] as const) {
      const graph = family.affineInputs(of);
      // Once for all: no part of what a step takes.
      if (graph !== null) Object.assign(found, await (await problem.engine.compile(graph, data)).run({}));
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
    /** ∂z/∂a of sites before that have contacts, a row for each contact of a site. */
    const passed = new Map<string, Float64Array>();
    const groups = bySite(places);
    for (const [site, members] of groups) {
      // Finer than powers of two: a pass is small beside its padding.
      const step = Math.max(4, capacityFor(members.length) / 8);
      const capacity = step * Math.ceil(members.length / step);
      const signals = await signalsOf(site, capacity);
      for (const f of signals.own) for (const s of members) layerAt(f).kinds[s] = places[s]!.unit;
      if (signals.program === null) continue;
      fillRows(
        signals.inputs,
        capacity,
        given,
        pieces,
        members.map((s) => places[s]!),
      );
      const found = await signals.program.run({ theta, ...signals.inputs });
      for (const f of signals.computed) {
        const { kinds, signals: rows, factor } = layerAt(f);
        const all = found[`signal ${f}`]!;
        members.forEach((s, k) => {
          kinds[s] = DENSE;
          copyRow(all, k, rows, s, factor.fanOut);
        });
      }
      for (const before of groups.keys()) {
        const all = found[`activation ${before}`];
        if (before < site && all !== undefined) passed.set(`${site} ${before}`, all.slice());
      }
    }
    const rows = createLayerRows([...layers.values()], rowOf, work);
    return {
      gram: rows.gram,
      along: async (v) => rows.along(v),
      terms: async (v) => rows.terms(v),
      add: async (out, u) => rows.add(out, u),
      async transfers() {
        const n = contacts.length;
        const transfers = new Float64Array(n * n);
        for (const [site, members] of groups)
          for (const [before, others] of groups) {
            const all = passed.get(`${site} ${before}`);
            if (all === undefined) continue;
            const { units } = sites[before]!;
            members.forEach((i, k) => {
              for (const j of others)
                if (rowOf[i] === rowOf[j]) transfers[i * n + j] = all[k * units + places[j]!.unit]!;
            });
          }
        return transfers;
      },
    };
  };

  /** Inputs of a program over rows of samples: rows beyond the given ones have no seed. */
  function fillRows(
    inputs: Readonly<Record<string, Float64Array>>,
    capacity: number,
    given: Tensors,
    pieces: Float64Array,
    places: readonly Place[],
  ): void {
    for (const [name, buffer] of Object.entries(inputs)) {
      const width = buffer.length / capacity;
      if (name === "seeds") {
        buffer.fill(0);
        places.forEach(({ unit }, k) => {
          buffer[k * width + unit] = 1;
        });
        continue;
      }
      const site = sites.find(({ offset }) => name === `pieces ${offset}`);
      const from = site === undefined ? given[name]! : pieces.subarray(samples * site.offset);
      places.forEach(({ sample }, k) => {
        copyRow(from, sample, buffer, k, width);
      });
    }
  }
}

/** Row `at` of a table into row `to` of another; views of rows would be made by the million. */
function copyRow(from: Float64Array, at: number, into: Float64Array, to: number, width: number): void {
  for (let c = 0, p = at * width, q = to * width; c < width; c++) into[q++] = from[p++]!;
}

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
      copyRow(all!, at, out, r, width);
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
