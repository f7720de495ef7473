/** The backends of TensorFlow.js by name. Free of its types: whoever uses the library may not have its packages. */

/** cuda and node: the native TensorFlow library on a GPU and on the CPU; wasm: WebAssembly with SIMD; cpu: plain JavaScript. */
export type TfjsBackend = "cuda" | "node" | "wasm" | "cpu";

/** Best first, as `auto` tries them. */
export const tfjsBackends: readonly TfjsBackend[] = ["cuda", "node", "wasm", "cpu"];
