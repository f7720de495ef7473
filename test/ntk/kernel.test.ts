/** The kernel in each of its forms, against differences and against one another, for every model and activation. */
import { describe, expect, test } from "vitest";
import { createReferenceEngine } from "../../src/engine/index.js";
import { createTangentKernel, type KernelState, outputScalars } from "../../src/ntk/index.js";
import { affineLayers, allCases, type Case, makeCase, randomVector } from "../support/networks.js";

const compile = (graph: Parameters<ReturnType<typeof createReferenceEngine>["compile"]>[0], bound = {}) =>
  createReferenceEngine().compile(graph, bound);

const kernelOf = ({ family, bound }: Case, scalars?: readonly number[]) =>
  createTangentKernel({ family, compile, data: bound, ...(scalars && { scalars }) });
const free = ({ theta }: Case): KernelState => ({ theta, pieces: null, held: [] });

/** J by central differences of all outputs, or of all hidden pre-activations. */
async function differences(
  { family, bound, theta }: Case,
  of: "outputs" | "preactivations",
): Promise<Float64Array> {
  const graph = of === "outputs" ? family.predict() : family.preactivations("free");
  const program = await compile(graph, bound);
  const name = of === "outputs" ? "output" : "z";
  const at = async (i: number, h: number) =>
    (await program.run({ theta: theta.map((value, k) => (k === i ? value + h : value)) }))[name]!.slice();
  const h = 1e-5;
  const columns: Float64Array[] = [];
  for (let i = 0; i < theta.length; i++) {
    const [up, down] = [await at(i, h), await at(i, -h)];
    columns.push(up.map((value, k) => (value - down[k]!) / (2 * h)));
  }
  const rows = columns[0]!.length;
  return Float64Array.from(
    { length: rows * theta.length },
    (_, k) => columns[k % theta.length]![Math.floor(k / theta.length)]!,
  );
}

function distance(a: Float64Array, b: Float64Array): number {
  expect(a.length).toBe(b.length);
  return Math.hypot(...a.map((value, k) => value - b[k]!)) / Math.hypot(...b);
}

/** The differences err by h²F'''/6 ~ 1e-10 and by ε/h ~ 1e-11. */
const DIFFERENCES = 1e-8;
/** Forms of one matrix differ by the order of summation. */
const FORMS = 1e-12;

describe.each(allCases.map((item) => [item.label, item] as const))("%s", (_, item) => {
  test("rows, layer products and products without a matrix agree, and with differences", async () => {
    const kernel = kernelOf(item);
    const state = free(item);
    const { rows, held } = await kernel.rows(state);
    expect(held).toBe(0);
    expect(distance(rows, await differences(item, "outputs"))).toBeLessThan(DIFFERENCES);
    const gram = await kernel.gram(state, "rows");
    if (!item.family.network.hasLayerProducts)
      await expect(kernel.gram(state, "layer-product")).rejects.toThrow(/no layer-product form/);
    else expect(distance(await kernel.gram(state, "layer-product"), gram)).toBeLessThan(FORMS);
    const squares = await kernel.squares(state);
    if (squares !== null) {
      const diagonal = Float64Array.from({ length: kernel.size }, (_unused, k) => gram[k * kernel.size + k]!);
      expect(distance(squares, diagonal)).toBeLessThan(FORMS);
    }
    const v = randomVector(3, kernel.size);
    const image = new Float64Array(kernel.size);
    const energy = await (await kernel.operator(state)).apply(v, image);
    const expected = multiply(gram, v);
    expect(distance(image, expected)).toBeLessThan(1e-10);
    const form = v.reduce((sum, value, k) => sum + value * expected[k]!, 0);
    expect(Math.abs(energy / form - 1)).toBeLessThan(1e-10);
  });
});

describe("chosen scalars", () => {
  const cases = (["dnn", "resnet", "gcn"] as const).map((kind) => makeCase({ kind, seed: 5 }));

  test.each(cases.map((item) => [item.label, item] as const))("pre-activations of a %s", async (_, item) => {
    const { family, theta } = item;
    const all = family.entries;
    const scalars = [0, 3, 17, all - 1];
    const kernel = kernelOf(item, scalars);
    const full = await differences(item, "preactivations");
    const P = theta.length;
    const wanted = new Float64Array(scalars.length * P);
    scalars.forEach((scalar, k) => {
      wanted.set(full.subarray(scalar * P, (scalar + 1) * P), k * P);
    });
    const { rows } = await kernel.rows(free(item));
    expect(distance(rows, wanted)).toBeLessThan(DIFFERENCES);
    const gram = await kernel.gram(free(item), "rows");
    const v = randomVector(2, scalars.length);
    const image = new Float64Array(scalars.length);
    await (await kernel.operator(free(item))).apply(v, image);
    expect(distance(image, multiply(gram, v))).toBeLessThan(1e-10);
  });

  test("a selection of outputs", async () => {
    const item = makeCase({ seed: 6 });
    const chosen = outputScalars(item.family).filter((_, k) => k % 4 === 1);
    const [few, all] = [kernelOf(item, chosen), kernelOf(item)];
    const v = randomVector(2, chosen.length);
    const wide = new Float64Array(all.size);
    v.forEach((value, k) => {
      wide[4 * k + 1] = value;
    });
    const [image, wideImage] = [new Float64Array(few.size), new Float64Array(all.size)];
    await (await few.operator(free(item))).apply(v, image);
    await (await all.operator(free(item))).apply(wide, wideImage);
    expect(
      distance(
        image,
        wideImage.filter((_, k) => k % 4 === 1),
      ),
    ).toBeLessThan(FORMS);
  });

  test("are of one kind, and exist", async () => {
    const item = makeCase({});
    expect(() => kernelOf(item, [0, outputScalars(item.family)[0]!])).toThrow(
      /either outputs or pre-activations/,
    );
    await expect(kernelOf(item, [1e6]).rows(free(item))).rejects.toThrow(/not among/);
  });
});

describe("entries that slide", () => {
  const item = makeCase({ hidden: [6, 5], samples: 5, seed: 9 });
  const { family, bound } = item;
  const held = [2, 11, 31, 44];
  const theta = item.theta.slice();

  /** JΠJᵀ by hand: rows of the held entries made orthonormal, J projected. */
  test("make the kernel JΠJᵀ, the same in every form and for all weights of what slides", async () => {
    const program = await compile(family.preactivations("free"), bound);
    // The biases put the held entries on their breakpoint, layer by layer; they belong to different units.
    for (const [first, last, width] of [
      [0, 30, 6],
      [30, 55, 5],
    ] as const) {
      const { z } = await program.run({ theta });
      const layer = affineLayers(family)[first === 0 ? 0 : 1]!;
      for (const entry of held)
        if (entry >= first && entry < last) theta[layer.bias! + ((entry - first) % width)]! -= z![entry]!;
    }
    const { z } = await program.run({ theta });
    for (const entry of held) expect(Math.abs(z![entry]!)).toBeLessThan(1e-14);
    const pieces = z!.map((value) => (value > 0 ? 1 : 0));
    const at = (weight: number): KernelState => ({
      theta,
      pieces: pieces.map((piece, e) => (held.includes(e) ? weight : piece)),
      held,
    });
    const P = theta.length;
    const kernel = kernelOf(item);
    const { rows, held: count } = await kernel.rows(at(0.3));
    expect(count).toBe(held.length);
    const basis: Float64Array[] = [];
    for (let k = 0; k < count; k++) {
      const row = rows.slice(k * P, (k + 1) * P);
      for (const q of basis) {
        const c = row.reduce((sum, value, i) => sum + value * q[i]!, 0);
        for (let i = 0; i < P; i++) row[i]! -= c * q[i]!;
      }
      const norm = Math.hypot(...row);
      basis.push(row.map((value) => value / norm));
    }
    const projected = Array.from({ length: kernel.size }, (_, s) => {
      const row = rows.slice((count + s) * P, (count + s + 1) * P);
      for (const q of basis) {
        const c = row.reduce((sum, value, i) => sum + value * q[i]!, 0);
        for (let i = 0; i < P; i++) row[i]! -= c * q[i]!;
      }
      return row;
    });
    const n = kernel.size;
    const wanted = Float64Array.from({ length: n * n }, (_, k) =>
      projected[Math.floor(k / n)]!.reduce((sum, value, i) => sum + value * projected[k % n]![i]!, 0),
    );
    const v = randomVector(8, n);
    for (const weight of [0.3, 0, 1]) {
      for (const form of ["rows", "layer-product"] as const)
        expect(distance(await kernel.gram(at(weight), form), wanted)).toBeLessThan(1e-11);
      const image = new Float64Array(n);
      await (await kernel.operator(at(weight))).apply(v, image);
      expect(distance(image, multiply(wanted, v))).toBeLessThan(1e-11);
    }
    // Test of the test: the kernel of motions that do not keep them there is another one.
    const loose = await kernel.gram({ ...at(0.3), held: [] }, "rows");
    expect(distance(loose, wanted)).toBeGreaterThan(1e-3);
  });
});

function multiply(gram: Float64Array, v: Float64Array): Float64Array {
  const n = v.length;
  return Float64Array.from({ length: n }, (_, i) =>
    v.reduce((sum, value, j) => sum + gram[i * n + j]! * value, 0),
  );
}
