/** The files within a zip archive, each checked against its length and checksum. Source: PKWARE's APPNOTE.TXT, sections 4.3 and 4.4. */
import { constants, crc32, inflateRawSync } from "node:zlib";

interface ZipEntry {
  readonly name: string;
  /** Bytes that it unpacks to, as the archive says. */
  readonly size: number;
  /** Its beginning, however long the whole is; not checked. */
  head(): Uint8Array;
  /** Unpacks it. */
  content(): Uint8Array;
}

/** Bytes before the names: of the directory's end, of an entry in it, and of a file's own header. */
const END = 22;
const ENTRY = 46;
const LOCAL = 30;
const LONGEST_COMMENT = 0xffff;
/** Stands in the place of a number that is said in the 64-bit extension. */
const WIDE = 0xffffffff;

/** @param what the archive should be, for refusals */
export function readZip(bytes: Uint8Array, fail: (message: string) => never, what: string): ZipEntry[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const is = (at: number, signature: number): boolean =>
    at >= 0 && at + 4 <= bytes.byteLength && view.getUint32(at, true) === signature;
  let end = bytes.byteLength - END;
  const last = Math.max(0, end - LONGEST_COMMENT);
  while (end > last && !is(end, 0x06054b50)) end--;
  if (!is(end, 0x06054b50)) fail(`not ${what}, or truncated.`);
  const count = view.getUint16(end + 10, true);
  let at = view.getUint32(end + 16, true);
  const broken = "the archive's directory is damaged.";
  const names = new Set<string>();
  return Array.from({ length: count }, () => {
    if (!is(at, 0x02014b50) || at + ENTRY > bytes.byteLength) fail(broken);
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    const [checksum, packed, size] = [16, 20, 24].map((offset) => view.getUint32(at + offset, true)) as [
      number,
      number,
      number,
    ];
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true)) as [
      number,
      number,
      number,
    ];
    const local = view.getUint32(at + 42, true);
    const name = Buffer.from(bytes.subarray(at + ENTRY, at + ENTRY + nameLength)).toString("utf8");
    if (names.has(name)) fail(`holds ${name} twice.`);
    names.add(name);
    if ([packed, size, local].includes(WIDE)) fail(`${name} is larger than the 2 GiB that can be read.`);
    if ((flags & 1) !== 0) fail(`${name} is encrypted; save it without a password.`);
    if (method !== 0 && method !== 8)
      fail(`${name} is packed by method ${method}; numpy.savez packs by none.`);
    at += ENTRY + nameLength + extra + comment;
    const stored = (): Uint8Array => {
      if (!is(local, 0x04034b50) || local + LOCAL > bytes.byteLength) fail(broken);
      const start = local + LOCAL + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      if (start + packed > bytes.byteLength) fail(`${name} is truncated.`);
      return bytes.subarray(start, start + packed);
    };
    return {
      name,
      size,
      head: () =>
        (method === 0 ? stored() : inflateHead(stored())) ??
        fail(`${name} is damaged: it cannot be unpacked.`),
      content() {
        const data = method === 0 ? stored() : inflate(stored(), size);
        if (data === null || data.byteLength !== size || crc32(data) !== checksum)
          return fail(`${name} is damaged: its length or its checksum is not what the archive says.`);
        return data;
      },
    };
  });
}

/** Packed bytes of a head, which unpack to a thousand times as many at most. */
const HEAD = 1 << 14;

/** What the first bytes unpack to; null where the data are no such. */
function inflateHead(data: Uint8Array): Uint8Array | null {
  try {
    return inflateRawSync(data.subarray(0, HEAD), { finishFlush: constants.Z_SYNC_FLUSH });
  } catch {
    return null;
  }
}

/** Null where the data are no such or are more than they are said to be. */
function inflate(data: Uint8Array, size: number): Uint8Array | null {
  try {
    return inflateRawSync(data, { maxOutputLength: Math.max(1, size) });
  } catch {
    return null;
  }
}
