/** What measures and the samples of the test add to the memory of a run. */
import type { LoadedConfig } from "../config/load.js";
import type { Config } from "../config/schema.js";
import type { DrawnShape } from "../data/dataset.js";
import { measures } from "../measure/index.js";
import { createFamily, type Family } from "../model/index.js";
import { sessionBytes } from "./memory-sessions.js";

export interface MemoryPart {
  readonly name: string;
  readonly bytes: number;
  /** The field of the config that decides about it. */
  readonly field: string;
}

/** Of a dataset that is loaded, or of one to be drawn, whose samples are those of training and of test. */
export type EstimatedShape = DrawnShape & { readonly test?: { readonly samples: number } | null };

export function testSamplesOf({ dataset: { split } }: Config, { samples, test }: EstimatedShape): number {
  if (test !== undefined) return test?.samples ?? 0;
  if (split === undefined) return 0;
  return split.test < 1 ? Math.round(split.test * samples) : Math.min(split.test, samples);
}

/** What each measure adds: sessions of its own, shared by name with those before it, on the samples of training and of test. */
export function measureParts(
  { config, measures: own = [] }: LoadedConfig,
  shape: EstimatedShape,
  family: Family,
) {
  const test = testSamplesOf(config, shape);
  const sets = [
    { on: "train", family },
    ...(test === 0 ? [] : [{ on: "test", family: createFamily({ ...family, samples: test }) } as const]),
  ] as const;
  const chosen = config.measure as Readonly<Record<string, object | undefined>>;
  const seen = new Set<string>();
  return [...measures, ...own].flatMap((measure): MemoryPart[] => {
    const settings = chosen[measure.name];
    if (settings === undefined) return [];
    const sessions = sets.flatMap(({ on, family: there }) =>
      (measure.graphs?.(there, settings as never, on) ?? []).map((graph) => {
        const key = `${on} ${graph.name}`;
        if (seen.has(key)) return 0;
        seen.add(key);
        return sessionBytes(config.engine, graph, ["x", "y", ...there.relations]);
      }),
    );
    const numbers = 8 * (measure.numbers?.(family, settings as never) ?? 0);
    const bytes = sessions.reduce((sum, one) => sum + one, numbers);
    return [{ name: measure.name, bytes, field: `measure.${measure.name}` }];
  });
}
