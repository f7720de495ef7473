"""Makes pytorch.npz (data) and pytorch-state.npz (a state_dict at the start), and prints the loss that PyTorch's own training loop ends with."""
import numpy
import torch

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
inputs = torch.randn(40, 4)
targets = torch.sin(inputs.sum(dim=1, keepdim=True))
model = torch.nn.Sequential(
    torch.nn.Linear(4, 16), torch.nn.Tanh(), torch.nn.Linear(16, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1)
)
numpy.savez("pytorch.npz", inputs=inputs.numpy(), targets=targets.numpy())
numpy.savez("pytorch-state.npz", **{k: v.numpy() for k, v in model.state_dict().items()})

loss_of = torch.nn.MSELoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
for step in range(500):
    optimizer.zero_grad()
    loss_of(model(inputs), targets).backward()
    optimizer.step()
print(f"{loss_of(model(inputs), targets).item():.12f}")
