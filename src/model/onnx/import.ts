/** A network from an ONNX model: the graph is built operator by operator, with the file's batch axis as the axis of the samples. */
import { ConfigError } from "../../errors.js";
import type { Node, Shape } from "../../graph/index.js";
import { listed, type Model, OnnxError, readOnnx } from "../../onnx/index.js";
import { followSamples, type Place } from "../coupling.js";
import { createNetwork, type Imported, type Network } from "../network.js";
import type { Layout } from "../parameters.js";
import { LayerError, type Scope } from "../scope.js";
import { Call, type ImportPass } from "./call.js";
import { type Plan, type PlanOptions, planImport } from "./plan.js";
import { operators } from "./registry.js";
import { Algebra, type Value } from "./value.js";

export interface ImportOptions extends PlanOptions {
  /** Shape of one sample; absent: as the file fixes it. */
  readonly inputShape?: Shape;
  readonly smoothing?: number | null;
  readonly outputScale?: number;
  /** Floating-point attributes as the decimals they were written for, or as the float32 that the file stores; default decimal. */
  readonly attributes?: "decimal" | "stored";
}

/**
 * @throws OnnxError where the graph cannot be taken or another shape comes in than it takes; LayerError naming the node that does not fit
 */
export function importModel(model: Model, options: ImportOptions = {}): Network {
  const plan = planImport(model, options);
  const { shape, batch } = inputOf(plan, options.inputShape);
  const found = { folded: [] as string[], notes: new Set<string>() };
  const choices = new Choices();
  const create = () =>
    createNetwork({
      kind: "onnx",
      inputShape: shape,
      isOwn: true,
      smoothing: options.smoothing ?? null,
      outputScale: options.outputScale ?? 1,
      build: (scope, x) => {
        found.folded = [];
        found.notes.clear();
        choices.begin();
        return build(plan, { batch, attributes: options.attributes ?? "decimal" }, scope, x, found, choices);
      },
      start: (layout) => startOf(plan, layout),
      origin: () => importedFrom(plan, found),
    });
  for (;;) {
    try {
      return create();
    } catch (error) {
      if (!(error instanceof LayerError) || error.of === "smoothing" || !choices.turn())
        throw choices.first ?? error;
      choices.first ??= error;
    }
  }
}

/** Of builds. */
const MOST_TRIES = 500;

/**
 * Where a reshape of a fixed batch leaves open which axis the samples are on: the choices so far, in the order of the graph. A choice that
 * proves wrong further on is turned, the last first.
 */
class Choices {
  readonly #taken: { index: number; readonly count: number }[] = [];
  #next = 0;
  #tries = 0;
  /** What the likeliest choices led to. */
  first: LayerError | null = null;

  /** Of the first build, in the order in which they were asked for: with few samples, of one above all, axes cannot be told apart. */
  readonly #places: Place[] = [];
  #asked = 0;

  begin(): void {
    this.#next = 0;
    this.#asked = 0;
  }

  place(find: () => Place): Place {
    const at = this.#asked++;
    if (at === this.#places.length) this.#places.push(find());
    return this.#places[at] as Place;
  }

  choose = (axes: readonly number[]): number | undefined => {
    if (axes.length < 2) return axes[0];
    const known = this.#taken[this.#next];
    if (known === undefined) this.#taken.push({ index: 0, count: axes.length });
    this.#next += 1;
    return axes[known?.index ?? 0];
  };

  /** Turns the last choice that has others left; false where there is none. */
  turn(): boolean {
    this.#tries += 1;
    this.#places.length = 0;
    this.#taken.length = Math.min(this.#taken.length, this.#next);
    for (let last = this.#taken.at(-1); last !== undefined; last = this.#taken.at(-1)) {
      last.index += 1;
      if (last.index < last.count) return this.#tries < MOST_TRIES;
      this.#taken.pop();
    }
    return false;
  }
}

/**
 * The network of an ONNX file, with the numbers of the file for parameters (`network.start`).
 * @throws ConfigError naming the file, where it is no model or its graph cannot be taken; LayerError naming the node that does not fit
 */
export function importOnnx(path: string, options: ImportOptions = {}): Network {
  try {
    return importModel(readOnnx(path).model, options);
  } catch (error) {
    if (!(error instanceof OnnxError)) throw error;
    throw new ConfigError([{ path: "", message: `${error.message}.`, file: path }]);
  }
}

/** The shape of one sample and the batch that the file fixes. */
function inputOf({ input }: Plan, given: Shape | undefined): { shape: Shape; batch: number | null } {
  const { name, shape: dims } = input;
  if (dims === null) {
    if (given === undefined)
      throw new OnnxError(`does not say the shape of its input ${name}; give the shape of a sample`);
    return { shape: given, batch: null };
  }
  const [first, ...rest] = dims;
  if (first === undefined) throw new OnnxError(`takes one number (${name}), which has no axis for samples`);
  const batch = typeof first === "number" ? first : null;
  if (batch === 0) throw new OnnxError(`takes ${name} of [${dims.join(", ")}], no samples at all`);
  const shown = rest.map((dim) => dim ?? "?").join(", ");
  if (given === undefined) {
    if (rest.some((dim) => typeof dim !== "number"))
      throw new OnnxError(`leaves the shape of a sample open, [${shown}]; give it as inputShape`);
    return { shape: rest as number[], batch };
  }
  if (given.length !== rest.length || rest.some((dim, i) => typeof dim === "number" && dim !== given[i]))
    throw new OnnxError(
      `takes samples of shape [${shown}] (its input ${name}), the data have [${given.join(", ")}]`,
    );
  return { shape: given, batch };
}

function build(
  plan: Plan,
  { batch, attributes }: Pick<ImportPass, "batch" | "attributes">,
  scope: Scope,
  x: Node,
  found: { folded: string[]; readonly notes: Set<string> },
  choices: Choices,
): Node {
  const { model, input, trained, dense, skipped } = plan;
  const algebra = new Algebra(scope.b, (message) => scope.fail(message));
  const values = new Map<string, Value>();
  const isWhole = input.elementType?.includes("int") === true || input.elementType === "bool";
  values.set(input.name, algebra.of(x, isWhole ? "int" : "float"));
  const root = scope.within("", undefined, "");
  const leaf = (name: string): Value | null => {
    const tensor = model.initialisers.get(name);
    if (tensor === undefined) return null;
    const own = trained.get(name);
    return own === undefined
      ? algebra.known(tensor.read(), tensor.shape, tensor.type)
      : algebra.of(root.parameter(name, tensor.shape, own.law));
  };
  const follow = followSamples(x, [], null);
  const pass: ImportPass = {
    x,
    samples: x.shape[0] as number,
    batch,
    attributes,
    opset: plan.opset,
    places: (nodes) => nodes.map((node) => choices.place(() => follow([node])[0] ?? null)),
    notes: found.notes,
    choose: choices.choose,
    matrix(weight) {
      const { tensor, transposed } = trained.get(weight)!;
      const [rows, columns] = tensor.shape as [number, number];
      return transposed ? [columns, rows] : [rows, columns];
    },
    value(name) {
      const known = values.get(name) ?? leaf(name);
      if (known !== null) values.set(name, known);
      return known;
    },
  };
  for (const node of plan.nodes) {
    if (skipped.has(node.name)) continue;
    const own = dense.get(node.name) ?? null;
    const call = new Call(pass, scope.within(node.name, undefined, ""), node, own);
    const made = run(call);
    call.checkAttributes();
    const outputs = own === null ? node.outputs : [own.output];
    outputs.forEach((name, k) => {
      if (name !== "" && made[k] !== undefined) values.set(name, made[k]);
    });
    const [first] = made;
    if (first?.node == null) found.folded.push(node.name);
    else {
      const names = own === null ? node.inputs : [own.weight, own.bias ?? ""];
      const used = [...new Set(names.filter((name) => trained.has(name)))];
      call.scope.built(node.operator, sampleShape(call, first), used);
    }
  }
  const output = pass.value(plan.output);
  if (output === null || output.node === null)
    return scope.fail(`has an output ${plan.output} that depends on neither samples nor parameters`);
  return output.node;
}

function run(call: Call): readonly Value[] {
  const made = operators[call.node.operator]!.run(call);
  return Array.isArray(made) ? (made as readonly Value[]) : [made as Value];
}

/** The shape of what one sample makes, as far as the samples have an axis. */
function sampleShape({ pass }: Call, { node, shape }: Value): Shape {
  const [place] = pass.places([node as Node]);
  if (place === "mixed" || place === null || place === undefined) return shape;
  const { axis, outer, inner } = place;
  const own = outer * inner;
  return shape.flatMap((length, i) => (i !== axis ? [length] : own === 1 ? [] : [own]));
}

/** The file's numbers, as θ has them. */
function startOf({ trained }: Plan, { parameters, size }: Layout): Float64Array {
  const theta = new Float64Array(size);
  for (const { name, offset } of parameters) {
    const { tensor, transposed } = trained.get(name)!;
    const data = tensor.read();
    const [rows = 1, columns = 1] = tensor.shape;
    if (!transposed) theta.set(data, offset);
    else
      for (let i = 0; i < rows; i++)
        for (let j = 0; j < columns; j++) theta[offset + j * rows + i] = data[i * columns + j] as number;
  }
  return theta;
}

function importedFrom(
  { model, opset, trained, frozen, nodes }: Plan,
  found: { readonly folded: readonly string[]; readonly notes: ReadonlySet<string> },
): Imported {
  // Exporters also make one of parameters whose numbers were equal, as those of two fresh normalisations are.
  const shared = [...trained.keys()].flatMap((name) => {
    const users = nodes.filter(({ inputs }) => inputs.includes(name)).map((node) => node.name);
    return users.length > 1 ? [`${name} is one parameter for ${listed(users)}, as the file has it`] : [];
  });
  return {
    ...{ producer: model.producer, opset, frozen, folded: found.folded, notes: [...found.notes, ...shared] },
    arrays: Object.fromEntries(
      [...trained].map(([name, { tensor, transposed }]) => [name, { shape: tensor.shape, transposed }]),
    ),
  };
}
