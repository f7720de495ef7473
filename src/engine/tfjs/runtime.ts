/** Finds and starts a backend of TensorFlow.js. All its packages are optional peers, loaded when they are asked for. */
import { createRequire } from "node:module";
import { EngineError } from "../../errors.js";
import type { TfjsBackend } from "./backends.js";
import type { Tf } from "./lower.js";

/** A backend that is up. */
export interface Runtime {
  readonly tf: Tf;
  readonly backend: TfjsBackend;
  readonly description: string;
  /** 1 where the backend knows no more. */
  readonly threads: number;
  /** Makes it the one that computes: tfjs-core has one global backend, and a process may use several. */
  activate(): Promise<void>;
}

/** The version that all packages of TensorFlow.js have to share. */
const VERSION = "4.22.0";

/** The command that installs a backend. */
export const installCommand: Readonly<Record<TfjsBackend, string>> = {
  cuda: `npm install --save-optional @tensorflow/tfjs-node-gpu@${VERSION}`,
  node: `npm install --save-optional @tensorflow/tfjs-node@${VERSION}`,
  wasm: `npm install --save-optional @tensorflow/tfjs-core@${VERSION} @tensorflow/tfjs-backend-wasm@${VERSION}`,
  cpu: `npm install --save-optional @tensorflow/tfjs-core@${VERSION} @tensorflow/tfjs-backend-cpu@${VERSION}`,
};

const NATIVE = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"] as const;

const require = createRequire(import.meta.url);

/** Starts a backend. @throws EngineError with the reason and the command that installs it. */
export async function startBackend(backend: TfjsBackend, threads: number): Promise<Runtime> {
  try {
    return await starters[backend](threads);
  } catch (error) {
    const reason = (error instanceof Error ? error.message : String(error)).split("\n", 1)[0]!.trim();
    throw new EngineError(
      `${backend} is not there: ${reason.replace(/\.?$/, ".")} Install it with: ${installCommand[backend]} (docs/engines.md says more).`,
      "engine.backend",
    );
  }
}

const starters: Readonly<Record<TfjsBackend, (threads: number) => Promise<Runtime>>> = {
  async cuda(threads) {
    const native = await loadNative(threads);
    if (native.device !== "GPU")
      throw new Error(`${native.name} is installed, but its TensorFlow library finds no GPU here`);
    return runtimeOf(native.tf, "cuda", "tensorflow", `${native.name} ${native.version}, GPU`, threads);
  },
  async node(threads) {
    const native = await loadNative(threads);
    if (native.device === "GPU")
      throw new Error(
        `${native.name} computes on the GPU here; ask for cuda, or hide the GPU with CUDA_VISIBLE_DEVICES=-1`,
      );
    return runtimeOf(native.tf, "node", "tensorflow", `${native.name} ${native.version}, CPU`, threads);
  },
  async wasm() {
    const tf = await loadCore();
    const { version_wasm } = await load(
      "@tensorflow/tfjs-backend-wasm",
      () => import("@tensorflow/tfjs-backend-wasm"),
    );
    const simd = (await tf.env().getAsync("WASM_HAS_SIMD_SUPPORT")) === true;
    return runtimeOf(
      tf,
      "wasm",
      "wasm",
      `@tensorflow/tfjs-backend-wasm ${version_wasm}, ${simd ? "with" : "without"} SIMD`,
      1,
    );
  },
  async cpu() {
    const tf = await loadCore();
    const { version_cpu } = await load(
      "@tensorflow/tfjs-backend-cpu",
      () => import("@tensorflow/tfjs-backend-cpu"),
    );
    return runtimeOf(tf, "cpu", "cpu", `@tensorflow/tfjs-backend-cpu ${version_cpu}`, 1);
  },
};

async function runtimeOf(
  tf: Tf,
  backend: TfjsBackend,
  registered: string,
  description: string,
  threads: number,
): Promise<Runtime> {
  const activate = async (): Promise<void> => {
    if (tf.getBackend() === registered) return;
    if (!(await tf.setBackend(registered))) throw new Error(`TensorFlow.js could not start ${registered}`);
  };
  await activate();
  return { tf, backend, description, threads, activate };
}

async function loadCore(): Promise<Tf> {
  const tf = await load("@tensorflow/tfjs-core", () => import("@tensorflow/tfjs-core"));
  // Without it the backends print advice on the console and check every tensor for NaN under some flags.
  tf.enableProdMode();
  return tf;
}

/** The native package: its addon registers the backend `tensorflow` with the same tfjs-core. */
async function loadNative(threads: number): Promise<{
  readonly tf: Tf;
  readonly name: string;
  readonly version: string;
  readonly device: "GPU" | "CPU";
}> {
  const name = NATIVE.find(isInstalled);
  if (name === undefined) throw new Error(`${NATIVE.join(" or ")} is not installed`);
  // Read by TensorFlow when it is loaded; what the user has set stands. TF32 would keep 10 bits of the mantissa in products.
  process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "2";
  process.env["NVIDIA_TF32_OVERRIDE"] ??= "0";
  process.env["TF_NUM_INTRAOP_THREADS"] ??= String(threads);
  process.env["TF_NUM_INTEROP_THREADS"] ??= "1";
  const tf = await loadCore();
  const specifier: string = name;
  const { version } = (await load(name, () => import(specifier))) as { version: Record<string, string> };
  await tf.setBackend("tensorflow");
  const { isUsingGpuDevice } = tf.backend() as unknown as { readonly isUsingGpuDevice?: boolean };
  return {
    tf,
    name,
    version: version["tfjs-node"] ?? VERSION,
    device: isUsingGpuDevice === true ? "GPU" : "CPU",
  };
}

function isInstalled(name: string): boolean {
  try {
    require.resolve(`${name}/package.json`);
    return true;
  } catch {
    return false;
  }
}

async function load<T>(name: string, importIt: () => Promise<T>): Promise<T> {
  if (!isInstalled(name)) throw new Error(`${name} is not installed`);
  return importIt();
}
