/** Words of figures as mathematics, and what the section `figure` of a sweep's study does to the sweep's own pictures. */
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { latexOf } from "../../src/figure/latex.js";
import { lossFigure } from "../../src/figure/loss.js";
import { buildSweepFigures } from "../../src/figure/sweep-figures.js";
import { readRecord } from "../../src/record/reader.js";
import { syntheticSweep } from "../record/synthetic-sweep.js";

const folder = await mkdtemp(join(tmpdir(), "gradflow-latex-"));
afterAll(() => rm(folder, { recursive: true }));

describe("a text as LaTeX", () => {
  it.each([
    ["time t", "time $t$"],
    ["parameter gap ‖θ(t) − θₖ‖", String.raw`parameter gap $\|\theta (t) - \theta _{k}\|$`],
    ["sharpness λ_max(∇²L)", String.raw`sharpness $\lambda _{\mathrm{max}}(\nabla ^{2}L)$`],
    ["GD η = 0.25, diverged at step 3", String.raw`GD $\eta = 0.25$, diverged at step 3`],
    ["fit ∝ exp(−0.204 t), R² = 0.9963", String.raw`fit $\propto \exp (-0.204 t)$, $R^{2} = 0.9963$`],
    ["μ = ‖∇L‖²/(L − L*)", String.raw`$\mu = \|\nabla L\|^{2}/(L - L*)$`],
    ["cos(θ, −∇L)", String.raw`$\cos (\theta , -\nabla L)$`],
    ["q/‖θ‖^Λ", String.raw`$q/\|\theta \|^{\Lambda}$`],
    ["Σ p(q/q_min − 1)", String.raw`$\Sigma p(q/q_{\mathrm{min}} - 1)$`],
    ["hidden 4, P = 30, P/nM = 1.25", "hidden 4, $P = 30$, $P/nM = 1.25$"],
    ["canonical time τ = 2ct", String.raw`canonical time $\tau = 2ct$`],
    ["10⁻³", "$10^{-3}$"],
    ["0.5", "0.5"],
    // Words stay words: a name of a parameter, a price, letters of other alphabets.
    ["σ₁ of layers.0.weight", String.raw`$\sigma _{1}$ of layers.0.weight`],
    ["a run_1 of $5, naïve", String.raw`a run_1 of \$5, naïve`],
  ])("%s", (text, latex) => {
    expect(latexOf(text)).toBe(latex);
  });
});

describe("the section figure of a study", () => {
  const sweep = join(folder, "sweep");
  const scales = { xScale: "linear", yScale: "log" } as const;
  const draw = async (figure: object) => {
    for (const seed of [0, 1]) {
      const path = join(sweep, `seed-${seed}/config.resolved.json`);
      const config = JSON.parse(await readFile(path, "utf8"));
      await writeFile(path, JSON.stringify({ ...config, figure }));
    }
    const built = await buildSweepFigures(sweep);
    return built.map(({ drawing, pdf }) => ({
      pdf,
      spec: drawing!.spec as unknown as Record<string, unknown>,
    }));
  };

  beforeAll(async () => {
    await syntheticSweep(
      sweep,
      [{}, {}],
      [
        { kind: "curves", name: "loss", y: "loss", tables: ["series", "descent"], ...scales },
        { kind: "points", name: "ends", x: "parameters", y: "loss", group: [], ...scales },
      ],
    );
  });

  it("gives all figures of a sweep their size, title, PDF and LaTeX", async () => {
    for (const { spec, pdf } of await draw({})) {
      expect(spec).toMatchObject({ width: 560, height: 330, title: { text: "seeds" } });
      expect(spec["usermeta"]).not.toHaveProperty("latex");
      expect(pdf).toBe(false);
    }
    const asked = { width: 400, height: 200, title: "Mine", pdf: true, latex: true };
    const [curves, points] = await draw(asked);
    for (const one of [curves!, points!]) {
      expect(one.spec).toMatchObject({ width: 400, height: 200, title: { text: "Mine" } });
      expect(one.pdf).toBe(true);
    }
    // Parts of names that a legend shows alone are there too.
    expect(curves!.spec["usermeta"]).toMatchObject({
      latex: { "loss L": "loss $L$", "η = 0.5": "$\\eta = 0.5$" },
    });
    expect(points!.spec["usermeta"]).toMatchObject({ latex: { "parameters P": "parameters $P$" } });
  });

  it("gives the script of a run its texts as LaTeX, where asked", async () => {
    const record = await readRecord(join(sweep, "seed-0"));
    const latexIn = (figure: object) =>
      (
        lossFigure.build({ ...record, config: { ...record.config, figure } })!.spec.usermeta as {
          latex?: object;
        }
      ).latex;
    expect(latexIn({})).toBeUndefined();
    expect(latexIn({ latex: true })).toMatchObject({ "time t": "time $t$", "loss L": "loss $L$" });
  });
});
