"""State dicts of PyTorch's and the outputs of the networks that they are of, for test/agreement/state-dicts.test.ts.

Saving is one line each: safetensors.torch.save_file(model.state_dict(), path), or
numpy.savez(path, **{k: v.numpy() for k, v in model.state_dict().items()}).
PyTorch 1.13, safetensors 0.8 and NumPy 1.24 made what stands beside; run it here: python torch_state_dicts.py
"""

import json

import numpy
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

torch.set_default_dtype(torch.float64)
torch.manual_seed(7)


class Encoder(nn.Module):
    """A pre-norm transformer as most code has it: no attribute is named or ordered as the layers run."""

    def __init__(self):
        super().__init__()
        block = nn.TransformerEncoderLayer(
            8, 2, 16, 0.0, lambda x: F.gelu(x, approximate="tanh"), batch_first=True, norm_first=True
        )
        self.head = nn.Linear(8, 2)
        self.encoder = nn.TransformerEncoder(block, 2, nn.LayerNorm(8))
        self.position = nn.Parameter(torch.zeros(1, 4, 8))
        self.entry = nn.Linear(3, 8)

    def forward(self, x):
        return self.head(self.encoder(self.entry(x) + self.position).mean(1))


class Residual(nn.Module):
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x):
        return x + self.inner(x)


class SelfAttention(nn.Module):
    """Causal; the four maps by themselves, as wide as the layer after them."""

    def __init__(self, d, heads):
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)
        self.out_proj = nn.Linear(d, d)

    def forward(self, x):
        n, t, d = x.shape
        split = lambda z: z.reshape(n, t, self.heads, d // self.heads).transpose(1, 2)
        q, k, v = split(self.q_proj(x)), split(self.k_proj(x)), split(self.v_proj(x))
        scores = q @ k.transpose(2, 3) / (d // self.heads) ** 0.5
        scores = scores.masked_fill(torch.triu(torch.ones(t, t, dtype=torch.bool), 1), -torch.inf)
        return self.out_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, d))


dense = nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 5), nn.Linear(5, 2))
deep = nn.Sequential(*[layer for _ in range(6) for layer in (nn.Linear(3, 3), nn.Tanh())], nn.Linear(3, 1))
cnn = nn.Sequential(
    nn.Conv2d(2, 4, 3, padding=1),
    nn.BatchNorm2d(4),
    nn.LeakyReLU(0.1),
    nn.MaxPool2d(2),
    nn.Sequential(nn.Conv2d(4, 4, 3, padding=1, groups=2), nn.PReLU(), nn.ConvTranspose2d(4, 3, 2, stride=2)),
    nn.Flatten(),
    nn.Linear(3 * 4 * 4, 2),
)
tokens = nn.Sequential(
    nn.Embedding(7, 4), Residual(nn.Sequential(nn.LayerNorm(4), SelfAttention(4, 2))), nn.Linear(4, 4), nn.Tanh()
)

cases = {
    "dense": (dense, torch.randn(6, 3), "safetensors"),
    "deep": (deep, torch.randn(6, 3), "safetensors"),
    "cnn": (cnn, torch.randn(5, 2, 4, 4), "npz"),
    "encoder": (Encoder(), torch.randn(5, 4, 3), "safetensors"),
    "tokens": (tokens, torch.randint(0, 7, (5, 3)), "npz"),
}
stored = {}
for name, (model, x, kind) in cases.items():
    model.train()
    for p in model.parameters():
        # Single precision, widened again: what files usually hold, and the outputs are those of what they hold.
        p.data = (0.5 * torch.randn_like(p)).float().double() if name == "dense" else 0.5 * torch.randn_like(p)
    state = {k: v.float() if name == "dense" else v for k, v in model.state_dict().items()}
    path = f"state-dict-{name}.{kind}"
    if kind == "safetensors":
        save_file(state, path)
    else:
        numpy.savez(path, **{k: v.numpy() for k, v in state.items()})
    output = model(x)
    stored[name] = {
        "file": path,
        "inputShape": list(x.shape[1:]),
        "samples": len(x),
        "x": x.flatten().tolist(),
        "output": output.detach().flatten().tolist(),
        "parameters": sum(p.numel() for p in model.parameters()),
    }
with open("state-dicts.json", "w") as file:
    json.dump(stored, file)
