/**
 * Bytes of an ONNX file, with all its tensors inside (`inline.ts`) → a model as plain data. Nothing is believed that the bytes do not carry: what a tensor announces must be there before
 * memory is taken for it. Knows no operators.
 */
import { OnnxError } from "./error.js";
import { inlineFunctions, type LocalFunction } from "./functions.js";
import type { Attribute, OperatorNode } from "./node.js";
import { elementTypeName, modelType } from "./schema.js";
import { decodeTensor, type Long, type RawTensor, type Tensor, toNumber } from "./tensor.js";

export type { Attribute, OperatorNode } from "./node.js";
export type { Tensor } from "./tensor.js";

export interface ValueInfo {
  readonly name: string;
  /** Null where the file does not say, or says one that gradflow does not read. */
  readonly elementType: string | null;
  /** A number is fixed, a word is free, null (as negative lengths, which Paddle writes) is unknown; null for all where the file gives no shape. */
  readonly shape: readonly (number | string | null)[] | null;
}

export interface Model {
  readonly irVersion: number;
  readonly producer: string;
  /** Version of each operator set, by its domain. */
  readonly opsets: ReadonlyMap<string, number>;
  /** Local functions that are named as operators of ONNX could be: in their domain. */
  readonly replaced: readonly string[];
  /** In the order of the file, which need not be that of evaluation; calls of functions as the nodes of these. */
  readonly nodes: readonly OperatorNode[];
  readonly initialisers: ReadonlyMap<string, Tensor>;
  /** Without those that are initialisers too. */
  readonly inputs: readonly ValueInfo[];
  readonly outputs: readonly ValueInfo[];
  /** Initialisers that the exporter marks as buffers of the module, which its own training leaves alone. */
  readonly buffers: ReadonlySet<string>;
}

interface RawAttribute {
  readonly name: string;
  readonly type: number;
  readonly ref_attr_name: string;
  readonly f: number;
  readonly i: Long;
  readonly s: Uint8Array;
  readonly t: RawTensor | null;
  readonly floats: readonly number[];
  readonly ints: readonly Long[];
  readonly strings: readonly Uint8Array[];
}

interface RawNode {
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly name: string;
  readonly op_type: string;
  readonly domain: string;
  readonly overload: string;
  readonly attribute: readonly RawAttribute[];
}

interface RawOpset {
  readonly domain: string;
  readonly version: Long;
}

interface RawFunction {
  readonly name: string;
  readonly domain: string;
  readonly overload: string;
  readonly input: readonly string[];
  readonly output: readonly string[];
  readonly node: readonly RawNode[];
  readonly opset_import: readonly RawOpset[];
  readonly attribute_proto: readonly RawAttribute[];
}

interface RawValueInfo {
  readonly name: string;
  readonly metadata_props: readonly { readonly key: string; readonly value: string }[];
  readonly type: {
    readonly tensor_type: {
      readonly elem_type: number;
      readonly shape: {
        readonly dim: readonly {
          readonly dim_value: Long;
          readonly dim_param: string;
          readonly value?: string;
        }[];
      } | null;
    } | null;
  } | null;
}

interface RawModel {
  readonly ir_version: Long;
  readonly producer_name: string;
  readonly producer_version: string;
  readonly opset_import: readonly RawOpset[];
  readonly functions: readonly RawFunction[];
  readonly graph: {
    readonly node: readonly RawNode[];
    readonly initializer: readonly RawTensor[];
    readonly sparse_initializer: readonly { readonly values: { readonly name: string } | null }[];
    readonly input: readonly RawValueInfo[];
    readonly output: readonly RawValueInfo[];
    readonly value_info: readonly RawValueInfo[];
  } | null;
}

/** @throws OnnxError where the bytes are no ONNX model, or one that cannot be read */
export function decodeModel(bytes: Uint8Array): Model {
  let raw: RawModel;
  try {
    raw = modelType.decode(bytes) as unknown as RawModel;
  } catch (error) {
    throw new OnnxError(`is no ONNX model: its bytes do not decode (${(error as Error).message})`);
  }
  const { graph } = raw;
  if (graph === null || graph === undefined || raw.opset_import.length === 0)
    throw new OnnxError("is no ONNX model: it has no graph or names no operator set");
  const sparse = graph.sparse_initializer.map(({ values }) => values?.name ?? "?");
  if (sparse.length > 0)
    throw new OnnxError(
      `has sparse initialisers (${listed(sparse)}), which gradflow does not read; store them dense`,
    );
  const initialisers = new Map<string, Tensor>();
  for (const tensor of graph.initializer) {
    if (tensor.name === "") throw new OnnxError("has an initialiser without a name");
    if (initialisers.has(tensor.name)) throw new OnnxError(`has two initialisers named ${tensor.name}`);
    initialisers.set(tensor.name, decodeTensor(tensor, `initialiser ${tensor.name}`));
  }
  const taken = new Set<string>();
  const opsets = opsetsOf(raw.opset_import);
  const nodes = graph.node.map((node, place) => decodeNode(node, place, taken));
  const functions = raw.functions.map((own) => decodeFunction(own));
  const given = [...initialisers.keys(), ...graph.input.map(({ name }) => name)];
  const version = raw.producer_version === "" ? "" : ` ${raw.producer_version}`;
  return {
    irVersion: toNumber(raw.ir_version),
    producer: `${raw.producer_name === "" ? "an unnamed producer" : raw.producer_name}${version}`,
    opsets,
    replaced: functions.filter(({ domain }) => domain === "").map(({ name }) => name),
    nodes: inlineFunctions(nodes, functions, opsets, given),
    initialisers,
    inputs: graph.input.map(decodeValueInfo).filter(({ name }) => !initialisers.has(name)),
    outputs: graph.output.map(decodeValueInfo),
    buffers: new Set(
      graph.value_info
        .filter(({ metadata_props: props }) =>
          props.some((own) => own.key === KIND && own.value === "BUFFER"),
        )
        .map(({ name }) => name),
    ),
  };
}

/** As PyTorch's exporter says what an initialiser was. */
const KIND = "pkg.torch.export.graph_signature.InputSpec.kind";

const opsetsOf = (raw: readonly RawOpset[]): ReadonlyMap<string, number> =>
  new Map(raw.map(({ domain, version }) => [plainDomain(domain), toNumber(version)]));

const plainDomain = (domain: string): string => (domain === "ai.onnx" ? "" : domain);

function decodeFunction(raw: RawFunction): LocalFunction {
  const taken = new Set<string>();
  return {
    ...{ name: raw.name, domain: plainDomain(raw.domain), overload: raw.overload },
    ...{ inputs: raw.input, outputs: raw.output, opsets: opsetsOf(raw.opset_import) },
    nodes: raw.node.map((node, place) => decodeNode(node, place, taken)),
    defaults: new Map(raw.attribute_proto.map((a) => [a.name, decodeAttribute(a, raw.name)])),
  };
}

function decodeNode(raw: RawNode, place: number, taken: Set<string>): OperatorNode {
  const own = raw.name === "" ? `${raw.op_type}_${place}` : raw.name;
  const name = taken.has(own) ? `${own}_${place}` : own;
  taken.add(name);
  return {
    name,
    operator: raw.op_type,
    domain: plainDomain(raw.domain),
    overload: raw.overload,
    inputs: raw.input,
    outputs: raw.output,
    attributes: new Map(raw.attribute.map((a) => [a.name, decodeAttribute(a, name)])),
  };
}

/** By the numbers of AttributeProto.AttributeType. */
function decodeAttribute(raw: RawAttribute, node: string): Attribute {
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("utf8");
  if (raw.ref_attr_name !== "") return { kind: "reference", value: raw.ref_attr_name };
  switch (raw.type) {
    case 1:
      return { kind: "float", value: shortest(raw.f) };
    case 2:
      return { kind: "int", value: toNumber(raw.i) };
    case 3:
      return { kind: "string", value: text(raw.s) };
    case 4:
      if (raw.t === null || raw.t === undefined)
        throw new OnnxError(`has an attribute ${raw.name} of ${node} without its tensor`);
      return { kind: "tensor", value: decodeTensor(raw.t, `${raw.name} of ${node}`) };
    case 6:
      return { kind: "floats", value: raw.floats.map(shortest) };
    case 7:
      return { kind: "ints", value: raw.ints.map(toNumber) };
    case 8:
      return { kind: "strings", value: raw.strings.map(text) };
    default:
      return { kind: "other", value: raw.type === 5 || raw.type === 10 ? "a graph" : `of type ${raw.type}` };
  }
}

/**
 * The double that a float32 attribute was written for: the shortest decimal that rounds to it. A slope of 0.01 is stored as
 * 0.009999999776482582, and the network that was meant has 0.01.
 */
export function shortest(value: number): number {
  for (let digits = 1; digits < 9; digits++) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

function decodeValueInfo({ name, type }: RawValueInfo): ValueInfo {
  const tensor = type?.tensor_type;
  const dims = tensor?.shape?.dim;
  return {
    name,
    elementType: tensor ? elementTypeName(tensor.elem_type) : null,
    shape:
      dims?.map((dim) =>
        dim.value === "dim_param"
          ? dim.dim_param
          : dim.value === "dim_value" && toNumber(dim.dim_value) >= 0
            ? toNumber(dim.dim_value)
            : null,
      ) ?? null,
  };
}

/** The first of many. */
export function listed(items: readonly string[], most = 12): string {
  const more = items.length - most;
  return more > 0 ? `${items.slice(0, most).join(", ")} and ${more} more` : items.join(", ");
}
