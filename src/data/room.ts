/** Whether the numbers that a file announces fit into memory, before they are unpacked: a few packed bytes may stand for any number of them. */

/** Copies of the inputs that are held at once, in bytes a number: those read, those chosen, and those parted. */
export const BYTES_PER_NUMBER = 24;

/** @param room bytes of memory that there are */
export function requireRoom(
  shape: readonly number[],
  room: number | undefined,
  fail: (message: string) => never,
): void {
  const bytes = BYTES_PER_NUMBER * shape.reduce((p, q) => p * q, 1);
  const size = (of: number) => `${(of / 1e9).toPrecision(3)} GB`;
  if (room !== undefined && bytes > room)
    fail(
      `announces the shape (${shape.join(", ")}), whose numbers take ${size(bytes)} of memory, and there are ${size(room)}; save fewer samples.`,
    );
}
