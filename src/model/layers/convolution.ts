/** Cross-correlation over any number of axes as one matrix product: a gather lists what every window sees. */
import type { Node } from "../../graph/index.js";
import type { Scope } from "../scope.js";
import { product, type WindowSpec, windowsOver } from "./windows.js";

/**
 * Parameters weight [channels, C/groups, ...kernel], bias [channels].
 * @param x [n, C, ...sizes]
 * @returns [n, channels, ...places]
 */
export function convolve(
  scope: Scope,
  x: Node,
  channels: number,
  groups: number,
  window: WindowSpec,
  withBias: boolean,
): Node {
  const C = x.shape[1] as number;
  if (C % groups !== 0 || channels % groups !== 0)
    scope.fail(`groups ${groups} must divide the ${C} channels that come in and the ${channels} that go out`);
  const kernel = product(window.kernel);
  const own = C / groups;
  const weight = scope.parameter("weight", [channels, own, ...window.kernel], {
    kind: "weight",
    fanIn: own * kernel,
    fanOut: (channels * kernel) / groups,
  });
  const bias = () => scope.parameter("bias", [channels], { kind: "bias", fanIn: own * kernel });
  return correlate(scope, x, weight, withBias ? bias : null, groups, window);
}

/**
 * The same with a given weight [channels, C/groups, ...kernel] and bias [channels].
 * @param bias asked for where it is added; null for none
 */
export function correlate(
  scope: Scope,
  x: Node,
  weight: Node,
  bias: (() => Node) | null,
  groups: number,
  window: WindowSpec,
): Node {
  const { b } = scope;
  const [n, C, ...sizes] = x.shape as [number, number, ...number[]];
  const channels = weight.shape[0] as number;
  const { windows: table, isPlain, indices } = windowsOver(scope, sizes, window);
  const [kernel, windows] = [product(window.kernel), product(table.places)];
  const own = C / groups;
  // Samples last: a gather then copies runs of n numbers, and one product does all samples.
  const spread = b.gather(samplesLast(scope, x), 1, indices, isPlain ? table : undefined);
  const columns = b.reshape(spread, [groups, own * kernel, windows * n]);
  const matrix = b.reshape(weight, [groups, channels / groups, own * kernel]);
  const made =
    groups === 1
      ? b.matmul(b.reshape(matrix, [channels, own * kernel]), b.reshape(columns, [own * kernel, windows * n]))
      : b.matmul(matrix, columns);
  let z = b.reshape(made, [channels, windows * n]);
  if (bias !== null) z = b.add(z, b.reshape(bias(), [channels, 1]));
  return samplesFirst(scope, b.reshape(z, [channels, windows, n]), [channels, ...table.places]);
}

/** [n, C, ...sizes] → [C, Π sizes, n] */
export function samplesLast({ b }: Scope, x: Node): Node {
  const [n, C, ...sizes] = x.shape as [number, number, ...number[]];
  const flat = b.transpose(b.reshape(x, [n, C * product(sizes)]), [1, 0]);
  return b.reshape(flat, [C, product(sizes), n]);
}

/** [C, places, n] → [n, ...shape] */
export function samplesFirst({ b }: Scope, x: Node, shape: readonly number[]): Node {
  const [C, places, n] = x.shape as [number, number, number];
  return b.reshape(b.transpose(b.reshape(x, [C * places, n]), [1, 0]), [n, ...shape]);
}
