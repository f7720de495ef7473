/** The factor that follows what slides, against the Gram matrix that it is of. */
import { describe, expect, test } from "vitest";
import { Basis } from "../../src/flow/stepping/basis.js";
import { createRandom } from "../../src/random.js";

const SIZE = 24;

/** Normals of `SIZE` entries: the last of each `every` is the sum of the two before it. */
function drawGram(seed: number, scale: number, every = SIZE + 1): Float64Array {
  const random = createRandom(seed).split("basis");
  const rows = Array.from({ length: SIZE }, () => Array.from({ length: 40 }, () => scale * random.normal()));
  for (let i = every - 1; i < SIZE; i += every)
    rows[i] = rows[i - 1]!.map((value, r) => value + rows[i - 2]![r]!);
  return Float64Array.from({ length: SIZE * SIZE }, (_, at) =>
    rows[Math.floor(at / SIZE)]!.reduce((sum, x, r) => sum + x * rows[at % SIZE]![r]!, 0),
  );
}

describe("the basis of what slides", () => {
  test.each([1e-9, 1, 1e9])("solves for its members as they come and go, normals of size %s", (scale) => {
    const gram = drawGram(1, scale);
    const random = createRandom(2).split("moves");
    const basis = new Basis();
    basis.reset(SIZE, gram);
    let largest = 0;
    for (let move = 0; move < 400; move++) {
      const e = Math.floor((SIZE - 1) * random.uniform());
      if (basis.members.includes(e)) basis.drop(e);
      else expect(basis.extend(e)).toBe(true);
      largest = Math.max(largest, basis.members.length);
      const last = SIZE - 1;
      const solution = basis.project(last);
      for (const i of basis.members) {
        let sum = 0;
        basis.members.forEach((j, n) => {
          sum += gram[i * SIZE + j]! * solution[n]!;
        });
        // Up to 400 rotations of columns of 23 numbers, each rounded.
        expect(Math.abs(sum - gram[i * SIZE + last]!)).toBeLessThan(1e-12 * gram[i * SIZE + i]!);
      }
    }
    expect(largest).toBeGreaterThan(12);
  });

  test.each([1e-9, 1, 1e9])(
    "takes no normal in the span of its members, until one of them goes: %s",
    (scale) => {
      const gram = drawGram(3, scale, 3);
      const basis = new Basis();
      basis.reset(SIZE, gram);
      const taken = Array.from({ length: SIZE }, (_, e) => basis.extend(e));
      expect(taken).toEqual(Array.from({ length: SIZE }, (_, e) => e % 3 !== 2));
      basis.drop(4);
      expect(basis.extend(5)).toBe(true);
      expect(basis.extend(4)).toBe(false);
    },
  );
});
