/** YAML text → a document, or what is wrong with it in our words. Stricter than YAML: what would be misread is a fault. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  LineCounter,
  type ParsedNode,
  parseDocument,
  visit,
  type YAMLError,
} from "yaml";

export interface Fault {
  readonly message: string;
  /** Where in the text. */
  readonly offset: number;
}

export interface ParsedYaml {
  readonly document: Document;
  readonly lines: LineCounter;
  /** The document as plain values; undefined where there are faults. */
  readonly value: unknown;
  readonly faults: readonly Fault[];
}

/** Bound on how far aliases may multiply the document (yaml's `maxAliasCount`). */
const MAX_ALIAS_COUNT = 100;

/** Reads one document. Never throws. */
export function readYaml(text: string): ParsedYaml {
  const lines = new LineCounter();
  const refuse = (document: Document, faults: readonly Fault[]): ParsedYaml => {
    return { document, lines, value: undefined, faults };
  };
  let document: Document;
  try {
    document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  } catch {
    // Brackets nest deeper than the parser's stack.
    return refuse(parseDocument(""), [{ message: TOO_DEEP, offset: 0 }]);
  }
  const errors = [...document.errors, ...document.warnings];
  const faults = errors.length > 0 ? errors.map((error) => describeError(error, text)) : faultsOf(document);
  if (faults.length > 0) return refuse(document, faults);
  try {
    return { document, lines, value: document.toJS({ maxAliasCount: MAX_ALIAS_COUNT }) as unknown, faults };
  } catch (error) {
    return refuse(document, [{ message: `${(error as Error).message}.`, offset: 0 }]);
  }
}

const TOO_DEEP = "lists or sections nest too deeply to be read; flatten them.";

/** Errors that a name glued to its value causes. */
const OF_GLUED_NAMES = ["MISSING_CHAR", "MULTILINE_IMPLICIT_KEY", "BLOCK_IN_FLOW"];

function describeError({ code, message, pos }: YAMLError, text: string): Fault {
  const [offset] = pos;
  if (code === "RESOURCE_EXHAUSTION") return { message: TOO_DEEP, offset };
  if (code === "DUPLICATE_KEY")
    return { message: "this key stands in its section already; remove one of the two.", offset };
  if (code === "TAB_AS_INDENT") return { message: "indent with spaces, not tabs.", offset };
  const part = text.slice(...pos);
  const line = text.slice(text.lastIndexOf("\n", offset - 1) + 1).split("\n", 1)[0] as string;
  const glued = /^\s*([A-Za-z]\w*):(?=[^\s:/])/.exec(line)?.[1];
  if (OF_GLUED_NAMES.includes(code) && glued !== undefined)
    return { message: `put a space after the colon of ${glued}: in ${JSON.stringify(line.trim())}.`, offset };
  const shown = part.trim() === "" || part.includes("\n") ? "" : ` (at ${JSON.stringify(part.slice(0, 40))})`;
  return { message: `${message}${shown}.`, offset };
}

/** What YAML takes and a reader would not expect. */
function faultsOf(document: Document): Fault[] {
  const faults: Fault[] = [];
  visit(document, {
    Pair(_, { key }) {
      if (isScalar(key) && key.value !== null) return;
      if (isScalar(key)) {
        faults.push({ message: "a key is missing before the colon.", offset: key.range?.[0] ?? 0 });
        return visit.SKIP;
      }
      const offset = (key as ParsedNode | null)?.range?.[0] ?? 0;
      faults.push({ message: "a key must be a plain word, not a list, a section or an alias.", offset });
      return visit.SKIP;
    },
    Alias(_, alias, path) {
      const target = alias.resolve(document);
      const offset = (alias as ParsedNode).range?.[0] ?? 0;
      if (target !== undefined && (path as readonly unknown[]).includes(target)) {
        faults.push({ message: `*${alias.source} stands inside what it stands for.`, offset });
      }
    },
    Scalar(key, { value, source, range }) {
      if (key === "key" || typeof value !== "number" || !/^[+-]?0\d/.test(source ?? "")) return;
      const plain = String(source).replace(/^([+-]?)0+(?=\d)/, "$1");
      const octal = /^[+-]?0[0-7]+$/.test(source ?? "") ? `, or 0o${plain} if octal is meant` : "";
      const message = `${source} begins with a zero, which some read as octal; write ${plain}${octal}.`;
      faults.push({ message, offset: range?.[0] ?? 0 });
    },
  });
  return faults;
}

/** Whether the value at a path is not written at all, as in `key:` (`null` and `~` are written). */
export function isUnwritten(document: Document, path: readonly PropertyKey[]): boolean {
  let node: unknown = document.contents;
  for (const [depth, key] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document);
    if (isMap(node)) {
      const pair = node.items.find((item) => isScalar(item.key) && String(item.key.value) === String(key));
      if (pair === undefined) return false;
      node = pair.value;
    } else {
      const entry = (node as { items?: unknown[] } | null)?.items?.[Number(key)];
      if (entry === undefined) return false;
      node = entry;
    }
    if (node === null) return depth === path.length - 1;
  }
  return node === null || (isScalar(node) && node.value === null && (node.source ?? "") === "");
}
