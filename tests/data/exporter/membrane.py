"""Published networks, as their authors write them: Max-Former and MS-QKFormer, in every layout that
runs."""

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


class FirstStridedEmbed(nn.Module):
    """Max-Former on ImageNet: strides instead of pooling."""

    def __init__(self, width):
        super().__init__()
        half = width // 2
        self.embed1, self.embed2 = Embed(3, half, stride=2, led=False), Embed(half, width, stride=2)
        self.embed3, self.embed4 = Embed(width, width), Embed(half, width, 1, 2, led=False)

    def forward(self, x):
        x, spikes = self.embed2(self.embed1(x), dual=True)
        return self.embed3(x) + self.embed4(spikes)


class FirstEventEmbed(nn.Module):
    """Max-Former on events: three poolings, the residual at a quarter of the side."""

    def __init__(self, width):
        super().__init__()
        eighth, quarter, half = width // 8, width // 4, width // 2
        self.proj_conv, self.proj_bn = nn.Conv2d(2, eighth, 3, 1, 1, bias=False), nn.BatchNorm2d(eighth)
        self.max_embed1, self.max_embed2 = Embed(eighth, quarter, pool=True), Embed(quarter, half, pool=True)
        self.max_embed3, self.embed1 = Embed(half, width, pool=True), Embed(quarter, width, 1, 4, led=False)

    def forward(self, x):
        T, B, _, H, W = x.shape
        x = self.proj_bn(self.proj_conv(x.flatten(0, 1))).reshape(T, B, -1, H, W)
        x, spikes = self.max_embed2(self.max_embed1(x), dual=True)
        return self.max_embed3(x) + self.embed1(spikes)


class FirstQkEmbed(nn.Module):
    """MS-QKFormer on ImageNet: three convolutions, the first two pooled."""

    def __init__(self, width):
        super().__init__()
        half = width // 2
        self.proj_conv, self.proj_bn = nn.Conv2d(3, half, 3, 1, 1, bias=False), nn.BatchNorm2d(half)
        self.proj_conv1, self.proj_bn1 = nn.Conv2d(half, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.proj_conv2, self.proj_bn2 = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.rpe_conv, self.rpe_bn = nn.Conv2d(half, width, 1, 2, bias=False), nn.BatchNorm2d(width)
        self.proj_maxpool, self.maxpool1 = nn.MaxPool2d(3, 2, 1), nn.MaxPool2d(3, 2, 1)
        self.proj_lif1, self.proj_lif2 = LIF(), LIF()

    def forward(self, x):
        T, B, _, H, W = x.shape
        x = self.proj_maxpool(self.proj_bn(self.proj_conv(x.flatten(0, 1))))
        spikes = self.proj_lif1(x.reshape(T, B, -1, H // 2, W // 2).contiguous()).flatten(0, 1).contiguous()
        x = self.maxpool1(self.proj_bn1(self.proj_conv1(spikes)))
        x = self.proj_lif2(x.reshape(T, B, -1, H // 4, W // 4).contiguous()).flatten(0, 1).contiguous()
        x = self.proj_bn2(self.proj_conv2(x)) + self.rpe_bn(self.rpe_conv(spikes))
        return x.reshape(T, B, -1, H // 4, W // 4).contiguous()


class QkEmbed(nn.Module):
    """MS-QKFormer on ImageNet between stages; `proj_res_lif` is never called."""

    def __init__(self, width):
        super().__init__()
        half = width // 2
        self.proj3_conv, self.proj3_bn = nn.Conv2d(half, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.proj4_conv, self.proj4_bn = nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        self.proj_res_conv, self.proj_res_bn = nn.Conv2d(half, width, 1, 2, bias=False), nn.BatchNorm2d(width)
        self.proj3_maxpool = nn.MaxPool2d(3, 2, 1)
        self.init_lif, self.proj3_lif, self.proj_res_lif = LIF(), LIF(), LIF()

    def forward(self, x):
        T, B, _, H, W = x.shape
        spikes = self.init_lif(x).flatten(0, 1).contiguous()
        x = self.proj3_maxpool(self.proj3_bn(self.proj3_conv(spikes)))
        x = self.proj3_lif(x.reshape(T, B, -1, H // 2, W // 2).contiguous()).flatten(0, 1).contiguous()
        x = self.proj4_bn(self.proj4_conv(x)) + self.proj_res_bn(self.proj_res_conv(spikes))
        return x.reshape(T, B, -1, H // 2, W // 2).contiguous()


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
        self.square = hidden == width

    def forward(self, x):
        T, B, C, H, W = x.shape
        y = self.fc1_lif(x)
        y = self.fc1_bn(self.fc1_conv(y.flatten(0, 1))).reshape(T, B, -1, H, W).contiguous()
        if self.square:
            x = y = x + y
        y = self.fc2_lif(y)
        return x + self.fc2_bn(self.fc2_conv(y.flatten(0, 1))).reshape(T, B, C, H, W).contiguous()


class Mixer(nn.Module):
    """A depthwise convolution."""

    def __init__(self, width, kernel=3, name="conv"):
        super().__init__()
        self.name = name
        setattr(self, f"{name}_neuron", LIF())
        setattr(self, name, nn.Conv2d(width, width, kernel, 1, kernel // 2, groups=width))
        setattr(self, f"{name}_bn", nn.BatchNorm2d(width))

    def forward(self, x):
        neuron, conv, norm = (getattr(self, self.name + end) for end in ("_neuron", "", "_bn"))
        return x + norm(conv(neuron(x).flatten(0, 1))).reshape(x.shape)


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
    def __init__(self, width, ratio=4, mixer=None, attn=None):
        super().__init__()
        if mixer is not None:
            self.mixer = mixer
        if attn is not None:
            self.attn = attn
        self.mlp = Mlp(width, ratio * width)

    def forward(self, x):
        for part in self.children():
            x = part(x)
        return x


class Hierarchy(nn.Module):
    """Stages of growing width, the last with self-attention. `mixer(stage, width)` is what the blocks
    of the others begin with."""

    def __init__(self, first, embed, mixer, depths=(1, 1, 2), width=48, heads=4, ratio=4, steps=4, classes=10,
                 head_at_every_step=False):
        super().__init__()
        self.steps, self.depths, self.head_at_every_step = steps, depths, head_at_every_step
        count = len(depths)
        for i, depth in enumerate(depths, 1):
            wide = width >> (count - i)
            begin = {"attn": lambda: SSA(wide, heads)} if i == count else mixer(i, wide)
            blocks = [Block(wide, ratio, **{k: make() for k, make in begin.items()}) for _ in range(depth)]
            setattr(self, f"patch_embed{i}", (first if i == 1 else embed)(wide))
            setattr(self, f"stage{i}", nn.ModuleList(blocks))
        self.head_lif, self.head = LIF(), nn.Linear(width, classes)
        # Embeddings and blocks of one stage.
        self.stages = {f"stage{i + 1}": [f"patch_embed{i + 1}", f"stage{i + 1}"] for i in range(count)}

    def forward(self, x):
        if x.dim() == 5:  # frames: [B, T, C, H, W]
            x = x.transpose(0, 1)
        else:
            x = x.unsqueeze(0).repeat(self.steps, 1, 1, 1, 1)
        for i in range(1, len(self.depths) + 1):
            x = getattr(self, f"patch_embed{i}")(x)
            for block in getattr(self, f"stage{i}"):
                x = block(x)
        x = self.head_lif(x.flatten(3).mean(3))
        return self.head(x).mean(0) if self.head_at_every_step else self.head(x.mean(0))


IMAGENET = {"depths": (1, 2, 2), "heads": 6, "classes": 20, "head_at_every_step": True}


class MaxFormer(Hierarchy):
    """On CIFAR: only the second stage mixes."""

    def __init__(self):
        super().__init__(FirstEmbed, PooledEmbed, lambda i, w: {"mixer": lambda: Mixer(w)} if i == 2 else {})


class MaxFormerImageNet(Hierarchy):
    def __init__(self):
        def mixer(stage, width):
            return {"mixer": lambda: Mixer(width, 7, "conv5") if stage == 1 else Mixer(width, 5)}

        super().__init__(FirstStridedEmbed, PooledEmbed, mixer, **IMAGENET)


class MaxFormerEvents(Hierarchy):
    def __init__(self):
        super().__init__(FirstEventEmbed, PooledEmbed, lambda _, w: {"mixer": lambda: Mixer(w)}, (1, 1), 64, ratio=1)


class MsQkFormer(Hierarchy):
    def __init__(self):
        super().__init__(FirstEmbed, StridedEmbed, lambda _, w: {"attn": lambda: QKA(w, 4)})


class MsQkFormerImageNet(Hierarchy):
    def __init__(self):
        super().__init__(FirstQkEmbed, QkEmbed, lambda _, w: {"attn": lambda: QKA(w, 6)}, **IMAGENET)
