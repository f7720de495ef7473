/** Tolerances of the error of one step where nobody gives any: relative, and absolute in the units of the state. */
export const DEFAULT_TOLERANCES = { rtol: 1e-6, atol: 1e-9 } as const;
