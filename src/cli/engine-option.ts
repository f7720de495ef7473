/** `--engine`: a short form of a study's engine section. */
import type { Options } from "yargs";
import type { Values } from "./command.js";
import { UsageError } from "./exit.js";
import { single } from "./options.js";

export const engineOption = {
  engine: {
    type: "string",
    requiresArg: true,
    describe:
      "In place of the study's engine section: onnx, onnx:cuda, onnx:float32, tfjs, tfjs:wasm, reference, …",
  },
} as const satisfies Readonly<Record<string, Options>>;

/** The overrides of a command: that of --engine first, so that --set may still change its fields. */
export async function overridesOf(values: Values, command: string): Promise<string[]> {
  const set = (values["set"] ?? []) as string[];
  const text = single(values, "engine", command);
  return text === undefined ? set : [await engineOverride(text, command), ...set];
}

/** `kind[:value…]` as an override of the engine section; each value belongs to the one field that knows it. */
async function engineOverride(text: string, command: string): Promise<string> {
  const { dtypes, onnxDevices, tfjsBackends, tfjsStates } = await import("../config/schema-engine.js");
  const kinds: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
    onnx: { device: onnxDevices, dtype: dtypes },
    tfjs: { backend: tfjsBackends, state: tfjsStates },
    reference: {},
  };
  const [kind = "", ...parts] = text.split(":");
  const fields = kinds[kind];
  if (fields === undefined)
    throw new UsageError(
      `${command}: --engine ${text}: ${kind} is none of ${Object.keys(kinds).join(", ")}.`,
    );
  const known = Object.values(fields).flat();
  const chosen = new Map<string, string>();
  for (const part of parts) {
    const field = Object.keys(fields).find((name) => fields[name]!.includes(part));
    if (field === undefined) {
      const choice = known.length === 0 ? "nothing" : known.join(", ");
      throw new UsageError(`${command}: --engine ${text}: after ${kind} may stand ${choice}, not ${part}.`);
    }
    if (chosen.has(field))
      throw new UsageError(`${command}: --engine ${text}: ${field} is given twice; give it once.`);
    chosen.set(field, part);
  }
  const pairs = [...chosen].map(([name, value]) => `, ${name}: ${value}`).join("");
  return `engine={kind: ${kind}${pairs}}`;
}
