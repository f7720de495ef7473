/** The page of a report: its style, its script and its parts as HTML. Text of records enters by `text` and JSON by `embed` alone. */
import type { Assessment } from "./assess.js";

/** Text as HTML shows it, markup and all. */
export function text(value: unknown): string {
  const entities: Readonly<Record<string, string>> = {
    "&": "&amp;",
    "<": "&lt;",
    ">": "&gt;",
    '"': "&quot;",
  };
  return String(value).replaceAll(/[&<>"]/g, (letter) => entities[letter]!);
}

/** JSON inside a script element: nothing in it can end the element. */
export function embed(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll("<", "\\u003c")
    .replaceAll("\u2028", "\\u2028")
    .replaceAll("\u2029", "\\u2029");
}

/** A table; cells are text. On a narrow page each row of more than two is a card, its cells named by the head; pairs stand in columns on paper. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, row: readonly string[]) =>
    row
      .map((cell, k) => {
        const name = tag === "td" && head[k] ? ` data-head="${text(head[k])}"` : "";
        return `<${tag}${name}>${text(cell)}</${tag}>`;
      })
      .join("");
  const top = head.length === 0 ? "" : `<thead><tr>${cells("th", head)}</tr></thead>`;
  const isPairs = (rows[0]?.length ?? 0) <= 2;
  return `<div class="${isPairs ? "pairs" : "wide"}"><table${isPairs ? "" : ' class="cards"'}>${top}<tbody>${rows.map((row) => `<tr>${cells("td", row)}</tr>`).join("\n")}</tbody></table></div>`;
}

const SIGNS = { good: "✓", doubtful: "?", bad: "✗" } as const;

/** Checks with their verdicts, the worst first; each is told by sign and word, not by colour alone. */
export function verdicts(checks: readonly Assessment[]): string {
  const order = ["bad", "doubtful", "good"];
  const items = checks
    .toSorted((p, q) => order.indexOf(p.verdict) - order.indexOf(q.verdict))
    .map(
      ({ name, verdict, reason }) =>
        `<li class="${verdict}"><b>${SIGNS[verdict]} ${verdict}</b> <span><strong>${text(name)}</strong>: ${text(reason)}</span></li>`,
    );
  return `<ul class="verdicts">${items.join("\n")}</ul>`;
}

/** A figure with its caption and a box for each of its curves, which shows or hides it. */
export function figure(
  id: string,
  name: string,
  caption: readonly string[],
  curves: readonly string[],
): string {
  const [look = "", ...facts] = caption;
  const boxes = curves.map(
    (curve) =>
      `<label><input type="checkbox" checked data-figure="${id}" value="${text(curve)}"> ${text(curve)}</label>`,
  );
  return `<figure aria-label="${text(name)}"><div id="${id}" class="picture"></div>
<figcaption><p>${text(look)}</p>${facts.map((fact) => `<p class="facts">${text(fact)}</p>`).join("")}</figcaption>
${boxes.length < 2 ? "" : `<details class="curves"><summary>show or hide curves</summary>${boxes.join("\n")}</details>`}</figure>`;
}

/** The runs of a sweep with a box each; those that are ticked stand side by side below, by what differs among them. */
export function runTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  facts: readonly { readonly name: string; readonly facts: Readonly<Record<string, string>> }[],
): string {
  const plain = table(head, rows);
  let row = -1;
  const boxed = plain.replaceAll(/<tr>(<td[^>]*>)(.*?)<\/td>/g, (_, cell: string, name: string) => {
    row++;
    return `<tr>${cell}<label><input type="checkbox" class="run" value="${row}"> ${name}</label></td>`;
  });
  return `${boxed}
<p>Tick runs to set them side by side.</p><div id="beside" class="wide"></div>
<script type="application/json" id="runs">${embed(facts)}</script>`;
}

export function section(title: string, ...body: readonly string[]): string {
  return `<section><h2>${text(title)}</h2>\n${body.join("\n")}\n</section>`;
}

export function folded(title: string, body: string): string {
  return `<details><summary>${text(title)}</summary>\n${body}\n</details>`;
}

export function listing(content: string): string {
  return `<pre>${text(content)}</pre>`;
}

/** One file that needs nothing else: the policy forbids every load from elsewhere. `specs` are compiled Vega specs by element id. */
export function page(
  title: string,
  body: string,
  specs: Readonly<Record<string, unknown>>,
  vega: string,
): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${text(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
${body}
</main>
<div id="tooltip" role="tooltip" hidden></div>
<script type="application/json" id="specs">${embed(specs)}</script>
<script>${vega.replaceAll("</script", "<\\/script")}</script>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

const STYLE = `
:root { color-scheme: light dark; --ink: #222; --pale: #555; --line: #ddd; --paper: #fff; --sunk: #f6f6f6; --good: #1b6e3c; --doubtful: #8a5a00; --bad: #a32020; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e4e4; --pale: #aaa; --line: #3a3a3a; --paper: #181818; --sunk: #232323; --good: #7fd6a0; --doubtful: #f0c060; --bad: #ff9a90; }
  .picture { filter: invert(.906) hue-rotate(180deg); }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); margin: 0; background: var(--paper); overflow-wrap: anywhere; }
main { max-width: 72rem; margin: 0 auto; padding: clamp(.7rem, 3vw, 1.5rem); }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 1px solid var(--line); }
.status { color: var(--pale); margin: 0 0 .2rem; } .figures { margin-top: 1rem; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr)); gap: 1.5rem; }
.figures > :only-child { max-width: 60rem; }
figure { margin: 0; min-width: 0; break-inside: avoid; } .picture { background: #fff; } .picture svg { width: 100%; height: auto; display: block; }
figcaption p { margin: .3rem 0; } .facts { color: var(--pale); font-size: 13px; }
.curves label { display: inline-block; margin: .1rem .9rem .1rem 0; font-size: 14px; }
.verdicts { list-style: none; padding: 0; } .verdicts li { display: grid; grid-template-columns: 6rem 1fr; gap: .6rem; padding: .2rem 0; border-bottom: 1px solid var(--line); break-inside: avoid; }
.good b { color: var(--good); } .doubtful b { color: var(--doubtful); } .bad b { color: var(--bad); }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { text-align: left; vertical-align: top; padding: .15rem .9rem .15rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; } th, .cards td { overflow-wrap: break-word; }
.cards { width: 100%; }
pre { background: var(--sunk); padding: .7rem; font-size: 13px; white-space: pre-wrap; } summary { cursor: pointer; margin: .4rem 0; }
#tooltip { position: fixed; pointer-events: none; background: var(--paper); border: 1px solid #888; padding: .3rem .5rem; font-size: 13px; white-space: pre; box-shadow: 0 1px 4px #0003; }
#tooltip[hidden] { display: none; }
#beside :is(td, th) { min-width: 7rem; } #beside :is(td, th):first-child { min-width: 14rem; }
@media screen and (max-width: 900px) {
  .cards thead { display: none; } .cards tr { display: block; border-bottom: 2px solid var(--line); padding: .4rem 0; }
  .cards td { display: grid; grid-template-columns: 9rem 1fr; gap: .5rem; border: 0; padding: 0; }
  .cards td[data-head]::before { content: attr(data-head); color: var(--pale); }
}
@media print {
  :root { --ink: #000; --pale: #333; --line: #ccc; --paper: #fff; --sunk: #f6f6f6; --good: #000; --doubtful: #000; --bad: #000; }
  .picture { filter: none; } .curves, .run, #tooltip { display: none; } main { max-width: none; padding: 0; }
  .figures { display: block; } figure { margin-bottom: 1.5rem; }
  table { font-size: 11px; } tr { break-inside: avoid; } details .pairs { columns: 2; column-gap: 2rem; } details .pairs table { width: 100%; }
  pre { font-size: 10px; } h2 { break-after: avoid; }
}
`;

/** Draws every spec; tooltips are text nodes, so that no name can be markup. */
const SCRIPT = `
"use strict";
const specs = JSON.parse(document.getElementById("specs").textContent);
const tip = document.getElementById("tooltip");
const word = (value) => typeof value === "number" ? String(Number(value.toPrecision(6))) : String(value);
function tooltip(_handler, event, _item, value) {
  tip.hidden = value === null || value === undefined || value === "";
  if (tip.hidden) return;
  tip.textContent = typeof value === "object"
    ? Object.entries(value).map(([name, entry]) => name + ": " + word(entry)).join("\\n")
    : word(value);
  const right = event.clientX + 14 + tip.offsetWidth > window.innerWidth;
  tip.style.left = (right ? event.clientX - tip.offsetWidth - 10 : event.clientX + 14) + "px";
  tip.style.top = Math.min(event.clientY + 14, window.innerHeight - tip.offsetHeight - 4) + "px";
}
const views = {};
for (const [id, spec] of Object.entries(specs)) {
  const holder = document.getElementById(id);
  views[id] = new vega.View(vega.parse(spec), { renderer: "svg", container: holder, hover: true, tooltip });
  views[id].runAsync().then(() => holder.closest("figure").setAttribute("data-drawn", "true"));
}
for (const details of document.querySelectorAll(".curves"))
  details.addEventListener("change", ({ target }) => {
    const boxes = [...details.querySelectorAll("input")];
    const hidden = boxes.filter((box) => !box.checked).map((box) => box.value);
    views[target.dataset.figure].signal("hiddenCurves", hidden).runAsync();
  });
const runs = JSON.parse(document.getElementById("runs")?.textContent ?? "[]");
function setBeside() {
  const chosen = [...document.querySelectorAll("input.run:checked")].map((box) => runs[box.value]);
  const names = [...new Set(chosen.flatMap(({ facts }) => Object.keys(facts)))];
  const differ = names.filter((name) => new Set(chosen.map(({ facts }) => facts[name])).size > 1);
  const table = document.createElement("table");
  const add = (cells, tag) => {
    const row = table.insertRow();
    for (const cell of cells) row.appendChild(document.createElement(tag)).textContent = cell ?? "–";
  };
  if (chosen.length > 0) add(["", ...chosen.map(({ name }) => name)], "th");
  for (const name of chosen.length > 1 ? differ : names) add([name, ...chosen.map(({ facts }) => facts[name])], "td");
  document.getElementById("beside").replaceChildren(table);
}
for (const box of document.querySelectorAll("input.run")) box.addEventListener("change", setBeside);
for (const details of document.querySelectorAll("details:not(.curves)")) {
  addEventListener("beforeprint", () => { details.dataset.was = details.open; details.open = true; });
  addEventListener("afterprint", () => { details.open = details.dataset.was === "true"; });
}
`;
