/** Import cycles, those of types included, which the linter passes over: docs/architecture.md says that there are none. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import ts from "typescript";
import { describe, expect, test } from "vitest";

const root = join(import.meta.dirname, "../src");

type Imports = ReadonlyMap<string, readonly string[]>;

/** Of every file the files that it imports or re-exports, by value or by type, as paths below src. */
function readImports(): Imports {
  const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".ts"),
  );
  return new Map(
    files.map((file) => {
      const { importedFiles } = ts.preProcessFile(readFileSync(join(root, file), "utf8"));
      const own = importedFiles.map(({ fileName }) => fileName).filter((name) => name.startsWith("."));
      const targets = own.map((name) => join(dirname(file), name.replace(/\.js$/, ".ts")));
      return [file, targets] as const;
    }),
  );
}

/** A cycle, its first file repeated at the end; null where there is none. */
function findCycle(imports: Imports): string[] | null {
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): string[] | null => {
    const at = path.indexOf(file);
    if (at >= 0) return [...path.slice(at), file];
    if (done.has(file)) return null;
    path.push(file);
    for (const target of imports.get(file) ?? []) {
      const cycle = visit(target);
      if (cycle !== null) return cycle;
    }
    path.pop();
    done.add(file);
    return null;
  };
  for (const file of imports.keys()) {
    const cycle = visit(file);
    if (cycle !== null) return cycle;
  }
  return null;
}

describe("imports", () => {
  const imports = readImports();

  test("are all read: every one leads to a file", () => {
    expect(imports.size).toBeGreaterThan(150);
    for (const [file, targets] of imports)
      for (const target of targets) expect(imports.has(target), `${file}: ${target}`).toBe(true);
    // One by type alone.
    expect(imports.get("ode/step-size.ts")).toContain("ode/vector-space.ts");
  });

  test("a cycle is found where there is one", () => {
    const edges: [string, string[]][] = [
      ["a", ["b", "c"]],
      ["b", ["c"]],
      ["c", ["d"]],
      ["d", ["b"]],
    ];
    expect(findCycle(new Map(edges))).toEqual(["b", "c", "d", "b"]);
    expect(findCycle(new Map(edges.slice(0, 3)))).toBeNull();
  });

  test("of files make no cycle", () => expect(findCycle(imports)).toBeNull());

  test("of folders make no cycle", () => {
    const folderOf = (file: string) => file.split("/")[0]!;
    const between = new Map<string, string[]>();
    for (const [file, targets] of imports) {
      const others = targets.map(folderOf).filter((folder) => folder !== folderOf(file));
      between.set(folderOf(file), [...(between.get(folderOf(file)) ?? []), ...others]);
    }
    expect(findCycle(between)).toBeNull();
  });
});
