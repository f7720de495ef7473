/** The rows of the table: the runs in their order, those of a sweep behind a row of it, which folds them. Draws nothing. */

/** A sweep of one run that is shown needs no row of its own. */
const FEWEST = 2;

/**
 * A sweep stands where the first of its runs would.
 * @param runs as the server lists them
 * @param sweeps [{ id, name, status, total }]
 * @param isFolded of a sweep's id
 * @returns rows { run } or { sweep, runs, folded }
 */
export function rowsOf(runs, sweeps, isFolded) {
  const bySweep = new Map(sweeps.map((sweep) => [sweep.id, { sweep, runs: [] }]));
  for (const run of runs) bySweep.get(run.sweep)?.runs.push(run);
  const placed = new Set();
  return runs.flatMap((run) => {
    const own = bySweep.get(run.sweep);
    if (own === undefined || own.runs.length < FEWEST) return [{ run }];
    if (placed.has(run.sweep)) return [];
    placed.add(run.sweep);
    const folded = isFolded(run.sweep);
    return [{ ...own, folded }, ...(folded ? [] : own.runs.map((one) => ({ run: one, within: own.sweep })))];
  });
}

/** How far a sweep is, in a few words. */
export function progressOf({ sweep, runs }) {
  const open = runs.filter((run) => run.open).length;
  const listed =
    runs.length === sweep.total ? `${sweep.total} runs` : `${runs.length} of ${sweep.total} runs`;
  return sweep.status === "running" && open > 0
    ? `${listed}, ${open} not ended`
    : `${listed}, ${sweep.status}`;
}

/** A killed run is `running` for ever: how long its series has been silent tells. */
export function statusOf({ status, open, grown }) {
  if (!open || status !== "running" || grown === null) return status || "–";
  const silent = (Date.now() - grown) / 60_000;
  return silent < 2
    ? "running"
    : `running, silent for ${silent < 120 ? `${Math.round(silent)} min` : `${Math.round(silent / 60)} h`}`;
}
