/** How far θ of every run of a sweep is from θ of one of them, against time: the curves of a sweep with distances for their column. */
import { isDeepStrictEqual } from "node:util";
import { type SnapshotDistances, snapshotDistances } from "../record/snapshots.js";
import type { DistancesFigureSpec } from "../record/sweep.js";
import type { JobState } from "../record/sweep-states.js";
import type { DataRow } from "./chart.js";
import { drawSweepCurves, type SweepDrawing } from "./sweep-curves.js";
import { describeAxisValue, type Sweep, shortField } from "./sweep-groups.js";
import { FLOW } from "./sweep-lines.js";

/** The drawing is null where no run has a distance; `lack` then says why. */
export async function drawSweepDistances(
  sweep: Sweep,
  figure: DistancesFigureSpec,
): Promise<{ readonly drawing: SweepDrawing<DataRow> | null; readonly lack: string | null }> {
  const { reference, from = 0 } = figure;
  const named = Object.entries(reference).map(
    ([field, value]) => `${shortField(field)} ${describeAxisValue(value)}`,
  );
  const lacks: string[] = [];
  const drawing = await drawSweepCurves(
    sweep,
    { ...figure, kind: "curves", y: "referenceDistance", tables: [] },
    {
      // Read after the runs are.
      get explained() {
        return [`θ′: the run with ${named.join(", ")}`, ...describeLacks(lacks)];
      },
      async read(state) {
        const wanted = { ...state.job.values, ...reference };
        const partner = sweep.states.find(({ job }) => isDeepStrictEqual(job.values, wanted));
        if (partner === state) return [];
        const { points, lack } = await distancesBetween(state, partner);
        const shown = points.filter(({ t }) => t >= from);
        // A curve is more than the start, which runs of other spans still have in common.
        if (shown.some(({ t }) => t > 0)) return [{ name: FLOW, points: shown, diverged: false }];
        const last = points.at(-1)?.t;
        const early = last === 0 ? "at t = 0 only" : `up to t = ${last} only, before from = ${from}`;
        lacks.push(lack ?? `run and reference have snapshots at the same times ${early}`);
        return [];
      },
    },
  );
  return { drawing, lack: drawing === null && lacks.length > 0 ? describeLacks(lacks).join("; ") : null };
}

async function distancesBetween(state: JobState, partner: JobState | undefined): Promise<SnapshotDistances> {
  const none = (lack: string) => ({ points: [], lack });
  if (partner === undefined) return none("the sweep has no run that is its reference");
  if (state.facts === null) return none("the run has no record");
  if (partner.facts === null) return none("its reference has no record");
  return snapshotDistances(state.directory, partner.directory);
}

/** Each reason once, with the number of runs that it is that of. */
function describeLacks(lacks: readonly string[]): string[] {
  return [...new Set(lacks)].map((lack) => {
    const count = lacks.filter((each) => each === lack).length;
    return `no distance of ${count} run${count === 1 ? "" : "s"}: ${lack}`;
  });
}
