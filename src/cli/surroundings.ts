/** What a process must find around it before the program can even be loaded. Loads nothing itself. */
import { readFileSync } from "node:fs";

/** Loading the program and computing a study take about a hundred. */
const OPEN_FILES = 128;

/** What is missing, as a sentence; null where nothing is. */
export function missingAround(): string | null {
  try {
    process.cwd();
  } catch {
    return "the working directory has gone; change to one that exists.";
  }
  const limit = openFiles();
  return limit !== null && limit < OPEN_FILES
    ? `only ${limit} files may be open at a time (ulimit -n), ${OPEN_FILES} are needed; raise that limit.`
    : null;
}

/** The limit of this process; null where the system has no /proc or no limit. */
function openFiles(): number | null {
  try {
    const limit = /^Max open files\s+(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
    return limit === undefined ? null : Number(limit);
  } catch {
    return null;
  }
}
