/**
 * What a flow beside the gradient flow is: a curve that claims to be closer to descent with learning rate η than gradient flow is. A kind is
 * one file and one line of the registry; schema, docs, table, result, summary and figures come from what it declares. Knows no files.
 */
import type { z } from "zod";
import type { Program } from "../../engine/index.js";
import type { Graph } from "../../graph/index.js";
import type { Memory } from "../../memory.js";
import type { DescentLaw } from "../descent-law.js";
import type { Problem } from "../problem.js";

/** What a kind is made for: one learning rate of one study. */
export interface FieldSubject {
  readonly problem: Problem;
  readonly theta0: Float64Array;
  /** η of the descent that it stands beside, and how that descent goes. */
  readonly learningRate: number;
  readonly law: DescentLaw;
  /**
   * Where descent already oscillates about θ₀ when it begins: its own θ there, and how far to one side it is, d = (2θ_k − θ_{k−1} − θ_{k+1})/4. Absent where all
   * begin at θ₀.
   */
  readonly settled?: { readonly theta: Float64Array; readonly swing: Float64Array } | null;
  /** For draws of its own (`createRandom(seed).split(…)`): none of the run's random numbers are taken. */
  readonly seed: number;
  /** For what a continuation needs; names of its own are free. */
  readonly memory: Memory;
  /** A graph of `problem.family`, compiled once whoever asks, its work added to what this flow has cost (gradientEquivalents). */
  compile(graph: Graph): Promise<Program>;
}

/** What a flow says about descent at a state, by column of flows.csv; null or absent where it says nothing. */
export interface Predictions {
  /** The mean of L(θ_k) over descent's oscillation; where it is absent, L at the flow's own θ stands for it. */
  readonly meanLoss?: number | null;
  /** The mean of ‖∇L(θ_k)‖². */
  readonly meanSquaredGradient?: number | null;
  /** The mean of ‖θ_k − θ‖². */
  readonly variance?: number | null;
  /** Columns of its own, as `columns` names them. */
  readonly [column: string]: number | null | undefined;
}

/** A flow that is an ordinary differential equation y' = f(t, y), integrated with the study's solver and tolerances. */
export interface Equation {
  /** y(0); its length is the dimension. */
  readonly initial: Float64Array;
  /** out ← f(t, y) */
  field(t: number, y: Float64Array, out: Float64Array): Promise<void>;
  /** Whether f does not depend on t. */
  readonly isAutonomous: boolean;
  /** out ← the θ of this state. */
  theta(y: Float64Array, out: Float64Array): void;
  predict?(t: number, y: Float64Array): Promise<Predictions>;
  /** Why the field was last not a number, where it knows; the solver says only that it was not. */
  explain?(): FieldFailure | null;
}

/** A flow with steps of its own, from one step of descent to the next. All that it keeps between steps is in the subject's memory. */
export interface Walk {
  /** θ where it stands; at first θ₀. Valid until the next step. */
  readonly theta: Float64Array;
  /** From step k of descent to k + 1; why that cannot be done where it cannot, the state then being the last good one. */
  step(): Promise<FieldFailure | null>;
  /** At a step where it is compared: finds what only that asks for. */
  arrive?(): Promise<FieldFailure | null>;
  /** Where its way began that ends at `theta`, where that is not θ₀: it is begun anew at each step. */
  readonly from?: Float64Array;
  predict?(): Promise<Predictions>;
  /** Of length 1: where the last step predicts descent to oscillate, in the order of `variance.1`, …. */
  directions?(): readonly Float64Array[];
}

export interface FieldFailure {
  /** notDefined: the flow is not defined beyond this state; noSolution: its equations have none there; notConverged: what they need was not found with the work allowed. */
  readonly status: "nonFinite" | "stepTooSmall" | "maxSteps" | "notDefined" | "noSolution" | "notConverged";
  readonly message: string;
}

export type Course = Equation | Walk;

export interface FieldKind {
  /** Its name in `compare.flows`, in flows.csv and in result.json. */
  readonly name: string;
  /** In legends and tables. */
  readonly label: string;
  /** One or two sentences for the config reference. */
  readonly text: string;
  /** The descent that it describes. */
  readonly describes: DescentLaw["kind"];
  /** How often L has to be differentiable: a kind that asks for more than 1 is refused where the network has kinks. */
  readonly smoothness: 1 | 2 | 3;
  /** Whether it describes the mean of a descent that oscillates, so that descent's running averages are what it is to be compared with. */
  readonly describesMean: boolean;
  /** Whether `create` makes an Equation, for which the study's solver has to be fit, or a Walk. */
  readonly course: "equation" | "walk";
  /** Of an equation, the length of its state in that of θ. */
  readonly unknowns: number;
  /** Of an equation: whether its Jacobian's eigenvalues may be far from the real axis, along which alone stabilised methods are stable. */
  readonly spectrum: "real" | "complex";
  /** A rate of decay that an equation has whatever the loss: fixed steps have to be stable with it. */
  fastestRate?(subject: Pick<FieldSubject, "law" | "learningRate">): number;
  /** Fields of its section `compare.<name>`; none where it has nothing to set. */
  readonly fields: z.ZodRawShape;
  /** Why it cannot be had and what to do about it; null where it can. Cited at its entry of `compare.flows`. */
  refuse?(subject: FieldSubject, settings: never): Promise<string | null> | string | null;
  /** Vectors of P numbers that it holds at most, beside what every flow needs; for an estimate of memory. */
  vectors(settings: never): number;
  /** Directions at most along which it predicts a variance: `variance.1`, … among its columns. */
  axes(subject: Pick<FieldSubject, "theta0">, settings: never): number;
  /** Columns of its own in flows.csv. */
  columns(subject: Pick<FieldSubject, "theta0">, settings: never): readonly string[];
  create(subject: FieldSubject, settings: never): Promise<Course> | Course;
}

/** A kind, its settings typed by its fields. */
export function defineField<const F extends z.ZodRawShape>(kind: {
  readonly name: string;
  readonly label: string;
  readonly text: string;
  /** Default: gradient descent. */
  readonly describes?: DescentLaw["kind"];
  readonly smoothness: 1 | 2 | 3;
  readonly describesMean?: boolean;
  readonly course: "equation" | "walk";
  /** Default: 1. */
  readonly unknowns?: number;
  /** Default: real. */
  readonly spectrum?: "real" | "complex";
  readonly fastestRate?: (subject: Pick<FieldSubject, "law" | "learningRate">) => number;
  readonly fields?: F;
  readonly refuse?: (
    subject: FieldSubject,
    settings: z.output<z.ZodObject<F>>,
  ) => Promise<string | null> | string | null;
  readonly vectors?: (settings: z.output<z.ZodObject<F>>) => number;
  readonly axes?: (subject: Pick<FieldSubject, "theta0">, settings: z.output<z.ZodObject<F>>) => number;
  readonly columns?: (
    subject: Pick<FieldSubject, "theta0">,
    settings: z.output<z.ZodObject<F>>,
  ) => readonly string[];
  readonly create: (subject: FieldSubject, settings: z.output<z.ZodObject<F>>) => Promise<Course> | Course;
}): FieldKind {
  const absent = { describesMean: false, fields: {}, vectors: () => 2, axes: () => 0, columns: () => [] };
  return { describes: "gradient", unknowns: 1, spectrum: "real", ...absent, ...kind } as FieldKind;
}
