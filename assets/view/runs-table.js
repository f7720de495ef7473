/** The table of runs: only the rows in view exist, so that ten thousand scroll like ten. */
import { make, show } from "./ask.js";
import { colourOf } from "./panel.js";

const ROW_HEIGHT = 28;
/** Rows above and below the view. */
const SPARE = 10;

/** @param world { isDrawn(id), slotOf(id), toggle(id), open(id), isOpen(id), sort(), setSort(name) } */
export function createRunsTable(frame, world) {
  const [head, body] = [frame.querySelector("thead"), frame.querySelector("tbody")];
  const above = make("tr", { "aria-hidden": "true" }, make("td"));
  const below = make("tr", { "aria-hidden": "true" }, make("td"));
  const rows = new Map();
  let runs = [];
  let columns = [];

  frame.addEventListener("scroll", render);
  new ResizeObserver(render).observe(frame);
  body.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity }[
      event.key
    ];
    const row = event.target.closest("tr[data-at]");
    if (row === null) return;
    if (event.key === "Enter" && event.target.type === "checkbox") return world.open(Number(row.dataset.id));
    if (step === undefined) return;
    event.preventDefault();
    focus(Math.min(Math.max(Number(row.dataset.at) + step, 0), runs.length - 1), event.target.tagName);
  });

  function focus(at, tag) {
    const top = at * ROW_HEIGHT;
    const room = frame.clientHeight - 2 * ROW_HEIGHT;
    if (top < frame.scrollTop) frame.scrollTop = top;
    else if (top > frame.scrollTop + room) frame.scrollTop = top - room;
    render();
    rows.get(runs[at].id)?.querySelector(tag.toLowerCase())?.focus({ preventScroll: true });
  }

  function set(nextRuns, nextColumns) {
    runs = nextRuns;
    if (nextColumns.join() !== columns.join()) {
      columns = nextColumns;
      rows.clear();
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
    frame.style.setProperty("--height", `${(runs.length + 2) * ROW_HEIGHT}px`);
    frame.querySelector("table").setAttribute("aria-rowcount", String(runs.length + 1));
    const present = new Set(runs.map(({ id }) => id));
    for (const id of rows.keys()) if (!present.has(id)) rows.delete(id);
    render();
  }

  function render() {
    const first = Math.max(0, Math.floor(frame.scrollTop / ROW_HEIGHT) - SPARE);
    const count = Math.ceil(frame.clientHeight / ROW_HEIGHT) + 2 * SPARE;
    const shown = runs.slice(first, first + count);
    above.firstChild.style.height = `${first * ROW_HEIGHT}px`;
    below.firstChild.style.height = `${Math.max(0, runs.length - first - shown.length) * ROW_HEIGHT}px`;
    const wanted = [above, ...shown.map((run, k) => rowOf(run, first + k)), below];
    // Elements that stay are not touched: the focus would be lost.
    const keep = new Set(wanted);
    for (const child of [...body.children]) if (!keep.has(child)) child.remove();
    wanted.forEach((row, k) => {
      if (body.children[k] !== row) body.insertBefore(row, body.children[k] ?? null);
    });
  }

  function rowOf(run, at) {
    let row = rows.get(run.id);
    if (row === undefined) {
      const box = make("input", { type: "checkbox" });
      box.addEventListener("change", () => world.toggle(run.id));
      const key = make("button", { type: "button", className: "name" });
      key.addEventListener("click", () => world.open(run.id));
      row = make(
        "tr",
        {},
        make("td", {}, box),
        make("th", { scope: "row" }, key),
        ...columns.map(() => make("td")),
      );
      rows.set(run.id, row);
    }
    row.dataset.at = at;
    row.dataset.id = run.id;
    row.setAttribute("aria-rowindex", String(at + 2));
    const [mark, name, ...cells] = row.children;
    const box = mark.firstChild;
    const drawn = world.isDrawn(run.id);
    box.checked = drawn;
    box.setAttribute("aria-label", `draw ${run.name}`);
    mark.style.setProperty("--mark", drawn ? colourOf(world.slotOf(run.id)) : "transparent");
    name.firstChild.textContent = run.name;
    name.firstChild.title = run.name;
    row.classList.toggle("opened", world.isOpen(run.id));
    row.classList.toggle("open", run.open);
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
    return row;
  }

  return { set, render };
}

/** A killed run is `running` for ever: how long its series has been silent tells. */
export function statusOf({ status, open, grown }) {
  if (!open || status !== "running" || grown === null) return show(status);
  const silent = (Date.now() - grown) / 60_000;
  return silent < 2
    ? "running"
    : `running, silent for ${silent < 120 ? `${Math.round(silent)} min` : `${Math.round(silent / 60)} h`}`;
}

function dateOf(text) {
  const date = new Date(text);
  if (typeof text !== "string" || Number.isNaN(date.getTime())) return show(text);
  const two = (number) => String(number).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}
