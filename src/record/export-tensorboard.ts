/**
 * TensorBoard event files: protobuf messages `Event` (tensorflow/core/util/event.proto) framed as TFRecords, each length and each
 * message guarded by a masked CRC-32C. Scalars are float32 there.
 */
import protobuf from "protobufjs";

/** One scalar of a plot. */
export interface Scalar {
  readonly tag: string;
  /** An integer: the horizontal axis STEP. */
  readonly step: number;
  /** Seconds since 1970: the axes RELATIVE and WALL. */
  readonly wallTime: number;
  readonly value: number;
}

/** The message every file begins with. */
export function startEvents(wallTime: number): Uint8Array {
  // Event: 1 wall_time double, 2 step int64, 3 file_version string, 5 summary.
  return frame(
    protobuf.Writer.create().uint32(9).double(wallTime).uint32(26).string("brain.Event:2").finish(),
  );
}

/** One event of one scalar; numbers that are not finite are plotted by TensorBoard as marks. */
export function formatScalar({ tag, step, wallTime, value }: Scalar): Uint8Array {
  // Summary: 1 repeated Value; Value: 1 tag string, 2 simple_value float.
  const entry = protobuf.Writer.create().uint32(10).string(tag).uint32(21).float(value).finish();
  const summary = protobuf.Writer.create().uint32(10).bytes(entry).finish();
  const event = protobuf.Writer.create()
    .uint32(9)
    .double(wallTime)
    .uint32(16)
    .int64(step)
    .uint32(42)
    .bytes(summary);
  return frame(event.finish());
}

/** TFRecord: length as uint64, its CRC, the message, its CRC. */
function frame(message: Uint8Array): Uint8Array {
  const out = Buffer.alloc(message.length + 16);
  out.writeBigUInt64LE(BigInt(message.length), 0);
  out.writeUInt32LE(maskedCrc(out.subarray(0, 8)), 8);
  out.set(message, 12);
  out.writeUInt32LE(maskedCrc(message), 12 + message.length);
  return out;
}

/** Castagnoli's polynomial, reflected. */
const POLYNOMIAL = 0x82f63b78;
const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
  return crc;
});

/** TensorFlow masks the CRC, since a CRC over data that holds CRCs is weak: rotated by 15 bits, plus a constant. */
function maskedCrc(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = TABLE[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  crc = ~crc >>> 0;
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
