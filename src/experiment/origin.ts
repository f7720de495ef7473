/** What a centred family takes off its outputs: those at θ₀. */
import type { Engine, Tensors } from "../engine/index.js";
import { createFamily, type Family } from "../model/index.js";

/** The data with `origin` where the family needs it. */
export async function withOrigin(
  engine: Engine,
  family: Family,
  data: Tensors,
  theta0: Float64Array,
): Promise<Tensors> {
  if (family.centred !== true) return data;
  const plain = createFamily({ ...family, centred: false });
  const program = await engine.compile(plain.predict(), data);
  const { output } = await program.run({ theta: theta0 });
  return { ...data, origin: (output as Float64Array).slice() };
}
