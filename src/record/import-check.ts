/** What a record says of an ONNX file: whether gradflow makes of it what ONNX Runtime makes. */

export interface ImportCheckResult {
  /** Name and version. */
  readonly runtime: string;
  /** In which the runtime computed the file; null where it did not. */
  readonly precision: "float64" | "float32" | null;
  /** Why not in float64, or not at all; null where it computed in float64. */
  readonly reason: string | null;
  /** Random inputs. */
  readonly samples: number;
  /**
   * The largest difference of an output from the runtime's, over the largest output or its sensitivity to rounding; at the parameters of the file
   * or at moved ones, whichever is larger. Null where there is nothing to compare.
   */
  readonly difference: number | null;
  /** What rounding in that precision may come to. */
  readonly allowed: number | null;
  /** Relative differences of the gradient along a random direction from difference quotients of our loss and, in float64, of the runtime's; null where they do not settle. */
  readonly derivative: number | null;
  readonly runtimeDerivative: number | null;
  /** What disagreed on random inputs between the extremes of the data, where these numbers are of inputs between −1 and 1. Absent where nothing did. */
  readonly atData?: string;
}

/** In one sentence. */
export function describeImportCheck(check: ImportCheckResult): string {
  const { runtime, precision, reason, samples, difference, allowed, derivative, runtimeDerivative, atData } =
    check;
  const show = (value: number | null): string => (value === null ? "unknown" : value.toExponential(1));
  const quotients = [
    ...(derivative === null ? [] : [`${show(derivative)} of difference quotients of its own loss`]),
    ...(runtimeDerivative === null ? [] : [`${show(runtimeDerivative)} of the runtime's`]),
  ];
  const gradient =
    quotients.length === 0 ? "the gradient was not compared" : `gradient within ${quotients.join(", ")}`;
  if (precision === null) return `not compared with ${runtime} (${reason}); ${gradient}`;
  const far =
    atData === undefined
      ? ""
      : `. Between the extremes of the data not: ${atData}; where the network saturates the runtime's own functions can be that far off. Which of the two is right there is not known`;
  const isRounding = difference !== null && allowed !== null && difference <= allowed;
  const limit = isRounding
    ? `where rounding allows ${show(allowed)}`
    : `more than its rounding (${show(allowed)}); float32 constants in the runtime's expansions of operators would explain it`;
  return `as ${runtime} has it in ${precision}: outputs within ${show(difference)} of it on ${samples} random inputs${atData === undefined ? "" : " between -1 and 1"}, ${limit}; ${gradient}${far}`;
}
