/**
 * Where a flow keeps θ and all that a solver computes with it: in float64 arrays, or in vectors of the engine. Solvers see a vector
 * space either way; what leaves it are scalars, and θ where somebody asks to see it.
 */
import type { Resident, ResidentVector } from "../engine/index.js";
import { float64Space, type VectorSpace } from "../ode/index.js";
import type { Problem } from "./problem.js";

/** 2⁻²³ */
const FLOAT32_EPSILON = 2 ** -23;

export interface FlowState<V> {
  readonly space: VectorSpace<V>;
  /** A new vector with these values. */
  load(values: Float64Array): V;
  /** out ← −∇L(θ) */
  field(theta: V, out: V): Promise<void>;
  /** L at this vector, as it is now, if the field was last evaluated there and loss came with it; else null. */
  lossAt(theta: V): number | null;
  /** The values of a vector: itself where it is an array, else a new one. */
  read(v: V): Float64Array;
}

export function arrayState(problem: Problem): FlowState<Float64Array> {
  let last: { readonly theta: Float64Array; readonly loss: number } | null = null;
  return {
    space: float64Space(problem.family.layout.size),
    load: (values) => values,
    async field(theta, out) {
      last = { theta, loss: await problem.field(theta, out) };
    },
    lossAt: (theta) => (last?.theta === theta ? last.loss : null),
    read: (v) => v,
  };
}

export async function residentState(
  problem: Problem,
  resident: Resident,
): Promise<FlowState<ResidentVector>> {
  const dimension = problem.family.layout.size;
  const program = await problem.compileResident(problem.family.flowField());
  return {
    space: { ...resident, dimension, epsilon: FLOAT32_EPSILON, create: () => resident.create(dimension) },
    load(values) {
      const vector = resident.create(dimension);
      vector.write(values);
      return vector;
    },
    async field(theta, velocity) {
      problem.cost.gradients++;
      await program.run({ theta }, { velocity });
    },
    // The loss would have to travel with every gradient.
    lossAt: () => null,
    read: (v) => v.read(),
  };
}
