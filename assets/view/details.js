/** One run, or one sweep, in words and pictures. All texts are text nodes: no name of a record can be markup. */
import { make, show } from "./ask.js";

const section = (title, ...body) => make("section", {}, make("h3", {}, title), ...body);
const folded = (title, ...body) => make("details", {}, make("summary", {}, title), ...body);

function table(rows) {
  const lines = rows.map(([name, value]) =>
    make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, show(value, 6))),
  );
  return make("div", { className: "wide", tabIndex: 0 }, make("table", {}, make("tbody", {}, ...lines)));
}

/** Pictures that lie in a folder of the server, each a link to itself. */
const pictures = (query, files) =>
  files.map((file) => {
    const source = `figure?${new URLSearchParams({ ...query, file })}`;
    const name = file.replace(/^figures\//, "").replace(/\.\w+$/, "");
    const picture = make("img", { src: source, alt: `figure ${name}`, loading: "lazy" });
    return make(
      "figure",
      {},
      make("a", { href: source, target: "_blank", rel: "noopener" }, picture),
      make("figcaption", {}, name),
    );
  });

/** 2026-11-29T03:51:16.942Z as 2026-11-29 03:51 UTC. */
const minute = (time) => `${time.slice(0, 16).replace("T", " ")} UTC`;

const ORDER = ["bad", "doubtful", "good"];

/** The checks, the worst first, each with its word: colour is no one's only sign. */
function verdictList(verdicts) {
  const sorted = [...verdicts].sort((a, b) => ORDER.indexOf(a.verdict) - ORDER.indexOf(b.verdict));
  return make(
    "ul",
    { className: "verdicts" },
    ...sorted.map(({ name, verdict, reason }) =>
      make(
        "li",
        { className: verdict },
        make("strong", {}, verdict),
        make("span", {}, make("b", {}, name), make("br"), reason),
      ),
    ),
  );
}

/** @param sweep what the server says of it; `choose` draws its runs */
export function renderSweep(place, id, sweep, choose) {
  const drawing = make("button", { type: "button" }, "draw its runs over one another");
  drawing.addEventListener("click", choose);
  const ended =
    sweep.finished === null ? `started ${minute(sweep.started)}` : `ended ${minute(sweep.finished)}`;
  place.replaceChildren(
    make("h2", {}, sweep.name),
    make(
      "p",
      { className: "status" },
      `sweep over ${sweep.fields.join(", ")}: ${sweep.status}, ${sweep.statuses.map(([name, count]) => `${count} ${name}`).join(", ")}; ${ended}`,
    ),
    make("p", {}, drawing),
    ...(sweep.figures.length === 0
      ? [make("p", { className: "hint" }, "No figure of all runs yet; gradflow figure draws them.")]
      : [section("Figures", ...pictures({ sweep: id }, sweep.figures))]),
    ...(sweep.study === null ? [] : [section("Study", make("pre", { tabIndex: 0 }, sweep.study))]),
    section("Command", make("pre", { tabIndex: 0 }, sweep.command)),
  );
}

/** @param run what the server says of it */
export function renderDetails(place, id, run) {
  const parts = [make("h2", {}, run.name)];
  parts.push(
    make("p", { className: "status" }, run.message === null ? run.status : `${run.status}: ${run.message}`),
  );
  if (run.verdicts.length > 0)
    parts.push(section("Checks", verdictList(run.verdicts), folded("the numbers behind", table(run.checks))));
  if (run.notes.length > 0)
    parts.push(section("Notes", make("ul", {}, ...run.notes.map((note) => make("li", {}, note)))));
  if (run.figures.length > 0) parts.push(section("Figures", ...pictures({ run: id }, run.figures)));
  if (run.study !== null) parts.push(section("Study", make("pre", { tabIndex: 0 }, run.study)));
  parts.push(section("Command", make("pre", { tabIndex: 0 }, run.command)));
  parts.push(
    section(
      "All that the record states",
      folded(`${run.facts.length} names, as list and compare take them`, table(run.facts)),
    ),
  );
  place.replaceChildren(...parts);
}
