/** All sources of data beside those of data/dataset.ts: a new one is a file and a line here. */
import { barsAndBlobs } from "./bars-and-blobs.js";
import { sparseParity, staircase } from "./boolean.js";
import { cifar10 } from "./cifar10.js";
import { digits } from "./digits.js";
import { gaussianMixture } from "./gaussian-mixture.js";
import { idx } from "./idx.js";
import { inContextRegression } from "./in-context-regression.js";
import { indexModel } from "./index-model.js";
import { linear } from "./linear.js";
import { modularAddition } from "./modular-addition.js";
import { npz } from "./npz.js";
import { circles, moons, spirals, xor } from "./planar.js";
import type { Source } from "./source.js";
import { sphere } from "./sphere.js";

export const sources: readonly Source[] = [
  digits,
  idx,
  cifar10,
  npz,
  gaussianMixture,
  circles,
  moons,
  spirals,
  xor,
  sphere,
  indexModel,
  linear,
  sparseParity,
  staircase,
  modularAddition,
  inContextRegression,
  barsAndBlobs,
];
