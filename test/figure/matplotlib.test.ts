import { spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { drawFigures } from "../../src/figure/draw.js";
import { PLOT_SCRIPT } from "../../src/figure/matplotlib.js";
import { syntheticRecord, syntheticResult } from "../record/synthetic.js";
import { lacksPython, PYTHON } from "../support/python.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-plot-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
const missing = lacksPython("matplotlib");

test.skipIf(missing !== null)(
  `the script beside the figures draws each of them as PDF (${missing ?? "matplotlib"})`,
  async () => {
    const writer = await syntheticRecord({ directory: join(folder, "run") });
    await writer.finish(syntheticResult(join(folder, "run")));
    await drawFigures(join(folder, "run"));
    const figures = join(folder, "run/figures");
    expect(await readFile(join(figures, "plot.py"), "utf8")).toBe(PLOT_SCRIPT);
    // Of a sweep: bands, and words on the axis.
    await writeFile(
      join(figures, "widths.csv"),
      "curve,x,value,low,high\nall runs,relu,1,0.5,2\nall runs,tanh,3,2,4\n",
    );
    await writeFile(join(figures, "widths.json"), "{}");
    const { status, stdout, stderr } = spawnSync(PYTHON, [join(figures, "plot.py")], {
      encoding: "utf8",
      timeout: 60_000,
    });
    expect(status, stderr).toBe(0);
    expect(stdout.trim().split("\n").length).toBe(3);
    for (const name of ["loss", "gap", "widths"]) {
      const pdf = await readFile(join(figures, `${name}-print.pdf`));
      expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
    }
  },
);
