"""Networks in the styles in which people write them. Each is exported, and its own logits must come
out of the file."""

import torch
import torch.nn.functional as F
from torch import nn

from parts import LIF


def over(x, *modules):
    y = x.flatten(0, 1)
    for module in modules:
        y = module(y)
    return y.unflatten(0, x.shape[:2])


class SpikingjellySew(nn.Module):
    """Blocks as SEW-ResNet has them and attention, in spikingjelly's layers; trained time constants,
    soft reset, no leak; decides by firing rates."""

    def __init__(self):
        super().__init__()
        from spikingjelly.activation_based import functional, layer, neuron

        class Block(nn.Module):
            def __init__(self, inputs, outputs, stride, spiking):
                super().__init__()
                conv = lambda i, s: nn.Sequential(
                    layer.Conv2d(i, outputs, 3, s, 1, bias=False), layer.BatchNorm2d(outputs), spiking())
                self.conv1, self.conv2 = conv(inputs, stride), conv(outputs, 1)
                self.down = nn.Identity()
                if stride != 1 or inputs != outputs:
                    self.down = nn.Sequential(
                        layer.Conv2d(inputs, outputs, 1, stride, bias=False), layer.BatchNorm2d(outputs), spiking())

            def forward(self, x):
                return self.conv2(self.conv1(x)) + self.down(x)

        class Attention(nn.Module):
            def __init__(self, width, heads):
                super().__init__()
                self.heads = heads
                self.qkv = layer.SeqToANNContainer(nn.Conv2d(width, 3 * width, 1), nn.BatchNorm2d(3 * width))
                self.qkv_neuron = neuron.LIFNode(tau=2.0, v_reset=None)
                self.out_neuron = neuron.LIFNode(tau=1.5, v_threshold=0.5, decay_input=False)
                self.proj = layer.SeqToANNContainer(nn.Conv2d(width, width, 1), nn.BatchNorm2d(width))

            def forward(self, x):
                T, B, C, H, W = x.shape
                q, k, v = self.qkv_neuron(self.qkv(x)).chunk(3, dim=2)
                q, k, v = (y.reshape(T, B, self.heads, C // self.heads, H * W).transpose(-1, -2) for y in (q, k, v))
                attn = (q @ k.transpose(-1, -2)) * (C // self.heads) ** -0.5
                y = (attn @ v).transpose(-1, -2).reshape(T, B, C, H, W)
                return x + self.proj(self.out_neuron(y))

        self.stem = nn.Sequential(
            layer.Conv2d(3, 8, 3, padding=1, bias=False), layer.BatchNorm2d(8), neuron.IFNode(), layer.MaxPool2d(2, 2))
        self.layer1 = Block(8, 8, 1, lambda: neuron.ParametricLIFNode(init_tau=2.0))
        self.layer2 = Block(8, 16, 2, lambda: neuron.LIFNode(tau=2.0, decay_input=False, v_reset=None))
        self.attn = Attention(16, 4)
        self.pool, self.flatten = layer.AdaptiveAvgPool2d((1, 1)), layer.Flatten()
        self.fc, self.out = layer.Linear(16, 10), neuron.IFNode(v_threshold=0.25)
        functional.set_step_mode(self, "m")

    def forward(self, x):
        x = x.unsqueeze(0).repeat(4, 1, 1, 1, 1)
        x = self.attn(self.layer2(self.layer1(self.stem(x))))
        return self.out(self.fc(self.flatten(self.pool(x)))).mean(0)


class SpikingjellyVoting(nn.Module):
    """Shortcuts that forbid spikes (x (1 - y), as SEW-ResNet's IAND), tokens in step mode "m", pooling
    to a map of half the size, several neurons that vote for each class."""

    def __init__(self):
        super().__init__()
        from spikingjelly.activation_based import functional, layer, neuron

        lif = lambda: neuron.LIFNode(tau=2.0, v_reset=None)
        self.stem = nn.Sequential(layer.Conv2d(3, 8, 3, 2, 1, bias=False), layer.BatchNorm2d(8), lif())
        self.conv = nn.Sequential(layer.Conv2d(8, 8, 3, 1, 1, bias=False), layer.BatchNorm2d(8), lif())
        self.pool, self.same = layer.AdaptiveAvgPool2d((4, 4)), layer.AdaptiveAvgPool2d((4, 4))
        self.mix = nn.Sequential(layer.Conv1d(8, 16, 1), layer.BatchNorm1d(16), lif())
        self.flatten, self.fc = layer.Flatten(), layer.Linear(16 * 16, 30)
        self.out = neuron.IFNode(v_threshold=0.1)
        self.voting = layer.VotingLayer(3)
        functional.set_step_mode(self, "m")

    def forward(self, x):
        x = self.stem(x.unsqueeze(0).repeat(4, 1, 1, 1, 1))
        x = x * (1.0 - self.conv(x))
        x = self.mix(self.same(self.pool(x)).flatten(3))
        return 3 * self.voting(self.out(self.fc(self.flatten(x)))).mean(0)


class SpikingjellySteps(nn.Module):
    """One call for each time step, whose outputs are added; a linear layer on the flattened map."""

    def __init__(self):
        super().__init__()
        from spikingjelly.activation_based import layer, neuron

        self.net = nn.Sequential(
            layer.Conv2d(3, 8, 3, padding=1), neuron.LIFNode(tau=2.0, v_reset=-0.1), layer.AvgPool2d(2, 2),
            layer.Conv2d(8, 8, 3, padding=1, groups=4), layer.BatchNorm2d(8), neuron.IFNode(v_reset=None),
            layer.MaxPool2d(2, 2), layer.Flatten(), layer.Dropout(0.5), layer.Linear(8 * 4 * 4, 10, bias=False),
            neuron.LIFNode(v_threshold=0.05))

    def forward(self, x):
        rate = 0.0
        for _ in range(4):
            rate = rate + self.net(x)
        return rate / 4


class SnntorchTransformer(nn.Module):
    """snnTorch: a loop over time, every reset, hidden and returned states."""

    def __init__(self):
        super().__init__()
        import snntorch as snn

        self.patch = nn.Conv2d(3, 16, 4, 4)
        self.spike = snn.Leaky(beta=0.9, init_hidden=True)
        self.qkv = nn.Linear(16, 48, bias=False)
        self.spike_qkv = snn.Leaky(beta=0.8, reset_mechanism="zero", threshold=0.5)
        self.spike_attn = snn.Leaky(beta=0.5, threshold=0.7, reset_mechanism="subtract", init_hidden=True)
        self.proj, self.spike_out = nn.Linear(16, 16), snn.Leaky(beta=0.95, init_hidden=True)
        at_once = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}
        self.spike_last = snn.Leaky(beta=0.7, threshold=0.6, **at_once)
        self.drop, self.fc = nn.Dropout(0.1), nn.Linear(16, 10)

    def forward(self, x):
        mem, record = self.spike_qkv.reset_mem(), []
        for _ in range(5):
            tokens = self.spike(self.patch(x)).flatten(2).transpose(1, 2)
            B, N, C = tokens.shape
            qkv, mem = self.spike_qkv(self.qkv(tokens), mem)
            q, k, v = qkv.reshape(B, N, 3, 2, C // 2).permute(2, 0, 3, 1, 4).unbind(0)
            y = (q @ (k.transpose(-2, -1) @ v)) / 2.0
            y = self.spike_attn(y.transpose(1, 2).flatten(2))
            tokens = tokens + self.spike_out(self.drop(self.proj(y)))
            record.append(self.fc(self.spike_last(tokens).mean(1)))
        return torch.stack(record).sum(0) / 5


class LIFSpike(nn.Module):
    """Neurons over the second dimension, whose tau is the factor of the potential."""

    def __init__(self, thresh=1.0, tau=0.5, gamma=1.0):
        super().__init__()
        self.thresh, self.tau, self.gamma = thresh, tau, gamma

    def forward(self, x):
        mem, out = 0, []
        for t in range(x.shape[1]):
            mem = mem * self.tau + x[:, t]
            spike = (mem - self.thresh > 0).to(x.dtype)
            mem = (1 - spike) * mem
            out.append(spike)
        return torch.stack(out, dim=1)


class DropPath(nn.Module):
    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        return x * torch.bernoulli(torch.full((x.shape[0], 1, 1), 1 - self.p)) if self.training else x


class Folded(nn.Module):
    """Time folded into the batch, images first; position embedding, dropout, a list of blocks."""

    class Block(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.qkv, self.bn = nn.Linear(width, 3 * width), nn.BatchNorm1d(3 * width)
            self.spike, self.spike2, self.proj = LIFSpike(), LIFSpike(0.5), nn.Linear(width, width)
            self.path, self.same, self.drop = DropPath(0.2), nn.Identity(), nn.Dropout(0.1)

        def forward(self, x, T):
            BT, N, C = x.shape
            spike = lambda module, y: module(y.view(BT // T, T, *y.shape[1:])).flatten(0, 1)
            y = self.bn(self.qkv(x).transpose(1, 2)).transpose(1, 2)
            y = spike(self.spike, y).reshape(BT, N, 3, self.heads, C // self.heads).permute(2, 0, 3, 1, 4)
            q, k, v = y[0], y[1], y[2]
            y = ((q @ k.mT) * 0.25 @ v).transpose(1, 2).reshape(BT, N, C)
            return self.same(x) + self.path(self.drop(self.proj(spike(self.spike2, y))))

    def __init__(self, steps=3, width=16):
        super().__init__()
        self.steps = steps
        self.embed, self.embed_bn = nn.Linear(3 * 4 * 4, width, bias=False), nn.BatchNorm1d(width)
        self.pos = nn.Parameter(torch.randn(1, 16, width) * 0.5)
        self.spike = LIFSpike()
        self.blocks = nn.ModuleList([self.Block(width, 4) for _ in range(2)])
        self.head = nn.Linear(width, 10)

    def forward(self, x):
        T = self.steps
        x = x.unsqueeze(1).repeat(1, T, 1, 1, 1).flatten(0, 1)
        # Patches, each one row of rows, columns and channels.
        x = x.unflatten(2, (-1, 4)).unflatten(4, (-1, 4)).permute(0, 2, 4, 3, 5, 1).flatten(3).flatten(1, 2)
        x = self.embed_bn(self.embed(x).transpose(1, 2)).transpose(1, 2) + self.pos
        x = self.spike(x.view(-1, T, *x.shape[1:])).flatten(0, 1)
        for block in self.blocks:
            x = block(x, T)
        return self.head(x.view(-1, T, *x.shape[1:]).mean(2)).mean(1)


class Functional(nn.Module):
    """Layers called as functions, with the weights of modules."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.conv2, self.bn2 = nn.Conv2d(8, 16, 3, groups=2, bias=False), nn.BatchNorm2d(16)
        self.fc, self.lif1, self.lif2 = nn.Linear(16, 10), LIF(), LIF(3.0)

    def norm(self, x, bn):
        return F.batch_norm(x, bn.running_mean, bn.running_var, bn.weight, bn.bias, False, 0.1, bn.eps)

    def forward(self, x):
        B = x.shape[0]
        x = torch.stack([x] * 3).flatten(0, 1)
        x = self.norm(F.conv2d(x, self.conv1.weight, self.conv1.bias, stride=1, padding=1), self.bn1)
        x = F.max_pool2d(self.lif1(x.view(3, B, *x.shape[1:])).flatten(0, 1), 2)
        x = self.norm(F.conv2d(x, self.conv2.weight, None, 1, 1, 1, 2), self.bn2)
        x = F.avg_pool2d(self.lif2(x.view(3, B, *x.shape[1:])).flatten(0, 1), 2, 2)
        x = F.dropout(F.adaptive_avg_pool2d(x, 1).flatten(1), 0.5, self.training)
        return F.linear(x, self.fc.weight, self.fc.bias).view(3, B, -1).mean(0)


class Branches(nn.Module):
    """Features that are concatenated, a 1-D convolution over tokens in groups, one value read three times."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(3, 8, 3, 2, 1), nn.Conv2d(3, 4, 5, 2, 2)
        self.lif_a, self.lif_b, self.lif = LIF(), LIF(), LIF()
        self.mix, self.bn = nn.Conv1d(12, 12, 3, padding=1, groups=3), nn.BatchNorm1d(12)
        self.deep, self.lif2 = nn.Conv2d(12, 24, 3, 1, 1, groups=12), LIF()
        self.fc = nn.Linear(36, 10)

    def forward(self, x):
        x = x.expand(4, *x.shape)
        x = torch.cat([self.lif_a(over(x, self.a)), self.lif_b(over(x, self.b))], dim=2)
        y = over(x.flatten(3), self.mix, self.bn).view(x.shape)
        y = self.lif2(over(self.lif(y), self.deep))
        return self.fc(torch.cat([y.mean((0, 3, 4)), x.mean((0, 3, 4))], dim=1))


class Tokens(nn.Module):
    """Attention among the tokens of a strided grid, then among those of two time steps."""

    def __init__(self, width=16, heads=2):
        super().__init__()
        self.heads, self.embed = heads, nn.Conv2d(3, width, 4, 4)
        for name in ("q", "k", "v", "q2", "k2", "v2", "out"):
            setattr(self, name, nn.Conv2d(width, width, 1, bias=False))
            setattr(self, f"{name}_bn", nn.BatchNorm2d(width))
        for i in range(9):
            setattr(self, f"lif{i}", LIF())
        self.fc = nn.Linear(width, 10)

    def unit(self, name, i, x):
        return getattr(self, f"lif{i}")(over(x, getattr(self, name), getattr(self, f"{name}_bn")))

    def forward(self, x):
        x = self.lif0(over(x.unsqueeze(0).repeat(4, 1, 1, 1, 1), self.embed))
        T, B, C, H, W = x.shape
        d, s = C // self.heads, 2
        grid = lambda y: (
            y.view(T, B, self.heads, d, H // s, s, W // s, s).permute(0, 1, 2, 5, 7, 4, 6, 3).flatten(5, 6))
        q, k, v = (grid(self.unit(n, i, x)) for i, n in enumerate("qkv", 1))
        y = q @ (k.transpose(-1, -2) @ v) * 0.5
        y = y.view(T, B, self.heads, s, s, H // s, W // s, d).permute(0, 1, 2, 7, 5, 3, 6, 4).reshape(x.shape)
        x = x + self.lif4(y)
        steps = lambda y: y.view(T // 2, 2, B, self.heads, d, H * W).permute(0, 2, 3, 1, 5, 4).flatten(3, 4)
        q, k, v = (steps(self.unit(n, i, x)) for i, n in ((5, "q2"), (6, "k2"), (7, "v2")))
        y = (q @ k.mT @ v * 0.125).view(T // 2, B, self.heads, 2, H * W, d).permute(0, 3, 1, 2, 5, 4)
        x = x + over(self.lif8(y.reshape(x.shape)), self.out, self.out_bn)
        return self.fc(x.mean((3, 4)).mean(0))


class Einsum(nn.Module):
    """Attention as sums over letters, channels first; spikes of the map itself."""

    def __init__(self, width=16, heads=2):
        super().__init__()
        self.heads, self.embed = heads, nn.Conv2d(3, width, 4, 4)
        self.qkv, self.bn = nn.Conv1d(width, 3 * width, 1, bias=False), nn.BatchNorm1d(3 * width)
        self.lif, self.lif1, self.lif2, self.lif3 = LIF(), LIF(), LIF(), LIF(v_threshold=0.5)
        self.kv, self.kv_bn = nn.Conv1d(width, 3 * width, 1), nn.BatchNorm1d(3 * width)
        self.lif4, self.lif5 = LIF(), LIF()
        self.fc = nn.Linear(width, 10)

    def forward(self, x):
        x = self.lif(over(x.unsqueeze(0).repeat(4, 1, 1, 1, 1), self.embed)).flatten(3)
        T, B, C, N = x.shape
        split = lambda y: y.view(T, B, self.heads, C // self.heads, N)
        q, k, v = map(split, self.lif1(over(x, self.qkv, self.bn)).split(C, dim=2))
        scores = torch.einsum("tbhdn,tbhdm->tbhnm", q, k)
        y = torch.einsum("tbhnm,tbhdm->tbhdn", self.lif2(scores * 0.25), v)
        x = x + self.lif3(y.flatten(2, 3))
        q, k, v = map(split, self.lif4(over(x, self.kv, self.kv_bn)).split(C, dim=2))
        y = v @ (k.transpose(-1, -2) @ q) * 0.125
        x = x + self.lif5(y.reshape(x.shape))
        return self.fc(x.mean(-1).mean(0))


class Norms(nn.Module):
    """Batch norms with another eps and without weights; factors that f32 does not have; a bias-free
    head; a result that is filled."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8, eps=1e-3)
        self.conv2, self.bn2 = nn.Conv2d(8, 8, 3, 2), nn.BatchNorm2d(8, affine=False)
        self.lif1, self.lif2, self.fc = LIF(), LIF(), nn.Linear(8, 10, bias=False)
        self.conv3, self.gamma = nn.Conv2d(8, 8, 1), nn.Parameter(torch.rand(8))
        self.scale = nn.Parameter(torch.tensor(0.7))

    def forward(self, x):
        x = x.unsqueeze(0).repeat(4, 1, 1, 1, 1)
        x = self.lif2(over(self.lif1(over(x, self.conv1, self.bn1) / 0.7), self.conv2, self.bn2))
        y = over(x, self.conv3) * self.gamma.view(8, 1, 1)
        x = x - 0.25 * x + self.scale * y
        out = torch.zeros(4, x.shape[1], 10)
        for t in range(4):
            out[t] = self.fc(x[t].mean((2, 3)))
        return out.mean(0)


class Frames(nn.Module):
    """Frames of an event camera, [B, T, C, H, W]."""

    def __init__(self):
        super().__init__()
        self.conv, self.bn, self.lif = nn.Conv2d(3, 8, 3, 2), nn.BatchNorm2d(8), LIF()
        self.conv2, self.lif2, self.fc = nn.Conv2d(8, 16, 3, 2, bias=False), LIF(1.5), nn.Linear(16, 10)

    def forward(self, x):
        x = self.lif(over(x.transpose(0, 1), self.conv, self.bn))
        x = self.lif2(over(x, self.conv2))
        return self.fc(x.mean((3, 4))).sum(0) / len(x)


class Apart(nn.Module):
    """Neurons of the image itself; a norm outside of its layer's module; neurons with a state that the
    network clears, and integer neurons on time steps and images as one."""

    class Cleared(nn.Module):
        def __init__(self):
            super().__init__()
            self.tau, self.v_threshold, self.mem = 2.0, 0.75, None

        def forward(self, x):
            if self.mem is None:
                self.mem = torch.zeros_like(x)
            self.mem = self.mem + (x - self.mem) / self.tau
            spike = (self.mem >= self.v_threshold).to(x.dtype)
            self.mem = self.mem * (1.0 - spike)
            return spike

    class Rounded(nn.Module):
        def forward(self, x):
            return x.clamp(0, 3).round()

    def __init__(self):
        super().__init__()
        from aq4svit_export import integer, register
        register(Apart.Rounded, lambda _: integer(3, 1))
        self.first = LIF(v_threshold=0.4)
        self.conv1, self.bn1, self.lif1 = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1)), nn.BatchNorm2d(8), Apart.Cleared()
        self.conv2, self.bn2, self.rounded = nn.Sequential(nn.Conv2d(8, 8, 3, 1, 1)), nn.BatchNorm2d(8), Apart.Rounded()
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        x = over(self.first(x.unsqueeze(0).repeat(3, 1, 1, 1, 1)), self.conv1, self.bn1)
        self.lif1.mem = None
        x = torch.stack([self.lif1(step) for step in x])
        x = over(x, self.conv2, self.bn2, self.rounded)
        return self.head(x.mean((0, 3, 4)))


class Constants(nn.Module):
    """Layer scale and biases as maps, a quotient, a code of positions that is computed, numbers that
    are added, to the image too."""

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1, self.lif1 = nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), LIF()
        self.conv2, self.bn2, self.lif2 = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), LIF()
        self.conv3, self.norm, self.lif3 = nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), LIF()
        self.scale, self.bias = nn.Parameter(torch.rand(1, 8, 1, 1) + 0.5), nn.Parameter(torch.randn(8, 1, 1) / 8)
        self.parts, self.plain = nn.Parameter(2.0 ** torch.randint(-2, 2, (1, 8, 1, 1))), nn.Parameter(torch.randn(8) / 8)
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        x = ((2 * x - 0.9) / 0.45).unsqueeze(0).repeat(4, 1, 1, 1, 1)
        x = self.lif1(over(x, self.conv1, self.bn1))
        y = over(x, self.conv2, self.bn2) * (0.7 * self.scale) + x
        z = self.lif2(y + self.bias)
        z = over(z, self.conv3) / self.parts - self.plain.view(-1, 1, 1)
        place = torch.linspace(0, 1, z.shape[-1], dtype=torch.float32).to(z)
        z = self.lif3(over(z + y + place, self.norm) + 0.25)
        return self.head(z.mean((0, 3, 4)))


DESIGNS = {
    "spikingjelly-sew": SpikingjellySew, "spikingjelly-voting": SpikingjellyVoting,
    "spikingjelly-steps": SpikingjellySteps,
    "snntorch-transformer": SnntorchTransformer, "folded": Folded, "functional": Functional,
    "branches": Branches, "tokens": Tokens, "einsum": Einsum, "norms": Norms, "frames": Frames,
    "apart": Apart, "constants": Constants,
}
