/** How curves look: colours that tell runs or learning rates apart, dashes, and the piece of a line that a legend shows. */
import { show } from "./ask.js";

const DASHES = [[], [6, 3], [2, 3], [10, 3, 2, 3], [14, 4], [2, 6]];
const LIGHT = ["#0072b2", "#d55e00", "#008f68", "#b8578f", "#a87400", "#3d8fc4"];
const DARK = ["#5cb3ee", "#ff9355", "#3fd0a4", "#eb9dc9", "#f0c04c", "#a5dafb"];

const darkness = matchMedia("(prefers-color-scheme: dark)");

/** Of the k-th run or learning rate; six that colour-blind readers tell apart, then evenly spread hues. */
export function colourOf(k) {
  const palette = darkness.matches ? DARK : LIGHT;
  return palette[k] ?? `hsl(${Math.round(k * 137.5) % 360} 60% ${darkness.matches ? 70 : 40}%)`;
}

export const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

/**
 * Every curve with its name and its look. Of one run alone colours tell learning rates and dashes the kinds of flow beside descent; of several
 * colours tell runs, dashes all else.
 * @param runs [{ id, name, slot }]
 * @param curvesOf the curves that are held of a run
 */
export function lookOf(runs, curvesOf) {
  const alone = runs.length === 1;
  return runs.flatMap((run) => {
    const curves = curvesOf(run.id);
    const unique = (values) => [...new Set(values)];
    const rates = unique(curves.filter(besides).map(({ learningRate }) => learningRate));
    const kinds = unique(curves.filter(besides).map(({ kind }) => kind));
    return curves.map((curve) => {
      if (!besides(curve)) {
        const look = { colour: alone ? css("--flow") : colourOf(run.slot), dash: [], width: alone ? 4 : 2 };
        return { run, curve, label: alone ? "gradient flow" : run.name, ...look };
      }
      const [rate, kind] = [rates.indexOf(curve.learningRate), kinds.indexOf(curve.kind)];
      const own = `${curve.kind === "" ? (alone ? "descent, " : "") : `${curve.kind} flow, `}η = ${show(Number(curve.learningRate))}`;
      const dash =
        alone && rate < LIGHT.length ? kind : 1 + ((rate + rates.length * kind) % (DASHES.length - 1));
      return {
        ...{ run, curve, label: alone ? own : `${run.name}, ${own}`, width: 1.5 },
        ...{ colour: colourOf(alone ? rate : run.slot), dash: DASHES[dash % DASHES.length] },
      };
    });
  });
}

/** Of descent, or of a flow beside it. */
const besides = ({ table }) => table !== "series" && table !== "ntk";

/** A piece of the line as the picture has it. */
export function sample({ colour, dash, width }) {
  const space = "http://www.w3.org/2000/svg";
  const picture = document.createElementNS(space, "svg");
  const line = document.createElementNS(space, "line");
  const size = { width: 28, height: 10, "aria-hidden": "true" };
  const look = {
    ...{ x1: 0, x2: 28, y1: 5, y2: 5, stroke: colour, "stroke-width": width },
    "stroke-dasharray": dash.join(" ") || "none",
  };
  for (const [name, value] of Object.entries(size)) picture.setAttribute(name, value);
  for (const [name, value] of Object.entries(look)) line.setAttribute(name, value);
  picture.append(line);
  return picture;
}
