/** The page of a report: its style, its script and its parts as HTML. Text of records enters by `text` and JSON by `embed` alone. */

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

/** A table; cells are text. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (tag: string, row: readonly string[]) =>
    row.map((cell) => `<${tag}>${text(cell)}</${tag}>`).join("");
  const top = head.length === 0 ? "" : `<thead><tr>${cells("th", head)}</tr></thead>`;
  return `<div class="wide"><table>${top}<tbody>${rows.map((row) => `<tr>${cells("td", row)}</tr>`).join("\n")}</tbody></table></div>`;
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
body { font: 15px/1.5 system-ui, sans-serif; color: #222; margin: 0; background: #fff; }
main { max-width: 60rem; margin: 0 auto; padding: 1.5rem; }
h1 { font-size: 1.6rem; margin: 0 0 .2rem; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; border-bottom: 1px solid #ddd; }
.status { color: #555; margin: 0 0 1rem; } .wide, pre { overflow-x: auto; } figure { margin: 1rem 0 2rem; overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 14px; }
th, td { text-align: left; padding: .15rem .9rem .15rem 0; border-bottom: 1px solid #eee; white-space: nowrap; }
pre { background: #f6f6f6; padding: .7rem; font-size: 13px; } summary { cursor: pointer; margin: .4rem 0; }
#tooltip { position: fixed; pointer-events: none; background: #fff; border: 1px solid #888; padding: .3rem .5rem; font-size: 13px; white-space: pre; box-shadow: 0 1px 4px #0003; }
#tooltip[hidden] { display: none; }
@media print { details > * { display: block; } }
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
for (const [id, spec] of Object.entries(specs)) {
  new vega.View(vega.parse(spec), { renderer: "svg", container: document.getElementById(id), hover: true, tooltip })
    .runAsync()
    .then(() => document.getElementById(id).setAttribute("data-drawn", "true"));
}
`;
