/** ∫4cλ_eff ds = ∫‖θ'‖²/L ds along the flow, which is ln(‖r(0)‖²/‖r(t)‖²) exactly: a check of field and solver that knows neither's error. */
import type { Segment } from "../flow/index.js";
import type { Memory } from "../memory.js";

/** Gauss–Legendre, four nodes, order 8: its error is below that of the step it is applied to. */
const NODES = [-0.8611363115940526, -0.3399810435848563, 0.3399810435848563, 0.8611363115940526];
const WEIGHTS = [0.3478548451374538, 0.6521451548625461, 0.6521451548625461, 0.3478548451374538];

export interface RateIntegral {
  /** Adds the stretch [from, to] of a segment, at the cost of four gradients. */
  advance(segment: Segment, from: number, to: number): Promise<void>;
  value(): number;
}

/** @param onGradient hears of each gradient that is evaluated */
export function createRateIntegral(memory: Memory, onGradient: () => void = () => undefined): RateIntegral {
  const state = memory.keep("rate-integral", { total: 0 });
  let theta: Float64Array | null = null;
  return {
    value: () => state.total,
    async advance(segment, from, to) {
      if (!(to > from)) return;
      theta ??= new Float64Array(segment.theta1.length);
      for (let k = 0; k < NODES.length; k++) {
        await segment.interpolate((from + to) / 2 + ((to - from) / 2) * (NODES[k] as number), theta);
        onGradient();
        const { loss, speed } = await segment.measure(theta);
        state.total += ((to - from) / 2) * (WEIGHTS[k] as number) * (speed ** 2 / loss);
      }
    },
  };
}
