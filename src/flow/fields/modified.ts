/**
 * The modified flows of backward error analysis: the flows that descent follows to second and to third order in η. Barrett and Dherin,
 * Implicit Gradient Regularization (2021), for the first; the next term by the same expansion, descent's own steps being Euler's.
 */
import { defineField, type Equation, type FieldSubject } from "./field.js";

export const modified = defineField({
  name: "modified",
  label: "modified flow",
  text: "θ' = −∇L − (η/2)∇²L·∇L, the gradient flow of L + (η/4)‖∇L‖² (implicit gradient regularisation): descent to second order in η.",
  smoothness: 2,
  course: "equation",
  create: (subject) => expansion(subject, false),
});

export const thirdOrder = defineField({
  name: "third-order",
  label: "third order",
  text: "The modified flow with the next term, −η²(⅓(∇²L)²·∇L + ∇³L[∇L, ∇L]/12): descent to third order in η.",
  smoothness: 3,
  course: "equation",
  create: (subject) => expansion(subject, true),
});

async function expansion(
  { problem, theta0, learningRate: eta, compile }: FieldSubject,
  withThird: boolean,
): Promise<Equation> {
  const { run } = await compile(problem.family.descentTerms(withThird));
  const own = () => new Float64Array(theta0.length);
  const terms = { gradient: own(), curvature: own() };
  const more = { curvature2: own(), third: own() };
  const all = withThird ? { ...terms, ...more } : terms;
  const { gradient, curvature } = terms;
  const { curvature2, third } = more;
  return {
    initial: theta0,
    isAutonomous: true,
    async field(_, theta, out) {
      await run({ theta }, all);
      for (let i = 0; i < out.length; i++) {
        const second = gradient[i]! + (eta / 2) * curvature[i]!;
        out[i] = -(second + eta ** 2 * (curvature2[i]! / 3 + third[i]! / 12));
      }
    },
    theta: (y, out) => out.set(y),
  };
}
