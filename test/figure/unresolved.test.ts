/** What table and caption of a sweep say of runs that are not the gradient flow: by the energy identity, by decisions at kinks, by both. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { summariseSweep } from "../../src/cli/sweep-summary.js";
import { captionOf } from "../../src/figure/render.js";
import { buildSweepFigures } from "../../src/figure/sweep-figures.js";
import type { EventsResult, RunResult } from "../../src/record/result.js";
import { readSweep, type SweepFigureSpec } from "../../src/record/sweep.js";
import { readJobs } from "../../src/record/sweep-states.js";
import { syntheticSweep } from "../record/synthetic-sweep.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-unresolved-"));
afterAll(() => rm(folder, { recursive: true, force: true }));

const FIGURE: SweepFigureSpec = {
  ...{ kind: "curves", name: "c", y: "loss", tables: ["series", "descent"], xScale: "log", yScale: "log" },
};

const withEvents = (unsettled: number): EventsResult => ({ crossings: 4, unsettled });
const fine: Partial<RunResult> = { energyDefect: 1e-7, events: withEvents(0) };
const unsettled: Partial<RunResult> = { energyDefect: 1e-7, events: withEvents(2) };
const offBalance: Partial<RunResult> = { energyDefect: 3.14, events: withEvents(0) };
const both: Partial<RunResult> = { energyDefect: 2.5, events: withEvents(1) };

test.each<{ name: string; runs: Partial<RunResult>[]; note: string | null; caption: string }>([
  { name: "none", runs: [fine, fine], note: null, caption: "broad: gradient flow" },
  {
    name: "unsettled",
    runs: [fine, unsettled, unsettled],
    note: "2 of 3 runs do not resolve the gradient flow: in 2 of them decisions at kinks did not settle.",
    caption: "broad: gradient flow, unresolved in 2 of 3 runs (decisions at kinks did not settle in 2)",
  },
  {
    name: "energy",
    runs: [offBalance, fine],
    note: "1 of 2 runs do not resolve the gradient flow: ∫‖∇L‖² ds is off by up to 3.1 times what L fell by.",
    caption:
      "broad: gradient flow, unresolved in 1 of 2 runs (∫‖∇L‖² ds is off by up to 3.1 times the fall of L)",
  },
  {
    name: "energy in the clock of ln L",
    runs: [offBalance, { ...offBalance, energyDefect: 7, logTime: 3, logLoss: -9 }],
    note: "2 of 2 runs do not resolve the gradient flow: ∫‖∇ln L‖² dτ is off by up to 7 times what ln L fell by.",
    caption:
      "broad: gradient flow, unresolved in 2 of 2 runs (∫‖∇ln L‖² dτ is off by up to 7 times the fall of ln L)",
  },
  {
    name: "both, one run twice",
    runs: [both, offBalance, unsettled, fine],
    note: "3 of 4 runs do not resolve the gradient flow: ∫‖∇L‖² ds is off by up to 3.1 times what L fell by; in 2 of them decisions at kinks did not settle.",
    caption:
      "broad: gradient flow, unresolved in 3 of 4 runs (∫‖∇L‖² ds is off by up to 3.1 times the fall of L; decisions at kinks did not settle in 2)",
  },
])("$name", async ({ name, runs, note, caption }) => {
  const directory = join(folder, name);
  await syntheticSweep(directory, runs, [FIGURE]);
  const manifest = (await readSweep(directory))!;
  const states = await readJobs(directory, manifest);
  const table = summariseSweep(
    { ...{ directory, states, figures: [], notes: [] }, fields: manifest.fields },
    "done",
  );
  if (note === null) expect(table).not.toContain("do not resolve");
  else expect(table).toContain(`note: ${note} The notes in their result.json say why.\n`);

  const [built] = await buildSweepFigures(directory);
  const text = captionOf(built!.drawing!.spec).join(" ");
  expect(text).toContain(caption);
  if (note === null) expect(text).not.toContain("unresolved");
});
