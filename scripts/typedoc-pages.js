// The plugin of TypeDoc that `npm run docs` loads (typedoc.json). The navigation of the site is docs/index.md: its sections and their order are
// the groups, and a page is called what its first heading says. Diagrams are drawn here.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { Application, Converter, PageEvent, Renderer } from "typedoc";
import { drawDiagram } from "./diagram.js";

/** Pages of docs/ in the order of the index, each with the section that it stands in and its heading. */
export function readIndex() {
  const parts = readFileSync("docs/index.md", "utf8").split(/^## /m).slice(1);
  return parts.flatMap((part) => {
    const section = part.slice(0, part.indexOf("\n"));
    return [...part.matchAll(/\]\(([a-z-]+)\.md\)/g)].map(([, name]) => {
      const file = `docs/${name}.md`;
      return { name, file, section, title: /^# (.*)$/m.exec(readFileSync(file, "utf8"))[1] };
    });
  });
}

const DIAGRAM = /^```mermaid\n(.*?)^```$/gms;

/** Every diagram of the pages by its text, drawn. */
async function drawDiagrams(pages) {
  const texts = pages.flatMap(({ file }) => [...readFileSync(file, "utf8").matchAll(DIAGRAM)]);
  return new Map(await Promise.all(texts.map(async ([, text]) => [text.trim(), await drawDiagram(text)])));
}

/** @param {import("typedoc").Application} app */
export async function load(app) {
  const pages = readIndex();
  const diagrams = await drawDiagrams(pages);
  const find = (name) => pages.find((page) => page.name === basename(name));
  app.on(Application.EVENT_BOOTSTRAP_END, () => {
    app.options.setValue(
      "projectDocuments",
      pages.map(({ file }) => file),
    );
    app.options.setValue("groupOrder", [...new Set(pages.map(({ section }) => section)), "*"]);
  });
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_, document) => {
    const page = find(document.name);
    document.frontmatter["group"] = page.section;
    document.name = page.name;
    for (const part of document.content) {
      const [, text] = /^```mermaid\n(.*)^```$/ms.exec(part.text) ?? [];
      if (text !== undefined) Object.assign(part, { kind: "text", text: diagrams.get(text.trim()) });
    }
  });
  // On a narrow page a picture's small print cannot be read: it leads to itself in full size, as on GitHub.
  app.renderer.on(PageEvent.END, (page) => {
    page.contents = page.contents?.replaceAll(
      /<img src="([^"]+)"[^>]*>/g,
      '<a class="picture" href="$1">$&</a>',
    );
  });
  // Addresses are made of the names of the files, and given by then.
  app.renderer.on(Renderer.EVENT_BEGIN, ({ project }) => {
    for (const document of project.documents ?? []) document.name = find(document.name).title;
  });
}
