/** The pieces that a step ends with, where the simulation and θ at its end say differently. */
import type { Simulated, StepEvent } from "./blocks.js";
import type { Scratch } from "./scratch.js";
import type { Sides } from "./sides.js";

/**
 * The pieces at the end: of those that slide, what the simulation found; of all others, what z says. Where the simulation had it
 * otherwise its events are mended, so that they lead from the pieces at the start to those at the end.
 */
export function reconcile(
  sides: Sides,
  state: { readonly pieces: Float64Array; readonly held: Float64Array },
  simulated: Pick<Simulated, "end" | "endHeld" | "events"> & { readonly entries: readonly number[] },
  start: Float64Array,
  z0: Float64Array,
  z1: Float64Array,
  h: number,
  scratch: Scratch,
): { pieces: Float64Array; held: Float64Array; events: StepEvent[] } {
  const { kinks } = sides;
  const pieces = sides.piecesOf(z1, start, scratch.take(z1.length));
  const held = scratch.take(z1.length).fill(-1);
  simulated.entries.forEach((e, i) => {
    if (simulated.endHeld[i]! < 0) return;
    held[e] = simulated.endHeld[i]!;
    pieces[e] = simulated.end[i]!;
  });
  const own = new Map<number, StepEvent[]>();
  const isSeen = new Uint8Array(pieces.length);
  for (const event of simulated.events) {
    const known = own.get(event.entry);
    if (known === undefined) own.set(event.entry, [event]);
    else known.push(event);
    isSeen[event.entry] = 1;
  }
  const events: StepEvent[] = [];
  for (let e = 0; e < pieces.length; e++) {
    if (isSeen[e] === 0 && state.held[e]! < 0 && (held[e]! >= 0 || state.pieces[e] === pieces[e])) continue;
    const found = own.get(e);
    if (found !== undefined) events.push(...found);
    if (held[e]! >= 0) continue;
    const list = found ?? [];
    let last = list[list.length - 1];
    let piece = state.held[e]! >= 0 ? state.held[e]! : state.pieces[e]!;
    if (last !== undefined) piece = last.breakpoint + (last.isAbove ? 1 : 0);
    if (piece === pieces[e]) continue;
    // A change just before the end that has not come about, or a release to the other side.
    if (last !== undefined) {
      const other = last.breakpoint + (last.isAbove ? 0 : 1);
      if (other === pieces[e]) {
        events.pop();
        if (last.kind === "leavesSliding") events.push({ ...last, isAbove: !last.isAbove });
        continue;
      }
    }
    while (piece !== pieces[e]) {
      const isAbove = pieces[e]! > piece;
      const breakpoint = isAbove ? piece : piece - 1;
      const share = (kinks.breakpoints(e)[breakpoint]! - z0[e]!) / (z1[e]! - z0[e]!);
      const time = share >= 0 && share <= 1 && last === undefined ? share * h : h;
      last = { time, entry: e, kind: "crossing", breakpoint, isAbove };
      events.push(last);
      piece += isAbove ? 1 : -1;
    }
  }
  events.sort((p, q) => p.time - q.time);
  return { pieces, held, events };
}
