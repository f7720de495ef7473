/** One picture: a column of the drawn runs over a clock, drawn with uPlot; it zooms. */
import { make, settled, show } from "./ask.js";
import { CLOCKS, columnWords, tickLabel, ticks } from "./axis.js";
import { css, lookOf, sample } from "./curve-looks.js";
import { holdCurves } from "./held-curves.js";
import { drawLane, insideLanes, roomBeside } from "./lane.js";
import { navigate } from "./navigate.js";

/** A script before this one defines it. */
const { uPlot } = globalThis;
const HEIGHT = 300;
/**
 * @param state { y, x, logX, logY, from, to }, kept up to date
 * @param world { runs(): [{ id, name, slot }], names(): columns with their words, changed(), removed() }
 */
export function createPanel(state, world) {
  let plot = null;
  let drawn = [];
  /** Of curves with values that the scale has no place for: 0 or less on a logarithmic one, not finite on any. */
  let lanes = { below: [], above: [] };
  const curves = holdCurves(state, world, {
    width: () => width(),
    changed: () => rebuildSoon(),
    refined() {
      redraw();
      explain();
      tell();
    },
  });
  const root = make("article", { className: "panel" });
  const ySelect = make("select", { "aria-label": "column" });
  const xSelect = make("select", { "aria-label": "over" });
  const flag = (name, text) => {
    const box = make("input", { type: "checkbox", checked: state[name] });
    box.addEventListener("change", () => {
      state[name] = box.checked;
      state.from = state.to = null;
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
  navigate(stage, {
    window: () => xRange(),
    extent: () => extent(),
    show: (min, max) => zoom(back(state.logX, min), back(state.logX, max)),
    showAll: () => zoom(null, null),
    area: () => plot?.over.getBoundingClientRect() ?? null,
  });
  const observer = new ResizeObserver(() => plot?.setSize({ width: width(), height: HEIGHT }));
  observer.observe(stage);

  const width = () => Math.max(200, Math.floor(stage.clientWidth));
  const fwd = (log, value) => (log ? Math.log10(value) : value);
  const back = (log, value) => (log ? 10 ** value : value);

  function choose(name, value) {
    state[name] = value;
    state.from = state.to = null;
    world.changed();
    reload(true);
  }

  /** Asks anew for the curves of every drawn run. */
  function reload(anew = false) {
    curves.reload(anew);
    rebuild();
  }

  /** The runs that are drawn have changed. */
  function update() {
    curves.update();
    rebuild();
  }

  /** The points of a curve: of its zoomed window where they are there, of the whole otherwise. */
  function pointsOf({ detail, x, y, lost }) {
    const { from, to } = state;
    const fits = detail !== null && from !== null && detail.from <= from && detail.to >= to;
    return fits ? detail : { x, y, lost };
  }

  /** The same on their scales; what that of y has no place for stands in `below` and `above`. */
  function scaledOf(curve) {
    const { x, y, lost } = pointsOf(curve);
    const [xs, ys, below] = [[], [], []];
    let allZero = true;
    for (let i = 0; i < x.length; i++) {
      if (state.logX && x[i] <= 0) continue;
      if (state.logY && y[i] <= 0) {
        below.push(fwd(state.logX, x[i]));
        allZero &&= y[i] === 0;
        continue;
      }
      xs.push(fwd(state.logX, x[i]));
      ys.push(fwd(state.logY, y[i]));
    }
    const above = lost.filter((at) => !state.logX || at > 0).map((at) => fwd(state.logX, at));
    return { points: [xs, ys], below, allZero, above };
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
    if (min > max) [min, max] = [fwd(state.logY, 1), fwd(state.logY, 10)];
    const room = min === max ? Math.abs(min) * 0.1 || 1 : 0.05 * (max - min);
    return roomBeside([min - room, max + room], laneCounts(), plotHeight());
  }

  const plotHeight = () => (plot?.bbox?.height ?? 0) / devicePixelRatio || HEIGHT - 60;

  const laneCounts = () => ({
    below: Math.min(lanes.below.length, 1),
    above: Math.min(lanes.above.length, 1),
  });

  const rebuildSoon = settled(rebuild, 30);

  function rebuild() {
    drawn = lookOf(world.runs(), curves.of);
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
      ticks(
        ...(vertical ? insideLanes([min, max], laneCounts(), plotHeight()) : [min, max]),
        (vertical ? u.bbox.height / 45 : u.bbox.width / 75) / devicePixelRatio,
        log,
      );
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
        draw: [drawLanes],
      },
    };
    plot = new uPlot(options, data, stage);
    plot.setScale("x", { min: range[0], max: range[1] });
    describe();
    world.aligned();
  }

  /** The points for uPlot; what has no place on its scale goes into `lanes`. */
  function dataOf() {
    const scaled = drawn.map(({ curve }) => scaledOf(curve));
    const rows = (side) =>
      scaled.flatMap(({ [side]: x, allZero }, k) =>
        x.length === 0 ? [] : [{ colour: drawn[k].colour, x, allZero }],
      );
    lanes = { below: rows("below"), above: rows("above") };
    stage.dataset.lanes = String(lanes.below.length);
    stage.dataset.lanesAbove = String(lanes.above.length);
    return drawn.length === 0 ? [null, [[], []]] : [null, ...scaled.map(({ points }) => points)];
  }

  function drawLanes(u) {
    const { below, above } = lanes;
    if (below.length > 0) drawLane(u, "below", below.every(({ allZero }) => allZero) ? "0" : "≤ 0", below);
    if (above.length > 0) drawLane(u, "above", "∞", above);
  }

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
    if (from !== null) curves.refine();
    world.changed();
  }

  /** Legend and what a screen reader hears. */
  function describe() {
    legend.replaceChildren(
      ...drawn.map((one) =>
        make("li", {}, sample(one), make("span", { className: "name" }, one.label), make("output")),
      ),
    );
    const words = columnWords(state.y, world.labels());
    stage.setAttribute(
      "aria-label",
      `${words} over ${CLOCKS[state.x].name}: ${drawn.length} curves. Keys: plus, minus, left, right, 0.`,
    );
    explain();
    stage.dataset.curves = String(drawn.length);
    tell();
  }

  /** Which values stand beside the scale, what is thinned, what is missing. */
  function explain() {
    const words = columnWords(state.y, world.labels());
    const sum = (name) => drawn.reduce((total, { curve }) => total + curve[name], 0);
    const notes = [];
    if (state.logY && sum("notPositive") > 0)
      notes.push(`${sum("notPositive")} values are 0 or less: they stand in the lane below the axis.`);
    if (sum("notFinite") > 0)
      notes.push(
        `${sum("notFinite")} values are infinite or not a number: they stand in the lane above the scale.`,
      );
    const rows = Math.max(0, ...drawn.map(({ curve }) => curve.rows));
    if (rows > 20_000)
      notes.push(
        `Thinned: up to ${rows.toLocaleString("en").replaceAll(",", " ")} rows a table; zoom shows them all.`,
      );
    for (const { id, name } of world.runs()) {
      const failure = curves.failureOf(id);
      if (failure !== undefined) notes.push(`${name}: ${failure}`);
      else if (curves.has(id) && curves.of(id).length === 0)
        notes.push(`${name}: has no rows of ${words} over ${CLOCKS[state.x].name}.`);
    }
    if (world.runs().length === 0) notes.push("No run is drawn; tick some in the table.");
    note.textContent = notes.join(" ");
  }

  /** The values at the pointer, or the last ones. */
  function tell() {
    const cells = legend.querySelectorAll("output");
    const pointed = plot !== null && plot.cursor.left >= 0;
    drawn.forEach(({ curve }, k) => {
      if (cells[k] === undefined) return;
      const { x, y } = pointsOf(curve);
      const at = pointed ? nearest(x, back(state.logX, plot.posToVal(plot.cursor.left, "x"))) : x.length - 1;
      cells[k].textContent = at === null || at < 0 ? "" : `${show(y[at])} at ${show(x[at])}`;
    });
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
    ...{ root, state, update, offer, rebuild, redraw, ownExtent },
    ...{ append: curves.append, refetch: curves.refetch, follows: curves.follows },
    close() {
      curves.close();
      observer.disconnect();
      plot?.destroy();
      root.remove();
    },
  };
  return panel;
}

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
