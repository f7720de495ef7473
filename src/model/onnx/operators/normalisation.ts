/** Normalisations. */
import type { Call } from "../call.js";
import { type Operators, operator } from "../operator.js";
import type { Value } from "../value.js";
import { mean } from "./reductions.js";

/** (x − μ)/√(biased variance + ε) over `axes`. */
function standardise(call: Call, x: Value, axes: readonly number[], epsilon: number): Value {
  const { t } = call;
  const centred = t.sub(x, mean(call, x, axes));
  const variance = mean(call, t.mul(centred, centred), axes);
  return t.div(centred, t.sqrt(t.add(variance, t.number(epsilon))));
}

/** One number a channel, along axis 1. */
const perChannel = ({ t }: Call, value: Value, rank: number): Value =>
  t.reshape(value, [value.shape[0] as number, ...new Array<number>(rank - 2).fill(1)]);

/** x·gain + shift, where they are there. */
function rescale({ t }: Call, x: Value, gain: Value | null, shift: Value | null): Value {
  const scaled = gain === null ? x : t.mul(x, gain);
  return shift === null ? scaled : t.add(scaled, shift);
}

const axesFrom = (x: Value, first: number): number[] =>
  x.shape.flatMap((_, axis) => (axis >= first ? [axis] : []));

export const normalisation: Operators = {
  LayerNormalization: operator(
    (call) => {
      call.ignore("stash_type");
      const x = call.input(0);
      const axes = axesFrom(x, call.axis(call.int("axis", -1), x.shape.length));
      call.across(x, axes);
      const made = standardise(call, x, axes, call.float("epsilon", 1e-5));
      return rescale(call, made, call.optional(1), call.optional(2));
    },
    { bias: 2 },
  ),
  RMSNormalization: operator((call) => {
    call.ignore("stash_type");
    const { t } = call;
    const x = call.input(0);
    const axes = axesFrom(x, call.axis(call.int("axis", -1), x.shape.length));
    call.across(x, axes);
    const size = mean(call, t.mul(x, x), axes);
    return t.mul(t.div(x, t.sqrt(t.add(size, t.number(call.float("epsilon", 1e-5))))), call.input(1));
  }),
  BatchNormalization: operator(
    (call) => {
      call.ignore("momentum", "spatial");
      const { t } = call;
      const x = call.input(0);
      const rank = x.shape.length;
      const epsilon = call.float("epsilon", 1e-5);
      const [gain, shift] = [1, 2].map((place) => perChannel(call, call.input(place), rank)) as [
        Value,
        Value,
      ];
      if (call.int("training_mode", 0) === 1) {
        const axes = x.shape.flatMap((_, axis) => (axis === 1 ? [] : [axis]));
        call.across(x, axes);
        call.note(
          "normalises by the samples of the full batch, as in training: results of one sample depend on the others",
        );
        return rescale(call, standardise(call, x, axes, epsilon), gain, shift);
      }
      const [centre, variance] = [3, 4].map((place) => perChannel(call, call.input(place), rank)) as [
        Value,
        Value,
      ];
      const factor = t.div(gain, t.sqrt(t.add(variance, t.number(epsilon))));
      return t.add(t.mul(t.sub(x, centre), factor), shift);
    },
    { fixed: [3, 4], bias: 2 },
  ),
  InstanceNormalization: operator(
    (call) => {
      const x = call.input(0);
      const made = standardise(call, x, axesFrom(x, 2), call.float("epsilon", 1e-5));
      const [gain, shift] = [1, 2].map((place) => perChannel(call, call.input(place), x.shape.length));
      return rescale(call, made, gain ?? null, shift ?? null);
    },
    { bias: 2 },
  ),
  GroupNormalization: operator(
    (call) => {
      call.ignore("stash_type");
      const { t } = call;
      const x = call.input(0);
      const [n, C = 1, ...sizes] = x.shape as [number, number, ...number[]];
      const groups = call.int("num_groups", 0);
      if (groups < 1 || C % groups !== 0)
        call.fail(`has ${groups} groups, which must divide its ${C} channels`);
      const split = t.reshape(x, [n, groups, (C / groups) * sizes.reduce((p, q) => p * q, 1)]);
      const made = t.reshape(standardise(call, split, [2], call.float("epsilon", 1e-5)), x.shape);
      // Before version 21 one gain and shift a group, since then one a channel.
      const [gain, shift] = [1, 2].map((place) => {
        const given = call.input(place);
        if (call.opset >= 21) return perChannel(call, given, x.shape.length);
        const spread = t.broadcast(t.reshape(given, [groups, 1]), [groups, C / groups]);
        return perChannel(call, t.reshape(spread, [C]), x.shape.length);
      });
      return rescale(call, made, gain ?? null, shift ?? null);
    },
    { bias: 2 },
  ),
};
