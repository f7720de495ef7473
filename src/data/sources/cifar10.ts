import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { z } from "zod";
import { refuse } from "../samples.js";
import { classLabels, defineSource, path, subset } from "./source.js";

/** One byte for the class, then 32 × 32 pixels of red, green and blue. */
const PIXELS = 3 * 32 * 32;
const RECORD = 1 + PIXELS;

export const cifar10 = defineSource({
  kind: "cifar10",
  text: "The binary files of CIFAR-10 (data_batch_1.bin and so on). A sample is [3, 32, 32] where it is not flattened.",
  fields: {
    files: z.array(path).min(1).describe("The files, relative to the config file, one after the other."),
    samples: subset,
  },
  files: ["files"],
  hasClasses: true,
  numbers: () => 0,
  normalise: "range",
  async load({ files }, { baseDir }) {
    const parts = await Promise.all(
      files.map(async (name, k) => {
        const file = resolve(baseDir, name);
        const fail = (message: string): never => refuse(`files.${k}`, message, file);
        const bytes = await readFile(file).catch(() => fail("cannot be read."));
        if (bytes.length === 0 || bytes.length % RECORD !== 0)
          fail(
            `not a whole number of CIFAR-10's records of ${RECORD} bytes: it has ${bytes.length}; it is truncated or of another format.`,
          );
        classLabels(
          Float64Array.from({ length: bytes.length / RECORD }, (_, i) => bytes[i * RECORD] as number),
          10,
          file,
        );
        return bytes;
      }),
    );
    const samples = parts.reduce((sum, bytes) => sum + bytes.length / RECORD, 0);
    const inputs = new Float64Array(samples * PIXELS);
    const classes = new Float64Array(samples);
    let i = 0;
    for (const bytes of parts)
      for (let at = 0; at < bytes.length; at += RECORD, i++) {
        classes[i] = bytes[at] as number;
        inputs.set(bytes.subarray(at + 1, at + RECORD), i * PIXELS);
      }
    return {
      samples,
      inputShape: [3, 32, 32],
      inputs,
      labels: { kind: "classes", classes, count: 10 },
      range: 255,
    };
  },
});
