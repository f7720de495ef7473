import { expect, test } from "vitest";
import { entryAt } from "../../src/model/index.js";
import { makeCase } from "../support/networks.js";
import { descend } from "./descent.js";
import { follow } from "./runs.js";

const tEnd = 4;
const window = [3.5, 4] as const;

test.each([1, 2, 3, 4, 5])(
  "the entries that chatter under descent are those that slide: network %i",
  async (seed) => {
    const given = makeCase({
      inputDimension: 3,
      hidden: [6, 6],
      outputDimension: 2,
      samples: 12,
      activation: { kind: "leaky-relu", slope: 0.05 },
      factor: 0.25,
      seed,
    });
    const { entries } = given.family;
    const { events } = await follow(given, { method: "dopri5", rtol: 1e-7, tEnd });
    // Time in the window that each entry slides.
    const slid = new Float64Array(entries);
    const since = new Map<number, number>();
    const clip = (from: number, to: number): number => Math.max(0, to - Math.max(from, window[0]));
    for (const { t, kind, layer, sample, unit } of events) {
      const entry = entryAt(given.family, { site: layer - 1, sample, unit });
      if (kind === "entersSliding") since.set(entry, t);
      if (kind === "leavesSliding") {
        slid[entry]! += clip(since.get(entry)!, t);
        since.delete(entry);
      }
    }
    for (const [entry, from] of since) slid[entry]! += clip(from, tEnd);
    const { flips } = descend(given, given.theta, 1e-4, [tEnd], window);
    // 5 000 steps in the window. A crossing amid the chatter of others takes tens of flips, however small the step; who slides takes
    // a share of all steps.
    const chatters = [...flips.keys()].filter((e) => flips[e]! > 100);
    const slides = [...slid.keys()].filter((e) => slid[e]! > 0);
    expect(slides.length).toBeGreaterThan(0);
    expect(chatters).toEqual(slides);
  },
);
