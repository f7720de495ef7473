/** Operators whose results are numbers known now, or masks: shapes and comparisons. They have no gradient. */
import { type Node, sizeOf } from "../../../graph/index.js";
import type { Call } from "../call.js";
import { type Operator, type Operators, operator } from "../operator.js";
import type { Value, ValueType } from "../value.js";

const onNumbers = (map: (x: number) => number, type?: ValueType): Operator =>
  operator((call) => call.t.map(call.input(0), type ?? call.input(0).type, map));

const ofTwo = (map: (x: number, y: number) => number, type?: ValueType): Operator =>
  operator((call) => call.t.zip(call.input(0), call.input(1), type ?? call.input(0).type, map));

/** Of data and constants a mask of ones and zeros; `above` is whether x > y counts, `equal` whether x = y does. */
const comparison = (above: boolean, equal: boolean, swapped = false): Operator =>
  operator(
    (call) => {
      const { t } = call;
      const [x, y] = swapped ? [call.input(1), call.input(0)] : [call.input(0), call.input(1)];
      const holds = (p: number, q: number): number => Number((above && p > q) || (equal && p === q));
      if (x.known !== null && y.known !== null) return t.zip(x, y, "bool", holds);
      const gap = t.node(t.sub(x, y));
      const mask = (node: Node): Value => t.of(node, "bool");
      if (above && !equal) return mask(t.b.pieceOf(gap, [0]));
      const notBelow = t.b.lookup(t.b.pieceOf(t.b.neg(gap), [0]), [1, 0]);
      return mask(above ? notBelow : t.b.sub(notBelow, t.b.pieceOf(gap, [0])));
    },
    { fixed: [0, 1] },
  );

const logic = (
  map: (x: number, y: number) => number,
  ofNodes: (call: Call, x: Value, y: Value) => Value,
): Operator =>
  operator((call) => {
    const [x, y] = [call.input(0), call.input(1)];
    if (x.known !== null && y.known !== null) return call.t.zip(x, y, "bool", map);
    return { ...ofNodes(call, x, y), type: "bool" };
  });

const finiteness = (isSuch: (x: number) => boolean): Operator =>
  operator((call) => {
    const { t } = call;
    const x = call.input(0);
    return x.known === null
      ? t.broadcast(t.number(0, "bool"), x.shape)
      : t.map(x, "bool", (value) => Number(isSuch(value)));
  });

/** Numbers of the element types that Cast makes. */
const typeOf = (number: number): ValueType | null =>
  [1, 10, 11, 16].includes(number)
    ? "float"
    : [2, 3, 4, 5, 6, 7, 12, 13].includes(number)
      ? "int"
      : number === 9
        ? "bool"
        : null;

function cast(call: Call, x: Value, to: ValueType): Value {
  const { t } = call;
  if (x.type === to) return x;
  if (x.known !== null)
    return t.map(
      x,
      to,
      to === "bool" ? (value) => Number(value !== 0) : to === "int" ? Math.trunc : (value) => value,
    );
  // Whole numbers and masks are numbers to a graph; the other way round something would be lost.
  if (to === "float" || (to === "int" && x.type === "bool")) return { ...x, type: to };
  return call.fail(`makes ${to} of floating-point numbers that are not known beforehand`);
}

export const numbers: Operators = {
  Constant: operator((call) => {
    const { t } = call;
    const tensor = call.attribute("value", "tensor");
    if (tensor !== null) return t.known(tensor.read(), tensor.shape, tensor.type);
    const float = call.attribute("value_float", "float");
    if (float !== null) return t.number(float);
    const int = call.attribute("value_int", "int");
    if (int !== null) return t.number(int, "int");
    const ints = call.attribute("value_ints", "ints");
    if (ints !== null) return t.ints(ints);
    const floats = call.attribute("value_floats", "floats");
    if (floats !== null) return t.known(Float64Array.from(floats), [floats.length]);
    return call.fail("holds no numbers; gradflow reads tensors, floats and integers");
  }),
  ConstantOfShape: operator((call) => {
    const { t } = call;
    const tensor = call.attribute("value", "tensor");
    const shape = call.numbers(0, "a shape");
    const value = tensor === null ? t.number(0) : t.known(tensor.read(), [], tensor.type);
    return shape.includes(0) ? t.known(new Float64Array(0), shape, value.type) : t.broadcast(value, shape);
  }),
  Shape: operator((call) => {
    const shape = call.shapeInFile(call.input(0));
    const bound = (given: number): number =>
      Math.min(Math.max(given < 0 ? given + shape.length : given, 0), shape.length);
    return call.t.ints(shape.slice(bound(call.int("start", 0)), bound(call.int("end", shape.length))));
  }),
  Size: operator((call) => call.t.number(sizeOf(call.shapeInFile(call.input(0))), "int")),
  Range: operator((call) => {
    const [start = 0, limit = 0, delta = 1] = [0, 1, 2].map((place) => call.numbers(place, "a range")[0]);
    const length = Math.max(0, Math.ceil((limit - start) / delta));
    if (!(length <= 2 ** 27)) call.fail(`counts ${length} numbers; ${2 ** 27} is the most`);
    return call.t.known(
      Float64Array.from({ length }, (_, i) => start + i * delta),
      [length],
      call.input(0).type,
    );
  }),
  Cast: operator((call) => {
    call.ignore("saturate", "round_mode");
    const to = typeOf(call.int("to", 0));
    return to === null
      ? call.fail("makes a type that gradflow does not have")
      : cast(call, call.input(0), to);
  }),
  CastLike: operator((call) => {
    call.ignore("saturate", "round_mode");
    return cast(call, call.input(0), call.input(1).type);
  }),
  Floor: onNumbers(Math.floor),
  Ceil: onNumbers(Math.ceil),
  // Halves to even, as IEEE 754 rounds.
  Round: onNumbers((x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x))),
  Sign: onNumbers(Math.sign),
  // What is not a number ends a run with a status of its own; no graph looks for it.
  IsNaN: finiteness(Number.isNaN),
  IsInf: finiteness((x) => Math.abs(x) === Number.POSITIVE_INFINITY),
  Mod: operator((call) => {
    const isC = call.int("fmod", 0) === 1;
    return call.t.zip(call.input(0), call.input(1), call.input(0).type, (p, q) =>
      isC ? p % q : p - q * Math.floor(p / q),
    );
  }),
  Trilu: operator((call) => {
    const { t } = call;
    const x = call.input(0);
    const [rows = 1, columns = 1] = x.shape.slice(-2);
    const k = call.optional(1) === null ? 0 : (call.numbers(1, "a diagonal")[0] ?? 0);
    const upper = call.int("upper", 1) === 1;
    const mask = t.known(
      Float64Array.from({ length: rows * columns }, (_, i) => {
        const offset = (i % columns) - Math.floor(i / columns);
        return Number(upper ? offset >= k : offset <= k);
      }),
      [rows, columns],
      x.type,
    );
    return x.known === null ? t.mul(x, mask) : t.zip(mask, x, x.type, (m, v) => (m === 1 ? v : 0));
  }),
  Greater: comparison(true, false),
  GreaterOrEqual: comparison(true, true),
  Less: comparison(true, false, true),
  LessOrEqual: comparison(true, true, true),
  Equal: comparison(false, true),
  And: logic(
    (p, q) => p * q,
    (call, x, y) => call.t.mul(x, y),
  ),
  Or: logic(
    (p, q) => Math.max(p, q),
    (call, x, y) => call.t.sub(call.t.add(x, y), call.t.mul(x, y)),
  ),
  Xor: ofTwo((p, q) => Number(p !== q), "bool"),
  Not: operator((call) => {
    const { t } = call;
    const x = call.input(0);
    return x.known === null
      ? { ...t.sub(t.number(1), x), type: "bool" }
      : t.map(x, "bool", (value) => 1 - value);
  }),
};
