/** Questions to the server. Addresses are relative, so that they carry the token of the page's own. */

/** The answer as JSON. Throws an Error whose message is what the server says. */
export async function ask(path, query, signal) {
  const response = await fetch(`${path}?${new URLSearchParams(query)}`, { signal });
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

/** An element with its text or children; text is never markup. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** Calls `action` once, `milliseconds` after the last of several calls. */
export function settled(action, milliseconds) {
  let timer = 0;
  return (...words) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...words), milliseconds);
  };
}

/** Four significant digits, exponents outside 10⁻³…10⁴; a dash for what is absent. */
export function show(value, digits = 4) {
  if (Array.isArray(value)) return value.map((one) => show(one, digits)).join(" ") || "–";
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value !== "number" || value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e4) return String(Number(value.toPrecision(digits)));
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e");
  return `${Number(mantissa)}e${exponent.replace("+", "")}`;
}
