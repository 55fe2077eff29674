"""Images per second of three networks in plain PyTorch, written as their authors wrote them.

The other side of `cargo bench --bench forward`; `benches/compare.sh` runs both. It needs only torch. Weights and images
are random: the time does not depend on them.

What is kept of the authors' code: values are [T, B, C, ...] in PyTorch's default layout; convolutions, linear layers, batch
norms and poolings see time merged into the batch (`flatten(0, 1)`); an image is repeated T times first; the reshapes,
transposes and `contiguous()` calls of the modules. Neurons are spikingjelly 0.0.0.0.12's `MultiStepLIFNode` with
`backend="torch"`: one step after the other, charge, fire, reset, both sequences put together by `torch.cat`.
"""

import argparse
import time

import torch
from torch import nn


class LIF(nn.Module):
    """`MultiStepLIFNode(tau=2.0, v_threshold=..., detach_reset=True, backend="torch")`."""

    def __init__(self, threshold=1.0, tau=2.0):
        super().__init__()
        self.threshold, self.tau, self.v, self.v_seq = threshold, tau, 0.0, None

    def step(self, x):
        if isinstance(self.v, float):
            self.v = torch.zeros_like(x)
        self.v = self.v + (x - self.v) / self.tau
        spike = (self.v - self.threshold >= 0).to(x)
        self.v = (1.0 - spike) * self.v + spike * 0.0
        return spike

    def forward(self, x_seq):
        spikes, potentials = [], []
        for t in range(x_seq.shape[0]):
            spikes.append(self.step(x_seq[t]).unsqueeze(0))
            potentials.append(self.v.unsqueeze(0))
        self.v_seq = torch.cat(potentials, 0)
        return torch.cat(spikes, 0)


def reset(net):
    """`functional.reset_net`, which the evaluation loops call after each batch."""
    for module in net.modules():
        if isinstance(module, LIF):
            module.v, module.v_seq = 0.0, None


def heads_of(x, heads):
    """[T, B, C, N] to [T, B, heads, N, C / heads]."""
    steps, batch, channels, tokens = x.shape
    x = x.transpose(-1, -2).reshape(steps, batch, tokens, heads, channels // heads)
    return x.permute(0, 1, 3, 2, 4).contiguous()


class Unit(nn.Module):
    """Convolution, batch norm, (pool,) neurons, (pool): the patch embeddings of Spikformer and QKFormer."""

    def __init__(self, cin, cout, kernel=3, stride=1, pool_first=False, pool_last=False):
        super().__init__()
        self.conv = nn.Conv2d(cin, cout, kernel, stride, kernel // 2, bias=False)
        self.bn, self.lif = nn.BatchNorm2d(cout), LIF()
        self.pool = nn.MaxPool2d(3, 2, 1)
        self.pool_first, self.pool_last = pool_first, pool_last

    def forward(self, x):
        steps, batch = x.shape[:2]
        x = self.bn(self.conv(x.flatten(0, 1)))
        if self.pool_first:
            x = self.pool(x)
        x = self.lif(x.reshape(steps, batch, *x.shape[1:]).contiguous())
        if self.pool_last:
            x = self.pool(x.flatten(0, 1))
            x = x.reshape(steps, batch, *x.shape[1:]).contiguous()
        return x


# Spikformer, cifar10/model.py: tokens are [T, B, N, C], projections are linear layers.


class TokenUnit(nn.Module):
    def __init__(self, cin, cout):
        super().__init__()
        self.linear, self.bn, self.lif = nn.Linear(cin, cout), nn.BatchNorm1d(cout), LIF()

    def forward(self, x):
        steps, batch, tokens, _ = x.shape
        y = self.linear(x.flatten(0, 1))
        y = self.bn(y.transpose(-1, -2)).transpose(-1, -2)
        return self.lif(y.reshape(steps, batch, tokens, -1).contiguous())


class TokenAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v = TokenUnit(dim, dim), TokenUnit(dim, dim), TokenUnit(dim, dim)
        self.attn_lif, self.proj = LIF(0.5), TokenUnit(dim, dim)

    def forward(self, x):
        steps, batch, tokens, dim = x.shape

        def split(y):
            y = y.reshape(steps, batch, tokens, self.heads, dim // self.heads)
            return y.permute(0, 1, 3, 2, 4).contiguous()

        q, k, v = split(self.q(x)), split(self.k(x)), split(self.v(x))
        y = ((q @ k.transpose(-2, -1)) * 0.125) @ v
        y = y.transpose(2, 3).reshape(steps, batch, tokens, dim).contiguous()
        return self.proj(self.attn_lif(y))


class Spikformer(nn.Module):
    def __init__(self, image=32, channels=3, dim=384, depth=4, heads=12, classes=10, steps=4):
        super().__init__()
        self.steps = steps
        self.embed = nn.Sequential(
            Unit(channels, dim // 8),
            Unit(dim // 8, dim // 4),
            Unit(dim // 4, dim // 2, pool_last=True),
            Unit(dim // 2, dim, pool_last=True),
        )
        self.rpe = Unit(dim, dim)
        blocks = [
            nn.ModuleList([TokenAttention(dim, heads), TokenUnit(dim, 4 * dim), TokenUnit(4 * dim, dim)])
            for _ in range(depth)
        ]
        self.blocks = nn.ModuleList(blocks)
        self.head = nn.Linear(dim, classes)

    def forward(self, image):
        x = self.embed(image.unsqueeze(0).repeat(self.steps, 1, 1, 1, 1))
        x = x + self.rpe(x)
        x = x.flatten(-2).transpose(-1, -2)
        for attention, fc1, fc2 in self.blocks:
            x = x + attention(x)
            x = x + fc2(fc1(x))
        return self.head(x.mean(2).mean(0))


# QKFormer, cifar10/model.py.


class SequenceUnit(nn.Module):
    """1-D convolution over [T, B, C, N]."""

    def __init__(self, cin, cout, bias=False):
        super().__init__()
        self.conv, self.bn, self.lif = nn.Conv1d(cin, cout, 1, bias=bias), nn.BatchNorm1d(cout), LIF()

    def forward(self, x):
        steps, batch, _, tokens = x.shape
        y = self.bn(self.conv(x.flatten(0, 1)))
        return self.lif(y.reshape(steps, batch, -1, tokens).contiguous())


class TokenMask(nn.Module):
    """QKTA."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.attn_lif = SequenceUnit(dim, dim), SequenceUnit(dim, dim), LIF(0.5)
        self.proj = SequenceUnit(dim, dim, bias=True)

    def forward(self, x):
        steps, batch, dim, height, width = x.shape
        x = x.flatten(3)
        q = self.q(x).unsqueeze(2).reshape(steps, batch, self.heads, dim // self.heads, -1)
        k = self.k(x).unsqueeze(2).reshape(steps, batch, self.heads, dim // self.heads, -1)
        mask = self.attn_lif(torch.sum(q, dim=3, keepdim=True))
        y = torch.mul(mask, k).flatten(2, 3)
        return self.proj(y).reshape(steps, batch, dim, height, width)


class SelfAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.q, self.k, self.v = SequenceUnit(dim, dim), SequenceUnit(dim, dim), SequenceUnit(dim, dim)
        self.attn_lif, self.proj = LIF(0.5), SequenceUnit(dim, dim, bias=True)

    def forward(self, x):
        steps, batch, dim, height, width = x.shape
        x = x.flatten(3)
        q, k, v = (heads_of(unit(x), self.heads) for unit in (self.q, self.k, self.v))
        y = (q @ (k.transpose(-2, -1) @ v)) * 0.125
        y = y.transpose(3, 4).reshape(steps, batch, dim, -1).contiguous()
        return self.proj(self.attn_lif(y)).reshape(steps, batch, dim, height, width)


class MapMlp(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.conv1, self.bn1, self.lif1 = nn.Conv2d(dim, hidden, 1), nn.BatchNorm2d(hidden), LIF()
        self.conv2, self.bn2, self.lif2 = nn.Conv2d(hidden, dim, 1), nn.BatchNorm2d(dim), LIF()

    def forward(self, x):
        steps, batch, dim, height, width = x.shape
        y = self.bn1(self.conv1(x.flatten(0, 1))).reshape(steps, batch, -1, height, width).contiguous()
        y = self.bn2(self.conv2(self.lif1(y).flatten(0, 1)))
        return self.lif2(y.reshape(steps, batch, dim, height, width).contiguous())


class QkFormer(nn.Module):
    def __init__(self, image=28, channels=1, dim=64, depth=4, heads=8, classes=10, steps=4):
        super().__init__()
        self.steps = steps
        widths = [dim // 4, dim // 2, dim]
        self.first = Unit(channels, dim // 8)
        embeds, stages = [], []
        for i, width in enumerate(widths):
            before = dim // 8 if i == 0 else widths[i - 1]
            main = [Unit(before, width)]
            if i > 0:
                main.append(Unit(width, width, pool_first=True))
            embeds.append(nn.ModuleList([nn.Sequential(*main), Unit(before, width, 1, 1 if i == 0 else 2)]))
            kind = SelfAttention if i == 2 else TokenMask
            count = depth - 2 if i == 2 else 1
            blocks = [nn.ModuleList([kind(width, heads), MapMlp(width, 4 * width)]) for _ in range(count)]
            stages.append(nn.ModuleList(blocks))
        self.embeds, self.stages = nn.ModuleList(embeds), nn.ModuleList(stages)
        self.head = nn.Linear(dim, classes)

    def forward(self, image):
        x = self.first(image.unsqueeze(0).repeat(self.steps, 1, 1, 1, 1))
        for (main, side), blocks in zip(self.embeds, self.stages):
            x = main(x) + side(x)
            for attention, mlp in blocks:
                x = x + attention(x)
                x = x + mlp(x)
        return self.head(x.flatten(3).mean(3).mean(0))


# Meta-SpikeFormer (SDT v2), classification/models.py.


class BNAndPad(nn.Module):
    """Batch norm, then a border of what it makes of 0."""

    def __init__(self, dim):
        super().__init__()
        self.bn = nn.BatchNorm2d(dim)

    def forward(self, x):
        x = self.bn(x)
        bn = self.bn
        pad = bn.bias - bn.running_mean * bn.weight / torch.sqrt(bn.running_var + bn.eps)
        x = nn.functional.pad(x, [1, 1, 1, 1])
        pad = pad.view(1, -1, 1, 1)
        x[:, :, 0:1, :], x[:, :, -1:, :] = pad, pad
        x[:, :, :, 0:1], x[:, :, :, -1:] = pad, pad
        return x


def rep_conv(dim):
    return nn.Sequential(
        nn.Conv2d(dim, dim, 1, bias=False),
        BNAndPad(dim),
        nn.Conv2d(dim, dim, 3, groups=dim, bias=False),
        nn.Conv2d(dim, dim, 1, bias=False),
        nn.BatchNorm2d(dim),
        nn.BatchNorm2d(dim),
    )


class SepConv(nn.Module):
    def __init__(self, dim):
        super().__init__()
        wide = 2 * dim
        self.lif1, self.pwconv1, self.bn1 = LIF(), nn.Conv2d(dim, wide, 1, bias=False), nn.BatchNorm2d(wide)
        self.lif2, self.dwconv = LIF(), nn.Conv2d(wide, wide, 7, padding=3, groups=wide, bias=False)
        self.pwconv2, self.bn2 = nn.Conv2d(wide, dim, 1, bias=False), nn.BatchNorm2d(dim)

    def forward(self, x):
        steps, batch, _, height, width = x.shape
        x = self.lif1(x)
        x = self.bn1(self.pwconv1(x.flatten(0, 1))).reshape(steps, batch, -1, height, width)
        x = self.dwconv(self.lif2(x).flatten(0, 1))
        return self.bn2(self.pwconv2(x)).reshape(steps, batch, -1, height, width)


class ConvBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.sep = SepConv(dim)
        self.lif1, self.conv1, self.bn1 = LIF(), nn.Conv2d(dim, 4 * dim, 3, 1, 1, bias=False), nn.BatchNorm2d(4 * dim)
        self.lif2, self.conv2, self.bn2 = LIF(), nn.Conv2d(4 * dim, dim, 3, 1, 1, bias=False), nn.BatchNorm2d(dim)

    def forward(self, x):
        steps, batch, dim, height, width = x.shape
        x = self.sep(x) + x
        y = self.bn1(self.conv1(self.lif1(x).flatten(0, 1))).reshape(steps, batch, 4 * dim, height, width)
        y = self.bn2(self.conv2(self.lif2(y).flatten(0, 1))).reshape(steps, batch, dim, height, width)
        return x + y


class RepAttention(nn.Module):
    def __init__(self, dim, heads=8):
        super().__init__()
        self.heads, self.head_lif = heads, LIF()
        self.q, self.k, self.v, self.proj = rep_conv(dim), rep_conv(dim), rep_conv(dim), rep_conv(dim)
        self.q_lif, self.k_lif, self.v_lif, self.attn_lif = LIF(), LIF(), LIF(), LIF(0.5)

    def forward(self, x):
        steps, batch, dim, height, width = x.shape
        x = self.head_lif(x).flatten(0, 1)
        shape = (steps, batch, dim, height, width)
        q, k, v = self.q(x).reshape(shape), self.k(x).reshape(shape), self.v(x).reshape(shape)
        q, k, v = self.q_lif(q).flatten(3), self.k_lif(k).flatten(3), self.v_lif(v).flatten(3)
        q, k, v = heads_of(q, self.heads), heads_of(k, self.heads), heads_of(v, self.heads)
        y = (q @ (k.transpose(-2, -1) @ v)) * 0.125
        y = self.attn_lif(y.transpose(3, 4).reshape(steps, batch, dim, height * width).contiguous())
        return self.proj(y.reshape(shape).flatten(0, 1)).reshape(shape)


class SequenceMlp(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.hidden = hidden
        self.fc1_lif, self.fc1, self.bn1 = LIF(), nn.Conv1d(dim, hidden, 1), nn.BatchNorm1d(hidden)
        self.fc2_lif, self.fc2, self.bn2 = LIF(), nn.Conv1d(hidden, dim, 1), nn.BatchNorm1d(dim)

    def forward(self, x):
        steps, batch, dim, height, width = x.shape
        y = self.fc1_lif(x.flatten(3)).flatten(0, 1)
        y = self.bn1(self.fc1(y)).reshape(steps, batch, self.hidden, -1).contiguous()
        y = self.bn2(self.fc2(self.fc2_lif(y).flatten(0, 1)))
        return y.reshape(steps, batch, dim, height, width).contiguous()


class Down(nn.Module):
    def __init__(self, cin, cout, kernel, stride, first=False):
        super().__init__()
        self.lif = None if first else LIF()
        self.conv, self.bn = nn.Conv2d(cin, cout, kernel, stride, kernel // 2), nn.BatchNorm2d(cout)

    def forward(self, x):
        steps, batch = x.shape[:2]
        if self.lif is not None:
            x = self.lif(x)
        x = self.bn(self.conv(x.flatten(0, 1)))
        return x.reshape(steps, batch, *x.shape[1:]).contiguous()


class MetaBlock(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.attn, self.mlp = RepAttention(dim), SequenceMlp(dim, 4 * dim)

    def forward(self, x):
        x = x + self.attn(x)
        return x + self.mlp(x)


class MetaSpikeFormer(nn.Module):
    def __init__(self, image=224, channels=3, dims=(64, 128, 256, 360), classes=1000, steps=4):
        super().__init__()
        self.steps = steps
        a, b, c, d = dims
        self.body = nn.Sequential(
            Down(channels, a // 2, 7, 2, first=True),
            ConvBlock(a // 2),
            Down(a // 2, a, 3, 2),
            ConvBlock(a),
            Down(a, b, 3, 2),
            ConvBlock(b),
            ConvBlock(b),
            Down(b, c, 3, 2),
            *[MetaBlock(c) for _ in range(6)],
            Down(c, d, 3, 1),
            *[MetaBlock(d) for _ in range(2)],
        )
        self.lif, self.head = LIF(), nn.Linear(d, classes)

    def forward(self, image):
        x = self.body(image.unsqueeze(0).repeat(self.steps, 1, 1, 1, 1))
        return self.head(self.lif(x.flatten(3).mean(3))).mean(0)


# Name: constructor, channels, pixels.
NETWORKS = {
    "demo": (QkFormer, 1, 28),
    "spikformer": (Spikformer, 3, 32),
    "sdt-v2": (MetaSpikeFormer, 3, 224),
}


def random_numbers(net):
    """Batch norms with which neurons fire."""
    for module in net.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.uniform_(module.bias, 0.0, 1.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0, help="at least this long for each network")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    for name in args.networks:
        make, channels, pixels = NETWORKS[name]
        net = make().eval()
        random_numbers(net)
        images = torch.randn(args.batch, channels, pixels, pixels)
        best, runs = float("inf"), 0
        with torch.no_grad():
            # The first run warms up.
            net(images)
            reset(net)
            started, busy = time.perf_counter(), time.process_time()
            while runs < 3 or time.perf_counter() - started < args.seconds:
                begin = time.perf_counter()
                net(images)
                reset(net)
                best = min(best, time.perf_counter() - begin)
                runs += 1
            busy = runs * args.batch / (time.process_time() - busy)
        parameters = sum(p.numel() for p in net.parameters())
        print(f"{name} authors {args.batch / best:.2f} images/s {busy:.2f} images/processor-second batch {args.batch}"
              f" threads {args.threads} parameters {parameters}", flush=True)


if __name__ == "__main__":
    main()
