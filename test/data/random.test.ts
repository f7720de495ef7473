import { describe, expect, it } from "vitest";
import { createRandom } from "../../src/random.js";

const draw = (count: number, next: () => number) => Array.from({ length: count }, next);
const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe("createRandom", () => {
  it("gives the same numbers for the same seed, now and in the next release", () => {
    const random = createRandom(0);
    expect(draw(2, random.uniform)).toEqual(draw(2, createRandom(0).uniform));
    expect({
      uniform: createRandom(7).uniform(),
      normal: createRandom(7).split("data").normal(),
    }).toMatchInlineSnapshot(`
      {
        "normal": -1.9891606226089298,
        "uniform": 0.82526250257087,
      }
    `);
  });

  it("splits by name, whatever has been drawn before", () => {
    const used = createRandom(3);
    draw(100, used.normal);
    expect(used.split("init").uniform()).toBe(createRandom(3).split("init").uniform());
    const heads = [
      createRandom(3),
      createRandom(4),
      createRandom(3).split("a"),
      createRandom(3).split("b"),
      createRandom(3).split("a").split("b"),
      createRandom(3).split("a/b"),
      createRandom(3).split('a"/"b'),
    ].map((random) => random.uniform());
    expect(new Set(heads).size).toBe(heads.length);
  });

  it("has the moments of its laws", () => {
    const count = 200_000;
    const uniforms = draw(count, createRandom(1).uniform);
    expect(Math.min(...uniforms.slice(0, 1000))).toBeGreaterThanOrEqual(0);
    expect(mean(uniforms)).toBeCloseTo(0.5, 2);
    expect(mean(uniforms.map((u) => (u - 0.5) ** 2))).toBeCloseTo(1 / 12, 2);
    const normals = draw(count, createRandom(1).normal);
    expect(Math.abs(mean(normals))).toBeLessThan(0.01);
    expect(mean(normals.map((z) => z ** 2))).toBeCloseTo(1, 1.5);
    expect(Math.abs(mean(normals.map((z) => z ** 3)))).toBeLessThan(0.05);
    expect(Math.abs(mean(normals.map((z) => z ** 4)) - 3)).toBeLessThan(0.1);
    const lag = normals.slice(1).map((z, i) => z * normals[i]!);
    expect(Math.abs(mean(lag))).toBeLessThan(0.01);
  });

  it("draws integers below n evenly", () => {
    const random = createRandom(5);
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) counts[random.integer(3)]! += 1;
    for (const count of counts) expect(Math.abs(count - 10_000)).toBeLessThan(400);
    expect(() => random.integer(0)).toThrow("positive integer");
    expect(() => createRandom(0.5)).toThrow("seed must be an integer, got 0.5");
  });
});
