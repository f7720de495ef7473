/** One picture: a column of the drawn runs over a clock. Holds what the server sent, thinned; draws it with uPlot; zooms. */
import { ask, make, settled, show } from "./ask.js";
import { CLOCKS, columnWords, tickLabel, ticks } from "./axis.js";

/** A script before this one defines it. */
const { uPlot } = globalThis;
const HEIGHT = 300;
/** Appended rows until the curve is asked for again, thinned. */
const MOST_APPENDED = 4000;
const DASHES = [[], [6, 3], [2, 3], [10, 3, 2, 3], [14, 4], [2, 6]];
const LIGHT = ["#0072b2", "#d55e00", "#008f68", "#b8578f", "#a87400", "#3d8fc4"];
const DARK = ["#5cb3ee", "#ff9355", "#3fd0a4", "#eb9dc9", "#f0c04c", "#a5dafb"];

const darkness = matchMedia("(prefers-color-scheme: dark)");

/** Of the k-th run or learning rate; six that colour-blind readers tell apart, then evenly spread hues. */
export function colourOf(k) {
  const palette = darkness.matches ? DARK : LIGHT;
  return palette[k] ?? `hsl(${Math.round(k * 137.5) % 360} 60% ${darkness.matches ? 70 : 40}%)`;
}

const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * @param state { y, x, logX, logY, from, to }, kept up to date
 * @param world { runs(): [{ id, name, slot }], names(): columns with their words, changed(), removed() }
 */
export function createPanel(state, world) {
  /** By run: { curves: [{ table, learningRate, x, y, detail, … }], reading, appended }. */
  const held = new Map();
  const failures = new Map();
  let plot = null;
  let drawn = [];
  let asked = new AbortController();
  const root = make("article", { className: "panel" });
  const ySelect = make("select", { "aria-label": "column" });
  const xSelect = make("select", { "aria-label": "over" });
  const flag = (name, text) => {
    const box = make("input", { type: "checkbox", checked: state[name] });
    box.addEventListener("change", () => {
      state[name] = box.checked;
      state.from = state.to = null;
      for (const run of held.values()) for (const curve of run.curves) curve.detail = null;
      world.changed();
      reload();
    });
    return make("label", {}, box, ` ${text}`);
  };
  const all = make("button", { type: "button", disabled: true }, "show all");
  const remove = make("button", { type: "button", "aria-label": "remove this panel" }, "×");
  const stage = make("div", { className: "stage", tabIndex: 0, role: "img" });
  const note = make("p", { className: "note" });
  const legend = make("ul", { className: "legend" });
  root.append(
    make(
      "div",
      { className: "bar" },
      ySelect,
      " over ",
      xSelect,
      flag("logY", "log y"),
      flag("logX", "log x"),
      all,
      remove,
    ),
    stage,
    note,
    legend,
  );
  for (const [value, { name }] of Object.entries(CLOCKS))
    xSelect.append(make("option", { value, selected: value === state.x }, name));
  xSelect.addEventListener("change", () => choose("x", xSelect.value));
  ySelect.addEventListener("change", () => choose("y", ySelect.value));
  all.addEventListener("click", () => zoom(null, null));
  remove.addEventListener("click", () => world.removed(panel));
  stage.addEventListener("keydown", onKey);
  stage.addEventListener("wheel", onWheel, { passive: false });
  stage.addEventListener("dblclick", () => zoom(null, null));
  const observer = new ResizeObserver(() => plot?.setSize({ width: width(), height: HEIGHT }));
  observer.observe(stage);

  const width = () => Math.max(200, Math.floor(stage.clientWidth));
  const fwd = (log, value) => (log ? Math.log10(value) : value);
  const back = (log, value) => (log ? 10 ** value : value);

  function choose(name, value) {
    state[name] = value;
    state.from = state.to = null;
    held.clear();
    world.changed();
    reload();
  }

  /** Asks anew for the curves of every drawn run. */
  function reload() {
    asked.abort();
    asked = new AbortController();
    const wanted = new Set(world.runs().map(({ id }) => id));
    for (const id of held.keys()) if (!wanted.has(id)) held.delete(id);
    for (const id of failures.keys()) if (!wanted.has(id)) failures.delete(id);
    for (const id of wanted) void fetchRun(id, asked.signal);
    rebuild();
  }

  /** The runs that are drawn have changed: asks for those that are not held. */
  function update() {
    const wanted = new Set(world.runs().map(({ id }) => id));
    for (const id of held.keys()) if (!wanted.has(id)) held.delete(id);
    for (const id of failures.keys()) if (!wanted.has(id)) failures.delete(id);
    for (const id of wanted) if (!held.has(id)) void fetchRun(id, asked.signal);
    rebuild();
  }

  async function fetchRun(id, signal) {
    const zoomed = state.from !== null;
    const query = { run: id, x: state.x, y: state.y, log: Number(state.logX), pixels: width() };
    try {
      const answer = await ask("curves", query, signal);
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
    rebuildSoon();
  }

  /** The rows of the zoomed window alone, thinned to it. */
  async function refineRun(id, signal) {
    const { from, to } = state;
    if (from === null) return;
    const query = { run: id, x: state.x, y: state.y, from, to, log: Number(state.logX), pixels: width() };
    const answer = await ask("curves", query, signal).catch(() => null);
    const own = held.get(id);
    if (answer === null || own === undefined) return;
    for (const curve of own.curves) {
      const fine = answer.curves.find(
        (c) => c.table === curve.table && c.learningRate === curve.learningRate,
      );
      if (fine !== undefined) curve.detail = { x: fine.x, y: fine.y, from, to };
    }
  }

  const refine = settled(async () => {
    const { signal } = asked;
    await Promise.all([...held.keys()].map((id) => refineRun(id, signal)));
    if (!signal.aborted) redraw();
  }, 80);

  /** The points to draw of a curve: of its zoomed window where they are there, of the whole otherwise. */
  function pointsOf(curve) {
    const { detail } = curve;
    const { from, to } = state;
    const fits = detail !== null && from !== null && detail.from <= from && detail.to >= to;
    const { x, y } = fits ? detail : curve;
    const xs = [];
    const ys = [];
    for (let i = 0; i < x.length; i++) {
      if ((state.logX && x[i] <= 0) || (state.logY && y[i] <= 0)) continue;
      xs.push(fwd(state.logX, x[i]));
      ys.push(fwd(state.logY, y[i]));
    }
    return [xs, ys];
  }

  /** Where the curves begin and end; of all panels over the same clock, so that pictures below one another agree. */
  function extent() {
    const [min, max] = world.extent(state);
    if (!(min <= max)) return [fwd(state.logX, 1), fwd(state.logX, 10)];
    if (min === max) return [fwd(state.logX, min) - 0.5, fwd(state.logX, max) + 0.5];
    return [fwd(state.logX, min), fwd(state.logX, max)];
  }

  function ownExtent() {
    let [min, max] = [Infinity, -Infinity];
    for (const { curve } of drawn) {
      const { extent } = curve;
      const least = state.logX ? (extent.leastPositive ?? Infinity) : (extent.least ?? Infinity);
      min = Math.min(min, least);
      max = Math.max(max, extent.greatest ?? -Infinity);
    }
    return [min, max];
  }

  function xRange() {
    if (state.from === null) return extent();
    return [fwd(state.logX, state.from), fwd(state.logX, state.to)];
  }

  /** What lies in view, with a margin. */
  function yRange(data, [from, to]) {
    let [min, max] = [Infinity, -Infinity];
    for (let k = 1; k < data.length; k++) {
      const [xs, ys] = data[k];
      for (let i = 0; i < xs.length; i++) {
        // The neighbours outside count where nothing else is in view.
        if (xs[i] < from && !(xs[i + 1] > from)) continue;
        if (xs[i] > to && !(xs[i - 1] < to)) continue;
        if (ys[i] < min) min = ys[i];
        if (ys[i] > max) max = ys[i];
      }
    }
    if (min > max) return [fwd(state.logY, 1), fwd(state.logY, 10)];
    const room = min === max ? Math.abs(min) * 0.1 || 1 : 0.05 * (max - min);
    return [min - room, max + room];
  }

  /** Every curve that is there, with how it looks. Of one run alone colours tell learning rates, of several they tell runs. */
  function styled() {
    const runs = world.runs();
    const alone = runs.length === 1;
    return runs.flatMap((run) => {
      const curves = held.get(run.id)?.curves ?? [];
      const rates = curves.filter(ofDescent).map(({ learningRate }) => learningRate);
      return curves.map((curve) => {
        const rate = rates.indexOf(curve.learningRate);
        const flow = !ofDescent(curve);
        return {
          ...{ run, curve, label: flow ? run.name : `${run.name}, η = ${show(Number(curve.learningRate))}` },
          colour: alone ? (flow ? css("--flow") : colourOf(rate)) : colourOf(run.slot),
          dash: flow || (alone && rate < 6) ? [] : DASHES[1 + (rate % (DASHES.length - 1))],
          width: flow ? (alone ? 4 : 2) : 1.5,
        };
      });
    });
  }

  const rebuildSoon = settled(rebuild, 30);

  function rebuild() {
    drawn = styled();
    plot?.destroy();
    const ink = css("--ink");
    const axis = {
      ...{
        stroke: ink,
        font: "12px system-ui, sans-serif",
        labelFont: "12px system-ui, sans-serif",
        labelSize: 22,
      },
      ...{ grid: { stroke: css("--grid"), width: 1 }, ticks: { stroke: css("--grid"), width: 1, size: 5 } },
    };
    const splits = (log, vertical) => (u, _axis, min, max) =>
      ticks(min, max, (vertical ? u.bbox.height / 45 : u.bbox.width / 75) / devicePixelRatio, log);
    const values = (log) => (_u, all) => all.map((tick) => tickLabel(tick, log));
    const data = dataOf();
    const range = xRange();
    const options = {
      ...{ mode: 2, width: width(), height: HEIGHT, legend: { show: false } },
      padding: [8, 14, 0, 0],
      cursor: {
        drag: { x: true, y: false, setScale: false },
        dataIdx: (u, k) => nearest(u.data[k][0], u.posToVal(u.cursor.left, "x")),
        points: { size: 7 },
      },
      scales: {
        x: { time: false, auto: false, range: () => xRange() },
        y: { auto: false, range: (u) => yRange(u.data, xRange()) },
      },
      axes: [
        {
          ...axis,
          label: CLOCKS[state.x].title,
          size: 32,
          splits: splits(state.logX, false),
          values: values(state.logX),
        },
        { ...axis, size: 62, splits: splits(state.logY, true), values: values(state.logY) },
      ],
      series: [
        {},
        // uPlot wants one at least.
        ...(drawn.length === 0 ? [{ colour: ink, dash: [], width: 1, label: "" }] : drawn).map(seriesOf),
      ],
      hooks: {
        setSelect: [
          (u) => {
            if (u.select.width < 4) return;
            const edges = [u.select.left, u.select.left + u.select.width].map((at) =>
              back(state.logX, u.posToVal(at, "x")),
            );
            u.setSelect({ left: 0, width: 0, top: 0, height: 0 }, false);
            zoom(...edges);
          },
        ],
        setCursor: [() => tell()],
      },
    };
    plot = new uPlot(options, data, stage);
    plot.setScale("x", { min: range[0], max: range[1] });
    describe();
    world.aligned();
  }

  const dataOf = () =>
    drawn.length === 0 ? [null, [[], []]] : [null, ...drawn.map(({ curve }) => pointsOf(curve))];

  /** New numbers or another window in the same curves. */
  function redraw() {
    if (plot === null) return;
    const data = dataOf();
    const [min, max] = xRange();
    const [low, high] = yRange(data, [min, max]);
    plot.batch(() => {
      plot.setData(data, false);
      plot.setScale("x", { min, max });
      plot.setScale("y", { min: low, max: high });
    });
    all.disabled = state.from === null;
    stage.dataset.window = `${min},${max}`;
  }

  function zoom(from, to) {
    state.from = from;
    state.to = to;
    redraw();
    if (from !== null) refine();
    world.changed();
  }

  /** Narrows or widens the window about a point of the scale, and shifts it by a part of its width. */
  function move(factor, at = 0.5, shift = 0) {
    const [min, max] = xRange();
    const [least, greatest] = extent();
    const size = Math.min((max - min) * factor, greatest - least);
    let start = min + (max - min - size) * at + shift * size;
    start = Math.min(Math.max(start, least), greatest - size);
    if (size >= (greatest - least) * 0.999) return zoom(null, null);
    zoom(back(state.logX, start), back(state.logX, start + size));
  }

  function onKey(event) {
    const action = {
      "+": () => move(0.5),
      "=": () => move(0.5),
      "-": () => move(2),
      ArrowLeft: () => move(1, 0.5, -0.25),
      ArrowRight: () => move(1, 0.5, 0.25),
      0: () => zoom(null, null),
    }[event.key];
    if (action === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    action();
  }

  function onWheel(event) {
    if (event.ctrlKey || event.deltaY === 0 || plot === null) return;
    event.preventDefault();
    const area = plot.over.getBoundingClientRect();
    const at = Math.min(Math.max((event.clientX - area.left) / area.width, 0), 1);
    move(event.deltaY > 0 ? 1.25 : 0.8, at);
  }

  /** Legend, notes and what a screen reader hears. */
  function describe() {
    legend.replaceChildren(
      ...drawn.map(({ label, colour, dash, width }) =>
        make(
          "li",
          {},
          sample(colour, dash, width),
          make("span", { className: "name" }, label),
          make("output"),
        ),
      ),
    );
    const words = columnWords(state.y, world.labels());
    stage.setAttribute(
      "aria-label",
      `${words} over ${CLOCKS[state.x].name}: ${drawn.length} curves. Keys: plus, minus, left, right, 0.`,
    );
    const sum = (name) => drawn.reduce((total, { curve }) => total + curve[name], 0);
    const notes = [];
    if (state.logY && sum("notPositive") > 0)
      notes.push(`${sum("notPositive")} values are 0 or less and have no place on a logarithmic axis.`);
    if (sum("notFinite") > 0) notes.push(`${sum("notFinite")} values are infinite or not a number.`);
    const rows = Math.max(0, ...drawn.map(({ curve }) => curve.rows));
    if (rows > 20_000)
      notes.push(
        `Thinned: up to ${rows.toLocaleString("en").replaceAll(",", " ")} rows a table; zoom shows them all.`,
      );
    for (const { id, name } of world.runs()) {
      if (failures.has(id)) notes.push(`${name}: ${failures.get(id)}`);
      else if (held.has(id) && held.get(id).curves.length === 0)
        notes.push(`${name}: has no rows of ${words} over ${CLOCKS[state.x].name}.`);
    }
    if (world.runs().length === 0) notes.push("No run is drawn; tick some in the table.");
    note.textContent = notes.join(" ");
    stage.dataset.curves = String(drawn.length);
    tell();
  }

  /** The values at the pointer, or the last ones. */
  function tell() {
    const cells = legend.querySelectorAll("output");
    const pointed = plot !== null && plot.cursor.left >= 0;
    drawn.forEach((_, k) => {
      if (cells[k] === undefined) return;
      const points = plot.data[k + 1];
      const at = pointed ? nearest(points[0], plot.posToVal(plot.cursor.left, "x")) : points[0].length - 1;
      cells[k].textContent =
        at === null || at < 0
          ? ""
          : `${show(back(state.logY, points[1][at]))} at ${show(back(state.logX, points[0][at]))}`;
    });
  }

  /** Rows that a run has written since; false where they do not follow on what is held. */
  function append({ run, x, y, table, from, reading, rows }) {
    if (x !== state.x || y !== state.y) return true;
    const own = held.get(run);
    const known = own?.reading[table];
    if (own === undefined || known === undefined) return true;
    if (known.generation === reading.generation && known.bytes >= reading.bytes) return true;
    if (known.generation !== reading.generation || known.bytes !== from) return false;
    own.reading[table] = reading;
    for (const fresh of rows) {
      const curve = own.curves.find((c) => c.table === table && c.learningRate === fresh.learningRate);
      if (curve === undefined) return false;
      for (let i = 0; i < fresh.x.length; i++) {
        curve.x.push(fresh.x[i]);
        curve.y.push(fresh.y[i]);
        curve.extent.greatest = Math.max(curve.extent.greatest ?? -Infinity, fresh.x[i]);
        if (fresh.x[i] > 0)
          curve.extent.leastPositive = Math.min(curve.extent.leastPositive ?? Infinity, fresh.x[i]);
        curve.rows++;
        own.appended++;
      }
    }
    if (own.appended > MOST_APPENDED) return false;
    redraw();
    tell();
    return true;
  }

  /** The columns to choose from have changed. */
  function offer(names) {
    const wanted = names.includes(state.y) ? names : [state.y, ...names];
    if (ySelect.dataset.names === wanted.join()) return;
    ySelect.dataset.names = wanted.join();
    ySelect.replaceChildren(
      ...wanted.map((name) =>
        make("option", { value: name, selected: name === state.y }, columnWords(name, world.labels())),
      ),
    );
  }

  const panel = {
    ...{ root, state, reload, update, append, offer, rebuild, redraw, ownExtent },
    refetch: (id) => void fetchRun(id, asked.signal),
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
    lastPoint: (id) => held.get(id)?.curves[0]?.x.at(-1),
    close() {
      asked.abort();
      observer.disconnect();
      plot?.destroy();
      root.remove();
    },
  };
  return panel;
}

const ofDescent = ({ table }) => table === "descent" || table === "gaps";

function seriesOf({ colour, dash, width, label }) {
  const facets = ["x", "y"].map((scale) => ({ scale, auto: false }));
  const look = { stroke: colour, dash, width, spanGaps: true, points: { show: false } };
  return { label, facets, ...look, paths: uPlot.paths.linear() };
}

/** Index of the value nearest to one, in ascending numbers; null where there are none. */
function nearest(values, wanted) {
  if (values.length === 0) return null;
  let [low, high] = [0, values.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) low = middle;
    else high = middle;
  }
  return wanted - values[low] < values[high] - wanted ? low : high;
}

/** A piece of the line as the picture has it. */
function sample(colour, dash, width) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  const line = document.createElementNS(space, "line");
  for (const [name, value] of Object.entries({ width: 28, height: 10, "aria-hidden": "true" }))
    picture.setAttribute(name, value);
  const look = {
    x1: 0,
    x2: 28,
    y1: 5,
    y2: 5,
    stroke: colour,
    "stroke-width": width,
    "stroke-dasharray": dash.join(" ") || "none",
  };
  for (const [name, value] of Object.entries(look)) line.setAttribute(name, value);
  picture.append(line);
  return picture;
}
