/** Constraints between fields. Each check needs only the sections it reads. */

import { fields } from "../flow/fields/registry.js";
import { createLoss, presetOf, whyNotSquared } from "../model/index.js";
import { fixedMethodNames, methods } from "../ode/methods/index.js";
import { type Finding, logClockRefusal, show } from "./messages.js";
import type { ActivationConfig, Config } from "./schema.js";
import { AVERAGE_WINDOW } from "./schema-compare.js";
import { isDrawn } from "./schema-dataset.js";

/** Below this, rounding of float32 (unit 6e-8, accumulated over a gradient) drowns the error estimate; mathematics.md section 6. */
const smallestFloat32Tolerance = 1e-5;

/** Beyond, t + h is t and k + 1 is k. */
const MOST_STEPS = 2 ** 53;

/** The sections that are sound by themselves; absent ones have faults of their own. */
export type Sections = Partial<Config>;

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

function checkModel({ model, dataset }: Sections): Finding[] {
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

function checkShape({ dataset }: Sections): Finding[] {
  if (dataset === undefined || !isDrawn(dataset)) return [];
  const { inputDimension, inputShape } = dataset;
  if (inputDimension === undefined && inputShape === undefined)
    return [at("dataset.inputDimension", "is required: Input dimension N; or give dataset.inputShape.")];
  if (inputDimension === undefined || inputShape === undefined) return [];
  return [at("dataset.inputShape", "says the same as dataset.inputDimension; leave one of them out.")];
}

/** What begins where a descent has come to is one descent's. */
function checkSettle({ descent, compare }: Sections): Finding[] {
  const { settle = 0, learningRates, kind = "gradient", batch } = descent ?? {};
  if (settle === 0) return [];
  const refuse = (why: string) => at("descent.settle", `${why}; leave it out.`);
  const findings: Finding[] = [];
  if (learningRates?.length !== 1)
    findings.push(
      refuse(
        `begins everything where the descent of one learning rate has come to, and descent.learningRates has ${learningRates?.length ?? 0}; name one, sweep over others`,
      ),
    );
  if (kind !== "gradient") findings.push(refuse(`is of gradient descent, and descent.kind is ${kind}`));
  if (batch !== undefined)
    findings.push(refuse("is of descent on all samples, and descent.batch draws some"));
  const half = (compare?.average ?? AVERAGE_WINDOW) / 2;
  if (settle < half)
    findings.push(
      at(
        "descent.settle",
        `must be at least half of what descent is averaged over, ${half} steps, got ${settle}; raise it, or lower compare.average.`,
      ),
    );
  for (const field of ["leadingGap", "bound"] as const)
    if (compare?.[field])
      findings.push(
        at(
          `compare.${field}`,
          "is of a descent that begins where the flow does, which descent.settle changes; leave one of them out.",
        ),
      );
  return findings;
}

/** Flows that are measured are flows that there are. */
function checkMeasured({ measure, compare }: Sections): Finding[] {
  return Object.entries(measure ?? {}).flatMap(([name, settings]) => {
    const { of = [] } = settings as { of?: readonly string[] };
    return of.flatMap((curve, k) =>
      fields.some((kind) => kind.name === curve) && !compare?.flows.includes(curve)
        ? [
            at(
              `measure.${name}.of.${k}`,
              `${curve} is not among the flows beside descent; add it to compare.flows, or leave it out.`,
            ),
          ]
        : [],
    );
  });
}

function checkDescent({ descent }: Sections): Finding[] {
  const { kind = "gradient", momentum, batch } = descent ?? {};
  const findings: Finding[] = [];
  if (kind === "gradient" && momentum !== undefined)
    findings.push(
      at(
        "descent.momentum",
        "belongs to momentum and nesterov; set descent.kind to one of them, or leave it out.",
      ),
    );
  if (batch !== undefined) return findings;
  for (const field of ["sampling", "seed"] as const)
    if (descent?.[field] !== undefined)
      findings.push(at(`descent.${field}`, "is about minibatches; set descent.batch, or leave it out."));
  return findings;
}

/** What the flows beside descent need of other sections; what they need of the network is known only with it. */
function checkCompare({ compare, descent, flow }: Sections): Finding[] {
  if (compare === undefined) return [];
  const findings: Finding[] = [];
  if (descent?.learningRates.length === 0)
    findings.push(
      at("compare", "sets flows beside descents, and there are none; name some in descent.learningRates."),
    );
  if (descent?.batch !== undefined)
    findings.push(
      at("compare", "describes descent on all samples, and descent.batch draws some; leave one of them out."),
    );
  if (flow?.clock === "log")
    findings.push(
      at(
        "compare",
        "compares at the times kη of descent, which flow.clock: log leaves far behind; leave one of them out.",
      ),
    );
  compare.flows.forEach((name, i) => {
    const path = `compare.flows.${i}`;
    const kind = fields.find((known) => known.name === name)!;
    if (compare.flows.indexOf(name) < i) findings.push(at(path, `${name} stands in the list already.`));
    const law = descent?.kind ?? "gradient";
    if (kind.describes !== law) {
      const others = fields.filter(({ describes }) => describes === law).map((known) => known.name);
      findings.push(
        at(
          path,
          `${name} describes descent by kind: ${kind.describes}, and descent.kind is ${law}; take ${others.join(", ")}, or leave one of them out.`,
        ),
      );
    }
    if (
      flow?.method !== undefined &&
      kind.spectrum === "complex" &&
      methods[flow.method].kind === "stabilised"
    )
      findings.push(
        at(
          path,
          `${name} oscillates: its equation has eigenvalues off the real axis, along which alone flow.method: ${flow.method} is stable; take auto, dopri5 or dop853.`,
        ),
      );
    if (kind.course === "equation" && flow?.method === "euler")
      findings.push(
        at(
          path,
          `${name} differs from gradient flow by no more than the error of flow.method: euler; take auto or another method of order 2 at least.`,
        ),
      );
  });
  if (compare.flows.length === 0 && !compare.leadingGap && !compare.bound)
    findings.push(at("compare", "must have flows, leadingGap: true or bound: true; or leave it out."));
  const law = descent?.kind ?? "gradient";
  if (compare.average !== undefined && law !== "gradient")
    findings.push(
      at("compare.average", `is of gradient descent, and descent.kind is ${law}; leave one of them out.`),
    );
  for (const field of ["leadingGap", "bound"] as const)
    if (compare[field] && law !== "gradient")
      findings.push(
        at(`compare.${field}`, `is of gradient descent, and descent.kind is ${law}; leave one of them out.`),
      );
  for (const field of ["leadingGap", "bound"] as const)
    if (compare[field] && descent?.batch !== undefined)
      findings.push(
        at(
          `compare.${field}`,
          "is of descents on all samples, and descent.batch is set; leave one of them out.",
        ),
      );
  for (const { name } of fields)
    if (name in compare && !compare.flows.includes(name))
      findings.push(
        at(
          `compare.${name}`,
          `has settings of a flow that is not asked for; add ${name} to compare.flows, or leave it out.`,
        ),
      );
  return findings;
}

function checkSplit({ dataset }: Sections): Finding[] {
  const { split, graph } = dataset ?? {};
  if (split === undefined) return [];
  if (split.test > 1 && !Number.isInteger(split.test))
    return [at("dataset.split.test", `must be below 1 or a whole number, got ${split.test}.`)];
  return graph === undefined
    ? []
    : [at("dataset.split", "cannot part a graph between the samples; leave split or dataset.graph out.")];
}

function checkTeacher({ dataset }: Sections): Finding[] {
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

function at(path: string, message: string): Finding {
  return { path: path.split("."), message };
}
