import { samplesFirst, samplesLast } from "./convolution.js";
import { bias, count, defineLayer, sampleShape } from "./define.js";
import { pair, product, size2d, windowsOver } from "./windows.js";

export const transposedConv2d = defineLayer({
  kind: "transposed-conv2d",
  text: "The adjoint of a convolution, as PyTorch: [C, H, W] → [channels, (H−1)·stride + kernel, …]. Parameters: weight [C, channels, kh, kw], bias [channels]. Its fan-in counts the channels that go out, as PyTorch's does.",
  fields: () => ({
    channels: count.describe("Channels that go out."),
    kernel: size2d.describe("Size of the window, k or [kh, kw]."),
    stride: size2d.exactOptional().describe("Distance between windows; the kernel's size if left out."),
    bias,
  }),
  build(scope, fields, x) {
    const { b } = scope;
    const [C, H, W] = sampleShape(scope, x, ["C", "H", "W"]) as [number, number, number];
    const n = x.shape[0] as number;
    const { channels } = fields;
    const kernel = pair(fields.kernel);
    const stride = pair(fields.stride ?? fields.kernel);
    const sizes = [(H - 1) * stride[0] + kernel[0], (W - 1) * stride[1] + kernel[1]];
    const { indices } = windowsOver(scope, sizes, { kernel, stride, before: [0, 0], after: [0, 0] });
    const k = product(kernel);
    // PyTorch's fan-in of a weight is its second axis times the kernel: here the outgoing channels.
    const weight = scope.parameter("weight", [C, channels, ...kernel], {
      kind: "weight",
      fanIn: channels * k,
      fanOut: C * k,
    });
    const input = b.reshape(samplesLast(scope, x), [C, H * W * n]);
    const spread = b.matmul(b.reshape(weight, [C, channels * k]), input, { transposeA: true });
    const summed = b.scatter(b.reshape(spread, [channels, k * H * W, n]), 1, indices, product(sizes));
    if (!fields.bias) return samplesFirst(scope, summed, [channels, ...sizes]);
    const own = scope.parameter("bias", [channels], { kind: "bias", fanIn: channels * k });
    const z = b.add(summed, b.reshape(own, [channels, 1, 1]));
    return samplesFirst(scope, z, [channels, ...sizes]);
  },
});
