/**
 * The tangent kernel G = JJᵀ, J = ∂s/∂θ, of chosen scalars s of a network: rows of J, G itself, or its product with a vector.
 *
 * Where entries slide, the flow moves along θ' = −Π∇L, Π the projection onto the motions that keep them on their boundaries, so
 * that d‖r‖²/dt = −4c rᵀ(JΠJᵀ)r: the kernel that the exponential bound speaks of is then JΠJᵀ, whatever weights the sliding
 * entries are given, and that is what this module computes.
 */
import type { Program, Tensors } from "../engine/index.js";
import { factorise } from "../linalg/cholesky.js";
import type { Operator } from "../linalg/operator.js";

import { addScaled, dot, squaredNorm } from "../linalg/vectors.js";
import { type Family, piecesOf } from "../model/index.js";
import { capacityOf } from "./chunks.js";
import { createKernelErrors, type HeldRows, type KernelErrors } from "./errors.js";
import { type Compile, createProducts, type Products } from "./products.js";
import { fillInputs, type KernelState, outputScalars } from "./scalars.js";

export interface TangentKernel extends KernelErrors {
  readonly family: Family;
  /** What the kernel is taken of: indices over all hidden pre-activations, then all outputs. */
  readonly scalars: readonly number[];
  /** Number of scalars; G is [size, size]. */
  readonly size: number;
  /** Engine work done, in products with G or their like. */
  readonly cost: { products: number };
  readonly products: Products;
  /** The held entries whose gradients are independent. */
  independent(state: KernelState): Promise<readonly number[]>;
  /** Rows of J [size, P], after those of the independent held entries. */
  rows(state: KernelState): Promise<{ readonly rows: Float64Array; readonly held: number }>;
  /**
   * G [size, size], of held entries' motions. `layer-product` never forms J.
   * @throws RangeError for a layer product of a network without one
   */
  gram(state: KernelState, form: "rows" | "layer-product"): Promise<Float64Array>;
  /** v ↦ Gv without forming G or J: one reverse and one forward sweep. The operator is good while θ is not changed. */
  operator(state: KernelState): Promise<Operator>;
  /** The diagonal of JJᵀ [size]; held entries are not taken into account. Null for networks without layer products. */
  squares(state: KernelState): Promise<Float64Array | null>;
}

export function createTangentKernel(options: {
  readonly family: Family;
  readonly compile: Compile;
  /** The tensors `x` and the matrices of the family's relations. */
  readonly data: Tensors;
  /** Default: all outputs. Either outputs or pre-activations. */
  readonly scalars?: readonly number[];
}): TangentKernel {
  const { family, compile, data } = options;
  const { samples, network, layout, entries } = family;
  const P = layout.size;
  const outputs = outputScalars(family);
  const scalars = options.scalars ?? outputs;
  const kind = scalars.some((scalar) => scalar >= entries) ? "outputs" : "preactivations";
  if (kind === "outputs" && scalars.some((scalar) => scalar < entries))
    throw new RangeError("tangent kernel: the scalars must be either outputs or pre-activations, not both.");
  const all = kind === "outputs" ? outputs.length : entries;
  const shift = kind === "outputs" ? entries : 0;
  const products = createProducts(compile);
  const cost = { products: 0 };
  const programs = new Map<string, Promise<Program>>();
  const cached = (key: string, build: () => Promise<Program>): Promise<Program> => {
    let program = programs.get(key);
    if (program === undefined) {
      program = build();
      programs.set(key, program);
    }
    return program;
  };
  const whole = scalars.length === all;
  const wide = new Float64Array(all);
  /** A vector of the kernel's size among all scalars of its kind. */
  const scatter = (v: Float64Array): Float64Array => {
    if (whole) return v;
    wide.fill(0);
    scalars.forEach((scalar, k) => {
      wide[scalar - shift] = v[k] as number;
    });
    return wide;
  };
  const bound = ["x", ...family.relations, ...network.sampleInputs];
  const coupledData: Tensors = network.coupled
    ? Object.fromEntries(bound.map((name) => [name, data[name] as Float64Array]))
    : {};

  /** The pieces that lock the graphs; null for smooth activations. */
  const piecesAt = async ({ theta, pieces }: KernelState): Promise<Float64Array | null> => {
    if (entries === 0) return null;
    if (pieces !== null) return pieces;
    const program = await cached("z", () => compile(family.preactivations("free"), data));
    const { z } = await program.run({ theta });
    return piecesOf(family, z as Float64Array);
  };

  const entriesOf = (pieces: Float64Array | null): Record<string, Float64Array> =>
    pieces === null ? {} : { pieces };

  const rowsOf = async (state: KernelState, which: readonly number[], into: Float64Array): Promise<void> => {
    const pieces = await piecesAt(state);
    const perRow = P + (network.coupled ? 4 * entries : 0);
    const capacity = capacityOf(perRow, which.length);
    const program = await cached(`rows:${capacity}`, () => compile(family.scalarRows(capacity), coupledData));
    for (let from = 0; from < which.length; from += capacity) {
      const part = which.slice(from, from + capacity);
      const inputs = fillInputs(family, data, part, capacity, entriesOf(pieces));
      const { rows } = await program.run({ ...inputs, theta: state.theta });
      cost.products += part.length / samples;
      into.set((rows as Float64Array).subarray(0, part.length * P), from * P);
    }
  };

  /** Rows of the held entries, those that depend on earlier ones left out, as the flow's own projection does. */
  const heldRows = async (state: KernelState): Promise<HeldRows> => {
    const rows = new Float64Array(state.held.length * P);
    await rowsOf(state, state.held, rows);
    const count = state.held.length;
    const entries = state.held;
    const gram = await products.multiplyTransposed(rows, rows, P);
    const { dependent } = factorise(gram, count);
    if (dependent.length === 0) return { rows, gram, count, entries };
    const kept = Array.from({ length: count }, (_, k) => k).filter((k) => !dependent.includes(k));
    const few = new Float64Array(kept.length * P);
    const small = new Float64Array(kept.length ** 2);
    kept.forEach((k, i) => {
      few.set(rows.subarray(k * P, (k + 1) * P), i * P);
      kept.forEach((j, i2) => {
        small[i * kept.length + i2] = gram[k * count + j] as number;
      });
    });
    return { rows: few, gram: small, count: kept.length, entries: kept.map((k) => entries[k] as number) };
  };

  const errors = createKernelErrors({
    ...{ family, data, coupledData, compile: cached, graph: compile, scalars, kind },
    heldRows,
    async rows(state) {
      const rows = new Float64Array(scalars.length * P);
      await rowsOf(state, scalars, rows);
      return rows;
    },
    scatter,
    onWork: (count) => {
      cost.products += count / samples;
    },
  });

  const self: TangentKernel = {
    ...errors,
    family,
    scalars,
    size: scalars.length,
    cost,
    products,
    independent: async (state) => (state.held.length === 0 ? [] : (await heldRows(state)).entries),
    async rows(state) {
      const held = state.held.length === 0 ? null : await heldRows(state);
      const count = held?.count ?? 0;
      const rows = new Float64Array((count + scalars.length) * P);
      if (held !== null) rows.set(held.rows);
      await rowsOf(state, scalars, rows.subarray(count * P));
      return { rows, held: count };
    },
    async gram(state, form) {
      if (form === "layer-product") {
        if (!network.hasLayerProducts)
          throw new RangeError("tangent kernel: this network has no layer-product form; use the rows.");
        const which = [...state.held, ...scalars];
        const capacity = 32 * Math.ceil(which.length / 32);
        const program = await cached(`gram:${capacity}`, () => compile(family.scalarGram(capacity), {}));
        const inputs = fillInputs(family, data, which, capacity, entriesOf(await piecesAt(state)));
        const { gram } = await program.run({ ...inputs, theta: state.theta });
        cost.products += which.length / samples;
        return schurComplement(gram as Float64Array, capacity, state.held.length, scalars.length);
      }
      const { rows, held } = await self.rows(state);
      const gram = await products.multiplyTransposed(rows, rows, P);
      return schurComplement(gram, held + scalars.length, held, scalars.length);
    },
    async operator(state) {
      const locked = entries > 0 && state.pieces !== null;
      const inputs: Record<string, Float64Array> = { theta: state.theta };
      if (locked) inputs["pieces"] = state.pieces as Float64Array;
      const mode = locked ? "locked" : "free";
      const gather = (full: Float64Array, out: Float64Array): void => {
        if (whole) out.set(full);
        else for (let k = 0; k < out.length; k++) out[k] = full[(scalars[k] as number) - shift] as number;
      };
      if (state.held.length === 0) {
        const program = await cached(`product:${mode}`, () =>
          compile(family.kernelProduct(mode, kind), data),
        );
        const full = new Float64Array(all);
        return {
          size: scalars.length,
          async apply(v, out) {
            cost.products++;
            const result = await program.run({ ...inputs, cotangents: scatter(v) }, { product: full });
            gather(full, out);
            return result["energy"]?.[0] as number;
          },
        };
      }
      if (kind === "preactivations")
        throw new RangeError("tangent kernel: held entries go with the kernel of the outputs.");
      const pull = await cached(`pull:${mode}`, () => compile(family.jacobianTransposeProduct(mode), data));
      const push = await cached(`push:${mode}`, () => compile(family.jacobianProduct(mode), data));
      const { rows, gram, count } = await heldRows(state);
      const factor = factorise(gram, count);
      const direction = new Float64Array(P);
      const full = new Float64Array(all);
      return {
        size: scalars.length,
        async apply(v, out) {
          cost.products++;
          await pull.run({ ...inputs, cotangent: scatter(v) }, { product: direction });
          const onto = Float64Array.from({ length: count }, (_, k) => dot(rows, direction, k * P, 0, P));
          factor.solve(onto);
          for (let k = 0; k < count; k++) addScaled(direction, rows, -(onto[k] as number), 0, k * P, P);
          await push.run({ ...inputs, velocity: direction }, { output: full });
          gather(full, out);
          return squaredNorm(direction);
        },
      };
    },
    async squares(state) {
      if (!network.hasLayerProducts) return null;
      const pieces = await piecesAt(state);
      const capacity = Math.min(scalars.length, 4096);
      const program = await cached(`squares:${capacity}`, () => compile(family.scalarSquares(capacity), {}));
      const out = new Float64Array(scalars.length);
      for (let from = 0; from < scalars.length; from += capacity) {
        const part = scalars.slice(from, from + capacity);
        const inputs = fillInputs(family, data, part, capacity, entriesOf(pieces));
        const { squares } = await program.run({ ...inputs, theta: state.theta });
        cost.products += part.length / samples;
        out.set((squares as Float64Array).subarray(0, part.length), from);
      }
      return out;
    },
  };
  return self;
}

/** G − C K⁻¹Cᵀ of [[K, Cᵀ], [C, G]] with K of the first `held` rows. */
function schurComplement(matrix: Float64Array, stride: number, held: number, size: number): Float64Array {
  const out = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    const from = (held + i) * stride + held;
    out.set(matrix.subarray(from, from + size), i * size);
  }
  if (held === 0) return out;
  const factor = factorise(matrix, held, stride);
  for (let i = 0; i < size; i++) {
    const row = matrix.slice((held + i) * stride, (held + i) * stride + held);
    factor.solve(row);
    for (let j = 0; j < size; j++)
      out[i * size + j] = (out[i * size + j] as number) - dot(row, matrix, 0, (held + j) * stride, held);
  }
  return out;
}
