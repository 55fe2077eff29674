"""What is refused: a network with one thing in its middle, and what is said."""

import os

import torch
import torch.nn.functional as F
from torch import nn

from aq4svit_export import CannotExport, export, neuron, register
from parts import LIF, lively


class Middle(nn.Module):
    def __init__(self, middle):
        super().__init__()
        self.middle, self.first, self.lif = middle, nn.Conv2d(3, 8, 3, padding=1), LIF()
        self.second, self.lif2, self.fc = nn.Conv2d(8, 8, 1), LIF(), nn.Linear(8, 4)
        self.unknown, self.norm = Unknown(), nn.LayerNorm(8)

    def conv(self, module, x):
        return module(x.flatten(0, 1)).unflatten(0, x.shape[:2])

    def forward(self, x):
        x = self.lif(self.conv(self.first, x.unsqueeze(0).repeat(4, 1, 1, 1, 1)))
        return self.fc(self.middle(self, x).mean((0, 3, 4)))


class Unknown(nn.Module):
    """Neurons that their attributes do not tell."""

    def forward(self, x):
        v, out = 0.0, []
        for step in x:
            v = v * 0.5 + step
            spike = (v > 1.0).float()
            v = v * (1.0 - spike)
            out.append(spike)
        return torch.stack(out)


def unit(m, x):
    return m.lif2(m.conv(m.second, x))


def windows(x):
    """Attention among the tokens of a window of 6x6."""
    tokens = x.view(4, -1, 8, 2, 6, 2, 6).permute(0, 1, 3, 5, 4, 6, 2).flatten(4, 5)
    tokens = (tokens @ (tokens.mT @ tokens)).unflatten(4, (6, 6))
    return tokens.permute(0, 1, 6, 2, 4, 3, 5).reshape(x.shape)


REFUSED = {
    "transposed": lambda m, x: unit(m, x.transpose(3, 4)),
    "flipped": lambda m, x: unit(m, x.flip(2)),
    "written out": lambda m, x: unit(m, (x > 0.5).to(x.dtype)),
    "relu": lambda m, x: torch.relu(x),
    "batch mean": lambda m, x: unit(m, x * 1.0 + x.mean(1, keepdim=True)),
    "factor": lambda m, x: unit(m, x * 0.3),
    "next step": lambda m, x: unit(m, x.roll(1, 0)),
    "twice": lambda m, x: m.lif(m.conv(m.second, x)),
    "unknown neurons": lambda m, x: m.unknown(m.conv(m.second, x)),
    "class token": lambda m, x: torch.cat([torch.zeros(4, x.shape[1], 8, 1), x.flatten(3)], 3)[..., None],
    "layer norm": lambda m, x: m.norm(x.transpose(2, 4)).transpose(2, 4),
    "softmax": lambda m, x: torch.softmax(x.flatten(3), -1)[..., None],
    "shared": lambda m, x: m.conv(m.second, unit(m, x)),
    "oblong": lambda m, x: m.conv(m.second, x),
    "one-sided": lambda m, x: m.conv(m.second, x),
    "computed weight": lambda m, x: m.conv(lambda y: F.conv2d(y, m.second.weight / 2.0), x),
    "windows": lambda m, x: windows(x),
    "thresholds": lambda m, x: unit(m, x),
    "time mean": lambda m, x: m.conv(m.second, x.mean(0, keepdim=True)),
    "data": lambda m, x: unit(m, x) if float(x.mean()) > LIMIT[0] else x,
}
LIMIT = [0.0]


def refused():
    torch.manual_seed(3)
    images = torch.randn(2, 3, 12, 12)
    for name, middle in REFUSED.items():
        model = lively(Middle(middle))
        if name == "oblong":
            model.second = nn.Conv2d(8, 8, (1, 3))
        if name == "one-sided":
            model.second = nn.Conv2d(8, 8, 2, padding="same")
        if name == "thresholds":
            model.lif2.v_threshold = torch.rand(8)
        if name == "data":
            # Between what the first images of the two executions give.
            sums = []
            model.middle = lambda m, x: sums.append(float(x.mean())) or x
            export(model, images, os.devnull)
            model.middle, LIMIT[0] = middle, sum(sums) / 2
        try:
            export(model, images, os.devnull)
        except CannotExport as error:
            print(f"{name}: {error}")
        else:
            print(f"{name}: NOT REFUSED")
    told = Middle(REFUSED["unknown neurons"])
    for beta in (0.5, 0.9):
        register(Unknown, lambda m: neuron(beta=beta, charge="retain", fires="gt"))
        try:
            nodes = export(told, images, os.devnull)["nodes"]
            print(f"told {beta}: {[n for n in nodes if n['op'] == 'neuron'][-1]}")
        except CannotExport as error:
            print(f"told {beta}: {error}")
