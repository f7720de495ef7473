/** What float32 has cost a run: its loss and gradient beside those of float64 at the same parameters. */
import { createEngine } from "../engine/index.js";
import { createProblem, distance } from "../flow/index.js";
import type { RoundingAt, RoundingResult } from "../record/result.js";
import type { Prepared } from "./prepare.js";

/** Relative error of the gradient above which its direction is no longer to be trusted. */
const UNRESOLVED = 0.1;

/**
 * @param theta parameters at the end
 * @param isLog whether the flow was that of ln L, which float32 holds where L itself vanishes
 * Costs two gradients in each precision.
 */
export async function measureRounding(
  prepared: Prepared,
  theta: Float64Array,
  isLog: boolean,
): Promise<RoundingResult> {
  const { problem, data, theta0 } = prepared;
  const { family } = problem;
  const zero = new Float64Array(theta.length);
  const engine = await createEngine({ kind: "onnx", dtype: "float64", threads: problem.engine.threads });
  try {
    const plain = await createProblem(engine, family, data);
    const [exact, own] = isLog ? [await plain.logarithm(), await problem.logarithm()] : [plain, problem];
    const [rough, fine] = [new Float64Array(theta.length), new Float64Array(theta.length)];
    const at = async (point: Float64Array): Promise<RoundingAt> => {
      const expected = await exact.lossGradient(point, fine);
      const found = await own.lossGradient(point, rough);
      return {
        loss: isLog ? Math.abs(Math.expm1(found - expected)) : Math.abs(found - expected) / expected,
        gradient: distance(rough, fine) / distance(fine, zero),
      };
    };
    return { initial: await at(theta0), final: await at(theta) };
  } finally {
    await engine.dispose();
  }
}

export function roundingNotes({ initial, final }: RoundingResult, isResident: boolean): string[] {
  const state = isResident
    ? "Everything was computed in float32, θ and the error control included."
    : "Gradients were computed in float32; the state, the error control and the norms are float64.";
  const show = (x: number) => x.toExponential(1);
  return [
    `${state} Against float64 at the same θ the loss is off by ${show(initial.loss)} of itself at the start and ${show(final.loss)} at the end, the gradient by ${show(initial.gradient)} and ${show(final.gradient)}.`,
    ...(final.gradient > UNRESOLVED
      ? [
          "float32 no longer resolves the gradient at the end: the loss has reached the floor of float32, and what it does there is rounding; set engine: { kind: onnx, dtype: float64 }.",
        ]
      : []),
  ];
}
