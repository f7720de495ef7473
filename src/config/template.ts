/** The study that `gradflow init` writes: complete without other files, every section shown. A test loads it. */
import { DEFAULT_TOLERANCES } from "../ode/defaults.js";
import { show } from "./messages.js";

export const studyTemplate = `# A gradflow study. Run it:       npx gradflow run study.yaml
# Change a value for one run:     npx gradflow run study.yaml --set flow.rtol=1e-8
# Every field, with its default:  docs/config.md
#
# As it stands, a network fits random labels: the loss falls by a factor of 10⁵ and ends as an exponential. Descent with η = 0.05
# lies on the flow; η = 0.5 is above 2/λ_max(∇²L), the sharpness at the end, and leaves it. The figures loss and gap show both.
name: study
seed: 0

# The data. Your own: { kind: file, inputs: inputs.npy, targets: targets.csv }, relative to this file.
dataset:
  kind: gaussian            # file | gaussian | uniform-ball | teacher
  samples: 20
  inputDimension: 10
  outputDimension: 2

model:
  kind: dnn                 # dnn | resnet | gcn
  hidden: [20, 20]
  bias: true
  activation: { kind: tanh }            # identity | leaky-relu | relu | tanh | sigmoid
  init: { kind: kaiming-uniform }       # PyTorch's default for nn.Linear; or { kind: file, path: theta0.npy }

# L = c‖F − y‖². The reduction sets c, and with it the unit of time and of every learning rate.
loss: { kind: squared, reduction: half-mean-sample }    # half-mean-sample | half-sum | sum | mean

# Gradient flow θ' = −∇L(θ), integrated with controlled error.
flow:
  method: auto              # or one of those that gradflow methods lists; euler | heun | rk4 take stepSize, no tolerances
  rtol: ${show(DEFAULT_TOLERANCES.rtol)}
  atol: ${show(DEFAULT_TOLERANCES.atol)}
  tEnd: 100

# Gradient descent beside it, compared at t = kη. [] runs the flow alone.
descent:
  learningRates: [0.5, 0.05]

record: { at: log, points: 200 }        # log | linear | steps

engine: { kind: onnx, dtype: float64, threads: 2 }
`;
