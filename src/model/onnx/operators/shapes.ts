/** Operators that move entries. */
import { sizeOf } from "../../../graph/index.js";
import type { Call } from "../call.js";
import { type Operators, operator } from "../operator.js";
import type { Value } from "../value.js";

export const shapes: Operators = {
  Identity: operator((call) => call.input(0)),
  Reshape: operator((call) => reshape(call, call.input(0)), { fixed: [1] }),
  Flatten: operator((call) => {
    const x = call.input(0);
    const from = call.shapeInFile(x);
    const axis = call.int("axis", 1);
    const at = axis < 0 ? axis + from.length : axis;
    return call.reshape(x, [sizeOf(from.slice(0, at)), sizeOf(from.slice(at))]);
  }),
  Squeeze: operator((call) => {
    const x = call.input(0);
    const from = call.shapeInFile(x);
    const axes = call.axes(1, from.length) ?? from.flatMap((length, axis) => (length === 1 ? [axis] : []));
    const long = axes.find((axis) => from[axis] !== 1);
    if (long !== undefined)
      call.fail(`takes away axis ${long} of [${from.join(", ")}], which is not of length 1`);
    return call.reshape(
      x,
      from.filter((_, axis) => !axes.includes(axis)),
    );
  }),
  Unsqueeze: operator((call) => {
    const x = call.input(0);
    const from = call.shapeInFile(x);
    const given = call.ints("axes") ?? call.numbers(1, "axes");
    const rank = from.length + given.length;
    const axes = new Set(given.map((axis) => call.axis(axis, rank)));
    const rest = [...from];
    return call.reshape(
      x,
      Array.from({ length: rank }, (_, axis) => (axes.has(axis) ? 1 : (rest.shift() ?? 1))),
    );
  }),
  Transpose: operator((call) => {
    const x = call.input(0);
    const order = call.ints("perm") ?? x.shape.map((_, i) => x.shape.length - 1 - i);
    if ([...order].sort((p, q) => p - q).join() !== x.shape.map((_, i) => i).join())
      call.fail(`orders axes as [${order.join(", ")}], and its input is [${x.shape.join(", ")}]`);
    return call.t.transpose(x, order);
  }),
  Concat: operator((call) => {
    const parts = call.inputs;
    const axis = call.axis(call.int("axis", 0), parts[0]!.shape.length);
    return concat(call, parts, axis);
  }),
  Split: operator(
    (call) => {
      const x = call.input(0);
      const axis = call.axis(call.int("axis", 0), x.shape.length);
      call.across(x, [axis]);
      const count = call.int("num_outputs", call.node.outputs.length);
      const length = x.shape[axis] as number;
      const even = Math.ceil(length / count);
      const sizes =
        call.ints("split") ??
        (call.optional(1) === null
          ? Array.from({ length: count }, (_, k) => Math.min(even, length - k * even))
          : call.numbers(1, "sizes"));
      if (sizes.reduce((p, q) => p + q, 0) !== length || sizes.some((size) => size < 1))
        call.fail(`cuts axis ${axis} of [${x.shape.join(", ")}] into ${sizes.join(", ")}`);
      let start = 0;
      return sizes.map((size) => {
        start += size;
        return call.t.slice(x, axis, start - size, start);
      });
    },
    { fixed: [1] },
  ),
  Slice: operator(slice, { fixed: [1, 2, 3, 4] }),
  Gather: operator(gather),
  Expand: operator(
    (call) => {
      const x = call.input(0);
      const from = call.shapeInFile(x);
      const asked = call.numbers(1, "a shape");
      const rank = Math.max(from.length, asked.length);
      const shape = Array.from({ length: rank }, (_, i) => {
        const own = from[from.length - rank + i] ?? 1;
        const other = asked[asked.length - rank + i] ?? 1;
        if (own !== other && own !== 1 && other !== 1)
          call.fail(`repeats [${from.join(", ")}] to [${asked.join(", ")}], which does not fit`);
        // An axis of the samples is as long as they are many.
        const ours = x.shape[x.shape.length - rank + i] ?? 1;
        return own === 1 && ours === 1 ? other : ours;
      });
      return call.t.broadcast(x, shape);
    },
    { fixed: [1] },
  ),
  Tile: operator(
    (call) => {
      const x = call.input(0);
      const times = call.numbers(1, "repeats");
      return times.reduce((value, count, axis) => {
        if (count === 1) return value;
        call.across(value, [axis]);
        if (!(count >= 1)) call.fail(`repeats axis ${axis} ${count} times`);
        return call.t.concat(new Array<Value>(count).fill(value), axis);
      }, x);
    },
    { fixed: [1] },
  ),
  Pad: operator(pad, { fixed: [1, 2, 3] }),
  Dropout: operator(
    (call) => {
      call.ignore("ratio", "seed");
      const training = call.optional(2);
      if (training !== null && call.numbers(2, "a mode")[0] === 1 && call.numbers(1, "a ratio")[0] !== 0)
        call.fail("drops at random, as in training; export the network in evaluation mode, net.eval()");
      return call.input(0);
    },
    { fixed: [1, 2] },
  ),
  DepthToSpace: operator((call) => {
    const x = call.input(0);
    const [n, C = 1, H = 1, W = 1] = x.shape as [number, number, number, number];
    const size = call.int("blocksize", 0);
    const depth = C / size ** 2;
    if (!Number.isInteger(depth))
      call.fail(`has blocks of ${size}, whose square must divide its ${C} channels`);
    const isColumns = call.string("mode", "DCR") === "CRD";
    const split = isColumns ? [n, depth, size, size, H, W] : [n, size, size, depth, H, W];
    const order = isColumns ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
    return call.t.reshape(call.t.transpose(call.t.reshape(x, split), order), [n, depth, H * size, W * size]);
  }),
  SpaceToDepth: operator((call) => {
    const x = call.input(0);
    const [n, C = 1, H = 1, W = 1] = x.shape as [number, number, number, number];
    const size = call.int("blocksize", 0);
    if (H % size !== 0 || W % size !== 0) call.fail(`has blocks of ${size}, which must divide ${H} × ${W}`);
    const split = call.t.reshape(x, [n, C, H / size, size, W / size, size]);
    return call.t.reshape(call.t.transpose(split, [0, 3, 5, 1, 2, 4]), [
      n,
      C * size * size,
      H / size,
      W / size,
    ]);
  }),
};

function reshape(call: Call, x: Value): Value {
  const asked = call.numbers(1, "a shape");
  const keepsZero = call.int("allowzero", 0) === 1;
  const from = call.shapeInFile(x);
  const target = asked.map((length, axis) => (length === 0 && !keepsZero ? (from[axis] ?? 0) : length));
  const open = target.indexOf(-1);
  const rest = target.reduce((size, length, axis) => (axis === open ? size : size * length), 1);
  if (open >= 0) target[open] = sizeOf(from) / rest;
  if (target.some((length) => !Number.isInteger(length) || length < 0))
    call.fail(`makes [${asked.join(", ")}] of [${from.join(", ")}], which has another size`);
  return call.reshape(x, target);
}

/** What belongs to no sample, as a class token does, is repeated for each where the others have them. */
export function concat(call: Call, parts: readonly Value[], axis: number): Value {
  const { t } = call;
  const { samples } = call.pass;
  const places = parts.map((part) => call.samplesOf(part));
  const place = places.find((found) => found !== null);
  if (place?.axis === axis && parts.length > 1) for (const part of parts) call.across(part, [axis]);
  const whole = parts.map((part, k) => {
    const lacks =
      place != null && places[k] === null && part.shape[place.axis] === 1 && place.outer * place.inner === 1;
    if (!lacks || place.axis === axis) return part;
    const shape = part.shape.map((length, i) => (i === place.axis ? samples : length));
    return t.of(t.b.broadcast(t.node(part), shape), part.type);
  });
  const first = whole.find(({ shape }) => shape[axis] !== 0) ?? (whole[0] as Value);
  for (const { shape } of whole)
    if (
      shape.length !== first.shape.length ||
      shape.some((length, i) => i !== axis && length !== first.shape[i])
    )
      call.fail(
        `joins [${first.shape.join(", ")}] and [${shape.join(", ")}] along axis ${axis}; the other axes must agree`,
      );
  return t.concat(whole, axis);
}

/** Starts and ends as numpy's, clamped; a step other than 1 is a list of entries. */
function slice(call: Call): Value {
  const x = call.input(0);
  const rank = x.shape.length;
  const starts = call.numbers(1, "starts");
  const ends = call.numbers(2, "ends");
  const axes = call.axes(3, rank) ?? starts.map((_, axis) => axis);
  const steps = call.optional(4) === null ? starts.map(() => 1) : call.numbers(4, "steps");
  return axes.reduce((value, axis, k) => {
    const length = value.shape[axis] as number;
    const step = steps[k] as number;
    if (step === 0) call.fail("has a step of 0");
    const clamp = (given: number, least: number, most: number): number =>
      Math.min(Math.max(given < 0 ? given + length : given, least), most);
    const from = step > 0 ? clamp(starts[k]!, 0, length) : clamp(starts[k]!, -1, length - 1);
    const to = step > 0 ? clamp(ends[k]!, 0, length) : clamp(ends[k]!, -1, length);
    if (step === 1 && from === 0 && to === length) return value;
    call.across(value, [axis]);
    const count = Math.max(0, Math.ceil((to - from) / step));
    if (count === 0 && value.known === null)
      call.fail(`takes nothing of axis ${axis} of [${value.shape.join(", ")}]`);
    if (step === 1) return call.t.slice(value, axis, from, to);
    return call.t.gather(
      value,
      axis,
      Int32Array.from({ length: count }, (_, i) => from + i * step),
    );
  }, x);
}

/** By indices that the file fixes; by whole numbers of the data from a table, as an embedding. */
function gather(call: Call): Value {
  const { t } = call;
  const [x, indices] = [call.input(0), call.input(1)];
  const axis = call.axis(call.int("axis", 0), x.shape.length);
  const length = x.shape[axis] as number;
  if (indices.known === null) return embed(call, x, indices, axis);
  call.across(x, [axis]);
  const places = [...indices.known].map((index) => (index < 0 ? index + length : index));
  const outside = places.find((place) => !(place >= 0 && place < length));
  if (outside !== undefined) call.fail(`takes entry ${outside} of an axis of length ${length}`);
  const shape = [...x.shape.slice(0, axis), ...indices.shape, ...x.shape.slice(axis + 1)];
  if (places.length === 1) return t.reshape(t.slice(x, axis, places[0]!, places[0]! + 1), shape);
  return t.reshape(t.gather(x, axis, Int32Array.from(places)), shape);
}

/** One where the token is k: it lies between k − ½ and k + ½. */
function embed(call: Call, table: Value, tokens: Value, axis: number): Value {
  const { t, scope } = call;
  const { b } = t;
  const [length = 1, ...rest] = table.shape;
  if (axis !== 0) call.fail("looks up data on another axis than the first");
  const node = t.node(tokens);
  scope.expectTokens(node, length);
  const names = b.constant(
    Float64Array.from({ length }, (_, k) => k),
    [1, length],
  );
  const which = b.lookup(
    b.pieceOf(b.sub(b.reshape(node, [sizeOf(tokens.shape), 1]), names), [-0.5, 0.5]),
    [0, 1, 0],
  );
  const rows = b.matmul(which, b.reshape(t.node(table), [length, sizeOf(rest)]));
  return t.of(b.reshape(rows, [...tokens.shape, ...rest]));
}

/** Before and after every axis, or those that are named; negative ones cut off. */
function pad(call: Call): Value {
  const { t } = call;
  const x = call.input(0);
  const rank = x.shape.length;
  const pads = call.numbers(1, "pads");
  const axes = call.axes(3, rank) ?? x.shape.map((_, axis) => axis);
  const mode = call.string("mode", "constant");
  const filling = call.optional(2) === null ? 0 : (call.numbers(2, "a filling")[0] ?? 0);
  return axes.reduce((value, axis, k) => {
    const [before, after] = [pads[k] as number, pads[k + axes.length] as number];
    if (before === 0 && after === 0) return value;
    call.across(value, [axis]);
    const length = value.shape[axis] as number;
    if (mode === "constant" && filling !== 0) {
      const block = (width: number): Value[] =>
        width > 0
          ? [
              t.of(
                t.b.constant(
                  filling,
                  value.shape.map((own, i) => (i === axis ? width : own)),
                ),
              ),
            ]
          : [];
      const kept = t.slice(value, axis, Math.max(0, -before), length - Math.max(0, -after));
      return t.concat([...block(before), kept, ...block(after)], axis);
    }
    const indices = Int32Array.from({ length: before + length + after }, (_, i) =>
      padded(call, i - before, length, mode),
    );
    if (value.known !== null) call.fail("pads numbers that are known, which gradflow does not do");
    return t.gather(value, axis, indices);
  }, x);
}

/** The entry that stands at a place that may lie outside; −1 is zero. */
function padded(call: Call, place: number, length: number, mode: string): number {
  if (place >= 0 && place < length) return place;
  switch (mode) {
    case "constant":
      return -1;
    case "edge":
      return place < 0 ? 0 : length - 1;
    case "wrap":
      return ((place % length) + length) % length;
    case "reflect": {
      const reflected = place < 0 ? -place : 2 * (length - 1) - place;
      if (reflected < 0 || reflected >= length) call.fail("reflects farther than its input reaches");
      return reflected;
    }
    default:
      return call.fail(`pads in the mode ${mode}`);
  }
}
