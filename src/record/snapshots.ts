/** Snapshots of θ along the flow (measure.parameters), and how far two runs are apart at those that both have. */
import { basename, join } from "node:path";
import { readNpy } from "../data/npy.js";
import { readTable } from "./table.js";

/** Recorded times that differ by less, relatively, are one. */
const SAME_TIME = 1e-12;

/** A distance, or why there is none. */
export interface ArrayDistance {
  readonly value: number | null;
  readonly lack: string | null;
}

/** ‖a − b‖ of two .npy files; null where one is missing or their sizes differ. */
export async function arrayDistance(file: string, other: string): Promise<ArrayDistance> {
  const [a, b] = await Promise.all([file, other].map((path) => readNpy(path).catch(() => null)));
  if (!a || !b) return { value: null, lack: `${basename(a ? other : file)} cannot be read` };
  if (a.data.length !== b.data.length)
    return { value: null, lack: `θ has ${a.data.length} entries, that of the reference ${b.data.length}` };
  return { value: Math.sqrt(a.data.reduce((sum, v, i) => sum + (v - b.data[i]!) ** 2, 0)), lack: null };
}

/** Distances at times from the first to the last, and where there is none the reason. */
export interface SnapshotDistances {
  readonly points: readonly { readonly t: number; readonly value: number }[];
  readonly lack: string | null;
}

/** ‖θ − θ′‖ at the times of which both records have a snapshot. */
export async function snapshotDistances(directory: string, other: string): Promise<SnapshotDistances> {
  const [own, theirs] = await Promise.all([snapshotTimes(directory), snapshotTimes(other)]);
  if (own.length === 0 || theirs.length === 0)
    return {
      points: [],
      lack: `${own.length === 0 ? "the run" : "its reference"} has no snapshots of θ (measure.parameters)`,
    };
  const points: { t: number; value: number }[] = [];
  let lack: string | null = null;
  for (const { t, snapshot } of own) {
    const same = theirs.find((one) => Math.abs(one.t - t) <= SAME_TIME * Math.abs(t));
    if (same === undefined) continue;
    const found = await arrayDistance(fileOf(directory, snapshot), fileOf(other, same.snapshot));
    if (found.value !== null) points.push({ t, value: found.value });
    lack ??= found.lack;
  }
  if (points.length > 0) return { points, lack: null };
  return { points, lack: lack ?? "run and reference have no snapshots at the same times" };
}

const fileOf = (directory: string, snapshot: number): string =>
  join(directory, `parameters-flow-${snapshot}.npy`);

async function snapshotTimes(directory: string): Promise<{ t: number; snapshot: number }[]> {
  const table = await readTable(join(directory, "series.csv"), { names: ["t", "snapshot"] });
  const { t, snapshot } = table?.values ?? {};
  if (t === undefined || snapshot === undefined) return [];
  return Array.from(t, (time, row) => ({ t: time, snapshot: snapshot[row]! })).filter(
    ({ snapshot: number }) => !Number.isNaN(number),
  );
}
