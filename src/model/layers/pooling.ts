/** What pooling layers share: the entries of every window side by side. */
import type { Node } from "../../graph/index.js";
import type { Scope } from "../scope.js";
import { samplesLast } from "./convolution.js";
import { sampleShape } from "./define.js";
import { pair, product, size2d, windowsOver } from "./windows.js";

export const poolFields = () => ({
  size: size2d.describe("Size of the window, k or [kh, kw]."),
  stride: size2d.exactOptional().describe("Distance between windows; the window's size if left out."),
});

type Size = number | readonly [number, number];

/**
 * The entries of all windows, position in the window by position, [C, size · places, n]; their number in a window, and the shape [C, ...places]
 * of what pooling makes of a sample.
 */
export function poolWindows(
  scope: Scope,
  fields: { readonly size: Size; readonly stride?: Size },
  x: Node,
): { readonly spread: Node; readonly size: number; readonly shape: number[] } {
  const [C, H, W] = sampleShape(scope, x, ["C", "H", "W"]) as [number, number, number];
  const kernel = pair(fields.size);
  const stride = pair(fields.stride ?? fields.size);
  const { windows, indices } = windowsOver(scope, [H, W], { kernel, stride, before: [0, 0], after: [0, 0] });
  const spread = scope.b.gather(samplesLast(scope, x), 1, indices);
  return { spread, size: product(kernel), shape: [C, ...windows.places] };
}
