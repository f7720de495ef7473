/** Arrays of attempts: what is in use is handed to nobody else, and nothing is made anew that is free. */
import { expect, test } from "vitest";
import { Scratch } from "../../src/flow/stepping/scratch.js";

test("what is in use stays, all else is taken again", () => {
  const scratch = new Scratch();
  const first = [scratch.take(5), scratch.take(5), scratch.take(5)];
  const short = scratch.take(2);
  expect(new Set(first).size).toBe(3);
  const copy = scratch.copy(Float64Array.of(1, 2));
  expect(copy).not.toBe(short);
  expect([...copy]).toEqual([1, 2]);
  scratch.reclaim([first[1], null, 7]);
  const again = [scratch.take(5), scratch.take(5)];
  expect(new Set(again)).toEqual(new Set([first[0], first[2]]));
  expect(first).not.toContain(scratch.take(5));
  expect([short, copy]).toContain(scratch.take(2));
  // Over many steps of which each keeps the last array, two are enough.
  const lean = new Scratch();
  const seen = new Set<Float64Array>();
  let kept: Float64Array | null = null;
  for (let step = 0; step < 20; step++) {
    lean.reclaim([kept]);
    const taken = lean.take(9);
    expect(taken).not.toBe(kept);
    kept = taken;
    seen.add(taken);
  }
  expect(seen.size).toBe(2);
});
