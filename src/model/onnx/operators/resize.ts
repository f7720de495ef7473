/** Images made larger or smaller: every axis by itself, as a list of entries or as a matrix. */
import type { Call } from "../call.js";
import { type Operators, operator } from "../operator.js";
import type { Value } from "../value.js";

/** Place in the input of place i of the result. */
type Place = (i: number, scale: number, from: number, to: number) => number;

const places: Readonly<Record<string, Place>> = {
  half_pixel: (i, scale) => (i + 0.5) / scale - 0.5,
  pytorch_half_pixel: (i, scale, _, to) => (to > 1 ? (i + 0.5) / scale - 0.5 : 0),
  asymmetric: (i, scale) => i / scale,
  align_corners: (i, _, from, to) => (to > 1 ? (i * (from - 1)) / (to - 1) : 0),
};

const roundings: Readonly<Record<string, (x: number) => number>> = {
  round_prefer_floor: (x) => Math.ceil(x - 0.5),
  round_prefer_ceil: (x) => Math.floor(x + 0.5),
  floor: Math.floor,
  ceil: Math.ceil,
};

function resize(call: Call): Value {
  const { t } = call;
  const x = call.input(0);
  const rank = x.shape.length;
  call.ignore("cubic_coeff_a", "extrapolation_value", "exclude_outside");
  if (call.int("antialias", 0) !== 0)
    call.fail("filters before it makes smaller (antialias), which gradflow does not do");
  if (call.string("keep_aspect_ratio_policy", "stretch") !== "stretch")
    call.fail("keeps the aspect ratio by a policy; give sizes of the axes");
  const axes = call.ints("axes")?.map((axis) => call.axis(axis, rank)) ?? x.shape.map((_, axis) => axis);
  const given = (input: number): number[] | null => {
    const value = call.optional(input);
    return value === null || value.shape[0] === 0 ? null : call.numbers(input, "sizes");
  };
  const [scales, sizes] = [given(2), given(3)];
  if (scales === null && sizes === null) return call.fail("says neither scales nor sizes");
  const mode = call.string("mode", "nearest");
  const place = places[call.string("coordinate_transformation_mode", "half_pixel")];
  const round = roundings[call.string("nearest_mode", "round_prefer_floor")];
  if (place === undefined || round === undefined || (mode !== "nearest" && mode !== "linear"))
    return call.fail(
      "interpolates in a way that gradflow does not have: nearest and linear it has, by half pixels, corners or asymmetric",
    );
  const inFile = call.shapeInFile(x);
  return axes.reduce((value, axis, k) => {
    const from = inFile[axis] as number;
    const to = sizes === null ? Math.floor(from * scales![k]!) : (sizes[k] as number);
    if (to === from) return value;
    call.across(value, [axis]);
    const scale = sizes === null ? scales![k]! : to / from;
    const bound = (index: number): number => Math.min(Math.max(index, 0), from - 1);
    const at = Array.from({ length: to }, (_, i) => place(i, scale, from, to));
    if (mode === "nearest")
      return t.gather(
        value,
        axis,
        Int32Array.from(at, (p) => bound(round(p))),
      );
    const low = at.map((p) => bound(Math.floor(p)));
    const high = at.map((p) => bound(Math.floor(p) + 1));
    const part = at.map(
      (p) => Math.min(Math.max(p, 0), from - 1) - Math.floor(Math.min(Math.max(p, 0), from - 1)),
    );
    const along = value.shape.map((_, i) => (i === axis ? to : 1));
    const share = t.known(Float64Array.from(part), along);
    const rest = t.known(
      Float64Array.from(part, (p) => 1 - p),
      along,
    );
    return t.add(
      t.mul(t.gather(value, axis, Int32Array.from(low)), rest),
      t.mul(t.gather(value, axis, Int32Array.from(high)), share),
    );
  }, x);
}

export const resizes: Operators = { Resize: operator(resize, { fixed: [1, 2, 3] }) };
