"""Losses by PyTorch (logits of ordinary size and of +-1e3, float64) and by mpmath (60 digits), for losses.test.ts.

    python3 loss_numbers.py > losses.json      # needs torch and mpmath

Logits are the parameters themselves: a dense layer without bias on the identity. `network` is a tanh network with weight decay.
"""
import json
import mpmath as mp
import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
mp.mp.dps = 60

N, K = 6, 4
ordinary = torch.randn(N, K) * 2
large = torch.tensor([[1e3, -1e3, 0, 1], [-1e3, 1e3, 1e3, 0], [37, -37, 745, 1e-3], [0, 0, 0, 0], [1e3, 999, 998, 0], [-1e3, -1e3, -999, -1e3]])
classes = torch.tensor([0, 2, 1, 3, 1, 2])
soft = torch.softmax(torch.randn(N, K), 1)
signs = torch.sign(torch.randn(N, K))
real = torch.randn(N, K)
# Where e^{-yf} has a float64.
tame = signs * large.abs() + (large.abs() < 40) * (large - signs * large.abs())


def one_hot(index):
    return F.one_hot(index, K).double()


def loss_of(kind, f, y):
    if kind == "squared":
        return ((f - y) ** 2).sum() / 2
    if kind == "cross-entropy":
        return F.cross_entropy(f, y, reduction="sum")
    if kind == "logistic":
        return F.binary_cross_entropy_with_logits(f, (y + 1) / 2, reduction="sum")
    if kind == "exponential":
        return torch.exp(-y * f).sum()
    if kind == "huber":
        return F.huber_loss(f, y, reduction="sum", delta=0.7)
    if kind == "hinge":
        return torch.relu(1 - y * f).sum()


def measure(loss, theta, v):
    theta = theta.clone().requires_grad_()
    value = loss(theta)
    (g,) = torch.autograd.grad(value, theta, create_graph=True)
    h = torch.zeros_like(theta)
    if g.requires_grad:
        (found,) = torch.autograd.grad((g * v).sum(), theta, allow_unused=True)
        h = h if found is None else found
    return {"loss": value.item(), "gradient": g.detach().flatten().tolist(), "hessianProduct": h.flatten().tolist()}


cases = []
for name, f in [("ordinary", ordinary), ("large", large)]:
    for kind, y in [("squared", real), ("cross-entropy", one_hot(classes)), ("cross-entropy", soft), ("logistic", signs),
                    ("exponential", signs), ("huber", real), ("hinge", signs)]:
        if kind == "exponential" and name == "large":
            f = tame
        v = torch.randn(N, K)
        cases.append({"name": name, "kind": kind, "samples": N, "outputs": K, "logits": f.flatten().tolist(), "targets": y.flatten().tolist(),
                      "v": v.flatten().tolist(), **measure(lambda t: loss_of(kind, t, y), f, v)})

# A tanh network 3-5-4 with weight decay, means over samples.
x = torch.randn(N, 3)
sizes = [(3, 5), (1, 5), (5, K), (1, K)]
theta = torch.cat([torch.randn(a * b) for a, b in sizes]) * 0.7


def network(t):
    parts, at = [], 0
    for a, b in sizes:
        parts.append(t[at:at + a * b].reshape(a, b))
        at += a * b
    return torch.tanh(x @ parts[0] + parts[1]) @ parts[2] + parts[3]


decayed = torch.cat([torch.full((a * b,), 0.0 if a == 1 else 1.0) for a, b in sizes])
networks = []
for kind, y in [("squared", real), ("cross-entropy", one_hot(classes)), ("logistic", signs), ("exponential", signs), ("huber", real), ("hinge", signs)]:
    for biases in [True, False]:
        v = torch.randn(theta.shape[0])
        mask = torch.ones_like(decayed) if biases else decayed
        loss = lambda t: loss_of(kind, network(t), y) / N + 0.03 / 2 * (mask * t * t).sum()
        networks.append({"kind": kind, "biases": biases, "samples": N, "outputs": K, "x": x.flatten().tolist(), "theta": theta.tolist(),
                         "targets": y.flatten().tolist(), "v": v.tolist(), **measure(loss, theta, v)})

# One sample at a time to 60 digits: values and derivatives of tails that float64 formulas lose.
tails = []


def softplus(u):
    return mp.log1p(mp.exp(u)) if u < 0 else u + mp.log1p(mp.exp(-u))


for u in [-1e3, -745, -100, -40.5, -39.5, -20, -1, 0, 1, 30, 40, 745, 1e3]:
    q = mp.mpf(u)
    s = 1 / (1 + mp.exp(-q))
    value = softplus(q)
    tails.append({"u": u, "loss": float(value), "slope": float(s), "curvature": float(s * (1 - s)), "logLoss": float(mp.log(value)),
                  "logSlope": float(s / value), "logCurvature": float(s * (1 - s) / value - (s / value) ** 2)})

# Cross-entropy of one sample, three classes, label 0.
softmaxes = []
for f in [(1e3, 0, -1), (40, 0, 39), (3, 1, -2), (-1e3, 1e3, 999), (600, -145, -300), (0, 0, 0)]:
    q = [mp.mpf(v) for v in f]
    top = max(q[1:])
    v = top - q[0] + mp.log(sum(mp.exp(c - top) for c in q[1:]))
    value = softplus(v)
    s = 1 / (1 + mp.exp(-v))
    share = [mp.exp(c - q[0] - v) for c in q[1:]]
    gradient = [-s] + [s * p for p in share]
    softmaxes.append({"logits": list(f), "loss": float(value), "gradient": [float(g) for g in gradient], "logLoss": float(mp.log(value)),
                      "logGradient": [float(g / value) for g in gradient]})

print(json.dumps({"torch": torch.__version__, "mpmath": mp.__version__, "cases": cases, "networks": networks, "tails": tails, "softmaxes": softmaxes}))
