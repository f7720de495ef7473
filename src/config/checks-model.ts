/** Constraints between fields of the network and the data. */
import { presetOf } from "../model/index.js";
import { at, type Finding } from "./messages.js";
import type { ActivationConfig, Sections } from "./schema.js";
import { isDrawn } from "./schema-dataset.js";

export function checkModel({ model, dataset }: Sections): Finding[] {
  if (model === undefined) return [];
  const findings =
    model.activation === undefined ? [] : checkActivation(model.activation, ["model", "activation"]);
  const faults = presetOf(model.kind)?.check(model as never) ?? [];
  findings.push(...faults.map(({ field, message }) => at(`model.${field}`, message)));
  if ((model.parametrisation ?? "standard") === "standard")
    for (const field of ["gain", "biasFactor"] as const)
      if (model[field] !== undefined)
        findings.push(
          at(
            `model.${field}`,
            "belongs to the parametrisations ntk and mean-field; set one of them, or leave it out.",
          ),
        );
  if (model.init.kind === "own" && model.kind !== "onnx" && model.kind !== "code")
    findings.push(
      at(
        "model.init.kind",
        `own are the numbers that a network comes with, as of kind onnx; a ${model.kind} comes with none. Name how they are drawn.`,
      ),
    );
  if (model.kind === "onnx" && model.init.kind !== "own" && !("path" in model.init))
    findings.push(
      at(
        "model.init.kind",
        `${model.init.kind} draws parameters, and a network from a file starts at own ones or those of file, safetensors or npz.`,
      ),
    );
  // A graph of the data stands in place of the model's.
  if (dataset?.graph?.kind === "file") return findings;
  const neighbours = dataset?.graph === undefined ? model["neighbours"] : dataset.graph.neighbours;
  const path = dataset?.graph === undefined ? "model.neighbours" : "dataset.graph.neighbours";
  if (dataset !== undefined && isDrawn(dataset) && Number(neighbours) >= dataset.samples)
    findings.push(at(path, `must be less than dataset.samples = ${dataset.samples}, got ${neighbours}.`));
  return findings;
}

export function checkShape({ dataset }: Sections): Finding[] {
  if (dataset === undefined || !isDrawn(dataset)) return [];
  const { inputDimension, inputShape } = dataset;
  if (inputDimension === undefined && inputShape === undefined)
    return [at("dataset.inputDimension", "is required: Input dimension N; or give dataset.inputShape.")];
  if (inputDimension === undefined || inputShape === undefined) return [];
  return [at("dataset.inputShape", "says the same as dataset.inputDimension; leave one of them out.")];
}

export function checkSplit({ dataset }: Sections): Finding[] {
  const { split, graph } = dataset ?? {};
  if (split === undefined) return [];
  if (split.test > 1 && !Number.isInteger(split.test))
    return [at("dataset.split.test", `must be below 1 or a whole number, got ${split.test}.`)];
  return graph === undefined
    ? []
    : [at("dataset.split", "cannot part a graph between the samples; leave split or dataset.graph out.")];
}

export function checkTeacher({ dataset }: Sections): Finding[] {
  if (dataset?.kind !== "teacher") return [];
  return checkActivation(dataset.network.activation, ["dataset", "network", "activation"]);
}

function checkActivation(activation: NonNullable<ActivationConfig>, path: readonly string[]): Finding[] {
  const findings: Finding[] = [];
  if (activation.kind !== "piecewise-polynomial") return findings;
  const { breakpoints, coefficients } = activation;
  const unsorted = breakpoints.findIndex((b, i) => i > 0 && b <= breakpoints[i - 1]!);
  if (unsorted > 0) {
    findings.push({
      path: [...path, "breakpoints"],
      message: `must ascend, got ${breakpoints[unsorted]} after ${breakpoints[unsorted - 1]}.`,
    });
  }
  if (coefficients.length !== breakpoints.length + 1) {
    const message = `must have one list more than there are breakpoints (${breakpoints.length + 1}), got ${coefficients.length}.`;
    findings.push({ path: [...path, "coefficients"], message });
    return findings;
  }
  breakpoints.forEach((b, i) => {
    const [left, right] = [evaluate(coefficients[i]!, b), evaluate(coefficients[i + 1]!, b)];
    const gap = right - left;
    // 1e-9 admits coefficients typed with ten digits and no visible jump.
    if (Math.abs(gap) > 1e-9 * Math.max(1, Math.abs(left), Math.abs(right))) {
      const message = `must be continuous, got a gap of ${gap} at the breakpoint ${b} (${left} from the left, ${right} from the right).`;
      findings.push({ path: [...path, "coefficients"], message });
    }
  });
  return findings;
}

function evaluate(coefficients: readonly number[], z: number): number {
  return coefficients.reduceRight((value, coefficient) => value * z + coefficient, 0);
}
