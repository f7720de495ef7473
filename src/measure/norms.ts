/** Norms of all parameters and of each by itself, and the largest singular values of weights as matrices. */
import { z } from "zod";
import { length } from "../linalg/norm.js";
import { singularValues } from "../linalg/svd.js";
import { reduceToTriangle } from "../linalg/triangle.js";
import type { Parameter } from "../model/index.js";
import { type Column, defineMeasure } from "./measure.js";
import { subscript } from "./subscript.js";

export const norms = defineMeasure({
  name: "norms",
  text: "‖θ‖, the norm of each parameter by its name (layers.0.weight), and the largest singular values of each weight: of a dense one as the matrix it is, of a convolution's with its first axis as rows.",
  look: "Parameters whose norms rise together grow together; singular values that rise one after another are modes learnt one after another.",
  fields: {
    singularValues: z
      .int()
      .min(0)
      .max(20)
      .default(0)
      .describe("How many of each weight, the largest first; at most as many as it has."),
  },
  columns: ({ train }, { singularValues: count }) => [
    { name: "norm", label: "‖θ‖", axis: "norm", scale: "log" },
    ...train.family.layout.parameters.map(
      ({ name }): Column => ({ name: `norm.${name}`, label: name, axis: "norm", scale: "log" }),
    ),
    ...train.family.layout.parameters.flatMap((parameter) =>
      Array.from(
        { length: countOf(parameter, count) },
        (_, k): Column => ({
          name: singularName(parameter, k),
          label: `σ${subscript(k + 1)} of ${parameter.name}`,
          axis: "singular value",
          scale: "log",
        }),
      ),
    ),
  ],
  // A weight, its transpose and its triangle.
  numbers: ({ layout }, { singularValues: count }) =>
    3 * Math.max(0, ...layout.parameters.map((one) => (countOf(one, count) > 0 ? one.size : 0))),
  follow({ train }, { singularValues: count }) {
    const { parameters } = train.family.layout;
    return async ({ theta }) => {
      const values: Record<string, number> = { norm: length(theta) };
      for (const parameter of parameters) {
        const own = theta.subarray(parameter.offset, parameter.offset + parameter.size);
        values[`norm.${parameter.name}`] = length(own);
        const wanted = countOf(parameter, count);
        if (wanted === 0) continue;
        const found = await singularValuesOf(own, parameter.shape[0]!, parameter.size / parameter.shape[0]!);
        for (let k = 0; k < wanted; k++) values[singularName(parameter, k)] = found[k]!;
      }
      return values;
    };
  },
});

const singularName = ({ name }: Parameter, k: number): string => `singular.${name}.${k + 1}`;

/** Vectors have none but their norm. */
function countOf({ shape, size }: Parameter, count: number): number {
  return shape.length < 2 ? 0 : Math.min(count, shape[0]!, size / shape[0]!);
}

/** Of a matrix [rows, columns], descending. */
async function singularValuesOf(a: Float64Array, rows: number, columns: number): Promise<Float64Array> {
  const wide = rows <= columns ? a.slice() : transpose(a, rows, columns);
  const [short, long] = [Math.min(rows, columns), Math.max(rows, columns)];
  await reduceToTriangle(wide, long, short);
  const square = new Float64Array(short * short);
  for (let i = 0; i < short; i++) square.set(wide.subarray(i * long, i * long + short), i * short);
  return singularValues(square, short).values;
}

function transpose(a: Float64Array, rows: number, columns: number): Float64Array {
  const out = new Float64Array(a.length);
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < columns; j++) out[j * rows + i] = a[i * columns + j] as number;
  return out;
}
