/** Where a field stands: the line of its key in the YAML text, or the `--set` that gave it. */
import { type Document, isAlias, isMap, isNode, isScalar, isSeq, type LineCounter } from "yaml";
import type { Problem } from "../errors.js";
import { citeOverride, type Override } from "./overrides.js";

/** Finds file and line of a path; of the nearest enclosing section when the field itself is not written. */
export type Locate = (path: readonly PropertyKey[]) => Pick<Problem, "file" | "line">;

/** A locator over a parsed document and the overrides laid over it. */
export function createLocate(
  file: string,
  document: Document,
  lines: LineCounter,
  overrides: readonly Override[],
): Locate {
  return (path) => {
    const keys = path.map(String);
    const found = findNode(document, keys);
    const cited = overrides.findLast(
      (override) =>
        startsWith(keys, override.path) || (found.depth < keys.length && startsWith(override.path, keys)),
    );
    if (cited !== undefined) return { file: citeOverride(cited.text) };
    return found.offset === null ? { file } : { file, line: lines.linePos(found.offset).line };
  };
}

function startsWith(path: readonly string[], head: readonly string[]): boolean {
  return head.length <= path.length && head.every((key, i) => key === path[i]);
}

/** Follows the path as far as it is written: how far that was, and the offset of the last key found. */
function findNode(document: Document, path: readonly string[]): { depth: number; offset: number | null } {
  let node: unknown = document.contents;
  let offset: number | null = null;
  for (const [depth, key] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    let next: unknown;
    if (isMap(node)) {
      const pair = node.items.find((item) => String(isScalar(item.key) ? item.key.value : item.key) === key);
      if (pair === undefined) return { depth, offset };
      offset = startOf(pair.key) ?? offset;
      next = pair.value;
    } else if (isSeq(node) && node.items[Number(key)] !== undefined) {
      next = node.items[Number(key)];
      offset = startOf(next) ?? offset;
    } else return { depth, offset };
    node = next;
  }
  return { depth: path.length, offset };
}

function startOf(node: unknown): number | null {
  return isNode(node) ? (node.range?.[0] ?? null) : null;
}
