/** 12 → ₁₂, for labels. */
export const subscript = (k: number): string =>
  [...String(k)].map((digit) => "₀₁₂₃₄₅₆₇₈₉"[Number(digit)]).join("");
