import { expect, test } from "vitest";
import { createIndexCache } from "../../src/engine/index-cache.js";

test("index lists are built once, and the oldest are forgotten beyond the limit", () => {
  const cache = createIndexCache(10);
  const built: string[] = [];
  const ask = (key: string, length: number) =>
    cache(key, () => {
      built.push(key);
      return new Int32Array(length);
    });
  ask("a", 4);
  ask("b", 4);
  expect(ask("a", 4)).toBe(ask("a", 4));
  expect(built).toEqual(["a", "b"]);
  // Four numbers too many: the oldest goes.
  ask("c", 4);
  ask("b", 4);
  ask("c", 4);
  expect(built).toEqual(["a", "b", "c"]);
  ask("a", 4);
  expect(built).toEqual(["a", "b", "c", "a"]);
  // Longer than all that may be kept: it is answered, and not kept.
  expect(ask("long", 11)).toHaveLength(11);
  ask("long", 11);
  expect(built.filter((key) => key === "long")).toHaveLength(2);
});
