/** Numbers, durations, columns and paths as the terminal shows them. */
import { isAbsolute, relative } from "node:path";

/** Four significant digits, exponents outside 10⁻³…10⁴; `–` for what is absent. */
export function formatNumber(value: number | null, digits = 4): string {
  if (value === null) return "–";
  if (value === 0 || !Number.isFinite(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e-3 && size < 1e4) return String(Number(value.toPrecision(digits)));
  const [mantissa, exponent] = value.toExponential(digits - 1).split("e") as [string, string];
  return `${Number(mantissa)}e${exponent.replace("+", "")}`;
}

/** A message with its times rounded to six digits: `t = 1e20`, for which a record has every digit. */
export function roundTimes(text: string): string {
  return text.replaceAll(
    /\bt = (-?\d[\d.]*(?:e[-+]?\d+)?)(?<!\.)/g,
    (_, time) => `t = ${formatNumber(Number(time), 6)}`,
  );
}

/** A fact of a record: a number as above, a word as it is, `–` for what is absent. */
export function formatFact(fact: number | string | boolean | null | undefined, digits = 4): string {
  if (fact === undefined || fact === null) return "–";
  return typeof fact === "number" ? formatNumber(fact, digits) : String(fact);
}

/** In seconds; what takes more of them than this is told in years. */
const YEAR = 365.25 * 86_400;
const YEARS = 2 * YEAR;

/** `0.42 s`, `12 s`, `3 min 5 s`, `2 h 7 min`. */
export function formatDuration(seconds: number): string {
  if (seconds < 10) return `${Number(seconds.toPrecision(2))} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole > YEARS) return `${formatNumber(whole / YEAR, 2)} years`;
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes} min ${whole % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/**
 * Text that studies, files and records may have part in, as a terminal may get it: what steers a terminal, hides, or turns the direction
 * of writing goes as its code, which JSON reads as the same letter.
 */
export function printable(text: string): string {
  return text.replaceAll(/(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (letter) =>
    letter
      .split("")
      .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
      .join(""),
  );
}

/** Columns aligned to the right, two spaces apart, indented by two. */
export function formatColumns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]!.map((_, column) =>
    rows.reduce((most, row) => Math.max(most, row[column]!.length), 0),
  );
  return rows.map((row) =>
    `  ${row.map((cell, column) => cell.padStart(widths[column]!)).join("  ")}`.trimEnd(),
  );
}

/** A path as one would type it here: relative where it lies below the working directory. */
export function formatPath(path: string): string {
  if (!isAbsolute(path)) return path;
  const here = relative(process.cwd(), path);
  return here === "" ? "." : here.startsWith("..") ? path : here;
}
