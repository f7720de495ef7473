/** The measures of a run: taken at recorded rows of the flow and of each descent, counted, and summed up for the result. */
import { type LoadedConfig, problemAt } from "../config/load.js";
import type { Program } from "../engine/index.js";
import type { Problem } from "../flow/index.js";
import type { Graph } from "../graph/index.js";
import { dot } from "../linalg/vectors.js";
import {
  type Column,
  type CommonSettings,
  measures as known,
  type Measure,
  type Measurer,
  type Point,
  type SampleSet,
  type Subject,
  type Values,
} from "../measure/index.js";
import type { Memory } from "../memory.js";
import { createFamily, type Family } from "../model/index.js";
import type { MeasureFacts } from "../record/manifest.js";
import type { MeasureResult } from "../record/result.js";
import type { RecordWriter } from "../record/writer.js";
import type { Prepared } from "./prepare.js";
import { charge, type Meter, metered, type Spent } from "./spending.js";
import { recordTimes, timesIn } from "./times.js";

/** A measure that the study asks for, with the columns that it has there. */
export interface Asked {
  readonly measure: Measure;
  readonly settings: CommonSettings;
  readonly columns: readonly Column[];
  /** What asking took: some measures try the network to know what they can say of it. */
  readonly setUp: Spent;
}

/** The measures of a study on its problem, and how they evaluate it. */
export interface MeasurePlan {
  readonly asked: readonly Asked[];
  readonly subject: Subject;
  readonly meter: Meter;
}

/** @throws ConfigError for each measure that cannot be had of this problem, citing it */
export async function planMeasures(loaded: LoadedConfig, prepared: Prepared): Promise<MeasurePlan> {
  const { problem, theta0, test, dataset } = prepared;
  const meter: Meter = { gradients: 0 };
  const isLog = loaded.config.flow.clock === "log";
  const train = sampleSet(problem, problem.family, dataset.targets, problem.data, meter, isLog);
  const subject: Subject = {
    train,
    test: test === null ? null : sampleSet(problem, test.family, test.targets, test.data, meter, isLog),
    theta0,
    leastLoss: problem.family.criterion.least(dataset.targets),
    lossRounding: (loss) => problem.lossRounding(loss),
    seed: loaded.config.seed,
  };
  const asked: Asked[] = [];
  const chosen = loaded.config.measure as Readonly<Record<string, CommonSettings | undefined>>;
  for (const measure of [...known, ...(loaded.measures ?? [])]) {
    const settings = chosen[measure.name];
    if (settings === undefined) continue;
    const setUp: Spent = { gradients: 0, seconds: 0 };
    const columns = await charge(meter, setUp, async () => {
      const refusal = (await measure.refuse?.(subject, settings as never)) ?? null;
      if (refusal !== null) throw problemAt(loaded, `measure.${measure.name}`, refusal);
      return measure.columns(subject, settings as never);
    });
    for (const other of asked) {
      const shared = columns.find(({ name }) => other.columns.some((column) => column.name === name));
      if (shared !== undefined)
        throw problemAt(
          loaded,
          `measure.${measure.name}`,
          `its column ${shared.name} is that of ${other.measure.name}; choose another name.`,
        );
    }
    asked.push({ measure, settings, columns, setUp });
  }
  return { asked, subject, meter };
}

/** What the manifest says of them, so that an unfinished record can be read and drawn. */
export function describeMeasures({ asked }: MeasurePlan): { readonly measures?: readonly MeasureFacts[] } {
  if (asked.length === 0) return {};
  const measures = asked.map(({ measure, settings, columns }) => ({
    name: measure.name,
    of: settings.of,
    ...(measure.look !== undefined && { look: measure.look }),
    columns: columns.map(({ name, label, axis, scale }) => ({ name, label, axis, scale })),
  }));
  return { measures };
}

/** @param isLog whether L and its derivatives come from ln L, which the precision of the engine holds however small L is */
function sampleSet(
  problem: Problem,
  family: Family,
  targets: Float64Array,
  data: Readonly<Record<string, Float64Array>>,
  meter: Meter,
  isLog: boolean,
): SampleSet {
  const compile = async (graph: Graph): Promise<Program> =>
    metered(await problem.engine.compile(graph, data), problem.priceOf(graph, data), meter);
  /** Compiles each graph of a name once. */
  const caching = () => {
    const compiled = new Map<string, Promise<Program>>();
    return (graph: Graph): Promise<Program> => {
      const made = compiled.get(graph.name) ?? compile(graph);
      compiled.set(graph.name, made);
      return made;
    };
  };
  const [cached, inLog] = [caching(), caching()];
  const logarithm = isLog ? createFamily({ ...family, logarithmic: true }) : null;
  /** L and ∇ln L. */
  const tail = async (log: Family, theta: Float64Array) => {
    const { loss, gradient } = await (await inLog(log.lossGradient("free"))).run({ theta });
    return { loss: Math.exp(loss![0] as number), slope: gradient!.slice() };
  };
  return {
    family,
    targets,
    dtype: problem.engine.dtype,
    compile: cached,
    async predict(theta) {
      return (await (await cached(family.predict())).run({ theta }))["output"]!.slice();
    },
    async gradient(theta) {
      if (logarithm === null) {
        const program = await cached(family.lossGradient("free"));
        return (await program.run({ theta }))["gradient"]!.slice();
      }
      const { loss, slope } = await tail(logarithm, theta);
      return slope.map((value) => loss * value);
    },
    async dataLoss(theta) {
      // With weight decay L does not fall to zero, and its logarithm is of both.
      const isTail = logarithm !== null && family.criterion.regularisation === null;
      const program = isTail ? inLog(logarithm.loss()) : cached(family.dataLoss());
      const loss = (await (await program).run({ theta }))["loss"]![0] as number;
      return isTail ? Math.exp(loss) : loss;
    },
    async hessian(theta) {
      if (logarithm === null) {
        const program = await cached(family.hessianProduct("free"));
        return async (velocity, product) => void (await program.run({ theta, velocity }, { product }));
      }
      const { loss, slope } = await tail(logarithm, theta);
      const program = await inLog(logarithm.hessianProduct("free"));
      // ∇²L = L(∇²ln L + ∇ln L ∇ln Lᵀ)
      return async (velocity, product) => {
        await program.run({ theta, velocity }, { product });
        const along = dot(slope, velocity);
        product.forEach((value, i) => {
          product[i] = loss * (value + along * (slope[i] as number));
        });
      };
    },
  };
}

/** Takes what is due at a row of one curve. */
export type TakeRow = (row: {
  readonly t: number;
  readonly loss: number;
  readonly theta: Float64Array;
  /** −θ', where the curve is a flow that may slide; ∇L(θ) where absent. */
  readonly gradient?: Float64Array;
  /** The curve ends here: everything is due. */
  readonly isLast?: boolean;
}) => Promise<Values>;

export interface RunMeasures {
  /** Columns of the measures that are taken on one of these curves at least. */
  columnsOf(kinds: readonly string[]): string[];
  /** @param slack by how much a row may be before the time that it stands for: of descents, which are compared at the nearest step, half of one */
  follow(curve: string, memory: Memory, slack?: number): Promise<TakeRow>;
  results(): MeasureResult[];
}

export function createMeasures(
  { asked, subject, meter }: MeasurePlan,
  loaded: LoadedConfig,
  record: RecordWriter,
  memory: Memory,
): RunMeasures {
  const { record: rows, flow } = loaded.config;
  const spent = memory.keep("measures", {
    costs: asked.map(({ setUp }) => ({ times: 0, ...setUp })),
  });
  return {
    columnsOf: (kinds) =>
      asked
        .filter(({ settings }) => settings.of.some((kind) => kinds.includes(kind)))
        .flatMap(({ columns }) => columns.map(({ name }) => name)),
    async follow(curve, own, slack = 0) {
      const [kind] = curve.split(" ") as [string];
      const due = own.keep("due", { next: asked.map(() => 0) });
      const followers: { k: number; take: Measurer; isDue: (t: number) => boolean }[] = [];
      for (const [k, { measure, settings }] of asked.entries()) {
        if (!settings.of.includes(kind)) continue;
        // What a resumed run sets up again was counted when it was set up first.
        const cost = own.isResumed ? { gradients: 0, seconds: 0 } : spent.costs[k]!;
        const take = await charge(meter, cost, () =>
          measure.follow(
            {
              ...{ ...subject, curve, memory: own.within(measure.name) },
              save: (name, data, shape) => record.array(name, data, shape),
            },
            settings as never,
          ),
        );
        const times = timesOf(settings.points, rows, flow);
        const isDue = (t: number): boolean => {
          if (times === null) return true;
          const from = due.next[k] as number;
          let next = from;
          while (next < times.length && (times[next] as number) <= t + slack) next++;
          due.next[k] = next;
          return next > from;
        };
        followers.push({ k, take, isDue });
      }
      return async ({ t, theta, loss, gradient, isLast = false }) => {
        const values: Record<string, number | null> = {};
        const point = pointAt(subject, t, theta, loss, gradient);
        for (const { k, take, isDue } of followers) {
          if (!isDue(t) && !isLast) continue;
          const cost = spent.costs[k]!;
          Object.assign(values, await charge(meter, cost, () => take(point)));
          cost.times++;
        }
        return values;
      };
    },
    results() {
      const labels = asked.flatMap(({ columns }) => columns.map(({ label }) => label));
      return asked.map(({ measure, columns }, k) => {
        const { times, gradients, seconds } = spent.costs[k]!;
        return {
          name: measure.name,
          columns: columns
            .filter(({ scale }) => scale !== "none")
            .map(({ name, label, axis }) => {
              const isAlone = labels.filter((other) => other === label).length === 1 || label === axis;
              return { name, label: isAlone ? label : `${axis}, ${label}` };
            }),
          times,
          gradientEquivalents: gradients,
          seconds,
        };
      });
    },
  };
}

/** From t = 0; null for every row. */
function timesOf(
  points: number | undefined,
  rows: LoadedConfig["config"]["record"],
  flow: LoadedConfig["config"]["flow"],
): number[] | null {
  if (points === undefined) return null;
  const at = rows.at === "steps" ? ({ at: "log", points } as const) : { ...rows, points };
  return [0, ...(recordTimes(timesIn(at, flow), flow.tEnd) as number[])];
}

function pointAt(
  { train }: Subject,
  t: number,
  theta: Float64Array,
  loss: number,
  known: Float64Array | undefined,
): Point {
  const outputs = new Map<SampleSet, Promise<Float64Array>>();
  let gradient: Promise<Float64Array> | null = known === undefined ? null : Promise.resolve(known);
  return {
    ...{ t, theta, loss },
    outputs(set) {
      const known = outputs.get(set) ?? set.predict(theta);
      outputs.set(set, known);
      return known;
    },
    gradient() {
      gradient ??= train.gradient(theta);
      return gradient;
    },
  };
}
