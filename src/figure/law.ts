/** The law of the descents beside a flow, in words. */
import type { RunRecord } from "../record/reader.js";

/** What descent is called in legends, and the clock of its step k; the config says it. */
export function lawOf({ config }: Pick<RunRecord, "config">): {
  readonly name: string;
  readonly clock: string;
} {
  const {
    kind = "gradient",
    momentum = 0.9,
    batch,
  } = (config["descent"] ?? {}) as {
    readonly kind?: unknown;
    readonly momentum?: unknown;
    readonly batch?: unknown;
  };
  const own = kind === "gradient" ? "GD" : `${String(kind)} β = ${String(momentum)},`;
  const drawn = kind === "gradient" ? `SGD b = ${String(batch)},` : `${own} b = ${String(batch)},`;
  return { name: batch === undefined ? own : drawn, clock: kind === "gradient" ? "kη" : "kη/(1 − β)" };
}
