/** Snapshots of θ along the flow (measure.parameters), and how far two runs are apart at those that both have. */
import { join } from "node:path";
import { readNpy } from "../data/npy.js";
import { readTable } from "./table.js";

/** Recorded times that differ by less, relatively, are one. */
const SAME_TIME = 1e-12;

/** ‖a − b‖ of two .npy files; null where one is missing or their sizes differ. */
export async function arrayDistance(file: string, other: string): Promise<number | null> {
  const [a, b] = await Promise.all([file, other].map((path) => readNpy(path).catch(() => null)));
  if (!a || !b || a.data.length !== b.data.length) return null;
  return Math.sqrt(a.data.reduce((sum, value, i) => sum + (value - b.data[i]!) ** 2, 0));
}

/** ‖θ − θ′‖ at the times of which both records have a snapshot. */
export async function snapshotDistances(
  directory: string,
  other: string,
): Promise<{ readonly t: number; readonly value: number }[]> {
  const [own, theirs] = await Promise.all([snapshotTimes(directory), snapshotTimes(other)]);
  const found: { t: number; value: number }[] = [];
  for (const { t, snapshot } of own) {
    const same = theirs.find((one) => Math.abs(one.t - t) <= SAME_TIME * Math.abs(t));
    if (same === undefined) continue;
    const value = await arrayDistance(fileOf(directory, snapshot), fileOf(other, same.snapshot));
    if (value !== null) found.push({ t, value });
  }
  return found;
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
