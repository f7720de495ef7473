"""A residual network and its data: net.onnx, x.npy, y.npy."""
import numpy as np
import torch
from torch import nn
from torch.nn.functional import leaky_relu, relu


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(2, 12)
        self.block = nn.Linear(12, 12)
        self.head = nn.Linear(12, 1)

    def forward(self, x):
        x = leaky_relu(self.stem(x), 0.1)
        x = x + relu(self.block(x))
        return self.head(x)


torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
net = Net()
x = 3 * torch.rand(30, 2) - 1.5
y = torch.sign(x.square().sum(1, keepdim=True) - 1)  # inside or outside of a circle

if __name__ == "__main__":
    torch.onnx.export(net.eval(), x[:1], "net.onnx", dynamo=True, optimize=False, external_data=False)
    np.save("x.npy", x.numpy())
    np.save("y.npy", y.numpy())
