/** The matrix products of dense work on Jacobians, done by the engine: Gram matrices and blocks of reflections. */
import type { Program, Tensors } from "../engine/index.js";
import { createGraph, type Graph, GraphBuilder } from "../graph/index.js";
import { REFLECTION_BLOCK, type ReflectRows } from "../linalg/triangle.js";

/** Compiles a graph, some of its inputs fixed. */
export type Compile = (graph: Graph, bound?: Tensors) => Promise<Program>;

/** Rows that one call reflects. */
const ROWS = 256;

export interface Products {
  /** A·Bᵀ [p, q] of row-major A [p, width] and B [q, width]. */
  multiplyTransposed(a: Float64Array, b: Float64Array, width: number): Promise<Float64Array>;
  readonly reflect: ReflectRows;
}

export function createProducts(compile: Compile): Products {
  const programs = new Map<string, Promise<Program>>();
  const cached = (key: string, build: () => Graph): Promise<Program> => {
    let program = programs.get(key);
    if (program === undefined) {
      program = compile(build(), {});
      programs.set(key, program);
    }
    return program;
  };
  return {
    async multiplyTransposed(a, b, width) {
      const [p, q] = [a.length / width, b.length / width];
      const program = await cached(`product:${p}:${q}:${width}`, () => {
        const g = new GraphBuilder();
        const product = g.matmul(g.input("a", [p, width]), g.input("b", [q, width]), { transposeB: true });
        return createGraph("product", { product });
      });
      const product = new Float64Array(p * q);
      await program.run({ a, b }, { product });
      return product;
    },
    async reflect(rows, v, t, width) {
      const total = rows.length / width;
      for (let end = total; end > 0; ) {
        const count = end % ROWS === 0 ? ROWS : end % ROWS;
        const program = await cached(`reflect:${count}:${width}`, () => {
          const g = new GraphBuilder();
          const a = g.input("rows", [count, width]);
          const vNode = g.input("v", [REFLECTION_BLOCK, width]);
          const onto = g.matmul(a, vNode, { transposeB: true });
          const scaled = g.matmul(onto, g.input("t", [REFLECTION_BLOCK, REFLECTION_BLOCK]));
          return createGraph("reflect", { reflected: g.sub(a, g.matmul(scaled, vNode)) });
        });
        const part = rows.subarray((end - count) * width, end * width);
        const { reflected } = await program.run({ rows: part, v, t });
        part.set(reflected as Float64Array);
        end -= count;
      }
    },
  };
}
