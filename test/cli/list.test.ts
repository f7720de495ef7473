import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { gradflow, temporaryFolder, writeStudy } from "./gradflow.js";

const folder = await temporaryFolder();
const study = await writeStudy(folder, "tiny.yaml", { "threads: 2": "threads: 1" });

beforeAll(async () => {
  await gradflow(
    folder,
    "sweep",
    study,
    "-m",
    "model.hidden=[4],[6]",
    "--out",
    "runs/widths",
    "--jobs",
    "2",
    "--quiet",
  );
  await gradflow(folder, "run", study, "--set", "flow.rtol=1e-10", "--out", "runs/tight", "--quiet");
  await mkdir(join(folder, "runs/broken"));
  await writeFile(join(folder, "runs/broken/manifest.json"), "{");
});

describe("gradflow list", () => {
  const names = (stdout: string) =>
    stdout
      .split("\n")
      .slice(1, -2)
      .map((line) => line.trim().split(/\s+/)[0]);

  it("finds records, those of sweeps too, and passes over what it cannot read with a message", async () => {
    const { code, stdout, stderr } = await gradflow(folder, "list");
    expect(code).toBe(1);
    expect(names(stdout)).toEqual(["tight", "widths/hidden-4", "widths/hidden-6"]);
    expect(stdout).toContain("3 of 3 records below runs");
    expect(stderr).toContain("broken/manifest.json: is not valid JSON");
  });

  it("chooses and sorts", async () => {
    expect(names((await gradflow(folder, "list", "runs", "--sort=-parameters")).stdout)[0]).toBe(
      "widths/hidden-6",
    );
    const chosen = [
      "--where",
      "model.hidden=4",
      "--where",
      "flow.rtol>1e-9",
      "--columns",
      "flow.rtol,descent.*.learningRate",
    ];
    const { stdout } = await gradflow(folder, "list", "runs", ...chosen);
    expect(stdout).toMatch(/widths\/hidden-4 +1e-8 +0\.1 0\.01\n1 of 3 records/);
    expect((await gradflow(folder, "list", "runs", "--where", "status!=reachedEnd")).stdout).toContain(
      "0 of 3 records",
    );
    const json = JSON.parse(
      (await gradflow(folder, "list", "runs", "--where", "parameters=38", "--json")).stdout,
    );
    expect(json).toMatchObject([
      { parameters: 38, "model.hidden": "6", status: "reachedEnd", parametersPerTarget: 38 / 16 },
    ]);
  });

  it.each([
    [["list", "nowhere"], "nowhere: no such folder"],
    [["list", "runs", "--where", "loss"], "--where loss: must have the form name=value"],
    [["list", "runs", "--where", "loss<small"], "< compares numbers"],
    [["list", "runs", "--sort", "los"], "no record has los"],
    [["list", "runs", "--columns", "loss,foo"], "no record has foo"],
  ])("%j", async (words, message) => {
    const { code, stdout, stderr } = await gradflow(folder, ...words);
    expect(stderr).toContain(message);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
  });
});

describe("gradflow compare", () => {
  it("names the settings that differ, and measures distances", async () => {
    const words = ["compare", "runs/widths/hidden-4", "runs/tight", "runs/widths/hidden-6"];
    const { code, stdout } = await gradflow(folder, ...words);
    expect(code).toBe(0);
    expect(stdout).toMatch(/flow\.rtol +1e-8 +1e-10 +1e-8/);
    expect(stdout).toMatch(/model\.hidden +4 +4 +6/);
    expect(stdout).not.toMatch(/flow\.tEnd|wallSeconds/);
    // Three values of at most 32 columns beside their name.
    for (const line of stdout.split("\n")) expect(line.length, line).toBeLessThan(160);
    const { distances } = JSON.parse((await gradflow(folder, ...words, "--json")).stdout);
    // Same start; the flows differ by the looser tolerance, 1e-8 a step, and no more than a few hundred times that.
    expect(distances[0]).toMatchObject({ initialParameters: 0, commonTimes: 21 });
    expect(distances[0].parameters).toBeGreaterThan(0);
    expect(distances[0].parameters).toBeLessThan(3e-6);
    expect(distances[0].loss).toBeLessThan(3e-6);
    // Networks of another size have no distance of parameters.
    expect(distances[1]).toMatchObject({ parameters: null, initialParameters: null, commonTimes: 21 });
  });

  it("leaves out what differs always, and says what last digits depend on and which files have changed", async () => {
    const { stdout } = await gradflow(folder, "compare", "runs/tight", "runs/widths/hidden-4");
    expect(stdout).not.toMatch(/hash|process|started|note:/);
    const rows = ["x,z", "1,2", "3,5"];
    const text = (await readFile(join(folder, study), "utf8")).replace(
      /dataset: .*/,
      "dataset: { kind: file, inputs: x.csv, targets: y.csv }",
    );
    await writeFile(join(folder, "file.yaml"), text);
    await writeFile(join(folder, "x.csv"), rows.join("\n"));
    await writeFile(join(folder, "y.csv"), "y\n1\n2\n");
    for (const out of ["runs/before", "runs/after"]) {
      const ended = await gradflow(folder, "run", "file.yaml", "--out", out, "--quiet");
      expect(ended.code, ended.stderr).toBe(0);
      await writeFile(join(folder, "y.csv"), "y\n1\n3\n");
    }
    const path = join(folder, "runs/after/manifest.json");
    const manifest = JSON.parse(await readFile(path, "utf8"));
    await writeFile(path, JSON.stringify({ ...manifest, node: "v24.0.0" }));
    const changed = await gradflow(folder, "compare", "runs/before", "runs/after");
    expect(changed.stdout).toMatch(/node +v\S+ +v24\.0\.0/);
    expect(changed.stdout).toContain("note: Last digits may differ for these alone: node.");
    expect(changed.stdout).toContain("a file that they name has changed between the runs");
  });

  it("refuses fewer than two, and what is no record", async () => {
    expect((await gradflow(folder, "compare", "runs/tight")).stderr).toContain("name at least two records");
    expect(await gradflow(folder, "compare", "runs/tight", "runs/nothing")).toMatchObject({
      code: 2,
      stdout: "",
    });
  });
});
