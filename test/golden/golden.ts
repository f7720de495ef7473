/** The golden network and its reference states. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { readNpy } from "../../src/data/npy.js";
import { createFamily, presetNetwork } from "../../src/model/index.js";
import type { Case } from "../support/networks.js";

const path = (name: string): string => fileURLToPath(new URL(`leaky2/${name}`, import.meta.url));

export const golden = JSON.parse(readFileSync(path("case.json"), "utf8")) as {
  dims: number[];
  slope: number;
  times: number[];
  thetaError: number[];
};

/** The network with its data, and θ at `golden.times`. */
export async function loadGolden(): Promise<{ given: Case; references: Float64Array[] }> {
  const load = async (name: string) => (await readNpy(path(`${name}.npy`))).data;
  const [inputDimension, ...rest] = golden.dims as [number, ...number[]];
  const outputDimension = rest.pop()!;
  const x = await load("inputs");
  const samples = x.length / inputDimension;
  const spec = {
    kind: "dnn",
    inputDimension,
    hidden: rest,
    outputDimension,
    bias: true,
    activation: { kind: "leaky-relu", slope: golden.slope },
  } as const;
  const given = {
    label: "leaky2",
    family: createFamily({ network: presetNetwork(spec), samples, factor: 0.5 / samples }),
    theta: await load("theta0"),
    bound: { x, y: await load("targets") },
  };
  return { given, references: await Promise.all(golden.times.map((t) => load(`theta-t${t}`))) };
}
