/** Whether the process that writes a record, or runs a sweep, is still there. */
import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as wait } from "node:timers/promises";
import { ConfigError } from "../errors.js";

export interface Writer {
  readonly id: number;
  readonly host: string;
}

export const thisProcess = (): Writer => ({ id: process.pid, host: hostname() });

/** A worker whose sweep was killed ends its record in order, which takes a moment. */
const PATIENCE_MILLISECONDS = 3000;

/**
 * Refuses a folder that another process writes: two at once would spoil it.
 * @param read what the folder says, asked again for a while
 * @throws ConfigError where it is `running` and its process alive on this machine; nothing is known of other machines
 */
export async function refuseLive(
  directory: string,
  read: (directory: string) => Promise<{ readonly status: string; readonly process?: Writer } | null>,
): Promise<void> {
  const writer = async (): Promise<Writer | null> => {
    const { status, process } = (await read(directory)) ?? {};
    return status === "running" && process !== undefined && isAlive(process) ? process : null;
  };
  const deadline = performance.now() + PATIENCE_MILLISECONDS;
  let found = await writer();
  while (found !== null && performance.now() < deadline) {
    await wait(50);
    found = await writer();
  }
  if (found !== null)
    throw new ConfigError(
      `${directory}: process ${found.id} is writing it; wait for it or stop it. If that is another program by now, gradflow resume ${directory} --force goes on with it.`,
    );
}

function isAlive({ id, host }: Writer): boolean {
  if (host !== hostname() || id === process.pid) return false;
  try {
    process.kill(id, 0);
  } catch (error) {
    // Alive, but another user's.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
  return !isZombie(id);
}

/** Killed, and not yet cleared away by its parent; known on Linux alone. */
function isZombie(id: number): boolean {
  try {
    return /\) Z /.test(readFileSync(`/proc/${id}/stat`, "utf8"));
  } catch {
    return false;
  }
}
