"""Networks in plain PyTorch, as their authors write them, for the tests of aq4svit_export.py.

    python networks.py export NAME WEIGHTS OUT   a network with the weights of a .safetensors file
    python networks.py own KIND OUT              a small network of own design (plain, clock-driven,
                                                 activation-based, snntorch)
    python networks.py refused                   what is refused, one line each: NAME: why
"""

import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../scripts"))

import torch
from torch import nn

from aq4svit_export import CannotExport, export, neuron, register


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


class SPS(nn.Module):
    """Spikformer's patch embedding, CIFAR layout."""

    def __init__(self, width):
        super().__init__()
        widths = [3, width // 8, width // 4, width // 2, width]
        for i in range(4):
            n = str(i) if i else ""
            setattr(self, f"proj_conv{n}", nn.Conv2d(widths[i], widths[i + 1], 3, 1, 1, bias=False))
            setattr(self, f"proj_bn{n}", nn.BatchNorm2d(widths[i + 1]))
            setattr(self, f"proj_lif{n}", LIF())
        self.maxpool2, self.maxpool3 = nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(3, 2, 1)
        self.rpe_conv, self.rpe_bn = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.rpe_lif = LIF()

    def forward(self, x):
        T, B, _, H, W = x.shape
        x = x.flatten(0, 1)
        for i in range(4):
            n = str(i) if i else ""
            x = getattr(self, f"proj_bn{n}")(getattr(self, f"proj_conv{n}")(x))
            x = getattr(self, f"proj_lif{n}")(x.reshape(T, B, -1, H, W).contiguous()).flatten(0, 1).contiguous()
            if i >= 2:
                x, H, W = getattr(self, f"maxpool{i}")(x), H // 2, W // 2
        shortcut = x.reshape(T, B, -1, H, W).contiguous()
        x = self.rpe_lif(self.rpe_bn(self.rpe_conv(x)).reshape(T, B, -1, H, W).contiguous())
        return (x + shortcut).flatten(-2).transpose(-1, -2)


class Tokens(nn.Module):
    """Linear, batch norm and neurons on [T, B, N, C]."""

    def add(self, name, inputs, outputs, threshold=1.0):
        setattr(self, f"{name}_linear", nn.Linear(inputs, outputs))
        setattr(self, f"{name}_bn", nn.BatchNorm1d(outputs))
        setattr(self, f"{name}_lif", LIF(v_threshold=threshold))

    def unit(self, name, x):
        T, B, N, _ = x.shape
        x = getattr(self, f"{name}_linear")(x.flatten(0, 1)).transpose(-1, -2)
        x = getattr(self, f"{name}_bn")(x).transpose(-1, -2).reshape(T, B, N, -1).contiguous()
        return getattr(self, f"{name}_lif")(x)


class SSA(Tokens):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.scale = heads, 0.125
        for name in "qkv":
            self.add(name, width, width)
        self.attn_lif = LIF(v_threshold=0.5)
        self.add("proj", width, width)

    def forward(self, x):
        T, B, N, C = x.shape
        q, k, v = (
            self.unit(n, x).reshape(T, B, N, self.heads, C // self.heads).permute(0, 1, 3, 2, 4).contiguous()
            for n in "qkv"
        )
        x = ((q @ k.transpose(-2, -1)) * self.scale) @ v
        return self.unit("proj", self.attn_lif(x.transpose(2, 3).reshape(T, B, N, C).contiguous()))


class TokenMlp(Tokens):
    def __init__(self, width, hidden):
        super().__init__()
        self.add("fc1", width, hidden)
        self.add("fc2", hidden, width)

    def forward(self, x):
        return self.unit("fc2", self.unit("fc1", x))


class SpikformerBlock(nn.Module):
    def __init__(self, width, heads, ratio):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn, self.mlp = SSA(width, heads), TokenMlp(width, ratio * width)

    def forward(self, x):
        x = x + self.attn(x)
        return x + self.mlp(x)


class Spikformer(nn.Module):
    def __init__(self, width=48, heads=8, ratio=4, depth=2, steps=4, classes=10):
        super().__init__()
        self.steps = steps
        self.patch_embed = SPS(width)
        self.block = nn.ModuleList([SpikformerBlock(width, heads, ratio) for _ in range(depth)])
        self.head = nn.Linear(width, classes)

    def forward(self, x):
        x = self.patch_embed(x.unsqueeze(0).repeat(self.steps, 1, 1, 1, 1))
        for block in self.block:
            x = block(x)
        return self.head(x.mean(2).mean(0))


class MembranePatches(nn.Module):
    """The embedding of the spike-driven transformer, pooling 0011."""

    def __init__(self, width):
        super().__init__()
        widths = [3, width // 8, width // 4, width // 2, width]
        for i in range(4):
            n = str(i) if i else ""
            setattr(self, f"proj_conv{n}", nn.Conv2d(widths[i], widths[i + 1], 3, 1, 1, bias=False))
            setattr(self, f"proj_bn{n}", nn.BatchNorm2d(widths[i + 1]))
            setattr(self, f"proj_lif{n}", LIF())
            setattr(self, f"maxpool{n}", nn.MaxPool2d(3, 2, 1))
        self.rpe_conv, self.rpe_bn = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)

    def forward(self, x):
        T, B, _, H, W = x.shape
        x = x.flatten(0, 1)
        for i in range(4):
            n = str(i) if i else ""
            x = getattr(self, f"proj_bn{n}")(getattr(self, f"proj_conv{n}")(x))
            if i == 3:
                x, H, W = self.maxpool3(x), H // 2, W // 2
            shortcut = x
            x = getattr(self, f"proj_lif{n}")(x.reshape(T, B, -1, H, W).contiguous()).flatten(0, 1)
            if i == 2:
                x, H, W = self.maxpool2(x), H // 2, W // 2
        x = self.rpe_bn(self.rpe_conv(x)) + shortcut
        return x.reshape(T, B, -1, H, W).contiguous()


class Maps(nn.Module):
    """1x1 convolution and batch norm on [T, B, C, H, W]."""

    def add(self, name, inputs, outputs, bias):
        setattr(self, f"{name}_conv", nn.Conv2d(inputs, outputs, 1, bias=bias))
        setattr(self, f"{name}_bn", nn.BatchNorm2d(outputs))

    def layer(self, name, x):
        y = getattr(self, f"{name}_bn")(getattr(self, f"{name}_conv")(x.flatten(0, 1)))
        return y.reshape(*x.shape[:2], -1, *x.shape[3:]).contiguous()


class SDSA(Maps):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.shortcut_lif = heads, LIF()
        for name in "qkv":
            self.add(name, width, width, False)
            setattr(self, f"{name}_lif", LIF())
        self.talking_heads = nn.Conv1d(heads, heads, 1, bias=False)
        self.talking_heads_lif = LIF(v_threshold=0.5)
        self.add("proj", width, width, True)

    def forward(self, x):
        T, B, C, H, W = x.shape
        spikes = self.shortcut_lif(x)
        q, k, v = (
            getattr(self, f"{n}_lif")(self.layer(n, spikes)).flatten(3).transpose(-1, -2)
            .reshape(T, B, H * W, self.heads, C // self.heads).permute(0, 1, 3, 2, 4).contiguous()
            for n in "qkv"
        )
        mask = self.talking_heads_lif(k.mul(v).sum(dim=-2, keepdim=True))
        y = q.mul(mask).transpose(3, 4).reshape(T, B, C, H, W).contiguous()
        return self.layer("proj", y) + x


class MapMlp(Maps):
    def __init__(self, width, hidden):
        super().__init__()
        self.add("fc1", width, hidden, True)
        self.add("fc2", hidden, width, True)
        self.fc1_lif, self.fc2_lif = LIF(), LIF()

    def forward(self, x):
        y = self.layer("fc1", self.fc1_lif(x))
        return self.layer("fc2", self.fc2_lif(y)) + x


class SpikeDrivenBlock(nn.Module):
    def __init__(self, width, heads, ratio):
        super().__init__()
        self.attn, self.mlp = SDSA(width, heads), MapMlp(width, ratio * width)

    def forward(self, x):
        return self.mlp(self.attn(x))


class SpikeDriven(nn.Module):
    def __init__(self, width=48, heads=8, ratio=4, depth=2, steps=4, classes=10):
        super().__init__()
        self.steps = steps
        self.patch_embed = MembranePatches(width)
        self.block = nn.ModuleList([SpikeDrivenBlock(width, heads, ratio) for _ in range(depth)])
        self.head_lif, self.head = LIF(), nn.Linear(width, classes)

    def forward(self, x):
        x = self.patch_embed(x.unsqueeze(0).repeat(self.steps, 1, 1, 1, 1))
        for block in self.block:
            x = block(x)
        return self.head(self.head_lif(x.flatten(3).mean(3))).mean(0)


class Norm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.bn = nn.BatchNorm2d(width)

    def forward(self, x):
        return over(x, self.bn)


def over(x, module):
    return module(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class Conv(nn.Conv2d):
    """A convolution of [T, B, C, H, W], as spikingjelly's layers have it."""

    def forward(self, x):
        return super().forward(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class DSSA(nn.Module):
    """SpikingResformer's dual spike self-attention."""

    def __init__(self, width, heads, tokens, patch):
        super().__init__()
        self.width, self.heads, self.tokens = width, heads, tokens
        for name in ("firing_rate_x", "firing_rate_attn"):
            self.register_buffer(name, torch.ones(1, 1, heads, 1, 1))
        self.activation_in, self.activation_attn, self.activation_out = LIF(), LIF(), LIF()
        self.W, self.norm = Conv(width, 2 * width, patch, patch, bias=False), Norm(2 * width)
        self.Wproj, self.norm_proj = Conv(width, width, 1, bias=False), Norm(width)

    def forward(self, x):
        T, B, C, H, W = x.shape
        d = C // self.heads
        spikes = self.activation_in(x)
        y = self.norm(self.W(spikes)).reshape(T, B, self.heads, 2 * d, -1)
        keys, values = y[:, :, :, :d, :], y[:, :, :, d:, :]
        spikes = spikes.reshape(T, B, self.heads, d, -1)
        attention = torch.matmul(keys.transpose(-1, -2), spikes) * (1.0 / torch.sqrt(self.firing_rate_x * d))
        attention = self.activation_attn(attention)
        out = torch.matmul(values, attention) * (1.0 / torch.sqrt(self.firing_rate_attn * self.tokens))
        out = self.activation_out(out.reshape(T, B, C, H, W))
        return self.norm_proj(self.Wproj(out)) + x


class GWFFN(nn.Module):
    def __init__(self, width, ratio, group):
        super().__init__()
        hidden = ratio * width
        unit = lambda conv, out: nn.Sequential(LIF(), conv, Norm(out))
        self.up = unit(Conv(width, hidden, 1, bias=False), hidden)
        grouped = Conv(hidden, hidden, 3, padding=1, groups=hidden // group, bias=False)
        self.conv = nn.ModuleList([unit(grouped, hidden)])
        self.down = unit(Conv(hidden, width, 1, bias=False), width)

    def forward(self, x):
        y = self.up(x)
        for conv in self.conv:
            y = y + conv(y)
        return self.down(y) + x


class Downsample(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv, self.norm = Conv(inputs, outputs, 3, stride=2, padding=1, bias=False), Norm(outputs)
        self.activation = LIF()

    def forward(self, x):
        return self.norm(self.conv(self.activation(x)))


class SpikingResformer(nn.Module):
    def __init__(self):
        super().__init__()
        widths, heads, patches, depths, side = (16, 24, 32), (1, 3, 4), (4, 2, 1), (1, 2, 2), 16
        self.prologue = nn.Sequential(Conv(3, widths[0], 3, padding=1, bias=False), Norm(widths[0]))
        self.layers = nn.Sequential()
        for i, width in enumerate(widths):
            stage = [Downsample(widths[i - 1], width)] if i else []
            side = side // 2 if i else side
            for _ in range(depths[i]):
                tokens = (side // patches[i]) ** 2
                stage += [DSSA(width, heads[i], tokens, patches[i]), GWFFN(width, 4, 8)]
            self.layers.append(nn.Sequential(*stage))
        self.avgpool, self.classifier = nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(widths[-1], 10, bias=False)

    def forward(self, x):
        x = self.layers(self.prologue(x.unsqueeze(0).repeat(4, 1, 1, 1, 1)))
        return self.classifier(torch.flatten(over(x, self.avgpool), 2)).mean(0)


NETWORKS = {"spikformer-cifar": Spikformer, "sdt-v1": SpikeDriven, "spikingresformer-cifar": SpikingResformer}


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


def lively(model):
    """Batch norms under which neurons fire."""
    generator = torch.Generator().manual_seed(1)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for tensor, low, high in (
                (module.weight, 0.5, 2.0), (module.bias, 0.0, 1.0), (module.running_mean, -0.2, 0.2),
                (module.running_var, 0.5, 1.5),
            ):
                tensor.data = torch.rand(tensor.shape, generator=generator) * (high - low) + low
    return model


# What is refused: a network with one thing in its middle, and what is said.


class Middle(nn.Module):
    def __init__(self, middle):
        super().__init__()
        self.middle, self.first, self.lif = middle, nn.Conv2d(3, 8, 3, padding=1), LIF()
        self.second, self.lif2, self.fc = nn.Conv2d(8, 8, 1), LIF(), nn.Linear(8, 4)
        self.unknown = Unknown()

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


REFUSED = {
    "transposed": lambda m, x: unit(m, x.transpose(3, 4)),
    "flipped": lambda m, x: unit(m, x.flip(2)),
    "relu": lambda m, x: torch.relu(x),
    "batch mean": lambda m, x: unit(m, x * 1.0 + x.mean(1, keepdim=True)),
    "factor": lambda m, x: unit(m, x * 0.3),
    "next step": lambda m, x: unit(m, x.roll(1, 0)),
    "twice": lambda m, x: m.lif(m.conv(m.second, x)),
    "unknown neurons": lambda m, x: m.unknown(m.conv(m.second, x)),
    "data": lambda m, x: unit(m, x) if float(x.mean()) > LIMIT[0] else x,
}
LIMIT = [0.0]


def refused():
    torch.manual_seed(3)
    images = torch.randn(2, 3, 12, 12)
    for name, middle in REFUSED.items():
        model = lively(Middle(middle))
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


def weights(path):
    """The float tensors of a .safetensors file."""
    data = open(path, "rb").read()
    length = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + length]), memoryview(data)[8 + length:]
    read = {}
    for name, info in header.items():
        if name != "__metadata__" and info["dtype"] == "F32":
            begin, end = info["data_offsets"]
            flat = torch.frombuffer(bytearray(body[begin:end]) or bytearray(4), dtype=torch.float32)
            read[name] = flat.reshape(info["shape"]).clone()
    return read


def main():
    if sys.argv[1] == "refused":
        return refused()
    torch.manual_seed(0)
    if sys.argv[1] == "own":
        return export(lively(own(sys.argv[2])), torch.rand(2, 1, 28, 28), sys.argv[3])
    model = NETWORKS[sys.argv[2]]()
    missing, unexpected = model.load_state_dict(weights(sys.argv[3]), strict=False)
    missing = [k for k in missing if not k.endswith("num_batches_tracked")]
    assert not missing and not unexpected, (missing, unexpected)
    side = 16 if sys.argv[2].startswith("spikingresformer") else 32
    export(model, torch.randn(2, 3, side, side), sys.argv[4])


main()
