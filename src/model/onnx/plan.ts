/** What is done with an ONNX graph, before any shape is known: the order of its nodes, what is trained, which nodes are affine maps. */
import { listed, type Model, OnnxError, type OperatorNode, type Tensor } from "../../onnx/index.js";
import type { Law } from "../parameters.js";
import type { Dense } from "./call.js";
import { operators } from "./registry.js";

export interface TrainedTensor {
  readonly tensor: Tensor;
  /** Whether θ has it as [in, out], the file as [out, in]. */
  readonly transposed: boolean;
  readonly law: Law;
}

export interface Plan {
  readonly model: Model;
  readonly opset: number;
  readonly input: Model["inputs"][number];
  readonly output: string;
  /** Those that the output needs, operands first. */
  readonly nodes: readonly OperatorNode[];
  readonly trained: ReadonlyMap<string, TrainedTensor>;
  readonly frozen: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly why: string;
  }[];
  /** By the name of the node. */
  readonly dense: ReadonlyMap<string, Dense>;
  /** Nodes that an affine map has taken in. */
  readonly skipped: ReadonlySet<string>;
}

export interface PlanOptions {
  /** Names of initialisers to be trained, `*` for any letters; absent: all floating-point ones that are no constants of an operator. */
  readonly trainable?: readonly string[];
  /** The output that is the network's; absent: the only one. */
  readonly output?: string;
}

const OLDEST_OPSET = 11;

/** @throws OnnxError where the graph cannot be taken, with everything that stands in the way of it */
export function planImport(model: Model, options: PlanOptions): Plan {
  const opset = model.opsets.get("");
  if (opset === undefined) throw new OnnxError("uses no operator set of ONNX itself");
  if (opset < OLDEST_OPSET)
    throw new OnnxError(
      `uses operator set ${opset}; gradflow reads ${OLDEST_OPSET} and newer. Export it again`,
    );
  const output = outputOf(model, options.output);
  const [input, ...others] = model.inputs;
  if (input === undefined) throw new OnnxError("has no input for the samples");
  const nodes = inOrder(model, output);
  const used = new Set(nodes.flatMap(({ inputs }) => inputs));
  const alsoUsed = others.filter(({ name }) => used.has(name));
  if (alsoUsed.length > 0)
    throw new OnnxError(
      `takes ${alsoUsed.length + 1} inputs (${[input, ...alsoUsed].map(({ name }) => name).join(", ")}); gradflow trains networks of one. Wrap the network so that the others are constants`,
    );
  const unknown = nodes.filter(({ domain, operator }) => domain !== "" || operators[operator] === undefined);
  if (unknown.length > 0) {
    const names = unknown.map(
      ({ name, operator, domain }) => `${domain === "" ? "" : `${domain}.`}${operator} (${name})`,
    );
    throw new OnnxError(
      `needs operators that gradflow does not have: ${listed(names, 40)}; docs/onnx.md lists those it has`,
    );
  }
  const { trained, frozen } = chooseTrained(model, nodes, output, options.trainable);
  const { dense, skipped, transposed } = findDense(model, nodes, trained, output);
  return {
    ...{ model, opset, input, output, nodes, frozen, dense, skipped },
    trained: new Map(
      [...trained].map(([name, tensor]) => [
        name,
        { tensor, transposed: transposed.has(name), law: lawOf(name, tensor, nodes) },
      ]),
    ),
  };
}

function outputOf({ outputs }: Model, asked: string | undefined): string {
  const names = outputs.map(({ name }) => name);
  if (asked !== undefined) {
    if (!names.includes(asked)) throw new OnnxError(`has no output ${asked}; it has ${names.join(", ")}`);
    return asked;
  }
  if (names.length !== 1)
    throw new OnnxError(
      names.length === 0
        ? "has no output"
        : `has ${names.length} outputs (${listed(names)}); say which is the network's with outputName`,
    );
  return names[0] as string;
}

/** The nodes that `output` needs. @throws OnnxError where an edge leads nowhere, or in a circle */
function inOrder({ nodes, initialisers, inputs }: Model, output: string): OperatorNode[] {
  const makers = new Map<string, OperatorNode>();
  const given = new Set([...initialisers.keys(), ...inputs.map(({ name }) => name)]);
  for (const node of nodes)
    for (const name of node.outputs) {
      if (name === "") continue;
      if (makers.has(name) || given.has(name))
        throw new OnnxError(`makes the value ${name} twice, once by ${node.name}`);
      makers.set(name, node);
    }
  const order: OperatorNode[] = [];
  const state = new Map<OperatorNode, "open" | "done">();
  const stack: { name: string; by: string }[] = [{ name: output, by: "the graph's output" }];
  while (stack.length > 0) {
    const { name, by } = stack[stack.length - 1]!;
    const node = makers.get(name);
    if (node === undefined) {
      if (name !== "" && !given.has(name)) throw new OnnxError(`has ${by} take ${name}, which nothing makes`);
      stack.pop();
      continue;
    }
    const seen = state.get(node);
    if (seen === undefined) {
      state.set(node, "open");
      for (const operand of node.inputs) {
        const maker = makers.get(operand);
        if (maker !== undefined && state.get(maker) === "open")
          throw new OnnxError(`runs in a circle through ${node.name} and ${maker.name}`);
        stack.push({ name: operand, by: `the node ${node.name}` });
      }
    } else {
      stack.pop();
      if (seen === "open") {
        state.set(node, "done");
        order.push(node);
      }
    }
  }
  return order;
}

/** Names that exporters number: `val_12`, `onnx::Mul_7`, `dot_bias_0`. */
const NUMBERED = /(^|[_:])\w*_\d+$/;

function chooseTrained(
  model: Model,
  nodes: readonly OperatorNode[],
  output: string,
  asked: readonly string[] | undefined,
) {
  const used = new Set([...nodes.flatMap(({ inputs }) => inputs), output]);
  const reasons = new Map<string, string>();
  for (const { operator, inputs } of nodes)
    for (const place of operators[operator]!.fixed ?? [])
      if (inputs[place]) reasons.set(inputs[place], `a constant of ${operator}`);
  const patterns = asked?.map((text) => ({ text, matches: matcher(text), found: false }));
  const trained = new Map<string, Tensor>();
  const frozen: { name: string; shape: readonly number[]; why: string }[] = [];
  for (const tensor of model.initialisers.values()) {
    const { name, shape, type } = tensor;
    const hits = patterns?.filter(({ matches }) => matches(name));
    for (const hit of hits ?? []) hit.found = true;
    if (type !== "float" || !used.has(name)) continue;
    const size = shape.reduce((p, q) => p * q, 1);
    const fixed = reasons.get(name);
    const why =
      fixed ??
      (hits !== undefined
        ? hits.length === 0
          ? "not among trainable"
          : null
        : model.buffers.has(name)
          ? "a buffer of the module"
          : size === 1 && NUMBERED.test(name)
            ? "one number without a name of the program's own"
            : isBounded(tensor)
              ? null
              : "has entries that stand for infinity");
    if (hits !== undefined && hits.length > 0 && fixed !== undefined)
      throw new OnnxError(`cannot train ${name} (trainable: ${hits[0]!.text}): it is ${fixed}`);
    if (why === null && !isBounded(tensor))
      throw new OnnxError(
        `cannot train ${name}: it has entries that stand for infinity; leave it out of trainable`,
      );
    if (why === null && size > 0) trained.set(name, tensor);
    else frozen.push({ name, shape, why: why ?? "empty" });
  }
  const lost = patterns?.filter(({ found }) => !found).map(({ text }) => text) ?? [];
  if (lost.length > 0)
    throw new OnnxError(
      `has no initialiser that trainable names by ${lost.join(", ")}; it has ${listed([...model.initialisers.keys()])}`,
    );
  if (trained.size === 0)
    throw new OnnxError(`has no floating-point initialiser that could be trained${constantsOf(nodes)}`);
  return { trained, frozen };
}

/** Whether no entry is infinite or the largest number of its type, as masks have in place of −∞. */
function isBounded(tensor: Tensor): boolean {
  const most = tensor.elementType === "float16" ? 65504 : 3.4e38;
  return tensor.read().every((value) => Math.abs(value) < most);
}

/** Where the numbers stand that a file without initialisers has. */
function constantsOf(nodes: readonly OperatorNode[]): string {
  const arrays = nodes.filter(({ operator, attributes }) => {
    const value = operator === "Constant" ? attributes.get("value") : undefined;
    return value?.kind === "tensor" && value.value.type === "float" && value.value.shape.length > 0;
  });
  if (arrays.length === 0) return "";
  const names = listed(
    arrays.map(({ name }) => name),
    3,
  );
  return `; its arrays stand in nodes Constant (${names}), which are not trained: docs/onnx.md shows how to make initialisers of them`;
}

function matcher(text: string): (name: string) => boolean {
  const parts = text.split("*");
  return (name) => {
    const [first, ...rest] = parts as [string, ...string[]];
    if (rest.length === 0) return name === text;
    if (!name.startsWith(first)) return false;
    let at = first.length;
    for (const part of rest.slice(0, -1)) {
      const found = name.indexOf(part, at);
      if (found < 0) return false;
      at = found + part.length;
    }
    const last = rest[rest.length - 1] as string;
    return name.length - last.length >= at && name.endsWith(last);
  };
}

/** Affine maps: Gemm, or MatMul and the Add of a bias, with the weight straight or transposed. */
function findDense(
  model: Model,
  nodes: readonly OperatorNode[],
  trained: ReadonlyMap<string, Tensor>,
  output: string,
) {
  const users = new Map<string, OperatorNode[]>();
  const makers = new Map<string, OperatorNode>();
  for (const node of nodes) {
    for (const name of new Set(node.inputs)) users.set(name, [...(users.get(name) ?? []), node]);
    for (const name of node.outputs) makers.set(name, node);
  }
  const onlyUser = (name: string): OperatorNode | null => {
    const own = users.get(name) ?? [];
    return own.length === 1 && name !== output ? (own[0] as OperatorNode) : null;
  };
  const isMatrix = (name: string | undefined): name is string => trained.get(name ?? "")?.shape.length === 2;
  const isBias = (name: string | undefined, width: number): name is string => {
    const shape = trained.get(name ?? "")?.shape;
    // One row [1, width] counts where nothing else needs it so.
    return (
      shape?.join() === `${width}` || (shape?.join() === `1,${width}` && users.get(name ?? "")?.length === 1)
    );
  };
  const isZero = (name: string): boolean =>
    !trained.has(name) &&
    model.initialisers
      .get(name)
      ?.read()
      .every((value) => value === 0) === true;
  const flag = (node: OperatorNode, name: string, otherwise: number): unknown =>
    node.attributes.get(name)?.value ?? otherwise;
  interface Candidate extends Dense {
    readonly node: OperatorNode;
    readonly transposed: boolean;
    readonly taken: readonly OperatorNode[];
  }
  /** With the Add of a bias where that is all that is done with the product. */
  const withAdd = (
    node: OperatorNode,
    weight: string,
    transposed: boolean,
    taken: readonly OperatorNode[],
  ): Candidate => {
    const width = trained.get(weight)!.shape[transposed ? 0 : 1] as number;
    const own = node.outputs[0] as string;
    const add = onlyUser(own);
    const bias = add?.operator === "Add" ? add.inputs.find((name) => name !== own) : undefined;
    const plain = { node, weight, transposed };
    if (!isBias(bias, width)) return { ...plain, bias: null, output: own, taken };
    return { ...plain, bias, output: add!.outputs[0] as string, taken: [...taken, add as OperatorNode] };
  };
  const gemm = (node: OperatorNode): Candidate | null => {
    const [, weight, given = ""] = node.inputs;
    const beta = flag(node, "beta", 1);
    const bias = beta === 0 || isZero(given) ? "" : given;
    const isPlain =
      flag(node, "alpha", 1) === 1 && flag(node, "transA", 0) === 0 && (bias === "" || beta === 1);
    if (!isPlain || !isMatrix(weight)) return null;
    const transposed = flag(node, "transB", 0) === 1;
    if (bias === "") return withAdd(node, weight, transposed, []);
    const width = trained.get(weight)!.shape[transposed ? 0 : 1] as number;
    if (!isBias(bias, width)) return null;
    return { node, weight, bias, transposed, output: node.outputs[0] as string, taken: [] };
  };
  const matmul = (node: OperatorNode): Candidate | null => {
    const given = node.inputs[1] as string;
    const flip = makers.get(given);
    const order = flip?.operator === "Transpose" ? flip.attributes.get("perm")?.value : undefined;
    const isFlipped = flip?.operator === "Transpose" && (order === undefined || String(order) === "1,0");
    const weight = isFlipped ? flip.inputs[0] : given;
    if (!isMatrix(weight)) return null;
    return withAdd(node, weight, isFlipped, isFlipped && onlyUser(given) === node ? [flip] : []);
  };
  const found = nodes.flatMap((node) => {
    const candidate =
      node.operator === "Gemm" ? gemm(node) : node.operator === "MatMul" ? matmul(node) : null;
    return candidate === null || candidate.node.inputs[0] === candidate.weight ? [] : [candidate];
  });
  // θ has a weight one way round: where other uses need it as it is in the file, it stays so, and the transposed ones are plain products.
  const uses = (name: string): number =>
    nodes.reduce((sum, { inputs }) => sum + inputs.filter((own) => own === name).length, 0);
  const transposed = new Set<string>();
  const agreed = found.filter((candidate) => {
    const same = found.filter(({ weight }) => weight === candidate.weight);
    if (!candidate.transposed) return same.every((other) => !other.transposed);
    const whole = same.every((other) => other.transposed) && same.length === uses(candidate.weight);
    if (whole) transposed.add(candidate.weight);
    return whole;
  });
  return {
    transposed,
    dense: new Map(
      agreed.map(({ node, weight, bias, output: own }) => [node.name, { weight, bias, output: own }]),
    ),
    skipped: new Set(agreed.flatMap(({ taken }) => taken.map(({ name }) => name))),
  };
}

/** How it would be drawn, which decides whether weight decay counts it for a weight. */
function lawOf(name: string, { shape }: Tensor, nodes: readonly OperatorNode[]): Law {
  const size = shape.reduce((p, q) => p * q, 1);
  const [out = 1] = shape;
  if (shape.length >= 2) return { kind: "weight", fanIn: Math.max(1, size / out), fanOut: out };
  const isBias = nodes.every(
    ({ inputs, operator }) =>
      !inputs.includes(name) || (operators[operator]!.bias ?? -1) === inputs.indexOf(name),
  );
  return isBias ? { kind: "bias", fanIn: Math.max(1, size) } : { kind: "constant", value: 1 };
}
