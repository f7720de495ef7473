/** The law of the descents beside a flow, in words. */
import type { RunRecord } from "../record/reader.js";

/** What descent is called in legends; the config says it. */
export function lawOf({ config }: Pick<RunRecord, "config">): string {
  const { kind = "gradient", momentum = 0.9 } = (config["descent"] ?? {}) as {
    readonly kind?: unknown;
    readonly momentum?: unknown;
  };
  return kind === "gradient" ? "GD" : `${String(kind)} β = ${String(momentum)},`;
}
