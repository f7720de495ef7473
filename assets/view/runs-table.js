/** The table of runs: only the rows in view exist, so that ten thousand scroll like ten. */
import { make, show } from "./ask.js";
import { colourOf } from "./curve-looks.js";
import { progressOf, statusOf } from "./run-rows.js";

const ROW_HEIGHT = 28;
/** Rows above and below the view. */
const SPARE = 10;

/**
 * @param world { isDrawn(id), slotOf(id), toggle(id), open(id), isOpen(id), sort(), setSort(name), toggleSweep(runs), openSweep(id),
 *   isOpenSweep(id), fold(id) }
 */
export function createRunsTable(frame, world) {
  const [head, body] = [frame.querySelector("thead"), frame.querySelector("tbody")];
  const above = make("tr", { "aria-hidden": "true" }, make("td"));
  const below = make("tr", { "aria-hidden": "true" }, make("td"));
  const elements = new Map();
  /** As run-rows.js makes them. */
  let rows = [];
  let columns = [];

  frame.addEventListener("scroll", render);
  new ResizeObserver(render).observe(frame);
  body.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[
      event.key
    ];
    const row = event.target.closest("tr[data-at]");
    if (row === null) return;
    const { run, sweep, folded } = rows[Number(row.dataset.at)];
    if (event.key === "Enter" && event.target.type === "checkbox")
      return sweep === undefined ? world.open(run.id) : world.openSweep(sweep.id);
    if (sweep !== undefined && event.key === (folded ? "ArrowRight" : "ArrowLeft")) {
      event.preventDefault();
      return world.fold(sweep.id);
    }
    if (step === undefined) return;
    event.preventDefault();
    focus(Math.min(Math.max(Number(row.dataset.at) + step, 0), rows.length - 1), event.target);
  });

  function focus(at, target) {
    const top = at * ROW_HEIGHT;
    const room = frame.clientHeight - 2 * ROW_HEIGHT;
    if (top < frame.scrollTop) frame.scrollTop = top;
    else if (top > frame.scrollTop + room) frame.scrollTop = top - room;
    render();
    const kind = target.type === "checkbox" ? "input" : "button.name";
    elements.get(keyOf(rows[at]))?.querySelector(kind)?.focus({ preventScroll: true });
  }

  function set(nextRows, nextColumns) {
    rows = nextRows;
    if (nextColumns.join() !== columns.join()) {
      columns = nextColumns;
      elements.clear();
    }
    const sort = world.sort();
    head.replaceChildren(
      make(
        "tr",
        {},
        make("th", {}, make("span", { className: "hidden" }, "drawn")),
        ...["record", ...columns].map((name) => {
          const key = make("button", { type: "button" }, name);
          key.addEventListener("click", () => world.setSort(sort === name ? `-${name}` : name));
          const direction = sort === name ? "ascending" : sort === `-${name}` ? "descending" : "none";
          return make("th", { scope: "col", "aria-sort": direction }, key);
        }),
      ),
    );
    // Where the page is one column wide the table is no higher than its rows.
    frame.style.setProperty("--height", `${(rows.length + 2) * ROW_HEIGHT}px`);
    frame.querySelector("table").setAttribute("aria-rowcount", String(rows.length + 1));
    const present = new Set(rows.map(keyOf));
    for (const key of elements.keys()) if (!present.has(key)) elements.delete(key);
    render();
  }

  function render() {
    const first = Math.max(0, Math.floor(frame.scrollTop / ROW_HEIGHT) - SPARE);
    const count = Math.ceil(frame.clientHeight / ROW_HEIGHT) + 2 * SPARE;
    const shown = rows.slice(first, first + count);
    above.firstChild.style.height = `${first * ROW_HEIGHT}px`;
    below.firstChild.style.height = `${Math.max(0, rows.length - first - shown.length) * ROW_HEIGHT}px`;
    const wanted = [above, ...shown.map((row, k) => elementOf(row, first + k)), below];
    // Elements that stay are not touched: the focus would be lost.
    const keep = new Set(wanted);
    for (const child of [...body.children]) if (!keep.has(child)) child.remove();
    wanted.forEach((row, k) => {
      if (body.children[k] !== row) body.insertBefore(row, body.children[k] ?? null);
    });
  }

  function elementOf(row, at) {
    const key = keyOf(row);
    const element =
      elements.get(key) ?? (row.sweep === undefined ? runElement(row.run) : sweepElement(row.sweep.id));
    elements.set(key, element);
    element.dataset.at = at;
    element.setAttribute("aria-rowindex", String(at + 2));
    if (row.sweep === undefined) fillRun(element, row);
    else fillSweep(element, row);
    return element;
  }

  function frameOf(toggle, open, ...before) {
    const box = make("input", { type: "checkbox" });
    box.addEventListener("change", toggle);
    const name = make("button", { type: "button", className: "name" });
    name.addEventListener("click", open);
    return make("tr", {}, make("td", {}, box), make("th", { scope: "row" }, ...before, name));
  }

  function runElement({ id }) {
    const element = frameOf(
      () => world.toggle(id),
      () => world.open(id),
    );
    element.append(...columns.map(() => make("td")));
    return element;
  }

  function fillRun(element, { run, within }) {
    const [mark, name, ...cells] = element.children;
    const drawn = world.isDrawn(run.id);
    mark.firstChild.checked = drawn;
    mark.firstChild.setAttribute("aria-label", `draw ${run.name}`);
    mark.style.setProperty("--mark", drawn ? colourOf(world.slotOf(run.id)) : "transparent");
    // Behind the row of its sweep a run needs its own name alone.
    const own =
      within === undefined || within.name === "." ? run.name : run.name.slice(within.name.length + 1);
    name.classList.toggle("within", within !== undefined);
    name.firstChild.textContent = own;
    name.firstChild.title = run.name;
    element.classList.toggle("opened", world.isOpen(run.id));
    element.classList.toggle("open", run.open);
    cells.forEach((cell, k) => {
      const value =
        columns[k] === "status"
          ? statusOf(run)
          : columns[k] === "started"
            ? dateOf(run.cells[k])
            : show(run.cells[k]);
      if (cell.textContent !== value) cell.textContent = value;
      cell.classList.toggle("number", typeof run.cells[k] === "number");
    });
  }

  function sweepElement(id) {
    const fold = make("button", { type: "button", className: "fold" });
    fold.addEventListener("click", () => world.fold(id));
    const runs = () => rows.find(({ sweep }) => sweep?.id === id)?.runs ?? [];
    const element = frameOf(
      () => world.toggleSweep(runs()),
      () => world.openSweep(id),
      fold,
    );
    element.className = "sweep";
    element.append(make("td", { colSpan: columns.length }));
    return element;
  }

  function fillSweep(element, row) {
    const [mark, title, told] = element.children;
    const { sweep, runs, folded } = row;
    const drawn = runs.filter(({ id }) => world.isDrawn(id)).length;
    mark.firstChild.checked = drawn === runs.length;
    mark.firstChild.indeterminate = drawn > 0 && drawn < runs.length;
    mark.firstChild.setAttribute("aria-label", `draw the runs of ${sweep.name}`);
    const [fold, name] = title.children;
    fold.textContent = folded ? "▸" : "▾";
    fold.setAttribute("aria-expanded", String(!folded));
    fold.setAttribute("aria-label", `runs of ${sweep.name}`);
    name.textContent = sweep.name;
    name.title = sweep.name;
    told.textContent = progressOf(row);
    element.classList.toggle("opened", world.isOpenSweep(sweep.id));
  }

  return { set, render };
}

const keyOf = ({ run, sweep }) => (sweep === undefined ? `run ${run.id}` : `sweep ${sweep.id}`);

function dateOf(text) {
  const date = new Date(text);
  if (typeof text !== "string" || Number.isNaN(date.getTime())) return show(text);
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
