import { convolve } from "./convolution.js";
import { bias, count, defineLayer, sampleShape } from "./define.js";
import { padding, paddingOf } from "./windows.js";

export const conv1d = defineLayer({
  kind: "conv1d",
  text: "Cross-correlation along one axis: [C, T] → [channels, T']. Parameters: weight [channels, C/groups, k], bias [channels].",
  fields: () => ({
    channels: count.describe("Channels that go out."),
    kernel: count.describe("Length of the window."),
    stride: count.default(1).describe("Distance between windows."),
    padding,
    groups: count.default(1).describe("Groups of channels that do not see each other; C makes it depthwise."),
    bias,
  }),
  build(scope, fields, x) {
    sampleShape(scope, x, ["C", "T"]);
    const [before, after] = paddingOf(fields.padding, fields.kernel);
    const window = { kernel: [fields.kernel], stride: [fields.stride], before: [before], after: [after] };
    return convolve(scope, x, fields.channels, fields.groups, window, fields.bias);
  },
});
