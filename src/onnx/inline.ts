/** A model with the tensors inside that its file keeps in others beside it: one array of bytes that is all of the network. */
import { OnnxError } from "./error.js";
import { changeFields, delimited, FIELD, type Pieces, withoutFields } from "./fields.js";
import { tensorType } from "./schema.js";
import type { RawTensor } from "./tensor.js";

/** Bytes of a file beside the model. `length` null: to its end. @throws OnnxError */
export type ReadExternal = (
  location: string,
  offset: number,
  length: number | null,
  of: string,
) => Uint8Array;

/** @throws OnnxError where the bytes are no message, or a tensor cannot be had */
export function inlineTensors(bytes: Uint8Array, readExternal: ReadExternal): Pieces {
  const tensor = (content: Uint8Array): Pieces | null => inlineTensor(content, readExternal);
  const node = (content: Uint8Array): Pieces | null =>
    changeFields(content, (field, attribute) =>
      field !== FIELD.attribute
        ? null
        : changeFields(attribute, (own, value) =>
            own === FIELD.t || own === FIELD.tensors ? tensor(value) : null,
          ),
    );
  try {
    const changed = changeFields(bytes, (field, content) => {
      if (field === FIELD.functions)
        return changeFields(content, (own, value) => (own === FIELD.functionNode ? node(value) : null));
      if (field !== FIELD.graph) return null;
      return changeFields(content, (own, value) =>
        own === FIELD.initializer ? tensor(value) : own === FIELD.node ? node(value) : null,
      );
    });
    return changed ?? [bytes];
  } catch (error) {
    if (error instanceof OnnxError) throw error;
    throw new OnnxError(`is no ONNX model: its bytes do not decode (${(error as Error).message})`);
  }
}

/** Of TensorProto. */
const [RAW_DATA, EXTERNAL_DATA, DATA_LOCATION] = [9, 13, 14];
const EXTERNAL = 1;

function inlineTensor(content: Uint8Array, readExternal: ReadExternal): Pieces | null {
  const { name, data_location, external_data } = tensorType.decode(content) as unknown as RawTensor;
  if (data_location !== EXTERNAL) return null;
  const entries = new Map(external_data.map(({ key, value }) => [key, value]));
  const [offset, length] = [entries.get("offset") ?? "0", entries.get("length")];
  for (const number of [offset, length ?? "0"])
    if (!/^\d+$/.test(number) || !Number.isSafeInteger(Number(number)))
      throw new OnnxError(
        `keeps a tensor (${name}) in another file at offset ${JSON.stringify(offset)} with length ${JSON.stringify(length ?? "")}, which are no numbers of bytes`,
      );
  const own = length === undefined ? null : Number(length);
  const numbers = readExternal(entries.get("location") ?? "", Number(offset), own, name);
  return [
    ...withoutFields(content, [RAW_DATA, EXTERNAL_DATA, DATA_LOCATION]),
    ...delimited(RAW_DATA, [numbers]),
  ];
}
