import { convolve } from "./convolution.js";
import { bias, count, defineLayer, sampleShape } from "./define.js";
import { padding, paddingOf, pair, size2d } from "./windows.js";

export const conv2d = defineLayer({
  kind: "conv2d",
  text: "Cross-correlation with zeros outside, as PyTorch: [C, H, W] → [channels, H', W']. Parameters: weight [channels, C/groups, kh, kw], bias [channels].",
  fields: () => ({
    channels: count.describe("Channels that go out."),
    kernel: size2d.describe("Size of the window, k or [kh, kw]."),
    stride: size2d.default(1).describe("Distance between windows, s or [sh, sw]."),
    padding,
    groups: count.default(1).describe("Groups of channels that do not see each other; C makes it depthwise."),
    bias,
  }),
  build(scope, fields, x) {
    sampleShape(scope, x, ["C", "H", "W"]);
    const kernel = pair(fields.kernel);
    const pads = kernel.map((k) => paddingOf(fields.padding, k));
    const window = {
      kernel,
      stride: pair(fields.stride),
      before: pads.map(([before]) => before),
      after: pads.map(([, after]) => after),
    };
    return convolve(scope, x, fields.channels, fields.groups, window, fields.bias);
  },
});
