/**
 * The Runge–Kutta methods by name. Fixed step: `euler`, `heun`, `rk4`. Adaptive: `bs32`, `dopri5`, `tsit5`, `dop853`.
 * Pure data; `test/ode/tableaux.test.ts` checks every digit through the order conditions.
 */

import { ConfigError } from "../errors.js";
import { dop853 } from "./dop853.js";
import type { ControllerConstants, DenseOutput, Method } from "./tableau.js";

/** β = 0.04, factors 0.2 and 10: dopri5.f of Hairer and Wanner; we use them for every pair but dop853. */
const controller: ControllerConstants = { beta: 0.04, minFactor: 0.2, maxFactor: 10 };

const hermite: DenseOutput = {
  source: "cubic Hermite (Hairer, Nørsett, Wanner, Solving ODEs I, II.6)",
  order: 3,
  kind: "hermite",
  corrections: [],
  extraStages: [],
};

const euler: Method = {
  name: "euler",
  order: 1,
  source: "Euler 1768",
  stages: 1,
  a: [[]],
  b: [1],
  c: [0],
  fsal: false,
  error: null,
  dense: { source: "linear", order: 1, kind: "linear", corrections: [], extraStages: [] },
  controller: null,
};

const heun: Method = {
  name: "heun",
  order: 2,
  source: "Heun 1900 (explicit trapezoidal rule)",
  stages: 2,
  a: [[], [1]],
  b: [1 / 2, 1 / 2],
  c: [0, 1],
  fsal: false,
  error: null,
  dense: { ...hermite, order: 2 },
  controller: null,
};

const rk4: Method = {
  name: "rk4",
  order: 4,
  source: "Kutta 1901 (the classical method)",
  stages: 4,
  a: [[], [1 / 2], [0, 1 / 2], [0, 0, 1]],
  b: [1 / 6, 1 / 3, 1 / 3, 1 / 6],
  c: [0, 1 / 2, 1 / 2, 1],
  fsal: false,
  error: null,
  dense: hermite,
  controller: null,
};

const bs32: Method = {
  name: "bs32",
  order: 3,
  source: "Bogacki, Shampine, A 3(2) pair of Runge-Kutta formulas, Appl. Math. Lett. 2 (1989)",
  stages: 3,
  a: [[], [1 / 2], [0, 3 / 4]],
  b: [2 / 9, 1 / 3, 4 / 9],
  c: [0, 1 / 2, 3 / 4],
  fsal: true,
  error: { kind: "single", order: 2, weights: [5 / 72, -1 / 12, -1 / 9, 1 / 8] },
  dense: hermite,
  controller,
};

const dopri5: Method = {
  name: "dopri5",
  order: 5,
  source: "Dormand, Prince, A family of embedded Runge-Kutta formulae, J. Comp. Appl. Math. 6 (1980)",
  stages: 6,
  a: [
    [],
    [1 / 5],
    [3 / 40, 9 / 40],
    [44 / 45, -56 / 15, 32 / 9],
    [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
    [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  ],
  b: [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
  c: [0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1],
  fsal: true,
  error: {
    kind: "single",
    order: 4,
    weights: [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40],
  },
  dense: {
    source: "Shampine, Some practical Runge-Kutta formulas, Math. Comp. 46 (1986); CONTD5 of dopri5.f",
    order: 4,
    kind: "hermite",
    corrections: [
      [
        -12715105075 / 11282082432,
        0,
        87487479700 / 32700410799,
        -10690763975 / 1880347072,
        701980252875 / 199316789632,
        -1453857185 / 822651844,
        69997945 / 29380423,
      ],
    ],
    extraStages: [],
  },
  controller,
};

const tsit5: Method = {
  name: "tsit5",
  order: 5,
  source:
    "Tsitouras, Runge-Kutta pairs of order 5(4) satisfying only the first column simplifying assumption, Comp. Math. Appl. 62 (2011)",
  stages: 6,
  a: [
    [],
    [0.161],
    [-0.008480655492356989, 0.335480655492357],
    [2.8971530571054935, -6.359448489975075, 4.3622954328695815],
    [5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525],
    [5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383],
  ],
  b: [
    0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774,
  ],
  c: [0, 0.161, 0.327, 0.9, 0.9800255409045097, 1],
  fsal: true,
  error: {
    kind: "single",
    order: 4,
    weights: [
      -0.001780011052225777,
      -0.0008164344596567469,
      0.007880878010261995,
      -0.1447110071732629,
      0.5823571654525552,
      -0.45808210592918697,
      1 / 66,
    ],
  },
  // Its free quartic interpolant matches y and y' at both ends, so the x⁴ coefficients are the whole correction.
  dense: {
    source: "Tsitouras 2011, section 4 (x⁴ coefficients of the continuous weights)",
    order: 4,
    kind: "hermite",
    corrections: [
      [
        -1.0530884977290216, 0.1017, 2.490627285651253, -16.548102889244902, 47.37952196281928,
        -34.87065786149661, 2.5,
      ],
    ],
    extraStages: [],
  },
  controller,
};

/** Every method by its name. */
export const methods = { euler, heun, rk4, bs32, dopri5, tsit5, dop853 } as const satisfies Readonly<
  Record<string, Method>
>;

export type MethodName = keyof typeof methods;

export const methodNames = Object.keys(methods) as MethodName[];

/** The method itself, or the one of that name; an unknown name throws a `ConfigError` that lists the known ones. */
export function resolveMethod(method: Method | MethodName): Method {
  if (typeof method !== "string") return method;
  const found: Method | undefined = methods[method];
  if (found === undefined) {
    throw new ConfigError(`ode: method must be one of ${methodNames.join(", ")}, got "${method}".`);
  }
  return found;
}
