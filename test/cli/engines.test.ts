/** Engines by name on the command line: which one ran, and what is said of one that is not there. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { RunResult } from "../../src/record/result.js";
import { presentEngines } from "../support/engines.js";
import { gradflow, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();
const study = await writeStudy(folder, "study.yaml", {});
const present = new Set((await presentEngines()).map(({ label }) => label));

async function refusal(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await gradflow(folder, "run", study, "--out", "absent", ...words);
  expect(stdout).toBe("");
  expect(stderr).not.toContain("    at ");
  expect(existsSync(join(folder, "absent"))).toBe(false);
  expect(code).toBe(2);
  return stderr;
}

describe("an engine that is not there", () => {
  it.skipIf(present.has("onnx cuda float64"))("onnx:cuda is refused with its command", async () => {
    const said = await refusal("--engine", "onnx:cuda");
    expect(said).toContain("engine.device: cuda is not there: ");
    expect(said).toMatch(
      /Install it with: node .*onnxruntime-node.script.install\.js --onnxruntime-node-install /,
    );
  });

  it.skipIf(present.has("tfjs cuda"))("tfjs:cuda is refused with its command", async () => {
    const said = await refusal("--engine", "tfjs:cuda", "--set", "flow.rtol=1e-4");
    expect(said).toContain("engine.backend: cuda is not there: ");
    expect(said).toContain("Install it with: npm install --save-optional @tensorflow/tfjs-node-gpu@");
  });

  it.skipIf(present.has("tfjs cuda"))("the study's own line is named", async () => {
    const own = await writeStudy(folder, "own.yaml", {
      "kind: onnx, dtype: float64": "kind: tfjs, backend: cuda",
      "rtol: 1e-8": "rtol: 1e-4",
    });
    const { code, stderr } = await gradflow(folder, "check", own);
    expect(stderr).toMatch(/own\.yaml:\d+: engine\.backend: cuda is not there: /);
    expect(code).toBe(2);
  });

  it.each([
    ["tpu", "--engine tpu: tpu is none of onnx, tfjs, reference."],
    ["tfjs:wasm:cpu", "--engine tfjs:wasm:cpu: backend is given twice"],
    ["onnx:wasm", "after onnx may stand cpu, cuda, float64, float32, not wasm."],
    ["reference:cpu", "after reference may stand nothing, not cpu."],
  ])("--engine %s is explained", async (engine, message) => {
    expect(await refusal("--engine", engine)).toContain(message);
  });

  it("has no float64 in TensorFlow.js, no implicit method over tensors, and says so", async () => {
    const said = await refusal("--engine", "tfjs:cpu", "--set", "flow.method=rodas4");
    expect(said).toContain(
      "float32 cannot honour rtol below about 1e-5, got 1e-8; raise flow.rtol or set engine.kind: onnx",
    );
    expect(said).toContain("flow.method: rodas4 computes in float64 arrays");
    expect(await refusal("--set", "engine={kind: tfjs, dtype: float64}")).toContain(
      "engine.dtype: must be float32",
    );
  });
});

describe("an engine that is there", () => {
  it("is named in the record; auto says what it took and why", async () => {
    const { code, stdout, stderr } = await gradflow(
      folder,
      ...["run", study, "--engine", "tfjs", "--set", "flow.rtol=1e-4", "--set", "flow.atol=1e-6"],
      ...["--json", "--quiet"],
    );
    expect(code, stderr).toBe(0);
    const result = JSON.parse(stdout) as RunResult;
    expect(result).toMatchObject({ engine: "tfjs", dtype: "float32", state: "resident" });
    const best = ["cuda", "node", "wasm"].find((backend) => present.has(`tfjs ${backend}`));
    expect(result.device).toBe(best);
    expect(result.notes[0]).toContain(`engine.backend: auto took ${best}.`);
  });
});
