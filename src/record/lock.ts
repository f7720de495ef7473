/**
 * One writer at a time: a folder `.lock` that holds one file, named after the token of its owner. It comes into being whole, by a rename,
 * which fails where a lock stands; an empty one is free. To break a lock is to remove its owner's file by name, which can
 * hit no later owner, so that of many who break it one takes it.
 */
import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { access, mkdir, readdir, readFile, rename, rm, rmdir, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { ConfigError, RecordLostError } from "../errors.js";
import { errorCode, temporaryPath, writeFault } from "./files.js";
import { fields, nullable, number, optional, text } from "./shape.js";

/** The process that writes a record, or runs a sweep. */
export interface Writer {
  readonly id: number;
  readonly host: string;
  /** Where /proc tells them: the boot, the namespace that numbers the process, and when it started. A number alone may be reused. */
  readonly boot?: string | null;
  readonly space?: string | null;
  readonly start?: string | null;
}

export const writerShape = fields<Writer>({
  id: number,
  host: text,
  boot: optional(nullable(text)),
  space: optional(nullable(text)),
  start: optional(nullable(text)),
});

export interface Lock {
  /** @throws RecordLostError where the folder at this path is no longer the locked one, or the lock was taken over. */
  check(): Promise<void>;
  /** A second call does nothing. */
  release(): Promise<void>;
}

export interface LockOptions {
  /** Take it from an owner of whom this process cannot know whether it lives; never from one that does. */
  readonly force?: boolean;
  /** How long to wait for a living owner. */
  readonly patience?: number;
}

/** That of the computation, held from its start to its end. */
const COMPUTATION = ".lock";
/** That of the list of files, held for moments, by the computation and by those who add files beside it. */
const LISTING = ".lock-files";
/** A worker whose sweep was killed ends its record in order, which takes a moment. */
const PATIENCE_MILLISECONDS = 3000;
/** What a kill may leave of them in a folder, for `removeTemporaries`. */
export const LOCKS = [COMPUTATION, LISTING];
const POLL_MILLISECONDS = 20;

export const thisProcess = (): Writer => ({
  id: process.pid,
  host: hostname(),
  boot: peek(() => readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim()),
  space: peek(() => readlinkSync("/proc/self/ns/pid")),
  start: peek(() => startOf(process.pid)),
});

/** Locks an existing folder against every other computation. @throws ConfigError where another holds it */
export function lockFolder(directory: string, options: LockOptions = {}): Promise<Lock> {
  return acquire(directory, COMPUTATION, { patience: PATIENCE_MILLISECONDS, ...options });
}

/** Does what changes the list of a folder's files while nobody else does. */
export async function whileListed<T>(directory: string, action: () => Promise<T>): Promise<T> {
  const lock = await acquire(directory, LISTING, { patience: 60_000 });
  try {
    return await action();
  } finally {
    await lock.release();
  }
}

async function acquire(
  directory: string,
  name: string,
  { force = false, patience = 0 }: LockOptions,
): Promise<Lock> {
  const token = randomBytes(8).toString("hex");
  const place = join(directory, name);
  const staged = temporaryPath(place);
  const deadline = performance.now() + patience;
  try {
    await mkdir(staged);
    await writeFile(join(staged, token), JSON.stringify(thisProcess()));
    while (!(await take(staged, place))) {
      const owner = await ownerOf(place);
      if (owner === null) continue;
      const life = lifeOf(owner.writer);
      if (life === "dead" || (life === "unknown" && force))
        await rm(join(place, owner.token), { force: true });
      else if (life === "unknown" || performance.now() >= deadline)
        throw held(directory, place, owner.writer, life);
      else await wait(POLL_MILLISECONDS);
    }
  } catch (error) {
    await rm(staged, { recursive: true, force: true }).catch(() => undefined);
    throw writeFault(directory, error);
  }
  const own = join(place, token);
  return {
    async check() {
      await access(own).catch(() => {
        throw new RecordLostError(
          `${directory}: was removed, moved, replaced or taken over while this process wrote it; nothing more is written there.`,
        );
      });
    },
    async release() {
      await unlink(own).then(
        () => rmdir(place).catch(() => undefined), // another may have taken it meanwhile
        () => undefined,
      );
    },
  };
}

/** Puts the staged lock in place unless one stands there. */
async function take(staged: string, place: string): Promise<boolean> {
  try {
    await rename(staged, place);
    return true;
  } catch (error) {
    if (errorCode(error) === "ENOTDIR")
      throw new ConfigError(`${place}: is not gradflow's, but stands where its lock belongs; move it away.`);
    if (!["ENOTEMPTY", "EEXIST", "EPERM"].includes(errorCode(error))) throw error;
    // Some systems do not rename onto an empty folder either; where it is gone the next try succeeds.
    const refused = await rmdir(place).then(
      () => null,
      (reason: unknown) => reason,
    );
    const taken = ["ENOTEMPTY", "EEXIST", "ENOENT"].includes(errorCode(refused));
    if (refused !== null && !taken) throw error;
    return false;
  }
}

/** Null where the lock is free by now. */
async function ownerOf(place: string): Promise<{ readonly token: string; readonly writer: Writer } | null> {
  try {
    const [token] = await readdir(place);
    if (token === undefined) return null;
    const text = await readFile(join(place, token), "utf8");
    try {
      return { token, writer: JSON.parse(text) as Writer };
    } catch {
      // A machine that lost its power may have kept the name alone.
      return { token, writer: { id: 0, host: "unknown" } };
    }
  } catch (error) {
    if (errorCode(error) === "ENOENT") return null;
    throw error;
  }
}

/** Whether a process is there still, as far as this one can know. */
function lifeOf({ id, host, boot, space, start }: Writer): "alive" | "dead" | "unknown" {
  const here = thisProcess();
  if (host !== here.host) return "unknown";
  if (boot && here.boot && boot !== here.boot) return "dead";
  if (space && here.space && space !== here.space) return "unknown";
  try {
    process.kill(id, 0);
  } catch (error) {
    // EPERM: alive, but another user's.
    if (errorCode(error) !== "EPERM") return "dead";
  }
  const now = peek(() => startOf(id));
  return start && now && start !== now ? "dead" : "alive";
}

/** When a process started, in ticks since the boot; that of a zombie, killed and not yet cleared away, fits no process. */
function startOf(id: number): string {
  const stat = readFileSync(`/proc/${id}/stat`, "utf8");
  // The name, in brackets, may hold anything.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? "zombie" : fields[19]!;
}

/** Null on systems without /proc. */
function peek(look: () => string): string | null {
  try {
    return look();
  } catch {
    return null;
  }
}

function held(
  directory: string,
  place: string,
  { id, host }: Writer,
  life: "alive" | "unknown",
): ConfigError {
  if (life === "alive")
    return new ConfigError(`${directory}: process ${id} is writing it; wait for it or stop it.`);
  const where = host === hostname() ? "in another container" : `on ${host}`;
  return new ConfigError(
    `${directory}: process ${id} ${where} is writing it, or was stopped there without a word. If it has gone, take the folder with --force, or remove ${place}.`,
  );
}
