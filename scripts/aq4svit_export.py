"""Writes a spiking PyTorch network as a graph file, NAME.aq4.safetensors, for aq4svit.

    from aq4svit_export import export
    export(model, images, "net.aq4.safetensors")

`images` is a batch [B, C, H, W], normalised as for evaluation, of a network that repeats an image
over its time steps itself. Other networks: `repeat=T` repeats each image in front of the network
([T, B, C, H, W]); `time_axis=0` (or 1) says that the example holds frames, [T, B, C, H, W] (or
[B, T, C, H, W]). A network that is called once for each time step is wrapped by a module whose
forward runs the loop and returns the mean over time.

The script needs torch alone. It runs the network and watches: convolutions, linear layers, batch
norms, poolings and neurons are leaves, known by class and attributes; what lies between (views,
permutations, sums, products, means) is classified by pushing index tensors through it, never by
names. It runs twice, with two and three other images, so that a control flow that depends on data
and a result that depends on the other images of a batch are seen. What cannot be written is
refused, with the place in the module tree. Golden data (input, logits, spikes and mean potentials of
every neuron site, in float64) go into the file; aq4svit compares them when it first loads it.

Neurons of own classes are known by attributes as spikingjelly has them (tau, v_threshold, v_reset,
decay_input) or as snnTorch has them (beta, threshold). Others are told by

    register(MyNeurons, lambda m: neuron(tau=m.t, threshold=m.th))

What is said of neurons is tried: their spikes must be those of the module, every one.
"""

import copy
import json
import math
import struct

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

FORMAT = 1
KEY = "aq4svit.graph"
BN_EPS = 1e-5


class CannotExport(Exception):
    """The network does something that a graph file cannot say; the message says what and where."""


_registered = []


def register(cls, fn):
    """Says what modules of a class are: fn(module) returns `neuron(...)`, or "through" for a module
    to look into, or "identity" for one that returns its input."""
    _registered.insert(0, (cls, fn))


def neuron(tau=None, threshold=1.0, reset=0.0, charge=None, fires="ge", beta=None, tau_key=None):
    """Neurons: v takes in x, fires where v >= threshold ("ge"; "gt": v > threshold), is reset.

    charge: "decay-input" (v + (x - (v - r)) / tau), "leak" (v - (v - r) / tau + x), "retain"
    (v (1 - 1/tau) + x) or, without tau, "integrate" (v + x). tau may be given as beta = 1 - 1/tau, or
    as the state-dict key of a trained w with 1/tau = sigmoid(w). reset: the potential r after a
    spike, "soft" (the threshold is subtracted) or "soft-next" (at the next time step)."""
    known = [x for x in (tau, beta, tau_key) if x is not None]
    if charge is None:
        charge = "integrate" if not known else "decay-input"
    if (charge == "integrate") != (not known) or len(known) > 1:
        raise ValueError("neurons have one of tau, beta and tau_key, or charge 'integrate'")
    fields = {"kind": "if" if charge == "integrate" else "lif"}
    for name, value in (("tau", tau), ("beta", beta)):
        if value is not None:
            fields[name] = float(value)
    if tau_key is not None:
        fields["tau_key"] = tau_key
    fields["threshold"] = float(threshold)
    if charge not in ("decay-input", "integrate"):
        fields["charge"] = charge
    if fires != "ge":
        fields["fires"] = fires
    if reset != 0.0:
        fields["reset"] = reset if isinstance(reset, str) else float(reset)
    return fields


def integer(max, norm, halves="to-even"):
    """Neurons without state: the input, clamped to [0, max] and rounded, over norm."""
    return {"kind": "integer", "max": int(max), "norm": int(norm), "halves": halves}


# ---------------------------------------------------------------------------- what modules are


def _number(value, what):
    if isinstance(value, torch.Tensor):
        if value.numel() != 1:
            raise CannotExport(f"{what} has {value.numel()} numbers; one for all neurons can be written")
        value = value.item()
    return float(value)


def _neuron_of(module, path):
    """What a module's attributes say of neurons; None where it has none of them."""
    has = lambda *names: all(hasattr(module, name) for name in names)
    name = type(module).__name__
    if has("beta", "threshold", "reset_mechanism"):  # snnTorch
        if name != "Leaky":
            return None
        beta = _number(module.beta, f"beta of {path}").__float__()
        threshold = _number(module.threshold, f"threshold of {path}")
        mechanism = module.reset_mechanism
        delayed = getattr(module, "reset_delay", True)
        reset = {("subtract", True): "soft-next", ("subtract", False): "soft"}.get((mechanism, delayed))
        if mechanism == "zero":
            reset = 0.0
        if reset is None:
            raise CannotExport(f"{path} ({name}): reset mechanism {mechanism!r} cannot be written")
        return neuron(beta=min(max(beta, 0.0), 1.0), threshold=threshold, reset=reset, charge="retain", fires="gt")
    if not has("v_threshold") and not (has("tau") and (has("threshold") or has("thresh"))):
        return None
    threshold = next(getattr(module, a) for a in ("v_threshold", "threshold", "thresh") if has(a))
    threshold = _number(threshold, f"threshold of {path}")
    reset = getattr(module, "v_reset", 0.0)
    reset = "soft" if reset is None else _number(reset, f"v_reset of {path}")
    decays = bool(getattr(module, "decay_input", True))
    charge = "decay-input" if decays else ("leak" if reset not in (0.0, "soft") else "retain")
    if has("w") and "tau" not in vars(module):  # spikingjelly's ParametricLIFNode: 1/tau = sigmoid(w)
        return neuron(tau_key=f"{path}.w", threshold=threshold, reset=reset, charge=charge)
    if has("tau"):
        return neuron(tau=_number(module.tau, f"tau of {path}"), threshold=threshold, reset=reset, charge=charge)
    if "IF" in name and "LIF" not in name:
        return neuron(threshold=threshold, reset=reset)
    return None


def _classify(module, path):
    for cls, fn in _registered:
        if isinstance(module, cls):
            said = fn(module)
            if isinstance(said, dict):
                return "neuron", said
            return said, None
    if isinstance(module, (nn.Conv1d, nn.Conv2d)):
        return "conv", None
    if isinstance(module, nn.Linear):
        return "linear", None
    if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
        return "norm", None
    if isinstance(module, nn.MaxPool2d):
        return "max-pool", None
    if isinstance(module, nn.AvgPool2d):
        return "avg-pool", None
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return "global-pool", None
    if isinstance(module, nn.modules.dropout._DropoutNd) or type(module).__name__ in ("DropPath", "Identity"):
        return "identity", None
    if not _holds_layers(module):
        fields = _neuron_of(module, path)
        if fields is not None:
            return "neuron", fields
    return "through", None


# ------------------------------------------------------------------------------- where values are


class Place:
    """Where a tensor's numbers are: of which node, and for each number its place there, which is
    ((t * B + b) * C + c) * H * W + position. A constant factor is kept beside."""

    def __init__(self, node, index, factor=1.0):
        self.node, self.index, self.factor = node, index, factor


class Poison:
    """A tensor that no node has, and why."""

    def __init__(self, why):
        self.why = why


class Node:
    def __init__(self, op, inputs, fields, shape, still, path, module=None):
        self.op, self.inputs, self.fields = op, inputs, fields
        self.shape, self.still, self.path, self.module = shape, still, path, module
        self.calls = 0

    @property
    def positions(self):
        return self.shape[1] * self.shape[2]


class Site:
    """What a neuron module was given and gave, step by step, as [B, C, H, W]."""

    def __init__(self):
        self.inputs, self.spikes, self.leak = [], [], False


_ATTRIBUTES = {"shape", "device", "dtype", "is_cuda", "ndim", "requires_grad", "is_leaf", "layout", "grad"}
_QUERIES = {
    "size", "dim", "numel", "stride", "is_contiguous", "__len__", "is_floating_point", "ndimension", "nelement",
    "get_device", "element_size", "zeros_like", "ones_like", "empty_like", "rand_like", "randn_like", "full_like",
    "new_zeros", "new_ones", "new_empty", "__repr__", "__hash__", "requires_grad_", "register_hook", "result_type",
    "__format__", "is_tensor", "data_ptr",
}
_SAME = {
    "to", "float", "double", "half", "type", "type_as", "cuda", "cpu", "dropout", "dropout1d", "dropout2d", "dropout3d",
    "contiguous", "clone", "detach", "feature_dropout", "alpha_dropout",
}
_VIEWS = {
    "view", "reshape", "permute", "transpose", "flatten", "unflatten", "unsqueeze", "squeeze", "repeat", "expand",
    "expand_as", "repeat_interleave", "__getitem__", "select", "narrow", "chunk", "split", "unbind", "stack", "cat",
    "concat", "swapaxes", "swapdims", "movedim", "moveaxis", "t", "T", "mT", "tile", "view_as", "reshape_as", "split_with_sizes",
    "tensor_split", "data", "index_select", "concatenate", "adjoint",
}
_NARROW = {torch.float32, torch.float16, torch.bfloat16}
_ADD = {"add", "__add__", "__radd__", "__iadd__", "add_"}
_MUL = {"mul", "__mul__", "__rmul__", "__imul__", "mul_", "multiply"}
_DIV = {"div", "__truediv__", "__itruediv__", "div_", "true_divide", "divide", "__rtruediv__"}
_MATMUL = {"matmul", "__matmul__", "bmm"}
_READS = {"item", "__bool__", "tolist", "__float__", "__int__", "__index__", "numpy", "equal", "any", "all"}


class Recorder(TorchFunctionMode):
    """One execution, as nodes."""

    def __init__(self, model, batch):
        super().__init__()
        self.model, self.batch = model, batch
        self.names = {id(m): n for n, m in model.named_modules()}
        self.parameters = {id(p): n for n, p in model.named_parameters()}
        self.parameters.update({id(b): n for n, b in model.named_buffers()})
        self.nodes, self.known, self.places = [], {}, {}
        self.sites, self.products, self.outputs = {}, {}, {}
        self.stack, self.paused, self.steps, self.reads = [], 0, None, []
        self.notes = []

    # ---- places

    def where(self):
        if not self.stack:
            return "the network's own forward"
        module = self.stack[-1]
        return f"{self.names.get(id(module), '?') or 'the network itself'} ({type(module).__name__})"

    def place(self, tensor):
        found = self.places.get(id(tensor))
        return None if found is None else found[1]

    def put(self, tensor, place):
        self.places[id(tensor)] = (tensor, place)

    def coordinates(self, place, index=None):
        node = self.nodes[place.node]
        rest = place.index if index is None else index
        p = rest % node.positions
        rest = rest // node.positions
        c = rest % node.shape[0]
        rest = rest // node.shape[0]
        return rest // self.batch, rest % self.batch, c, p

    def flat(self, shape, t, b, c, p):
        return ((t * self.batch + b) * shape[0] + c) * (shape[1] * shape[2]) + p

    def emit(self, op, inputs, fields, shape, still, module=None):
        """The node of an operation; the same one when it is met again, for another time step."""
        inputs = list(inputs)
        name = None if module is None else self.names[id(module)]
        key = (op, name, tuple(inputs), json.dumps(fields, sort_keys=True))
        if key not in self.known:
            path = tuple(self.names.get(id(m), "") for m in self.stack)
            if module is not None:
                path += (name,)
            self.known[key] = len(self.nodes)
            self.nodes.append(Node(op, inputs, fields, shape, still, path, name))
        return self.known[key]

    def need(self, tensor, what):
        place = self.place(tensor)
        if place is None:
            raise CannotExport(f"{what} in {self.where()} reads a constant, not what follows from the image")
        if isinstance(place, Poison):
            raise CannotExport(f"{what} in {self.where()} reads what cannot be written: {place.why}")
        place = self.settled(place)
        if place.factor != 1.0:
            raise CannotExport(
                f"{what} in {self.where()} reads a value times {place.factor}; only attention has a constant factor")
        return place

    def settled(self, place):
        """A product of two matrices that is read as it is becomes attention scores; part of a value's
        channels becomes a slice of it."""
        if place.node in self.products:
            a, b, _ = self.products[place.node]
            made = self.scores(a, b)
            if made is None:
                raise CannotExport(f"a product of two matrices in {self.where()} that is no attention map K^T X of heads")
            place = Place(made.node, made.index.flatten()[place.index], place.factor * made.factor)
        node = self.nodes[place.node]
        c = self.coordinates(place)[2]
        used = c.unique()
        if len(used) == node.shape[0] or len(used) == 0:
            return place
        # The same run of channels of every head?
        runs = (used.diff() != 1).sum().item() + 1
        count, start = len(used) // runs, int(used[0])
        if len(used) % runs or node.shape[0] % runs:
            return place
        width = node.shape[0] // runs
        wanted = (torch.arange(runs)[:, None] * width + start + torch.arange(count)).flatten()
        if start + count > width or not bool((used == wanted).all()):
            return place
        t, b, c, p = self.coordinates(place)
        made = (runs * count,) + node.shape[1:]
        fields = {"heads": runs, "start": start, "count": count}
        new = self.emit("slice", [place.node], fields, made, node.still)
        return Place(new, self.flat(made, t, b, c // width * count + c % width - start, p), place.factor)

    def matrix(self, place, heads, rows, columns):
        """Whether a stack of matrices has channels (of heads) and positions as rows and columns:
        "cp", "pc" or None; and its time steps and images."""
        node = self.nodes[place.node]
        t, b, c, p = self.coordinates(place)
        i, j = torch.arange(place.index.shape[-2])[:, None], torch.arange(place.index.shape[-1])
        for form, channel, position in (("cp", i, j), ("pc", j, i)):
            d = channel.numel()
            head = c[..., :1, :1] // d
            if node.shape[0] == heads * d and node.positions == position.numel() and bool(
                    (c == head * d + channel).all()) and bool((p == position).all()):
                return form, t, b, head
        return None, t, b, None

    def pair(self, a, b, forms):
        """Two stacks of matrices of heads in these forms; the lead of the result, or None."""
        a, b = self.settled(a), self.settled(b)
        lead = a.index.shape[:-2]
        if b.index.shape[:-2] != lead or a.factor != 1.0 or b.factor != 1.0:
            return None
        sizes = {"c": lambda place, axis: self.nodes[place.node].shape[0] // place.index.shape[axis]}
        heads = sizes["c"](a, -2 if forms[0] == "cp" else -1)
        found = [self.matrix(x, heads, *form) for x, form in zip((a, b), forms)]
        if heads == 0 or any(f[0] is None for f in found):
            return None
        if [f[0] for f in found] != list(forms) or not bool((found[0][3] == found[1][3]).all()):
            return None
        (t1, b1, head), (t2, b2, _) = (f[1:] for f in found)
        corner = lambda x: x[..., :1, :1]
        if any(bool((x != corner(b1)).any()) for x in (b1, b2)):
            return None
        nodes = [self.nodes[a.node], self.nodes[b.node]]
        moving = [t for t, n in zip((t1, t2), nodes) if not n.still]
        steps = corner(moving[0]) if moving else torch.zeros_like(corner(b1))
        if any(bool((t != steps).any()) for t in moving):
            return None
        return a, b, heads, steps, corner(b1), head, not moving

    def scores(self, a, b):
        """K^T X per head, of matrices [.., N', d] and [.., d, N]."""
        found = self.pair(a, b, ("pc", "cp"))
        if found is None:
            return None
        keys, x, heads, t, image, head, still = found
        positions = self.nodes[keys.node].positions
        made = (heads * positions,) + self.nodes[x.node].shape[1:]
        new = self.emit("scores", [keys.node, x.node], {"heads": heads}, made, still)
        row, column = torch.arange(positions)[:, None], torch.arange(self.nodes[x.node].positions)
        return Place(new, self.flat(made, t, image, head * positions + row, column))

    def apply(self, a, b):
        """V A per head, of values [.., d, N'] and a map [.., N', N]."""
        found = self.pair(a, b, ("cp", "cp"))
        if found is None or found[0].index.shape[-1] != found[1].index.shape[-2]:
            return None
        values, attention, heads, t, image, head, still = found
        channels, d = self.nodes[values.node].shape[0], values.index.shape[-2]
        made = (channels,) + self.nodes[attention.node].shape[1:]
        new = self.emit("apply", [values.node, attention.node], {"heads": heads}, made, still)
        row, column = torch.arange(d)[:, None], torch.arange(self.nodes[attention.node].positions)
        return Place(new, self.flat(made, t, image, head * d + row, column))

    # ---- leaves

    def call(self, original, module, args, kwargs):
        if self.paused or id(module) not in self.names:
            return original(module, *args, **kwargs)
        kind, fields = _classify(module, self.names[id(module)])
        if kind == "through":
            self.stack.append(module)
            try:
                out = original(module, *args, **kwargs)
            finally:
                self.stack.pop()
            if isinstance(out, torch.Tensor):
                self.outputs[self.names[id(module)]] = (self.place(out), tuple(out.shape))
            return out
        self.paused += 1
        try:
            out = original(module, *args, **kwargs)
        finally:
            self.paused -= 1
        x = args[0] if args else next(iter(kwargs.values()))
        if kind == "identity":
            y = out
            if y is not x:
                self.put(y, self.place(x))
            return out
        self.stack.append(module)
        try:
            y = out[0] if isinstance(out, (tuple, list)) else out
            if kind == "neuron":
                if y.dtype != x.dtype:  # spikes that the module made float32 whatever it was given
                    y = y.to(x.dtype)
                    out = y if isinstance(out, torch.Tensor) else type(out)((y, *out[1:]))
                self.neurons(module, fields, x, y)
            else:
                self.layer(kind, module, x, y)
            if not isinstance(out, torch.Tensor):
                why = f"the second result of {self.where()}"
                for other in out[1:]:
                    if isinstance(other, torch.Tensor):
                        self.put(other, Poison(why))
        finally:
            self.stack.pop()
        return out

    def layer(self, kind, module, x, y):
        place = self.need(x, {"norm": "batch norm"}.get(kind, kind))
        index, shape = place.index, tuple(y.shape)
        dims = {"conv": 4 if isinstance(module, nn.Conv2d) else 3, "norm": None, "linear": None}.get(kind, 4)
        if kind == "norm" and isinstance(module, nn.BatchNorm2d):
            dims = 4
        if dims is not None and index.dim() == dims + 1:  # spikingjelly's step_mode "m"
            index, shape = index.flatten(0, 1), (shape[0] * shape[1],) + shape[2:]
        place = Place(place.node, index)
        if kind == "conv":
            new = self.convolution(module, place, shape)
        elif kind == "linear":
            new = self.linear(module, place)
        elif kind == "norm":
            new = self.norm(module, place)
        elif kind == "max-pool":
            new = self.max_pool(module, place, shape)
        else:
            new = self.mean_pool(kind, module, place, shape)
        self.put(y, Place(new.node, new.index.reshape(y.shape)))

    def rows(self, place, what, spatial):
        """Time and image of each row of [N, C, H, W] or [N, C, L], whose channels and positions must
        be those of the node, in order."""
        node = self.nodes[place.node]
        t, b, c, p = self.coordinates(place)
        C, positions = place.index.shape[1], math.prod(place.index.shape[2:])
        if C != node.shape[0] or positions != node.positions:
            raise CannotExport(
                f"{what} in {self.where()} reads {C} channels of {positions} positions of a value that has "
                f"{node.shape[0]} of {node.positions}: part of a value cannot be read")
        order = torch.arange(C).view(1, C, *[1] * spatial)
        places = torch.arange(positions).view(1, 1, *place.index.shape[2:])
        if spatial == 2 and tuple(place.index.shape[2:]) != node.shape[1:]:
            raise CannotExport(
                f"{what} in {self.where()} reads maps of {tuple(place.index.shape[2:])} rows and columns of a value "
                f"that has {node.shape[1:]}")
        first = (slice(None),) + (0,) * (place.index.dim() - 1)
        same = lambda x: bool((x == x[first].view(-1, *[1] * (x.dim() - 1))).all())
        if not bool((c == order).all()):
            raise CannotExport(f"{what} in {self.where()} reads channels in another order than they were made")
        if not bool((p == places).all()):
            raise CannotExport(
                f"{what} in {self.where()} reads positions in another order than they were made (rows and columns "
                "exchanged, or tokens regrouped)")
        if not same(t) or not same(b):
            raise CannotExport(f"{what} in {self.where()} mixes time steps or images")
        return t[first], b[first]

    def spread(self, node, t, b, shape):
        """The index of a new value whose rows are these time steps and images."""
        made = self.nodes[node].shape
        whole = torch.arange(math.prod(made)).view(1, *shape[1:])
        base = (t * self.batch + b) * math.prod(made)
        return Place(node, base.view(-1, *[1] * (len(shape) - 1)) + whole)

    def convolution(self, module, place, shape):
        two = isinstance(module, nn.Conv2d)
        t, b = self.rows(place, "a convolution", 2 if two else 1)
        name, node = self.names[id(module)], self.nodes[place.node]
        square = lambda value, what: self.square(value, what, module)
        kernel, stride = square(module.kernel_size, "kernel"), square(module.stride, "stride")
        if module.padding == "same":
            padding = kernel // 2
        else:
            padding = 0 if module.padding == "valid" else square(module.padding, "padding")
        if any(d != 1 for d in module.dilation) or module.padding_mode != "zeros":
            raise CannotExport(f"{self.where()}: dilation and padding modes other than zeros cannot be written")
        if not two and (kernel, stride, padding, module.groups) != (1, 1, 0, 1):
            if module.groups != 1:
                raise CannotExport(f"{self.where()}: a 1-D convolution over tokens in groups cannot be written")
            fields = {"name": name, "out": module.out_channels, "kernel": kernel, "stride": stride, "padding": padding,
                      "bias": module.bias is not None}
            made = (module.out_channels,) + (node.shape[1:] if shape[2] == node.positions else (1, shape[2]))
            new = self.emit("conv1d", [place.node], fields, made, node.still, module)
            return self.spread(new, t, b, shape)
        fields = {"name": name, "out": module.out_channels, "kernel": kernel, "stride": stride, "padding": padding,
                  "groups": module.groups, "bias": module.bias is not None, "form": "map" if two else "sequence"}
        made = (module.out_channels,) + (tuple(shape[2:]) if two else node.shape[1:])
        new = self.emit("conv", [place.node], fields, made, node.still, module)
        return self.spread(new, t, b, shape)

    def square(self, value, what, module):
        values = value if isinstance(value, (tuple, list)) else (value,)
        if any(v != values[0] for v in values):
            raise CannotExport(f"{self.where()}: {what} {tuple(values)} is not square")
        return int(values[0])

    def linear(self, module, place):
        node = self.nodes[place.node]
        t, b, c, p = self.coordinates(place)
        C = place.index.shape[-1]
        if C != node.shape[0] or not bool((c == torch.arange(C)).all()):
            if node.positions > 1:
                raise CannotExport(
                    f"a linear layer in {self.where()} reads a map of {node.shape} flattened: put a mean over positions "
                    "before it, or a convolution as large as the map in its place")
            raise CannotExport(f"a linear layer in {self.where()} reads channels in another order than they were made")
        first = lambda x: x[..., 0]
        if any(not bool((x == first(x)[..., None]).all()) for x in (t, b, p)):
            raise CannotExport(f"a linear layer in {self.where()} mixes positions, time steps or images")
        name, out, bias = self.names[id(module)], module.out_features, module.bias is not None
        if node.positions == 1:
            op, fields = "linear", {"name": name, "out": out, "bias": bias}
        else:
            op = "conv"
            fields = {"name": name, "out": out, "kernel": 1, "stride": 1, "padding": 0, "groups": 1, "bias": bias,
                      "form": "matrix"}
        made = (out,) + node.shape[1:]
        new = self.emit(op, [place.node], fields, made, node.still, module)
        index = self.flat(made, first(t)[..., None], first(b)[..., None], torch.arange(out), first(p)[..., None])
        return Place(new, index)

    def norm(self, module, place):
        name, node = self.names[id(module)], self.nodes[place.node]
        if module.running_mean is None or module.weight is None:
            raise CannotExport(f"{self.where()}: a batch norm without running statistics or without weight cannot be written")
        if abs(module.eps - BN_EPS) > 1e-12:
            raise CannotExport(f"{self.where()}: eps = {module.eps}; batch norms are written with {BN_EPS}")
        c = self.coordinates(place)[2]
        C = place.index.shape[1]
        if C != node.shape[0] or not bool((c == torch.arange(C).view(1, C, *[1] * (c.dim() - 2))).all()):
            raise CannotExport(f"batch norm in {self.where()} acts on something else than the channels of a value")
        new = self.emit("batch-norm", [place.node], {"name": name}, node.shape, node.still, module)
        return Place(new, place.index)

    def max_pool(self, module, place, shape):
        t, b = self.rows(place, "max-pooling", 2)
        node = self.nodes[place.node]
        square = lambda value, what: self.square(value, what, module)
        kernel, padding = square(module.kernel_size, "kernel"), square(module.padding, "padding")
        stride = square(module.stride if module.stride is not None else module.kernel_size, "stride")
        if module.ceil_mode or square(module.dilation, "dilation") != 1:
            raise CannotExport(f"{self.where()}: ceil_mode and dilation cannot be written")
        fields = {"kernel": kernel, "stride": stride, "padding": padding}
        made = (node.shape[0],) + tuple(shape[2:])
        return self.spread(self.emit("max-pool", [place.node], fields, made, node.still, module), t, b, shape)

    def mean_pool(self, kind, module, place, shape):
        t, b = self.rows(place, "average pooling", 2)
        node = self.nodes[place.node]
        whole = kind == "global-pool" or (tuple(shape[2:]) == (1, 1) and node.shape[1:] == tuple(
            k if isinstance(k, int) else k[i] for i, k in enumerate([module.kernel_size] * 2)) and not module.padding)
        if tuple(shape[2:]) != (1, 1) and kind == "global-pool":
            raise CannotExport(f"{self.where()}: adaptive pooling to {tuple(shape[2:])} cannot be written; to 1x1 it can")
        if not whole:
            square = lambda value, what: self.square(value, what, module)
            if module.ceil_mode or module.divisor_override:
                raise CannotExport(f"{self.where()}: ceil_mode and divisor_override cannot be written")
            fields = {"kernel": square(module.kernel_size, "kernel"), "stride": square(module.stride, "stride"),
                      "padding": square(module.padding, "padding"), "count_include_pad": bool(module.count_include_pad)}
            made = (node.shape[0],) + tuple(shape[2:])
            return self.spread(self.emit("average-pool", [place.node], fields, made, node.still, module), t, b, shape)
        made = (node.shape[0], 1, 1)
        return self.spread(self.emit("token-mean", [place.node], {}, made, node.still), t, b, shape)

    # ---- neurons

    def neurons(self, module, fields, x, y):
        place = self.need(x, "neurons")
        name, node = self.names[id(module)], self.nodes[place.node]
        t, b, c, p = self.coordinates(place)
        site = self.sites.setdefault(name, Site())
        own = {"name": name, **fields}
        before = len(self.nodes)
        new = self.emit("neuron", [place.node], own, node.shape, False, module)
        others = [n for n in self.nodes[:before] if n.op == "neuron" and n.module == name]
        if new == before and others:
            raise CannotExport(f"{self.where()} is called for two different values; its state would run from one to the other")
        made = self.nodes[new]
        size = self.batch * math.prod(node.shape)
        local = self.flat(node.shape, torch.zeros_like(t), b, c, p)
        rows, values = x.shape[0], x.detach()
        if x.numel() == size and bool((t == t.flatten()[0]).all()):
            step = made.calls
            if not node.still and bool((t != step).any()):
                raise CannotExport(f"{self.where()} reads time step {int(t.flatten()[0])} as its step {step}")
            made.calls += 1
            self.keep(site, values, y, local, size)
            index = self.flat(node.shape, torch.full_like(t, step), b, c, p)
        elif x.numel() == rows * size:
            if made.calls:
                raise CannotExport(f"{self.where()} is called twice for all time steps")
            steps = torch.arange(rows).view(-1, *[1] * (x.dim() - 1))
            if not node.still and bool((t != steps).any()):
                raise CannotExport(f"{self.where()} reads something else than time steps along its first dimension")
            made.calls = rows
            for k in range(rows):
                self.keep(site, values[k], y[k], local[k], size)
            index = self.flat(node.shape, steps.expand_as(t), b, c, p)
        elif rows % self.batch == 0 and x.numel() * self.batch == rows * size:
            # [T * B, ...] taken for time: the state runs on from image to image.
            pair = torch.arange(rows).view(-1, *[1] * (x.dim() - 1))
            if bool((b != pair % self.batch).any()) or not (node.still or bool((t == pair // self.batch).all())):
                raise CannotExport(f"{self.where()} reads time steps and images in an order that cannot be written")
            if made.calls:
                raise CannotExport(f"{self.where()} is called twice for all time steps")
            made.calls, site.leak, made.fields["batch_leak"] = rows // self.batch, True, True
            for k in range(rows // self.batch):
                part = slice(k * self.batch, (k + 1) * self.batch)
                self.keep(site, values[part], y[part], local[part], size)
            index = self.flat(node.shape, (pair // self.batch).expand_as(t), b, c, p)
        else:
            raise CannotExport(f"{self.where()} reads {tuple(x.shape)}, which is not a whole value for one or for all time steps")
        self.put(y, Place(new, index))

    def keep(self, site, x, y, local, size):
        for kept, values in ((site.inputs, x), (site.spikes, y)):
            whole = torch.full((size,), math.nan, dtype=torch.float64)
            whole[local.flatten()] = values.detach().double().flatten()
            if bool(whole.isnan().any()):
                raise CannotExport(f"{self.where()} does not read a whole value, or it gives NaN")
            kept.append(whole.view(self.batch, -1))

    # ---- functions

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        name = getattr(func, "__name__", str(func))
        if name == "__get__":
            name = getattr(getattr(func, "__self__", None), "__name__", name)
        before = None
        if not self.paused:
            before = [(t, self.place(t)) for t in _tensors((args, kwargs))]
        out = func(*args, **kwargs)
        if not self.paused and isinstance(out, torch.Tensor) and out.dtype in _NARROW:
            out = out.double()
        if before and any(place is not None for _, place in before) and name not in _ATTRIBUTES:
            self.paused += 1
            try:
                self.function(name, func, args, kwargs, out, before)
            finally:
                self.paused -= 1
        return out

    def function(self, name, func, args, kwargs, out, before):
        if name in _QUERIES:
            return
        if name in _READS:
            self.reads.append(f"{name} in {self.where()}")
            for tensor in _tensors(out):
                self.put(tensor, Poison(f"{name} in {self.where()}"))
            return
        outs = _tensors(out)
        if not outs:
            return
        places = [place for _, place in before if place is not None]
        poison = next((place for place in places if isinstance(place, Poison)), None)
        if poison is None:
            try:
                poison = self.known_function(name, func, args, kwargs, outs, before, places)
            except CannotExport as error:
                poison = Poison(str(error))
        if poison is not None:
            for tensor in outs:
                self.put(tensor, poison)

    def known_function(self, name, func, args, kwargs, outs, before, places):
        """Places the results of a function; returns a Poison for those of an unknown one."""
        cannot = lambda why: Poison(f"{why} in {self.where()}")
        if name in _SAME:
            if outs[0] is not before[0][0]:
                self.put(outs[0], places[0])
            return None
        if name in _VIEWS:
            constants = [t for t, place in before if place is None and t.is_floating_point()]
            one = all(p.node == places[0].node and p.factor == places[0].factor for p in places)
            if constants or not one:
                return cannot(f"{name} of several values")
            swap = lambda t: self.place(t).index if self.place(t) is not None else t
            made = _tensors(func(*_map(args, swap), **_map(kwargs, swap)))
            for tensor, index in zip(outs, made):
                self.put(tensor, Place(places[0].node, index, places[0].factor))
            return None
        if name in _ADD | _MUL | _DIV | {"sub", "__sub__"}:
            return self.arithmetic(name, args, kwargs, outs[0], cannot)
        if name in _MATMUL:
            return self.matmul(args, outs[0], cannot)
        if name in ("mean", "sum"):
            return self.reduction(name, args, kwargs, outs[0], places[0], cannot)
        return cannot(f"{name}, which is no known operation (neurons of an own class are told by register(CLASS, fn)),")

    def arithmetic(self, name, args, kwargs, out, cannot):
        a, b = (args + (kwargs.get("other"),))[:2]
        if kwargs.get("alpha", 1) != 1 or kwargs.get("rounding_mode"):
            return cannot(name)
        constant = lambda x: not isinstance(x, torch.Tensor) or (self.place(x) is None and x.numel() == 1)
        one_head = [x for x in (a, b) if isinstance(x, torch.Tensor) and constant(x) and x.dim() == 5]
        if name in _MUL and one_head:
            made = self.head_scale(self.settled(self.place(b if one_head[0] is a else a)), one_head[0].flatten())
            if made is not None:
                self.put(out, made)
                return None
        if constant(a) or constant(b):
            value, other = (b, a) if constant(a) else (a, b)
            other, place = float(other), self.place(value)
            if name in _ADD and other == 0.0:
                self.put(out, place)
            elif name in _MUL:
                self.scaled(out, place, other)
            elif name in _DIV and constant(b) and other != 0.0:
                self.scaled(out, place, 1.0 / other)
            else:
                return cannot(f"{name} of a value and {other}")
            return None
        places = [self.place(a), self.place(b)]
        if None in places:
            return self.with_parameter(name, a, b, out, cannot)
        if any(p.factor != 1.0 for p in places):
            return cannot(f"{name} of a value times a constant")
        indices = torch.broadcast_tensors(places[0].index, places[1].index)
        x, y = (Place(p.node, i) for p, i in zip(places, indices))
        nodes = [self.nodes[x.node], self.nodes[y.node]]
        (t1, b1, c1, p1), (t2, b2, c2, p2) = self.coordinates(x), self.coordinates(y)
        still = nodes[0].still and nodes[1].still
        t = t2 if nodes[0].still else t1
        if not (nodes[0].still or nodes[1].still or bool((t1 == t2).all())):
            return cannot(f"{name} of values of different time steps")
        if bool((b1 != b2).any()):
            return cannot(f"{name} of values of different images")
        same_c, same_p = bool((c1 == c2).all()), bool((p1 == p2).all())
        if name in _ADD:
            if not (same_c and same_p and nodes[0].shape == nodes[1].shape):
                return cannot(f"{name} of values at different places (shapes {nodes[0].shape} and {nodes[1].shape})")
            new = self.emit("add", [x.node, y.node], {}, nodes[0].shape, still)
            self.put(out, Place(new, self.flat(nodes[0].shape, t, b1, c1, p1)))
            return None
        if name not in _MUL:
            return cannot(f"{name} of two values")
        if same_c and same_p and nodes[0].shape == nodes[1].shape:
            new = self.emit("multiply", [x.node, y.node], {}, nodes[0].shape, still)
            self.put(out, Place(new, self.flat(nodes[0].shape, t, b1, c1, p1)))
            return None
        if math.prod(nodes[0].shape) > math.prod(nodes[1].shape):
            x, y, nodes = y, x, nodes[::-1]
            c1, c2, p1, p2 = c2, c1, p2, p1
        mask, value = nodes
        if mask.positions == 1 and mask.shape[0] == value.shape[0] and same_c:
            op, fields = "channel-mask", {}
        elif mask.shape[1:] == value.shape[1:] and value.shape[0] % mask.shape[0] == 0 and same_p and bool(
                (c1 == c2 // (value.shape[0] // mask.shape[0])).all()):
            op, fields = "head-mask", {"heads": mask.shape[0]}
        else:
            return cannot(f"{name} of values of shapes {mask.shape} and {value.shape}")
        new = self.emit(op, [x.node, y.node], fields, value.shape, still)
        self.put(out, Place(new, self.flat(value.shape, t, b1, c2, p2)))
        return None

    def scaled(self, out, place, factor):
        node = self.nodes[place.node]
        if node.op == "attention":
            fields = {**node.fields, "scale": node.fields["scale"] * factor}
            place = Place(self.emit("attention", node.inputs, fields, node.shape, node.still), place.index)
        elif node.op == "add" and place.factor * factor == 0.5:
            place = Place(self.emit("average", node.inputs, {}, node.shape, node.still), place.index)
        else:
            place = Place(place.node, place.index, place.factor * factor)
        self.put(out, place)

    def with_parameter(self, name, a, b, out, cannot):
        value, parameter = (b, a) if self.place(a) is None else (a, b)
        place = self.place(value)
        if name in _MUL and parameter.dim() == 5 and parameter.numel() == parameter.shape[2]:
            made = self.head_scale(self.settled(place), parameter.flatten())
            if made is not None:
                self.put(out, made)
                return None
        key = self.parameters.get(id(parameter)) or self.parameters.get(id(parameter._base))
        if name in _ADD and key is not None and place.factor == 1.0:
            made = self.constant(place, parameter, key)
            if made is not None:
                self.put(out, made)
                return None
        if name not in _MUL or key is None or place.factor != 1.0:
            return cannot(f"{name} of a value and a tensor that does not follow from the image")
        node = self.nodes[place.node]
        stored = dict(self.model.named_parameters()) | dict(self.model.named_buffers())
        order = torch.arange(parameter.numel()).view(parameter.shape)
        c = self.coordinates(place)[2]
        if tuple(stored[key].shape) != (node.shape[0],) or bool((order.expand_as(place.index) != c).any()):
            return cannot(f"{name} of a value and {key}, which is no vector over its channels,")
        new = self.emit("channel-scale", [place.node], {"name": key}, node.shape, node.still)
        self.put(out, Place(new, place.index))
        return None

    def head_scale(self, place, scales):
        """A factor 1 / sqrt(rate * terms) of each head, of a buffer of firing rates."""
        node, heads = self.nodes[place.node], len(scales)
        if node.shape[0] % heads or place.factor != 1.0:
            return None
        head = self.coordinates(place)[2] // (node.shape[0] // heads)
        order = torch.arange(heads).view(1, 1, heads, 1, 1)
        if place.index.dim() != 5 or bool((head != order).any()):
            return None
        used = {n.fields["key"] for n in self.nodes if n.op == "head-scale" and n.inputs != [place.node]}
        own = self.names.get(id(self.stack[-1]), "") if self.stack else ""
        buffers = [(k, v) for k, v in self.model.named_buffers() if k.startswith(own) and k not in used]
        for key, rates in buffers:
            if tuple(rates.shape) != (1, 1, heads, 1, 1) or bool((rates <= 0).any()):
                continue
            terms = (1.0 / (scales.double() ** 2 * rates.flatten().double()))
            whole = int(terms[0].round())
            if whole >= 1 and bool(((terms / whole - 1.0).abs() < 1e-9).all()):
                fields = {"heads": heads, "key": key, "terms": whole}
                return Place(self.emit("head-scale", [place.node], fields, node.shape, node.still), place.index)
        return None

    def constant(self, place, parameter, key):
        """The addition of a constant that is laid out as a map or as tokens."""
        place = self.settled(place)
        node = self.nodes[place.node]
        stored = (dict(self.model.named_parameters()) | dict(self.model.named_buffers()))[key].shape
        C, H, W = node.shape
        _, _, c, p = self.coordinates(place)
        order = torch.arange(parameter.numel()).view(parameter.shape)
        try:
            order = order.expand_as(place.index)
        except RuntimeError:
            return None
        forms = {"map": ((C, H, W), c * H * W + p), "channel-tokens": ((C, H * W), c * H * W + p),
                 "tokens": ((H * W, C), p * C + c)}
        for layout, (shape, index) in forms.items():
            ones = len(stored) - len(shape)
            if ones >= 0 and tuple(stored) == (1,) * ones + shape and bool((order == index).all()):
                fields = {"key": key, "layout": layout, "ones": ones}
                return Place(self.emit("add-constant", [place.node], fields, node.shape, node.still), place.index)
        return None

    # ---- attention

    def matmul(self, args, out, cannot):
        a, b = self.place(args[0]), self.place(args[1])
        if a is None or b is None:
            return cannot("a matrix product of a value and a constant")
        products = [self.products.get(p.node) for p in (a, b)]
        if not any(products):
            ops = self.nodes[b.node].op, self.nodes[self.nodes[b.node].inputs[0]].op if self.nodes[b.node].inputs else ""
            if ops[0] == "neuron" and ops[1] in ("scores", "head-scale"):
                made = self.apply(a, b)
                if made is not None:
                    self.put(out, made)
                    return None
            node = len(self.nodes)
            index = torch.arange(out.numel()).view(out.shape)
            shape = (math.prod(out.shape), 1, 1)
            path = tuple(self.names.get(id(m), "") for m in self.stack)
            self.nodes.append(Node("@product", [a.node, b.node], {}, shape, False, path))
            self.products[node] = (a, b, index)
            self.put(out, Place(node, index))
            return None
        if all(products):
            return cannot("a product of more than three matrices")
        first = products[0] is not None
        outer = a if first else b
        x, y, whole = products[0] if first else products[1]
        if outer.index.shape == whole.shape and bool((outer.index == whole).all()):
            pass
        elif outer.index.shape == whole.mT.shape and bool((outer.index == whole.mT).all()):
            x, y = Place(y.node, y.index.mT, y.factor), Place(x.node, x.index.mT, x.factor)
        else:
            return cannot("a product of matrices whose inner one was regrouped")
        three = (x, y, b) if first else (a, x, y)
        return self.attention(three, outer.factor, out, cannot)

    def attention(self, three, factor, out, cannot):
        """Three matrices [.., N, d] [.., d, N] [.., N, e] of heads."""
        q, k, v = three
        scale = factor * q.factor * k.factor * v.factor
        lead = q.index.shape[:-2]
        if k.index.shape[:-2] != lead or v.index.shape[:-2] != lead:
            return cannot("a product of three matrices with different leading dimensions")
        nodes = [self.nodes[p.node] for p in three]
        N, d, e = q.index.shape[-2], q.index.shape[-1], v.index.shape[-1]
        if any(n.positions != N or n.shape[1:] != nodes[0].shape[1:] for n in nodes):
            return cannot(f"attention over {N} tokens of values that have {[n.positions for n in nodes]}")
        if nodes[0].shape[0] % d or nodes[2].shape[0] % e or nodes[0].shape[0] // d != nodes[2].shape[0] // e:
            return cannot("attention whose heads do not divide the channels")
        heads = nodes[0].shape[0] // d
        token, j, m = torch.arange(N).view(N, 1), torch.arange(d), torch.arange(e)
        parts = [self.coordinates(Place(q.node, q.index)), self.coordinates(Place(k.node, k.index.mT)),
                 self.coordinates(Place(v.node, v.index))]
        head = parts[0][2][..., :1, :1] // d
        fits = [
            all(bool((p == token).all()) for _, _, _, p in parts),
            all(bool((part[2] == head * d + j).all()) for part in parts[:2]),
            bool((parts[2][2] == head * e + m).all()),
        ]
        images = all(bool((b == parts[0][1][..., :1, :1]).all()) for _, b, _, _ in parts)
        moving = [part[0] for part, n in zip(parts, nodes) if not n.still]
        steps = moving[0][..., :1, :1] if moving else torch.zeros_like(head)
        if not images or any(bool((t != steps).any()) for t in moving):
            return cannot("attention across images or time steps")
        if not all(fits):
            return cannot("a product of three matrices that is no attention q k^T v of heads")
        made, still = nodes[2].shape, not moving
        fields = {"heads": heads, "scale": scale}
        new = self.emit("attention", [q.node, k.node, v.node], fields, made, still)
        self.put(out, Place(new, self.flat(made, steps, parts[0][1][..., :1, :1], head * e + m, token)))
        return None

    # ---- means and sums

    def reduction(self, name, args, kwargs, out, place, cannot):
        dims = args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis"))
        count = place.index.dim()
        if dims is None:
            dims = tuple(range(count))
        dims = (dims,) if isinstance(dims, int) else tuple(dims)
        dims = sorted(d % count for d in dims)
        kept = [d for d in range(count) if d not in dims]
        size = math.prod(place.index.shape[d] for d in dims)
        groups = place.index.permute(*kept, *dims).reshape(-1, size)
        made = self.reduced(place.node, groups, name == "mean", cannot)
        if isinstance(made, Poison):
            return made
        node, index, factor = made
        self.put(out, Place(node, index.reshape(out.shape), place.factor * factor))
        return None

    def reduced(self, node_id, groups, mean, cannot):
        """Node, index and factor of the mean or sum of each group of numbers."""
        node, size = self.nodes[node_id], groups.shape[1]
        if node.op == "@product":
            return cannot("a mean or sum of a product of matrices")
        if bool((groups == groups[:, :1]).all()):  # the same number at every time step
            return node_id, groups[:, 0], 1.0 if mean else float(size)
        place = Place(node_id, groups)
        named = dict(zip("tbcp", self.coordinates(place)))
        moving = {k for k, v in named.items() if bool((v != v[:, :1]).any())}
        distinct = bool((groups.sort(1).values.diff(dim=1) != 0).all())
        first = {k: v[:, 0] for k, v in named.items()}
        zero = torch.zeros_like(first["t"])
        what = "mean" if mean else "sum"
        if "b" in moving or not distinct:
            return cannot(f"a {what} over images")
        steps = int(named["t"].max()) + 1
        full = {"t": steps, "p": node.positions}
        if moving <= {"t", "p"} and size == math.prod(full[k] for k in moving):
            vector = (node.shape[0], 1, 1)
            if moving == {"p"}:
                factor = 1.0
                if node.op == "@time-mean":
                    new = self.emit("token-time-sum", node.inputs, {}, vector, True)
                    factor = 1.0 if mean else float(size)
                else:
                    new = self.emit("token-mean" if mean else "token-sum", [node_id], {}, vector, node.still)
                return new, self.flat(vector, first["t"], first["b"], first["c"], zero), factor
            factor = 1.0 if mean else float(size)
            if moving == {"t", "p"}:
                new = self.emit("token-time-sum", [node_id], {}, vector, True)
                return new, self.flat(vector, zero, first["b"], first["c"], zero), factor
            new = self.time_mean(node_id)
            return new, self.flat(node.shape, zero, first["b"], first["c"], first["p"]), factor
        if moving == {"c"} and node.shape[0] % size == 0:
            heads = node.shape[0] // size
            head = first["c"] // size
            within = named["c"].sort(1).values == head[:, None] * size + torch.arange(size)
            if bool(within.all()):
                made = (heads,) + node.shape[1:]
                new = self.emit("head-sum", [node_id], {"heads": heads}, made, node.still)
                index = self.flat(made, first["t"], first["b"], head, first["p"])
                return new, index, 1.0 / size if mean else 1.0
        return cannot(f"a {what} over part of {' and '.join(sorted(moving))}")

    def time_mean(self, node_id):
        """The mean over time steps: it goes through what is linear, to where it is one over tokens."""
        node = self.nodes[node_id]
        if node.still:
            return node_id
        if node.op == "token-mean":
            return self.emit("token-time-sum", node.inputs, {}, node.shape, True)
        if node.op in ("linear", "add", "average"):
            inputs = [self.time_mean(i) for i in node.inputs]
            new = self.emit(node.op, inputs, node.fields, node.shape, True)
            self.nodes[new].path, self.nodes[new].module = node.path, node.module
            return new
        if node.positions == 1:
            return self.emit("token-time-sum", [node_id], {}, node.shape, True)
        return self.emit("@time-mean", [node_id], {}, node.shape, True)


def _tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in _tensors(v)]
    if isinstance(value, dict):
        return [t for v in value.values() for t in _tensors(v)]
    return []


def _map(value, change):
    if isinstance(value, torch.Tensor):
        return change(value)
    if isinstance(value, (tuple, list)):
        return type(value)(_map(v, change) for v in value) if type(value) in (tuple, list) else value
    if isinstance(value, dict):
        return {k: _map(v, change) for k, v in value.items()}
    return value


# ------------------------------------------------------------------------------------ one execution


class Run:
    """A network recorded on one batch."""

    def __init__(self, model, images, time_axis, repeat):
        _reset(model)
        frames = time_axis is not None
        batch = images.shape[1 if time_axis == 0 else 0]
        recorder = Recorder(model, batch)
        steps = images.shape[time_axis] if frames else 1
        C, H, W = images.shape[-3:]
        index = torch.arange(steps * batch * C * H * W).view(steps, batch, C, H, W)
        x = images
        if frames and time_axis == 1:
            index = index.transpose(0, 1)
        elif not frames:
            index = index[0]
            if repeat:
                x, index = (v.unsqueeze(0).repeat(repeat, 1, 1, 1, 1) for v in (x, index))
        node = recorder.emit("input", [], {}, (C, H, W), not frames)
        recorder.put(x, Place(node, index))
        original = nn.Module.__call__

        def call(module, *args, **kwargs):
            return recorder.call(original, module, args, kwargs)

        usual = torch.get_default_dtype()
        nn.Module.__call__ = call
        torch.set_default_dtype(torch.float64)
        try:
            with torch.no_grad(), recorder:
                out = model(x)
        finally:
            nn.Module.__call__ = original
            torch.set_default_dtype(usual)
        out = out[0] if isinstance(out, (tuple, list)) else out
        self.recorder, self.batch, self.frames = recorder, batch, frames
        recorder.stack = []
        place = recorder.place(out)
        if place is None:
            raise CannotExport("the network's output does not follow from its input by operations that were seen")
        if isinstance(place, Poison):
            raise CannotExport(f"the network's output needs what cannot be written: {place.why}")
        logits = out.detach().double()
        if out.dim() == 3:  # [T, B, classes]: the mean over time
            groups = place.index.permute(1, 2, 0).reshape(-1, out.shape[0])
            made = recorder.reduced(place.node, groups, True, lambda why: Poison(why))
            if isinstance(made, Poison):
                raise CannotExport(f"the network's output of shape {tuple(out.shape)} is not [T, B, classes]: {made.why}")
            node, index, factor = made
            place, logits = Place(node, index.view(out.shape[1:]), place.factor * factor), logits.mean(0)
            recorder.notes.append("the network gives logits for every time step; their mean is written")
        if place.factor != 1.0:
            if place.factor <= 0:
                raise CannotExport(f"the logits are multiplied by {place.factor}")
            logits = logits / place.factor
            recorder.notes.append(f"the logits are written without their factor {place.factor}, which changes no decision")
        node = recorder.nodes[place.node]
        whole = torch.arange(batch * node.shape[0]).view(batch, -1)
        if node.positions != 1 or place.index.shape != whole.shape or bool((place.index != whole).any()):
            raise CannotExport(f"the network's output of shape {tuple(out.shape)} is not [B, classes], one vector per image")
        self.logits, self.last, self.classes = logits, place.node, node.shape[0]
        calls = {n.calls for n in recorder.nodes if n.op == "neuron"}
        if len(calls) > 1:
            raise CannotExport(f"neurons run for different numbers of time steps: {sorted(calls)}")
        if not calls:
            raise CannotExport("there are no neurons: own classes are told by register(CLASS, fn)")
        self.steps = calls.pop()
        if frames and steps != self.steps:
            raise CannotExport(f"there are {steps} frames, but neurons run for {self.steps} time steps")
        self.kept = self.order()

    def order(self):
        """Nodes that the last one needs, in the order in which they ran."""
        nodes, needed, todo = self.recorder.nodes, set(), [self.last]
        while todo:
            n = todo.pop()
            if n not in needed:
                needed.add(n)
                todo += nodes[n].inputs
        for n in sorted(needed):
            if nodes[n].op.startswith("@"):
                path = nodes[n].path[-1] if nodes[n].path else ""
                what = {"@product": "a product of matrices that is no attention q k^T v",
                        "@time-mean": "a mean over time steps of a map that is not averaged over positions too"}
                raise CannotExport(f"{what[nodes[n].op]}, in {path or 'the network itself'}, cannot be written")
        return sorted(needed)

    def plain(self):
        """The nodes as data, to compare two executions."""
        place = {n: i for i, n in enumerate(self.kept)}
        nodes = [self.recorder.nodes[n] for n in self.kept]
        return [(n.op, [place[i] for i in n.inputs], n.fields, n.shape, n.still) for n in nodes]


def _reset(model):
    for module in model.modules():
        for name in ("reset", "reset_mem", "reset_hidden"):
            method = getattr(type(module), name, None)
            if callable(method) and not isinstance(module, (nn.Sequential, nn.ModuleList)):
                try:
                    method(module)
                except TypeError:
                    continue
                break


def _emulate(fields, inputs, learned):
    """Spikes and potentials before reset of neurons on inputs, one for each time step."""
    if fields["kind"] == "integer":
        levels = [x.clamp(0, fields["max"]) for x in inputs]
        rounded = [(x + 0.5).floor() if fields.get("halves") == "up" else x.round() for x in levels]
        return [x / fields["norm"] for x in rounded], inputs
    threshold, reset = fields["threshold"], fields.get("reset", 0.0)
    rest = 0.0 if isinstance(reset, str) else reset
    v = torch.full_like(inputs[0], rest)
    owed = torch.zeros_like(v)
    spikes, potentials = [], []
    for x in inputs:
        if fields["kind"] == "if":
            v = v + x
        else:
            if "tau" in fields:
                leak = lambda d: d / fields["tau"]
                kept = 1.0 - 1.0 / fields["tau"]
            elif "beta" in fields:
                leak = lambda d: d * (1.0 - fields["beta"])
                kept = fields["beta"]
            else:
                rate = torch.sigmoid(learned[fields["tau_key"]].double())
                leak = lambda d: d * rate
                kept = 1.0 - rate
            charge = fields.get("charge", "decay-input")
            if charge == "decay-input":
                v = v + leak(x - (v - rest))
            elif charge == "leak":
                v = v - leak(v - rest) + x
            else:
                v = v * kept + x
        if reset == "soft-next":
            v = v - owed * threshold
        fired = (v > threshold if fields.get("fires") == "gt" else v >= threshold).to(v.dtype)
        spikes.append(fired)
        potentials.append(v)
        if reset == "soft":
            v = v - fired * threshold
        elif reset == "soft-next":
            owed = fired
        else:
            v = (1.0 - fired) * v + fired * rest
    return spikes, potentials


def _golden_sites(run, learned):
    golden = {}
    for n in run.kept:
        node = run.recorder.nodes[n]
        if node.op != "neuron":
            continue
        name, site = node.fields["name"], run.recorder.sites[node.module]
        inputs = site.inputs
        if site.leak:
            inputs = [row for step in inputs for row in step]
        spikes, potentials = _emulate(node.fields, inputs, learned)
        if site.leak:
            B = run.batch
            spikes, potentials = ([torch.stack(x[i:i + B]) for i in range(0, len(x), B)] for x in (spikes, potentials))
        norm = node.fields.get("norm", 1)
        for step, (found, wanted) in enumerate(zip(spikes, site.spikes)):
            wrong = int((found != wanted).sum())
            if wrong:
                raise CannotExport(
                    f"{name}: {wrong} of {wanted.numel()} spikes at time step {step} are not those of neurons "
                    f"{ {k: v for k, v in node.fields.items() if k != 'name'} }: tell what they are by register(CLASS, fn)")
        golden[f"spikes.{name}"] = torch.tensor([int((s * norm).round().sum()) for s in spikes])
        golden[f"membrane_mean.{name}"] = torch.stack([p.mean() for p in potentials])
    return golden


# -------------------------------------------------------------------------------------- the document


def _holds_layers(module):
    return any(m is not module and isinstance(m, (nn.Conv1d, nn.Conv2d, nn.Linear)) for m in module.modules())


def _blocks(run, model):
    """Stage and block of each node. Blocks are the network's children that hold others, or the
    elements of those that are lists; what comes after the last of them is the head."""
    names = []
    for name, child in model.named_children():
        parts = [(f"{name}.{i}", part) for i, part in child.named_children()]
        if isinstance(child, (nn.ModuleList, nn.Sequential)) and any(_holds_layers(part) for _, part in parts):
            for n, part in parts:
                # A list of lists is one of stages.
                inner = isinstance(part, (nn.ModuleList, nn.Sequential)) and any(map(_holds_layers, part.children()))
                names += [(f"{n}.{i}", n) for i, _ in part.named_children()] if inner else [(n, name)]
        elif _holds_layers(child):
            names.append((name, name))
    nodes = [run.recorder.nodes[n] for n in run.kept]

    def own(node):
        return next((i for path in node.path for i, (n, _) in enumerate(names) if path == n), None)

    used = [own(node) for node in nodes]
    last = max((i for i, u in enumerate(used) if u is not None), default=None)
    layers = [i for i, node in enumerate(nodes) if node.op in ("conv", "conv1d", "linear")]
    if last is None or last == len(nodes) - 1:
        # A network without parts, or whose last part holds the classifier: the head begins where the
        # last layer's input is averaged, or with the layer.
        last = layers[-1] - 1
        while last > 0 and nodes[last].op in ("token-mean", "token-time-sum", "token-sum"):
            last -= 1
    stages, blocks, of, current = [], [], [], None
    for i, node in enumerate(nodes):
        if i > last:
            block = ("head", "head")
        elif used[i] is not None and (current is None or used[i] > current[0]):
            block, current = names[used[i]], (used[i],)
        elif of:
            block = blocks[-1]
        else:
            following = next((u for u in used if u is not None), None)
            block = names[following] if following is not None else ("body", "body")
            current = (following,) if following is not None else (-1,)
        if not blocks or blocks[-1] != block:
            if block[0] in (b for b, _ in blocks):
                block = blocks[-1]
            else:
                blocks.append(block)
                if block[1] not in stages:
                    stages.append(block[1])
        of.append(block[0])
    return stages, blocks, of


def _layout(run, name, node):
    """How a block's module lays its output out, if that is the value of the node."""
    place, shape = run.recorder.outputs.get(name, (None, None))
    if not isinstance(place, Place) or place.node != node or place.factor != 1.0:
        return None
    made = run.recorder.nodes[node]
    T = 1 if made.still else run.steps
    C, H, W = made.shape
    whole = torch.arange(T * run.batch * C * H * W).view(T, run.batch, C, H, W)
    tokens = whole.flatten(3)
    forms = {"map": whole, "channel-tokens": tokens, "tokens": tokens.transpose(2, 3)}
    for layout, index in forms.items():
        wanted = place.index
        if wanted.shape == index.flatten(0, 1).shape:
            index = index.flatten(0, 1)
        if wanted.shape == index.shape and bool((wanted == index).all()):
            return layout
    return None


def _document(run, model, dead):
    nodes = [run.recorder.nodes[n] for n in run.kept]
    place = {n: i for i, n in enumerate(run.kept)}
    stages, blocks, of = _blocks(run, model)
    written = []
    for node, block in zip(nodes, of):
        written.append({"op": node.op, "in": [place[i] for i in node.inputs], "block": block, **node.fields})
    documents = []
    for name, stage in blocks:
        block = {"name": name, "stage": stage}
        own = [i for i, b in enumerate(of) if b == name]
        if name != "head":
            output = own[-1]
            layout = _layout(run, name, run.kept[output])
            block["output"] = output
            if layout not in (None, "map"):
                block["layout"] = layout
        documents.append(block)
    return {
        "format": FORMAT, "input": list(nodes[0].shape), "time_steps": run.steps, "frames": run.frames,
        "classes": run.classes, "stages": stages, "blocks": documents, "nodes": written,
        "dead": [{"key": k, "shape": list(v.shape), "kind": kind} for k, (v, kind) in dead.items()],
    }


def _used_keys(run):
    keys = set()
    for n in run.kept:
        node = run.recorder.nodes[n]
        name = node.fields.get("name")
        if node.op in ("conv", "conv1d", "linear"):
            keys |= {f"{name}.weight"} | ({f"{name}.bias"} if node.fields["bias"] else set())
        elif node.op == "batch-norm":
            keys |= {f"{name}.{part}" for part in ("weight", "bias", "running_mean", "running_var")}
        elif node.op == "channel-scale":
            keys.add(name)
        elif node.op in ("head-scale", "add-constant"):
            keys.add(node.fields["key"])
        elif node.op == "neuron" and "tau_key" in node.fields:
            keys.add(node.fields["tau_key"])
    return keys


def _write(path, document, tensors):
    kinds = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64"}
    header, offset, parts = {"__metadata__": {KEY: json.dumps(document)}}, 0, []
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0])):
        data = _bytes(tensor.detach().cpu().contiguous().reshape(-1))
        header[name] = {"dtype": kinds[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
        parts.append(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for part in parts:
            file.write(part)


def _bytes(tensor):
    try:
        return tensor.numpy().tobytes()
    except RuntimeError:  # torch without numpy
        return bytes(tensor.view(torch.uint8).tolist())


def _batch(example, axis, count, seed):
    """The first images of the example, and others of its range."""
    generator = torch.Generator().manual_seed(seed)
    images = example.movedim(axis, 0)
    low, high = float(images.min()), float(images.max())
    shape = (count,) + tuple(images.shape[1:])
    others = torch.rand(shape, generator=generator) * ((high - low) or 1.0) + low
    first = images[: 1 if seed else min(count, images.shape[0])]
    return torch.cat([first, others[first.shape[0]:]]).movedim(0, axis).contiguous()


def export(model, example_input, path, time_axis=None, repeat=None):
    """Writes a network as a graph file; raises CannotExport where it cannot be written.

    example_input: images [B, C, H, W], or frames with time_axis. repeat: see the top of this file.
    Returns the graph as a dictionary. The network itself is not changed."""
    if time_axis not in (None, 0, 1) or (repeat and time_axis is not None):
        raise ValueError("time_axis is None, 0 or 1; repeat is for images, without time_axis")
    wanted = 4 if time_axis is None else 5
    if example_input.dim() != wanted:
        raise ValueError(f"the example has {example_input.dim()} dimensions, not {wanted}")
    if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        model = model.module
    # float32 is what is stored; all is computed from that in float64.
    model = copy.deepcopy(model).cpu().eval().float()
    stored = {k: v.detach().clone() for k, v in model.state_dict().items()}
    model = model.double()
    axis = 1 if time_axis == 0 else 0
    example = example_input.detach().cpu().float()
    two, three = _batch(example, axis, 2, 0), _batch(example, axis, 3, 1)
    run = Run(model, two.double(), time_axis, repeat)
    other = Run(model, three.double(), time_axis, repeat)
    if run.plain() != other.plain():
        differs = next((i for i, (a, b) in enumerate(zip(run.plain(), other.plain())) if a != b), None)
        node = run.recorder.nodes[run.kept[differs]] if differs is not None else None
        where = "" if node is None else f", first at {node.op} in {(node.path or ('',))[-1] or 'the network itself'}"
        reads = f" (it reads values: {', '.join(sorted(set(run.recorder.reads)))})" if run.recorder.reads else ""
        raise CannotExport(f"the network computes otherwise for other images{where}{reads}: its control flow depends on data")
    leaks = any(n.fields.get("batch_leak") for n in run.recorder.nodes)
    if not leaks and not torch.allclose(run.logits[0], other.logits[0], rtol=1e-9, atol=1e-9):
        raise CannotExport("an image's logits depend on the other images of its batch")
    used = _used_keys(run)
    missing = sorted(k for k in used if k not in stored)
    if missing:
        raise CannotExport(f"the state dict has no {missing[0]}")
    parameters = {n for n, _ in model.named_parameters()}
    dead = {
        k: (v, "param" if k in parameters else "buffer") for k, v in stored.items()
        if k not in used and v.is_floating_point()
    }
    document = _document(run, model, dead)
    tensors = {k: stored[k].float() for k in used}
    tensors.update({k: v.float() for k, (v, _) in dead.items()})
    golden = {"input": two, "logits": run.logits, **_golden_sites(run, {k: stored[k] for k in used})}
    if time_axis == 0:
        golden["input"] = two.transpose(0, 1).contiguous()
    tensors.update({f"golden.{k}": v for k, v in golden.items()})
    _write(path, document, tensors)
    for note in run.recorder.notes:
        print(f"aq4svit_export: {note}")
    if leaks:
        print("aq4svit_export: the state of some neurons runs on from image to image of a batch; it is written so")
    return document
