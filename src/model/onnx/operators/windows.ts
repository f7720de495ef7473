/** Sliding windows as convolutions and poolings of ONNX say them: kernel, stride, dilation, padding of either end. */
import type { WindowSpec } from "../../layers/windows.js";
import type { Call } from "../call.js";

/** Of every axis; `after` may be raised so that a last window that is not whole has room. */
export function windowOf(
  call: Call,
  sizes: readonly number[],
  kernel: readonly number[],
): Required<WindowSpec> {
  const rank = sizes.length;
  const perAxis = (name: string): readonly number[] => {
    const given = call.ints(name) ?? new Array<number>(rank).fill(1);
    if (given.length !== rank || given.some((value) => !(value >= 1)))
      call.fail(`has ${name} [${given.join(", ")}] for ${rank} axes; each is at least 1`);
    return given;
  };
  if (kernel.length !== rank) call.fail(`has a window of ${kernel.length} axes over ${rank}`);
  const [stride, dilation] = [perAxis("strides"), perAxis("dilations")];
  const { before, after } = paddingOf(call, sizes, kernel, stride, dilation);
  return { kernel, stride, dilation, before, after };
}

function paddingOf(
  call: Call,
  sizes: readonly number[],
  kernel: readonly number[],
  stride: readonly number[],
  dilation: readonly number[],
): { before: number[]; after: number[] } {
  const rank = sizes.length;
  const pads = call.ints("pads") ?? new Array<number>(2 * rank).fill(0);
  const auto = call.string("auto_pad", "NOTSET");
  if (auto === "NOTSET" || auto === "VALID") {
    const own = auto === "VALID" ? new Array<number>(2 * rank).fill(0) : pads;
    if (own.length !== 2 * rank || own.some((value) => value < 0))
      call.fail(`has pads [${own.join(", ")}] for ${rank} axes; two of each that are not negative`);
    return { before: own.slice(0, rank), after: own.slice(rank) };
  }
  if (auto !== "SAME_UPPER" && auto !== "SAME_LOWER") call.fail(`has auto_pad ${auto}`);
  const total = sizes.map((size, axis) => {
    const places = Math.ceil(size / stride[axis]!);
    return Math.max(0, (places - 1) * stride[axis]! + (kernel[axis]! - 1) * dilation[axis]! + 1 - size);
  });
  const half = total.map((sum) => Math.floor(sum / 2));
  const rest = total.map((sum, axis) => sum - half[axis]!);
  return auto === "SAME_UPPER" ? { before: half, after: rest } : { before: rest, after: half };
}

/** Room for a last window that begins within the input or its padding before, where `ceil_mode` asks for one. */
export function withCeiling(sizes: readonly number[], window: Required<WindowSpec>): Required<WindowSpec> {
  const after = window.after.map((pad, axis) => {
    const [size, stride, before] = [sizes[axis]!, window.stride[axis]!, window.before[axis]!];
    const reach = (window.kernel[axis]! - 1) * window.dilation[axis]! + 1;
    let places = Math.ceil((size + before + pad - reach) / stride) + 1;
    if ((places - 1) * stride >= size + before) places -= 1;
    return Math.max(pad, (places - 1) * stride + reach - size - before);
  });
  return { ...window, after };
}
