/** Constraints between fields of descents and of the flows beside them. */
import { fields } from "../flow/fields/registry.js";
import { methods } from "../ode/methods/index.js";
import { at, type Finding } from "./messages.js";
import type { Sections } from "./schema.js";
import { AVERAGE_WINDOW } from "./schema-compare.js";

export function checkDescent({ descent }: Sections): Finding[] {
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

/** What begins where a descent has come to is one descent's. */
export function checkSettle({ descent, compare }: Sections): Finding[] {
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

/** What the flows beside descent need of other sections; what they need of the network is known only with it. */
export function checkCompare({ compare, descent, flow }: Sections): Finding[] {
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

/** Flows that are measured are flows that there are. */
export function checkMeasured({ measure, compare }: Sections): Finding[] {
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
