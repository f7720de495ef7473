/** Which commits the program and the study are of, for the manifest. Asks git, and leaves its index alone. */
import { execFile } from "node:child_process";
import { basename, dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { RepositoryState } from "../record/manifest.js";

/** A repository may be large enough for git to take longer than the run. */
const PATIENCE_MILLISECONDS = 5000;

let program: Promise<RepositoryState | null> | null = null;

/** Of the checkout that this program is built in; null where it is an installed package, in whosever repository that lies. */
export function programState(): Promise<RepositoryState | null> {
  program ??= readState(fileURLToPath(new URL("../..", import.meta.url)), true);
  return program;
}

/** Of the repository that the study's file lies in, dirty also where git does not track the file; null outside git. */
export async function studyState(file: string): Promise<RepositoryState | null> {
  const folder = dirname(resolve(file));
  const state = await readState(folder, false);
  if (state === null || state.dirty === true) return state;
  const tracked = await git(folder, "ls-files", "--error-unmatch", "--", basename(file));
  return tracked === null ? { ...state, dirty: true } : state;
}

async function readState(folder: string, atTop: boolean): Promise<RepositoryState | null> {
  const found = await git(folder, "rev-parse", "--show-cdup", "HEAD");
  if (found === null) return null;
  const [up, commit = ""] = found.split("\n");
  if (atTop && up !== "") return null;
  const changes = await git(folder, "status", "--porcelain", "--untracked-files=no");
  return { commit, dirty: changes === null ? null : changes !== "" };
}

/** What git says; null where it fails, is not there, or takes too long. */
async function git(folder: string, ...words: readonly string[]): Promise<string | null> {
  try {
    const options = { cwd: folder, timeout: PATIENCE_MILLISECONDS };
    const { stdout } = await promisify(execFile)("git", ["--no-optional-locks", ...words], options);
    return stdout;
  } catch {
    return null;
  }
}
