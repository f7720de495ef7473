/**
 * Pre-activations at the start, middle and end of a step, for whoever looks for changes of piece. Where a flow is resident the engine
 * counts the changes, and only where there are some do pre-activations travel.
 */
import type { Resident, ResidentVector } from "../../engine/index.js";
import type { Memory } from "../../memory.js";
import type { Problem } from "../problem.js";
import type { Segment } from "../segment.js";

export interface Looked {
  readonly z0: Float64Array;
  readonly zMiddle: Float64Array;
  readonly z1: Float64Array;
}

export interface Watch {
  /** z(θ0) */
  start(theta0: Float64Array): Promise<Float64Array>;
  /** z over the step after that whose end was looked at last. Where no piece has changed the three may all be `z0`. */
  look(segment: Segment, z0: Float64Array): Promise<Looked>;
}

export async function createWatch(problem: Problem, memory: Memory): Promise<Watch> {
  const program = await problem.compile(problem.family.preactivations("free"));
  const look = async (theta: Float64Array): Promise<Float64Array> =>
    ((await program.run({ theta }))["z"] as Float64Array).slice();
  const { resident } = problem.engine;
  if (resident !== null) return createResidentWatch(problem, resident, memory, look);
  const middle = new Float64Array(problem.family.layout.size);
  return {
    start: look,
    async look(segment, z0) {
      await segment.interpolate((segment.t0 + segment.t1) / 2, middle);
      return { z0, zMiddle: await look(middle), z1: await look(segment.theta1) };
    },
  };
}

async function createResidentWatch(
  problem: Problem,
  resident: Resident,
  memory: Memory,
  look: (theta: Float64Array) => Promise<Float64Array>,
): Promise<Watch> {
  const { entries, layout } = problem.family;
  const program = await problem.compileResident(problem.family.pieceChanges());
  const place = () => ({ z: resident.create(entries), pieces: resident.create(entries) });
  const state = { start: place(), half: place(), end: place() };
  const middle = resident.create(layout.size);
  const changed = async (
    theta: ResidentVector,
    from: ReturnType<typeof place>,
    to: ReturnType<typeof place>,
  ) => (await program.run({ theta, before: from.pieces }, to))["changed"] as number;
  return {
    async start(theta0) {
      const theta = resident.create(layout.size);
      theta.write(theta0);
      await changed(theta, state.start, state.end);
      memory.keep("resident watch", state);
      return look(theta0);
    },
    async look(segment, z0) {
      const { interpolate, theta1 } = segment.resident!;
      const { start: end, half, end: start } = state;
      Object.assign(state, { start, end });
      await interpolate((segment.t0 + segment.t1) / 2, middle);
      const out = await changed(middle, start, half);
      const back = await changed(theta1, half, end);
      if (out === 0 && back === 0) return { z0, zMiddle: z0, z1: z0 };
      return { z0: start.z.read(), zMiddle: half.z.read(), z1: end.z.read() };
    },
  };
}
