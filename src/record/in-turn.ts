/** Work on many folders, a few at a time: each opens files, and a process may have only so many open. */

const AT_ONCE = 16;

/** `action` of each item, in order; the first that throws ends it. */
export async function inTurn<T, R>(
  items: readonly T[],
  action: (item: T, index: number) => Promise<R>,
  atOnce = AT_ONCE,
): Promise<R[]> {
  const results = new Array<R>(items.length);
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const k = next++;
      results[k] = await action(items[k] as T, k);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  return results;
}
