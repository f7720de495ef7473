/**
 * The memory of a computation that is carried out in stages and may have to go on elsewhere: each stateful part keeps its mutable state in
 * plain objects and registers them here. A snapshot of all of them is a checkpoint; a memory made from one fills the same objects
 * again, so that what follows is what would have followed. Knows neither files nor what it holds.
 */

/** Everything registered, by name; plain data for the structured clone algorithm. */
export type Snapshot = ReadonlyMap<string, object>;

/** Numbers kept elsewhere, as on a device: a snapshot holds their values. */
export interface Remote {
  read(): Float64Array;
  write(values: Float64Array): void;
}

export class Memory {
  /** Whether `keep` fills the objects from a snapshot: what they hold is then not to be computed anew. */
  readonly isResumed: boolean;
  readonly #kept: Map<string, object>;
  readonly #saved: Snapshot | null;
  readonly #prefix: string;

  /** @param saved the snapshot to go on from; null begins anew */
  constructor(saved: Snapshot | null = null, kept = new Map<string, object>(), prefix = "") {
    this.isResumed = saved !== null;
    this.#saved = saved;
    this.#kept = kept;
    this.#prefix = prefix;
  }

  /**
   * Registers `state`, an object of numbers, strings, typed arrays, remote ones, arrays, maps, sets and such objects, and returns it.
   * Where the memory is resumed its properties are set from the snapshot first; typed arrays and containers stay the same objects.
   * @throws Error for a name given twice, or one that the snapshot lacks
   */
  keep<T extends object>(name: string, state: T): T {
    const key = this.#prefix + name;
    if (this.#kept.has(key)) throw new Error(`memory: ${key} is kept already.`);
    this.#kept.set(key, state);
    if (this.#saved === null) return state;
    const saved = this.#saved.get(key);
    if (saved === undefined) throw new Error(`memory: the snapshot does not hold ${key}.`);
    fill(state as Container, saved as Container);
    return state;
  }

  /** The same memory with names of its own. */
  within(name: string): Memory {
    return new Memory(this.#saved, this.#kept, `${this.#prefix}${name}/`);
  }

  /** What is registered now, typed arrays not copied: to be serialised before anything goes on. */
  snapshot(): Snapshot {
    return fetch(this.#kept) as Snapshot;
  }
}

/** The same with the values of remote numbers in their place. */
function fetch(value: unknown): unknown {
  if (isRemote(value)) return value.read();
  if (Array.isArray(value)) return value.map(fetch);
  if (value instanceof Map) return new Map([...value].map(([key, entry]) => [key, fetch(entry)]));
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, fetch(entry)]));
}

type Container = Record<string, unknown>;

function fill(target: Container, saved: Container): void {
  for (const [key, value] of Object.entries(saved)) target[key] = refill(target[key], value);
}

/** The saved value, put into the present container where there is one of its kind. */
function refill(present: unknown, saved: unknown): unknown {
  if (present instanceof Float64Array && saved instanceof Float64Array && present.length === saved.length) {
    present.set(saved);
    return present;
  }
  if (isRemote(present) && saved instanceof Float64Array) {
    present.write(saved);
    return present;
  }
  if (Array.isArray(present) && Array.isArray(saved)) {
    for (const [i, value] of saved.entries()) present[i] = refill(present[i], value);
    present.length = saved.length;
    return present;
  }
  if (present instanceof Map && saved instanceof Map) {
    present.clear();
    for (const [key, value] of saved) present.set(key, value);
    return present;
  }
  if (present instanceof Set && saved instanceof Set) {
    present.clear();
    for (const value of saved) present.add(value);
    return present;
  }
  if (isPlain(present) && isPlain(saved)) {
    fill(present, saved);
    return present;
  }
  return saved;
}

function isRemote(value: unknown): value is Remote {
  const { read, write } = (value ?? {}) as Partial<Remote>;
  return typeof read === "function" && typeof write === "function";
}

function isPlain(value: unknown): value is Container {
  return typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
