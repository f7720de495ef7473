/** Whether ONNX Runtime's CUDA provider can be asked for. Its libraries are not in the npm package; an install script fetches them. */
import { readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { EngineError } from "../../errors.js";

const root = dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"));

/** The command that fetches the provider's libraries for CUDA 12. */
export const installCuda = `node ${relative("", join(root, "script/install.js"))} --onnxruntime-node-install`;

/** @throws EngineError where the provider's libraries are not beside ONNX Runtime. Asked first, because the runtime prints when it fails. */
export function requireCuda(): void {
  if (process.platform !== "linux" || process.arch !== "x64")
    throw new EngineError(
      `cuda is not there: onnxruntime-node has its CUDA provider for linux-x64 only, this is ${process.platform}-${process.arch}; set engine.device: cpu.`,
      "engine.device",
    );
  const library = "libonnxruntime_providers_cuda.so";
  // An empty file is what scripts/skip-cuda.js leaves in its place.
  const sizeOf = (folder: string) => statSync(join(folder, library), { throwIfNoEntry: false })?.size ?? 0;
  if (!libraryFolders().some((folder) => sizeOf(folder) > 0))
    throw cudaError(`${library} is not beside onnxruntime-node`);
  // Read by cuBLAS when it is loaded; what the user has set stands. TF32 would keep 10 bits of the mantissa in float32 products.
  process.env["NVIDIA_TF32_OVERRIDE"] ??= "0";
}

export function cudaError(reason: string): EngineError {
  return new EngineError(
    `cuda is not there: ${reason.split("\n", 1)[0]!.replace(/\.?$/, ".")} Install it with: ${installCuda} (needs an NVIDIA driver, CUDA 12 and cuDNN 9; docs/engines.md says more).`,
    "engine.device",
  );
}

/** bin/napi-v6/linux/x64 and the like. */
function libraryFolders(): string[] {
  const bin = join(root, "bin");
  return readdirSync(bin).map((napi) => join(bin, napi, process.platform, process.arch));
}
