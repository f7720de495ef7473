/** What one panel holds of the server: the curves of every drawn run, thinned, finer where it is zoomed, with the rows that came since. */
import { ask, settled } from "./ask.js";

/** Appended rows until the curve is asked for again, thinned. */
const MOST_APPENDED = 4000;

/**
 * @param state { y, x, logX, logY, from, to } of the panel
 * @param world { runs(): [{ id }], followed() }
 * @param panel { width(): pixels, changed(): other curves, refined(): other points of the same ones }
 */
export function holdCurves(state, world, panel) {
  /** By run: { curves: [{ table, kind, learningRate, x, y, detail, … }], reading, appended }. */
  const held = new Map();
  const failures = new Map();
  let asked = new AbortController();

  /** Forgets runs that are no longer drawn. */
  function wanted() {
    const ids = new Set(world.runs().map(({ id }) => id));
    for (const map of [held, failures]) for (const id of map.keys()) if (!ids.has(id)) map.delete(id);
    return ids;
  }

  const question = (id) => ({
    run: id,
    x: state.x,
    y: state.y,
    log: Number(state.logX),
    pixels: panel.width(),
  });

  async function fetchRun(id, signal) {
    const zoomed = state.from !== null;
    try {
      const answer = await ask("curves", question(id), signal);
      failures.delete(id);
      const curves = answer.curves.map((curve) => ({ ...curve, detail: null }));
      held.set(id, { curves, reading: answer.reading, appended: 0 });
      if (zoomed) await refineRun(id, signal);
      world.followed();
    } catch (error) {
      if (signal.aborted) return;
      held.delete(id);
      failures.set(id, error.message);
    }
    panel.changed();
  }

  /** The rows of the zoomed window alone, thinned to it. */
  async function refineRun(id, signal) {
    const { from, to } = state;
    if (from === null) return;
    const answer = await ask("curves", { ...question(id), from, to }, signal).catch(() => null);
    const own = held.get(id);
    if (answer === null || own === undefined) return;
    for (const curve of own.curves) {
      const fine = answer.curves.find(same(curve));
      if (fine !== undefined) curve.detail = { x: fine.x, y: fine.y, lost: fine.lost, from, to };
    }
  }

  return {
    of: (id) => held.get(id)?.curves ?? [],
    has: (id) => held.has(id),
    failureOf: (id) => failures.get(id),
    /** Asks anew for every drawn run; `anew`: what is held is of another column or clock. */
    reload(anew = false) {
      asked.abort();
      asked = new AbortController();
      if (anew) held.clear();
      for (const { curves } of held.values()) for (const curve of curves) curve.detail = null;
      for (const id of wanted()) void fetchRun(id, asked.signal);
    },
    /** Asks for drawn runs that are not held. */
    update() {
      for (const id of wanted()) if (!held.has(id)) void fetchRun(id, asked.signal);
    },
    refetch: (id) => void fetchRun(id, asked.signal),
    refine: settled(async () => {
      const { signal } = asked;
      await Promise.all([...held.keys()].map((id) => refineRun(id, signal)));
      if (!signal.aborted) panel.refined();
    }, 80),
    /** Rows that a run has written since; false where they do not follow on what is held. */
    append({ run, x, y, table, from, reading, rows }) {
      if (x !== state.x || y !== state.y) return true;
      const own = held.get(run);
      const known = own?.reading[table];
      if (own === undefined || known === undefined) return true;
      if (known.generation === reading.generation && known.bytes >= reading.bytes) return true;
      if (known.generation !== reading.generation || known.bytes !== from) return false;
      own.reading[table] = reading;
      for (const fresh of rows) {
        const curve = own.curves.find(same(fresh));
        if (curve === undefined) return false;
        grow(curve, fresh);
        own.appended += fresh.x.length + fresh.lost.length;
      }
      if (own.appended > MOST_APPENDED) return false;
      panel.refined();
      return true;
    },
    /** What to be told of: one text for each run. */
    follows: () =>
      [...held].map(([id, { reading }]) =>
        [
          id,
          state.x,
          state.y,
          ...Object.entries(reading).flatMap(([t, r]) => [t, r.generation, r.bytes]),
        ].join(","),
      ),
    close: () => asked.abort(),
  };
}

const same = (one) => (other) =>
  other.table === one.table && other.kind === one.kind && other.learningRate === one.learningRate;

function grow(curve, { x, y, lost }) {
  const { extent } = curve;
  for (const at of lost) {
    curve.lost.push(at);
    extend(extent, at);
  }
  curve.notFinite += lost.length;
  curve.rows += lost.length;
  for (let i = 0; i < x.length; i++) {
    curve.x.push(x[i]);
    curve.y.push(y[i]);
    extend(extent, x[i]);
    if (y[i] <= 0) curve.notPositive++;
    curve.rows++;
  }
}

function extend(extent, x) {
  extent.greatest = Math.max(extent.greatest ?? -Infinity, x);
  if (x > 0) extent.leastPositive = Math.min(extent.leastPositive ?? Infinity, x);
}
