#!/usr/bin/env python3
"""Reads a package of `aq4svit export` with numpy and safetensors alone, and runs it.

    python3 scripts/read_package.py DIR

Unpacks the integers from the bits, runs every golden input and compares accumulators, spikes and
logits with what the package says. Exits with 1 where they differ. It follows docs/export.md and
shares nothing with the program that wrote the package. Packages in integer arithmetic (format 2)
are those of read_fixed_package.py.
"""

import json
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file

F32 = np.float32


def unpack(data, count, bits):
    """`count` integers of `bits` bits each, least significant bit first."""
    stream = np.unpackbits(data, bitorder="little")[: count * bits].reshape(count, bits)
    if bits == 1:
        return 2 * stream[:, 0].astype(np.int64) - 1
    weights = 1 << np.arange(bits, dtype=np.int64)
    weights[-1] = -weights[-1]  # two's complement
    return stream.astype(np.int64) @ weights


def convolve(x, weight, layer):
    """`[S, C, H, W]` with `[O, C / groups, R, K]`, in the order inputs, rows, columns."""
    stride, padding, groups = layer["stride"], layer["padding"], layer["groups"]
    if layer.get("over_tokens"):
        sums = slide(x.reshape(*x.shape[:2], 1, -1), weight, (1, stride), (0, padding), groups)
        stays = sums.shape[3] == x.shape[2] * x.shape[3]
        return sums.reshape(*sums.shape[:2], *x.shape[2:]) if stays else sums
    return slide(x, weight, (stride, stride), (padding, padding), groups)


def slide(x, weight, stride, padding, groups):
    out, inputs, rows, columns = weight.shape
    x = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2))
    height = (x.shape[2] - rows) // stride[0] + 1
    width = (x.shape[3] - columns) // stride[1] + 1
    total = np.zeros((x.shape[0], out, height, width), dtype=weight.dtype)
    own = out // groups
    for i in range(inputs):
        for j in range(rows):
            for k in range(columns):
                lines = slice(j, j + stride[0] * height, stride[0])
                seen = x[:, i::inputs, lines, k : k + stride[1] * width : stride[1]]
                seen = seen[:, :, :height, :width]
                total += np.repeat(seen, own, axis=1) * weight[:, i, j, k][None, :, None, None]
    return total


def neurons(neuron, x, steps):
    """What neurons emit at every time step, and their potentials before reset."""
    x = np.broadcast_to(x, (steps, *x.shape[1:]))
    if "integer" in neuron:
        clamped = np.clip(x, F32(0), F32(neuron["integer"]["max"]))
        halves = neuron["integer"]["halves"]
        return np.rint(clamped) if halves == "to-even" else np.floor(clamped + F32(0.5))
    if "lif" in neuron:
        lif = neuron["lif"]
        charge, firing = {"decay-input": {"over": lif["tau"]}}, "at-least"
        threshold, reset = F32(lif["threshold"]), {"hard": lif["reset"]}
    else:
        spiking = neuron["spiking"]
        charge, firing = spiking["charge"], spiking["firing"]
        threshold, reset = F32(spiking["threshold"]), spiking["reset"]
    is_hard = isinstance(reset, dict)
    rest = F32(reset["hard"] if is_hard else 0)
    v, spikes = np.full(x.shape[1:], rest, dtype=F32), np.zeros(x.shape, dtype=F32)
    fired = np.zeros(x.shape[1:], dtype=bool)
    for t in range(steps):
        v = charged(charge, v, x[t], rest)
        if reset == "soft-next":
            v = np.where(fired, v - threshold, v)
        fired = v >= threshold if firing == "at-least" else v > threshold
        spikes[t] = fired
        if reset != "soft-next":
            v = np.where(fired, rest if is_hard else v - threshold, v)
    return spikes


def charged(charge, v, x, rest):
    """Potentials before reset."""
    if charge == "integrate":
        return v + x
    ((kind, leak),) = charge.items()
    if kind == "retain":
        return v * F32(leak) + x
    if kind == "decay-input":
        return v + leaked(leak, x - (v - rest))
    return v - leaked(leak, v - rest) + x


def leaked(leak, x):
    """The part of x that leaks in one time step."""
    if "times" in leak:
        return x * F32(leak["times"])
    tau = leak["over"]
    return x * F32(1 / tau) if np.frexp(tau)[0] == 0.5 else x / F32(tau)


def largest(x, windows):
    """The largest number of some views of x, padded by minus infinity."""
    return np.max(np.stack(windows), axis=0).astype(F32)


def max_pool(x, kernel, stride, padding):
    pad = ((0, 0), (0, 0), (padding, padding), (padding, padding))
    x = np.pad(x, pad, constant_values=-np.inf)
    height, width = ((n - kernel) // stride + 1 for n in x.shape[2:])
    ends = stride * height, stride * width
    taps = [(j, k) for j in range(kernel) for k in range(kernel)]
    views = [x[:, :, j : j + ends[0] : stride, k : k + ends[1] : stride] for j, k in taps]
    return largest(x, [view[:, :, :height, :width] for view in views])


def by_head(x, heads):
    """`[S, C, H, W]` as `[S, heads, C / heads, tokens]`."""
    return x.reshape(x.shape[0], heads, x.shape[1] // heads, -1)


def erode(x, heads):
    y = np.pad(by_head(x, heads), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=-np.inf)
    channels, tokens = y.shape[2] - 2, y.shape[3] - 2
    shifts = [(a, b) for a in range(3) for b in range(3)]
    views = [y[:, :, a : a + channels, b : b + tokens] for a, b in shifts]
    return largest(y, views).reshape(x.shape)


def attention(q, k, v, heads, scale, tokens="all"):
    if tokens != "all":
        ((kind, size),) = tokens.items()
        steps = max(len(x) for x in (q, k, v))
        q, k, v = (np.broadcast_to(x, (steps, *x.shape[1:])) for x in (q, k, v))
        apart, together = (grid if kind == "grid" else chunks)(v.shape, size)
        return together(attention(*map(apart, (q, k, v)), heads, scale))
    shape = v.shape
    q, k, v = (by_head(x, heads).astype(np.float64) for x in (q, k, v))
    common = np.einsum("shjm,shcm->shjc", k, v)
    sums = np.einsum("shjn,shjc->shcn", q, common)
    return (sums.astype(F32) * F32(scale)).reshape(shape)


def grid(shape, stride):
    """Values taken apart into those of a strided grid, and put together again."""
    height, width = shape[2] // stride, shape[3] // stride

    def apart(x):
        x = x.reshape(x.shape[0], x.shape[1], height, stride, width, stride).transpose(0, 3, 5, 1, 2, 4)
        return x.reshape(-1, *x.shape[3:])

    def together(x):
        x = x.reshape(-1, stride, stride, x.shape[1], height, width).transpose(0, 3, 4, 1, 5, 2)
        return x.reshape(-1, *shape[1:])

    return apart, together


def chunks(shape, length):
    """Values with some successive time steps as one, and put together again."""

    def apart(x):
        x = x.reshape(-1, length, *x.shape[1:]).swapaxes(1, 2)
        return x.reshape(*x.shape[:2], -1, x.shape[4])

    def together(x):
        x = x.reshape(x.shape[0], x.shape[1], length, *shape[2:]).swapaxes(1, 2)
        return x.reshape(-1, *x.shape[2:])

    return apart, together


def average_pool(x, kernel, stride, padding, count_include_pad):
    """Sums of windows in f64, over the numbers of their positions."""

    def sums(x):
        x = np.pad(x.astype(np.float64), ((0, 0), (0, 0), (padding, padding), (padding, padding)))
        height, width = ((n - kernel) // stride + 1 for n in x.shape[2:])
        total = np.zeros((*x.shape[:2], height, width))
        for j in range(kernel):
            for k in range(kernel):
                view = x[:, :, j : j + stride * height : stride, k : k + stride * width : stride]
                total = total + view[:, :, :height, :width]
        return total

    count = kernel * kernel if count_include_pad else sums(np.ones_like(x))
    return (sums(x) / count).astype(F32)


def in_order(x, axes):
    """The sum of f64 numbers one after the other, as numpy's own sum is not."""
    x = np.moveaxis(x.astype(np.float64), axes, range(len(axes)))
    x = x.reshape(-1, *x.shape[len(axes) :])
    total = np.zeros(x.shape[1:])
    for part in x:
        total = total + part
    return total


class Package:
    FORMAT = 1

    def __init__(self, folder):
        self.folder = Path(folder)
        self.manifest = json.loads((self.folder / "manifest.json").read_text())
        assert self.manifest["format"] == self.FORMAT, "another format (2 is that of read_fixed_package.py)"
        self.tensors = load_file(self.folder / "weights.safetensors")
        self.layers = {layer["name"]: layer for layer in self.manifest["layers"]}
        self.sites = {site["name"]: site for site in self.manifest["sites"]}
        self.steps = self.manifest["network"]["time_steps"]

    def weight(self, layer):
        """The integers of a layer, or its f32 weights in f64."""
        if layer["codes"] is None:
            numbers = self.tensors[layer["weight"]["tensor"]].astype(np.float64)
        else:
            packed = self.tensors[layer["codes"]["tensor"]]
            numbers = unpack(packed, int(np.prod(layer["shape"])), layer["bits"])
        return numbers.reshape(layer["shape"])

    def accumulate(self, layer, x):
        """The sums of a layer, and of the magnitudes of its products (None for integers)."""
        weight = self.weight(layer)
        if layer["codes"] is not None and layer["input"] != "real":
            return convolve(x.astype(np.int64), weight, layer), None
        weight, x = weight.astype(np.float64), x.astype(np.float64)
        return convolve(x, weight, layer), convolve(abs(x), abs(weight), layer)

    def affine(self, layer, sums):
        a, b = (row[None, :, None, None] for row in self.tensors[layer["affine"]["tensor"]].astype(F32))
        return a * sums.astype(F32) + b

    def run(self, entry):
        """Runs a golden image; what differs from what is stored."""
        golden = load_file(self.folder / entry["file"])
        from_stored = entry["margin"] is not None and entry["margin"] < 1e-4
        values, differences = [], []
        for operation in self.manifest["operations"]:
            inputs = [values[i] for i in operation["inputs"]]
            op = operation["op"]
            kind, about = (op, {}) if isinstance(op, str) else next(iter(op.items()))
            if kind == "input":
                x = golden["input"]
                value = x if self.manifest["network"]["input"]["frames"] else x[None]
            elif kind == "layer":
                layer = self.layers[about]
                sums, magnitudes = self.accumulate(layer, inputs[0])
                stored = golden[f"accumulator.{about}"]
                allowed = 0
                if not layer["exact"]:
                    allowed = 1e-4 * np.maximum(1, abs(stored))
                    if magnitudes is not None:
                        allowed = np.maximum(allowed, 1e-5 * magnitudes)
                if np.any(abs(sums - stored) > allowed):
                    differences.append(f"accumulator.{about}")
                value = self.affine(layer, stored if from_stored and not layer["exact"] else sums)
            elif kind == "neuron":
                value = neurons(self.sites[about]["neuron"], inputs[0], self.steps)
                if np.any(value != golden[f"spikes.{about}"]):
                    differences.append(f"spikes.{about}")
            else:
                value = self.between(kind, about, inputs)
            assert list(value.shape[1:]) == operation["shape"], (kind, value.shape)
            values.append(value)
        logits = values[-1].reshape(-1)
        if np.any(abs(logits - golden["logits"]) > 1e-4 * np.maximum(1, abs(golden["logits"]))):
            differences.append("logits")
        return differences

    def between(self, kind, about, inputs):
        """Everything that is neither a layer nor a neuron."""
        x = inputs[-1]
        vector = (*x.shape[:2], 1, 1)
        if kind == "max-pool":
            return max_pool(x, **about)
        if kind == "average-pool":
            return average_pool(x, **about)
        if kind == "add":
            return inputs[0] + x
        if kind == "average":
            return (inputs[0] + x) * F32(0.5)
        if kind in ("multiply", "channel-mask"):
            return inputs[0] * x
        if kind == "attention":
            return attention(*inputs, **about)
        if kind == "head-sum":
            return by_head(x, about["heads"]).sum(axis=2).reshape(x.shape[0], -1, *x.shape[2:])
        if kind == "head-mask":
            mask = by_head(inputs[0], about["heads"])
            return (mask * by_head(x, about["heads"])).reshape(x.shape)
        if kind == "head-erode":
            return erode(x, about["heads"])
        if kind == "slice":
            start, end = about["start"], about["start"] + about["count"]
            part = by_head(x, about["heads"])[:, :, start:end]
            return part.reshape(x.shape[0], -1, *x.shape[2:])
        if kind == "concat":
            steps = max(y.shape[0] for y in inputs)
            parts = [by_head(y, about["heads"]) for y in inputs]
            parts = [np.broadcast_to(y, (steps, *y.shape[1:])) for y in parts]
            return np.concatenate(parts, axis=2).reshape(steps, -1, *x.shape[2:])
        if kind in ("scores", "apply"):
            a, b = (by_head(y, about["heads"]).astype(np.float64) for y in inputs)
            terms = "shjp,shjn->jshpn" if kind == "scores" else "shcp,shpn->pshcn"
            sums = in_order(np.einsum(terms, a, b), (0,))
            return sums.astype(F32).reshape(sums.shape[0], -1, *x.shape[2:])
        if kind == "add-constant":
            constant = self.tensors[about["constant"]["tensor"]]
            if about["order"] == "positions-first":
                constant = constant.reshape(-1, x.shape[1]).T
            return x + constant.reshape(1, *x.shape[1:])
        if kind == "channel-affine":
            factors, summands = (np.array(about[n], F32)[None, :, None, None] for n in ("factors", "summands"))
            return x * factors + summands
        if kind == "head-scale":
            factors = np.array(about["factors"], F32)[None, :, None, None]
            return (by_head(x, len(about["factors"])) * factors).reshape(x.shape)
        if kind == "token-sum":
            return x.sum(axis=(2, 3)).reshape(vector)
        if kind == "token-mean":
            mean = in_order(x, (2, 3)) / (x.shape[2] * x.shape[3])
            return mean.astype(F32).reshape(vector)
        if kind == "token-time-sum":
            return in_order(x, (0, 2, 3)).astype(F32).reshape(1, -1, 1, 1)
        raise ValueError(f"unknown operation {kind}")


def main(kind, usage):
    if len(sys.argv) != 2:
        sys.exit(usage)
    package, wrong = kind(sys.argv[1]), 0
    for entry in package.manifest["golden"]["images"]:
        differences = package.run(entry)
        wrong += len(differences)
        print(f"{entry['file']}: {', '.join(differences) or 'accumulators, spikes and logits agree'}")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main(Package, __doc__)
