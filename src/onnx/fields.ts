/** The fields of an encoded message, one level deep: what is changed is made anew, all else is copied byte for byte, fields that gradflow does not know included. */
import protobuf from "protobufjs";

/** Bytes in order; joined where they are needed together. */
export type Pieces = readonly Uint8Array[];

/** Numbers of fields: of ModelProto, FunctionProto, GraphProto, NodeProto, AttributeProto. */
export const FIELD = {
  graph: 7,
  functions: 25,
  functionNode: 7,
  node: 1,
  initializer: 5,
  attribute: 5,
  t: 5,
  tensors: 10,
} as const;

/** A message with some of its length-delimited fields changed; null from `change` leaves one as it is, null here is the message as it was. */
export function changeFields(
  bytes: Uint8Array,
  change: (field: number, content: Uint8Array) => Pieces | null,
): Pieces | null {
  const reader = protobuf.Reader.create(bytes);
  const pieces: Uint8Array[] = [];
  let from = 0;
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    if ((tag & 7) !== 2) {
      reader.skipType(tag & 7);
      continue;
    }
    const changed = change(tag >>> 3, reader.bytes());
    if (changed === null) continue;
    pieces.push(bytes.subarray(from, start), ...delimited(tag >>> 3, changed));
    from = reader.pos;
  }
  return pieces.length === 0 ? null : [...pieces, bytes.subarray(from)];
}

/** A length-delimited field. */
export function delimited(field: number, content: Pieces): Pieces {
  const length = content.reduce((sum, piece) => sum + piece.length, 0);
  return [
    protobuf.Writer.create()
      .uint32((field << 3) | 2)
      .uint32(length)
      .finish(),
    ...content,
  ];
}

/** A message without some of its fields. */
export function withoutFields(bytes: Uint8Array, left: readonly number[]): Pieces {
  const reader = protobuf.Reader.create(bytes);
  const pieces: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    reader.skipType(tag & 7);
    if (!left.includes(tag >>> 3)) pieces.push(bytes.subarray(start, reader.pos));
  }
  return pieces;
}
