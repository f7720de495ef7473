/** Arithmetic entry by entry. */
import type { Call } from "../call.js";
import { type Operators, operator } from "../operator.js";
import type { Value } from "../value.js";

const binary = (name: "add" | "sub" | "mul" | "div") =>
  operator((call) => call.t[name](call.input(0), call.input(1)));

const unary = (name: "neg" | "exp" | "log" | "sqrt" | "sin" | "cos" | "tanh" | "sigmoid" | "erf") =>
  operator((call) => call.t[name](call.input(0)));

export const elementwise: Operators = {
  Add: binary("add"),
  Sub: binary("sub"),
  Mul: binary("mul"),
  Div: binary("div"),
  Neg: unary("neg"),
  Exp: unary("exp"),
  Log: unary("log"),
  Sqrt: unary("sqrt"),
  Sin: unary("sin"),
  Cos: unary("cos"),
  Tanh: unary("tanh"),
  Sigmoid: unary("sigmoid"),
  Erf: unary("erf"),
  Reciprocal: operator((call) => call.t.div(call.t.number(1), call.input(0))),
  Sum: operator((call) => call.inputs.reduce((p, q) => call.t.add(p, q))),
  Mean: operator((call) =>
    call.t.scale(
      call.inputs.reduce((p, q) => call.t.add(p, q)),
      1 / call.inputs.length,
    ),
  ),
  Pow: operator(power, { fixed: [1] }),
};

/** x^p with a known p: products for whole p, roots for halves, exp(p·ln x) for others. */
function power(call: Call): Value {
  const { t } = call;
  const [x, exponent] = [call.input(0), call.input(1)];
  if (x.known !== null && exponent.known !== null) return t.zip(x, exponent, x.type, (p, q) => p ** q);
  const powers = new Set(
    t.numbers(
      exponent,
      "takes exponents that the file fixes, and here they depend on the data or on parameters",
    ),
  );
  if (powers.size !== 1) call.fail("takes one exponent for all entries");
  const [p] = powers as unknown as [number];
  const whole = (value: Value, k: number): Value => {
    if (k === 1) return value;
    const half = whole(value, Math.floor(k / 2));
    const square = t.mul(half, half);
    return k % 2 === 0 ? square : t.mul(square, value);
  };
  if (p === 0) return t.broadcast(t.number(1), x.shape);
  const size = Math.abs(p);
  const made =
    Number.isInteger(size) && size <= 64
      ? whole(x, size)
      : Number.isInteger(2 * size) && size <= 64
        ? size < 1
          ? t.sqrt(x)
          : t.mul(whole(x, Math.floor(size)), t.sqrt(x))
        : t.exp(t.scale(t.log(x), size));
  return p > 0 ? made : t.div(t.number(1), made);
}
