/** What the books of a stepped flow say of instants at which it may have gone another way, wherever it ends. */
import { expect, test } from "vitest";
import type { Kinks } from "../../src/flow/boundaries/kinks.js";
import { createBooks } from "../../src/flow/stepping/books.js";
import type { SteppingCost } from "../../src/flow/stepping/field.js";
import type { SteppingStep } from "../../src/flow/stepping/stepper.js";
import { Memory } from "../../src/memory.js";
import { createRandom } from "../../src/random.js";

const kinks = { place: (unit: number) => ({ layer: 1, sample: 0, unit }) } as unknown as Kinks;
const cost = {} as SteppingCost;
const controls = { forced: 0, fallbacks: 0 };

/** Steps from 0 to 1, to 2, …, each with one instant of this speed. */
function entered(speeds: readonly number[]) {
  const books = createBooks(kinks, () => undefined, new Memory());
  for (const [t0, speed] of speeds.entries()) {
    const branch = { entry: t0, breakpoint: 0, margin: 1, error: 2, speed };
    const attempt = { tangential: 0, candidates: 1, unsettled: 0, branches: [branch] };
    const step = { t0, t1: t0 + 1, events: [], sliding: 0, attempt, theta1: Float64Array.of(1) };
    books.passed(step as unknown as SteppingStep, t0 + 1);
  }
  return (end: number) => books.summary(end, controls, cost).branches;
}

test.each([1e-9, 1, 1e9])(
  "the ten that may displace θ most by the end, wherever it comes, are those of all: speeds × %d",
  (scale) => {
    const random = createRandom(3);
    const speeds = Array.from({ length: 300 }, () => scale * Math.abs(random.normal()) ** 3);
    const branches = entered(speeds);
    for (const end of [300, 301, 400, 1e4, 1e12]) {
      const reach = speeds.map((speed, t) => speed * (end - t)).sort((p, q) => q - p);
      const told = branches(end);
      expect(told.map((branch) => branch.reach).sort((p, q) => q - p)).toEqual(reach.slice(0, 10));
      expect(told.map(({ t }) => t)).toEqual(told.map(({ t }) => t).sort((p, q) => p - q));
    }
  },
);

test("equals are kept ten at a time, the earlier ones, and a speed of 0 is one too", () => {
  expect(entered(new Array(40).fill(0))(40).map(({ t }) => t)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(entered(new Array(40).fill(5))(40).map(({ t }) => t)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});
