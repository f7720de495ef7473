/** `scale`: a study with every size multiplied by one factor, so that a large figure can be tried in a small version. */
import { resizeModel } from "../model/index.js";
import type { Sections } from "./checks.js";
import type { Finding } from "./messages.js";
import { isDrawn } from "./schema-dataset.js";

/** Samples, dimensions and widths times `scale`, rounded, at least 1. P/nM stays about the same, for both go with the square. */
export function scaleSections(
  sections: Sections,
  scale: number,
): { sections: Sections; findings: Finding[] } {
  const { dataset, model } = sections;
  const findings: Finding[] = [];
  const inits = [model?.init, dataset?.kind === "teacher" ? dataset.network.init : undefined];
  if (
    (dataset !== undefined && !isDrawn(dataset)) ||
    inits.some((init) => init !== undefined && "path" in init)
  ) {
    const message =
      "cannot change the size of data or parameters from a file, nor of data that have a form of their own; leave scale out.";
    findings.push({ path: ["scale"], message });
  }
  if (findings.length > 0 || dataset === undefined || !isDrawn(dataset) || model === undefined)
    return { sections, findings };
  const size = (value: number) => Math.max(1, Math.round(value * scale));
  const { inputDimension } = dataset;
  // The axes of an image or a sequence mean something: they stay.
  const shape = {
    samples: size(dataset.samples),
    ...(inputDimension !== undefined && { inputDimension: size(inputDimension) }),
    outputDimension: size(dataset.outputDimension),
  };
  const scaled =
    dataset.kind === "teacher"
      ? { ...dataset, ...shape, network: { ...dataset.network, hidden: dataset.network.hidden.map(size) } }
      : { ...dataset, ...shape };
  return {
    sections: { ...sections, dataset: scaled, model: resizeModel(model, size) },
    findings,
  };
}
