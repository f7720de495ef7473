/** A file that is no ONNX model, or holds what gradflow does not read: a sentence without its end, for whoever names the file. */
export class OnnxError extends Error {
  override readonly name = "OnnxError";
}
