/** A node of a graph as plain data. */
import type { Tensor } from "./tensor.js";

export type Attribute =
  | { readonly kind: "float" | "int"; readonly value: number }
  | { readonly kind: "floats" | "ints"; readonly value: readonly number[] }
  | { readonly kind: "string"; readonly value: string }
  | { readonly kind: "strings"; readonly value: readonly string[] }
  | { readonly kind: "tensor"; readonly value: Tensor }
  /** Within a function: the attribute of that name of whoever calls it. */
  | { readonly kind: "reference"; readonly value: string }
  | { readonly kind: "other"; readonly value: string };

export interface OperatorNode {
  /** Its own name, or one by type and place where the file gives none; every node has another. */
  readonly name: string;
  readonly operator: string;
  /** Empty for the operators of ONNX itself. */
  readonly domain: string;
  /** Which of several functions of that name; almost always empty. */
  readonly overload: string;
  /** An empty name is an input that is left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, Attribute>;
}
