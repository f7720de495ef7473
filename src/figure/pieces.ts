/** Which piece every entry of a layer is on over time, rebuilt from the pieces at t = 0 and the recorded events. */
import type { RecordedEvent, RunRecord } from "../record/reader.js";
import { part } from "./caption.js";

/** Since `from` on `piece`, or, where it slides, held on the breakpoint between `piece` and the next. */
interface State {
  readonly from: number;
  readonly piece: number;
  readonly slides: boolean;
}

/** One pre-activation entry: its states in order of time, the first from 0. */
export interface Entry {
  readonly sample: number;
  readonly unit: number;
  readonly states: readonly State[];
}

export interface Layer {
  /** From 1, over the sites of kinks. */
  readonly layer: number;
  readonly width: number;
  /** In the order sample, unit. */
  readonly entries: readonly Entry[];
}

/** The layer that `record.layer` names, the first by default. Null where the record lacks the pieces, the events or such a layer. */
export function layerPieces(record: RunRecord): Layer | null {
  const { pieces0, events } = record;
  const layer = part(record.config["record"])["layer"] ?? 1;
  if (pieces0 === null || events === null || typeof layer !== "number") return null;
  const widths = siteWidths(record);
  const width = widths[layer - 1];
  const samples = pieces0.length / sum(widths);
  if (width === undefined || !Number.isInteger(samples)) return null;
  const offset = samples * sum(widths.slice(0, layer - 1));
  const states = Array.from({ length: samples * width }, (_, k) => [startState(pieces0[offset + k]!)]);
  for (const event of events) {
    if (event.layer !== layer) continue;
    const own = states[event.sample * width + event.unit];
    const next = stateAfter(event);
    const last = own?.at(-1);
    if (own === undefined || last === undefined) continue;
    if (next.piece === last.piece && next.slides === last.slides) continue; // pieces0 has told of it already
    if (next.from === last.from) own.pop(); // it lasted no time
    own.push(next);
  }
  const entries = states.map((own, k) => ({ sample: Math.floor(k / width), unit: k % width, states: own }));
  return { layer, width, entries };
}

/** Entries of one sample at each site; of records before there were sites the hidden widths. */
function siteWidths(record: RunRecord): number[] {
  const { sites } = record.manifest.problem ?? {};
  if (sites !== undefined) return sites.map(({ shape }) => shape.reduce((p, q) => p * q, 1));
  const hidden = part(record.config["model"])["hidden"];
  return Array.isArray(hidden) ? hidden.map(Number) : [];
}

/** Entries that slide from the start. */
export function slidingAtStart(pieces0: Float64Array | null): number {
  return pieces0 === null ? 0 : pieces0.filter((piece) => !Number.isInteger(piece)).length;
}

function startState(piece: number): State {
  return { from: 0, piece: Math.floor(piece), slides: !Number.isInteger(piece) };
}

function stateAfter({ t, kind, breakpoint, side }: RecordedEvent): State {
  const slides = kind === "entersSliding";
  return { from: t, piece: !slides && side === "above" ? breakpoint + 1 : breakpoint, slides };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
