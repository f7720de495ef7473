/** The part of the config about what is measured along the flow beside the series. */
import { z } from "zod";
import { fields } from "../flow/fields/registry.js";
import { measureSection, measures } from "../measure/index.js";

const count = z.int().min(1);

const ntkSchema = z
  .strictObject({
    at: z
      .enum(["log", "linear"])
      .default("log")
      .describe(
        "Times at which the kernel is taken, besides t = 0: spaced logarithmically or evenly up to tEnd.",
      ),
    points: count.default(30).describe("Number of those times."),
    method: z
      .enum(["auto", "svd", "eig", "layer-product", "lanczos"])
      .default("auto")
      .describe(
        "svd: singular values of J, the most accurate; eig: eigenvalues of G = JJᵀ; layer-product: the same with G assembled layer by layer without J, not for a gcn; lanczos: matrix-free, for any size, extreme eigenvalues only; auto: svd up to nM = 2 000 if the memory suffices, else layer-product or eig, lanczos beyond.",
      ),
    spectrum: count
      .max(200)
      .default(20)
      .describe(
        "Eigenvalues written at each time: ranks spread from both ends of the spectrum, or by lanczos the largest that were found.",
      ),
    eigenfunctions: z
      .boolean()
      .default(false)
      .describe("Write the eigenvectors of those ranks at t = 0, as functions on the data [mode, n, M]."),
    tolerance: z
      .number()
      .positive()
      .max(0.1)
      .default(1e-3)
      .describe("lanczos: an eigenvalue counts as found when its residual is this part of it."),
    products: count
      .min(10)
      .default(600)
      .describe(
        "lanczos: most products with the kernel that λ_min may cost at one time; each costs about two gradients.",
      ),
    memory: z
      .number()
      .positive()
      .default(4)
      .describe("Refuse a method that needs more than this many gigabytes."),
    vacuousBelow: z
      .number()
      .positive()
      .default(0.01)
      .describe(
        "The bound is called vacuous while 4c∫λ_min is below this: it then promises a fall of less than that share.",
      ),
    density: z
      .strictObject({
        probes: count.default(10).describe("Random start vectors."),
        steps: count.min(2).default(60).describe("Products with the kernel per start vector."),
      })
      .exactOptional()
      .describe(
        "Spectral density by stochastic Lanczos quadrature at the first and the last time. Absent: only where a dense method has all eigenvalues anyway.",
      ),
  })
  .describe(
    "The tangent kernel G = JJᵀ of the outputs along the flow, and the exponential bound by its smallest eigenvalue.",
  );

/** One section per measure of the registry; each says its own type. */
const sections = Object.fromEntries(
  measures.map((measure) => [
    measure.name,
    measureSection(
      measure,
      fields.map(({ name }) => name),
    ).exactOptional(),
  ]),
);

const shape = { ...sections, ntk: ntkSchema.exactOptional() };

export const measureSchema = (
  z.strictObject(shape) as unknown as z.ZodObject<Pick<typeof shape, "ntk">>
).describe("What is measured along the flow and the descents beside the series; nothing unless named here.");

/** The settings of `gradflow ntk` and `gradflow check` for a study that has none. */
export const ntkDefaults = (): z.output<typeof ntkSchema> => ntkSchema.parse({});
