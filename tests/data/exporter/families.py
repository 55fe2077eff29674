"""Published networks, as their authors write them: Spikformer, the spike-driven transformer and
SpikingResformer."""

import torch
from torch import nn

from parts import LIF, ParametricLIF


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

    def __init__(self, width, heads, tokens, patch, neuron):
        super().__init__()
        self.width, self.heads, self.tokens = width, heads, tokens
        for name in ("firing_rate_x", "firing_rate_attn"):
            self.register_buffer(name, torch.ones(1, 1, heads, 1, 1))
        self.activation_in, self.activation_attn, self.activation_out = neuron(), neuron(), neuron()
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
    def __init__(self, width, ratio, group, neuron):
        super().__init__()
        hidden = ratio * width
        unit = lambda conv, out: nn.Sequential(neuron(), conv, Norm(out))
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
    def __init__(self, inputs, outputs, neuron):
        super().__init__()
        self.conv, self.norm = Conv(inputs, outputs, 3, stride=2, padding=1, bias=False), Norm(outputs)
        self.activation = neuron()

    def forward(self, x):
        return self.norm(self.conv(self.activation(x)))


class SpikingResformer(nn.Module):
    """`side` is that of the maps behind the prologue."""

    def __init__(self, widths=(16, 24, 32), heads=(1, 3, 4), depths=(1, 2, 2), group=8, classes=10, side=16,
                 prologue=None, neuron=LIF):
        super().__init__()
        patches = (4, 2, 1)
        self.prologue = prologue or nn.Sequential(Conv(3, widths[0], 3, padding=1, bias=False), Norm(widths[0]))
        self.layers = nn.Sequential()
        for i, width in enumerate(widths):
            stage = [Downsample(widths[i - 1], width, neuron)] if i else []
            side = side // 2 if i else side
            for _ in range(depths[i]):
                tokens = (side // patches[i]) ** 2
                stage += [DSSA(width, heads[i], tokens, patches[i], neuron), GWFFN(width, 4, group, neuron)]
            self.layers.append(nn.Sequential(*stage))
        self.avgpool, self.classifier = nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(widths[-1], classes, bias=False)

    def forward(self, x):
        if x.dim() == 5:  # frames: [B, T, C, H, W]
            x = x.transpose(0, 1)
        else:
            x = x.unsqueeze(0).repeat(4, 1, 1, 1, 1)
        x = self.layers(self.prologue(x))
        return self.classifier(torch.flatten(over(x, self.avgpool), 2)).mean(0)


class Pool(nn.MaxPool2d):
    def forward(self, x):
        return over(x, super().forward)


class SpikingResformerImageNet(SpikingResformer):
    def __init__(self):
        prologue = nn.Sequential(Conv(3, 16, 7, 2, 3, bias=False), Norm(16), Pool(3, 2, 1))
        super().__init__((16, 32, 48), (1, 2, 3), (1, 2, 3), 16, 20, prologue=prologue)


class SpikingResformerEvents(SpikingResformer):
    def __init__(self):
        super().__init__(depths=(1, 1, 2), classes=11, neuron=ParametricLIF)
