/** Lanes beside the scale: below it values of 0 or less, which a logarithmic one has no place for, above it what is not finite. None is dropped. */
import { css } from "./curve-looks.js";

const HEIGHT = 20;

/** The ends of a scale that leaves room for `below` and `above` lanes (0 or 1 each) beside what lies between `low` and `high`. */
export function roomBeside([low, high], { below, above }, plotHeight) {
  const one = ((high - low) * HEIGHT) / Math.max(plotHeight - (below + above) * HEIGHT, HEIGHT);
  return [low - below * one, high + above * one];
}

/** Where the scale proper begins and ends, between the lanes. */
export function insideLanes([min, max], { below, above }, plotHeight) {
  const one = ((max - min) * HEIGHT) / plotHeight;
  return [min + below * one, max - above * one];
}

/** @param side "below" or "above" @param name beside it @param rows [{ colour, x }], x where the curve has such values, on the scale */
export function drawLane(plot, side, name, rows) {
  const { ctx, bbox } = plot;
  const pixel = devicePixelRatio;
  const height = HEIGHT * pixel;
  const top = side === "above" ? bbox.top : bbox.top + bbox.height - height;
  ctx.save();
  ctx.fillStyle = css("--shade");
  ctx.fillRect(bbox.left, top, bbox.width, height);
  ctx.fillStyle = css("--soft");
  ctx.fillRect(bbox.left, side === "above" ? top + height : top, bbox.width, pixel / 2);
  ctx.font = `${12 * pixel}px system-ui, sans-serif`;
  ctx.textAlign = "right";
  ctx.textBaseline = "middle";
  ctx.fillStyle = css("--ink");
  ctx.fillText(name, bbox.left - 8 * pixel, top + height / 2);
  const row = (height - 4 * pixel) / rows.length;
  rows.forEach(({ colour, x }, k) => {
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
