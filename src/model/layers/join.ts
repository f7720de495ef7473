/** How branches come together. */
import { z } from "zod";
import type { Node } from "../../graph/index.js";
import type { Scope } from "../scope.js";

export const joinFields = {
  join: z
    .enum(["sum", "concat", "difference", "absolute-difference", "squared-difference", "product"])
    .default("sum")
    .describe("How the branches come together; the differences take two, |a − b| has a kink."),
  axis: z.int().nonnegative().default(0).describe("Axis of a sample along which concat joins."),
};

type Join = z.output<typeof joinFields.join>;

/** @throws LayerError where shapes or the number of branches do not fit */
export function joinBranches(scope: Scope, join: Join, axis: number, parts: readonly Node[]): Node {
  const { b } = scope;
  const shapes = parts.map(({ shape }) => `[${shape.slice(1)}]`).join(", ");
  const first = parts[0] as Node;
  if (join === "concat") {
    const fits = parts.every(
      ({ shape }) =>
        axis + 1 < shape.length &&
        shape.length === first.shape.length &&
        shape.every((length, i) => i === axis + 1 || length === first.shape[i]),
    );
    if (axis + 1 >= first.shape.length)
      scope.fail(`branches of shapes ${shapes} have no axis ${axis} to be joined along; axes count from 0`);
    if (!fits)
      scope.fail(
        `branches of shapes ${shapes} cannot be joined along axis ${axis}: the other axes must agree`,
      );
    return b.concat(parts, axis + 1);
  }
  if (parts.some(({ shape }) => shape.join() !== first.shape.join()))
    scope.fail(`branches of shapes ${shapes} cannot be joined by ${join}: they must be equal`);
  if (join === "sum") return parts.reduce((p, q) => b.add(p, q));
  if (join === "product") return parts.reduce((p, q) => b.mul(p, q));
  if (parts.length !== 2) scope.fail(`${join} takes two branches, got ${parts.length}`);
  const gap = b.sub(first, parts[1] as Node);
  if (join === "difference") return gap;
  return join === "squared-difference" ? b.mul(gap, gap) : scope.activate(gap, { kind: "abs" });
}
