/**
 * The products by which a graph convolves, as the runtime's own convolution. It has one in float32 only, which takes a third of the time: what the windows see is
 * never written out. The samples, last in the graph, are one more axis that windows move along, one wide.
 */
import { type Node, narrow, windowsOf } from "../../graph/index.js";
import { attribute } from "../../onnx/index.js";
import type { Fusion } from "./emitter.js";

const size = (values: readonly number[]): number => values.reduce((p, q) => p * q, 1);

/** matmul(W [O, C·kernel], columns [C·kernel, places·n]), the columns a gather from x [C, sizes, n]; with `bias` [O, 1] added. */
export function convolution(node: Node, bias?: Node): Fusion | undefined {
  const product = narrow(node);
  if (product.op !== "matmul" || product.attributes.transposeA || product.attributes.transposeB)
    return undefined;
  const [weight, columns] = product.operands as [Node, Node];
  const spread = columns.op === "reshape" ? narrow(columns.operands[0] as Node) : undefined;
  if (spread?.op !== "gather" || spread.attributes.axis !== 1 || spread.shape.length !== 3) return undefined;
  const windows = windowsOf(spread.attributes.indices, "gather");
  const source = spread.operands[0] as Node;
  const [C, length, n] = source.shape as [number, number, number];
  if (weight.shape.length !== 2 || windows === undefined || size(windows.sizes) !== length) return undefined;
  const O = weight.shape[0] as number;
  const { sizes, kernel, stride, before, places } = windows;
  // What is never seen, after the last window, needs no zeros.
  const after = sizes.map((_, k) =>
    Math.max(0, (places[k]! - 1) * stride[k]! + kernel[k]! - sizes[k]! - before[k]!),
  );
  return {
    operands: bias === undefined ? [weight, source] : [weight, source, bias],
    emit(e, output) {
      const x = e.emit("Reshape", [e.name(source), e.integers([1, C, ...sizes, n])]);
      const w = e.emit("Reshape", [e.name(weight), e.integers([O, C, ...kernel, 1])]);
      const shift = bias === undefined ? [] : [e.emit("Reshape", [e.name(bias), e.integers([O])])];
      const made = e.emit(
        "Conv",
        [x, w, ...shift],
        [
          attribute("kernel_shape", [...kernel, 1]),
          attribute("strides", [...stride, 1]),
          attribute("pads", [...before, 0, ...after, 0]),
        ],
      );
      e.emit("Reshape", [made, e.integers(node.shape)], [], output);
    },
  };
}

/**
 * The adjoint of that: Σ over the windows that see an entry of matmul(W [O, C·kernel]ᵀ, δ [O, places·n]). Where windows are next to one another it
 * is a convolution of δ by the kernel the other way round.
 */
export function convolutionAdjoint(node: Node): Fusion | undefined {
  const sum = narrow(node);
  if (sum.op !== "sum" || `${sum.attributes.axes}` !== "1" || node.shape.length !== 4) return undefined;
  const lists = sum.operands[0] as Node;
  const picked = lists.op === "reshape" ? narrow(lists.operands[0] as Node) : undefined;
  if (picked?.op !== "gather" || picked.attributes.axis !== 1 || picked.shape.length !== 3) return undefined;
  const spread = picked.operands[0] as Node;
  const product = spread.op === "reshape" ? narrow(spread.operands[0] as Node) : undefined;
  if (product?.op !== "matmul" || !product.attributes.transposeA || product.attributes.transposeB)
    return undefined;
  const windows = windowsOf(picked.attributes.indices, "scatter");
  const [weight, delta] = product.operands as [Node, Node];
  const [C, , length, n] = node.shape as [number, number, number, number];
  if (weight.shape.length !== 2 || windows === undefined || size(windows.sizes) !== length) return undefined;
  const { sizes, kernel, stride, places } = windows;
  const positions = size(kernel);
  const before = kernel.map((k, i) => k - 1 - windows.before[i]!);
  const after = kernel.map((k, i) => sizes[i]! + k - 1 - places[i]! - before[i]!);
  const fits = weight.shape[1] === C * positions && spread.shape[1] === positions * size(places);
  if (!fits || stride.some((step) => step !== 1) || [...before, ...after].some((zeros) => zeros < 0))
    return undefined;
  const O = weight.shape[0] as number;
  return {
    operands: [weight, delta],
    emit(e, output) {
      const d = e.emit("Reshape", [e.name(delta), e.integers([1, O, ...places, n])]);
      const turned = e.emit(
        "Transpose",
        [e.emit("Reshape", [e.name(weight), e.integers([O, C, positions])])],
        [attribute("perm", [1, 0, 2])],
      );
      const reversed = e.integers(Array.from({ length: positions }, (_, k) => positions - 1 - k));
      const back = e.emit("Gather", [turned, reversed], [attribute("axis", 2)]);
      const w = e.emit("Reshape", [back, e.integers([C, O, ...kernel, 1])]);
      const made = e.emit(
        "Conv",
        [d, w],
        [attribute("kernel_shape", [...kernel, 1]), attribute("pads", [...before, 0, ...after, 0])],
      );
      e.emit("Reshape", [made, e.integers(node.shape)], [], output);
    },
  };
}

/**
 * A gather, zeros among what it picks, from a product: W δ [C·K, places·n] seen as [C, K·places, n]. The zeros join δ, which is smaller, as one more
 * place; put behind the product they would copy it.
 */
export function gatherFromProduct(node: Node, solely: (node: Node) => boolean): Fusion | undefined {
  const gather = narrow(node);
  if (gather.op !== "gather" || gather.attributes.axis !== 1 || node.shape.length !== 3) return undefined;
  const { indices } = gather.attributes;
  const spread = gather.operands[0] as Node;
  const product = spread.op === "reshape" ? narrow(spread.operands[0] as Node) : undefined;
  if (product?.op !== "matmul" || product.attributes.transposeB || product.shape.length !== 2)
    return undefined;
  const [C, length, n] = spread.shape as [number, number, number];
  const [weight, delta] = product.operands as [Node, Node];
  const [rows, columns] = delta.shape as [number, number];
  const places = columns / n;
  const copies = length / places;
  const fits =
    Number.isInteger(places) && product.shape[0] === C * copies && solely(spread) && solely(product as Node);
  if (!fits || rows >= C * copies || !indices.includes(-1)) return undefined;
  return {
    operands: [weight, delta],
    emit(e, output) {
      const zeros = e.emit("Expand", [e.number(0), e.integers([rows, n])]);
      const d = e.emit("Concat", [e.name(delta), zeros], [attribute("axis", 1)]);
      const flags = [attribute("transA", Number(product.attributes.transposeA)), attribute("transB", 0)];
      const made = e.emit("Gemm", [e.name(weight), d], flags);
      const source = e.emit("Reshape", [made, e.integers([C, copies * (places + 1), n])]);
      const moved = indices.map((index) => (index === -1 ? places : index + Math.floor(index / places)));
      e.emit("Gather", [source, e.indices(moved)], [attribute("axis", 1)], output);
    },
  };
}
