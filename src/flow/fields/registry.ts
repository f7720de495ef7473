/** All flows that a study can set beside descent: a new one is a file and a line here. */
import { central } from "./central.js";
import type { FieldKind } from "./field.js";
import { gap } from "./gap.js";
import { modified, thirdOrder } from "./modified.js";
import { heavyBall, nesterov } from "./momentum.js";
import { principal, principalThird } from "./principal.js";
import { principalRestarted } from "./principal-restarted.js";
import { rod } from "./rod.js";

export const fields: readonly FieldKind[] = [
  ...[modified, thirdOrder, gap, principal, principalThird, principalRestarted, central, rod],
  ...[heavyBall, nesterov],
];

export type { FieldKind };
