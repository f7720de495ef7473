/** The figure section of a study: how the pictures of its runs look. It changes no number. */
import { z } from "zod";

const scale = z.enum(["log", "linear"]).exactOptional();
const time = z.number().nonnegative().exactOptional();
const size = (fallback: number) =>
  z
    .number()
    .min(100)
    .max(4000)
    .exactOptional()
    .describe(`In units of the figure, 96 an inch. Absent: ${fallback}.`);

export const figureSchema = z
  .strictObject({
    width: size(560),
    height: size(330),
    xScale: scale.describe("Axis of time. Absent: as record.at."),
    yScale: scale.describe("Axis of loss, gaps and measures. Absent: log, of measures what suits them."),
    from: time.describe("First time shown. Absent: where something begins to move."),
    to: time.describe("Last time shown. Absent: the end of the run."),
    title: z.string().max(200).exactOptional().describe("Title. Absent: the study's name."),
    latex: z
      .boolean()
      .exactOptional()
      .describe(
        "Set titles, ticks and names as mathematics in plot.py, the script beside the figures; SVG, PNG and PDF stay as they are. Absent: false.",
      ),
    draw: z
      .boolean()
      .exactOptional()
      .describe(
        "Draw the figures of a run when it ends. Absent: true. With false a small run takes half the time; gradflow figure draws them later.",
      ),
    pdf: z.boolean().exactOptional().describe("Draw PDF beside SVG and PNG. Absent: false."),
  })
  .describe(
    "How the figures of a run look. Not part of the hash: gradflow run of a study that is done draws its figures anew where this has changed.",
  );
