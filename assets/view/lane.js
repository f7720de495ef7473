/** The lane below a logarithmic axis, where values stand that are 0 or less: it has no place for them, and none is dropped. */
import { css } from "./curve-looks.js";

const HEIGHT = 20;

/** The lower end of a scale that leaves room for the lane below `low`. */
export const roomBelow = (low, high, plotHeight) =>
  low - ((high - low) * HEIGHT) / Math.max(plotHeight - HEIGHT, HEIGHT);

/** Where the scale proper begins, above the lane. */
export const laneEnd = (min, max, plotHeight) => min + ((max - min) * HEIGHT) / plotHeight;

/** @param lanes [{ colour, x, allZero }], x where the curve has such values, on the scale; one row for each */
export function drawLane(plot, lanes) {
  const { ctx, bbox } = plot;
  const pixel = devicePixelRatio;
  const height = HEIGHT * pixel;
  const top = bbox.top + bbox.height - height;
  ctx.save();
  ctx.fillStyle = css("--shade");
  ctx.fillRect(bbox.left, top, bbox.width, height);
  ctx.fillStyle = css("--soft");
  ctx.fillRect(bbox.left, top, bbox.width, pixel / 2);
  ctx.font = `${12 * pixel}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  ctx.fillStyle = css("--ink");
  ctx.fillText(lanes.every(({ allZero }) => allZero) ? "0" : "≤ 0", bbox.left - 8 * pixel, top + height / 2);
  const row = (height - 4 * pixel) / lanes.length;
  lanes.forEach(({ colour, x }, k) => {
    ctx.fillStyle = colour;
    let last = Number.NaN;
    for (const value of x) {
      const at = Math.round(plot.valToPos(value, "x", true));
      if (at === last || at < bbox.left || at > bbox.left + bbox.width) continue;
      ctx.fillRect(at - pixel, top + 2 * pixel + k * row, 2 * pixel, Math.max(row - pixel, pixel));
      last = at;
    }
  });
  ctx.restore();
}
