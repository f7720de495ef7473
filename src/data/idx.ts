/** The idx files of MNIST and its kin, plain or gzipped. Format: http://yann.lecun.com/exdb/mnist, "the IDX file format". */
import { createReadStream } from "node:fs";
import { open } from "node:fs/promises";
import { createGunzip } from "node:zlib";
import { ConfigError } from "../errors.js";
import type { NumericArray } from "./npy.js";
import { requireRoom } from "./room.js";

/** Types by their code, with their bytes; all big-endian. */
const TYPES: Readonly<Record<number, [bytes: number, read: (view: DataView, at: number) => number]>> = {
  8: [1, (view, at) => view.getUint8(at)],
  9: [1, (view, at) => view.getInt8(at)],
  11: [2, (view, at) => view.getInt16(at)],
  12: [4, (view, at) => view.getInt32(at)],
  13: [4, (view, at) => view.getFloat32(at)],
  14: [8, (view, at) => view.getFloat64(at)],
};
const MOST_AXES = 8;
const MOST_BYTES = 2 ** 31;

/**
 * @param room bytes of memory that its numbers may take
 * @throws ConfigError naming the file and the fault. No more is unpacked than the header announces.
 */
export async function readIdx(path: string, room?: number): Promise<NumericArray> {
  const fail = (message: string): never => {
    throw new ConfigError([{ path: "", message, file: path }]);
  };
  const bytes = await readAnnounced(path, announcedBytes(room, fail), fail);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { shape, start, size, read } = headerOf(view, fail)!;
  const count = shape.reduce((p, q) => p * q, 1);
  const expected = start + count * size;
  if (bytes.byteLength !== expected)
    fail(
      `the data are ${bytes.byteLength < expected ? "truncated" : "followed by extra bytes"}: shape (${shape.join(", ")}) needs ${expected} bytes, found ${bytes.byteLength}${bytes.byteLength > expected ? " or more" : ""}.`,
    );
  const data = new Float64Array(count);
  for (let i = 0; i < count; i++) data[i] = read(view, start + i * size);
  return { shape, data };
}

/** How long the file must be, once its header is there; null before. */
function announcedBytes(room: number | undefined, fail: (message: string) => never) {
  return (head: Buffer): number | null => {
    const header = headerOf(new DataView(head.buffer, head.byteOffset, head.byteLength), fail, true);
    if (header === null) return null;
    const bytes = header.start + header.shape.reduce((p, q) => p * q, 1) * header.size;
    if (bytes > MOST_BYTES)
      fail(`its header announces ${bytes} bytes, more than the 2 GiB that can be read.`);
    requireRoom(header.shape, room, fail);
    return bytes;
  };
}

function headerOf(view: DataView, fail: (message: string) => never, mayGrow = false) {
  if (view.byteLength < 4) return mayGrow ? null : fail("the header is truncated.");
  const [zero, type, axes] = [view.getUint16(0), view.getUint8(2), view.getUint8(3)];
  const known = TYPES[type];
  if (zero !== 0 || known === undefined || axes < 1 || axes > MOST_AXES)
    return fail(
      `not an idx file: it begins with 0x${view.getUint32(0).toString(16).padStart(8, "0")}, and images of bytes with 0x00000803, labels with 0x00000801.`,
    );
  const start = 4 + 4 * axes;
  if (view.byteLength < start) return mayGrow ? null : fail("the header is truncated.");
  const shape = Array.from({ length: axes }, (_, k) => view.getUint32(4 + 4 * k));
  return { shape, start, size: known[0], read: known[1] };
}

/** The bytes of a file, unpacked where it is gzipped, and read no further than one byte beyond what its header announces. */
async function readAnnounced(
  path: string,
  announced: (head: Buffer) => number | null,
  fail: (message: string) => never,
): Promise<Buffer> {
  const file = await open(path).catch(() => fail("cannot be opened."));
  const { buffer: magic, bytesRead } = await file.read(Buffer.alloc(2), 0, 2, 0);
  await file.close();
  const source = createReadStream(path);
  const isPacked = bytesRead === 2 && magic.readUInt16BE(0) === 0x1f8b;
  const unpacked = isPacked ? source.pipe(createGunzip()) : source;
  if (isPacked) source.on("error", (error) => unpacked.destroy(error));
  const chunks: Buffer[] = [];
  let [length, limit] = [0, null as number | null];
  try {
    for await (const chunk of unpacked) {
      chunks.push(chunk as Buffer);
      length += (chunk as Buffer).length;
      limit ??= announced(chunks.length === 1 ? (chunk as Buffer) : Buffer.concat(chunks));
      if (limit !== null && length > limit) break;
    }
  } catch (error) {
    if (error instanceof ConfigError) throw error;
    return fail(isPacked ? "is damaged or truncated: it cannot be unpacked." : "cannot be read.");
  } finally {
    source.destroy();
  }
  return Buffer.concat(chunks);
}
