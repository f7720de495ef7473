/** What figures need of a sweep's runs, found before the first one starts: times that are reached, and for distances θ of two runs, of one size. */
import { isDeepStrictEqual } from "node:util";
import { buildNetwork, LayerError } from "../model/index.js";
import type { Point } from "./axes.js";
import type { LoadedConfig } from "./load.js";
import type { Finding } from "./messages.js";
import { isDrawn } from "./schema-dataset.js";
import type { SweepFigure } from "./schema-sweep.js";

type DistancesFigure = Extract<SweepFigure, { kind: "distances" }>;
type Job = Point & { readonly loaded: LoadedConfig };

/** References that no run of the sweep is, or that none has beside itself. */
export function checkReferences(figures: readonly SweepFigure[], points: readonly Point[]): Finding[] {
  return eachOf(figures, ({ reference }, path) => {
    const unknown = Object.entries(reference).flatMap(([field, value]) =>
      describeUnknown(points, field, value),
    );
    const messages =
      unknown.length > 0 || pairsOf(points, reference).length > 0
        ? unknown
        : [describeAlone(points, reference)];
    return messages.map((message) => ({ path: [...path, "reference"], message }));
  });
}

/** A sentence for each figure of curves that begins after all runs have ended: no reason to refuse a short trial of the runs. */
export function describeEmpty(figures: readonly SweepFigure[], jobs: readonly Job[]): string[] {
  const last = Math.max(...jobs.map(tEndOf));
  return figures.flatMap((figure) =>
    figure.kind === "curves" && figure.from !== undefined && figure.from >= last
      ? [
          `The figure ${figure.name} will show nothing: it begins at t = ${figure.from} (its from), and the last run ends at ${last} (flow.tEnd).`,
        ]
      : [],
  );
}

/** Figures of distances that none of the runs could fill beside its reference, by what their studies say. */
export function checkDistances(figures: readonly SweepFigure[], jobs: readonly Job[]): Finding[] {
  const known = new Map<string, number | null>();
  const sizeOf = ({ loaded }: Job): number | null => {
    const { dataset, model } = loaded.config;
    const key = JSON.stringify([dataset, model]);
    if (!known.has(key)) known.set(key, parametersOf(loaded));
    return known.get(key)!;
  };
  return eachOf(figures, ({ reference, from = 0 }, path) => {
    const measured = pairsOf(jobs, reference).filter((pair) => pair.every(takesSnapshots));
    if (measured.length === 0)
      return {
        path: [...path, "kind"],
        message: `distances compares snapshots of θ, and ${jobs.some(takesSnapshots) ? "no run takes them together with its reference" : "no run takes any"}; add parameters: {} to the section measure (measure.parameters).`,
      };
    const alike = measured.filter(([own, other]) => {
      const [size, theirs] = [sizeOf(own), sizeOf(other)];
      return size === null || theirs === null || size === theirs;
    });
    if (alike.length === 0) {
      const [own, other] = measured[0]!;
      return {
        path: [...path, "reference"],
        message: `no run has as many parameters as its reference: θ of ${own.name} has ${sizeOf(own)} entries, that of ${other.name} ${sizeOf(other)}; name fields that leave the sizes of the network as they are.`,
      };
    }
    const last = Math.max(...alike.map((pair) => Math.min(...pair.map(tEndOf))));
    if (from <= last) return [];
    return {
      path: [...path, "from"],
      message: `must be at most ${last}, where the last run that has a reference ends (flow.tEnd), got ${from}.`,
    };
  });
}

function eachOf(
  figures: readonly SweepFigure[],
  check: (figure: DistancesFigure, path: readonly PropertyKey[]) => Finding | Finding[],
): Finding[] {
  return figures.flatMap((figure, k) =>
    figure.kind === "distances" ? check(figure, ["sweep", "figures", k]) : [],
  );
}

/** Runs that have another run as their reference, each with that one. */
function pairsOf<P extends Point>(points: readonly P[], reference: Point["values"]): [P, P][] {
  const references = points.filter(({ values }) => isDeepStrictEqual(values, { ...values, ...reference }));
  return points.flatMap((point) => {
    if (references.includes(point)) return [];
    const wanted = { ...point.values, ...reference };
    const other = references.find(({ values }) => isDeepStrictEqual(values, wanted));
    return other === undefined ? [] : [[point, other] satisfies [P, P]];
  });
}

function describeUnknown(points: readonly Point[], field: string, value: unknown): string[] {
  const fields = Object.keys(points[0]!.values);
  if (!fields.includes(field))
    return [`${field} is no axis of this sweep, which has ${fields.join(", ")}; name one of these.`];
  const values = points.map((point) => point.values[field]);
  if (values.some((each) => isDeepStrictEqual(each, value))) return [];
  const distinct = new Set(values.map((each) => JSON.stringify(each)));
  return [
    `no run has ${field} = ${JSON.stringify(value)}; name one of its values, ${[...distinct].join(", ")}, or add this one to the axis.`,
  ];
}

/** Why no run has another one as its reference. */
function describeAlone(points: readonly Point[], reference: Point["values"]): string {
  const own = points.find(({ values }) => !isDeepStrictEqual(values, { ...values, ...reference }));
  const words = (values: Point["values"]) =>
    Object.entries(values)
      .map(([field, value]) => `${field} = ${JSON.stringify(value)}`)
      .join(", ");
  if (own === undefined)
    return `every run has ${words(reference)} and so is its own reference; add another value to the axis.`;
  return `no run has a reference in this sweep: that of ${own.name} would be the run with ${words({ ...own.values, ...reference })}, which there is not; name the fields that go in step too, or give ${Object.keys(reference).join(", ")} an axis of its own.`;
}

function tEndOf({ loaded }: Job): number {
  return loaded.config.flow.tEnd;
}

function takesSnapshots({ loaded }: Job): boolean {
  return "parameters" in (loaded.config.measure ?? {});
}

/** P; null where it depends on data that are not read yet. */
function parametersOf({ config: { dataset, model }, network }: LoadedConfig): number | null {
  if (network !== undefined) return network.layout.size;
  if (!isDrawn(dataset)) return null;
  const { inputDimension, inputShape = [inputDimension!], outputDimension: outputs } = dataset;
  try {
    return buildNetwork(model, { inputShape, outputs }).layout.size;
  } catch (error) {
    if (error instanceof LayerError) return null;
    throw error;
  }
}
