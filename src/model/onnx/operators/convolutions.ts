/** Convolutions and their adjoints, over one axis or several. */
import { correlate, samplesFirst, samplesLast } from "../../layers/convolution.js";
import { product, windowsOver } from "../../layers/windows.js";
import type { Call } from "../call.js";
import { type Operators, operator } from "../operator.js";
import type { Value } from "../value.js";
import { windowOf } from "./windows.js";

export const convolutions: Operators = {
  Conv: operator(
    (call) => {
      const { t } = call;
      const [x, weight, bias] = [call.input(0), call.input(1), call.optional(2)];
      const [, C = 0, ...sizes] = x.shape;
      const [channels = 0, own = 0, ...kernel] = weight.shape;
      const groups = call.int("group", 1);
      call.ignore("kernel_shape");
      if (C !== own * groups || channels % groups !== 0)
        call.fail(`has weights [${weight.shape.join(", ")}] in ${groups} groups for ${C} channels`);
      const window = windowOf(call, sizes, kernel);
      const shift = bias === null ? null : () => t.node(bias);
      return t.of(correlate(call.scope, t.node(x), t.node(weight), shift, groups, window));
    },
    { bias: 2 },
  ),
  ConvTranspose: operator(transposed, { bias: 2 }),
};

/** Every entry spreads its kernel: what a window of the result would have gathered is scattered there. */
function transposed(call: Call): Value {
  const { t, scope } = call;
  const { b } = t;
  const [x, weight, bias] = [call.input(0), call.input(1), call.optional(2)];
  const [n = 1, C = 0, ...sizes] = x.shape;
  const [own = 0, perGroup = 0, ...kernel] = weight.shape;
  const groups = call.int("group", 1);
  call.ignore("kernel_shape");
  if (own !== C || C % groups !== 0)
    call.fail(`has weights [${weight.shape.join(", ")}] in ${groups} groups for ${C} channels`);
  const rank = sizes.length;
  const none = new Array<number>(rank).fill(0);
  const stride = call.ints("strides") ?? none.map(() => 1);
  const dilation = call.ints("dilations") ?? none.map(() => 1);
  const extra = call.ints("output_padding") ?? none;
  const reach = kernel.map((k, axis) => (k - 1) * dilation[axis]! + 1);
  const full = sizes.map((size, axis) => (size - 1) * stride[axis]! + reach[axis]! + extra[axis]!);
  const [before, after] = cutOf(call, sizes, stride, full);
  const places = full.map((size, axis) => size - before[axis]! - after[axis]!);
  if (places.some((size) => size < 1)) call.fail(`makes [${places.join(", ")}] of [${sizes.join(", ")}]`);
  // Windows over the result, where those of the input's entries stand; `extra` is room behind the last.
  const window = { kernel, stride, dilation, before, after: after.map((cut, axis) => cut - extra[axis]!) };
  const { indices } = windowsOver(scope, places, window);
  const [k, from] = [product(kernel), product(sizes)];
  const channels = perGroup * groups;
  const input = b.reshape(samplesLast(scope, t.node(x)), [groups, C / groups, from * n]);
  const matrix = b.reshape(t.node(weight), [groups, C / groups, perGroup * k]);
  const spread =
    groups === 1
      ? b.matmul(b.reshape(matrix, [C, channels * k]), b.reshape(input, [C, from * n]), { transposeA: true })
      : b.matmul(matrix, input, { transposeA: true });
  let z = b.scatter(b.reshape(spread, [channels, k * from, n]), 1, indices, product(places));
  if (bias !== null) z = b.add(z, b.reshape(t.node(bias), [channels, 1, 1]));
  return t.of(samplesFirst(scope, z, [channels, ...places]));
}

/** What is cut off the full result before and after. */
function cutOf(
  call: Call,
  sizes: readonly number[],
  stride: readonly number[],
  full: readonly number[],
): [readonly number[], readonly number[]] {
  const rank = sizes.length;
  const asked = call.ints("output_shape");
  const auto = call.string("auto_pad", "NOTSET");
  const pads = call.ints("pads") ?? new Array<number>(2 * rank).fill(0);
  const isSame = auto === "SAME_UPPER" || auto === "SAME_LOWER";
  if (asked === null && !isSame) {
    if (auto !== "NOTSET" && auto !== "VALID") call.fail(`has auto_pad ${auto}`);
    const own = auto === "VALID" ? new Array<number>(2 * rank).fill(0) : pads;
    return [own.slice(0, rank), own.slice(rank)];
  }
  const wanted = asked?.slice(-rank) ?? sizes.map((size, axis) => size * stride[axis]!);
  const total = full.map((size, axis) => size - wanted[axis]!);
  if (total.some((sum) => sum < 0))
    call.fail(`cannot make [${wanted.join(", ")}], which is more than it reaches`);
  const half = total.map((sum) => Math.floor(sum / 2));
  const rest = total.map((sum, axis) => sum - half[axis]!);
  return auto === "SAME_UPPER" ? [half, rest] : [rest, half];
}
