/** The page of gradflow view: what is shown, and how it changes. State lives in the address behind #, so that a reload keeps it. */
import { ask, make, settled } from "./ask.js";
import { renderDetails, renderSweep } from "./details.js";
import { createPanel } from "./panel.js";
import { rowsOf } from "./run-rows.js";
import { createRunsTable } from "./runs-table.js";

const COLUMNS = "status,loss,time,model.hidden,parameters,started";
const NARROW_COLUMNS = "status,loss,time";
/** Runs that are drawn at first, the newest ones. */
const FIRST_DRAWN = 3;
const MOST_DRAWN = 100;

const $ = (id) => document.getElementById(id);

const state = {
  where: "",
  columns: null,
  sort: "-started",
  drawn: null,
  run: null,
  sweep: null,
  unfolded: [],
  panels: null,
  ...readState(),
};
/** Drawn runs: id → slot, which is the colour. */
const slots = new Map();
const facts = new Map();
let runs = [];
let sweeps = [];
const known = new Map();
let events = null;
let panels = [];

const columns = () =>
  (state.columns ?? (innerWidth < 700 ? NARROW_COLUMNS : COLUMNS))
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);

function readState() {
  try {
    return JSON.parse(decodeURIComponent(location.hash.slice(1)));
  } catch {
    return {};
  }
}

const keepState = settled(() => {
  const { where, columns, sort, run, sweep, unfolded } = state;
  const kept = {
    ...{ where, columns, sort, run, sweep, unfolded },
    drawn: [...slots.keys()],
    panels: panels.map((panel) => panel.state),
  };
  history.replaceState(null, "", `#${encodeURIComponent(JSON.stringify(kept))}`);
}, 200);

const table = createRunsTable($("frame"), {
  isDrawn: (id) => slots.has(id),
  slotOf: (id) => slots.get(id),
  isOpen: (id) => state.run === id && !$("run").hidden,
  sort: () => state.sort,
  setSort(name) {
    state.sort = name;
    keepState();
    void refresh();
  },
  toggle(id) {
    if (slots.has(id)) slots.delete(id);
    else if (slots.size >= MOST_DRAWN) return tell(`At most ${MOST_DRAWN} runs are drawn at a time.`);
    else draw(id);
    drawnChanged();
  },
  open(id) {
    Object.assign(state, { run: id, sweep: null });
    showTab("run", true);
    void openRun();
  },
  isOpenSweep: (id) => state.sweep === id && !$("run").hidden,
  openSweep(id) {
    Object.assign(state, { run: null, sweep: id });
    showTab("run", true);
    void openSweep();
  },
  toggleSweep(own) {
    if (own.every(({ id }) => slots.has(id))) for (const { id } of own) slots.delete(id);
    else drawAll(own);
    drawnChanged();
  },
  fold(id) {
    const others = state.unfolded.filter((one) => one !== id);
    state.unfolded = others.length < state.unfolded.length ? others : [...others, id];
    keepState();
    fillTable();
  },
});

/** In the first free colour. */
function draw(id) {
  const taken = new Set(slots.values());
  let slot = 0;
  while (taken.has(slot)) slot++;
  slots.set(id, slot);
}

/** As many as are drawn at a time. */
function drawAll(wanted) {
  for (const { id } of wanted) {
    if (slots.has(id)) continue;
    if (slots.size >= MOST_DRAWN) return tell(`At most ${MOST_DRAWN} runs are drawn at a time.`);
    draw(id);
  }
}

const fillTable = () =>
  table.set(
    rowsOf(runs, sweeps, (id) => !state.unfolded.includes(id)),
    columns(),
  );

function drawnChanged() {
  table.render();
  for (const panel of panels) panel.update();
  void learnColumns();
  keepState();
  reconnect();
}

const world = {
  runs: () => [...slots].map(([id, slot]) => ({ id, slot, name: known.get(id)?.name ?? `run ${id}` })),
  labels: () => Object.assign({}, ...[...slots.keys()].map((id) => facts.get(id)?.labels ?? {})),
  changed() {
    keepState();
    reconnect();
  },
  followed: () => reconnect(),
  /** From where to where the curves of all panels over one clock reach. */
  extent({ x, logX }) {
    const those = panels.filter(({ state }) => state.x === x && state.logX === logX);
    const extents = those.map((panel) => panel.ownExtent());
    return [Math.min(...extents.map(([min]) => min)), Math.max(...extents.map(([, max]) => max))];
  },
  aligned: settled(() => {
    for (const panel of panels) panel.redraw();
  }, 20),
  removed(panel) {
    panels = panels.filter((one) => one !== panel);
    panel.close();
    world.changed();
  },
};

function addPanel(given) {
  const panel = createPanel(given, world);
  panels.push(panel);
  $("panels").append(panel.root);
  panel.offer(offered());
  panel.update();
}

/** The columns of all drawn runs, those of the series first. */
function offered() {
  const names = new Set();
  for (const table of ["series", "descent", "flows", "gaps", "ntk"])
    for (const id of slots.keys()) for (const name of facts.get(id)?.columns[table] ?? []) names.add(name);
  return [...names];
}

async function learnColumns() {
  await Promise.all(
    [...slots.keys()]
      .filter((id) => !facts.has(id))
      .map(async (id) => {
        const found = await ask("run", { run: id }).catch(() => null);
        if (found !== null) facts.set(id, found);
      }),
  );
  for (const panel of panels) panel.offer(offered());
}

/** Conditions as `gradflow list --where` takes them; a word without one is looked for in the path. */
function conditions(text) {
  const words = [...text.matchAll(/(?:[^\s"]|"[^"]*")+/g)].map(([word]) => word.replaceAll('"', ""));
  const query = new URLSearchParams();
  for (const word of words) {
    if (word === "--where" || word === "and") continue;
    query.append(/[=<>]/.test(word) ? "where" : "find", word);
  }
  return query;
}

let asking = null;
/** Asks for the table of runs. One question at a time; the last one counts. */
async function refresh() {
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  const query = conditions(state.where);
  query.set("sort", state.sort);
  query.set("columns", columns().join(","));
  let answer;
  try {
    answer = await ask("runs", query, signal);
  } catch (error) {
    if (signal.aborted) return;
    $("where-fault").textContent = error.message.replace(/^--where /, "");
    $("where").setAttribute("aria-invalid", "true");
    return;
  }
  $("where-fault").textContent = "";
  $("where").removeAttribute("aria-invalid");
  const { root, total, progress, faults } = answer;
  ({ runs, sweeps } = answer);
  for (const run of runs) known.set(run.id, run);
  $("root").textContent = root;
  document.title = `${root.split("/").at(-1)} – gradflow view`;
  const reading =
    progress.read < progress.found ? `, ${progress.read} of ${progress.found} records read` : "";
  $("count").textContent = `${runs.length} of ${total} runs${reading}`;
  $("faults").hidden = faults.length === 0;
  $("faults").firstElementChild.textContent = `${faults.length} records cannot be read`;
  $("faults").lastElementChild.replaceChildren(...faults.map((fault) => make("li", {}, fault)));
  fillTable();
  await begin();
  for (const run of runs)
    if (slots.has(run.id) && facts.has(run.id) && wasOpen.has(run.id) && !run.open) renew(run.id);
  wasOpen = new Set(runs.filter(({ open }) => open).map(({ id }) => id));
  document.body.dataset.runs = String(runs.length);
}

let wasOpen = new Set();

/** A drawn run has ended: its figures, notes and last rows are there now. */
function renew(id) {
  facts.delete(id);
  void learnColumns();
  for (const panel of panels) panel.refetch(id);
  if (state.run === id) void openRun();
}

/** Draws the first curves once there are runs. */
async function begin() {
  if (panels.length > 0 || runs.length === 0) return;
  const before = (state.drawn ?? []).filter((id) => known.has(id));
  for (const id of state.drawn === null ? runs.slice(0, FIRST_DRAWN).map((run) => run.id) : before) draw(id);
  if (state.panels === null) {
    const first = [...slots.keys()][0];
    const found = first === undefined ? null : await ask("run", { run: first }).catch(() => null);
    const value = (name) => found?.facts.find(([fact]) => fact === name)?.[1];
    const logX = value("record.at") === "log";
    const both = { x: "t", logX, logY: true, from: null, to: null };
    const second =
      found?.columns.descent.includes("parameterGap") && value("descent.0.learningRate") !== undefined;
    addPanel({ ...both, y: "loss" });
    addPanel({ ...both, y: second ? "parameterGap" : "gradientNorm" });
  } else for (const panel of state.panels) addPanel(panel);
  drawnChanged();
  if (state.run !== null && known.has(state.run)) void openRun();
  if (state.sweep !== null) void openSweep();
}

async function openRun() {
  const { run: id } = state;
  keepState();
  table.render();
  try {
    const found = await ask("run", { run: id });
    facts.set(id, found);
    if (state.run === id) renderDetails($("run"), id, found);
  } catch (error) {
    if (state.run === id) $("run").replaceChildren(make("p", {}, error.message));
  }
}

async function openSweep() {
  const { sweep: id } = state;
  keepState();
  table.render();
  const choose = () => {
    slots.clear();
    drawAll(runs.filter(({ sweep }) => sweep === id));
    showTab("curves", true);
    drawnChanged();
  };
  try {
    const found = await ask("sweep", { sweep: id });
    if (state.sweep === id) renderSweep($("run"), id, found, choose);
  } catch (error) {
    if (state.sweep === id) $("run").replaceChildren(make("p", {}, error.message));
  }
}

/** Opens the stream of news for what is shown now. */
const reconnect = settled(() => {
  events?.close();
  const query = new URLSearchParams();
  for (const panel of panels) for (const text of panel.follows()) query.append("follow", text);
  events = new EventSource(`events?${query}`);
  events.addEventListener("open", () => tell("live"));
  events.addEventListener("error", () => tell("not connected: gradflow view has ended, or is trying again"));
  events.addEventListener("runs", () => refreshSoon());
  events.addEventListener("rows", ({ data }) => {
    const news = JSON.parse(data);
    for (const panel of panels) if (!panel.append(news)) panel.refetch(news.run);
  });
  events.addEventListener("stale", ({ data }) => {
    const { run, x, y } = JSON.parse(data);
    for (const panel of panels) if (panel.state.x === x && panel.state.y === y) panel.refetch(run);
  });
  events.addEventListener("gone", ({ data }) => {
    const { run } = JSON.parse(data);
    tell(`${known.get(run)?.name ?? "a record"} has gone`);
    slots.delete(run);
    drawnChanged();
  });
}, 150);

let lastRefresh = 0;
let waiting = 0;
/** News of the table come in bursts while records are read. */
function refreshSoon() {
  if (waiting !== 0) return;
  const wait = Math.max(0, lastRefresh + 700 - performance.now());
  waiting = setTimeout(() => {
    waiting = 0;
    lastRefresh = performance.now();
    void refresh();
  }, wait);
}

function tell(text) {
  $("state").textContent = text;
}

function showTab(name, focus = false) {
  for (const one of ["curves", "run"]) {
    $(one).hidden = one !== name;
    $(`tab-${one}`).setAttribute("aria-selected", String(one === name));
    $(`tab-${one}`).tabIndex = one === name ? 0 : -1;
  }
  if (focus) $(`tab-${name}`).focus();
  table.render();
}

for (const name of ["curves", "run"]) {
  $(`tab-${name}`).addEventListener("click", () => showTab(name));
  $(`tab-${name}`).addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft" || event.key === "ArrowRight")
      showTab(name === "run" ? "curves" : "run", true);
  });
}
$("where").value = state.where;
$("columns").value = state.columns ?? columns().join(",");
$("filter").addEventListener("submit", (event) => event.preventDefault());
const filter = settled(() => {
  state.where = $("where").value;
  keepState();
  void refresh();
}, 200);
$("where").addEventListener("input", filter);
$("columns").addEventListener(
  "input",
  settled(() => {
    state.columns = $("columns").value;
    keepState();
    void refresh();
  }, 400),
);
$("draw-none").addEventListener("click", () => {
  slots.clear();
  drawnChanged();
});
$("draw-shown").addEventListener("click", () => {
  slots.clear();
  for (const run of runs.slice(0, 10)) draw(run.id);
  drawnChanged();
});
$("add-panel").addEventListener("click", () => {
  const last = panels.at(-1)?.state ?? { x: "t", logX: false, logY: true };
  const shown = panels.map((panel) => panel.state.y);
  const y =
    offered().find((name) => !shown.includes(name) && name !== "t" && name !== "canonicalTime") ?? "loss";
  addPanel({ ...last, y, from: null, to: null });
  world.changed();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const panel of panels) panel.rebuild();
  table.render();
});

await refresh();
reconnect();
