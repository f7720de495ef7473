/** The parameters at t = 0: drawn, or read from a file, flat or by name. */
import { relative, resolve } from "node:path";
import { type LoadedConfig, problemAt } from "../config/load.js";
import type { InitConfig } from "../config/schema.js";
import { readNamedArrays } from "../data/named-arrays.js";
import { readNpy } from "../data/npy.js";
import { ConfigError } from "../errors.js";
import {
  describeNetwork,
  fillParameters,
  initialising,
  MatchError,
  matchParameters,
  type Network,
} from "../model/index.js";
import { withPauses } from "../pace.js";
import type { Random } from "../random.js";
import type { InitialArray } from "../record/manifest.js";
import { createPause, type Watch } from "./pause.js";

export interface InitialParameters {
  readonly theta: Float64Array;
  /** The array of the file that each parameter is, where they have names there. */
  readonly arrays: Readonly<Record<string, InitialArray>> | null;
  readonly notes: readonly string[];
}

/**
 * @param field of the config that says `init`
 * @throws ConfigError where a file holds other parameters than the network has
 */
export async function initialParameters(
  network: Network,
  init: InitConfig,
  random: Random,
  loaded: LoadedConfig,
  field: string,
  watch: Watch,
): Promise<InitialParameters> {
  if (init.kind === "own") {
    if (network.start === null)
      throw problemAt(
        loaded,
        field,
        "own are the numbers that a network comes with, and this one comes with none; name how they are drawn.",
      );
    return { theta: network.start.slice(), arrays: null, notes: [] };
  }
  if (!("path" in init)) {
    const drawing = initialising(network.layout, init, random);
    const theta = await withPauses(drawing, createPause(watch, "drawing the parameters"));
    return { theta, arrays: null, notes: [] };
  }
  const path = `${field}.path`;
  const file = resolve(loaded.baseDir, init.path);
  const shown = relative(process.cwd(), file);
  const fail = (message: string): never => {
    throw problemAt(loaded, path, message);
  };
  if (init.kind !== "file") return readByName(network, init, loaded, path, file, shown);
  const { data } = await citing(loaded, path, () => readNpy(file));
  const { parameters, size } = network.layout;
  if (data.length !== size) {
    const starts = parameters.map(({ name, shape, offset }) => `${name} [${shape}] from ${offset}`);
    fail(
      `${shown} holds ${data.length} numbers, but the network (${describeNetwork(network)}) has ${size} parameters: ${starts.join(", ")}; ` +
        "check the data's dimensions and the model.",
    );
  }
  const bad = data.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) fail(`${shown} holds ${data[bad]} at index ${bad}; parameters must be finite.`);
  return { theta: data, arrays: null, notes: [] };
}

async function readByName(
  network: Network,
  { kind, layout: format }: Extract<InitConfig, { layout: unknown }>,
  loaded: LoadedConfig,
  path: string,
  file: string,
  shown: string,
): Promise<InitialParameters> {
  const fail = (message: string): never => {
    throw problemAt(loaded, path, `${shown}: ${message}`);
  };
  const { arrays, metadata } = await citing(loaded, path, () => readNamedArrays(file, kind));
  const written = metadata["layout"];
  if ((written === "gradflow" || written === "torch") && written !== format)
    fail(`was written in the layout ${written}, the study says ${format}; set init.layout: ${written}.`);
  const byName = new Map(arrays.map((array) => [array.name, array]));
  let match: ReturnType<typeof matchParameters>;
  try {
    match = matchParameters(network.layout, arrays, format, kind === "safetensors");
  } catch (error) {
    if (!(error instanceof MatchError)) throw error;
    const hint = format === "torch" ? "" : " (a state_dict of PyTorch's needs init.layout: torch)";
    return fail(
      `does not hold the parameters of this network, ${describeNetwork(network)}: ${error.message}. Make the model the one that the file is of; gradflow model lists its parameters${hint}.`,
    );
  }
  const theta = await citing(loaded, path, async () =>
    fillParameters(network.layout, match, format, (name) => {
      const array = byName.get(name)!;
      if (!array.isFloat)
        fail(
          `${name} is of dtype ${array.dtype}; parameters are floating-point numbers, save them as float64.`,
        );
      const numbers = array.read();
      const bad = numbers.findIndex((value) => !Number.isFinite(value));
      if (bad >= 0) fail(`${name} holds ${numbers[bad]} at index ${bad}; parameters must be finite.`);
      return numbers;
    }),
  );
  const { unused, sources, doubtful } = match;
  const leftOut = `${shown}: ${unused.length} arrays are no parameters of this network and were left out: ${first(unused)}.`;
  const orders = doubtful.map(
    (layers) =>
      `${shown}: layers of equal shapes were taken in the order ${first(layers)}, which their names do not settle; the manifest's initial.arrays says which is which.`,
  );
  return {
    theta,
    arrays: Object.fromEntries(
      sources.map(({ parameter, array: name }) => [parameter.name, { name, shape: byName.get(name)!.shape }]),
    ),
    notes: [...(format === "torch" && unused.length > 0 ? [leftOut] : []), ...orders],
  };
}

const first = (names: readonly string[]): string =>
  names.length > 6 ? `${names.slice(0, 6).join(", ")}, …` : names.join(", ");

/** Faults of files get the field that names them; those between fields get its line. */
export async function citing<T>(loaded: LoadedConfig, field: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new ConfigError(
      error.problems.map((problem) => {
        const path = problem.path === "" ? field : problem.path;
        return problem.file === undefined
          ? { ...problem, path, ...loaded.locate(path.split(".")) }
          : { ...problem, path };
      }),
    );
  }
}
