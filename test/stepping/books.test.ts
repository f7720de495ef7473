/** What a run of steps over kinks counts. */
import { expect, test } from "vitest";
import type { Kinks } from "../../src/flow/boundaries/kinks.js";
import { createBooks } from "../../src/flow/stepping/books.js";
import { Memory } from "../../src/memory.js";

test.each([
  // Entry 1 enters at the instant at which entry 0 leaves: never do two slide at once.
  ["entersSliding", "leavesSliding", 0.5, 0.5, 1],
  ["leavesSliding", "entersSliding", 0.5, 0.5, 1],
  ["entersSliding", "leavesSliding", 0.5, 0.6, 2],
] as const)("%s, then %s, at %f and %f: at most that many slide", (first, second, t, u, most) => {
  const kinks = { place: (entry: number) => ({ layer: 1, sample: entry, unit: 0 }) } as unknown as Kinks;
  const books = createBooks(kinks, () => undefined, new Memory());
  const event = (time: number, kind: string) => ({ time, kind, entry: 0, breakpoint: 0, isAbove: true });
  const events = [event(0.1, "entersSliding"), event(t, first), event(u, second)];
  const step = { t0: 0, t1: 1, events, sliding: 1, attempt: null, theta1: Float64Array.of(1) };
  books.passed(step as unknown as Parameters<typeof books.passed>[0], 1);
  expect(books.summary(1, { forced: 0, fallbacks: 0 }, {} as never).maxSliding).toBe(most);
});
