/** Titles and names of figures as LaTeX, of the kind that matplotlib reads by itself too: words stay words, symbols become mathematics between $. */

const SYMBOLS: Readonly<Record<string, string>> = {
  ...{
    α: "\\alpha ",
    β: "\\beta ",
    γ: "\\gamma ",
    δ: "\\delta ",
    ε: "\\epsilon ",
    η: "\\eta ",
    θ: "\\theta ",
  },
  ...{
    κ: "\\kappa ",
    λ: "\\lambda ",
    μ: "\\mu ",
    π: "\\pi ",
    ρ: "\\rho ",
    σ: "\\sigma ",
    τ: "\\tau ",
    φ: "\\phi ",
  },
  ...{ ψ: "\\psi ", ω: "\\omega ", Δ: "\\Delta ", Λ: "\\Lambda ", Σ: "\\Sigma ", Φ: "\\Phi ", Ω: "\\Omega " },
  ...{
    "‖": "\\|",
    "∇": "\\nabla ",
    "∫": "\\int ",
    "√": "\\surd ",
    "∞": "\\infty ",
    "∝": "\\propto ",
    "∂": "\\partial ",
  },
  ...{
    "−": "-",
    "·": "\\cdot ",
    "×": "\\times ",
    "÷": "/",
    "≤": "\\leq ",
    "≥": "\\geq ",
    "≈": "\\approx ",
    "±": "\\pm ",
  },
  ...{ "⟨": "\\langle ", "⟩": "\\rangle ", "→": "\\to ", Â: "\\hat{A}", ᵀ: "^{T}" },
};
const LOWERED = new Map([..."₀₁₂₃₄₅₆₇₈₉"].map((sign, digit) => [sign, String(digit)]));
for (const [sign, letter] of ["ₖk", "ₙn", "ᵢi", "ⱼj", "₊+", "₋-"].map((pair) => [...pair]))
  LOWERED.set(sign!, letter!);
const RAISED = new Map([..."⁰¹²³⁴⁵⁶⁷⁸⁹"].map((sign, digit) => [sign, String(digit)]));
for (const [sign, letter] of ["⁻-", "⁺+", "ⁿn"].map((pair) => [...pair])) RAISED.set(sign!, letter!);

const FUNCTIONS = /^(exp|cos|sin|ln|log|max|min)\b/;
/** A word of one of these alone is a symbol; `a` and `I` are English. */
const LETTER = /^[B-HJ-Zb-z](\*|\(.*)?$/;
const QUOTIENT = /^[A-Za-z0-9]{1,2}\/[A-Za-z]{1,2}$/;
/** Between symbols these belong to the formula: =, 0.5, 2ct. */
const GLUE = /^([=<>+/]|[-+]?\d[\d.e+-]*|\d[a-z]{1,2})$/;

/** `parameter gap ‖θ(t) − θₖ‖` as `parameter gap $\|\theta (t) - \theta _{k}\|$`. Signs that it does not know stay in words. */
export function latexOf(text: string): string {
  const words = text.split(" ");
  const kinds = words.map(kindOf);
  const parts: string[] = [];
  for (let k = 0; k < words.length; ) {
    let end = k;
    while (end < words.length && kinds[end] !== "word" && !isWhole(words.slice(k, end))) end++;
    if (!kinds.slice(k, end).includes("symbol")) end = k;
    if (end === k) parts.push(words[k++]!.replaceAll("$", "\\$"));
    else {
      const formula = words.slice(k, end).join(" ");
      const [, body, comma] = /^(.*?)([,;:]?)$/s.exec(formula)!;
      parts.push(`$${formulaOf(body!)}$${comma}`);
      k = end;
    }
  }
  return parts.join(" ");
}

/** Whether a formula ends behind these words: at a comma outside of brackets. */
function isWhole(words: readonly string[]): boolean {
  const text = words.join(" ");
  const count = (signs: string) => [...text].filter((sign) => signs.includes(sign)).length;
  return /[,;:]$/.test(text) && count("(⟨") <= count(")⟩");
}

function kindOf(word: string): "symbol" | "glue" | "word" {
  const bare = word.replace(/[,;:]$/, "").replaceAll(/^[(|]+|[)|]+$/g, "");
  if (GLUE.test(bare) || FUNCTIONS.exec(bare)?.[0] === bare) return "glue";
  const signs = [...bare].filter((sign) => sign > "\x7f");
  const known = signs.every((sign) => sign in SYMBOLS || LOWERED.has(sign) || RAISED.has(sign));
  if (signs.length > 0) return known ? "symbol" : "word";
  return LETTER.test(bare) || QUOTIENT.test(bare) ? "symbol" : "word";
}

function formulaOf(text: string): string {
  let out = "";
  for (let k = 0; k < text.length; ) {
    const rest = text.slice(k);
    const name = FUNCTIONS.exec(rest)?.[0];
    const index = /^_([A-Za-z]+|\d+)/.exec(rest);
    const index0 = index?.[1] ?? "";
    if (name !== undefined && !/[A-Za-z]$/.test(text.slice(0, k))) {
      out += `\\${name} `;
      k += name.length;
    } else if (index !== null) {
      out += `_{${index0.length > 1 ? `\\mathrm{${index0}}` : index0}}`;
      k += index[0].length;
    } else if (rest.startsWith("^")) {
      const [raised] = /^\^(\([^()]*\)|\{[^{}]*\}|[^\s])/.exec(rest) ?? ["^"];
      out += `^{${formulaOf(raised.slice(1).replace(/^\{(.*)\}$/, "$1"))}}`;
      k += raised.length;
    } else {
      const shifted = [LOWERED, RAISED].find((signs) => signs.has(rest[0]!));
      if (shifted === undefined) {
        out += SYMBOLS[rest[0]!] ?? rest[0]!.replace(/[%#&$]/, "\\$&");
        k++;
      } else {
        let end = k;
        while (end < text.length && shifted.has(text[end]!)) end++;
        const letters = [...text.slice(k, end)].map((sign) => shifted.get(sign)).join("");
        out += `${shifted === LOWERED ? "_" : "^"}{${letters}}`;
        k = end;
      }
    }
  }
  return out.replaceAll(/ +/g, " ").trim();
}
