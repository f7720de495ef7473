/** What an operator of ONNX is: a function from what flows in to what flows out. */
import type { Call } from "./call.js";
import type { Value } from "./value.js";

export interface Operator {
  run(call: Call): Value | readonly Value[];
  /** Inputs that are constants of the operator and are not trained, counted from 0. */
  readonly fixed?: readonly number[];
  /** The input that is a bias. */
  readonly bias?: number;
}

export type Operators = Readonly<Record<string, Operator>>;

/** Of one output that takes nothing but inputs. */
export const operator = (run: Operator["run"], about: Omit<Operator, "run"> = {}): Operator => ({
  run,
  ...about,
});
