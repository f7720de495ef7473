/** Products of matrices. */
import { sizeOf } from "../../../graph/index.js";
import type { Call } from "../call.js";
import { type Operators, operator } from "../operator.js";
import type { Value } from "../value.js";

export const linear: Operators = {
  Gemm: operator(gemm, { bias: 2 }),
  MatMul: operator((call) => affine(call) ?? matmul(call, call.input(0), call.input(1))),
};

/** x·W + b of trained parameters as our own dense layers build it; null where the node is none. */
function affine(call: Call): Value | null {
  const { dense, scope, t } = call;
  if (dense === null) return null;
  call.ignore("alpha", "beta", "transA", "transB");
  const { weight, bias } = dense;
  const x = call.input(0);
  const d = x.shape[x.shape.length - 1];
  if (d === undefined || x.shape.length < 2) return call.fail(`multiplies matrices, got [${x.shape}]`);
  const [rows, columns] = call.pass.matrix(weight);
  if (rows !== d)
    call.fail(`multiplies [${x.shape}] by ${weight} [${rows}, ${columns}]: ${d} against ${rows}`);
  const flat = t.node(t.reshape(x, [sizeOf(x.shape) / d, d]));
  const z = scope.affine(flat, columns, bias !== null, { weight, bias: bias ?? "" });
  return t.reshape(t.of(z), [...x.shape.slice(0, -1), columns]);
}

function gemm(call: Call): Value {
  const own = affine(call);
  if (own !== null) return own;
  const { t } = call;
  const [alpha, beta] = [call.float("alpha", 1), call.float("beta", 1)];
  const [transposeA, transposeB] = [call.int("transA", 0) !== 0, call.int("transB", 0) !== 0];
  const [x, y] = [call.input(0), call.input(1)];
  if (x.shape.length !== 2 || y.shape.length !== 2)
    call.fail(`takes matrices, got [${x.shape}] and [${y.shape}]`);
  const made = product(call, x, y, transposeA, transposeB);
  const shift = call.optional(2);
  const scaled = t.scale(made, alpha);
  return shift === null || beta === 0 ? scaled : t.add(scaled, t.scale(shift, beta));
}

/** As numpy.matmul: a vector is a row on the left and a column on the right, and loses that axis again. */
export function matmul(call: Call, x: Value, y: Value): Value {
  const { t } = call;
  const left = x.shape.length === 1 ? t.reshape(x, [1, ...x.shape]) : x;
  const right = y.shape.length === 1 ? t.reshape(y, [...y.shape, 1]) : y;
  const made = product(call, left, right, false, false);
  const rank = made.shape.length;
  const lost = [...(x.shape.length === 1 ? [rank - 2] : []), ...(y.shape.length === 1 ? [rank - 1] : [])];
  return lost.length === 0
    ? made
    : t.reshape(
        made,
        made.shape.filter((_, axis) => !lost.includes(axis)),
      );
}

function product(call: Call, x: Value, y: Value, transposeA: boolean, transposeB: boolean): Value {
  const { t } = call;
  try {
    return t.of(t.b.matmul(t.node(x), t.node(y), { transposeA, transposeB }));
  } catch (error) {
    return call.fail((error as Error).message);
  }
}
