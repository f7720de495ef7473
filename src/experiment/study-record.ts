/** What every command that computes a study does around its work: engine, data, record, checkpoints, figures, and the way back from a kill. */
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { type ConfigHash, canonicalJson, hashConfig } from "../config/hash.js";
import type { LoadedConfig } from "../config/load.js";
import type { Config, InitConfig } from "../config/schema.js";
import type { Engine } from "../engine/index.js";
import { inWordsOfCode } from "../errors.js";
import { Memory } from "../memory.js";
import { attachFiles } from "../record/attachments.js";
import { type Checkpoint, readCheckpoint } from "../record/checkpoint.js";
import { formatJson, readJsonObject } from "../record/files.js";
import { isDone, type Manifest, NETWORK, type RunFacts, readManifest } from "../record/manifest.js";
import { claimRecord, giveUp } from "../record/placement.js";
import { readOutcome } from "../record/reader.js";
import type { RunResult } from "../record/result.js";
import { completeRecord, continueRecord, openRecord, type RecordWriter } from "../record/writer.js";
import { networkFacts, onnxFileOf } from "./onnx-model.js";
import { createPause } from "./pause.js";
import { engineOf, type Prepared, prepare } from "./prepare.js";
import { programState, studyState } from "./repositories.js";

/** Where a run stands, for a progress bar. */
export interface Progress {
  /** Part of the time span done, 0 to 1. */
  readonly fraction: number;
  readonly t: number;
  readonly tEnd: number;
  readonly loss: number;
  readonly gradientEvaluations: number;
  readonly stepSize: number;
  /** What is being measured while the flow stands still. */
  readonly activity?: string;
}

export interface RunOptions {
  /** The record's folder. Default `runs/<name>-<hash>` in the working directory. */
  readonly directory?: string;
  /** Replace a record that stands there. */
  readonly force?: boolean;
  /** Go on with the unfinished record of the same study that stands there; from its start where it has no checkpoint. */
  readonly resume?: boolean;
  /** Where the record of the same study stands there, done, return its result as it is instead of refusing the folder; not with `force`. */
  readonly reuse?: boolean;
  /** Take the record from a process on another machine that may have gone; `force` does too. */
  readonly takeOver?: boolean;
  /** Ends the run with status `interrupted`. */
  readonly signal?: AbortSignal;
  /** The command line, for the manifest. */
  readonly command: readonly string[];
  readonly onProgress?: (progress: Progress) => void;
  /** Takes a line in the words of code and, where they differ, the same in those of the command line. */
  readonly onMessage?: (line: string, inTerminal?: string) => void;
}

/** A study with its record open. */
export interface OpenStudy {
  readonly loaded: LoadedConfig;
  readonly prepared: Prepared;
  readonly record: RecordWriter;
  /** Resumed where the record goes on from a checkpoint. */
  readonly memory: Memory;
  /** Writes a checkpoint of `memory` at flow time t. */
  readonly save: (t: number) => Promise<void>;
  readonly options: RunOptions;
}

/** What a study is found to give; the rest of its result are circumstances. */
export type Findings = Omit<
  RunResult,
  | ("parameters" | "samples" | "outputs" | "engine" | "device" | "dtype" | "state" | "threads")
  | ("wallSeconds" | "gradientSeconds" | "importCheck" | "record" | "figures")
>;

/** The work of a study, once its record is open, and what of it the manifest says. */
export interface StudyPlan {
  readonly work: (study: OpenStudy) => Promise<Findings>;
  readonly facts?: Pick<RunFacts, "measures">;
}

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };

/**
 * Computes a study into its record and draws it.
 * @param suffix of the record's default folder
 * @param plan checks what cannot be known before the data are
 * @throws ConfigError or EngineError, before anything is written or with the record marked `failed`
 */
export async function recordStudy(
  loaded: LoadedConfig,
  options: RunOptions,
  suffix: string,
  plan: (prepared: Prepared) => Promise<StudyPlan> | StudyPlan,
): Promise<RunResult> {
  const started = performance.now();
  const { config, baseDir } = loaded;
  const done = reuses(options) ? await findDone(loaded, options, suffix) : null;
  if (done !== null) return done;
  const engine = await engineOf(loaded);
  try {
    const prepared = await prepare(loaded, engine, { signal: options.signal, say: options.onMessage });
    const { dataset, problem, theta0 } = prepared;
    for (const note of prepared.notes) options.onMessage?.(`note: ${note}`);
    const { work, facts: planned = {} } = await plan(prepared);
    const { hash, files } = await hashConfig(config, baseDir);
    const directory = folderOf(loaded, options, hash, suffix);
    const facts = {
      ...(await runFacts(loaded, prepared, engine, options.command)),
      ...initialFacts(config.model.init, prepared, files),
      ...planned,
      ...{ hash, folder: baseDir },
    };
    const force = options.force === true;
    const claim = await claimRecord(directory, force || options.takeOver === true);
    const found = await lookForWork(directory, hash, options).catch(async (error: unknown) => {
      await giveUp(directory, claim);
      throw error;
    });
    // Loaded before the work, so that a long run ends with the program that it began with.
    const drawFigures = await drawer(config);
    // An interrupt that ended the run has been heard; the next one kills.
    const drawing = (status: RunResult["status"]) => () =>
      drawFigures(directory, {
        force,
        pause: createPause(
          { signal: status === "interrupted" ? undefined : options.signal, say: options.onMessage },
          "drawing the figures",
          `the run has ended and its numbers stand; gradflow resume ${directory} draws its figures.`,
        ),
      });
    if (found.undrawn !== null)
      return await completeRecord(
        directory,
        claim.lock,
        found.undrawn,
        drawing(found.undrawn.status),
      ).finally(claim.lock.release);
    const { checkpoint, replaces } = found;
    const record =
      checkpoint !== null
        ? await continueRecord(directory, checkpoint, claim)
        : await openRecord({
            directory,
            claim,
            force: force || replaces,
            config,
            configText: loaded.source,
            overrides: loaded.set,
            manifest: facts,
            ...(config.model.kind === "onnx" && { files: { [NETWORK]: onnxFileOf(loaded).bytes } }),
          });
    try {
      const memory = new Memory(checkpoint?.memory ?? null);
      /** Seconds spent before the last checkpoint, by all processes; the problem's costs in the same way. */
      const clock = memory.keep("clock", { seconds: 0 });
      memory.keep("cost", problem.cost);
      const before = clock.seconds;
      const seconds = () => before + (performance.now() - started) / 1000;
      const save = async (t: number): Promise<void> => {
        clock.seconds = seconds();
        await record.checkpoint({ gradflow: version, t, memory: memory.snapshot() });
      };
      if (checkpoint === null) {
        await record.array("theta0", theta0);
        if (prepared.settled !== null) await record.array("descent0", prepared.settled.theta);
      }
      const findings = await work({ loaded, prepared, record, memory, save, options });
      const result: RunResult = {
        ...findings,
        parameters: theta0.length,
        samples: dataset.samples,
        outputs: dataset.outputDimension,
        engine: engine.kind,
        device: engine.device,
        dtype: engine.dtype,
        state: engine.resident === null ? "float64" : "resident",
        threads: engine.threads,
        notes: [...engine.notes, ...prepared.notes, ...findings.notes],
        wallSeconds: seconds(),
        gradientSeconds: problem.cost.seconds,
        ...(prepared.importCheck !== null && { importCheck: prepared.importCheck }),
        record: record.directory,
        figures: [],
      };
      return await record.finish(result, drawing(result.status));
    } catch (error) {
      throw await record.fail(error);
    }
  } finally {
    await engine.dispose();
  }
}

/** What draws the figures of a run at its end: nothing where the study says so, which spares the time to load it. */
async function drawer({ figure }: Config): Promise<typeof import("../figure/draw.js")["drawFigures"]> {
  return figure?.draw === false ? async () => [] : (await import("../figure/draw.js")).drawFigures;
}

/** The record's folder: the one asked for, or one named by study and hash. */
function folderOf({ config }: LoadedConfig, { directory }: RunOptions, hash: string, suffix: string): string {
  return resolve(directory ?? join("runs", `${config.name}-${hash}${suffix}`));
}

const reuses = ({ reuse, force }: RunOptions): boolean => reuse === true && force !== true;

/** The result of the same study, where its record stands and is done; null otherwise. */
async function findDone(
  loaded: LoadedConfig,
  options: RunOptions,
  suffix: string,
): Promise<RunResult | null> {
  // A file that cannot be read has its own complaint, when its data are loaded.
  const { hash } = await hashConfig(loaded.config, loaded.baseDir).catch(() => ({ hash: null }));
  if (hash === null) return null;
  const directory = folderOf(loaded, options, hash, suffix);
  const manifest = await readManifest(directory);
  if (manifest?.hash !== hash || !isDone(manifest.status) || manifest.drawn === false) return null;
  const { result } = await readOutcome(directory);
  // The same study has a record of its flow and one of its kernel alone.
  if (result === null || (result.method === "none") !== (suffix !== "")) return null;
  const { gradflow, node, finished } = manifest;
  const by =
    gradflow === version && node === process.version ? "" : ` by gradflow ${gradflow} on Node ${node}`;
  const note = `this study was done${by}, ${finished}: its record is shown; --force runs it again.`;
  options.onMessage?.(inWordsOfCode(note), note);
  await redraw(loaded, directory, manifest, options);
  return { ...result, record: directory };
}

/** Draws the figures of a run that is done as its study now asks for them; what its config says of figures is replaced. */
async function redraw(
  { config }: LoadedConfig,
  directory: string,
  manifest: Manifest,
  { onMessage, signal }: RunOptions,
): Promise<void> {
  const path = join(directory, "config.resolved.json");
  const { figure: before, ...rest } = (await readJsonObject(path)) ?? {};
  if (canonicalJson(before ?? {}) === canonicalJson(config.figure ?? {})) return;
  const { figure } = config;
  const asked = figure === undefined ? rest : { ...rest, figure };
  await attachFiles(directory, { "config.resolved.json": formatJson(asked) }, { of: manifest });
  if (figure?.draw === false) return;
  onMessage?.("its figures are drawn anew, as the section figure now says.");
  const drawFigures = await drawer(config);
  await drawFigures(directory, { pause: createPause({ signal, say: onMessage }, "drawing the figures") });
}

interface Work {
  /** To go on from. */
  readonly checkpoint: Checkpoint | null;
  /** Whether an unfinished record without one is to be replaced. */
  readonly replaces: boolean;
  /** Of a run that has ended and was killed before its figures were drawn. */
  readonly undrawn: RunResult | null;
}

const ANEW: Work = { checkpoint: null, replaces: false, undrawn: null };

/** What is left to do in a claimed folder. */
async function lookForWork(directory: string, hash: string, options: RunOptions): Promise<Work> {
  const { resume, onMessage } = options;
  const manifest = resume === true || reuses(options) ? await readManifest(directory) : null;
  if (manifest === null || manifest.hash !== hash) return ANEW;
  if (isDone(manifest.status)) {
    const undrawn = await undrawnResult(directory, manifest);
    if (undrawn !== null) onMessage?.("the run has ended; drawing its figures.");
    return { ...ANEW, undrawn };
  }
  if (resume !== true) return ANEW;
  const { checkpoint, damage } = await readCheckpoint(directory);
  for (const found of damage) onMessage?.(`${found}; looking for the one before.`);
  if (checkpoint === null) onMessage?.("no checkpoint to go on from: starting at t = 0.");
  else if (checkpoint.gradflow !== version) {
    onMessage?.(
      `the checkpoint is of gradflow ${checkpoint.gradflow}, this is ${version}: starting at t = 0.`,
    );
    return { ...ANEW, replaces: true };
  } else onMessage?.(`going on from t = ${checkpoint.t}, saved ${checkpoint.written}.`);
  return { ...ANEW, checkpoint, replaces: true };
}

async function undrawnResult(directory: string, { drawn }: Manifest): Promise<RunResult | null> {
  if (drawn !== false) return null;
  return (await readOutcome(directory)).result;
}

/** Where θ₀ was read from. */
function initialFacts(
  init: InitConfig,
  { initialArrays: arrays }: Prepared,
  files: ConfigHash["files"],
): Pick<RunFacts, "initial"> {
  if (!("path" in init)) return {};
  const sha256 = files["model.init.path"] as string;
  return { initial: { path: init.path, sha256, ...(arrays !== null && { arrays }) } };
}

/** What the manifest says of a run when it starts. */
async function runFacts(
  loaded: LoadedConfig,
  { dataset, theta0, problem: { family } }: Prepared,
  engine: Engine,
  command: readonly string[],
): Promise<Omit<RunFacts, "hash" | "folder">> {
  const { config, file, network } = loaded;
  const { imported } = family.network;
  const further = [
    ...(family.criterion.regularisation === null ? [] : ["dataLoss"]),
    ...(config.flow.clock === "log" ? ["logTime", "logLoss"] : []),
  ];
  return {
    command,
    gradflow: version,
    engine: engine.kind,
    engineVersion: engine.description,
    dtype: engine.dtype,
    threads: engine.threads,
    seed: config.seed,
    program: await programState(),
    study: await studyState(file),
    problem: {
      parameters: theta0.length,
      samples: dataset.samples,
      inputs: dataset.inputDimension,
      inputShape: dataset.inputShape,
      outputs: dataset.outputDimension,
      ...((network !== undefined || imported !== null) && {
        layout: family.layout.parameters.map(({ name, shape, law }) => ({
          ...{ name, shape, law },
          ...(imported !== null && { stored: imported.arrays[name]! }),
        })),
      }),
      sites: family.sites.map(({ path, shape }) => ({ path, shape })),
    },
    ...(further.length > 0 && { series: further }),
    ...(config.model.kind === "onnx" && { network: networkFacts(loaded) }),
  };
}
