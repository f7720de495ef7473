"""Writes torch-initialisers.json: ranges and standard deviations of torch.nn.init, read off large samples' formulas.

Run: python torch_initialisers.py > torch-initialisers.json (needs torch). Each row: the initialiser, its argument, the layer's
fans, the bound (uniform: the largest entry of a sample of 10^6 or more approaches it) and the sample's standard deviation.
"""

import json
import math

import torch
from torch.nn import init

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)


def rows():
    for fan_in, fan_out in ((2000, 500), (500, 2000), (1000, 1000)):
        w = torch.empty(fan_out, fan_in)  # torch keeps weights as [out, in]
        for a in (0.0, 0.01, math.sqrt(5)):
            init.kaiming_uniform_(w, a=a, nonlinearity="leaky_relu")
            yield dict(kind="kaiming-uniform", argument=a, fanIn=fan_in, fanOut=fan_out, **statistics(w))
            init.kaiming_normal_(w, a=a, nonlinearity="leaky_relu")
            yield dict(kind="kaiming-normal", argument=a, fanIn=fan_in, fanOut=fan_out, **statistics(w))
        for gain in (1.0, init.calculate_gain("tanh")):
            init.xavier_uniform_(w, gain=gain)
            yield dict(kind="xavier-uniform", argument=gain, fanIn=fan_in, fanOut=fan_out, **statistics(w))
            init.xavier_normal_(w, gain=gain)
            yield dict(kind="xavier-normal", argument=gain, fanIn=fan_in, fanOut=fan_out, **statistics(w))
        layer = torch.nn.Linear(fan_in, fan_out)
        yield dict(
            kind="linear", argument=None, fanIn=fan_in, fanOut=fan_out, **statistics(layer.weight),
            biasLargest=layer.bias.abs().max().item(),
        )


def statistics(w):
    w = w.detach()
    return dict(largest=w.abs().max().item(), std=w.std().item())


print(json.dumps(dict(torch=torch.__version__, rows=list(rows())), indent=1))
