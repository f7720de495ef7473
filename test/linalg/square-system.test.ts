import { expect, test } from "vitest";
import { solveSquare } from "../../src/linalg/square-system.js";

test("a singular square system gets its least solution", () => {
  const x = solveSquare(Float64Array.of(1, 1, 1, 1), Float64Array.of(2, 2));
  expect(x[0]).toBeCloseTo(1, 12);
  expect(x[1]).toBeCloseTo(1, 12);
});
