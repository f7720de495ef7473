/** The sweep section of a study: which fields vary, and which pictures show all its runs together. */
import { z } from "zod";
import { plainName } from "./names.js";

const scale = z.enum(["log", "linear"]);
const name = plainName(
  z
    .string()
    .max(60)
    .regex(/^[A-Za-z0-9_-]+$/, "must consist of letters, digits, '_' and '-'"),
).describe("Name of the figure's files.");
/** An axis field, a column or a number of a result. */
const quantity = plainName(z.string().min(1));
const merge = z
  .array(quantity)
  .exactOptional()
  .describe(
    "Axis fields whose runs are drawn as one curve, their middle, with a band from the lowest to the highest. Absent: seed and descent.seed, where they are axes.",
  );
const middle = z
  .enum(["median", "mean"])
  .exactOptional()
  .describe("What of the runs that are drawn as one curve is its line. Absent: median.");

export const sweepFigureSchema = z
  .discriminatedUnion("kind", [
    z.strictObject({
      kind: z
        .literal("curves")
        .describe("Columns of the runs' tables against time, all runs in one picture."),
      name,
      y: quantity.default("loss").describe("The column."),
      tables: z
        .array(
          plainName(
            z
              .string()
              .regex(
                /^[A-Za-z0-9_-]+$/,
                "must be the name of a table in the record, such as series, without folder and .csv",
              ),
          ),
        )
        .min(1)
        .default(["series", "descent"])
        .describe("The tables of a record that are read; those without the column are skipped."),
      xScale: scale.default("linear").describe("Axis of time."),
      yScale: scale.default("log").describe("Axis of the column."),
      from: z.number().nonnegative().exactOptional().describe("Leave out earlier times."),
      merge,
      middle,
    }),
    z.strictObject({
      kind: z
        .literal("distances")
        .describe(
          "How far θ of every run is from θ of one of them against time: ‖θ − θ′‖ at the snapshots that both have (measure.parameters).",
        ),
      name,
      reference: z
        .record(z.string(), z.unknown())
        .refine((fields) => Object.keys(fields).length > 0, "must name a field of sweep.axes and its value")
        .describe(
          "θ′ is that of the run with these values of axis fields and else those of the run itself: { model.activation.slope: 0 }.",
        ),
      xScale: scale.default("log").describe("Axis of time."),
      yScale: scale.default("log").describe("Axis of the distance."),
      from: z.number().nonnegative().exactOptional().describe("Leave out earlier times."),
      merge,
      middle,
    }),
    z
      .strictObject({
        kind: z.literal("points").describe("One number of each run's result against another."),
        name,
        x: quantity.describe(
          "An axis field or a number of result.json by its dotted name; parametersPerTarget is P/nM. `*` stands for every entry of a list: descent.*.learningRate.",
        ),
        y: quantity.describe("As x."),
        xScale: scale.default("log").describe("Axis of x."),
        yScale: scale.default("log").describe("Axis of y."),
        group: z
          .array(quantity)
          .default([])
          .describe("Axis fields whose values make curves of their own, each with its colour."),
        xTitle: z.string().min(1).max(100).exactOptional().describe("Title of the axis. Absent: x in words."),
        yTitle: z.string().min(1).max(100).exactOptional().describe("Title of the axis. Absent: y in words."),
        names: z
          .record(z.string(), z.string().min(1).max(60))
          .exactOptional()
          .describe(
            "What curves are called, by the names that the picture gives them else: { width 8: narrow, width 64: wide }.",
          ),
        fit: z
          .literal("power")
          .exactOptional()
          .describe(
            "Draw the power law y ∝ x^s fitted to all runs of a curve by least squares of the logarithms, and say s with its 95 % interval below. Both axes must be log.",
          ),
        merge,
        middle,
      })
      .refine(({ fit, xScale, yScale }) => fit === undefined || (xScale === "log" && yScale === "log"), {
        path: ["fit"],
        message: "needs logarithmic axes, where a power law is a line; set xScale: log and yScale: log",
      }),
  ])
  .describe("A picture of all runs.");

export const sweepSchema = z
  .strictObject({
    axes: z
      .array(z.record(z.string(), z.unknown()))
      .min(1)
      .describe(
        "Each entry is an axis: fields by their dotted names, each with a list of values or a range { from, to, step } or { from, to, points, spacing: linear | log }. Axes are crossed; several fields in one entry go in step.",
      ),
    figures: z
      .array(sweepFigureSchema)
      .default([
        {
          kind: "curves",
          name: "loss",
          y: "loss",
          tables: ["series", "descent"],
          xScale: "linear",
          yScale: "log",
        },
      ])
      .describe("Pictures of all runs together."),
  })
  .describe("Many runs of this study: `gradflow sweep`.");

export type SweepConfig = z.output<typeof sweepSchema>;
export type SweepFigure = z.output<typeof sweepFigureSchema>;
