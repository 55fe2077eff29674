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
import weakref

import torch
from torch import nn
from torch.nn.utils import parametrize
from torch.overrides import TorchFunctionMode

FORMAT = 1
KEY = "aq4svit.graph"
BN_EPS = 1e-5


class CannotExport(Exception):
    """The network does something that a graph file cannot say; the message says what and where."""


class _Turned(Exception):
    """Scores q k^T, of these nodes, whose rows and not columns are the positions of q."""


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


_THRESHOLDS = ("v_threshold", "threshold", "thresh", "v_th", "vth", "v_thr")


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
    if type(module).__module__.startswith("torch."):  # nn.Softplus has a threshold
        return None
    if has("beta", "threshold", "reset_mechanism"):  # snnTorch
        if name != "Leaky":
            raise CannotExport(f"{path} ({name}): of snnTorch's neurons only Leaky can be written")
        if getattr(module, "inhibition", False):
            raise CannotExport(f"{path} ({name}): inhibition, where one neuron silences the others, cannot be written")
        beta = _number(module.beta, f"beta of {path}").__float__()
        threshold = _number(module.threshold, f"threshold of {path}")
        mechanism = module.reset_mechanism
        delayed = getattr(module, "reset_delay", True)
        reset = {("subtract", True): "soft-next", ("subtract", False): "soft"}.get((mechanism, delayed))
        if mechanism == "zero":
            reset = 0.0
        if reset is None:
            raise CannotExport(f"{path} ({name}): the reset mechanism {mechanism!r} cannot be written")
        return neuron(beta=min(max(beta, 0.0), 1.0), threshold=threshold, reset=reset, charge="retain", fires="gt")
    threshold = next((getattr(module, a) for a in _THRESHOLDS if has(a)), None)
    leaky = any(has(a) for a in ("tau", "decay", "beta", "mem_decay")) or "LIF" in name or "IF" in name
    if threshold is None or callable(threshold) or not (has("v_threshold") or leaky):
        return None
    threshold = _number(threshold, f"threshold of {path}")
    reset = getattr(module, "v_reset", 0.0)
    reset = "soft" if reset is None else _number(reset, f"v_reset of {path}")
    decays = bool(getattr(module, "decay_input", True))
    charge = "decay-input" if decays else ("leak" if reset not in (0.0, "soft") else "retain")
    if has("w") and "tau" not in vars(module):  # spikingjelly's ParametricLIFNode: 1/tau = sigmoid(w)
        return neuron(tau_key=f"{path}.w", threshold=threshold, reset=reset, charge=charge)
    if has("tau"):
        return neuron(tau=_number(module.tau, f"tau of {path}"), threshold=threshold, reset=reset, charge=charge)
    for other in ("decay", "beta", "mem_decay"):
        if has(other):
            beta = _number(getattr(module, other), f"{other} of {path}")
            return neuron(beta=beta, threshold=threshold, reset=reset, charge="retain", fires="gt")
    if "IF" in name and "LIF" not in name:
        return neuron(threshold=threshold, reset=reset)
    return None


def _classify(module, path):
    for cls, fn in _registered:
        if isinstance(module, cls):
            said = fn(module)
            if isinstance(said, dict):
                return "neuron", {**said, "told": True}
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

    def __init__(self, node, index, factor=1.0, terms=()):
        self.node, self.index, self.factor = node, index, factor
        # Of other time steps, which have been added.
        self.terms = tuple(terms)


def _divided(index, size):
    """Quotients and remainders; by shifts where that can be, for there are many."""
    if size == 1:
        return index, torch.zeros_like(index)
    if size & (size - 1) == 0:
        return index >> (size.bit_length() - 1), index & (size - 1)
    quotient = index // size
    return quotient, index - quotient * size


def _two(module):
    """Whether a convolution has two dimensions."""
    return getattr(module, "two", False) if isinstance(module, _Call) else isinstance(module, nn.Conv2d)


class Poison:
    """A tensor that no node has, and why."""

    def __init__(self, why):
        self.why = why


def _single(number):
    return float(torch.tensor(number, dtype=torch.float32))


def _two_singles(number):
    """Two numbers that f32 has, as tensors are stored, whose product is nearly this one."""
    seconds = 1.0 + torch.arange(2**21, dtype=torch.float64) * 2.0**-23
    firsts = (number / seconds).float().double()
    best = int((firsts * seconds - number).abs().argmin())
    return float(firsts[best]), float(seconds[best])


def _factors(numbers):
    """Vectors that f32 has, as tensors are stored, whose product is nearly this one."""
    if torch.equal(numbers.float().double(), numbers):
        return [numbers]
    seconds = 1.0 + torch.arange(2**14, dtype=torch.float64) * 2.0**-23
    firsts = (numbers[:, None] / seconds).float().double()
    best = (firsts * seconds - numbers[:, None]).abs().argmin(1)
    return [firsts.gather(1, best[:, None])[:, 0], seconds[best]]


def _summands(numbers):
    """Tensors that f32 has, as tensors are stored, whose sum is nearly this one."""
    first = numbers.float().double()
    rest = (numbers - first).float().double()
    return [first, rest] if bool(rest.any()) else [first]


class Shifted(Poison):
    """A value plus a constant, which only a product makes a value again: (a + x) y = a y + x y."""

    def __init__(self, place, constant):
        super().__init__("a value plus a constant, which is no factor of a product,")
        self.inner, self.constant = place, constant


class Node:
    def __init__(self, op, inputs, fields, shape, still, path, module=None):
        self.op, self.inputs, self.fields = op, inputs, fields
        self.shape, self.still, self.path, self.module = shape, still, path, module
        self.calls = 0

    @property
    def positions(self):
        return self.shape[1] * self.shape[2]


class _Call:
    """A function of torch.nn.functional with the parameters of a module, seen as that module."""

    def __init__(self, name, **attributes):
        self.name = name
        for key, value in attributes.items():
            setattr(self, key, value)


class Site:
    """What a neuron module was given and gave, step by step, as [B, C, H, W]."""

    def __init__(self):
        self.inputs, self.spikes = [], []
        # The shape of what the module reads, where its time steps lie ("step": one call for each,
        # "leak": among the images, as one sequence, "fold": among the images), and whether it is
        # called with that alone.
        self.shape, self.time, self.alone = None, None, True


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
_JOINS = {"cat", "concat", "concatenate", "stack"}
_NARROW = {torch.float32, torch.float16, torch.bfloat16}
_WINDOW = ("input", "kernel_size", "stride", "padding")
# Functions that are layers, with the names of their arguments.
_LAYERS = {
    "conv2d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "conv1d": ("input", "weight", "bias", "stride", "padding", "dilation", "groups"),
    "linear": ("input", "weight", "bias"),
    "batch_norm": ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps"),
    "max_pool2d": (*_WINDOW, "dilation", "ceil_mode", "return_indices"),
    "avg_pool2d": (*_WINDOW, "ceil_mode", "count_include_pad", "divisor_override"),
    "adaptive_avg_pool2d": ("input", "output_size"),
}
_ADD = {"add", "__add__", "__radd__", "__iadd__", "add_"}
_SUB = {"sub", "__sub__", "__isub__", "sub_", "subtract"}
_FROM = {"rsub", "__rsub__"}
_MUL = {"mul", "__mul__", "__rmul__", "__imul__", "mul_", "multiply"}
_DIV = {"div", "__truediv__", "__itruediv__", "div_", "true_divide", "divide", "__rtruediv__"}
_COMPARES = {"gt", "ge", "lt", "le", "greater", "greater_equal", "less", "less_equal", "heaviside", "sign"}
_MATMUL = {"matmul", "__matmul__", "bmm"}
_WITH_TENSORS = {"conv", "conv1d", "linear", "batch-norm"}
# What gives real numbers anyhow, so that a factor of its own makes no spikes real.
_REAL = {"input", "batch-norm", "channel-scale", "add-constant"}
_READS = {"item", "__bool__", "tolist", "__float__", "__int__", "__index__", "numpy", "equal", "any", "all"}


class Recorder(TorchFunctionMode):
    """One execution, as nodes."""

    def __init__(self, model, batch, turned):
        super().__init__()
        self.model, self.batch = model, batch
        self.names = {id(m): n for n, m in model.named_modules()}
        self.parameters = {id(p): n for n, p in model.named_parameters()}
        self.parameters.update({id(b): n for n, b in model.named_buffers()})
        self.nodes, self.known, self.places = [], {}, {}
        self.sites, self.products, self.outputs = {}, {}, {}
        self.stack, self.paused, self.steps, self.reads = [], 0, None, []
        self.turned = turned
        # Coordinates of the last places: several questions are asked of each.
        self.recent = []
        # Whether there is a tensor that is filled part by part.
        self.partial = False
        self.called, self.made, self.maps = set(), {}, {}
        self.notes = []

    # ---- places

    def where(self):
        if not self.stack:
            return "the network's own forward"
        module = self.stack[-1]
        return f"{self.names.get(id(module), '?') or 'the network itself'} ({type(module).__name__})"

    def place(self, tensor):
        found = self.places.get(id(tensor))
        return found[1] if found is not None and found[0]() is tensor else None

    def put(self, tensor, place):
        # Weak, so that values go when the network lets them go. Another tensor may get the id.
        key = id(tensor)
        self.places[key] = (weakref.ref(tensor, lambda _, key=key: self.forget(key)), place)

    def forget(self, key):
        found = self.places.get(key)
        if found is not None and found[0]() is None:
            del self.places[key]

    def coordinates(self, place):
        """Time step, image, channel and position of each number."""
        for index, node, found in self.recent:
            if index is place.index and node == place.node:
                return found
        node, rest, found = self.nodes[place.node], place.index, []
        for size in (node.positions, node.shape[0], self.batch):
            rest, left = _divided(rest, size)
            found.insert(0, left)
        found = (rest, *found)
        self.recent = [*self.recent[-3:], (place.index, place.node, found)]
        return found

    def flat(self, shape, t, b, c, p):
        return ((t * self.batch + b) * shape[0] + c) * (shape[1] * shape[2]) + p

    def name_of(self, module):
        return module.name if isinstance(module, _Call) else self.names[id(module)]

    def emit(self, op, inputs, fields, shape, still, module=None):
        """The node of an operation; the same one when it is met again, for another time step."""
        inputs = list(inputs)
        name = None if module is None else self.name_of(module)
        module = None if name is None else module
        key = (op, name, tuple(inputs), json.dumps(fields, sort_keys=True))
        if key not in self.known:
            path = tuple(self.names.get(id(m), "") for m in self.stack)
            if module is not None:
                path += (name,)
            if op in _WITH_TENSORS and name in self.called:
                raise CannotExport(
                    f"{self.where()} is called for two different values; layers that share weights cannot be written")
            self.called |= {name} if op in _WITH_TENSORS else set()
            self.known[key] = len(self.nodes)
            self.nodes.append(Node(op, inputs, fields, shape, still, path, name))
        return self.known[key]

    def emit_plain(self, op, inputs, fields, shape, still, module=None):
        """The same of an operation that does not know units: means over time and positions are kept
        as sums, so that it comes before them, which is the same."""
        before = [self.before_mean(n) for n in inputs]
        if not any(n is not None for n in before):
            return self.emit(op, inputs, fields, shape, still, module)
        if None in before:
            raise CannotExport(f"{op} in {self.where()} of a mean over time steps and another value")
        new = self.emit(op, before, fields, shape, all(self.nodes[n].still for n in before), module)
        return self.emit("token-time-sum", [new], {}, shape, True)

    def before_mean(self, node_id):
        """What a mean over time steps is of, as vectors."""
        node = self.nodes[node_id]
        if node.op != "token-time-sum":
            return None
        source = self.nodes[node.inputs[0]]
        if source.positions == 1:
            return node.inputs[0]
        return self.emit("token-mean", node.inputs, {}, node.shape, source.still)

    def need(self, tensor, what):
        place = self.place(tensor)
        if place is None:
            raise CannotExport(f"{what} in {self.where()} reads a constant, not what follows from the image")
        if isinstance(place, Shifted):
            place = self.unshifted(place)
        if isinstance(place, Poison):
            raise CannotExport(f"{what} in {self.where()} reads what cannot be written: {place.why}")
        place = self.settled(place)
        if place.factor != 1.0 and (what == "neurons" or self.nodes[place.node].op in _REAL):
            place = self.constant_scale(place)
        if place.factor != 1.0:
            raise CannotExport(
                f"{what} in {self.where()} reads a value times {place.factor}; only attention has a constant factor")
        return place

    def constant_scale(self, place):
        """A constant factor, as one of every channel: a vector that the state dict does not have."""
        if place.factor != _single(place.factor):
            for factor in _two_singles(place.factor):
                place = self.constant_scale(Place(place.node, place.index, factor))
            return place
        node = self.nodes[place.node]
        factors = torch.full((node.shape[0],), place.factor, dtype=torch.float64)
        key = self.own_tensor((place.node, place.factor), factors)
        new = self.emit_plain("channel-scale", [place.node], {"name": key}, node.shape, node.still)
        return Place(new, place.index)

    def unshifted(self, shifted):
        """A value plus a number, as the addition of a vector of its own."""
        place = self.settled(shifted.inner)
        if place.factor != 1.0:
            place = self.constant_scale(place)
        numbers = torch.full((self.nodes[place.node].shape[0],), shifted.constant, dtype=torch.float64)
        return self.summands(place, numbers, "channels") if shifted.constant else place

    def summands(self, place, numbers, layout):
        """A value plus a vector or map of its own, or two where f32 has not its numbers."""
        for part in _summands(numbers):
            node = self.nodes[place.node]
            key = self.own_tensor((place.node, "+", layout, *part.flatten().tolist()), part)
            fields = {"key": key, "layout": layout, "ones": 0}
            place = Place(self.emit_plain("add-constant", [place.node], fields, node.shape, node.still), place.index)
        return place

    def plain(self, tensor, place):
        """A place without a constant beside it."""
        if isinstance(place, Shifted):
            place = self.unshifted(place)
            self.put(tensor, place)
        return place

    def own_tensor(self, own, tensor):
        """The key of a tensor that the state dict does not have; `own` tells it from others."""
        key = next((k for k, (of, _) in self.made.items() if of == own), None)
        if key is None:
            base = self.names.get(id(self.stack[-1]), "") if self.stack else ""
            base = f"{base}.constant" if base else "constant"
            key = f"{base}{sum(k.startswith(base) for k in self.made)}"
            self.made[key] = (own, tensor)
        return key

    def numbers_of(self, tensor, place, by_position):
        """The numbers of a constant by a value's channels, or by channels and positions; none where they
        are not one for each."""
        C, H, W = self.nodes[place.node].shape
        try:
            numbers = tensor.detach().double().expand_as(place.index)
        except RuntimeError:
            return None
        _, _, c, p = self.coordinates(place)
        at = c * H * W + p if by_position else c
        table = torch.full((C * H * W if by_position else C,), math.nan, dtype=torch.float64)
        table[at.flatten()] = numbers.flatten()
        if not torch.equal(table[at], numbers) or not bool(table.isfinite().all()):
            return None
        return table.view(C, H, W) if by_position else table

    def settled(self, place):
        """A product of two matrices that is read as it is becomes attention scores; part of a value's
        channels becomes a slice of it; a sum of time steps is one of all."""
        if self.partial and bool((place.index < 0).any()):
            raise CannotExport(f"{self.where()} reads a tensor of which only a part has been filled")
        if place.terms:
            place = self.summed(place)
        if place.node in self.products:
            a, b, _ = self.products[place.node]
            if (a.node, b.node) in self.turned:
                made = self.scores(Place(b.node, b.index.mT, b.factor), Place(a.node, a.index.mT, a.factor))
                made = None if made is None else Place(made.node, made.index.mT, made.factor)
            else:
                made = self.scores(a, b)
            if made is None:
                raise CannotExport(f"a product of two matrices in {self.where()} that is no attention map K^T X of heads")
            place = Place(made.node, made.index.flatten()[place.index], place.factor * made.factor)
        node = self.nodes[place.node]
        c = self.coordinates(place)[2]
        used = torch.zeros(node.shape[0], dtype=torch.bool)
        used[c.flatten()] = True
        used = used.nonzero().flatten()
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
        new = self.emit_plain("slice", [place.node], fields, made, node.still)
        return Place(new, self.flat(made, t, b, c // width * count + c % width - start, p), place.factor)

    def summed(self, place):
        """The sum of a value's time steps."""
        groups = torch.stack([place.index, *place.terms], -1)
        steps = len(place.terms) + 1
        cannot = lambda why: Poison(f"{why} in {self.where()}")
        made = self.reduced(place.node, groups.reshape(-1, steps), False, cannot)
        if isinstance(made, Poison):
            raise CannotExport(made.why)
        node, index, factor = made
        return Place(node, index.view(place.index.shape), factor * place.factor)

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

    def scores_behind(self, place):
        """The nodes whose scores neurons have made this map of; None where it is no such map."""
        node = self.nodes[place.node]
        if node.op != "neuron":
            return None
        node = self.nodes[node.inputs[0]]
        while node.op in ("head-scale", "channel-scale"):
            node = self.nodes[node.inputs[0]]
        if node.op != "scores":
            return None
        # In the order of the product.
        pair = tuple(node.inputs)
        return pair[::-1] if pair[::-1] in self.turned else pair

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
        self.paused += 1
        try:
            y = out[0] if isinstance(out, (tuple, list)) else out
            if kind == "neuron":
                if y.dtype != x.dtype:  # spikes that the module made float32 whatever it was given
                    y = y.to(x.dtype)
                    out = y if isinstance(out, torch.Tensor) else type(out)((y, *out[1:]))
                self.neurons(module, fields, x, y)
                site = self.sites[self.names[id(module)]]
                site.alone &= len(args) + len(kwargs) == 1
            else:
                self.layer(kind, module, x, y)
            if not isinstance(out, torch.Tensor):
                why = f"the second result of {self.where()}"
                for other in out[1:]:
                    if isinstance(other, torch.Tensor):
                        self.put(other, Poison(why))
        finally:
            self.paused -= 1
            self.stack.pop()
        return out

    def layer(self, kind, module, x, y):
        place = self.need(x, {"norm": "batch norm"}.get(kind, kind))
        index, shape = place.index, tuple(y.shape)
        dims = {"conv": 4 if _two(module) else 3, "norm": None, "linear": None}.get(kind, 4)
        if kind == "norm" and isinstance(module, nn.BatchNorm2d):
            dims = 4
        elif kind == "norm" and isinstance(module, nn.BatchNorm1d):
            # [N, C] or [N, C, L], with time steps before them in step_mode "m".
            several = getattr(module, "step_mode", None) == "m" or index.dim() == 4
            dims = index.dim() - several
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
        two = _two(module)
        t, b = self.rows(place, "a convolution", 2 if two else 1)
        name, node = self.name_of(module), self.nodes[place.node]
        square = lambda value, what: self.square(value, what, module)
        kernel, stride = square(module.kernel_size, "kernel"), square(module.stride, "stride")
        if module.padding == "same":
            if kernel % 2 == 0:
                raise CannotExport(
                    f"{self.where()}: padding=\"same\" of an even kernel pads one side more than the other, which cannot "
                    "be written")
            padding = kernel // 2
        else:
            padding = 0 if module.padding == "valid" else square(module.padding, "padding")
        if any(d != 1 for d in module.dilation) or module.padding_mode != "zeros":
            raise CannotExport(f"{self.where()}: dilation and padding modes other than zeros cannot be written")
        if not two and (kernel, stride, padding, module.groups) != (1, 1, 0, 1):
            fields = {"name": name, "out": module.out_channels, "kernel": kernel, "stride": stride, "padding": padding,
                      "groups": module.groups, "bias": module.bias is not None}
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
            kernel = math.isqrt(C // node.shape[0])
            if kernel > 1 and C == node.shape[0] * kernel * kernel:
                return self.windowed(module, place, kernel)
            if node.positions > 1:
                raise CannotExport(
                    f"a linear layer in {self.where()} reads {C} numbers of a value of {node.shape}: neither the "
                    "channels of its positions, nor a square map or square patches of it")
            raise CannotExport(f"a linear layer in {self.where()} reads channels in another order than they were made")
        first = lambda x: x[..., 0]
        if any(not bool((x == first(x)[..., None]).all()) for x in (t, b, p)):
            raise CannotExport(f"a linear layer in {self.where()} mixes positions, time steps or images")
        name, out, bias = self.name_of(module), module.out_features, module.bias is not None
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

    def windowed(self, module, place, kernel):
        """A linear layer on a flattened map, or on patches of it: a convolution whose windows do not
        overlap."""
        node = self.nodes[place.node]
        C, H, W = node.shape
        t, b, c, p = self.coordinates(place)
        name, out, first = self.name_of(module), module.out_features, lambda x: x[..., :1]
        row, column = p // W, p % W
        order = (c * kernel + row % kernel) * kernel + column % kernel
        taps = order.reshape(-1, order.shape[-1])[0]
        window = row // kernel * (W // kernel) + column // kernel
        fits = H % kernel == 0 and W % kernel == 0 and bool((taps.sort().values == torch.arange(len(taps))).all())
        if not fits or bool((order != taps).any()) or any(bool((x != first(x)).any()) for x in (t, b, window)):
            raise CannotExport(
                f"a linear layer in {self.where()} reads {len(taps)} numbers of a value of {node.shape} that are "
                "neither a square map nor square patches of one, each of one time step and image")
        stride = kernel if kernel < max(H, W) else 1
        fields = {"name": name, "out": out, "kernel": kernel, "stride": stride, "padding": 0,
                  "groups": 1, "bias": module.bias is not None, "form": "map"}
        made = (out, H // kernel, W // kernel)
        new = self.emit("conv", [place.node], fields, made, node.still, module)
        self.maps[f"{name}.weight"] = ((C, kernel, kernel), taps)
        return Place(new, self.flat(made, first(t), first(b), torch.arange(out), first(window)))

    def norm(self, module, place):
        name, node = self.name_of(module), self.nodes[place.node]
        if module.running_mean is None or module.weight is None:
            raise CannotExport(f"{self.where()}: a batch norm without running statistics or without weight cannot be written")
        if abs(module.eps - BN_EPS) > 1e-12:
            raise CannotExport(f"{self.where()}: eps = {module.eps}; batch norms are written with {BN_EPS}")
        c = self.coordinates(place)[2]
        C = place.index.shape[1]
        if C != node.shape[0] or not bool((c == torch.arange(C).view(1, C, *[1] * (c.dim() - 2))).all()):
            raise CannotExport(f"batch norm in {self.where()} acts on something else than the channels of a value")
        new = self.emit_plain("batch-norm", [place.node], {"name": name}, node.shape, node.still, module)
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
        wanted = tuple(shape[2:])
        if kind == "global-pool" and wanted != (1, 1):
            windows = {size // to for size, to in zip(node.shape[1:], wanted) if size % to == 0}
            if len(windows) != 1 or any(size % to for size, to in zip(node.shape[1:], wanted)):
                raise CannotExport(
                    f"{self.where()}: adaptive pooling of {node.shape[1:]} to {wanted} cannot be written: its windows "
                    "must be square and of one size")
            window = windows.pop()
            if window == 1:
                return place
            fields = {"kernel": window, "stride": window, "padding": 0, "count_include_pad": True}
            made = (node.shape[0],) + wanted
            return self.spread(self.emit("average-pool", [place.node], fields, made, node.still), t, b, shape)
        whole = kind == "global-pool" or (tuple(shape[2:]) == (1, 1) and node.shape[1:] == tuple(
            k if isinstance(k, int) else k[i] for i, k in enumerate([module.kernel_size] * 2)) and not module.padding)
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
        fields = dict(fields)
        site.told = fields.pop("told", False)
        if node.op == "token-time-sum":
            raise CannotExport(f"{self.where()} reads a mean over time steps, which has no time steps any more")
        own = {"name": name, **fields}
        before = len(self.nodes)
        new = self.emit("neuron", [place.node], own, node.shape, False, module)
        others = [n for n in self.nodes[:before] if n.op == "neuron" and n.module == name]
        if new == before and others:
            raise CannotExport(f"{self.where()} is called for two different values; its state would run from one to the other")
        made = self.nodes[new]
        size = self.batch * math.prod(node.shape)
        shape = tuple(x.shape)
        values, axis = x.detach(), self.time_axis((t, b, c, p), node, size)
        if axis:  # brought to the front
            t, b, c, p = (v.movedim(axis, 0) for v in (t, b, c, p))
            values, y, whole = values.movedim(axis, 0), y.movedim(axis, 0), y
            x = values
        local = self.flat(node.shape, torch.zeros_like(t), b, c, p)
        rows, time = x.shape[0], axis
        if x.numel() == size and bool((t == t.flatten()[0]).all()):
            step = made.calls
            if not node.still and bool((t != step).any()):
                raise CannotExport(f"{self.where()} reads time step {int(t.flatten()[0])} as its step {step}")
            made.calls, time = made.calls + 1, "step"
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
            # [T * B, ...]: the module takes all for time, so that the state runs on from image to
            # image, or knows T (as it must in [B * T, ...]). What its spikes are tells.
            pair, steps = torch.arange(rows).view(-1, *[1] * (x.dim() - 1)), rows // self.batch
            images_first = not bool((b == pair % self.batch).all())
            step, image = (pair % steps, pair // steps) if images_first else (pair // self.batch, pair % self.batch)
            if bool((b != image).any()) or not (node.still or bool((t == step).all())):
                raise CannotExport(f"{self.where()} reads time steps and images in an order that cannot be written")
            if made.calls:
                raise CannotExport(f"{self.where()} is called twice for all time steps")
            made.calls, time = steps, "fold"
            # Neurons without a state have none to run on.
            if not images_first and made.fields["kind"] != "integer":
                time, made.fields["batch_leak"] = "leak", True
            elif not images_first:
                time = "leak"
            for k in range(steps):
                part = slice(k, None, steps) if images_first else slice(k * self.batch, (k + 1) * self.batch)
                self.keep(site, values[part], y[part], local[part], size)
            index = self.flat(node.shape, step.expand_as(t), b, c, p)
        else:
            raise CannotExport(f"{self.where()} reads {tuple(x.shape)}, which is not a whole value for one or for all time steps")
        site.time, site.shape = time, shape
        if axis:
            self.put(whole, Place(new, index.movedim(0, axis)))
        else:
            self.put(y, Place(new, index))

    def time_axis(self, coordinates, node, size):
        """The dimension along which a value's time steps lie."""
        t, b, c, p = coordinates
        for axis in range(t.dim()):
            rows = t.shape[axis]
            first = lambda v: v.movedim(axis, 0)[:1]
            if t.numel() != rows * size or rows == 1:
                continue
            if any(bool((v.movedim(axis, 0) != first(v)).any()) for v in (b, c, p)):
                continue
            steps = torch.arange(rows).view(-1, *[1] * (t.dim() - 1))
            if node.still or bool((t.movedim(axis, 0) == steps).all()):
                return axis
        return 0

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
        if not self.paused and name in _MADE_OF_OTHERS:
            made = _MADE_OF_OTHERS[name](*args, **kwargs)
            if made is not None:
                with self:
                    return made()
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
        if name == "__setitem__":
            return self.filled(*args)
        outs = _tensors(out)
        if not outs:
            return
        if name not in _MUL and any(isinstance(place, Shifted) for _, place in before):
            before = [(tensor, self.plain(tensor, place)) for tensor, place in before]
        places = [place for _, place in before if place is not None]
        poison = next((place for place in places if isinstance(place, Poison)), None)
        if isinstance(poison, Shifted) and name in _MUL:
            poison = None
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
            like = lambda p: (p.node, p.factor, len(p.terms))
            one = all(like(p) == like(places[0]) for p in places)
            if not constants and name in _JOINS and not (one and self.rearranged(outs[0], places)):
                return self.concat(args, kwargs, outs[0], cannot)
            if constants and name in _JOINS:
                return cannot(f"{name} of a value and a constant (a class token)")
            if constants or not one:
                return cannot(f"{name} of several values")
            made = []
            for term in range(len(places[0].terms) + 1):
                swap = lambda t: self.term(t, term) if self.place(t) is not None else t
                made.append(_tensors(func(*_map(args, swap), **_map(kwargs, swap))))
            for tensor, index, *terms in zip(outs, *made):
                self.put(tensor, Place(places[0].node, index, places[0].factor, terms))
            return None
        if name in _LAYERS:
            return self.functional(name, args, kwargs, outs[0], cannot)
        if name in _ADD | _SUB | _FROM | _MUL | _DIV:
            return self.arithmetic(name, args, kwargs, outs[0], cannot)
        if name in _MATMUL:
            return self.matmul(args, outs[0], cannot)
        if name in ("mean", "sum"):
            return self.reduction(name, args, kwargs, outs[0], places[0], cannot)
        if name in ("neg", "__neg__", "negative"):
            self.scaled(outs[0], places[0], -1.0)
            return None
        module = self.stack[-1] if self.stack else None
        own = module is not None and not type(module).__module__.startswith("torch.")
        may_be_neurons = own and not _holds_layers(module)
        hint = " (neurons of an own class are told by register(CLASS, fn))" if may_be_neurons else ""
        if name.strip("_") in _COMPARES and not may_be_neurons:
            hint = " (neurons that are written out become a module of their own, which register(CLASS, fn) tells)"
        return cannot(f"{name}, which is no known operation{hint},")

    def term(self, tensor, number):
        place = self.place(tensor)
        return place.terms[number - 1] if number else place.index

    def rearranged(self, out, places):
        """Whether joining values of one node gives no number of it twice."""
        if self.nodes[places[0].node].still:
            return True
        index = torch.cat([p.index.flatten() for p in places])
        found = torch.zeros(int(index.max()) + 1, dtype=torch.bool)
        found[index] = True
        return int(found.sum()) == len(index)

    def concat(self, args, kwargs, out, cannot):
        """Values whose channels, or those of each head, stand one after the other."""
        parts = args[0] if args else kwargs.get("tensors")
        axis = (args[1] if len(args) > 1 else kwargs.get("dim", kwargs.get("axis", 0))) % out.dim()
        places = [self.place(part) for part in parts]
        if None in places:
            return cannot("a concatenation with a constant (a class token)")
        if out.dim() != places[0].index.dim():
            return cannot("a stack of several values")
        places = [self.settled(place) for place in places]
        if any(p.factor != 1.0 for p in places):
            return cannot("a concatenation of a value times a constant")
        nodes = [self.nodes[p.node] for p in places]
        counts = [p.index.shape[axis] for p in places]
        heads = {n.shape[0] // count if n.shape[0] % count == 0 else 0 for n, count in zip(nodes, counts)}
        if len(heads) != 1 or 0 in heads or any(n.shape[1:] != nodes[0].shape[1:] for n in nodes):
            return cannot("a concatenation of something else than the channels of values with as many positions")
        heads, total, first, indices = heads.pop(), sum(counts), 0, []
        made = (heads * total,) + nodes[0].shape[1:]
        still = all(n.still for n in nodes)
        for place, count in zip(places, counts):
            t, b, c, p = self.coordinates(place)
            along, head = torch.arange(count).view(-1, *[1] * (out.dim() - axis - 1)), c // count
            steady = all(bool((v == v.narrow(axis, 0, 1)).all()) for v in (t, b, p, head))
            if not steady or bool((c % count != along).any()):
                return cannot("a concatenation of something else than channels, or each head's channels, of values")
            indices.append((t, b, head * total + first + c % count, p))
            first += count
        new = self.emit_plain("concat", [p.node for p in places], {"heads": heads}, made, still)
        steps = max((v[0] for v, n in zip(indices, nodes) if not n.still), key=lambda t: t.numel(), default=None)
        index = torch.cat([self.flat(made, *v) for v in indices], axis)
        if steps is not None and not still:
            # What is the same at every time step stands beside what is not.
            lead = steps.narrow(axis, 0, 1)
            t, b, c, p = (torch.cat(v, axis) for v in zip(*indices))
            moving = torch.cat([torch.full_like(v[0], 0 if n.still else 1) for v, n in zip(indices, nodes)], axis)
            if bool((t != lead)[moving == 1].any()):
                return cannot("a concatenation of values of different time steps")
            index = self.flat(made, lead.expand_as(t), b, c, p)
        self.put(out, Place(new, index))
        return None

    def filled(self, target, key, value):
        """A part of a tensor that takes a value: one of all time steps that a loop fills."""
        place, into = self.place(value), self.place(target)
        if not isinstance(place, Place) or isinstance(into, Poison) or place.terms:
            return self.put(target, Poison(f"a part that was set in {self.where()}"))
        self.partial = True
        index = torch.full(target.shape, -1) if into is None else into.index.clone()
        if into is not None and (into.node, into.factor) != (place.node, place.factor):
            return self.put(target, Poison(f"a part that was set in {self.where()} to another value than the rest"))
        index[key] = place.index
        return self.put(target, Place(place.node, index, place.factor))

    def functional(self, name, args, kwargs, out, cannot):
        """A layer or a pooling that is called as a function."""
        given = dict(zip(_LAYERS[name], args))
        given.update(kwargs)
        x = given["input"]
        if self.place(x) is None:
            return cannot(f"{name} of a constant")
        key = None
        if "weight" in given:
            key = self.key(given["weight"]) if given["weight"] is not None else None
            if key is None or not key.endswith(".weight"):
                return cannot(f"the weight of {name} is computed, and no tensor NAME.weight of the state dict,")
            key = key.removesuffix(".weight")
            bias = given.get("bias")
            if bias is not None and self.key(bias) != f"{key}.bias":
                return cannot(f"the bias of {name} is not {key}.bias")
        pair = lambda value: tuple(value) if isinstance(value, (tuple, list)) else (value, value)
        if name in ("conv2d", "conv1d"):
            weight, padding = given["weight"], given.get("padding", 0)
            call = _Call(
                key, two=name == "conv2d", out_channels=weight.shape[0], kernel_size=tuple(weight.shape[2:]),
                stride=given.get("stride", 1), padding=padding, groups=given.get("groups", 1), bias=given.get("bias"),
                dilation=pair(given.get("dilation", 1)), padding_mode="zeros")
            self.layer("conv", call, x, out)
        elif name == "linear":
            self.layer("linear", _Call(key, out_features=given["weight"].shape[0], bias=given.get("bias")), x, out)
        elif name == "batch_norm":
            if given.get("training"):
                return cannot("batch_norm of a batch's own statistics")
            mean = given.get("running_mean")
            if mean is None or self.key(mean) != f"{key}.running_mean":
                return cannot(f"the running_mean of batch_norm is not {key}.running_mean")
            call = _Call(key, running_mean=mean, weight=given["weight"], eps=given.get("eps", BN_EPS))
            self.layer("norm", call, x, out)
        elif name == "adaptive_avg_pool2d":
            self.layer("global-pool", _Call(None), x, out)
        else:
            size = given["kernel_size"]
            call = _Call(
                None, kernel_size=size, stride=given.get("stride") or size, padding=given.get("padding", 0),
                dilation=given.get("dilation", 1), ceil_mode=given.get("ceil_mode", False),
                divisor_override=given.get("divisor_override"), count_include_pad=given.get("count_include_pad", True))
            self.layer("max-pool" if name == "max_pool2d" else "avg-pool", call, x, out)
        return None

    def key(self, tensor):
        """The state-dict key of a tensor, or of what it is a view of."""
        return self.parameters.get(id(tensor)) or self.parameters.get(id(tensor._base))

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
            elif name in _ADD | _SUB | _FROM and isinstance(place, Place) and not place.terms:
                # Of "a - x" Python hands over x first, torch.sub the constant.
                turned = name in _FROM or (name in _SUB and constant(a))
                sign = -1.0 if name in _SUB and not turned else 1.0
                factor = place.factor * (-1.0 if turned else 1.0)
                self.put(out, Shifted(Place(place.node, place.index, factor), sign * other))
            elif name in _MUL and isinstance(place, Shifted):
                inner = place.inner
                self.put(out, Shifted(Place(inner.node, inner.index, inner.factor * other), place.constant * other))
            elif name in _MUL:
                self.scaled(out, place, other)
            elif name in _DIV and constant(b) and other != 0.0:
                self.scaled(out, place, 1.0 / other)
            else:
                return cannot(f"{name} of a value and {other}")
            return None
        places = [self.place(a), self.place(b)]
        shifted = [p for p in places if isinstance(p, Shifted)]
        if shifted:
            return self.shifted_product(a, b, out, cannot)
        if name in _FROM:
            return cannot(f"{name} of two values")
        if name in _ADD and None in places and not bool((b if places[1] is None else a).any()):  # zeros, to add to
            place = places[0] or places[1]
            if place.index.shape == out.shape:
                self.put(out, place)
                return None
        if None in places:
            return self.with_parameter(name, a, b, out, cannot)
        if name in _ADD and self.next_step(*places):
            first, second = places
            self.put(out, Place(first.node, first.index, first.factor, (*first.terms, second.index, *second.terms)))
            return None
        if name in _SUB:
            places[1] = Place(places[1].node, places[1].index, -places[1].factor, places[1].terms)
        places = [self.settled(p) for p in places]
        if name in _ADD | _SUB:
            places = [self.constant_scale(p) if p.factor != 1.0 else p for p in places]
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
        if name in _ADD | _SUB:
            if not (same_c and same_p and nodes[0].shape == nodes[1].shape):
                return cannot(f"{name} of values at different places (shapes {nodes[0].shape} and {nodes[1].shape})")
            new = self.emit_plain("add", [x.node, y.node], {}, nodes[0].shape, still)
            self.put(out, Place(new, self.flat(nodes[0].shape, t, b1, c1, p1)))
            return None
        if name not in _MUL:
            return cannot(f"{name} of two values")
        if "token-time-sum" in (nodes[0].op, nodes[1].op):
            return cannot("a product with a mean over time steps")
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

    def shifted_product(self, a, b, out, cannot):
        """(a + x) y as a y + x y."""
        if isinstance(self.place(a), Shifted):
            a, b = b, a
        shifted, value = self.place(b), self.place(a)
        if not isinstance(value, Place) or value.terms or value.index.shape != out.shape:
            return cannot("a product of sums of a value and a constant")
        x, product, first, second = (torch.empty_like(out) for _ in range(4))
        inner, factor = shifted.inner, shifted.inner.factor
        self.put(x, Place(inner.node, inner.index.expand(out.shape)))
        failed = self.arithmetic("mul", (a, x), {}, product, cannot)
        if failed is not None:
            return failed
        self.scaled(first, value, shifted.constant)
        self.scaled(second, self.place(product), factor)
        return self.arithmetic("add", (first, second), {}, out, cannot)

    def next_step(self, a, b):
        """Whether two values are of one node at different time steps."""
        node = self.nodes[a.node]
        if a.node != b.node or a.factor != b.factor or node.still or a.index.shape != b.index.shape:
            return False
        if self.partial and (bool((a.index < 0).any()) or bool((b.index < 0).any())):
            return False
        (t1, *rest1), (t2, *rest2) = self.coordinates(a), self.coordinates(b)
        return bool((t1 != t2).all()) and all(bool((x == y).all()) for x, y in zip(rest1, rest2))

    def scaled(self, out, place, factor):
        node = self.nodes[place.node]
        if place.terms:
            self.put(out, Place(place.node, place.index, place.factor * factor, place.terms))
            return
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
        place = self.settled(place) if place.terms else place
        if name in _MUL and parameter.dim() == 5 and parameter.numel() == parameter.shape[2]:
            made = self.head_scale(self.settled(place), parameter.flatten())
            if made is not None:
                self.put(out, made)
                return None
        key = self.key(parameter)
        if name in _ADD and key is not None and place.factor == 1.0:
            made = self.constant(place, parameter, key)
            if made is not None:
                self.put(out, made)
                return None
        turned = value is b
        if name not in _MUL | _ADD | (set() if turned else _SUB | _DIV) or out.shape != place.index.shape:
            return cannot(f"{name} of a value and a tensor that does not follow from the image")
        place = self.settled(place)
        if place.factor != 1.0:
            place = self.constant_scale(place)
        if name in _ADD | _SUB:
            return self.with_summands(name, place, -parameter if name in _SUB else parameter, out, cannot)
        node = self.nodes[place.node]
        stored = dict(self.model.named_parameters()) | dict(self.model.named_buffers())
        factors = self.numbers_of(1.0 / parameter if name in _DIV else parameter, place, False)
        if factors is None:
            return cannot(f"{name} of a value and {key or 'a constant'}, which is no vector over its channels,")
        own = None if key is None or name in _DIV else stored[key]
        if own is not None and tuple(own.shape) == (node.shape[0],) and torch.equal(own.double(), factors):
            keys = [key]
        else:
            keys = [self.own_tensor((place.node, "*", *part.tolist()), part) for part in _factors(factors)]
        for key in keys:
            new = self.emit_plain("channel-scale", [place.node], {"name": key}, node.shape, node.still)
            place = Place(new, place.index)
        self.put(out, place)
        return None

    def with_summands(self, name, place, summands, out, cannot):
        """The addition of a constant that is no map or tokens of the state dict: a vector or map of its own."""
        layout = "channels"
        numbers = self.numbers_of(summands, place, False)
        if numbers is None:
            numbers, layout = self.numbers_of(summands, place, True), "map"
        if numbers is None:
            return cannot(f"{name} of a value and a constant that is not one number for each channel and position")
        self.put(out, self.summands(place, numbers, layout))
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
        forms = {"channels": ((C,), c), "map": ((C, H, W), c * H * W + p), "channel-tokens": ((C, H * W), c * H * W + p),
                 "tokens": ((H * W, C), p * C + c)}
        for layout, (shape, index) in forms.items():
            ones = len(stored) - len(shape)
            if ones >= 0 and tuple(stored) == (1,) * ones + shape and bool((order == index).all()):
                fields = {"key": key, "layout": layout, "ones": ones}
                return Place(self.emit_plain("add-constant", [place.node], fields, node.shape, node.still), place.index)
        return None

    # ---- attention

    def matmul(self, args, out, cannot):
        a, b = self.place(args[0]), self.place(args[1])
        a, b = (self.settled(p) if p is not None and p.terms else p for p in (a, b))
        if a is None or b is None:
            return cannot("a matrix product of a value and a constant")
        products = [self.products.get(p.node) for p in (a, b)]
        if not any(products):
            for map_, values, turned in ((b, a, False), (a, b, True)):
                scores = self.scores_behind(map_)
                if scores is None:
                    continue
                turn = (lambda p: Place(p.node, p.index.mT, p.factor)) if turned else (lambda p: p)
                made = self.apply(turn(values), turn(map_))
                if made is not None:
                    self.put(out, turn(made))
                    return None
                if scores not in self.turned:
                    raise _Turned(scores)
            a, b = self.settled(a), self.settled(b)
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
        found = self.attention(three, outer.factor, cannot)
        if isinstance(found, Poison):
            # (q k^T v)^T = v^T k q^T.
            turned = [Place(p.node, p.index.mT, p.factor) for p in reversed(three)]
            other = self.attention(turned, outer.factor, cannot)
            if isinstance(other, Poison):
                return found
            found = Place(other.node, other.index.mT, other.factor)
        self.put(out, found)
        return None

    def attention(self, three, factor, cannot):
        """Three matrices [.., N, d] [.., d, N] [.., N, e] of heads."""
        q, k, v = (self.settled(place) for place in three)
        scale = factor * q.factor * k.factor * v.factor
        lead = q.index.shape[:-2]
        if k.index.shape[:-2] != lead or v.index.shape[:-2] != lead:
            return cannot("a product of three matrices with different leading dimensions")
        nodes = [self.nodes[p.node] for p in (q, k, v)]
        N, d, e = q.index.shape[-2], q.index.shape[-1], v.index.shape[-1]
        if any(n.shape[1:] != nodes[0].shape[1:] for n in nodes):
            return cannot(f"attention of values that have {[n.positions for n in nodes]} positions")
        if nodes[0].shape[0] % d or nodes[2].shape[0] % e or nodes[0].shape[0] // d != nodes[2].shape[0] // e:
            return cannot("attention whose heads do not divide the channels")
        heads = nodes[0].shape[0] // d
        j, m = torch.arange(d), torch.arange(e)
        parts = [self.coordinates(Place(q.node, q.index)), self.coordinates(Place(k.node, k.index.mT)),
                 self.coordinates(Place(v.node, v.index))]
        head = parts[0][2][..., :1, :1] // d
        fits = all(bool((part[2] == head * d + j).all()) for part in parts[:2])
        if not fits or bool((parts[2][2] != head * e + m).any()):
            return cannot("a product of three matrices that is no attention q k^T v of heads")
        image = parts[0][1][..., :1, :1]
        if not all(bool((b == image).all()) for _, b, _, _ in parts):
            return cannot("attention across images")
        # Token n of every matrix: its position, and its time step where it has one.
        positions = [part[3][..., :1] for part in parts]
        times = [part[0][..., :1] for part in parts]
        flat = lambda x, whole: bool((x == whole).all())
        if any(not flat(part[3], p) or not flat(part[0], t) for part, p, t in zip(parts, positions, times)):
            return cannot("a product of three matrices whose rows are no tokens")
        moving = [t for t, n in zip(times, nodes) if not n.still]
        steps = moving[0] if moving else torch.zeros_like(positions[0])
        if any(not flat(t, steps) for t in moving) or any(not flat(p, positions[0]) for p in positions):
            return cannot("attention across time steps" if moving else "attention whose k and v have other tokens")
        tokens = self.tokens(positions[0], steps, nodes[0].shape, N)
        if tokens is None:
            return cannot(f"attention among {N} tokens that are neither all of a time step, nor those of a strided "
                          "grid, nor all of successive time steps,")
        if "steps" in tokens and len(moving) < 3:
            return cannot("attention over time steps of what is the same at every one")
        made, still = nodes[2].shape, not moving
        fields = {"heads": heads, "scale": scale, **({"tokens": tokens} if tokens else {})}
        new = self.emit("attention", [q.node, k.node, v.node], fields, made, still)
        return Place(new, self.flat(made, steps, image, head * e + m, positions[0]))

    def tokens(self, positions, steps, shape, N):
        """Which tokens see each other: {} for all of a time step; None for others than can be said."""
        whole = shape[1] * shape[2]
        one = bool((steps == steps[..., :1, :]).all())
        each = (steps * whole + positions).flatten(-2)
        if bool((each.sort(-1).values.diff(dim=-1) == 0).any()):
            return None
        if one and N == whole:
            return {}
        if one:
            stride = math.isqrt(whole // N)
            row, column = positions // shape[2] % stride, positions % shape[2] % stride
            same = all(bool((x == x[..., :1, :]).all()) for x in (row, column))
            fits = stride * stride * N == whole and shape[1] % stride == 0 and shape[2] % stride == 0
            return {"grid": stride} if fits and same else None
        chunk = N // whole
        if N != chunk * whole or not bool((steps // chunk == steps[..., :1, :] // chunk).all()):
            return None
        return {"steps": chunk}

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
        if place.terms or self.partial and bool((place.index < 0).any()):
            place = self.settled(place)
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


def _einsum(equation, *operands):
    """A product of two matrices that is written as a sum over letters."""
    operands = operands[0] if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else operands
    if not isinstance(equation, str) or len(operands) != 2 or "->" not in equation or "." in equation:
        return None
    given, out = equation.replace(" ", "").split("->")
    a, b = given.split(",")
    lead = [x for x in out if x in a and x in b]
    rows, columns = ([x for x in one if x not in other] for one, other in ((a, b), (b, a)))
    summed = [x for x in a if x in b and x not in out]
    simple = all(len(set(x)) == len(x) for x in (a, b, out)) and len(rows) == len(columns) == len(summed) == 1
    if not simple or set(out) != set(lead + rows + columns):
        return None

    def made():
        x = operands[0].permute([a.index(c) for c in lead + rows + summed])
        y = operands[1].permute([b.index(c) for c in lead + summed + columns])
        order = lead + rows + columns
        return (x @ y).permute([order.index(c) for c in out])

    return made


def _avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """Means of successive numbers, such as of the neurons that vote for a class."""
    one = lambda value: value[0] if isinstance(value, (tuple, list)) else value
    size = one(kernel_size)
    if one(stride or size) != size or one(padding) != 0 or input.shape[-1] % size:
        return None
    return lambda: input.unflatten(-1, (input.shape[-1] // size, size)).mean(-1)


# Functions that are made of those that are known.
_MADE_OF_OTHERS = {"einsum": _einsum, "avg_pool1d": _avg_pool1d}


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


def _record(model, images, time_axis, repeat):
    """A network recorded; again, where only what follows has told how scores lie."""
    turned = set()
    while True:
        try:
            return Run(model, images, time_axis, repeat, turned)
        except _Turned as again:
            turned.add(again.args[0])


class Run:
    """A network recorded on one batch."""

    def __init__(self, model, images, time_axis, repeat, turned=()):
        _reset(model)
        fresh = _neurons(model)
        frames = time_axis is not None
        batch = images.shape[1 if time_axis == 0 else 0]
        recorder = Recorder(model, batch, turned)
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
        place = recorder.plain(out, recorder.place(out)) if isinstance(out, torch.Tensor) else None
        if not isinstance(out, torch.Tensor):
            kind = type(out).__name__
            raise CannotExport(f"the network's output is a {kind}: return the logits alone, a tensor [B, classes]")
        if place is None:
            raise CannotExport("the network's output does not follow from its input by operations that were seen")
        if isinstance(place, Poison):
            raise CannotExport(f"the network's output needs what cannot be written: {place.why}")
        logits = out.detach().double()
        place = recorder.settled(place)
        if out.dim() == 3:  # [T, B, classes]: the mean over time
            groups = place.index.permute(1, 2, 0).reshape(-1, out.shape[0])
            made = recorder.reduced(place.node, groups, True, lambda why: Poison(why))
            if isinstance(made, Poison):
                raise CannotExport(f"the network's output of shape {tuple(out.shape)} is not [T, B, classes]: {made.why}")
            node, index, factor = made
            place, logits = Place(node, index.view(out.shape[1:]), place.factor * factor), logits.mean(0)
            recorder.notes.append("the network gives logits for every time step; their mean is written")
        if place.factor != 1.0 and recorder.nodes[place.node].op in ("linear", "conv", "batch-norm", "channel-scale"):
            place = recorder.constant_scale(place)
        if place.factor != 1.0:
            if place.factor <= 0:
                raise CannotExport(f"the logits are multiplied by {place.factor}")
            logits = logits / place.factor
            recorder.notes.append(f"the logits are written without their factor {place.factor}, which changes no decision")
        node = recorder.nodes[place.node]
        whole = torch.arange(batch * node.shape[0]).view(batch, -1)
        if node.positions != 1 or place.index.shape != whole.shape or bool((place.index != whole).any()):
            steps = recorder.coordinates(place)[0] if not node.still and place.index.numel() else None
            one = steps is not None and bool((steps == steps.flatten()[0]).all())
            why = " (it is of one time step: return their mean, or all of them)" if one else ""
            raise CannotExport(
                f"the network's output of shape {tuple(out.shape)} is not [B, classes], one vector per image{why}")
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
        _settle_neurons(self, model, fresh)

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
    """Calls what clears a module's state; false where no part of it has such a method."""
    found = False
    for module in model.modules():
        for name in ("reset", "reset_mem", "reset_hidden"):
            method = getattr(type(module), name, None)
            if callable(method) and not isinstance(module, (nn.Sequential, nn.ModuleList)):
                try:
                    method(module)
                except TypeError:
                    continue
                found = True
                break
    return found


def _neurons(model):
    """Copies of its neurons as they are, by name."""
    copies = {}
    for name, module in model.named_modules():
        try:
            if _classify(module, name)[0] == "neuron":
                copies[name] = copy.deepcopy(module)
        except CannotExport:  # said where it is called
            continue
    return copies


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


def _along(fields, time, batch, rows, learned):
    """Spikes and potentials of rows that stand along time, or time steps and images as one."""
    if fields.get("batch_leak"):
        spikes, potentials = _emulate(fields, [row for step in rows for row in step], learned)
        return ([torch.stack(x[i:i + batch]) for i in range(0, len(x), batch)] for x in (spikes, potentials))
    return _emulate(fields, rows, learned)


def _alternatives(fields, module, time):
    """Other neurons that a class with such attributes may mean."""
    leaks = [{"kind": "lif", k: fields[k]} for k in ("tau", "beta", "tau_key") if k in fields]
    for name in ("tau", "decay", "beta", "leak", "alpha", "mem_decay", "decay_factor"):
        value = getattr(module, name, None)
        if isinstance(value, (int, float)) or isinstance(value, torch.Tensor) and value.numel() == 1:
            value = _number(value, name)
            leaks += [{"kind": "lif", "beta": value}] if 0.0 <= value <= 1.0 else []
            leaks += [{"kind": "lif", "tau": value}] if value > 1.0 else []
    rests = [fields.get("reset", 0.0), 0.0, "soft", "soft-next"]
    for leak in [{"kind": "if"}, *leaks]:
        for charge in ("decay-input", "retain", "leak") if leak["kind"] == "lif" else (None,):
            for reset in rests:
                for fires in ("ge", "gt"):
                    for batch_leak in (False, True) if time == "leak" else (False,):
                        found = {"name": fields["name"], **leak, "threshold": fields["threshold"]}
                        found.update({"charge": charge} if charge not in (None, "decay-input") else {})
                        found.update({"fires": fires} if fires != "ge" else {})
                        found.update({"reset": reset} if reset != 0.0 else {})
                        found.update({"batch_leak": True} if batch_leak else {})
                        yield found


def _probe(site, fields, module, steps, batch):
    """Inputs that meet the threshold exactly, and the module's spikes of them; none where the module
    cannot be called with them alone."""
    if not site.alone or site.shape is None:
        return None
    module = copy.deepcopy(module)
    if not _reset(module) and any(isinstance(x, torch.Tensor) and x.dim() for x in vars(module).values()):
        return None  # its state is one of an earlier run, which only the network clears
    count = steps if site.time == "step" else 1
    generator = torch.Generator().manual_seed(5)
    unit = fields["threshold"] if "threshold" in fields else 0.5
    steady = {"tau": fields.get("tau", 1.0), "beta": 1.0 / max(1.0 - fields.get("beta", 0.0), 1e-3)}
    levels = torch.tensor([1.0, steady["tau"], steady["beta"], 0.5, 1.5, 2.5, -0.5, 2.0, 0.0], dtype=torch.float64)
    given = []
    for _ in range(count):
        exact = levels[torch.randint(len(levels), site.shape, generator=generator)]
        other = torch.rand(site.shape, generator=generator, dtype=torch.float64) * 4.0 - 1.0
        given.append(torch.where(torch.rand(site.shape, generator=generator) < 0.5, exact, other) * unit)
    try:
        with torch.no_grad():
            found = [module(x) for x in given]
    except Exception:  # it needs what only its place in the network gives
        return None
    found = [(y[0] if isinstance(y, (tuple, list)) else y).double() for y in found]
    if site.time == "step":
        return given, found
    x, y = given[0], found[0]
    if site.time in ("leak", "fold"):
        if site.time == "leak":
            return tuple(list(v.unflatten(0, (steps, batch))) for v in (x, y))
        return tuple(list(v.unflatten(0, (batch, steps)).movedim(1, 0)) for v in (x, y))
    return list(x.movedim(site.time, 0)), list(y.movedim(site.time, 0))


def _settle_neurons(run, model, fresh):
    """Tries what is said of neurons; where it is not told by `register`, what else may be meant."""
    learned = model.state_dict()
    for n in run.kept:
        node = run.recorder.nodes[n]
        if node.op != "neuron":
            continue
        site, module = run.recorder.sites[node.module], model.get_submodule(node.module)
        recorded = (site.inputs, site.spikes)
        probe = _probe(site, node.fields, fresh.get(node.module, module), run.steps, run.batch)

        def wrong(fields):
            for given, wanted in (recorded, *([probe] if probe else [])):
                spikes, _ = _along(fields, site.time, run.batch, given, learned)
                for step, (found, right) in enumerate(zip(spikes, wanted)):
                    if not torch.equal(found, right):
                        return int((found != right).sum()), right.numel(), step
            return None

        first = wrong(node.fields)
        if first is None:
            continue
        if not site.told and node.fields["kind"] != "integer":
            for fields in _alternatives(node.fields, module, site.time):
                if wrong(fields) is None:
                    told = ", ".join(f"{k} {v}" for k, v in fields.items() if k != "name")
                    name = f"{node.module} ({type(module).__name__})"
                    run.recorder.notes.append(f"{name}: by its spikes, neurons of {told}")
                    node.fields = fields
                    break
            else:
                fields = None
            if fields is not None:
                continue
        count, of, step = first
        raise CannotExport(
            f"{node.fields['name']}: {count} of {of} spikes at time step {step} are not those of neurons "
            f"{ {k: v for k, v in node.fields.items() if k != 'name'} }: tell what they are by register(CLASS, fn), "
            "if `neuron` can say it")


def _golden_sites(run, learned):
    golden = {}
    for n in run.kept:
        node = run.recorder.nodes[n]
        if node.op != "neuron":
            continue
        name, site = node.fields["name"], run.recorder.sites[node.module]
        spikes, potentials = _along(node.fields, site.time, run.batch, site.inputs, learned)
        norm = node.fields.get("norm", 1)
        golden[f"spikes.{name}"] = torch.tensor([int((s * norm).round().sum()) for s in spikes])
        golden[f"membrane_mean.{name}"] = torch.stack([p.mean() for p in potentials])
    return golden


# -------------------------------------------------------------------------------------- the document


def _holds_layers(module):
    return any(m is not module and isinstance(m, (nn.Conv1d, nn.Conv2d, nn.Linear)) for m in module.modules())


def _blocks(run, model, stages):
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
    own_stage = {module: stage for stage, modules in stages.items() for module in modules}
    unknown = sorted(set(own_stage) - {name for name, _ in model.named_modules()})
    if unknown:
        raise ValueError(f"stages name modules that the network does not have: {', '.join(unknown)}")
    names = [(block, own_stage.get(block, own_stage.get(stage, stage))) for block, stage in names]
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
    place = {n: i for i, n in enumerate(run.kept)}
    for i, node in enumerate(nodes):
        # A layer takes in the norms and scales behind it: no block ends between them.
        if of and node.op in ("batch-norm", "channel-scale", "head-scale") and place[node.inputs[0]] == i - 1:
            of.append(of[-1])
            continue
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


def _document(run, model, dead, stages):
    nodes = [run.recorder.nodes[n] for n in run.kept]
    place = {n: i for i, n in enumerate(run.kept)}
    stages, blocks, of = _blocks(run, model, stages or {})
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


def _prepared(model):
    """A copy for the CPU, in float32, in which layers have the tensors that a graph file names; and
    notes about what was changed."""
    memo, notes = {}, []
    for module in model.modules():
        for tensor in _tensors(list(vars(module).values())):
            if not tensor.is_leaf:  # states of an earlier run, which cannot be copied
                memo[id(tensor)] = tensor.detach().clone()
    model = copy.deepcopy(model, memo).cpu().eval().float()
    for name, module in model.named_modules():
        if getattr(module, "backend", "torch") in ("cupy", "triton", "inductor"):
            module.backend = "torch"
        if parametrize.is_parametrized(module):
            # Parametrized modules have a class of their own, which copies share.
            shared = type(module)
            own = {k: v for k, v in vars(shared).items() if k not in ("__dict__", "__weakref__")}
            module.__class__ = type(shared.__name__, shared.__bases__, own)
            for parameter in list(module.parametrizations):
                parametrize.remove_parametrizations(module, parameter, leave_parametrized=True)
        if not isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)) or module.running_mean is None:
            continue
        if module.weight is None:
            module.weight = nn.Parameter(torch.ones_like(module.running_mean))
            module.bias = nn.Parameter(torch.zeros_like(module.running_mean))
            notes.append(f"{name} has no weight and bias: they are written as ones and zeros")
        if module.eps != BN_EPS:
            # The same sum of variance and eps, in float32 as it is stored: the golden data are of that.
            variance = (module.running_var.double() + (module.eps - BN_EPS)).float()
            if bool((variance + BN_EPS <= 0).any()):
                raise CannotExport(f"{name}: eps = {module.eps} beside variances that are smaller than {BN_EPS}")
            module.running_var = variance
            notes.append(
                f"{name} has eps = {module.eps}: what differs from {BN_EPS} is written into its running_var, rounded to "
                "float32")
            module.eps = BN_EPS
    return model, notes


def export(model, example_input, path, time_axis=None, repeat=None, stages=None):
    """Writes a network as a graph file; raises CannotExport where it cannot be written.

    example_input: images [B, C, H, W], or frames with time_axis. repeat: see the top of this file.
    stages: names of stages, each with its modules ({"stage1": ["patch_embed1", "stage1"]}), where
    the network's children are not what its blocks should be shown by.
    Returns the graph as a dictionary. The network itself is not changed."""
    if time_axis not in (None, 0, 1) or (repeat and time_axis is not None):
        raise ValueError("time_axis is None, 0 or 1; repeat is for images, without time_axis")
    wanted = 4 if time_axis is None else 5
    if example_input.dim() != wanted:
        raise ValueError(f"the example has {example_input.dim()} dimensions, not {wanted}")
    if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        model = model.module
    # float32 is what is stored; all is computed from that in float64.
    model, notes = _prepared(model)
    stored = {k: v.detach().clone() for k, v in model.state_dict().items()}
    model = model.double()
    axis = 1 if time_axis == 0 else 0
    example = example_input.detach().cpu().float()
    two, three = _batch(example, axis, 2, 0), _batch(example, axis, 3, 1)
    run = _record(model, two.double(), time_axis, repeat)
    other = _record(model, three.double(), time_axis, repeat)
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
    made = {k: v for k, (_, v) in run.recorder.made.items() if k in used}
    for key in made:
        run.recorder.notes.append(f"{key} is a tensor of its own in the file: a constant of the computation")
        _, again = other.recorder.made.get(key, (None, None))
        if again is None or not torch.equal(made[key], again):
            raise CannotExport(f"{key}, a constant of the computation, is another one for other images")
    for key, (shape, order) in run.recorder.maps.items():
        if key in used:
            weight = torch.empty_like(stored[key])
            weight[:, order] = stored[key]
            made[key] = weight.reshape(-1, *shape)
            run.recorder.notes.append(f"{key} is written as {list(made[key].shape)}: a convolution over the map")
    stored = {**stored, **made}
    missing = sorted(k for k in used if k not in stored)
    if missing:
        raise CannotExport(f"the state dict has no {missing[0]}")
    parameters = {n for n, _ in model.named_parameters()}
    dead = {
        k: (v.float(), "param" if k in parameters else "buffer") for k, v in stored.items()
        if k not in used and v.is_floating_point()
    }
    document = _document(run, model, dead, stages)
    tensors = {k: stored[k] for k in used}
    tensors.update({k: v for k, (v, _) in dead.items()})
    golden = {"input": two, "logits": run.logits, **_golden_sites(run, {k: stored[k] for k in used})}
    if time_axis == 0:
        golden["input"] = two.transpose(0, 1).contiguous()
    tensors.update({f"golden.{k}": v for k, v in golden.items()})
    _write(path, document, tensors)
    if run.recorder.reads:
        reads = ", ".join(sorted(set(run.recorder.reads)))
        notes.append(f"the network reads values of tensors ({reads}): what they decide is written as it was decided here")
    for note in notes + run.recorder.notes:
        print(f"aq4svit_export: {note}")
    if leaks:
        print("aq4svit_export: the state of some neurons runs on from image to image of a batch; it is written so")
    return document
