import { describe, expect, test } from "vitest";
import { type Gram, sharedGains, tiesOf } from "../../src/flow/boundaries/ties.js";

/** K of given normals. */
function gramOf(rows: readonly (readonly number[])[]): Gram {
  const gram = rows.flatMap((a) => rows.map((b) => a.reduce((sum, value, i) => sum + value * b[i]!, 0)));
  return { count: rows.length, gram: Float64Array.from(gram), work: () => undefined };
}
const none = (count: number) => new Array<null>(count).fill(null);

describe("ties", () => {
  test("duplicates share a weight, opposite ones its complement", () => {
    const ties = tiesOf(
      gramOf([
        [1, 2],
        [2, 4],
        [-1, -2],
        [0, 1],
      ]),
      [false, false, false, false],
      none(4),
    );
    expect(ties.map(({ leader }) => leader)).toEqual([0, 0, 0, 3]);
    expect(ties[1]!.ratio).toBeCloseTo(2, 12);
    expect(ties[2]!.ratio).toBeCloseTo(-1, 12);
    expect(sharedGains(ties, [1, 10, 100, 7])[0]).toBeCloseTo(1 + 20 + 100, 10);
  });

  test("entries that differ by held normals alone move together", () => {
    // z = b, and z = b + w·z′ with z′ held: the normals (0, 1) and (3, 1) beside the held (1, 0).
    const rows = [
      [1, 0, 0],
      [0, 1, 0],
      [3, 1, 0],
      [3, 1, 2],
    ];
    const ties = tiesOf(gramOf(rows), [true, false, false, false], none(4));
    expect(ties.map(({ leader }) => leader)).toEqual([0, 1, 1, 3]);
    expect(ties[2]!.ratio).toBeCloseTo(1, 12);
    // Nothing held: nothing ties them.
    expect(tiesOf(gramOf(rows), [false, false, false, false], none(4)).map(({ leader }) => leader)).toEqual([
      0, 1, 2, 3,
    ]);
  });

  test("a normal in the span of the held ones is bound", () => {
    const ties = tiesOf(
      gramOf([
        [1, 0, 0],
        [0, 1, 0],
        [1, 1, 0],
      ]),
      [true, true, false],
      none(3),
    );
    expect(ties.map(({ bound }) => bound)).toEqual([false, false, true]);
  });

  test("a tie among held entries lasts until what tied them leaves", () => {
    const rows = [
      [1, 0, 0],
      [0, 1, 0],
      [3, 1, 0],
    ];
    const together = tiesOf(gramOf(rows), [true, true, true], [null, null, 1]);
    expect(together.map(({ leader }) => leader)).toEqual([0, 1, 1]);
    // The first lets go: the third is no longer a multiple of the second, and moves with the first instead.
    const apart = tiesOf(gramOf(rows), [false, true, true], [null, null, 1]);
    expect(apart.map(({ leader }) => leader)).toEqual([0, 1, 0]);
  });
});
