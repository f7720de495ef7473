/** All flows that a study can set beside descent: a new one is a file and a line here. */
import { central } from "./central.js";
import type { FieldKind } from "./field.js";
import { modified, thirdOrder } from "./modified.js";
import { principal, principalThird } from "./principal.js";
import { rod } from "./rod.js";

export const fields: readonly FieldKind[] = [modified, thirdOrder, principal, principalThird, central, rod];

export type { FieldKind };
