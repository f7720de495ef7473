/** Random damage to studies, tables and records, from a seed: what a slip of the hand, a bad disk or an ill will may leave. */

/** Uniform on [0, 1) from a seed (mulberry32). */
export function createDice(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
  const below = (count) => Math.floor(count * next());
  return { next, below, one: (list) => list[below(list.length)], often: (share) => next() < share };
}

/** Would run if any page held it as it is. */
export const MARKUP = "<img src=x onerror=fuzz()>";

const NAMES = ["constructor", "__proto__", "toString", "hasOwnProperty", "valueOf", "prototype", "length"];
const PATHS = [
  "../outside",
  "../../outside",
  "/tmp/gradflow-outside",
  "..",
  ".",
  "a/b",
  "a\\b",
  "C:\\x",
  "~",
];
const TEXTS = [
  ...NAMES,
  ...PATHS,
  ...["", " ", MARKUP, "</script><script>fuzz()</script>", "\u001b[2J", "\u0000", "a\nb", "\u202e", "=1+1"],
  ...["$(touch outside)", "`id`", "%00", "é", "😀", "n".repeat(300), "null", "NaN", "1e9", "-", "#", "&a"],
];
/** Too large for any machine, or small: what lies between would only cost time. */
const NUMBERS = [
  ...[0, -0, 1, -1, 0.5, 2, 3, -1e-300, 1e-300, 5e-324, 1e9, 2 ** 31, 2 ** 32, 2 ** 53, 1e15, 1e300],
  ...[-1e300, Number.MAX_VALUE, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
];

function nested(depth, leaf) {
  let value = leaf;
  for (let k = 0; k < depth; k++) value = k % 2 === 0 ? [value] : { a: value };
  return value;
}

export function oddValue(dice) {
  const kind = dice.below(8);
  if (kind < 3) return dice.one(NUMBERS);
  if (kind < 5) return dice.one(TEXTS);
  if (kind === 5) return dice.one([null, true, false, [], {}, [[]], [null], { kind: "x" }]);
  if (kind === 6)
    return dice.one([[1e9], [-1], [0], ["x"], [1, "a"], [[1]], { a: { b: [] } }, { [MARKUP]: 1 }]);
  return nested(dice.one([3, 40, 400]), 1);
}

/** Every place below a value, as the container and its key. */
function placesOf(value, found = []) {
  if (typeof value !== "object" || value === null) return found;
  for (const key of Object.keys(value)) {
    found.push([value, key]);
    placesOf(value[key], found);
  }
  return found;
}

const isList = Array.isArray;

/** Does one thing to a plain value, in place. */
export function mutatePlain(value, dice) {
  const places = placesOf(value);
  const [container, key] = dice.one(places);
  const rename = (name) => {
    if (isList(container)) container[key] = { [name]: container[key] };
    else {
      Object.defineProperty(container, name, {
        value: container[key],
        enumerable: true,
        configurable: true,
        writable: true,
      });
      if (name !== key) delete container[key];
    }
  };
  const acts = [
    () => (isList(container) ? container.splice(Number(key), 1) : delete container[key]),
    () => rename(`${key}x`),
    () => rename(dice.one([...NAMES, MARKUP, "a.b", "", "../x"])),
    () => {
      container[key] = oddValue(dice);
    },
    () => {
      container[key] = typeof container[key] === "number" ? dice.one(NUMBERS) : oddValue(dice);
    },
    () => {
      container[key] = typeof container[key] === "string" ? dice.one(TEXTS) : [container[key]];
    },
    () => {
      const [from, name] = dice.one(places);
      container[key] = structuredClone(from[name]);
    },
    () => {
      if (isList(container)) container.push(structuredClone(container[key]));
      else container[dice.one(NAMES.slice(0, 1).concat("extra"))] = oddValue(dice);
    },
  ];
  dice.one(acts)();
}

/** Does one thing to the text of a study that its values cannot have. */
export function mutateText(text, dice) {
  const lines = text.split("\n");
  const k = dice.below(lines.length);
  const put = (...instead) => [...lines.slice(0, k), ...instead, ...lines.slice(k + 1)].join("\n");
  const line = lines[k];
  const [, indent = "", key = "name"] = /^(\s*(?:- )?)([\w-]+):/.exec(line) ?? [];
  const acts = [
    () => put(line, line), // a key twice
    () => put(line.replace(":", "")),
    () => put(line.replace(": ", ":")),
    () => put(`\t${line}`),
    () => put(`${indent}${key}: &a [*a]`),
    () => put(`${indent}${key}: &a { b: *a }`),
    () => put(`${indent}${key}: *nowhere`),
    () => put(`${indent}${key}: ${"[".repeat(3000)}${"]".repeat(3000)}`),
    () => put(`${indent}${key}: ${"[".repeat(40)}`),
    () => put(`${indent}? [1, 2]\n${indent}: 3`),
    () => put(`${indent}"__proto__": { kind: dnn }`),
    () => put(`${indent}<<: { kind: dnn }`),
    () => put(`${indent}${key}: !!js/function "x"`),
    () => put(`${indent}${key}: 010`),
    () => put(`${indent}${key}: ${"9".repeat(400)}`),
    () => put(`a: &x [${"1,".repeat(99)}1]\nb: [${"*x,".repeat(200)}*x]`),
    () => `${text}\n---\n${text}`,
    () => text.slice(0, dice.below(text.length)),
    () => `${text.slice(0, dice.below(text.length))}\u0000${text}`,
    () => `\ufeff${text}`,
    () => text.replaceAll("\n", "\r\n"),
    () => mutateBytes(Buffer.from(text), dice).toString("latin1"),
    () => "",
    () => "[]",
    () => "x".repeat(2 << 20),
  ];
  return dice.one(acts)();
}

/** Flips bits, cuts, doubles or puts bytes in. */
export function mutateBytes(bytes, dice) {
  const at = dice.below(bytes.length + 1);
  const acts = [
    () => bytes.subarray(0, at),
    () => Buffer.concat([bytes, bytes.subarray(at)]),
    () => Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + dice.below(40))]),
    () => Buffer.concat([bytes.subarray(0, at), Buffer.from(dice.one(TEXTS)), bytes.subarray(at)]),
    () =>
      Buffer.concat([
        bytes.subarray(0, at),
        Buffer.alloc(1 + dice.below(64), dice.below(256)),
        bytes.subarray(at),
      ]),
    () => Buffer.alloc(0),
    () => {
      const flipped = Buffer.from(bytes);
      // The head of a binary file says what the rest is.
      const span = dice.often(0.5) ? Math.min(128, bytes.length) : bytes.length;
      for (let k = 1 + dice.below(4); k > 0 && span > 0; k--) flipped[dice.below(span)] ^= 1 << dice.below(8);
      return flipped;
    },
  ];
  return dice.one(acts)();
}

/** Does one thing to the text of a table. */
export function mutateTable(text, dice) {
  const rows = text.split("\n").map((line) => line.split(","));
  const row = dice.below(rows.length);
  const column = dice.below(rows[row].length);
  const cell = (value) => {
    rows[row][column] = String(value);
    return rows.map((cells) => cells.join(",")).join("\n");
  };
  const acts = [
    () => cell(dice.one(NUMBERS)),
    () => cell(dice.one(TEXTS)),
    () => cell(""),
    () => cell('"'),
    () => cell(`"${MARKUP}"`),
    () => cell("9".repeat(5000)),
    () => {
      rows[row].splice(column, 1);
      return rows.map((cells) => cells.join(",")).join("\n");
    },
    () => {
      rows.splice(row, 1);
      return rows.map((cells) => cells.join(",")).join("\n");
    },
    () => {
      rows[row].push("1");
      return rows.map((cells) => cells.join(",")).join("\n");
    },
    () => rows.map((cells) => cells.join(";")).join("\n"),
    () => rows.map((cells) => [...cells].reverse().join(",")).join("\r\n"),
    () => mutateBytes(Buffer.from(text), dice).toString("latin1"),
    () => mutateBytes(Buffer.from(text), dice).toString("latin1"),
  ];
  return dice.one(acts)();
}
