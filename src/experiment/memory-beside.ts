/** What flows beside descent take of memory, with descent's running averages and the leading gap: counted as the code allocates it. */
import type { Config } from "../config/schema.js";
import { averageWindow, fieldSettings } from "../config/schema-compare.js";
import { fields } from "../flow/index.js";
import type { Graph } from "../graph/index.js";
import type { Family } from "../model/index.js";
import { methods } from "../ode/index.js";

/** Of an equation beside its solver: states passed, the one that is compared, and what its field evaluates. */
const EQUATION_VECTORS = 8;
/** Of the leading gap: the solver's of dopri5, velocities and products; with bounds those of Lanczos, twice a basis of 30, and what it starts from. */
const GAP_VECTORS = { gap: methods.dopri5.vectors + 3, bound: 64 };

/** Of a flow in a checkpoint: a stepper's state, states passed, eigenvectors. */
const KEPT_VECTORS = 16;

export interface Beside {
  /** Vectors of P numbers, for all learning rates together. */
  readonly flows: number;
  readonly averages: number;
  readonly gaps: number;
  /** Of all of these, what a checkpoint holds. */
  readonly kept: number;
  readonly graphs: readonly Graph[];
}

export function memoryBeside({ compare, descent, flow }: Config, family: Family, isLocked: boolean): Beside {
  if (compare === undefined) return { flows: 0, averages: 0, gaps: 0, kept: 0, graphs: [] };
  const rates = descent.learningRates.length;
  const kinds = fields.filter(({ name }) => compare.flows.includes(name));
  const asksGap = compare.leadingGap || compare.bound;
  const mode = isLocked ? "locked" : "free";
  const graphs: Graph[] = [];
  if (kinds.length > 0) graphs.push(family.flowField(), family.lossGradient("free"));
  if (kinds.some(({ smoothness }) => smoothness >= 2)) graphs.push(family.hessianProduct("free"));
  if (kinds.some(({ smoothness }) => smoothness >= 3)) graphs.push(family.thirdDerivative());
  if (asksGap) graphs.push(family.hessianProducts(rates, mode));
  if (compare.bound) graphs.push(family.hessianProduct(mode));
  const window = averageWindow(compare);
  const ofFlows = kinds.reduce((sum, kind) => {
    const own = kind.vectors(fieldSettings(compare, kind) as never);
    return sum + own + (kind.course === "equation" ? methods[flow.method].vectors + EQUATION_VECTORS : 0);
  }, 0);
  // The window, the iterate with its gradient, and the mean with the swing.
  const averages = window === null ? 0 : rates * (window + 6);
  return {
    ...{ flows: rates * ofFlows, averages, kept: averages + rates * kinds.length * KEPT_VECTORS },
    gaps: (asksGap ? rates * GAP_VECTORS.gap : 0) + (compare.bound ? GAP_VECTORS.bound : 0),
    graphs,
  };
}
