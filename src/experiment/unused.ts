/** What a study sets and its run does not use: said, so that nobody takes it for done. */
import type { LoadedConfig } from "../config/load.js";
import { kinksOf } from "../flow/index.js";
import { DEFAULT_NEIGHBOURS, type Family } from "../model/index.js";
import { DEFAULT_TOLERANCES } from "../ode/index.js";

export function unusedNotes(
  { compare, dataset, descent, flow, measure, model, stability }: LoadedConfig["config"],
  family: Family,
): string[] {
  const notes: string[] = [];
  const { neighbours = DEFAULT_NEIGHBOURS } = model as { readonly neighbours?: number };
  if (dataset.graph !== undefined && family.network.relations.length === 0)
    notes.push("dataset.graph is not used: no layer of the network works on a graph between the samples.");
  else if (dataset.graph !== undefined && neighbours !== DEFAULT_NEIGHBOURS)
    notes.push(`model.neighbours = ${neighbours} is not used: the graph is that of dataset.graph.`);
  if (descent.learningRates.length === 0 && stability === undefined)
    for (const field of ["kind", "batch"] as const)
      if (descent[field] !== undefined && descent[field] !== "gradient")
        notes.push(`descent.${field} is not used: descent.learningRates is empty.`);
  // Flows beside the flow and the kernel go by tolerances where the flow itself has fixed steps.
  const others = compare !== undefined || measure.ntk !== undefined;
  if ("rtol" in flow && flow.stepSize !== undefined && !others)
    for (const field of ["rtol", "atol"] as const)
      if (flow[field] !== DEFAULT_TOLERANCES[field])
        notes.push(`flow.${field} is not used: all steps have the size flow.stepSize.`);
  if (kinksOf(family) !== null) return notes;
  if (descent.countFlips && descent.learningRates.length > 0)
    notes.push("descent.countFlips is not used: the network has no kinks, so there is nothing to count.");
  if (flow.compareSmoothing.length > 0)
    notes.push("flow.compareSmoothing is not used: the network has no kinks that could be smoothed.");
  return notes;
}
