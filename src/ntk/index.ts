/** The tangent kernel of chosen scalars, its spectrum, the bound and its verdicts. */
export {
  type BoundAt,
  type BoundOptions,
  type BoundSample,
  judgeBound,
  overallVerdict,
  type Verdict,
  type VerdictReason,
} from "./bound.js";
export { type RankCap, rankCaps } from "./caps.js";
export { type DenseMethod, type DenseSpectrum, denseSpectrum } from "./dense.js";
export { type SpectralDensity, spectralDensity } from "./density.js";
export { createTangentKernel, type TangentKernel } from "./kernel.js";
export type { Compile } from "./products.js";
export { fillInputs, type KernelState, outputScalars } from "./scalars.js";
export {
  COLD,
  type KernelSpectrum,
  LANCZOS_BASIS,
  type LambdaMin,
  measureSpectrum,
  PROBES,
  type SpectrumMethod,
  type SpectrumOptions,
  type Warmth,
} from "./spectrum.js";
