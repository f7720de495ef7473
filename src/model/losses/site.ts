/** A network with the kink of its loss for a last site: whoever follows kinks then follows this one, and need not know of losses. */
import { type GraphBuilder, type Node, type Shape, sizeOf } from "../../graph/index.js";
import { applyActivation, type PieceTable, pieceTable } from "../activation.js";
import type { Forward, ForwardInputs, Network, SampleInput } from "../network.js";
import type { Site } from "../scope.js";
import { smoothActivation } from "../smoothing.js";
import type { Loss } from "./loss.js";

/** The network itself where the loss has no kink, or it has been added. @param centred whether outputs are counted from `origin` */
export function withLossSite(network: Network, loss: Loss, centred: boolean): Network {
  if (loss.site === null || network.sampleInputs.length > 0) return network;
  const { outputs, units, smoothing } = network;
  const { z: preactivation, activation } = loss.site;
  const spec = (smoothing === null ? activation : smoothActivation(activation, smoothing)) ?? activation;
  const shape: Shape = [outputs];
  const site: Site = {
    path: "loss",
    shape,
    units: sizeOf(shape),
    offset: units,
    table: pieceTable(spec) as PieceTable,
    slope: null,
  };
  return {
    ...network,
    sites: [...network.sites, site],
    units: units + site.units,
    sampleInputs: centred ? ["y", "origin"] : ["y"],
    forward(b, inputs) {
      const run = network.forward(b, inputs);
      const z = margin(b, run, inputs);
      const given = inputs.pieces?.(site) ?? null;
      let a = applyActivation(b, spec, z, given, null);
      if (given !== null && inputs.onlySlopes)
        a = b.add(a, b.detached(b.sub(applyActivation(b, spec, z, null, null), a)));
      return {
        ...run,
        preactivations: [...run.preactivations, z],
        activations: [...run.activations, a],
      };
    },
    smoothed: (halfWidth) => withLossSite(network.smoothed(halfWidth), loss, centred),
  };

  function margin(b: GraphBuilder, { output }: Forward, { sample }: ForwardInputs): Node {
    const given = (name: SampleInput): Node => {
      const node = sample?.(name);
      if (node === undefined) throw new Error(`loss: the forward pass needs ${name}.`);
      return node;
    };
    const rows = b.reshape(output, [output.shape[0] as number, outputs]);
    return preactivation(b, centred ? b.sub(rows, given("origin")) : rows, given("y"));
  }
}
