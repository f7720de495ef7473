import { resolve } from "node:path";
import { z } from "zod";
import { readNamedArrays } from "../named-arrays.js";
import { requireRoom } from "../room.js";
import { refuse } from "../samples.js";
import { classLabels, defineSource, path, subset } from "./source.js";

export const npz = defineSource({
  kind: "npz",
  text: "Two arrays of an .npz file, of any number of axes, the samples first.",
  fields: {
    path: path.describe("The file, relative to the config file."),
    inputs: z.string().min(1).default("x").describe("Name of the array of inputs."),
    targets: z.string().min(1).default("y").describe("Name of the array of targets."),
    areClasses: z
      .boolean()
      .default(false)
      .describe(
        "Whether the targets are class numbers from 0, one a sample; else they are taken as they are.",
      ),
    samples: subset,
  },
  files: ["path"],
  hasClasses: true,
  numbers: () => 0,
  async load({ path: name, inputs: inputName, targets: targetName, areClasses }, { baseDir, room }) {
    const file = resolve(baseDir, name);
    const fail = (field: string, message: string): never => refuse(field, message, file);
    const { arrays } = await readNamedArrays(file, "npz");
    const find = (field: string, wanted: string) => {
      const found = arrays.find((array) => array.name === wanted);
      if (found === undefined)
        return fail(
          field,
          `holds no array ${wanted}; it has ${arrays.map((array) => array.name).join(", ")}.`,
        );
      requireRoom(found.shape, room, (message) => fail(field, `array ${wanted} ${message}`));
      const data = found.read();
      const bad = data.findIndex((value) => !Number.isFinite(value));
      if (found.shape.length < 1 || data.length === 0)
        fail(
          field,
          `array ${wanted} has the shape (${found.shape.join(", ")}); the first axis counts the samples.`,
        );
      if (bad >= 0)
        fail(field, `number ${bad + 1} of ${wanted} is ${data[bad]}; every number must be finite.`);
      return { shape: found.shape, data, width: data.length / (found.shape[0] as number) };
    };
    const [x, y] = [find("inputs", inputName), find("targets", targetName)];
    const samples = x.shape[0] as number;
    if (y.shape[0] !== samples)
      fail("targets", `must have as many samples as the inputs, ${samples}, got ${y.shape[0]}.`);
    if (areClasses && y.width !== 1)
      fail("areClasses", `takes one number a sample, and ${targetName} has ${y.width}; leave it out.`);
    return {
      samples,
      inputShape: x.shape.length > 1 ? x.shape.slice(1) : [1],
      inputs: x.data,
      labels: areClasses
        ? { kind: "classes", classes: classLabels(y.data, null, file), count: null }
        : { kind: "numbers", targets: y.data, width: y.width },
    };
  },
});
