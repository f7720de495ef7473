/**
 * Run by npm before the install scripts of the packages below this one. onnxruntime-node's downloads libraries for CUDA from a host of
 * its own, and where that is out of reach the whole installation fails. It leaves alone what is there: so empty files take their
 * places. What a CPU needs comes inside the npm package; docs/engines.md has the command for a GPU.
 */
import { existsSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

try {
  const root = dirname(createRequire(import.meta.url).resolve("onnxruntime-node/package.json"));
  for (const provider of ["cuda", "shared", "tensorrt"]) {
    const library = join(root, "bin/napi-v6/linux/x64", `libonnxruntime_providers_${provider}.so`);
    if (!existsSync(library)) writeFileSync(library, "");
  }
} catch {
  // Without ONNX Runtime, or in a folder that cannot be written, there is nothing to keep from downloading.
}
