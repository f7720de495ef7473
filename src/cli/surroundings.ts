/** What a process must find around it before the program can even be loaded. Loads nothing itself. */
import { readFileSync } from "node:fs";

/** Loading the program and computing a study take about a hundred. */
const OPEN_FILES = 128;
/** Bytes of addresses that Node and the libraries reserve; measured 1.6e9 to 2e9. With less V8 aborts, if Node starts at all. */
const ADDRESSES = 2.2e9;

/** What is missing, as a sentence; null where nothing is. */
export function missingAround(): string | null {
  try {
    process.cwd();
  } catch {
    return "the working directory has gone; change to one that exists.";
  }
  const files = limitOf("open files");
  if (files < OPEN_FILES)
    return `only ${files} files may be open at a time (ulimit -n), ${OPEN_FILES} are needed; raise that limit.`;
  const addresses = limitOf("address space");
  return addresses < ADDRESSES
    ? `only ${(addresses / 1e9).toFixed(1)} GB of addresses may be had (ulimit -v), ${ADDRESSES / 1e9} GB are needed, most of them reserved and never used; raise that limit.`
    : null;
}

/** A limit of this process; infinity where the system has no /proc or no limit. */
function limitOf(what: "open files" | "address space"): number {
  try {
    const line = new RegExp(`^Max ${what}\\s+(\\d+)`, "m").exec(readFileSync("/proc/self/limits", "utf8"));
    return Number(line?.[1] ?? Number.POSITIVE_INFINITY);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
