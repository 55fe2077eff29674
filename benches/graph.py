"""Images per second of any network in plain PyTorch, from its graph.

    python3 benches/graph.py FILE... [--threads 1] [--batch 8] [--seconds 2] [--check]

FILE is a graph as `cargo bench --bench forward -- NETWORK --graphs FOLDER` writes it, with random weights, or a network as
`aq4svit inspect PROFILE --write-graph NAME.aq4.safetensors` writes it, with its own. `--check` compares the logits with the
network's golden ones, in float64.

Every operation is written as the networks' authors write it: values are [T, B, C, H, W] in PyTorch's default layout; what has
no state sees time merged into the batch; batch norms are not folded; an image is repeated T times first; neurons are
spikingjelly's `backend="torch"`: one step after the other, charge, fire, reset, and the spikes put together at the end. Some
reshapes and copies of the authors' modules are left out: on the demo, Spikformer and Meta-SpikeFormer this form ran as fast as
theirs or up to 1.2 times faster. It needs only torch (and safetensors for a network with weights).
"""

import argparse
import json
import math
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

GOLDEN = "golden."


def over(x, function):
    """A function of [B, C, H, W] on [T, B, C, H, W]."""
    y = function(x.flatten(0, 1))
    return y.view(*x.shape[:2], *y.shape[1:])


def heads_of(x, heads):
    """[T, B, C, H, W] to [T, B, heads, N, C / heads]."""
    steps, batch, channels = x.shape[:3]
    x = x.flatten(3).transpose(-1, -2).reshape(steps, batch, -1, heads, channels // heads)
    return x.permute(0, 1, 3, 2, 4).contiguous()


def map_of(x, like):
    """[T, B, heads, N, C / heads] to [T, B, C, H, W]."""
    steps, batch, heads, tokens, width = x.shape
    x = x.permute(0, 1, 2, 4, 3).reshape(steps, batch, heads * width, *like.shape[3:])
    return x.contiguous()


class Neuron:
    def __init__(self, node, state):
        self.node, self.threshold = node, node.get("threshold", 1.0)
        key, beta = node.get("tau_key"), node.get("beta")
        self.share = 1.0 / node.get("tau", 1.0)
        if key is not None:
            self.share = torch.sigmoid(state[key])
        if beta is not None:
            self.share = 1.0 - beta

    def charge(self, v, x, rest):
        kind, share = self.node.get("charge", "decay-input"), self.share
        if self.node["kind"] == "if":
            return v + x
        if kind == "decay-input":
            return v + (x - (v - rest)) * share
        if kind == "leak":
            return v - (v - rest) * share + x
        return v * (1.0 - share) + x

    def __call__(self, x):
        node = self.node
        if node["kind"] == "integer":
            # Halves to even is torch.round's way.
            levels = x.clamp(0, node["max"])
            levels = torch.floor(levels + 0.5) if node.get("halves") == "up" else levels.round()
            return levels / node.get("norm", 1)
        reset = node.get("reset", 0)
        soft = isinstance(reset, str)
        rest = 0.0 if soft else reset
        if node.get("batch_leak"):
            # The state runs on from image to image.
            steps, batch = x.shape[:2]
            x = x.flatten(0, 1)
        v, pending, spikes = torch.full_like(x[0], rest), None, []
        for step in x:
            v = self.charge(v, step, rest)
            if pending is not None:
                v = v - pending
            spike = (v - self.threshold > 0 if node.get("fires") == "gt" else v - self.threshold >= 0).to(x.dtype)
            if reset == "soft-next":
                pending = spike * self.threshold
            elif soft:
                v = v - spike * self.threshold
            else:
                v = (1.0 - spike) * v + spike * rest
            spikes.append(spike.unsqueeze(0))
        spikes = torch.cat(spikes, 0)
        return spikes.view(steps, batch, *spikes.shape[1:]) if node.get("batch_leak") else spikes


def convolution(node, state):
    weight, bias = state[node["name"] + ".weight"], state.get(node["name"] + ".bias") if node.get("bias") else None
    stride, padding, groups = node.get("stride", 1), node.get("padding", 0), node.get("groups", 1)
    if node.get("form", "map") == "map":
        return lambda x: over(x, lambda x: F.conv2d(x, weight, bias, stride, padding, 1, groups))
    if node["form"] == "sequence":
        return lambda x: over(x.flatten(3), lambda x: F.conv1d(x, weight, bias)).view(*x.shape[:2], -1, *x.shape[3:])

    def linear(x):
        y = F.linear(x.flatten(3).transpose(-1, -2), weight, bias)
        return y.transpose(-1, -2).reshape(*x.shape[:2], -1, *x.shape[3:]).contiguous()

    return linear


def attention(node):
    heads, scale, tokens = node["heads"], node["scale"], node.get("tokens", "all")

    def over_all(q, k, v):
        q, k, v = heads_of(q, heads), heads_of(k, heads), heads_of(v, heads)
        return q @ (k.transpose(-1, -2) @ v) * scale

    def all_tokens(q, k, v):
        return map_of(over_all(q, k, v), q)

    def steps(q, k, v):
        # Tokens of so many successive time steps see each other.
        length, like = tokens["steps"], q
        parts = []
        for at in range(0, q.shape[0], length):
            merge = lambda x: heads_of(x[at : at + length], heads).transpose(0, 1).transpose(1, 2).flatten(2, 3)
            y = merge(q) @ (merge(k).transpose(-1, -2) @ merge(v)) * scale
            batch, _, both, width = y.shape
            count = min(length, like.shape[0] - at)
            parts.append(y.view(batch, heads, count, both // count, width).permute(2, 0, 1, 3, 4))
        return map_of(torch.cat(parts, 0), like)

    def grid(q, k, v):
        # Tokens of a strided grid see each other.
        stride, height, width = tokens["grid"], *q.shape[3:]
        split = lambda x: x.view(*x.shape[:3], height // stride, stride, width // stride, stride)
        cells = lambda x: split(x).permute(0, 1, 4, 6, 2, 3, 5).flatten(1, 3)
        y = all_tokens(cells(q), cells(k), cells(v))
        y = y.view(q.shape[0], q.shape[1], stride, stride, *y.shape[2:]).permute(0, 1, 4, 5, 2, 6, 3)
        return y.reshape(q.shape).contiguous()

    if tokens == "all":
        return all_tokens
    return grid if "grid" in tokens else steps


def erode(x, heads):
    """The largest number of a 3x3 window over tokens and the channels of a head."""
    y = heads_of(x, heads)
    return map_of(F.max_pool2d(y.flatten(0, 2).unsqueeze(1), 3, 1, 1).view(y.shape), x)


def taken(node):
    heads, start, count = node["heads"], node["start"], node["count"]

    def slice_of(x):
        parts = x.unflatten(2, (heads, -1))[:, :, :, start : start + count]
        return parts.flatten(2, 3)

    return slice_of


def joined(node):
    heads = node["heads"]
    return lambda *values: torch.cat([x.unflatten(2, (heads, -1)) for x in values], 3).flatten(2, 3)


def scores(node):
    heads = node["heads"]

    def map_of_scores(keys, values):
        k, x = (v.flatten(3).unflatten(2, (heads, -1)) for v in (keys, values))
        y = k.transpose(-1, -2) @ x
        return y.flatten(2, 3).view(*values.shape[:2], -1, *values.shape[3:])

    return map_of_scores


def applied(node):
    heads = node["heads"]

    def values_of_map(values, scores):
        v, a = values.flatten(3).unflatten(2, (heads, -1)), scores.flatten(3).unflatten(2, (heads, -1))
        return (v @ a).flatten(2, 3).view(*scores.shape[:2], -1, *scores.shape[3:])

    return values_of_map


def operation(node, state):
    op = node["op"]
    if op == "conv":
        return convolution(node, state)
    if op == "linear":
        weight, bias = state[node["name"] + ".weight"], state.get(node["name"] + ".bias") if node["bias"] else None
        return lambda x: F.linear(x.flatten(2), weight, bias)[..., None, None]
    if op == "conv1d":
        weight, bias = state[node["name"] + ".weight"], state.get(node["name"] + ".bias") if node.get("bias") else None
        rest = (node.get("stride", 1), node.get("padding", 0), 1, node.get("groups", 1))

        def tokens(x):
            y = over(x.flatten(3), lambda x: F.conv1d(x, weight, bias, *rest))
            same = y.shape[3] == x.shape[3] * x.shape[4]
            return y.view(*y.shape[:3], *x.shape[3:]) if same else y[..., None, :]

        return tokens
    if op == "batch-norm":
        keys = ("running_mean", "running_var", "weight", "bias")
        mean, variance, weight, bias = (state.get(f"{node['name']}.{key}") for key in keys)
        return lambda x: over(x, lambda x: F.batch_norm(x, mean, variance, weight, bias, False, 0.0, 1e-5))
    if op == "channel-scale":
        scale = state[node["name"]].flatten()[:, None, None]
        return lambda x: x * scale
    if op == "neuron":
        return Neuron(node, state)
    if op == "max-pool":
        return lambda x: over(x, lambda x: F.max_pool2d(x, node["kernel"], node["stride"], node["padding"]))
    if op == "average-pool":
        rest = (node["kernel"], node["stride"], node["padding"], False, node["count_include_pad"])
        return lambda x: over(x, lambda x: F.avg_pool2d(x, *rest))
    if op == "attention":
        return attention(node)
    if op == "head-sum":
        return lambda x: x.unflatten(2, (node["heads"], -1)).sum(3)
    if op == "head-mask":
        return lambda mask, x: (x.unflatten(2, (node["heads"], -1)) * mask.unsqueeze(3)).flatten(2, 3)
    if op == "head-erode":
        return lambda x: erode(x, node["heads"])
    if op == "head-scale":
        scale = 1.0 / torch.sqrt(state[node["key"]].flatten() * node["terms"])[:, None, None, None]
        return lambda x: (x.unflatten(2, (node["heads"], -1)) * scale).flatten(2, 3)
    if op == "add-constant":
        constant = state[node["key"]]
        constant = constant.reshape(constant.shape[node.get("ones", 0) :])
        if node["layout"] == "tokens":
            constant = constant.transpose(0, 1)
        return lambda x: x + constant.reshape(x.shape[2:])
    simple = {
        "add": lambda a, b: a + b,
        "average": lambda a, b: (a + b) / 2,
        "multiply": lambda a, b: a * b,
        "token-sum": lambda x: x.flatten(3).sum(3)[..., None, None],
        "channel-mask": lambda mask, x: mask * x,
        "token-mean": lambda x: x.flatten(3).mean(3)[..., None, None],
        "token-time-sum": lambda x: x.flatten(3).mean(3).mean(0, keepdim=True)[..., None, None],
    }
    return {"slice": taken, "concat": joined, "scores": scores, "apply": applied}[op](node) if op not in simple else simple[op]


class Network(nn.Module):
    def __init__(self, graph, state):
        super().__init__()
        self.graph, self.steps = graph, graph["time_steps"]
        self.operations = [operation(node, state) for node in graph["nodes"][1:]]
        # A value is dropped behind its last reader, as the variables of a forward function are.
        last = {at: reader for reader, node in enumerate(graph["nodes"]) for at in node["in"]}
        self.dropped = [[at for at in node["in"] if last[at] == reader] for reader, node in enumerate(graph["nodes"])]

    def forward(self, images):
        """[B, C, H, W], or frames [T, B, C, H, W], to logits [B, classes]."""
        x = images if images.dim() == 5 else images.unsqueeze(0).repeat(self.steps, 1, 1, 1, 1)
        values = {0: x}
        for at, function in enumerate(self.operations, 1):
            x = values[at] = function(*(values[i] for i in self.graph["nodes"][at]["in"]))
            for i in self.dropped[at]:
                values.pop(i, None)
        return x.flatten(2).mean(0)


def random_state(graph, shapes):
    state = {}
    for key, shape in shapes.items():
        last = key.rsplit(".", 1)[-1]
        bounds = {"running_mean": (-0.2, 0.2), "running_var": (0.5, 1.5)}.get(last)
        if last.startswith("firing_rate"):
            bounds = (0.1, 0.3)
        if bounds is None and len(shape) == 1 and "head" not in key:
            bounds = {"weight": (0.5, 1.5), "bias": (0.0, 1.0)}.get(last)
        if bounds is None:
            bound = 1.0 / math.sqrt(max(1, math.prod(shape[1:])))
            bounds = (-bound, bound)
        state[key] = torch.empty(shape).uniform_(*bounds)
    return state


def load(path, dtype):
    """A graph, its tensors, and where the file has them the golden images and logits."""
    if path.suffix == ".json":
        file = json.loads(path.read_text())
        return file["graph"], random_state(file["graph"], file["tensors"]), None
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        tensors = {key: file.get_tensor(key) for key in file.keys()}
        graph = json.loads(file.metadata()["aq4svit.graph"])
    golden = {key[len(GOLDEN) :]: tensors[key] for key in tensors if key.startswith(GOLDEN)}
    state = {key: t.to(dtype) if t.is_floating_point() else t for key, t in tensors.items() if not key.startswith(GOLDEN)}
    return graph, state, golden


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=2.0, help="at least this long for each network")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    for path in args.files:
        dtype = torch.float64 if args.check else torch.float32
        graph, state, golden = load(path, dtype)
        net, name = Network(graph, state).eval(), path.name.split(".")[0]
        with torch.no_grad():
            if args.check:
                images = golden["input"].to(dtype)
                # Frames are stored image by image.
                logits = net(images.transpose(0, 1) if graph.get("frames") else images)
                error = (logits - golden["logits"]).abs().max().item()
                print(f"{name}: logits differ by at most {error:.2e}", flush=True)
                assert error < 1e-9, name
                continue
            steps = [graph["time_steps"]] if graph.get("frames") else []
            images = torch.randn(*steps, args.batch, *graph["input"])
            net(images)
            best, runs, started, busy = float("inf"), 0, time.perf_counter(), time.process_time()
            while runs < 3 or time.perf_counter() - started < args.seconds:
                begin = time.perf_counter()
                net(images)
                best = min(best, time.perf_counter() - begin)
                runs += 1
            busy = runs * args.batch / (time.process_time() - busy)
        print(f"{name} authors {args.batch / best:.2f} images/s {busy:.2f} images/processor-second batch {args.batch}"
              f" threads {args.threads}", flush=True)


if __name__ == "__main__":
    main()
