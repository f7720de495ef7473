/**
 * The Jacobian of the field with the pattern of pieces given, for an implicit method. Where nothing slides it is −∇²L under the pattern.
 * Along a slide the velocity v = −∇L + Jᵀμ has Jv = 0, J the normals of the sliding entries; differentiated,
 * Dv = M − JᵀK⁻¹(JM + Z) with M = −∇²L + Σ μ_s∇²z_s, K = JJᵀ, and the rows of Z the products ∇²z_s·v.
 */
import type { Memory } from "../../memory.js";
import { createMatrices, type Hessian } from "../hessian.js";
import type { Problem } from "../problem.js";
import type { LockedField } from "./locked-field.js";

export function createLockedJacobian(problem: Problem, field: LockedField, memory: Memory): Hessian {
  const { family } = problem;
  const P = family.layout.size;
  const matrices = createMatrices(problem, memory);
  const ofLoss = (width: number) => family.hessianProducts(width, "locked");
  const ofEntries = (width: number) => family.entryCurvatures(width);
  let single: ReturnType<Problem["compile"]> | null = null;

  /** ∇²z_s·v of each sliding entry, one after the other. */
  const curvatures = async (theta: Float64Array, velocity: Float64Array): Promise<Float64Array[]> => {
    const { pieces, sliding } = field.pattern;
    single ??= problem.compile(family.entryCurvature());
    const { run } = await single;
    const seeds = new Float64Array(family.entries);
    const rows: Float64Array[] = [];
    for (const { entry } of sliding) {
      seeds.fill(0);
      seeds[entry] = 1;
      const product = new Float64Array(P);
      await run({ theta, pieces, seeds, velocity }, { product });
      rows.push(product);
    }
    return rows;
  };

  return {
    cost: matrices.cost,
    async jacobian(_t, theta, out) {
      const { pieces, sliding } = field.pattern;
      out.fill(0);
      await matrices.add(ofLoss, { theta, pieces }, -1, out);
      if (sliding.length === 0) return;
      const { velocity, multipliers } = await field.evaluate(theta);
      const seeds = new Float64Array(family.entries);
      for (const [s, { entry }] of sliding.entries()) seeds[entry] = multipliers[s]!;
      await matrices.add(ofEntries, { theta, pieces, seeds }, 1, out);
      const z = await curvatures(theta, velocity);
      const normals = await field.normals(theta, sliding);
      // M is symmetric: its rows are its columns, and become those of Dv, which is not.
      for (let j = 0; j < P; j++) {
        const column = out.subarray(j * P, (j + 1) * P);
        const normal = await normals.along(column);
        await normals.add(column, normals.solve(normal.map((value, s) => -(value + z[s]![j]!))));
      }
      for (let i = 0; i < P; i++)
        for (let j = 0; j < i; j++) {
          const value = out[i * P + j]!;
          out[i * P + j] = out[j * P + i]!;
          out[j * P + i] = value;
        }
    },
  };
}
