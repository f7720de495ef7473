/** Named parameters and where they stand in the flat θ. Knows nothing of layers. */
import { type Shape, sizeOf } from "../graph/index.js";

type BiasInit = "zeros" | "uniform";

/** An initialiser, by its name in torch.nn.init. */
export type InitSpec =
  | { readonly kind: "kaiming-uniform" | "kaiming-normal"; readonly a: number; readonly bias: BiasInit }
  | { readonly kind: "xavier-uniform" | "xavier-normal"; readonly gain: number; readonly bias: BiasInit }
  | { readonly kind: "normal"; readonly std: number; readonly bias: BiasInit };

/** How a parameter starts, short of the scale that an initialiser sets. */
export type Law =
  | { readonly kind: "weight"; readonly fanIn: number; readonly fanOut: number }
  | { readonly kind: "bias"; readonly fanIn: number }
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "normal"; readonly std: number };

export interface Parameter {
  /** Path of its layer and its own name: `layers.2.weight`. */
  readonly name: string;
  readonly shape: Shape;
  /** First entry in θ, row-major from there. */
  readonly offset: number;
  readonly size: number;
  readonly law: Law;
  /** The initialiser of its own layer; null for the network's. */
  readonly init: InitSpec | null;
}

/** Where each parameter stands in θ. */
export interface Layout {
  readonly parameters: readonly Parameter[];
  /** Length P of θ. */
  readonly size: number;
}

/** The layout of parameters declared one after the other; a second declaration of a name is the same parameter. */
export class LayoutBuilder {
  readonly #byName = new Map<string, Parameter>();
  #size = 0;

  /** A known name is what it was, whatever shape it comes with. */
  declare(name: string, shape: Shape, law: Law, init: InitSpec | null): Parameter {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const parameter = { name, shape, offset: this.#size, size: sizeOf(shape), law, init };
    this.#size += parameter.size;
    this.#byName.set(name, parameter);
    return parameter;
  }

  get layout(): Layout {
    return { parameters: [...this.#byName.values()], size: this.#size };
  }
}
