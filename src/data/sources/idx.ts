import { resolve } from "node:path";
import { ConfigError } from "../../errors.js";
import { readIdx } from "../idx.js";
import { refuse, type Samples } from "../samples.js";
import { classLabels, defineSource, path, subset } from "./source.js";

export const idx = defineSource({
  kind: "idx",
  text: "Images and labels of MNIST's format (idx), gzipped or not. A sample is [1, height, width] where it is not flattened.",
  fields: {
    images: path.describe("The file of images, relative to the config file."),
    labels: path.describe("The file of class numbers."),
    samples: subset,
  },
  files: ["images", "labels"],
  hasClasses: true,
  numbers: () => 0,
  normalise: "range",
  load: ({ images, labels }, { baseDir, room }) =>
    readPair(resolve(baseDir, images), resolve(baseDir, labels), 255, room),
});

/** @param range the largest number that a pixel can be */
export async function readPair(
  images: string,
  labels: string,
  range: number,
  room?: number,
): Promise<Samples> {
  const at = <T>(field: string, load: Promise<T>): Promise<T> =>
    load.catch((error: unknown) => {
      if (!(error instanceof ConfigError)) throw error;
      throw new ConfigError(error.problems.map((problem) => ({ ...problem, path: `dataset.${field}` })));
    });
  const pixels = await at("images", readIdx(images, room));
  const classes = await at("labels", readIdx(labels, room));
  if (classes.shape.length !== 1)
    refuse("labels", `must have one axis, got (${classes.shape.join(", ")}).`, labels);
  const [samples = 0, ...shape] = pixels.shape;
  if (pixels.data.length === 0)
    refuse("images", `no data: the shape is (${pixels.shape.join(", ")}).`, images);
  if (shape.length === 0)
    refuse("images", "has one axis, as a file of labels has; name the file of images.", images);
  if (samples !== classes.data.length)
    refuse("labels", `must be as many as the images, ${samples}, got ${classes.data.length}.`, labels);
  const bad = pixels.data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0)
    refuse("images", `number ${bad + 1} is ${pixels.data[bad]}; every number must be finite.`, images);
  await at(
    "labels",
    Promise.resolve().then(() => classLabels(classes.data, null, labels)),
  );
  return {
    samples,
    inputShape: shape.length === 2 ? [1, ...shape] : shape.length === 0 ? [1] : shape,
    inputs: pixels.data,
    labels: { kind: "classes", classes: classes.data, count: null },
    range,
  };
}
