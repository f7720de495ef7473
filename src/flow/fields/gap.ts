/**
 * Gradient flow less its leading gap to descent: θ − e with e' = −∇²L·e + (η/2)∇²L·∇L, e(0) = 0, beside θ' = −∇L (Elkabetz and Cohen 2021, whose bound is
 * that of e). It errs in second order, as the modified flow does, of which it is the linearisation. `compare.leadingGap` follows e through kinks too.
 */
import { defineField } from "./field.js";

export const gap = defineField({
  name: "gap",
  label: "flow − leading gap",
  text: "Gradient flow less its leading gap, θ − e with e' = −∇²L·e + (η/2)∇²L·∇L: descent to second order in η. leadingGap: true has e itself, through kinks too.",
  smoothness: 2,
  course: "equation",
  unknowns: 2,
  async create({ problem, theta0, learningRate: eta, compile }) {
    const P = theta0.length;
    const velocityOf = await compile(problem.family.flowField());
    const productOf = await compile(problem.family.hessianProduct("free"));
    const [flow, between] = [new Float64Array(P), new Float64Array(P)];
    const [theta, product] = [new Float64Array(P), new Float64Array(P)];
    const initial = new Float64Array(2 * P);
    initial.set(theta0);
    return {
      initial,
      isAutonomous: true,
      async field(_, y, out) {
        theta.set(y.subarray(0, P));
        await velocityOf.run({ theta }, { velocity: flow });
        for (let i = 0; i < P; i++) between[i] = y[P + i]! + (eta / 2) * flow[i]!;
        await productOf.run({ theta, velocity: between }, { product });
        out.set(flow);
        for (let i = 0; i < P; i++) out[P + i] = -product[i]!;
      },
      theta(y, out) {
        for (let i = 0; i < P; i++) out[i] = y[i]! - y[P + i]!;
      },
    };
  },
});
