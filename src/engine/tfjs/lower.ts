/**
 * Graph → calls of TensorFlow.js: one rule per operation, run node by node. What depends on constants and bound inputs alone is
 * computed once. Knows the operations of tfjs-core, not where a backend comes from.
 */
import type * as core from "@tensorflow/tfjs-core";
import { type AnyNode, type Graph, type Node, narrow, type OpName, sizeOf } from "../../graph/index.js";
import { checkInput, type Tensors } from "../engine.js";

export type Tf = typeof core;
export type Tensor = core.Tensor;

/** What the rules may use besides their operands. */
interface Context {
  readonly tf: Tf;
  /** A kept scalar. */
  scalar(value: number): Tensor;
  /** A kept list of indices, −1 replaced by `zeros`. */
  indices(values: Int32Array, zeros: number): core.Tensor1D;
  /** A·B with either side transposed where asked. */
  product(a: Tensor, b: Tensor, transposeA: boolean, transposeB: boolean): Tensor;
}

type Lowering<K extends OpName> = (
  context: Context,
  node: Extract<AnyNode, { op: K }>,
  operands: readonly Tensor[],
) => Tensor;

const lowerings: { readonly [K in Exclude<OpName, "input" | "constant">]: Lowering<K> } = {
  add: ({ tf }, _, [x, y]) => tf.add(x!, y!),
  sub: ({ tf }, _, [x, y]) => tf.sub(x!, y!),
  mul: ({ tf }, _, [x, y]) => tf.mul(x!, y!),
  div: ({ tf }, _, [x, y]) => tf.div(x!, y!),
  neg: ({ tf }, _, [x]) => tf.neg(x!),
  exp: ({ tf }, _, [x]) => tf.exp(x!),
  log: ({ tf }, _, [x]) => tf.log(x!),
  log1p: ({ tf }, _, [x]) => tf.log1p(x!),
  sin: ({ tf }, _, [x]) => tf.sin(x!),
  cos: ({ tf }, _, [x]) => tf.cos(x!),
  sqrt: ({ tf }, _, [x]) => tf.sqrt(x!),
  tanh: ({ tf }, _, [x]) => tf.tanh(x!),
  sigmoid: ({ tf }, _, [x]) => tf.sigmoid(x!),
  // 4/(w + 1/w)², w = exp(x): zero where w overflows.
  sech2: ({ tf, scalar }, _, [x]) => {
    const w = tf.exp(x!);
    const sum = tf.add(w, tf.div(scalar(1), w));
    return tf.div(scalar(4), tf.mul(sum, sum));
  },
  erf: ({ tf }, _, [x]) => tf.erf(x!),
  matmul: ({ product }, { attributes: { transposeA, transposeB } }, [x, y]) =>
    product(x!, y!, transposeA, transposeB),
  transpose: ({ tf }, node, [x]) => tf.transpose(x!, [...node.attributes.permutation]),
  reshape: ({ tf }, node, [x]) => tf.reshape(x!, [...node.attributes.shape]),
  broadcast: ({ tf }, node, [x]) =>
    tf.broadcastTo(x!, [...node.attributes.shape] as core.ShapeMap[core.Rank]),
  // One axis at a time: partial sums keep the rounding of a long float32 sum down.
  sum: ({ tf }, node, [x]) =>
    [...node.attributes.axes]
      .sort((p, q) => q - p)
      .reduce<Tensor>((rest, axis) => tf.sum(rest, axis, true), x!),
  slice: ({ tf }, { attributes: { axis, start }, shape }, [x]) =>
    tf.slice(
      x!,
      shape.map((_, i) => (i === axis ? start : 0)),
      [...shape],
    ),
  pad: ({ tf }, { attributes: { axis, before, after }, shape }, [x]) =>
    tf.pad(
      x!,
      shape.map((_, i): [number, number] => (i === axis ? [before, after] : [0, 0])),
    ),
  concat: ({ tf }, node, operands) => tf.concat([...operands], node.attributes.axis),
  gather: ({ tf, indices }, node, [x]) => {
    const { axis } = node.attributes;
    const length = x!.shape[axis] as number;
    const zeros = x!.shape.map((old, i) => (i === axis ? 1 : old));
    const source = node.attributes.indices.includes(-1)
      ? tf.concat([x!, tf.zeros(zeros as core.ShapeMap[core.Rank])], axis)
      : x!;
    return tf.gather(source, indices(node.attributes.indices, length), axis);
  },
  max: ({ tf }, node, [x]) => tf.max(x!, [...node.attributes.axes], true),
  pieceOf: ({ tf, scalar }, { attributes: { breakpoints } }, [z]) => {
    const above = breakpoints.map((breakpoint) => tf.cast(tf.greater(z!, scalar(breakpoint)), "float32"));
    return above.length === 0 ? tf.zerosLike(z!) : above.reduce((sum, term) => tf.add(sum, term));
  },
  lookup: ({ tf, scalar }, { attributes: { values } }, [m]) => {
    const [below, above] = values as readonly [number, number];
    if (values.length === 1) return tf.fill([...m!.shape] as core.ShapeMap[core.Rank], below);
    if (values.length === 2) {
      if (below === 0) return above === 1 ? m! : tf.mul(m!, scalar(above));
      // (1 − m)·v₀ + m·v₁ and not v₀ + m·(v₁ − v₀): exact at both ends.
      return tf.add(tf.mul(tf.sub(scalar(1), m!), scalar(below)), tf.mul(m!, scalar(above)));
    }
    // Σ_k values[k]·hat(m − k), hat(x) = max(0, 1 − |x|): exact at integers.
    const hats = values.flatMap((value, k) =>
      value === 0 ? [] : [tf.mul(tf.relu(tf.sub(scalar(1), tf.abs(tf.sub(m!, scalar(k))))), scalar(value))],
    );
    return hats.length === 0 ? tf.zerosLike(m!) : hats.reduce((sum, term) => tf.add(sum, term));
  },
};

/** A graph ready to run on tensors. */
export interface Plan {
  readonly graph: Graph;
  /** Outputs belong to the caller; inputs stay as they are. Names of inputs that were bound are not looked for. */
  run(inputs: Readonly<Record<string, Tensor>>): Record<string, Tensor>;
  dispose(): void;
}

/**
 * @param flip transpose explicitly before a product: the matrix product of the wasm backend is ten times slower with a
 * transposed factor than with one that is transposed first.
 */
export function planGraph(tf: Tf, graph: Graph, bound: Tensors, flip: boolean): Plan {
  const kept: Tensor[] = [];
  const keep = (tensor: Tensor): Tensor => {
    kept.push(tf.keep(tensor));
    return tensor;
  };
  const scalars = new Map<number, Tensor>();
  const tables = new Map<Int32Array, Map<number, core.Tensor1D>>();
  const flipped = new Map<Tensor, Tensor>();
  const context: Context = {
    tf,
    scalar(value) {
      const known = scalars.get(value) ?? keep(tf.scalar(value, "float32"));
      scalars.set(value, known);
      return known;
    },
    indices(values, zeros) {
      const ofLength = tables.get(values) ?? new Map<number, core.Tensor1D>();
      tables.set(values, ofLength);
      const replaced = () => values.map((index) => (index < 0 ? zeros : index));
      const known = ofLength.get(zeros) ?? (keep(tf.tensor1d(replaced(), "int32")) as core.Tensor1D);
      ofLength.set(zeros, known);
      return known;
    },
    product(a, b, transposeA, transposeB) {
      if (!flip) return tf.matMul(a, b, transposeA, transposeB);
      const turn = (x: Tensor): Tensor => {
        const order = x.shape.map((_, i) =>
          i === x.rank - 1 ? x.rank - 2 : i === x.rank - 2 ? x.rank - 1 : i,
        );
        if (!kept.includes(x)) return tf.transpose(x, order);
        const known = flipped.get(x) ?? keep(tf.transpose(x, order));
        flipped.set(x, known);
        return known;
      };
      return tf.matMul(transposeA ? turn(a) : a, transposeB ? turn(b) : b);
    },
  };
  const lower = (node: Node, operands: readonly Tensor[]): Tensor =>
    tf.tidy(() => {
      const result = (lowerings[node.op as Exclude<OpName, "input" | "constant">] as Lowering<OpName>)(
        context,
        node as never,
        operands,
      );
      // A rule may hand back its operand; every node owns its result.
      return operands.includes(result) ? tf.clone(result) : result;
    });

  const position = new Map(graph.nodes.map((node, i) => [node, i]));
  const operandsOf = graph.nodes.map((node) =>
    node.operands.map((operand) => position.get(operand) as number),
  );
  const outputs = Object.entries(graph.outputs).map(
    ([name, node]) => [name, position.get(node) as number] as const,
  );
  const fixed: (Tensor | null)[] = [];
  tf.tidy(() => {
    graph.nodes.forEach((node, i) => {
      const known = narrow(node);
      const value =
        known.op === "constant"
          ? known.attributes.value
          : known.op === "input"
            ? bound[known.attributes.name]
            : undefined;
      const operands = operandsOf[i]!.map((slot) => fixed[slot] ?? null);
      if (value !== undefined) {
        const what = known.op === "input" ? known.attributes.name : "a constant";
        fixed[i] = keep(upload(tf, checkInput(graph, what, sizeOf(node.shape), value), node.shape));
      } else if (known.op === "input" || operands.includes(null)) fixed[i] = null;
      else fixed[i] = keep(lower(node, operands as Tensor[]));
    });
  });
  // What only other fixed nodes read has done its work.
  const needed = new Set(outputs.map(([, slot]) => slot));
  operandsOf.forEach((slots, i) => {
    if (fixed[i] === null) for (const slot of slots) needed.add(slot);
  });
  fixed.forEach((tensor, i) => {
    if (tensor === null || needed.has(i)) return;
    kept.splice(kept.indexOf(tensor), 1);
    tensor.dispose();
  });
  const steps = graph.nodes.flatMap((node, i) => (node.op === "input" || fixed[i] !== null ? [] : [i]));
  const free = graph.inputs.filter((node) => fixed[position.get(node) as number] === null);
  /** Slots that nobody reads after step i. */
  const done = new Map<number, number[]>();
  const last = new Map<number, number>();
  for (const i of steps) for (const slot of [i, ...operandsOf[i]!]) last.set(slot, i);
  for (const [, slot] of outputs) last.delete(slot);
  for (const [slot, i] of last) {
    if (fixed[slot] === null && graph.nodes[slot]!.op !== "input")
      done.set(i, [...(done.get(i) ?? []), slot]);
  }

  return {
    graph,
    run: (inputs) =>
      tf.tidy(() => {
        const slots = fixed.slice();
        for (const node of free) {
          const { name } = node.attributes;
          const tensor = inputs[name];
          if (tensor === undefined) throw new Error(`graph ${graph.name}: input ${name} is missing`);
          slots[position.get(node) as number] = tensor;
        }
        for (const i of steps) {
          slots[i] = lower(
            graph.nodes[i] as Node,
            operandsOf[i]!.map((slot) => slots[slot] as Tensor),
          );
          for (const slot of done.get(i) ?? []) (slots[slot] as Tensor).dispose();
        }
        return Object.fromEntries(outputs.map(([name, slot]) => [name, tf.clone(slots[slot] as Tensor)]));
      }),
    dispose() {
      for (const tensor of kept.splice(0)) tensor.dispose();
    },
  };
}

/** A tensor of the values rounded to float32. The cpu backend keeps the array it is given, hence always a new one. */
export function upload(tf: Tf, values: Float64Array, shape: readonly number[]): Tensor {
  return tf.tensor(new Float32Array(values), [...shape], "float32");
}
