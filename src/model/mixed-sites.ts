/** Which sites of a network mix the samples by fixed matrices, and of what: read off what its graph leaves. */
import { type Node, topologicalOrder } from "../graph/index.js";
import type { Mixture, Trace } from "./scope.js";

/** Where the pre-activations of a site come from. */
export interface MixedSite {
  readonly mixture: number;
  /** The site whose activations it mixes, which mixes data itself; null where it mixes data. */
  readonly below: number | null;
}

/** In the order of the sites; null where one of them is made otherwise. */
export function mixedSites({
  sites,
  preactivations,
  activations,
  mixtures,
}: Pick<Trace, "sites" | "preactivations" | "activations" | "mixtures">): readonly MixedSite[] | null {
  const found: MixedSite[] = [];
  for (const z of preactivations) {
    const mixture = mixtures.findIndex((one) => one.z === z);
    if (mixture < 0) return null;
    const { input } = mixtures[mixture] as Mixture;
    if (isData(input)) {
      found.push({ mixture, below: null });
      continue;
    }
    const below = activations.indexOf(input);
    // A trained slope is a parameter on the way.
    if (below < 0 || found[below]?.below !== null || sites[below]?.slope !== null) return null;
    found.push({ mixture, below });
  }
  return found.length === 0 ? null : found;
}

const isData = (node: Node): boolean =>
  topologicalOrder([node]).every(
    ({ op, attributes }) => op !== "input" || (attributes as { name: string }).name === "x",
  );
