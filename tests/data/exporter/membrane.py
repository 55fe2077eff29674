"""Published networks, as their authors write them: Max-Former and MS-QKFormer, layout CIFAR."""

from torch import nn

from parts import LIF


class Embed(nn.Module):
    """Neurons (not where the input is spikes already), convolution, batch norm, pooling."""

    def __init__(self, inputs, outputs, kernel=3, stride=1, pool=False, led=True):
        super().__init__()
        self.embed_lif = LIF()
        self.embed_conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.embed_bn = nn.BatchNorm2d(outputs)
        self.pool = nn.MaxPool2d(3, 2, 1) if pool else None
        self.led = led

    def forward(self, x, dual=False):
        T, B = x.shape[:2]
        spikes = self.embed_lif(x) if self.led else x
        y = self.embed_bn(self.embed_conv(spikes.flatten(0, 1)))
        if self.pool is not None:
            y = self.pool(y)
        y = y.reshape(T, B, *y.shape[1:]).contiguous()
        return (y, spikes) if dual else y


class FirstEmbed(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.proj_conv = nn.Conv2d(3, width // 2, 3, 1, 1, bias=False)
        self.proj_bn = nn.BatchNorm2d(width // 2)
        self.embed1, self.embed2 = Embed(width // 2, width), Embed(width // 2, width, 1)

    def forward(self, x):
        T, B, _, H, W = x.shape
        x = self.proj_bn(self.proj_conv(x.flatten(0, 1))).reshape(T, B, -1, H, W)
        return self.embed1(x) + self.embed2(x)


class PooledEmbed(nn.Module):
    """Max-Former: both branches are pooled."""

    def __init__(self, width):
        super().__init__()
        self.max_embed1, self.embed1 = Embed(width // 2, width, pool=True), Embed(width, width)
        self.max_embed2 = Embed(width // 2, width, 1, pool=True, led=False)

    def forward(self, x):
        x, spikes = self.max_embed1(x, dual=True)
        return self.embed1(x) + self.max_embed2(spikes)


class StridedEmbed(nn.Module):
    """MS-QKFormer: the residual has a stride, and the second convolution is pooled."""

    def __init__(self, width):
        super().__init__()
        self.embed1, self.max_embed1 = Embed(width // 2, width), Embed(width, width, pool=True)
        self.embed2 = Embed(width // 2, width, 1, 2, led=False)

    def forward(self, x):
        x, spikes = self.embed1(x, dual=True)
        return self.max_embed1(x) + self.embed2(spikes)


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1_conv, self.fc1_bn = nn.Conv2d(width, hidden, 1), nn.BatchNorm2d(hidden)
        self.fc2_conv, self.fc2_bn = nn.Conv2d(hidden, width, 1), nn.BatchNorm2d(width)
        self.fc1_lif, self.fc2_lif = LIF(), LIF()

    def forward(self, x):
        T, B, C, H, W = x.shape
        y = self.fc1_lif(x)
        y = self.fc1_bn(self.fc1_conv(y.flatten(0, 1))).reshape(T, B, -1, H, W).contiguous()
        y = self.fc2_lif(y)
        return x + self.fc2_bn(self.fc2_conv(y.flatten(0, 1))).reshape(T, B, C, H, W).contiguous()


class Mixer(nn.Module):
    """A depthwise convolution."""

    def __init__(self, width):
        super().__init__()
        self.conv_neuron = LIF()
        self.conv = nn.Conv2d(width, width, 3, 1, 1, groups=width)
        self.conv_bn = nn.BatchNorm2d(width)

    def forward(self, x):
        y = self.conv_neuron(x)
        return x + self.conv_bn(self.conv(y.flatten(0, 1))).reshape(x.shape)


class Sequences(nn.Module):
    """1-D convolution, batch norm and neurons on [T, B, C, N]."""

    def add(self, name, width, bias=False):
        setattr(self, f"{name}_conv", nn.Conv1d(width, width, 1, bias=bias))
        setattr(self, f"{name}_bn", nn.BatchNorm1d(width))

    def layer(self, name, x):
        y = getattr(self, f"{name}_bn")(getattr(self, f"{name}_conv")(x.flatten(0, 1)))
        return y.reshape(x.shape).contiguous()


class SSA(Sequences):
    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.x_lif = heads, LIF()
        for name in "qkv":
            self.add(name, width)
            setattr(self, f"{name}_lif", LIF())
        self.attn_lif = LIF(v_threshold=0.5)
        self.add("proj", width, True)

    def forward(self, x):
        T, B, C, H, W = x.shape
        spikes = self.x_lif(x).flatten(3)
        q, k, v = (
            getattr(self, f"{n}_lif")(self.layer(n, spikes)).transpose(-1, -2)
            .reshape(T, B, H * W, self.heads, C // self.heads).permute(0, 1, 3, 2, 4).contiguous()
            for n in "qkv"
        )
        y = (q @ (k.transpose(-2, -1) @ v)) * 0.125
        y = self.attn_lif(y.transpose(3, 4).reshape(T, B, C, H * W).contiguous())
        return x + self.layer("proj", y).reshape(T, B, C, H, W)


class QKA(Sequences):
    """Token attention: the sum of q over a head's channels decides which tokens of k pass."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads, self.proj_lif = heads, LIF()
        for name in "qk":
            self.add(name, width)
            setattr(self, f"{name}_lif", LIF())
        self.attn_lif = LIF(v_threshold=0.5)
        self.add("proj", width, True)

    def forward(self, x):
        T, B, C, H, W = x.shape
        spikes = self.proj_lif(x).flatten(3)
        q, k = (
            getattr(self, f"{n}_lif")(self.layer(n, spikes))
            .unsqueeze(2).reshape(T, B, self.heads, C // self.heads, H * W)
            for n in "qk"
        )
        mask = self.attn_lif(q.sum(dim=3, keepdim=True))
        y = mask.mul(k).flatten(2, 3)
        return x + self.layer("proj", y).reshape(T, B, C, H, W)


class Block(nn.Module):
    def __init__(self, width, mixer=None, attn=None):
        super().__init__()
        if mixer is not None:
            self.mixer = mixer
        if attn is not None:
            self.attn = attn
        self.mlp = Mlp(width, 4 * width)

    def forward(self, x):
        for part in self.children():
            x = part(x)
        return x


class Hierarchy(nn.Module):
    """Three stages of growing width."""

    def __init__(self, embed, mixers, width=48, heads=4, steps=4, classes=10):
        super().__init__()
        self.steps = steps
        widths = [width // 4, width // 2, width]
        self.patch_embed1 = FirstEmbed(widths[0])
        self.stage1 = nn.ModuleList([Block(widths[0], **mixers(1, widths[0], heads))])
        self.patch_embed2 = embed(widths[1])
        self.stage2 = nn.ModuleList([Block(widths[1], **mixers(2, widths[1], heads))])
        self.patch_embed3 = embed(widths[2])
        self.stage3 = nn.ModuleList([Block(width, attn=SSA(width, heads)) for _ in range(2)])
        self.head_lif, self.head = LIF(), nn.Linear(width, classes)

    def forward(self, x):
        x = x.unsqueeze(0).repeat(self.steps, 1, 1, 1, 1)
        for i in (1, 2, 3):
            x = getattr(self, f"patch_embed{i}")(x)
            for block in getattr(self, f"stage{i}"):
                x = block(x)
        x = self.head_lif(x.flatten(3).mean(3))
        return self.head(x.mean(0))


# Embeddings and blocks of one stage.
STAGES = {f"stage{i}": [f"patch_embed{i}", f"stage{i}"] for i in (1, 2, 3)}


class MaxFormer(Hierarchy):
    stages = STAGES

    def __init__(self):
        super().__init__(PooledEmbed, lambda stage, width, _: {"mixer": Mixer(width)} if stage == 2 else {})


class MsQkFormer(Hierarchy):
    stages = STAGES

    def __init__(self):
        super().__init__(StridedEmbed, lambda _, width, heads: {"attn": QKA(width, heads)})
