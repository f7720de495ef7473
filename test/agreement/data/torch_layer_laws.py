"""Writes torch-layer-laws.json: how torch.nn.init starts the weights of each kind of layer.

Run: python torch_layer_laws.py > torch-layer-laws.json (needs torch). For every layer the fans as torch's initialisers count them, and for every
initialiser the bound of its uniform law or the standard deviation of its normal one, by its formula from those fans; the standard deviation
of a drawn sample stands beside it, so that the formula is torch's own. Defaults are those of the modules: `bound` and `std` of drawn weights
and biases.
"""

import json

import torch
from torch import nn
from torch.nn import init

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)

# Large enough that a sample's standard deviation is good to a per cent.
LAYERS = {
    "dense": nn.Linear(90, 160),
    "conv1d": nn.Conv1d(24, 60, 5),
    "conv2d": nn.Conv2d(16, 40, (3, 5)),
    "conv2d, groups 4": nn.Conv2d(48, 80, 3, groups=4),
    "conv2d, depthwise": nn.Conv2d(400, 800, 5, groups=400),
    "transposed-conv2d": nn.ConvTranspose2d(24, 40, 3),
}

INITIALISERS = {
    "kaiming-uniform": (lambda w, a: init.kaiming_uniform_(w, a=a, nonlinearity="leaky_relu"), (0.0, 0.2)),
    "kaiming-normal": (lambda w, a: init.kaiming_normal_(w, a=a, nonlinearity="leaky_relu"), (0.0, 0.2)),
    "xavier-uniform": (lambda w, gain: init.xavier_uniform_(w, gain=gain), (1.0, 5 / 3)),
    "xavier-normal": (lambda w, gain: init.xavier_normal_(w, gain=gain), (1.0, 5 / 3)),
    "normal": (lambda w, std: init.normal_(w, std=std), (0.3,)),
}


def moments(w):
    w = w.detach()
    return {"largest": w.abs().max().item(), "std": w.std().item(), "mean": w.mean().item()}


rows = []
for name, layer in LAYERS.items():
    fan_in, fan_out = init._calculate_fan_in_and_fan_out(layer.weight)
    default = {"weight": moments(layer.weight), "bias": moments(layer.bias)}
    drawn = []
    for kind, (draw, arguments) in INITIALISERS.items():
        for argument in arguments:
            w = torch.empty_like(layer.weight)
            draw(w, argument)
            drawn.append({"kind": kind, "argument": argument, **moments(w)})
    rows.append({"layer": name, "size": layer.weight.numel(), "fanIn": fan_in, "fanOut": fan_out, "default": default, "drawn": drawn})

embedding = nn.Embedding(500, 40)
attention = nn.MultiheadAttention(64, 4)
print(
    json.dumps(
        {
            "torch": torch.__version__,
            "rows": rows,
            "embedding": moments(embedding.weight),
            # The packed [3d, d] weight: torch's Xavier counts 4d of fans, not the 2d that each projection has.
            "attention": {"packed": moments(attention.in_proj_weight), "output": moments(attention.out_proj.weight)},
        }
    )
)
