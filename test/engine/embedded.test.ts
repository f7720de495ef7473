/** A model that holds its data, as the CUDA provider gets it, run on the CPU: it must be the same function without their feeds. */
import { expect, test } from "vitest";
import { lowerToOnnx } from "../../src/engine/onnx/lower.js";
import { loadRuntime } from "../../src/engine/onnx/runtime.js";
import { compileReference } from "../../src/engine/reference.js";
import { makeCase } from "../support/networks.js";

const ort = loadRuntime();

test("bound inputs become part of the model", async () => {
  const { family, theta, bound } = makeCase({ kind: "gcn", seed: 5 });
  const graph = family.lossGradient("free");
  const session = await ort.InferenceSession.create(lowerToOnnx(graph, "float64", bound, true));
  expect(session.inputNames).toEqual(["theta"]);
  const outputs = await session.run({ theta: new ort.Tensor("float64", theta, [theta.length]) });
  const expected = compileReference(graph, bound).runSync({ theta }).gradient!;
  // float64 on both sides, other order of summation.
  expected.forEach((value, i) => {
    expect((outputs["gradient"]!.data as Float64Array)[i]).toBeCloseTo(value, 12);
  });
  await session.release();
});
