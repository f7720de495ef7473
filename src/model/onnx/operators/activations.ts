/** Activations. Kinks become sites: what is piecewise polynomial by its table, what bends otherwise through min(x, 0). */
import type { ActivationSpec } from "../../activation.js";
import { softplus } from "../../softplus.js";
import type { Call } from "../call.js";
import { type Operator, type Operators, operator } from "../operator.js";
import type { Value } from "../value.js";
import { LARGEST_FLOAT } from "./maxima.js";

type Pieces = Extract<ActivationSpec, { kind: "piecewise-polynomial" }>;

const pieces = (breakpoints: number[], ...coefficients: number[][]): Pieces => ({
  ...{ kind: "piecewise-polynomial", breakpoints, coefficients },
});

/** min(x, 0), the part below zero. */
const below = (call: Call, x: Value): Value => call.activate(x, pieces([0], [0, 1], [0]));

/** e^u − 1 = tanh(u/2)(e^u + 1), without cancellation. */
const expm1 = ({ t }: Call, u: Value): Value => t.mul(t.tanh(t.scale(u, 0.5)), t.add(t.exp(u), t.number(1)));

const activation = (spec: (call: Call) => ActivationSpec): Operator =>
  operator((call) => call.activate(call.input(0), spec(call)));

/** A slope below zero; one that is not within [0, 1) is a table like any. */
function leaky(call: Call, x: Value, slope: number): Value {
  if (slope === 1) return x;
  return call.activate(
    x,
    slope >= 0 && slope < 1 ? { kind: "leaky-relu", slope } : pieces([0], [0, slope], [0, 1]),
  );
}

/** gain·(x above zero, alpha(e^{x/sharpness} − 1) below). */
function exponentialBelow(call: Call, alpha: number, gain = 1, sharpness = 1): Value {
  const { t } = call;
  const x = call.input(0);
  const low = below(call, x);
  const bend = t.scale(expm1(call, t.scale(low, 1 / sharpness)), alpha);
  return t.scale(t.add(t.sub(x, low), bend), gain);
}

/** min(max(αx + β, 0), 1) as a table; `times` x for the hard swish. */
function ramp(alpha: number, beta: number, times: "1" | "x"): Pieces {
  const [low, high] = [-beta / alpha, (1 - beta) / alpha];
  const order = (first: number[], last: number[]): Pieces => {
    const middle = times === "1" ? [beta, alpha] : [0, beta, alpha];
    const shift = (constant: number[]) => (times === "1" ? constant : [0, ...constant]);
    return pieces([Math.min(low, high), Math.max(low, high)], shift(first), middle, shift(last));
  };
  return alpha > 0 ? order([0], [1]) : order([1], [0]);
}

/** Bounds are constants that the file fixes; absent or infinite ones do not bend. */
function clip(call: Call): Value {
  const { t } = call;
  const x = call.input(0);
  const bound = (place: number): number | null => {
    if (call.optional(place) === null) return null;
    const [value] = call.numbers(place, "bounds");
    return value === undefined || !Number.isFinite(value) || Math.abs(value) >= LARGEST_FLOAT ? null : value;
  };
  const [low, high] = [bound(1), bound(2)];
  if (low !== null && high !== null && low >= high) return t.broadcast(t.number(high, x.type), x.shape);
  if (x.known !== null)
    return t.map(x, x.type, (value) => Math.min(Math.max(value, low ?? value), high ?? value));
  if (low === 0 && high === null) return call.relu(x);
  if (low === 0 && high === 6) return call.activate(x, { kind: "relu6" });
  if (low === -1 && high === 1) return call.activate(x, { kind: "hard-tanh" });
  if (low !== null && high !== null) return call.activate(x, pieces([low, high], [low], [0, 1], [high]));
  if (low !== null) return call.activate(x, pieces([low], [low], [0, 1]));
  return high === null ? x : call.activate(x, pieces([high], [0, 1], [high]));
}

const softPlus = (call: Call, x: Value): Value => call.t.of(softplus(call.t.b, call.t.node(x)));

export const activations: Operators = {
  Relu: activation(() => ({ kind: "relu" })),
  LeakyRelu: operator((call) => leaky(call, call.input(0), call.float("alpha", 0.01))),
  Abs: activation(() => ({ kind: "abs" })),
  PRelu: operator((call) => {
    const { t } = call;
    const [x, slope] = [call.input(0), call.input(1)];
    if (slope.known !== null && slope.known.length === 1) return leaky(call, x, slope.known[0] as number);
    const low = below(call, x);
    return t.add(t.sub(x, low), t.mul(slope, low));
  }),
  Clip: operator(clip, { fixed: [1, 2] }),
  HardSigmoid: operator((call) => {
    const [alpha, beta] = [call.float("alpha", 0.2), call.float("beta", 0.5)];
    if (alpha === 0) return call.fail("has alpha 0, which makes it a constant");
    return call.activate(
      call.input(0),
      Math.fround(alpha) === Math.fround(1 / 6) && beta === 0.5
        ? { kind: "hard-sigmoid" }
        : ramp(alpha, beta, "1"),
    );
  }),
  HardSwish: activation(() => ramp(1 / 6, 0.5, "x")),
  Elu: operator((call) => exponentialBelow(call, call.float("alpha", 1))),
  Celu: operator((call) => {
    const alpha = call.float("alpha", 1);
    return exponentialBelow(call, alpha, 1, alpha);
  }),
  Selu: operator((call) =>
    // Defaults as ONNX and PyTorch have them.
    exponentialBelow(call, call.float("alpha", 1.6732632423543772), call.float("gamma", 1.0507009873554805)),
  ),
  Softplus: operator((call) => softPlus(call, call.input(0))),
  Softsign: operator((call) => {
    const { t } = call;
    const x = call.input(0);
    return t.div(x, t.add(t.number(1), call.activate(x, { kind: "abs" })));
  }),
  Mish: operator((call) => call.t.mul(call.input(0), call.t.tanh(softPlus(call, call.input(0))))),
  Swish: operator((call) => {
    const { t } = call;
    const x = call.input(0);
    return t.mul(x, t.sigmoid(t.scale(x, call.float("alpha", 1))));
  }),
  Gelu: operator((call) => {
    const { t } = call;
    const x = call.input(0);
    if (call.string("approximate", "none") === "tanh") return call.activate(x, { kind: "gelu" });
    return t.mul(t.scale(x, 0.5), t.add(t.number(1), t.erf(t.scale(x, Math.SQRT1_2))));
  }),
};
