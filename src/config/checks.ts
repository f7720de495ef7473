/** Constraints between fields. Each check needs only the sections it reads. */

import { createLoss, whyNotSquared } from "../model/index.js";
import { fixedMethodNames, methods } from "../ode/methods/index.js";
import { checkCompare, checkDescent, checkMeasured, checkSettle } from "./checks-descent.js";
import { checkModel, checkShape, checkSplit, checkTeacher } from "./checks-model.js";
import { at, type Finding, logClockRefusal, show } from "./messages.js";
import type { Config, Sections } from "./schema.js";

/** Below this, rounding of float32 (unit 6e-8, accumulated over a gradient) drowns the error estimate; mathematics.md section 6. */
const smallestFloat32Tolerance = 1e-5;

/** Beyond, t + h is t and k + 1 is k. */
const MOST_STEPS = 2 ** 53;

/** All constraints between fields that the sections break. */
export function checkSections(sections: Sections): Finding[] {
  return [
    ...checkModel(sections),
    ...checkShape(sections),
    ...checkSplit(sections),
    ...checkDescent(sections),
    ...checkSettle(sections),
    ...checkCompare(sections),
    ...checkMeasured(sections),
    ...checkTeacher(sections),
    ...checkTimes(sections),
    ...checkStop(sections),
    ...checkBoundaries(sections),
    ...checkRecord(sections),
    ...checkEngine(sections),
    ...checkNtk(sections),
    ...checkLoss(sections),
    ...checkClock(sections),
    ...checkFigure(sections),
  ];
}

function checkFigure({ figure }: Sections): Finding[] {
  const { from, to } = figure ?? {};
  if (to === undefined || (from ?? 0) < to) return [];
  return [
    at("figure.to", `must be greater than ${from === undefined ? "0" : `figure.from = ${from}`}, got ${to}.`),
  ];
}

function checkTimes({ flow, record, decay, descent }: Sections): Finding[] {
  if (flow === undefined) return [];
  const findings: Finding[] = [];
  const { tEnd } = flow;
  /** Steps are of another clock than the end. */
  const isTime = flow.clock !== "log";
  const notBeyondEnd = (path: string, value: number | undefined) => {
    if (value !== undefined && value > tEnd)
      findings.push(at(path, `must be at most flow.tEnd = ${tEnd}, got ${value}.`));
  };
  const countable = (path: string, step: number | undefined) => {
    if (step !== undefined && tEnd / step > MOST_STEPS) {
      const message = `takes ${(tEnd / step).toExponential(1).replace("e+", "e")} steps to flow.tEnd = ${tEnd}, more than the 2^53 that can be counted, got ${show(step)}; raise it, or lower flow.tEnd.`;
      findings.push(at(path, message));
    }
  };
  if (flow.stepSize !== undefined && isTime) {
    notBeyondEnd("flow.stepSize", flow.stepSize);
    countable("flow.stepSize", flow.stepSize);
  } else if ("rtol" in flow) {
    if (isTime) countable("flow.maxStep", flow.maxStep);
    if (isTime) notBeyondEnd("flow.firstStep", flow.firstStep);
    if (flow.firstStep !== undefined && flow.maxStep !== undefined && flow.firstStep > flow.maxStep) {
      findings.push(
        at("flow.firstStep", `must be at most flow.maxStep = ${flow.maxStep}, got ${flow.firstStep}.`),
      );
    }
  }
  if (record?.at === "log" && record.from !== undefined && record.from >= tEnd) {
    findings.push(at("record.from", `must be less than flow.tEnd = ${tEnd}, got ${record.from}.`));
  }
  notBeyondEnd("decay.to", decay?.to);
  const to = decay?.to ?? tEnd;
  if (decay?.from !== undefined && decay.from >= to) {
    const limit = decay.to === undefined ? "flow.tEnd" : "decay.to";
    findings.push(at("decay.from", `must be less than ${limit} = ${to}, got ${decay.from}.`));
  }
  descent?.learningRates.forEach((rate, i, rates) => {
    notBeyondEnd(`descent.learningRates.${i}`, rate);
    countable(`descent.learningRates.${i}`, rate);
    if (rates.indexOf(rate) < i)
      findings.push(at(`descent.learningRates.${i}`, `${rate} stands in the list already.`));
  });
  return findings;
}

function checkStop({ flow }: Sections): Finding[] {
  if (flow?.stopWhen === undefined) return [];
  if (flow.lossFactor !== undefined)
    return [
      at("flow.lossFactor", "stands beside flow.stopWhen; write flow.stopWhen.lossFactor and leave it out."),
    ];
  if (Object.keys(flow.stopWhen).length > 0) return [];
  return [at("flow.stopWhen", "must have lossFactor, gradientNorm or gradientFactor; or leave it out.")];
}

function checkBoundaries({ flow }: Sections): Finding[] {
  if (flow === undefined) return [];
  const { boundaries, smoothing } = flow;
  const { compareSmoothing } = flow;
  if (boundaries === "stepping") return checkStepping(flow);
  if ("rtol" in flow && flow.stepSize !== undefined)
    return [
      at(
        "flow.stepSize",
        `is only for method: ${fixedMethodNames.join(", ")}, and for boundaries: stepping, not for ${flow.method}; leave it out.`,
      ),
    ];
  if (compareSmoothing.length > 0 && boundaries === "smooth") {
    return [
      at(
        "flow.compareSmoothing",
        "compares with the flow of the kinked network; choose another flow.boundaries than smooth.",
      ),
    ];
  }
  if (boundaries === "smooth" && smoothing === undefined)
    return [at("flow.smoothing", "is required with boundaries: smooth.")];
  if (boundaries !== "smooth" && smoothing !== undefined) {
    return [at("flow.smoothing", `is only for boundaries: smooth, not for ${boundaries}; leave it out.`)];
  }
  return [];
}

/** Stepping has steps of its own, fixed or controlled. */
function checkStepping(flow: Config["flow"]): Finding[] {
  const { method, smoothing, compareSmoothing } = flow;
  if (method !== "auto")
    return [
      at("flow.method", `must be auto with boundaries: stepping, which has steps of its own, got ${method}.`),
    ];
  if (smoothing !== undefined)
    return [at("flow.smoothing", "is only for boundaries: smooth, not for stepping; leave it out.")];
  if (flow.stepSize === undefined) return [];
  const controlled = (["firstStep", "errorCheck"] as const).find((field) => flow[field]);
  if (controlled !== undefined)
    return [at(`flow.${controlled}`, "needs controlled steps; leave it out, or flow.stepSize.")];
  if (compareSmoothing.length > 0)
    return [
      at(
        "flow.compareSmoothing",
        "integrates by method auto, which takes no fixed steps; leave it out, or flow.stepSize.",
      ),
    ];
  return [];
}

function checkRecord({ record, model }: Sections): Finding[] {
  const hidden = model?.["hidden"];
  const layers = Array.isArray(hidden) ? hidden.length : undefined;
  if (record === undefined || layers === undefined || layers === 0 || record.layer <= layers) return [];
  return [at("record.layer", `must be at most the number of hidden layers, ${layers}, got ${record.layer}.`)];
}

function checkEngine({ flow, engine }: Sections): Finding[] {
  if (engine === undefined) return [];
  const findings: Finding[] = [];
  if (flow === undefined) return findings;
  if (engine.dtype === "float32" && "rtol" in flow && flow.rtol < smallestFloat32Tolerance) {
    const message = `float32 cannot honour rtol below about ${show(smallestFloat32Tolerance)}, got ${show(flow.rtol)}; raise flow.rtol or set ${inFloat64(engine)}.`;
    findings.push(at("flow.rtol", message));
  }
  if ((flow.boundaries === "exact" || flow.boundaries === "stepping") && engine.dtype === "float32") {
    const message = `${flow.boundaries} needs ${inFloat64(engine)}, since float32 cannot tell on which side of a boundary a unit is; set that, or flow.boundaries: detect.`;
    findings.push(at("flow.boundaries", message));
  }
  if (
    methods[flow.method].needs.includes("arrays") &&
    engine.kind === "tfjs" &&
    engine.state === "resident"
  ) {
    findings.push(
      at(
        "flow.method",
        `${flow.method} computes in float64 arrays and cannot keep θ with the engine; set engine.state: float64, or flow.method: auto.`,
      ),
    );
  }
  return findings;
}

/** What to set for float64: TensorFlow.js has none. */
function inFloat64({ kind }: NonNullable<Sections["engine"]>): string {
  return kind === "tfjs" ? "engine.kind: onnx with dtype: float64" : "engine.dtype: float64";
}

function checkNtk({ measure, model, engine }: Sections): Finding[] {
  const ntk = measure?.ntk;
  if (ntk === undefined) return [];
  const findings: Finding[] = [];
  if (ntk.method === "layer-product" && model?.kind === "gcn") {
    findings.push(
      at(
        "measure.ntk.method",
        "layer-product needs samples that do not couple, in a gcn they do; use svd, eig or lanczos.",
      ),
    );
  }
  if (engine?.dtype === "float32") {
    findings.push(
      at(
        "measure.ntk",
        `needs ${inFloat64(engine)}, since float32 rounds off all eigenvalues below about 1e-7 of the largest.`,
      ),
    );
  }
  return findings;
}

/** Classes that are not certain are only known with the data. */
function checkClock({ flow, loss }: Sections): Finding[] {
  if (flow?.clock !== "log" || loss === undefined) return [];
  const why = createLoss(loss, { samples: 1, outputs: 2 }).notLogarithmic;
  return why === null ? [] : [at("flow.clock", logClockRefusal(why))];
}

/** What rests on L = c‖r‖² cannot be asked for elsewhere. */
function checkLoss({ loss, measure, decay }: Sections): Finding[] {
  const why = loss === undefined ? null : whyNotSquared(loss);
  if (why === null) return [];
  const remedy = "leave it out, or take loss.kind: squared without weight decay.";
  const fields = [
    ...(measure?.ntk === undefined ? [] : [["measure.ntk", "the exponential bound and the frozen kernel"]]),
    ...(["from", "to"] as const)
      .filter((field) => decay?.[field] !== undefined)
      .map((field) => [`decay.${field}`, "the residual ‖r‖² and its fitted decay"]),
  ] as const;
  return fields.map(([path, what]) => at(path!, `is about ${what}: ${why}; ${remedy}`));
}
