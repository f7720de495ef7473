/** Lists of offsets that graphs ask for again and again, within bounds: a process may see any number of shapes. */

/** `(key, build)` returns what was built for the key. Beyond `limit` numbers in all the oldest lists are forgotten. */
export function createIndexCache(limit: number): (key: string, build: () => Int32Array) => Int32Array {
  const lists = new Map<string, Int32Array>();
  let held = 0;
  return (key, build) => {
    const known = lists.get(key);
    if (known !== undefined) return known;
    const list = build();
    lists.set(key, list);
    held += list.length;
    for (const [oldest, { length }] of lists) {
      if (held <= limit) break;
      lists.delete(oldest);
      held -= length;
    }
    return list;
  };
}
