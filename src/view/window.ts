/**
 * One curve inside a window of x, as many points as the picture has room for: in every column of pixels the first, least, greatest and
 * last value, which draws the same line as all rows do, and one place of values that are not finite. Blocks narrower than a pixel come from the index, the others from the file.
 * A table that is no longer than that is sent as it is.
 */
import type { BlockIndex } from "./block-index.js";

export interface WindowRequest {
  readonly lane: string;
  readonly x: string;
  readonly y: string;
  /** In units of the x column; where the curve begins and ends where absent. */
  readonly from: number | null;
  readonly to: number | null;
  readonly pixels: number;
  /** Whether x is drawn by its logarithm; rows at x ≤ 0 are then left out. */
  readonly log: boolean;
}

export interface Points {
  readonly x: number[];
  readonly y: number[];
  /** Inside the window, where y is ±∞ or NaN: one x for each column of pixels. */
  readonly lost: number[];
}

/** Null where the curve has no row in both columns. One point beyond each edge is included, so that the line reaches it. */
export async function readWindow(index: BlockIndex, request: WindowRequest): Promise<Points | null> {
  const { lane, log } = request;
  const [xs, ys] = [index.column(lane, request.x), index.column(lane, request.y)];
  if (xs === undefined || ys === undefined) return null;
  const least = log ? xs.leastPositive : xs.least;
  const from = Math.max(request.from ?? least, least);
  const to = Math.min(request.to ?? xs.greatest, xs.greatest);
  if (!(from <= to)) return { x: [], y: [], lost: [] };
  const scale = log ? Math.log : (value: number) => value;
  const origin = scale(from);
  const width = scale(to) - origin;
  const pixelOf = (x: number): number => (width === 0 ? 0 : (request.pixels * (scale(x) - origin)) / width);
  const whole = index.rows <= 4 * request.pixels;
  const out = createThinner(whole ? null : pixelOf, log);

  const blocks = index.blocks;
  let [first, beyond] = [0, blocks];
  while (first < blocks && !(xs.last.get(first) >= from)) first++;
  while (beyond > first && !(xs.first.get(beyond - 1) <= to)) beyond--;
  // The rows next to the window lie in the blocks next to it.
  first = Math.max(0, first - 1);
  beyond = Math.min(blocks, beyond + 1);

  let wide: number | null = null;
  const readWide = async (end: number): Promise<void> => {
    if (wide === null) return;
    const start = wide;
    wide = null;
    await index.visit(index.startOf(start), index.startOf(end), [request.x, request.y], (rowLane, [x, y]) => {
      if (rowLane !== lane || x === undefined || y === undefined || !Number.isFinite(x)) return;
      if (Number.isFinite(y)) out.point(x, y);
      else out.lose(x);
    });
  };
  for (let block = first; block < beyond; block++) {
    const [x0, x1, y0] = [xs.first.get(block), xs.last.get(block), ys.first.get(block)];
    const isLost = ys.lost.get(block) > 0;
    if (Number.isNaN(x0) || (Number.isNaN(y0) && !isLost)) continue;
    const narrow = !whole && (!log || x0 > 0) && x0 >= from && x1 <= to && pixelOf(x1) - pixelOf(x0) <= 1;
    if (!narrow) {
      wide ??= block;
      continue;
    }
    await readWide(block);
    const middle = (x0 + x1) / 2;
    if (isLost) out.lose(middle);
    if (Number.isNaN(y0)) continue;
    out.point(x0, y0);
    out.point(middle, ys.low.get(block));
    out.point(middle, ys.high.get(block));
    out.point(x1, ys.last.get(block));
  }
  await readWide(beyond);
  return clip(out.points(), from, to);
}

/** Keeps of the points outside the window the nearest one on each side. */
function clip({ x, y, lost }: Points, from: number, to: number): Points {
  let start = 0;
  while (start + 1 < x.length && x[start + 1]! < from) start++;
  let end = x.length;
  while (end - 2 >= 0 && x[end - 2]! > to) end--;
  const inside = lost.filter((at) => at >= from && at <= to);
  return { x: x.slice(start, end), y: y.slice(start, end), lost: inside };
}

interface Kept {
  readonly x: number;
  readonly y: number;
}

/** @param pixelOf null keeps every point */
function createThinner(pixelOf: ((x: number) => number) | null, log: boolean) {
  const x: number[] = [];
  const y: number[] = [];
  const lost: number[] = [];
  let lostPixel = Number.NaN;
  let pixel = Number.NaN;
  let first: Kept | null = null;
  let last: Kept | null = null;
  let low: Kept | null = null;
  let high: Kept | null = null;
  const push = (point: Kept): void => {
    x.push(point.x);
    y.push(point.y);
  };
  const flush = (): void => {
    if (first === null) return;
    const [early, late] = low!.x <= high!.x ? [low!, high!] : [high!, low!];
    push(first);
    for (const point of [early, late]) if (point !== first && point !== last) push(point);
    if (last !== first) push(last!);
    first = null;
  };
  return {
    point(atX: number, atY: number): void {
      if (log && atX <= 0) return;
      const point = { x: atX, y: atY };
      if (pixelOf === null) {
        push(point);
        return;
      }
      const at = Math.floor(pixelOf(atX));
      if (at !== pixel || first === null) {
        flush();
        pixel = at;
        first = last = low = high = point;
        return;
      }
      last = point;
      if (atY < low!.y) low = point;
      if (atY > high!.y) high = point;
    },
    lose(atX: number): void {
      if (log && atX <= 0) return;
      const at = pixelOf === null ? Number.NaN : Math.floor(pixelOf(atX));
      if (at !== lostPixel) lost.push(atX);
      lostPixel = at;
    },
    points(): Points {
      flush();
      return { x, y, lost };
    },
  };
}
