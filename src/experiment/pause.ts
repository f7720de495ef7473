/** The pauses of long computations around a run: the event loop gets its turn, an interrupt is heard, and patience is asked for. */
import type { Engine } from "../engine/index.js";
import { InterruptedError } from "../errors.js";

export interface Watch {
  readonly signal?: AbortSignal | undefined;
  readonly say?: ((line: string) => void) | undefined;
}

/** Between turns of the event loop, in milliseconds: an interrupt is heard that soon. */
const TURN = 50;
/** After the first time, and after the second again and again, it is said what is going on. */
const FIRST_WORD = 1000;
const PATIENCE = 5000;
/** Operations that the runtime takes about a second to compile, 0.3 to 0.9 ms each on two cores: so many are told beforehand. */
const MANY_OPERATIONS = 1500;

/**
 * A pause for the loops of `activity`, e.g. `drawing the data`.
 * @param left what an interrupt leaves behind
 * @throws InterruptedError once the signal has come
 */
export function createPause(
  { signal, say }: Watch,
  activity: string,
  left = "nothing was written.",
): () => Promise<void> | undefined {
  let turned = performance.now();
  let said = turned - PATIENCE + FIRST_WORD;
  const start = turned;
  return () => {
    const now = performance.now();
    if (now - turned < TURN) return undefined;
    turned = now;
    if (now - said > PATIENCE) {
      said = now;
      say?.(`${activity} … ${Math.round((now - start) / 1000)} s`);
    }
    return turn().then(() => {
      if (signal?.aborted) throw new InterruptedError(`interrupted while ${activity}; ${left}`);
    });
  };
}

/** A turn of the event loop in which signals are read: they are before the second of two immediates, not always before the first. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

/** An engine whose compilations, each of which blocks the event loop, let signals through and say how long they take. */
export interface PausingEngine {
  readonly engine: Engine;
  /** From now on an interrupt is for the run to end in order, no longer for the next compilation. */
  handOver(): void;
}

export function pauseBetweenCompilations(engine: Engine, { signal, say }: Watch): PausingEngine {
  let isOurs = true;
  let milliseconds = 0;
  let said = 0;
  const heard = async <T>(operations: number, compile: () => Promise<T>): Promise<T> => {
    if (operations >= MANY_OPERATIONS || milliseconds - said > FIRST_WORD) {
      said = milliseconds;
      const before =
        milliseconds < FIRST_WORD ? "" : `, after ${Math.round(milliseconds / 1000)} s of compiling`;
      say?.(`compiling a graph of ${operations} operations${before} …`);
    }
    await turn();
    if (isOurs && signal?.aborted)
      throw new InterruptedError("interrupted while compiling the network; nothing was written.");
    const start = performance.now();
    const compiled = await compile();
    milliseconds += performance.now() - start;
    return compiled;
  };
  const { resident } = engine;
  return {
    engine: {
      ...engine,
      compile: (graph, bound) => heard(graph.nodes.length, () => engine.compile(graph, bound)),
      resident: resident && {
        ...resident,
        compile: (graph, bound) => heard(graph.nodes.length, () => resident.compile(graph, bound)),
      },
    },
    handOver() {
      isOurs = false;
    },
  };
}
