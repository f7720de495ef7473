/** What curves are called: beside their ends, or, where these are too many for that, in rows below the plot. Each name has a sample of its line. */
import { type AxisPlan, between, placeOn } from "./axis.js";
import type { Curve } from "./curves.js";
import { breakWords, measureText } from "./render.js";
import { LEGEND_SIZE } from "./theme.js";

/** What a name needs of a curve. */
export type Named = Pick<Curve, "label" | "colour" | "dash" | "width"> & {
  readonly points?: Curve["points"];
  /** False of a curve that its neighbours explain. */
  readonly named?: boolean;
};

/** A layer of a spec. */
export interface Layer {
  readonly mark: object;
  readonly data?: object;
  readonly encoding?: object;
}

/** Layers of names, and the room that they take beside and below the plotting area. */
export interface Key {
  readonly layers: readonly Layer[];
  readonly right: number;
  readonly bottom: number;
}

const LINE_HEIGHT = 13;
const SEPARATION = 5;
const SAMPLE = 22;
const GAP = 6;
/** Names are broken into lines of this width at most. */
const WIDEST = 150;
/** From the plot to names below it: tick labels and the title of the axis lie between. */
export const BELOW = 52;
const ROW = 18;
/** A curve that ends within this share of the right edge is led to its name. */
const NEAR_END = 0.02;

export const NO_KEY: Key = { layers: [], right: 0, bottom: 0 };

/** Names of curves beside where they end on these axes, below the plot where the height is too small for all of them. */
export function nameCurves(
  given: readonly Named[],
  time: AxisPlan,
  up: AxisPlan,
  { width, height }: { readonly width: number; readonly height: number },
): Key {
  const curves = given.filter(({ named }) => named !== false);
  const [left, right] = time.scale.domain;
  const [low, high] = up.scale.domain;
  const placed = curves.map((curve) => {
    const last = curve.points?.findLast(({ t }) => placeOn(time, t).off === null);
    const lines = breakWords(curve.label, WIDEST, LEGEND_SIZE);
    const share = last === undefined ? 1 : between(up, low, high).share(placeOn(up, last.value).at);
    const end = height * (1 - Math.min(1, Math.max(0, share)));
    const reaches = last !== undefined && between(time, left, right).share(last.t) >= 1 - NEAR_END;
    return { curve, lines, end, reaches, tall: lines.length * LINE_HEIGHT + SEPARATION, y: end };
  });
  const needed = placed.reduce((sum, { tall }) => sum + tall, 0);
  if (needed > height + LINE_HEIGHT) return namesBelow(curves, width, height + BELOW);
  const ordered = placed.toSorted((p, q) => p.end - q.end);
  let top = -LINE_HEIGHT / 2;
  for (const item of ordered) {
    item.y = Math.max(item.y, top + item.tall / 2);
    top = item.y + item.tall / 2;
  }
  let bottom = height + LINE_HEIGHT / 2;
  for (const item of ordered.toReversed()) {
    item.y = Math.min(item.y, bottom - item.tall / 2);
    bottom = item.y - item.tall / 2;
  }
  const x = width + 4;
  const widest = Math.max(
    0,
    ...placed.flatMap(({ lines }) => lines.map((line) => measureText(line, LEGEND_SIZE))),
  );
  return {
    layers: ordered.flatMap(({ curve, lines, y, end, reaches }) =>
      entry(curve, lines, { x, from: reaches ? end : y, y }),
    ),
    right: placed.length === 0 ? 0 : Math.ceil(4 + SAMPLE + GAP + widest),
    bottom: 0,
  };
}

/** Names in rows below the plot, `top` from its upper edge on. */
export function namesBelow(curves: readonly Named[], width: number, top: number): Key {
  let [x, row] = [0, 0];
  const layers = curves.flatMap((curve) => {
    const wide = SAMPLE + GAP + measureText(curve.label, LEGEND_SIZE) + 16;
    if (x > 0 && x + wide > width) [x, row] = [0, row + 1];
    const y = top + row * ROW;
    const made = entry(curve, [curve.label], { x, from: y, y });
    x += wide;
    return made;
  });
  return { layers, right: 0, bottom: curves.length === 0 ? 0 : (row + 1) * ROW + 8 };
}

function entry(
  { colour, dash, width }: Named,
  lines: readonly string[],
  { x, from, y }: { readonly x: number; readonly from: number; readonly y: number },
): Layer[] {
  const data = { values: [{}] };
  const plain = { clip: false, tooltip: null };
  return [
    {
      data,
      mark: {
        ...{ type: "rule", color: colour, strokeDash: dash, strokeWidth: width, strokeCap: "butt" },
        ...plain,
      },
      encoding: { x: { value: x }, y: { value: from }, x2: { value: x + SAMPLE }, y2: { value: y } },
    },
    {
      data,
      mark: {
        ...{ type: "text", text: lines.length === 1 ? lines[0] : lines },
        ...{ x: x + SAMPLE + GAP, y: y - ((lines.length - 1) * LINE_HEIGHT) / 2 },
        ...{ align: "left", baseline: "middle", fontSize: LEGEND_SIZE, lineHeight: LINE_HEIGHT },
        color: "#222222",
        ...plain,
      },
      encoding: {},
    },
  ];
}
