/** How far θ of every run of a sweep is from θ of one of them, against time: the curves of a sweep with distances for their column. */
import { isDeepStrictEqual } from "node:util";
import { snapshotDistances } from "../record/snapshots.js";
import type { DistancesFigureSpec } from "../record/sweep.js";
import type { JobState } from "../record/sweep-states.js";
import type { DataRow } from "./chart.js";
import { drawSweepCurves, type SweepDrawing } from "./sweep-curves.js";
import { describeAxisValue, type Sweep, shortField } from "./sweep-groups.js";
import { FLOW } from "./sweep-lines.js";

/** Null where no two runs have snapshots of the same times. */
export function drawSweepDistances(
  sweep: Sweep,
  figure: DistancesFigureSpec,
): Promise<SweepDrawing<DataRow> | null> {
  const { reference } = figure;
  const named = Object.entries(reference).map(
    ([field, value]) => `${shortField(field)} ${describeAxisValue(value)}`,
  );
  const partnerOf = ({ job: { values } }: JobState): JobState | undefined =>
    sweep.states.find(({ job }) => isDeepStrictEqual(job.values, { ...values, ...reference }));
  return drawSweepCurves(
    sweep,
    { ...figure, kind: "curves", y: "referenceDistance", tables: [] },
    {
      explained: [`θ′: the run with ${named.join(", ")}`],
      async read(state) {
        const partner = partnerOf(state);
        if (partner === undefined || partner === state || partner.facts === null) return [];
        const points = await snapshotDistances(state.directory, partner.directory);
        const shown = points.filter(({ t }) => t >= (figure.from ?? 0));
        return shown.length === 0 ? [] : [{ name: FLOW, points: shown, diverged: false }];
      },
    },
  );
}
