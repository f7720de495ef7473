/** The parts of the config about time: integration, gradient descent beside it, what is recorded and fitted. */
import { z } from "zod";
import { DEFAULT_TOLERANCES } from "../ode/defaults.js";
import { describeMethod } from "../ode/method.js";
import { adaptiveMethodNames, fixedMethodNames, methods } from "../ode/methods/index.js";

const positive = z.number().positive();
const count = z.int().min(1);

/** Each with its order and when to use it. */
const inWords = (names: readonly (keyof typeof methods)[]) =>
  names
    .map((name) => {
      const { order, use } = describeMethod(methods[name]);
      return `${name} (${order === null ? use : `order ${order}: ${use}`})`;
    })
    .join("; ");

const shared = {
  tEnd: positive.describe("End time, in the time of the configured loss."),
  clock: z
    .enum(["time", "log"])
    .exactOptional()
    .describe(
      "What the solver integrates over. time: t itself. log: τ with dt = dτ/L, so that θ_τ = −∇ln L, for losses with an exponential tail (exponential, logistic, cross-entropy), which follow the flow to t = 1e60 and beyond where L falls to zero; steps (firstStep, maxStep, stepSize) are then of τ, all other times of t, and the record has logTime and logLoss. Absent: time.",
    ),
  lossFactor: z
    .number()
    .gt(1)
    .exactOptional()
    .describe("The same as stopWhen.lossFactor, from before there was a section."),
  stopWhen: z
    .strictObject({
      lossFactor: z
        .number()
        .gt(1)
        .exactOptional()
        .describe(
          "Stop when the loss has fallen by this factor, L(t) = L(0)/lossFactor: status lossReached.",
        ),
      gradientNorm: positive
        .exactOptional()
        .describe(
          "Stop when ‖∇L‖ (while entries slide, the speed ‖θ'‖) has fallen to this: status stationary.",
        ),
      gradientFactor: z
        .number()
        .gt(1)
        .exactOptional()
        .describe("The same relative to the start: stop when ‖∇L‖ has fallen by this factor."),
    })
    .exactOptional()
    .describe(
      "Ends the run before tEnd at the first instant at which one of these holds, located inside the step. Absent: never.",
    ),
  maxGradientEvaluations: count
    .exactOptional()
    .describe(
      "Stop before more gradients of the flow are spent than this, those at the start included. Absent: no limit.",
    ),
  maxSteps: count.default(1_000_000).describe("Stop after this many accepted steps."),
  boundaries: z
    .enum(["auto", "exact", "stepping", "smooth", "detect", "off"])
    .default("auto")
    .describe(
      "Treatment of the kinks of a piecewise-polynomial activation. exact: crossings located, sliding modes followed; stepping: steps of second order go over any number of crossings and slides, adaptive or of size flow.stepSize, for networks whose events are too many to be gone to one by one (flow.method stays auto); detect: crossings counted and chatter diagnosed, the flow left as it is; smooth: kinks replaced by polynomials of half-width flow.smoothing, an approximation; off: nothing is watched; auto, in float64: exact up to 5 000 pre-activation entries whose events are expected to take at most five minutes, stepping beyond (detect where flow.method names a method); in float32 detect. The record says which it was, and where it is not exact why.",
    ),
  smoothing: positive
    .exactOptional()
    .describe("Half-width ε of the polynomial that replaces a kink; with boundaries: smooth only."),
  compareSmoothing: z
    .array(positive)
    .default([])
    .describe(
      "Half-widths ε. For each the flow of the smoothed network is integrated as well, from the same start with the same method, and its distance from the flow at the end is reported.",
    ),
};

export const flowSchema = z
  .discriminatedUnion("method", [
    z.strictObject({
      method: z
        .enum(adaptiveMethodNames)
        .default("auto")
        .optional()
        .describe(`Adaptive: ${inWords(adaptiveMethodNames)}. gradflow methods says more.`),
      rtol: positive
        .default(DEFAULT_TOLERANCES.rtol)
        .describe(
          "Relative tolerance of the error of one step; at least 1e-5 in float32. Under boundaries: stepping the error of a step may be rtol·‖θ‖/200 (1e-1 to 3e-3 are sensible there).",
        ),
      atol: positive
        .default(DEFAULT_TOLERANCES.atol)
        .describe("Absolute tolerance of the error of one step."),
      firstStep: positive.exactOptional().describe("First step. Absent: chosen from the problem (Hairer)."),
      maxStep: positive.exactOptional().describe("Largest step. Absent: no limit."),
      stepSize: positive
        .exactOptional()
        .describe(
          "Fixed steps of this size in place of controlled ones; with boundaries: stepping only, tolerances then have no meaning.",
        ),
      errorCheck: z
        .boolean()
        .default(false)
        .describe(
          "Integrate a second time at a tenth of the tolerances (under boundaries: stepping at 0.3 of them) and report the error that the first run made at the end, and what of each gap between flow and descent it can explain; error-check.csv has the second loss at the recorded times, figures a band of it.",
        ),
      ...shared,
    }),
    z.strictObject({
      method: z.enum(fixedMethodNames).describe(`Fixed step: ${inWords(fixedMethodNames)}.`),
      stepSize: positive.describe("The step."),
      ...shared,
    }),
  ])
  .describe("Gradient flow θ' = −∇L(θ) and how it is integrated.");

export const descentSchema = z
  .strictObject({
    learningRates: z
      .array(positive)
      .default([])
      .describe(
        "One gradient-descent run θ ← θ − η∇L per learning rate η, compared with the flow at t = kη.",
      ),
    kind: z
      .enum(["gradient", "momentum", "nesterov"])
      .exactOptional()
      .describe(
        "momentum: v ← βv − η∇L(θ), θ ← θ + v; nesterov: the same with the gradient at θ + βv. Both are compared with the flow at t = kη/(1 − β). Absent: gradient.",
      ),
    momentum: z.number().min(0).lt(1).exactOptional().describe("β of momentum and nesterov. Absent: 0.9."),
    batch: count
      .exactOptional()
      .describe(
        "b: each step takes the gradient on b of the n samples of training, weighted so that its mean over the batches is ∇L; the flow keeps all of them. Absent: all.",
      ),
    sampling: z
      .enum(["epochs", "independent"])
      .exactOptional()
      .describe(
        "How batches are drawn. epochs: a permutation of the samples after another, cut into batches; where b does not divide n a batch takes the end of one and the beginning of the next. independent: b different samples, anew for every step. Absent: epochs.",
      ),
    seed: z
      .int()
      .nonnegative()
      .exactOptional()
      .describe("Seed of the batches, the same ones for every learning rate. Absent: the study's seed."),
    settle: z
      .int()
      .nonnegative()
      .exactOptional()
      .describe(
        "Steps that the descent has made before t = 0: it begins where these lead from the initial parameters, flow and flows beside it at its running average there (over compare.average steps, 40 where that is absent). So a study begins where descent already oscillates at the edge of stability, and so does a search of stability. With one learning rate. Absent or 0: everything begins at the initial parameters.",
      ),
    countFlips: z
      .boolean()
      .default(false)
      .describe(
        "Count how often pre-activations change their piece from one descent step to the next. Costs one evaluation of the network a step.",
      ),
  })
  .describe(
    "Gradient descent beside the flow, plain or with momentum, on all samples or on batches of them.",
  );

const layer = count
  .default(1)
  .describe(
    "Layer that the raster figure of activation pieces shows, counted from 1 over the hidden layers.",
  );
const points = count.default(200).describe("Number of recorded times besides t = 0.");

const checkpoint = z
  .number()
  .nonnegative()
  .default(30)
  .describe(
    "Seconds from one checkpoint to the next, and at least 60 times what writing one takes, up to two minutes; gradflow resume goes on from the last. An interruption writes one too, unless it falls into a kernel's measurement or finds descents more than 128 MB of states behind, which the run then says. 0 writes none. Not part of the hash.",
  );

export const recordSchema = z
  .discriminatedUnion("at", [
    z.strictObject({
      at: z.literal("log").default("log").optional().describe("At logarithmically spaced times."),
      points,
      layer,
      checkpoint,
      from: positive.exactOptional().describe("First recorded time after 0. Absent: tEnd/10 000."),
    }),
    z.strictObject({
      at: z.literal("linear").describe("At equally spaced times."),
      points,
      layer,
      checkpoint,
    }),
    z.strictObject({ at: z.literal("steps").describe("After every accepted step."), layer, checkpoint }),
  ])
  .describe("When a row is written to the series.");

export const decaySchema = z
  .strictObject({
    from: z
      .number()
      .nonnegative()
      .exactOptional()
      .describe("Start of the window. Absent: half of the time reached."),
    to: positive.exactOptional().describe("End of the window. Absent: the time reached."),
  })
  .describe("The window in which the exponential rate of ‖r‖² is fitted.");
