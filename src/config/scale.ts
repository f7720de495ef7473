/** `scale`: a study with every size multiplied by one factor, so that a large figure can be tried in a small version. */
import { resizeModel } from "../model/index.js";
import type { Finding } from "./messages.js";
import type { Sections } from "./schema.js";

/** Fields of any kind of data that are sizes. Axes of images and sequences, bits, classes and moduli mean something: they stay. */
const SIZES = ["samples", "inputDimension", "outputDimension"] as const;

/**
 * Numbers of samples, dimensions and widths times `scale`, rounded, at least 1. P/nM stays about the same where the data have a dimension
 * to scale, for both go with the square.
 */
export function scaleSections(
  sections: Sections,
  scale: number,
): { sections: Sections; findings: Finding[] } {
  const { dataset, model, descent } = sections;
  const findings: Finding[] = [];
  const refuse = (message: string) => findings.push({ path: ["scale"], message });
  const inits = [model?.init, dataset?.kind === "teacher" ? dataset.network.init : undefined];
  if (inits.some((init) => init !== undefined && "path" in init))
    refuse("cannot change how many parameters a file has; leave scale out.");
  if (dataset !== undefined && dataset.samples === undefined)
    refuse(
      `multiplies the number of samples, and dataset.kind: ${dataset.kind} takes all that there are; name how many in dataset.samples, or leave scale out.`,
    );
  if (findings.length > 0 || dataset === undefined || model === undefined) return { sections, findings };
  const size = (value: number) => Math.max(1, Math.round(value * scale));
  const sizes = SIZES.flatMap((field) => {
    const value = (dataset as Partial<Record<typeof field, number>>)[field];
    return value === undefined ? [] : [[field, size(value)]];
  });
  const { split } = dataset;
  const scaled = {
    ...dataset,
    ...Object.fromEntries(sizes),
    // A part of the samples stays that part; a number of them is a size.
    ...(split !== undefined && split.test >= 1 && { split: { test: size(split.test) } }),
    ...(dataset.kind === "teacher" && {
      network: { ...dataset.network, hidden: dataset.network.hidden.map(size) },
    }),
  } as typeof dataset;
  return {
    sections: {
      ...sections,
      dataset: scaled,
      model: resizeModel(model, size),
      ...(descent?.batch !== undefined && { descent: { ...descent, batch: size(descent.batch) } }),
    },
    findings,
  };
}
