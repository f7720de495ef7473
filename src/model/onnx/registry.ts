/** All operators: a new one is a function in a file of `operators/`; a new file is a line here. */
import type { Operators } from "./operator.js";
import { activations } from "./operators/activations.js";
import { attentions } from "./operators/attention.js";
import { choices } from "./operators/choices.js";
import { convolutions } from "./operators/convolutions.js";
import { elementwise } from "./operators/elementwise.js";
import { linear } from "./operators/linear.js";
import { maxima } from "./operators/maxima.js";
import { normalisation } from "./operators/normalisation.js";
import { numbers } from "./operators/numbers.js";
import { pooling } from "./operators/pooling.js";
import { reductions } from "./operators/reductions.js";
import { resizes } from "./operators/resize.js";
import { shapes } from "./operators/shapes.js";

// Without a prototype: a file may well name an operator "constructor".
export const operators: Operators = Object.assign(Object.create(null), {
  ...{ ...elementwise, ...activations, ...linear, ...convolutions, ...pooling, ...normalisation },
  ...{ ...reductions, ...maxima, ...attentions, ...shapes, ...resizes, ...numbers, ...choices },
});
