/** What pooling layers share: the entries of every window side by side. */
import type { Node } from "../../graph/index.js";
import type { Scope } from "../scope.js";
import { sampleShape } from "./define.js";
import { pair, product, size2d, windowsOver } from "./windows.js";

export const poolFields = () => ({
  size: size2d.describe("Size of the window, k or [kh, kw]."),
  stride: size2d.exactOptional().describe("Distance between windows; the window's size if left out."),
});

type Size = number | readonly [number, number];

/** Of a window. */
const MAX_ENTRIES = 4096;

/** One node [n·C, places] per position in the window, and the shape of the result. */
export function poolWindows(
  scope: Scope,
  fields: { readonly size: Size; readonly stride?: Size },
  x: Node,
): { readonly parts: Node[]; readonly shape: number[] } {
  const { b } = scope;
  const [C, H, W] = sampleShape(scope, x, ["C", "H", "W"]) as [number, number, number];
  const n = x.shape[0] as number;
  const kernel = pair(fields.size);
  if (product(kernel) > MAX_ENTRIES)
    scope.fail(
      `a window of ${kernel.join(" × ")} has ${product(kernel)} entries, each a node of the graph; ${MAX_ENTRIES} is the most. Pool in several steps`,
    );
  const stride = pair(fields.stride ?? fields.size);
  const { places, indices } = windowsOver(scope, [H, W], { kernel, stride, before: [0, 0], after: [0, 0] });
  const flat = b.reshape(x, [n * C, H * W]);
  const windows = product(places);
  const parts = Array.from({ length: product(kernel) }, (_, k) =>
    b.gather(flat, 1, indices.slice(k * windows, (k + 1) * windows)),
  );
  return { parts, shape: [n, C, ...places] };
}
