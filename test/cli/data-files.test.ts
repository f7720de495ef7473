import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { gradflow, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();

it("what was taken for a header stands on stderr, in the summary and in the record", async () => {
  await mkdir(join(folder, "data"));
  await writeFile(join(folder, "data/x.csv"), "0,1,2\n0.5,-1.0,0.25\n1.5,2.0,0.75\n-0.5,0.1,1e-05\n");
  await writeFile(join(folder, "data/y.csv"), ",0\n4,1.5\n2,-2.0\n7,0.25\n");
  const study = await writeStudy(folder, "data/study.yaml", {
    "{ kind: gaussian, samples: 8, inputDimension: 3, outputDimension: 2 }":
      "{ kind: file, inputs: x.csv, targets: y.csv }",
  });
  const { code, stdout, stderr } = await gradflow(folder, "run", study, "--out", "record");
  expect(code, stderr).toBe(0);
  const result = JSON.parse(await readFile(join(folder, "record/result.json"), "utf8"));
  expect(result).toMatchObject({ samples: 3, outputs: 1 });
  for (const part of [
    "x.csv: row 1 (0, 1, 2) is taken for a header of column numbers",
    "y.csv: the first column has no name in the header; it is taken for row numbers",
  ]) {
    expect(stderr).toContain(`note: ${part}`);
    expect(stdout).toContain(`note: ${part}`);
    expect(result.notes.join("\n")).toContain(part);
  }
});

it("a fault of initial parameters names field and file", async () => {
  await writeFile(join(folder, "theta.npy"), "PK\x03\x04");
  const study = await writeStudy(folder, "theta.yaml", {
    "  activation: { kind: tanh }": "  activation: { kind: tanh }\n  init: { kind: file, path: theta.npy }",
  });
  const { code, stderr } = await gradflow(folder, "run", study, "--out", "record-theta");
  expect(stderr).toMatch(/theta\.npy: model\.init\.path: is an \.npz archive/);
  expect(code).toBe(2);
});
