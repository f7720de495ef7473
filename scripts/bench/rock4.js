// Would a stabilised method of fourth order pay? ROCK4, with coefficients computed by rock4-coefficients.js, beside the methods of the
// program. `node scripts/bench/rock4.js` after a build: about two minutes. It does not pay (docs/benchmarks.md), so it stays here.
import { distance, integrateSmooth } from "../../dist/flow/index.js";
import { createSharpness } from "../../dist/flow/sharpness.js";
import { BaseStepper } from "../../dist/ode/base-stepper.js";
import { hermiteStep } from "../../dist/ode/hermite-step.js";
import { float64Space, integrate } from "../../dist/ode/index.js";
import { predictiveController } from "../../dist/ode/step-size.js";
import { reach, rock4 } from "./rock4-coefficients.js";
import { CASES, openCase } from "./stiff.js";

const MAX_STAGES = 200;
const MAX_FACTOR = 5;
/** Accepted steps after which the spectral radius is asked for again, as for the program's methods. */
const RADIUS_AGE = 25;

class Rock4Stepper extends BaseStepper {
  #spectralRadius;
  #radius = null;
  #age = 0;
  #k;
  #spare;

  constructor(options, tolerances) {
    const controller = predictiveController(3, MAX_FACTOR);
    super(
      options,
      { name: "rock4", steps: 1, estimateOrder: 3, controller, maxFactor: MAX_FACTOR },
      tolerances,
    );
    this.#spectralRadius = options.spectralRadius;
    this.#k = Array.from({ length: 4 }, () => this.space.create());
    this.#spare = this.space.create();
  }

  async bound(_size, wasRejected) {
    if (this.#radius === null || this.#age >= RADIUS_AGE || (wasRejected && this.#age > 0)) {
      const { t, y, f } = this.now;
      this.#radius = await this.#spectralRadius(t, y, f, wasRejected ? this.next.f : null);
      this.#age = 0;
    }
    return reach(MAX_STAGES) / this.#radius;
  }

  async attempt(h, t1) {
    const { space, now, next, scratch } = this;
    let s = 5;
    while (reach(s) < h * this.#radius) s++;
    const { mu, kappa, finishing, estimate } = rock4(s);
    const buffers = [scratch, this.#spare, next.y];
    let [before, point] = [null, now.y];
    for (let j = 0; j < mu.length; j++) {
      const slope = j === 0 ? now.f : next.f;
      if (j > 0) await this.evaluate(now.t, point, slope);
      const out = buffers.find((buffer) => buffer !== point && buffer !== before);
      if (before === null) space.combine(out, [h * mu[j], 1], [slope, point]);
      else space.combine(out, [h * mu[j], kappa[j], 1 - kappa[j]], [slope, point, before]);
      [before, point] = [point, out];
    }
    const other = buffers.find((buffer) => buffer !== point);
    for (const [i, row] of finishing.a.entries()) {
      if (i > 0) space.combine(other, [...row.map((a) => h * a), 1], [...this.#k.slice(0, i), point]);
      await this.evaluate(now.t, i === 0 ? point : other, this.#k[i]);
    }
    space.combine(next.y, [...finishing.b.map((b) => h * b), 1], [...this.#k, point]);
    await this.evaluate(t1, next.y, next.f);
    const weights = estimate.map((d) => h * d);
    space.combine(this.#spare, weights, [...this.#k, next.f]);
    return this.errorNorm(this.#spare);
  }

  complete() {
    this.#age++;
  }

  describe(h, requireCurrent) {
    return hermiteStep(this.space, this.before, this.now, h, this.scratch, requireCurrent);
  }
}

async function solveRock4({ problem, theta0, tEnd }, rtol) {
  let stepper = null;
  const sharpness = createSharpness({ problem, gradients: () => stepper.evaluations });
  stepper = new Rock4Stepper(
    {
      space: float64Space(theta0.length),
      field: (_, theta, out) => problem.field(theta, out),
      ...{ t0: 0, y0: theta0, tEnd, spectralRadius: sharpness.spectralRadius },
    },
    { rtol, atol: rtol, maxStep: Infinity },
  );
  const { status, message } = await integrate({ stepper, tEnd });
  if (status !== "reachedEnd") throw new Error(message);
  return { theta: stepper.y, evaluations: stepper.evaluations, accepted: stepper.accepted, sharpness };
}

/** Fourth order at few and at many stages, on a logistic equation: the numbers below mean something only if this is one. */
async function order() {
  for (const radius of [1, 3000]) {
    const errors = [];
    for (const steps of [40, 80]) {
      const field = (_, y, out) => {
        out[0] = y[0] - y[0] ** 2;
      };
      const h = 4 / steps;
      const options = { space: float64Space(1), field, t0: 0, y0: Float64Array.of(0.1), firstStep: h };
      const stepper = new Rock4Stepper(
        { ...options, spectralRadius: () => radius },
        { rtol: 1e6, atol: 1e6, maxStep: h },
      );
      await integrate({ stepper, tEnd: 4 });
      errors.push(Math.abs(stepper.y[0] - 1 / (1 + 9 * Math.exp(-4))));
    }
    console.log(`order found at ρ = ${radius}: ${Math.log2(errors[0] / errors[1]).toFixed(2)}`);
  }
}

/** A table of rock4 beside the program's methods, from `theta0` on. */
async function compare(title, { problem, theta0, tEnd }, rtols, methods) {
  const solve = (method, rtol) =>
    integrateSmooth({ problem, theta0, tEnd, method, rtol, atol: rtol, onSegment: async () => undefined });
  const reference = (await solve("auto", 1e-12)).theta;
  const size = Math.hypot(...reference);
  console.log(
    `\n${title}\n\n| solver | rtol | steps | gradients, Hessian products counted | error of θ |\n|---|---|---|---|---|`,
  );
  for (const rtol of rtols) {
    for (const name of ["rock4", ...methods]) {
      const found =
        name === "rock4" ? await solveRock4({ problem, theta0, tEnd }, rtol) : await solve(name, rtol);
      const { theta, evaluations, accepted, sharpness } = found;
      const cost = evaluations + (sharpness?.cost.gradientEquivalents ?? 0);
      const error = distance(theta, reference) / size;
      console.log(
        `| ${name} | ${rtol.toExponential(0)} | ${accepted} | ${cost.toFixed(0)} | ${error.toExponential(1)} |`,
      );
    }
  }
}

await order();
for (const entry of CASES) {
  const opened = await openCase(entry);
  await compare(entry.name, opened, entry.rock4.rtols, ["tsrkc3", "auto", "dop853"]);
  const { from, length, rtols } = entry.rock4;
  const { theta } = await integrateSmooth({
    ...{ ...opened, method: "dop853", tEnd: from, rtol: 1e-10, atol: 1e-10 },
    onSegment: async () => undefined,
  });
  const late = { ...opened, theta0: theta, tEnd: length };
  await compare(`the same from t = ${from} to ${from + length}`, late, rtols, ["tsrkc3"]);
  await opened.engine.dispose();
}
