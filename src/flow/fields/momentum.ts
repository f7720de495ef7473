/**
 * Descent with momentum as a flow of second order in time: what its recurrence tends to at fixed β as η → 0, to second order in η. In steps of
 * τ = η/(1 − β) the differences of θ_{k+1} − θ_k = β(θ_k − θ_{k−1}) − η∇L expand to μθ'' + θ' + ∇L = 0, μ = η(1 + β)/(2(1 − β)²); Nesterov's law takes ∇L at
 * θ + βv, which adds βτ∇²L·θ' (as Shi, Du, Jordan, Su 2018 have it in their clock). Here w = μθ' stands for the velocity: it has the units of θ, as tolerances have.
 */
import { squaredNorm } from "../../linalg/vectors.js";
import { stepTime } from "../descent-law.js";
import { defineField, type Equation, type FieldSubject } from "./field.js";

const shared = {
  course: "equation",
  unknowns: 2,
  spectrum: "complex",
  fastestRate: (subject: Pick<FieldSubject, "law" | "learningRate">) => 1 / inertia(subject),
  columns: () => ["energy"],
} as const;

export const heavyBall = defineField({
  ...shared,
  name: "heavy-ball",
  label: "heavy ball",
  text: "μθ'' + θ' = −∇L with μ = η(1 + β)/(2(1 − β)²), θ'(0) = −∇L·(1 − β)/(1 + β): descent with momentum to second order in η at fixed β. Its column energy, L + ½μ‖θ'‖², only falls.",
  describes: "momentum",
  smoothness: 1,
  create: (subject) => withInertia(subject, false),
});

export const nesterov = defineField({
  ...shared,
  name: "nesterov",
  label: "Nesterov's flow",
  text: "The heavy ball with the damping of Nesterov's gradient ahead, μθ'' + θ' + (βη/(1 − β))∇²L·θ' = −∇L: his descent of fixed β to second order in η. Its column energy is that of the heavy ball.",
  describes: "nesterov",
  smoothness: 2,
  create: (subject) => withInertia(subject, true),
});

/** μ, a time. */
function inertia({ law, learningRate }: Pick<FieldSubject, "law" | "learningRate">): number {
  return (learningRate * (1 + law.momentum)) / (2 * (1 - law.momentum) ** 2);
}

async function withInertia(subject: FieldSubject, isAhead: boolean): Promise<Equation> {
  const { problem, theta0, learningRate, law, compile } = subject;
  const P = theta0.length;
  const [mu, tau] = [inertia(subject), stepTime(law, learningRate)];
  const velocityOf = await compile(problem.family.flowField());
  const productOf = isAhead ? await compile(problem.family.hessianProduct("free")) : null;
  const lossOf = await compile(problem.family.loss());
  const [force, product, theta, w] = [0, 0, 0, 0].map(() => new Float64Array(P)) as [
    Float64Array,
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const initial = new Float64Array(2 * P);
  await velocityOf.run({ theta: theta0 }, { velocity: force });
  initial.set(theta0);
  // Descent starts at rest. Its start-up lags by τβ/(1 − β) in time, that of the equation at rest by μ, τ/2 more: this velocity makes them equal.
  for (let i = 0; i < P; i++) initial[P + i] = (tau / 2) * force[i]!;
  return {
    initial,
    isAutonomous: true,
    async field(_, y, out) {
      theta.set(y.subarray(0, P));
      w.set(y.subarray(P));
      await velocityOf.run({ theta }, { velocity: force });
      await productOf?.run({ theta, velocity: w }, { product });
      for (let i = 0; i < P; i++) {
        out[i] = w[i]! / mu;
        out[P + i] = force[i]! - (w[i]! + law.momentum * tau * product[i]!) / mu;
      }
    },
    theta: (y, out) => out.set(y.subarray(0, P)),
    async predict(_, y) {
      const { loss } = await lossOf.run({ theta: y.slice(0, P) });
      return { energy: loss![0]! + squaredNorm(y.subarray(P)) / (2 * mu) };
    },
  };
}
