/** How many rows of a Jacobian are computed at once. */

/** Bytes that one chunk of rows may take, with what the engine needs beside it. */
const CHUNK_BYTES = 64e6;
const CHUNK_COPIES = 3;

/** Rows of a Jacobian that one call computes, of so many numbers each. */
export function capacityOf(perRow: number, wanted: number): number {
  return Math.max(1, Math.min(wanted, Math.floor(CHUNK_BYTES / (8 * CHUNK_COPIES * perRow))));
}
