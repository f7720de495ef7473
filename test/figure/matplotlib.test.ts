import { spawnSync } from "node:child_process";
import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { drawFigures } from "../../src/figure/draw.js";
import { drawSweepFigures } from "../../src/figure/draw-sweep.js";
import { PLOT_SCRIPT } from "../../src/figure/matplotlib.js";
import { syntheticRecord, syntheticResult } from "../record/synthetic.js";
import { syntheticKernel, syntheticSweep } from "../record/synthetic-sweep.js";
import { lacksPython, PYTHON, runPython } from "../support/python.js";

/** What the script has drawn, as JSON: the labels of the y axis and the points drawn without a line. */
const LOOK = `import json, runpy, sys
from pathlib import Path
import matplotlib.figure
seen, save = {}, matplotlib.figure.Figure.savefig
def look(figure, path, *words, **more):
    axis = figure.axes[0]
    dots = [[float(x), float(y)] for line in axis.get_lines() if line.get_linestyle() == "None" and line.get_marker() == "o" for x, y in line.get_xydata()]
    seen[Path(path).stem.removesuffix("-print")] = {"labels": [label.get_text() for label in axis.get_yticklabels()], "dots": dots}
matplotlib.figure.Figure.savefig = look
sys.stdout = sys.stderr
runpy.run_path(str(Path(__file__).parent / "plot.py"))
sys.stdout = sys.__stdout__
print(json.dumps(seen))
`;
const folder = await mkdtemp(join(tmpdir(), "gradflow-plot-"));
afterAll(() => rm(folder, { recursive: true, force: true }));
const missing = lacksPython("matplotlib");

test.skipIf(missing !== null)(
  `the script beside the figures draws each of them as PDF (${missing ?? "matplotlib"})`,
  async () => {
    const writer = await syntheticRecord({ directory: join(folder, "run") });
    writer.series.append({ t: 90, loss: 0 });
    writer.series.append({ t: 95, loss: Number.POSITIVE_INFINITY });
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
    // A median of zero, an upper bound and an infinite one stand in their lanes.
    await syntheticSweep(
      join(folder, "sweep"),
      [0, 0, 1e-3].map((value) => ({ ntk: syntheticKernel(value, "certified", 1e-9) })),
      [
        {
          ...{ kind: "points", name: "lambda", x: "parametersPerTarget", y: "ntk.final.lambdaMin.value" },
          ...{ group: [], xScale: "log", yScale: "log" },
        },
      ],
    );
    await drawSweepFigures(join(folder, "sweep"));
    for (const ending of ["csv", "json"])
      await copyFile(join(folder, `sweep/figures/lambda.${ending}`), join(figures, `lambda.${ending}`));
    await writeFile(join(figures, "look.py"), LOOK);
    const { status, stdout, stderr } = spawnSync(PYTHON, [join(figures, "plot.py")], {
      encoding: "utf8",
      timeout: 600_000,
    });
    expect(status, stderr).toBe(0);
    expect(stdout.trim().split("\n").length).toBe(4);
    for (const name of ["loss", "gap", "widths", "lambda"]) {
      const pdf = await readFile(join(figures, `${name}-print.pdf`));
      expect(pdf.subarray(0, 5).toString()).toBe("%PDF-");
    }
    const seen = runPython(join(figures, "look.py")) as Record<
      string,
      { labels: string[]; dots: number[][] }
    >;
    const zero = { lambda: seen["lambda"]!, loss: seen["loss"]! };
    for (const { labels } of Object.values(zero)) expect(labels).toContain("0");
    expect(seen["loss"]!.labels).toContain("∞");
    // Of the loss: t = 0 of the flow and of three descents, the zero below the scale, the infinity above it; of the sweep the one point, below its scale.
    expect(seen["loss"]!.dots.length).toBe(6);
    expect(seen["lambda"]!.dots.length).toBe(1);
  },
);

const lacksLatex = missing ?? (spawnSync("latex", ["--version"]).status === 0 ? null : "no latex");

test.skipIf(lacksLatex !== null)(
  `usetex has LaTeX set the words of a study that asks for it, and says how to ask (${lacksLatex ?? "latex"})`,
  async () => {
    const run = join(folder, "latex");
    const writer = await syntheticRecord({ directory: run });
    await writer.finish(syntheticResult(run));
    await drawFigures(run);
    const plot = () =>
      spawnSync(PYTHON, [join(run, "figures/plot.py"), "pdf", "usetex"], { encoding: "utf8" });
    const plain = plot();
    expect(plain.status).toBe(1);
    expect(plain.stderr).toMatch(/^usetex: .*--set figure\.latex=true/);
    const path = join(run, "config.resolved.json");
    const config = JSON.parse(await readFile(path, "utf8"));
    await writeFile(path, JSON.stringify({ ...config, figure: { latex: true } }));
    await drawFigures(run);
    const { status, stderr } = plot();
    expect(status, stderr).toBe(0);
    // Fonts of TeX are in it, none of matplotlib's.
    const pdf = await readFile(join(run, "figures/loss-print.pdf"), "latin1");
    expect(pdf).toMatch(/CMR|SFRM|CMMI/);
    expect(pdf).not.toContain("DejaVu");
  },
);
