#!/usr/bin/env python3
"""Reads a package in integer arithmetic (format 2) with numpy and safetensors alone, and runs it.

    python3 scripts/read_fixed_package.py DIR

As read_package.py, whose reading of bits, convolution and windows it takes; but no real number is
computed here: every value is an array of 64-bit integers.
"""

import numpy as np
from read_package import Package, by_head, convolve, load_file, main


def ends(numbers):
    """The least and the largest integer of a value."""
    (kind, about), = numbers.items()
    if kind == "fixed":
        most = 1 << (about["bits"] - 1)
        return -most, most - 1
    return (0, about) if kind == "integer" else (-about["most"], about["most"])


def fraction(numbers):
    (kind, about), = numbers.items()
    return 0 if kind == "integer" else about["fraction"]


def rounded(x, multiplier, shift, offset, guard, limits):
    """`multiplier x / 2^shift + offset / 2^guard`, halves up, saturated; arrays of integers."""
    total = np.maximum(np.maximum(shift, guard), 0)
    both = ((multiplier * x) << (total - shift)) + (offset << (total - guard))
    half = np.where(total > 0, np.int64(1) << np.maximum(total - 1, 0), 0)
    return np.clip((both + half) >> total, *limits)


def largest(x, taps, height, width, stride):
    views = [x[..., j : j + stride * height : stride, k : k + stride * width : stride] for j, k in taps]
    return np.max(np.stack([view[..., :height, :width] for view in views]), axis=0)


def max_pool(x, kernel, stride, padding):
    lowest = np.iinfo(np.int64).min
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)), constant_values=lowest)
    height, width = ((n - kernel) // stride + 1 for n in x.shape[2:])
    taps = [(j, k) for j in range(kernel) for k in range(kernel)]
    return largest(x, taps, height, width, stride)


def erode(x, heads):
    lowest = np.iinfo(np.int64).min
    y = np.pad(by_head(x, heads), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=lowest)
    taps = [(j, k) for j in range(3) for k in range(3)]
    return largest(y, taps, y.shape[2] - 2, y.shape[3] - 2, 1).reshape(x.shape)


def attention(q, k, v, heads):
    shape = v.shape
    q, k, v = (by_head(x, heads) for x in (q, k, v))
    common = np.einsum("shjm,shcm->shjc", k, v)
    return np.einsum("shjn,shjc->shcn", q, common).reshape(shape)


def neurons(site, x, steps):
    """What neurons emit at every time step."""
    fixed, neuron = site["fixed"], site["neuron"]
    limits = ends({"fixed": fixed})
    if fixed["input"] is not None:
        x = rounded(x, fixed["input"]["multiplier"], fixed["input"]["shift"], 0, 0, limits)
    x = np.broadcast_to(x, (steps, *x.shape[1:]))
    if "integer" in neuron:
        point = fixed["fraction"]
        x = np.clip(x, 0, neuron["integer"]["max"] << point)
        whole, rest, one = x >> point, x & ((1 << point) - 1), 1 << point
        up = 2 * rest >= one
        if neuron["integer"]["halves"] == "to-even":
            up = (2 * rest > one) | ((2 * rest == one) & (whole % 2 == 1))
        return whole + (up & (point > 0))
    leak, v = fixed["leak"], np.zeros(x.shape[1:], dtype=np.int64)
    spikes = np.zeros(x.shape, dtype=np.int64)
    for t in range(steps):
        v = v + (((x[t] - v) * leak["multiplier"]) >> leak["shift"])
        spikes[t] = v >= fixed["threshold"]
        v = np.where(spikes[t] == 1, 0, v)
    return spikes


class FixedPackage(Package):
    FORMAT = 2

    def affine(self, layer, sums, limits):
        words, offsets = (row[None, :, None, None].astype(np.int64) for row in self.tensors[layer["affine"]["tensor"]])
        guard = np.int64(layer["guard"])
        return rounded(sums, words >> 5, (words & 31) - 8, offsets, guard, limits)

    def run(self, entry):
        """Runs a golden image; what differs from what is stored."""
        golden = load_file(self.folder / entry["file"])
        values, differences = [], []
        for operation in self.manifest["operations"]:
            read = [self.manifest["operations"][i]["numbers"] for i in operation["inputs"]]
            inputs = [values[i] for i in operation["inputs"]]
            limits = ends(operation["numbers"])
            op = operation["op"]
            kind, about = (op, {}) if isinstance(op, str) else next(iter(op.items()))
            if kind == "input":
                x = np.floor(golden["input"].astype(np.float64) * 2 ** fraction(operation["numbers"]) + 0.5)
                x = np.clip(x, *limits).astype(np.int64)
                value = x if self.manifest["network"]["input"]["frames"] else x[None]
            elif kind == "layer":
                layer = self.layers[about]
                sums = convolve(inputs[0], self.weight(layer), layer)
                if np.any(sums != golden[f"accumulator.{about}"]):
                    differences.append(f"accumulator.{about}")
                value = self.affine(layer, sums, limits)
            elif kind == "neuron":
                value = neurons(self.sites[about], inputs[0], self.steps)
                if np.any(value != golden[f"spikes.{about}"]):
                    differences.append(f"spikes.{about}")
            elif kind == "add" and "fixed" in operation["numbers"]:
                point = fraction(operation["numbers"])
                parts = [x << (point - fraction(n)) for x, n in zip(inputs, read)]
                value = np.clip(parts[0] + parts[1], *limits)
            else:
                value = self.between(kind, about, inputs)
            assert list(value.shape[1:]) == operation["shape"], (kind, value.shape)
            assert limits[0] <= value.min() and value.max() <= limits[1], (kind, limits)
            values.append(value)
        step = 2.0 ** -fraction(self.manifest["operations"][-1]["numbers"])
        if np.any(values[-1].reshape(-1) * step != golden["logits"]):
            differences.append("logits")
        return differences

    def between(self, kind, about, inputs):
        x = inputs[-1]
        if kind == "max-pool":
            return max_pool(x, **about)
        if kind == "average":
            return (inputs[0] + x + 1) >> 1
        if kind == "attention":
            return attention(*inputs, about["heads"])
        if kind == "head-erode":
            return erode(x, about["heads"])
        if kind in ("token-sum", "token-mean"):
            return x.sum(axis=(2, 3), keepdims=True)
        if kind == "token-time-sum":
            return x.sum(axis=(0, 2, 3)).reshape(1, -1, 1, 1)
        return super().between(kind, about, inputs)


if __name__ == "__main__":
    main(FixedPackage, __doc__)
