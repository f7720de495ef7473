// Diagrams of the pages for the site: the few lines of Mermaid that docs/ uses, laid out by Graphviz (in WebAssembly, no browser) as SVG.
// GitHub draws the same blocks by itself.

const NODE = String.raw`(\w+)(?:\["([^"]*)"\])?`;
const ARROW = new RegExp(`^${NODE} --> ${NODE}$`);

/**
 * Nodes and edges of a block `graph TD` whose lines are arrows `a --> b`, with labels as `a["label"]`.
 * @throws Error on any other line: what is not drawn must not be lost in silence.
 */
export function readDiagram(text) {
  const [head, ...lines] = text.trim().split("\n");
  if (head.trim() !== "graph TD") throw new Error(`diagram: "${head}" where only "graph TD" is drawn`);
  const labels = new Map();
  const edges = lines.map((line) => {
    const arrow = ARROW.exec(line.trim());
    if (arrow === null) throw new Error(`diagram: "${line.trim()}" is no arrow a --> b`);
    const [, tail, tailLabel, head, headLabel] = arrow;
    for (const [name, label] of [
      [tail, tailLabel],
      [head, headLabel],
    ])
      if (label !== undefined || !labels.has(name)) labels.set(name, label ?? name);
    return { tail, head };
  });
  return { nodes: [...labels].map(([name, label]) => ({ name, attributes: { label } })), edges };
}

/** The diagram as one line of SVG in the colour of the words around it. */
export async function drawDiagram(text) {
  const { nodes, edges } = readDiagram(text);
  // Graphviz is loaded where something is drawn, not by whoever reads a diagram.
  const { instance } = await import("@viz-js/viz");
  const svg = (await instance()).renderString(
    {
      ...{ directed: true, nodes, edges },
      graphAttributes: { ranksep: 0.45, nodesep: 0.3, bgcolor: "transparent" },
      nodeAttributes: { shape: "box", style: "rounded", fontname: "sans-serif", fontsize: 13, height: 0.35 },
      edgeAttributes: { arrowsize: 0.6, penwidth: 0.7 },
    },
    { format: "svg" },
  );
  const said = edges.map(({ tail, head }) => `${tail} to ${head}`).join(", ");
  return svg
    .slice(svg.indexOf("<svg"))
    .replaceAll(/<!--.*?-->|<title>.*?<\/title>/gs, "")
    .replaceAll(/(stroke|fill)="(?:black|#000000)"/g, '$1="currentColor"')
    .replaceAll("<text ", '<text fill="currentColor" ')
    .replace("<svg ", `<svg class="diagram" role="img" aria-label="Arrows: ${said}" `)
    .replaceAll(/\s*\n\s*/g, " ");
}
