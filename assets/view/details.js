/** One run in words and pictures. All texts are text nodes: no name of a record can be markup. */
import { make, show } from "./ask.js";

const section = (title, ...body) => make("section", {}, make("h3", {}, title), ...body);
const folded = (title, ...body) => make("details", {}, make("summary", {}, title), ...body);

function table(rows) {
  const lines = rows.map(([name, value]) =>
    make("tr", {}, make("th", { scope: "row" }, name), make("td", {}, show(value, 6))),
  );
  return make("div", { className: "wide", tabIndex: 0 }, make("table", {}, make("tbody", {}, ...lines)));
}

/** @param run what the server says of it */
export function renderDetails(place, id, run) {
  const parts = [make("h2", {}, run.name)];
  parts.push(
    make("p", { className: "status" }, run.message === null ? run.status : `${run.status}: ${run.message}`),
  );
  if (run.notes.length > 0)
    parts.push(section("Notes", make("ul", {}, ...run.notes.map((note) => make("li", {}, note)))));
  if (run.figures.length > 0)
    parts.push(
      section(
        "Figures",
        ...run.figures.map((file) => {
          const source = `figure?${new URLSearchParams({ run: id, file })}`;
          const name = file.replace(/^figures\//, "").replace(/\.\w+$/, "");
          const picture = make("img", { src: source, alt: `figure ${name}`, loading: "lazy" });
          return make(
            "figure",
            {},
            make("a", { href: source, target: "_blank", rel: "noopener" }, picture),
            make("figcaption", {}, name),
          );
        }),
      ),
    );
  if (run.checks.length > 0) parts.push(section("Checks", table(run.checks)));
  if (run.study !== null) parts.push(section("Study", make("pre", { tabIndex: 0 }, run.study)));
  parts.push(section("Command", make("pre", { tabIndex: 0 }, run.command.join(" "))));
  parts.push(
    section(
      "All that the record states",
      folded(`${run.facts.length} names, as list and compare take them`, table(run.facts)),
    ),
  );
  place.replaceChildren(...parts);
}
