/**
 * Loads ONNX Runtime, with its telemetry off: from 1.29 on, outside Windows too, it would keep an identifier of the machine below the
 * user's cache folder and send events to its maker. It reads this variable of the process once, when it starts; Node's binding
 * offers no other switch.
 */
import { createRequire } from "node:module";
import { isMainThread } from "node:worker_threads";
import type * as Ort from "onnxruntime-node";
import { EngineError } from "../../errors.js";

const SWITCH = "ORT_DISABLE_TELEMETRY";

const inherited = process.env[SWITCH];
process.env[SWITCH] = "1";

const require = createRequire(import.meta.url);

/** Of the package, known without loading the library. */
export const { version: runtimeVersion } = require("onnxruntime-node/package.json") as { version: string };

/**
 * The library; loaded at the first call.
 * @throws EngineError where it does not load, and in a worker thread of a process that has not set the variable.
 */
export function loadRuntime(): typeof Ort {
  // A worker's environment is a copy: what is set there does not reach the library.
  if (!isMainThread && inherited !== "1")
    throw new EngineError(
      `onnx: ONNX Runtime's telemetry cannot be switched off from a worker thread; import gradflow in the main thread before the worker starts, or start node with ${SWITCH}=1.`,
    );
  try {
    return require("onnxruntime-node") as typeof Ort;
  } catch (error) {
    const [reason] = (error as Error).message.split("\n", 1);
    throw new EngineError(
      `onnx: ONNX Runtime does not load here: ${reason}; reinstall it with npm ci, or set engine.kind: reference (slow). It has binaries for Linux (glibc), macOS and Windows.`,
      "engine.kind",
    );
  }
}
