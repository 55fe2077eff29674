"""Small networks of own design."""

import torch
from torch import nn

from parts import LIF


class Own(nn.Module):
    """A network that nobody has published: a stem, a block with two branches, a head."""

    def __init__(self, lif, steps=3):
        super().__init__()
        self.steps = steps
        self.stem = nn.Conv2d(1, 8, 5, stride=2, padding=2, bias=False)
        self.stem_bn, self.stem_lif = nn.BatchNorm2d(8), lif()
        self.left, self.left_bn, self.left_lif = nn.Conv2d(8, 16, 3, 2, 1), nn.BatchNorm2d(16), lif()
        self.deep = nn.Conv2d(16, 16, 3, 1, 1, groups=16)
        self.right = nn.Conv2d(16, 16, 1)
        self.right_bn, self.right_lif = nn.BatchNorm2d(16), lif()
        self.fc = nn.Linear(16, 10)

    def over(self, x, *modules):
        y = x.flatten(0, 1)
        for module in modules:
            y = module(y)
        return y.unflatten(0, x.shape[:2])

    def forward(self, x):
        x = x.unsqueeze(0).repeat(self.steps, 1, 1, 1, 1)
        x = self.stem_lif(self.over(x, self.stem, self.stem_bn))
        left = self.left_lif(self.over(x, self.left, self.left_bn))
        right = self.right_lif(self.over(left, self.deep, self.right, self.right_bn))
        return self.fc((left + right).mean((0, 3, 4)))


class Stepwise(nn.Module):
    """A loop over time steps, as snnTorch's networks have it."""

    def __init__(self, leaky):
        super().__init__()
        self.conv1, self.lif1 = nn.Conv2d(1, 8, 5, stride=2), leaky(0.9)
        self.conv2, self.lif2 = nn.Conv2d(8, 16, 3, stride=2), leaky(0.8)
        self.fc = nn.Linear(16, 10)

    def forward(self, x):
        first, second, out = self.lif1.reset_mem(), self.lif2.reset_mem(), []
        for _ in range(3):
            spikes, first = self.lif1(self.conv1(x), first)
            spikes, second = self.lif2(self.conv2(spikes), second)
            out.append(self.fc(spikes.mean((2, 3))))
        return torch.stack(out).mean(0)


def own(kind):
    if kind == "plain":
        return Own(LIF)
    if kind == "clock-driven":
        from spikingjelly.clock_driven.neuron import MultiStepLIFNode

        return Own(lambda: MultiStepLIFNode(tau=2.0, detach_reset=True, backend="torch"))
    if kind == "activation-based":
        from spikingjelly.activation_based.neuron import LIFNode

        return Own(lambda: LIFNode(tau=2.0, detach_reset=True, step_mode="m"))
    import snntorch

    return Stepwise(lambda beta: snntorch.Leaky(beta=beta))
