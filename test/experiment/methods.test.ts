import { existsSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig } from "../../src/config/load.js";
import { measureWorkPrecision } from "../../src/experiment/work-precision.js";
import { setUpRuns, study } from "./runs.js";

const run = setUpRuns();
const auto = [
  "flow.method=auto",
  "flow.tEnd=300",
  "flow.rtol=1e-5",
  "flow.atol=1e-5",
  "flow.errorCheck=true",
];

test("auto: phases, sharpness and achieved error stand in the record", async () => {
  const { result, record, directory } = await run([...auto, "descent.learningRates=[0.05,3]"]);
  expect(result.status).toBe("reachedEnd");
  expect(result.phases.map(({ method }) => method)).toContain("tsrkc3");
  const table = readFileSync(join(directory, "methods.csv"), "utf8").trim().split("\n");
  expect(table).toHaveLength(1 + result.phases.length);
  const sharpness = result.sharpness!;
  // The last measurement stands in the last row that has one, with its own time.
  const told = record.series.sharpness.findLastIndex((value) => !Number.isNaN(value));
  expect(record.series.sharpness[told]).toBe(sharpness.value);
  expect(record.series.sharpnessTime[told]).toBe(sharpness.time);
  expect(sharpness.largest).toBeGreaterThanOrEqual(sharpness.value);
  // The grant, the share of the run after rejected steps, and one measurement that went over.
  expect(sharpness.gradientEquivalents).toBeLessThan(45 + 0.12 * result.gradientEvaluations);
  expect(result.descent.map(({ sharpnessLimit }) => sharpnessLimit)).toEqual([40, 2 / 3]);
  expect(result.notes.join()).toContain("above 2/η = 0.6667");

  const check = result.errorCheck!;
  const tight = await run(["flow.method=dop853", "flow.tEnd=300", "flow.rtol=1e-10", "flow.atol=1e-10"]);
  const loose = await run(auto.slice(0, 4));
  const distance = Math.abs(loose.result.loss! - tight.result.loss!);
  expect(check.status).toBe("reachedEnd");
  expect(check.error!).toBeGreaterThan(0);
  expect(check.relativeToDistance!).toBeLessThan(0.02);
  // The gap's two parts: no side of the triangle is longer than the other two together, up to rounding.
  const [split] = check.gaps;
  expect(check.gaps).toHaveLength(1);
  expect([split!.learningRate, split!.time]).toEqual([0.05, 300]);
  expect(split!.measuredGap).toBe(result.descent[0]!.parameterGap);
  expect(split!.solverError).toBeCloseTo(check.error!, 12);
  expect(Math.abs(split!.measuredGap - split!.gap)).toBeLessThanOrEqual(split!.solverError * (1 + 1e-9));
  // The gap itself is that of a run of its own at a far tighter tolerance: the check's error is a hundredth of the first run's.
  const alone = await run([
    ...["flow.method=dop853", "flow.tEnd=300", "flow.rtol=1e-10", "flow.atol=1e-10"],
    "descent.learningRates=[0.05]",
  ]);
  expect(Math.abs(split!.gap - alone.result.descent[0]!.parameterGap!)).toBeLessThan(split!.solverError);
  // Equal settings give equal runs, and a loss as near as the parameters are.
  expect(loose.result.loss!).toBe(result.loss);
  expect(distance).toBeLessThan(10 * check.error!);
});

test("rodas4 ends where auto ends, and says what its Hessians cost", async () => {
  const set = ["flow.tEnd=30", "flow.rtol=1e-6", "flow.atol=1e-6"];
  const a = await run([...set, "flow.method=rodas4"]);
  const b = await run([...set, "flow.method=auto"]);
  expect(a.result.status).toBe("reachedEnd");
  expect(Math.abs(a.result.loss! / b.result.loss! - 1)).toBeLessThan(1e-3);
  expect(a.result.notes.join()).toContain("Hessian products");
  await expect(run(["flow.method=rodas4", "model.hidden=[60,60]"])).rejects.toThrow(
    "at most 2000 parameters",
  );
});

test("work-precision: rows, files, and errors that fall with the tolerance", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gradflow-wp-"));
  const file = join(folder, "study.yaml");
  await writeFile(file, study);
  const loaded = await loadConfig(file, { set: ["flow.tEnd=50"] });
  const directory = join(folder, "out");
  const options = { methods: ["auto", "tsrkc3"], tolerances: [1e-3, 1e-6], directory };
  const { rows, files, reference } = await measureWorkPrecision(loaded, options);
  expect(rows.map(({ method, rtol }) => [method, rtol])).toEqual([
    ["auto", 1e-3],
    ["auto", 1e-6],
    ["tsrkc3", 1e-3],
    ["tsrkc3", 1e-6],
  ]);
  expect(rows[1]!.error!).toBeLessThan(rows[0]!.error!);
  expect(rows[3]!.error!).toBeLessThan(rows[2]!.error!);
  expect(reference.uncertainty).toBeLessThan(rows[1]!.error!);
  expect(files.every((path) => existsSync(path))).toBe(true);
  expect(files.map((path) => path.split(".").pop())).toEqual(["csv", "json", "svg", "png"]);
  await expect(measureWorkPrecision(loaded, { ...options, methods: ["rk4"] })).rejects.toThrow(
    "workprecision: methods must be among auto",
  );
  await expect(measureWorkPrecision(loaded, { ...options, tolerances: [0] })).rejects.toThrow("tolerances");
  await rm(folder, { recursive: true });
});
