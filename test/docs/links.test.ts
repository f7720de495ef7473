/** The pages hang together: every page is on the index, and every link leads to a file, a heading or a picture that is there. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { expect, it } from "vitest";
import { readIndex } from "../../scripts/typedoc-pages.js";

const pages = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync("docs").flatMap((name) => (name.endsWith(".md") ? [`docs/${name}`] : [])),
];

/** What is read as text: no programs, no inline code. */
const prose = (page: string): string =>
  readFileSync(page, "utf8")
    .replace(/```.*?```/gs, "")
    .replace(/`[^`\n]*`/g, "code");

/** Names of a page's headings as GitHub and TypeDoc make them: a second one of a name is `name-1`. */
function anchorsOf(page: string): Set<string> {
  const anchors = new Set<string>();
  const headings = readFileSync(page, "utf8")
    .replace(/```.*?```/gs, "")
    .matchAll(/^#+ (.*)$/gm);
  for (const [, heading] of headings) {
    const slug = heading!
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\p{M} _-]/gu, "")
      .replaceAll(" ", "-");
    let name = slug;
    for (let k = 1; anchors.has(name); k++) name = `${slug}-${k}`;
    anchors.add(name);
  }
  return anchors;
}

it("every page is on the index once, and has a heading of its own", () => {
  const indexed = readIndex();
  const names = readdirSync("docs").filter((name) => name.endsWith(".md") && name !== "index.md");
  expect(indexed.map(({ file }) => file).sort()).toEqual(names.map((name) => `docs/${name}`).sort());
  expect(new Set(indexed.map(({ title }) => title)).size).toBe(indexed.length);
});

it.each(pages)("the links of %s lead somewhere", (page) => {
  const broken = [...prose(page).matchAll(/\]\(([^)\s]+)\)/g)].flatMap(([, link]) => {
    if (/^[a-z]+:/.test(link!)) return [];
    const [path, anchor] = link!.split("#");
    const target = path === "" ? page : normalize(join(dirname(page), path!));
    if (!existsSync(target)) return [link];
    return anchor === undefined || anchorsOf(target).has(anchor) ? [] : [link];
  });
  expect(broken).toEqual([]);
});
