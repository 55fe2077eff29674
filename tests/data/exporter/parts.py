"""What the networks of the tests have in common."""

import torch
from torch import nn


class LIF(nn.Module):
    """Leaky integrate-and-fire over the first dimension."""

    def __init__(self, tau=2.0, v_threshold=1.0):
        super().__init__()
        self.tau, self.v_threshold, self.v_reset = tau, v_threshold, 0.0

    def forward(self, x):
        v, out = torch.zeros_like(x[0]), []
        for step in x:
            v = v + (step - v) / self.tau
            spike = (v >= self.v_threshold).to(x.dtype)
            v = v * (1.0 - spike)
            out.append(spike)
        return torch.stack(out)


class ParametricLIF(LIF):
    """With a learned decay: 1/tau is the sigmoid of one parameter."""

    def __init__(self):
        super().__init__()
        del self.tau
        self.w = nn.Parameter(torch.tensor(0.0))

    def forward(self, x):
        v, out = torch.zeros_like(x[0]), []
        for step in x:
            v = v + (step - v) * self.w.sigmoid()
            spike = (v >= self.v_threshold).to(x.dtype)
            v = v * (1.0 - spike)
            out.append(spike)
        return torch.stack(out)


def lively(model):
    """Batch norms under which neurons fire."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)) and module.affine:
            for tensor, low, high in (
                (module.weight, 0.5, 2.0), (module.bias, 0.0, 1.0), (module.running_mean, -0.2, 0.2),
                (module.running_var, 0.5, 1.5),
            ):
                tensor.data = torch.rand(tensor.shape, generator=generator) * (high - low) + low
    return model
