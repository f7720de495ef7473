import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { readDiagram } from "../../scripts/diagram.js";
import { REPOSITORY } from "../cli/gradflow.js";

const docs = join(REPOSITORY, "docs");
const diagrams = readdirSync(docs)
  .filter((name) => name.endsWith(".md"))
  .flatMap((name) => [...readFileSync(join(docs, name), "utf8").matchAll(/^```mermaid\n(.*?)^```$/gms)])
  .map(([, text]) => text!);

it("the site can draw every diagram of the pages, and the house's boxes are folders and files", () => {
  expect(diagrams.length).toBeGreaterThan(0);
  for (const diagram of diagrams) {
    const { nodes, edges } = readDiagram(diagram);
    // A line an arrow, below the line that says what it is.
    expect(edges).toHaveLength(diagram.trim().split("\n").length - 1);
    for (const { label } of nodes.map(({ attributes }) => attributes)) {
      const place = join(REPOSITORY, "src", label);
      expect(existsSync(place) || existsSync(`${place}.ts`), label).toBe(true);
    }
  }
});

it("a line that it cannot draw is refused, not left out", () => {
  expect(readDiagram('graph TD\n  a --> b["deep/b"]\n  b --> c').nodes).toEqual([
    { name: "a", attributes: { label: "a" } },
    { name: "b", attributes: { label: "deep/b" } },
    { name: "c", attributes: { label: "c" } },
  ]);
  expect(() => readDiagram("graph TD\n  a -.-> b")).toThrow('"a -.-> b" is no arrow');
  expect(() => readDiagram("graph LR\n  a --> b")).toThrow("graph TD");
});
