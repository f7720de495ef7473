// What `exact` costs: the golden network, rtol 1e-6, to t = 40. `node scripts/bench/exact.js [tEnd]` after a build: some seconds.
import { fileURLToPath, pathToFileURL } from "node:url";
import { loadConfig } from "../../dist/config/load.js";
import { engineOf, prepare } from "../../dist/experiment/prepare.js";
import { integrateExactly } from "../../dist/flow/index.js";

const STUDY = fileURLToPath(new URL("../../test/golden/leaky2/study.yaml", import.meta.url));
const RTOL = 1e-6;

/** Events, and what one takes: gradients, all arithmetic in gradients, milliseconds. */
export async function benchExact(tEnd = 40) {
  const study = await loadConfig(STUDY, { set: ["engine.threads=1"] });
  const engine = await engineOf(study);
  const { problem, theta0 } = await prepare(study, engine);
  let events = 0;
  const start = performance.now();
  const cpu = process.cpuUsage();
  const { evaluations, events: summary } = await integrateExactly({
    ...{ problem, theta0, method: "dopri5", tEnd, rtol: RTOL, atol: RTOL / 10 },
    onSegment: async () => undefined,
    onEvent: () => {
      events++;
    },
  });
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  await engine.dispose();
  const { gradientEquivalents, instants, maxSliding } = summary;
  return {
    ...{ events, instants, maxSliding, seconds, processorSeconds: (user + system) / 1e6 },
    gradients: evaluations / events,
    equivalents: gradientEquivalents / events,
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const found = await benchExact(Number(process.argv[2] ?? 40));
  console.log(
    `Exact, golden leaky2, rtol 1e-6: ${found.events} events at ${found.instants} instants, up to ${found.maxSliding} sliding\n` +
      `an event: ${found.gradients.toFixed(2)} gradients, the work of ${found.equivalents.toFixed(2)} with all arithmetic\n` +
      `${found.seconds.toFixed(1)} s, ${found.processorSeconds.toFixed(1)} s of processor time`,
  );
}
