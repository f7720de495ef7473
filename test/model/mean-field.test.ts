/** The field with the values of θ and slopes of given pieces: what a step over kinks is made with. */
import { describe, expect, test } from "vitest";
import { createEngine } from "../../src/engine/index.js";
import { piecesOf } from "../../src/model/index.js";
import { presentEngines } from "../support/engines.js";
import { makeCase, randomVector } from "../support/networks.js";

const engines = (await presentEngines()).filter(({ dtype }) => dtype === "float64");

describe.each(engines)("$label", ({ spec }) => {
  test.each([
    makeCase({ activation: { kind: "relu" }, seed: 2 }),
    makeCase({ activation: { kind: "prelu", slope: 0.25 }, seed: 3 }),
    makeCase({ activation: { kind: "hard-tanh" }, seed: 4 }),
  ])("$label", async ({ family, theta, bound }) => {
    const engine = await createEngine(spec);
    try {
      const field = await engine.compile(family.meanField(), bound);
      const free = await engine.compile(family.lossGradient("free"), bound);
      const locked = await engine.compile(family.lockedField(), bound);
      const { loss, gradient } = await free.run({ theta });
      const { z } = await locked.run({ theta, pieces: new Float64Array(family.entries) });
      const values = await engine.compile(family.preactivations("free"), bound).then((p) => p.run({ theta }));
      const own = piecesOf(family, values["z"] as Float64Array);
      const same = await field.run({ theta, pieces: own });
      const largest = Math.max(...gradient!.map(Math.abs));
      // The same sums in another order.
      for (const [i, g] of gradient!.entries())
        expect(Math.abs(g - same["gradient"]![i]!)).toBeLessThan(1e-13 * largest);
      // Other pieces change slopes, and no value.
      const other = own.map((piece, e) => (e % 3 === 0 ? Math.abs(piece - 0.5) : piece));
      const mixed = await field.run({ theta, pieces: other });
      expect(mixed["loss"]![0]).toBeCloseTo(loss![0]!, 13);
      expect(mixed["gradient"]!.some((g, i) => Math.abs(g - gradient![i]!) > 1e-3 * largest)).toBe(true);
      // At a θ where every z is on a breakpoint's side by the given pieces alone the locked field differs in its values too.
      expect(z!.some((value, e) => Math.abs(value - values["z"]![e]!) > 1e-3)).toBe(true);
      // The gradient is linear in the slopes of the last site: half way between two sets of pieces it is their mean.
      const { offset, units } = family.sites[family.sites.length - 1]!;
      const from = family.samples * offset;
      const shares = randomVector(1, family.samples * units).map((x) => Math.abs(Math.sin(x)));
      const at = async (share: (k: number) => number) =>
        (await field.run({ theta, pieces: own.map((p, e) => (e < from ? p : share(e - from))) }))[
          "gradient"
        ]!;
      const [none, all, part] = [await at(() => 0), await at(() => 1), await at((k) => shares[k]!)];
      const rest = await at((k) => 1 - shares[k]!);
      for (const [i, g] of none.entries())
        expect(Math.abs(g + all[i]! - part[i]! - rest[i]!)).toBeLessThan(1e-12 * largest);
    } finally {
      await engine.dispose();
    }
  });
});
