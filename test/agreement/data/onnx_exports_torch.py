"""Networks of PyTorch as its exporters write them, and what PyTorch and SciPy say of them in float64.

    python onnx_exports_torch.py onnx-exports        (PyTorch 2.9 or newer, onnx, onnxscript, SciPy)

Writes NAME.onnx and torch.json into that folder. L = ½‖F(x) − y‖² on a few samples: value, gradient and ∇²L·v; of some networks the flow
θ' = −∇L(θ) to t = 5 by DOP853 at rtol 1e-12 (and at 1e-11, the distance being `uncertainty`), of some θ after descent and the singular values of
∂F/∂θ. Numbers of a parameter stand under its name in the file. The metadata of graph and nodes is taken out: it has the paths of this machine.
"""
import json
import pathlib
import sys
import warnings

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from scipy.integrate import solve_ivp
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

warnings.filterwarnings("ignore")
torch.set_num_threads(1)
torch.set_default_dtype(torch.double)


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x):
        return F.relu(x + self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x))))))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2, padding=1)
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.block = Residual(4)
        self.head = nn.Linear(4, 2)

    def forward(self, x):
        return self.head(self.block(self.pool(F.relu(self.stem(x)))).mean((2, 3)))


class UNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.down1 = nn.Conv2d(1, 3, 3, padding=1)
        self.down2 = nn.Conv2d(3, 6, 3, padding=1)
        self.up = nn.ConvTranspose2d(6, 3, 2, stride=2)
        self.out = nn.Conv2d(6, 1, 3, padding=1)

    def forward(self, x):
        high = F.leaky_relu(self.down1(x), 0.1)
        low = F.leaky_relu(self.down2(F.max_pool2d(high, 2)), 0.1)
        return self.out(torch.cat([high, self.up(low)], 1)).flatten(1)


class Mobile(nn.Module):
    def __init__(self):
        super().__init__()
        self.expand = nn.Conv2d(3, 12, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(12)
        self.depthwise = nn.Conv2d(12, 12, 3, padding=1, groups=12, bias=False)
        self.norm2 = nn.BatchNorm2d(12)
        self.project = nn.Conv2d(12, 3, 1, bias=False)
        self.norm3 = nn.BatchNorm2d(3)
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        h = F.relu6(self.norm1(self.expand(x)))
        h = F.relu6(self.norm2(self.depthwise(h)))
        return self.head((x + self.norm3(self.project(h))).mean((2, 3)))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(4, 8)
        self.position = nn.Parameter(torch.randn(5, 8) * 0.1)
        self.layer = nn.TransformerEncoderLayer(
            8, 2, 16, dropout=0.0, batch_first=True, norm_first=True, activation="gelu"
        )
        self.out = nn.Linear(8, 2)

    def forward(self, x):
        return self.out(self.layer(self.embed(x) + self.position).mean(1))


# What is exported how, and what is computed beside values and derivatives.
CASES = {
    "mlp": (lambda: nn.Sequential(nn.Linear(4, 10), nn.LeakyReLU(0.1), nn.Linear(10, 2)), (4,), "dynamo", {"kernel"}),
    "smooth": (lambda: nn.Sequential(nn.Linear(4, 8), nn.Mish(), nn.Linear(8, 6), nn.Softplus(), nn.Linear(6, 2)), (4,), "dynamo", {"flow", "kernel", "descent"}),
    "cnn": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2)
        ),
        (3, 6, 6), "dynamo", {"descent"},
    ),
    "resnet": (ResNet, (3, 9, 9), "dynamo", set()),
    "unet": (UNet, (1, 6, 6), "dynamo", set()),
    "unet-torchscript": (UNet, (1, 6, 6), "torchscript", set()),
    "mobile": (Mobile, (3, 5, 5), "dynamo", set()),
    "encoder": (Encoder, (5, 4), "dynamo", {"flow", "kernel"}),
}
SAMPLES, T_END, RATE, STEPS = 3, 5.0, 0.02, 20


def export(net, x, how, path):
    if how == "dynamo":
        torch.onnx.export(net, (x[:1],), path, dynamo=True, optimize=False, external_data=False, verbose=False)
    else:
        torch.onnx.export(
            net, (x[:1],), path, dynamo=False, do_constant_folding=False, opset_version=17,
            training=torch.onnx.TrainingMode.PRESERVE, input_names=["x"], dynamic_axes={"x": {0: "n"}},
        )
    model = onnx.load(path)
    for item in [model, model.graph, *model.graph.node]:
        item.ClearField("doc_string")
        del item.metadata_props[:]
    onnx.save(model, path)
    return {tensor.name for tensor in model.graph.initializer}


def study(name, folder):
    make, shape, how, more = CASES[name]
    torch.manual_seed(7)
    net = make().eval()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
            module.weight.data.normal_()
            module.bias.data.normal_()
    x = torch.randn(SAMPLES, *shape)
    names = export(net, x, how, str(folder / f"{name}.onnx"))
    parameters = dict(net.named_parameters())
    assert set(parameters) <= names, set(parameters) - names
    y = net(x).detach() + torch.randn(SAMPLES, net(x).shape[1])
    keys = list(parameters)
    split = lambda flat: dict(zip(keys, torch.split(flat, [parameters[key].numel() for key in keys])))
    named = lambda flat: {key: value.tolist() for key, value in split(flat).items()}
    theta0 = torch.cat([value.detach().reshape(-1) for value in parameters.values()])

    def output(flat):
        own = {key: value.view_as(parameters[key]) for key, value in split(flat).items()}
        return torch.func.functional_call(net, own, (x,))

    loss = lambda flat: ((output(flat) - y) ** 2).sum() / 2
    gradient = torch.func.grad(loss)
    v = torch.randn_like(theta0)
    point = theta0.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(loss(point), point, create_graph=True)
    (curvature,) = torch.autograd.grad(slope @ v, point)
    found = dict(
        file=f"{name}.onnx", x=x.reshape(-1).tolist(), y=y.reshape(-1).tolist(), shape=list(shape),
        output=output(theta0).reshape(-1).tolist(), loss=loss(theta0).item(),
        gradient=named(slope.detach()), direction=named(v), hessianProduct=named(curvature),
    )
    if "kernel" in more:
        jacobian = torch.func.jacrev(lambda flat: output(flat).reshape(-1))(theta0)
        found["singularValues"] = torch.linalg.svdvals(jacobian).tolist()
    if "descent" in more:
        theta = theta0.clone()
        for _ in range(STEPS):
            theta = theta - RATE * gradient(theta)
        found["descent"] = dict(learningRate=RATE, steps=STEPS, theta=named(theta))
    if "flow" in more:
        field = lambda t, flat: -gradient(torch.tensor(flat)).numpy()
        ends = [
            solve_ivp(field, (0, T_END), theta0.numpy(), method="DOP853", rtol=rtol, atol=rtol / 100).y[:, -1]
            for rtol in (1e-12, 1e-11)
        ]
        found["flow"] = dict(
            tEnd=T_END, theta=named(torch.tensor(ends[0])), loss=loss(torch.tensor(ends[0])).item(),
            uncertainty=float(np.linalg.norm(ends[0] - ends[1])),
        )
        print(name, "uncertainty", found["flow"]["uncertainty"])
    return found


if __name__ == "__main__":
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(exist_ok=True)
    # Its attention in one piece has no second derivative.
    with sdpa_kernel([SDPBackend.MATH]):
        cases = {name: study(name, folder) for name in CASES}
    (folder / "torch.json").write_text(json.dumps({"torch": torch.__version__, "cases": cases}) + "\n")
