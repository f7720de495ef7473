/** Pooling, over windows and over everything. */
import { samplesFirst, samplesLast } from "../../layers/convolution.js";
import { product, type WindowSpec, windowsOver } from "../../layers/windows.js";
import type { Call } from "../call.js";
import { type Operators, operator } from "../operator.js";
import type { Value } from "../value.js";
import { largest, largestOver } from "./maxima.js";
import { mean } from "./reductions.js";
import { windowOf, withCeiling } from "./windows.js";

interface Pool {
  readonly x: Value;
  readonly sizes: readonly number[];
  readonly window: Required<WindowSpec>;
  /** Whether the last window of an axis was made room for. */
  readonly isCeiled: boolean;
}

function poolOf(call: Call): Pool {
  const x = call.input(0);
  const [, , ...sizes] = x.shape;
  const kernel = call.ints("kernel_shape") ?? call.fail("has no kernel_shape");
  const window = windowOf(call, sizes, kernel);
  const isCeiled = call.int("ceil_mode", 0) === 1;
  return { x, sizes, window: isCeiled ? withCeiling(sizes, window) : window, isCeiled };
}

/**
 * Windows that lack the same entries, at edges and corners, are one tree: no entry is compared with padding. Each tree's ties are kinks, and
 * what is not there has none.
 */
function maxPool(call: Call): Value {
  call.ignore("storage_order");
  if (call.node.outputs.length > 1 && call.node.outputs[1] !== "")
    call.fail("says places of the largest, which gradflow does not use");
  const { t, scope } = call;
  const { x, sizes, window } = poolOf(call);
  const [, C = 1] = x.shape;
  const { windows, indices } = windowsOver(scope, sizes, window);
  const [size, places] = [product(window.kernel), product(windows.places)];
  const groups = new Map<string, number[]>();
  for (let w = 0; w < places; w++) {
    const missing = Array.from({ length: size }, (_, k) => Number(indices[k * places + w]! < 0)).join("");
    groups.set(missing, [...(groups.get(missing) ?? []), w]);
  }
  const source = t.of(samplesLast(scope, t.node(x)));
  const parts = [...groups].map(([missing, members]) => {
    const entries = [...missing].flatMap((isMissing, k) => {
      if (isMissing === "1") return [];
      const own = Int32Array.from(members, (w) => indices[k * places + w] as number);
      const shape = groups.size === 1 ? [C, ...windows.places] : [C, members.length];
      return [t.of(samplesFirst(scope, t.node(t.gather(source, 1, own)), shape))];
    });
    if (entries.length === 0) call.fail("has windows of nothing but padding");
    return largest(call, entries);
  });
  if (groups.size === 1) return parts[0] as Value;
  const order = new Int32Array(places);
  [...groups.values()].flat().forEach((w, at) => {
    order[w] = at;
  });
  return t.reshape(t.gather(t.concat(parts, 2), 2, order), [x.shape[0] as number, C, ...windows.places]);
}

/** The mean of what a window sees; padding counts where `count_include_pad` says so, room of a last window never does. */
function averagePool(call: Call): Value {
  const { t, scope } = call;
  const { b } = t;
  const { x, sizes, window, isCeiled } = poolOf(call);
  const countsPadding = call.int("count_include_pad", 0) === 1;
  const [n = 1, C = 1] = x.shape;
  const { windows, indices } = windowsOver(scope, sizes, window);
  const [size, places] = [product(window.kernel), product(windows.places)];
  const spread = b.gather(samplesLast(scope, t.node(x)), 1, indices);
  const sums = b.reshape(b.sum(b.reshape(spread, [C, size, places * n]), [1]), [C, places, n]);
  const counts =
    countsPadding && !isCeiled ? null : countsOf(call, sizes, window, countsPadding, indices, places);
  const shares =
    counts === null
      ? b.constant(1 / size)
      : b.constant(
          counts.map((count) => 1 / count),
          [1, places, 1],
        );
  return t.of(samplesFirst(scope, b.mul(sums, shares), [C, ...windows.places]));
}

/** Entries of each window that count. */
function countsOf(
  call: Call,
  sizes: readonly number[],
  window: Required<WindowSpec>,
  countsPadding: boolean,
  indices: Int32Array,
  places: number,
): Float64Array {
  const counts = new Float64Array(places);
  if (!countsPadding) {
    indices.forEach((index, i) => {
      if (index >= 0) counts[i % places]! += 1;
    });
    return counts;
  }
  // Of an input that holds the padding as entries, those beyond it do not count.
  const pads = call.ints("pads") ?? new Array<number>(2 * sizes.length).fill(0);
  const padded = sizes.map((size, axis) => size + window.before[axis]! + pads[axis + sizes.length]!);
  const whole = sizes.map((size, axis) => size + window.before[axis]! + window.after[axis]!);
  const { indices: seen } = windowsOver(call.scope, padded, {
    ...window,
    before: sizes.map(() => 0),
    after: whole.map((size, axis) => size - padded[axis]!),
  });
  return countsOf(call, sizes, window, false, seen, places);
}

const overPositions = (x: Value): number[] => x.shape.flatMap((_, axis) => (axis >= 2 ? [axis] : []));

export const pooling: Operators = {
  MaxPool: operator(maxPool),
  AveragePool: operator(averagePool),
  GlobalAveragePool: operator((call) => mean(call, call.input(0), overPositions(call.input(0)))),
  GlobalMaxPool: operator((call) => largestOver(call, call.input(0), overPositions(call.input(0)))),
};
